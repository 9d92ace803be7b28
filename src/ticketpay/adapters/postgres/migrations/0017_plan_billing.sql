-- Plans that are billed: who pays at the provider, what a venue has asked for, and what it has paid.
ALTER TABLE venue_subscriptions
    DROP CONSTRAINT venue_subscriptions_state_check,
    ADD COLUMN customer_id       text NOT NULL DEFAULT '',
    ADD COLUMN cancels_at        timestamptz,
    ADD COLUMN wish_number       bigint,
    ADD COLUMN wish_plan         text,
    ADD COLUMN wish_ends         boolean,
    ADD COLUMN wish_method       text,
    ADD COLUMN wish_asked_at     timestamptz,
    ADD COLUMN wish_key          uuid,
    ADD COLUMN wish_state        text CHECK (wish_state IN ('pending', 'done', 'declined')),
    ADD COLUMN wish_failure_code text,
    ADD COLUMN wish_decline_code text,
    ADD COLUMN wish_failure_text text,
    ADD CONSTRAINT venue_subscriptions_state_check
        CHECK (state IN ('pending', 'active', 'past_due', 'cancelled')),
    -- A wish is all of it or nothing; what pays is forgotten once it is decided.
    ADD CONSTRAINT venue_subscriptions_wish CHECK (
        num_nulls(wish_number, wish_plan, wish_ends, wish_method, wish_asked_at, wish_key, wish_state)
            IN (0, 7)
        AND (wish_state IS NULL OR wish_state = 'pending' OR wish_method = '')
        AND ((wish_state = 'declined') IS TRUE) = (wish_failure_code IS NOT NULL));

-- What is billed at the provider belongs to one venue for ever.
CREATE UNIQUE INDEX venue_subscriptions_provider ON venue_subscriptions (tenant_id, provider_id)
    WHERE provider_id <> '';

CREATE TABLE plan_invoices (
    tenant_id    uuid NOT NULL,
    id           text NOT NULL,
    venue_id     uuid NOT NULL,
    plan_id      text NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    currency     text NOT NULL,
    paid_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT plan_invoices_venue FOREIGN KEY (tenant_id, venue_id) REFERENCES venue_subscriptions
);
CREATE INDEX plan_invoices_of_venue ON plan_invoices (tenant_id, venue_id, paid_at, id);

ALTER TABLE plan_invoices ENABLE ROW LEVEL SECURITY;
ALTER TABLE plan_invoices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON plan_invoices
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON plan_invoices TO ticketpay_app, ticketpay_worker;

INSERT INTO machine_moves (machine, from_state, event, to_state) VALUES
    ('subscription', 'pending', 'start', 'active'),
    ('subscription', 'pending', 'fail', 'past_due'),
    ('subscription', 'pending', 'cancel', 'cancelled'),
    ('subscription', 'active', 'renew', 'active'),
    ('subscription', 'active', 'fail', 'past_due'),
    ('subscription', 'active', 'cancel', 'cancelled'),
    ('subscription', 'past_due', 'renew', 'active'),
    ('subscription', 'past_due', 'fail', 'past_due'),
    ('subscription', 'past_due', 'cancel', 'cancelled'),
    ('subscription', 'cancelled', 'cancel', 'cancelled');
