-- A wish may wait for the card's bank; the plan that it is to replace goes on until then.
ALTER TABLE venue_subscriptions
    DROP CONSTRAINT venue_subscriptions_wish_state_check,
    DROP CONSTRAINT venue_subscriptions_wish,
    ADD CONSTRAINT venue_subscriptions_wish_state_check
        CHECK (wish_state IN ('pending', 'waiting', 'done', 'declined')),
    ADD CONSTRAINT venue_subscriptions_wish CHECK (
        num_nulls(wish_number, wish_plan, wish_ends, wish_method, wish_asked_at, wish_key, wish_state)
            IN (0, 7)
        AND (wish_state IS NULL OR wish_state IN ('pending', 'waiting') OR wish_method = '')
        AND ((wish_state = 'declined') IS TRUE) = (wish_failure_code IS NOT NULL));
