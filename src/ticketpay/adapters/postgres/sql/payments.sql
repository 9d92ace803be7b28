-- fragment: payment_columns
id, order_id, share, state, amount_cents, received_cents, currency, capture_method, user_id,
event_id, venue_id, ticket_count, method_type, device_fingerprint, provider, provider_account,
livemode, object_id, provider_status, failure_code, decline_code, failure_message,
last_fact_at, created_at, sent_at, confirmed_at, version, last_try_at

-- name: add
WITH added AS (
    INSERT INTO payments (tenant_id, id, order_id, share, state, amount_cents, received_cents,
        currency, capture_method, user_id, event_id, venue_id, ticket_count, method_type,
        device_fingerprint, provider_status, created_at, sent_at, updated_at, version)
    VALUES (%(tenant)s, %(id)s, %(order)s, %(share)s, %(state)s, %(amount)s, 0, %(currency)s,
        %(capture_method)s, %(user)s, %(event)s, %(venue)s, %(ticket_count)s, %(method_type)s,
        %(device)s, '', %(created_at)s, %(sent_at)s, %(created_at)s, %(version)s)
    RETURNING id
)
INSERT INTO payment_attempts (tenant_id, payment_id, number, key, sent_at)
SELECT %(tenant)s, id, 1, %(key)s, %(sent_at)s FROM added

-- name: payment
SELECT {payment_columns}
FROM payments
WHERE tenant_id = %(tenant)s AND id = %(id)s

-- name: lock_payment
SELECT {payment_columns}
FROM payments
WHERE tenant_id = %(tenant)s AND id = %(id)s
FOR UPDATE

-- name: of_order
SELECT {payment_columns}
FROM payments
WHERE tenant_id = %(tenant)s AND order_id = %(order)s
ORDER BY created_at, id

-- name: sent_again
UPDATE payment_attempts SET sent_again_at = sent_again_at || %(at)s::timestamptz
WHERE tenant_id = %(tenant)s AND payment_id = %(id)s AND number = 1

-- name: save
-- Amount, currency, order and owner never change after creation (S17 D4). An intent belongs to one
-- payment for ever; the move is recorded with the version that it made.
WITH saved AS (
    UPDATE payments
    SET state = %(state)s, received_cents = %(received)s, provider = %(provider)s,
        provider_account = %(account)s, livemode = %(livemode)s, object_id = %(object_id)s,
        provider_status = %(provider_status)s, failure_code = %(failure_code)s,
        decline_code = %(decline_code)s, failure_message = %(failure_message)s,
        last_fact_at = %(last_fact_at)s, confirmed_at = %(confirmed_at)s,
        last_try_at = %(last_try_at)s, updated_at = %(at)s, version = version + 1
    WHERE tenant_id = %(tenant)s AND id = %(id)s AND version = %(version)s
    RETURNING 1
), said AS (
    INSERT INTO state_moves (tenant_id, machine, subject_id, version, from_state, event, to_state, at)
    SELECT %(tenant)s, 'payment', %(id)s, %(version)s + 1, %(before)s, %(event)s, %(state)s, %(at)s
    WHERE %(event)s::text IS NOT NULL
), known AS (
    INSERT INTO provider_refs AS r (provider, account, object_id, livemode, tenant_id, payment_id)
    SELECT %(provider)s, %(account)s, %(object_id)s, %(livemode)s, %(tenant)s, %(id)s
    WHERE %(object_id)s::text IS NOT NULL
    ON CONFLICT (provider, account, object_id) DO UPDATE SET livemode = excluded.livemode
    WHERE r.tenant_id = excluded.tenant_id AND r.payment_id = excluded.payment_id
    RETURNING 1
), answered AS (
    UPDATE payment_attempts SET object_id = %(object_id)s, answered_at = %(at)s
    WHERE tenant_id = %(tenant)s AND payment_id = %(id)s AND object_id IS NULL
      AND %(object_id)s::text IS NOT NULL
)
SELECT tp_expect((SELECT count(*) FROM saved), 1, 'payment_version'),
       tp_expect((SELECT count(*) FROM known),
                 CASE WHEN %(object_id)s::text IS NULL THEN 0 ELSE 1 END, 'provider_ref_owner')
