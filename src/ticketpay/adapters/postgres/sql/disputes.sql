-- fragment: dispute_columns
id, payment_id, provider, provider_account, livemode, object_id, provider_dispute_id,
amount_cents, currency, fee_cents, reason, state, created_at, venue_cents, fees_cents,
taxes_cents, tickets, version

-- name: add
INSERT INTO disputes (tenant_id, id, payment_id, provider, provider_account, livemode, object_id,
    provider_dispute_id, amount_cents, currency, fee_cents, reason, state, created_at, updated_at, version)
VALUES (%(tenant)s, %(id)s, %(payment)s, %(provider)s, %(account)s, %(livemode)s, %(object_id)s,
    %(provider_dispute_id)s, %(amount)s, %(currency)s, %(fee)s, %(reason)s, %(state)s, %(created_at)s,
    %(created_at)s, %(version)s)

-- name: of_payment
SELECT {dispute_columns}
FROM disputes
WHERE tenant_id = %(tenant)s AND payment_id = %(payment)s
ORDER BY created_at, id

-- name: undecided
SELECT {dispute_columns}
FROM disputes
WHERE tenant_id = %(tenant)s AND state IN ('inquiry', 'open')
ORDER BY created_at, id
LIMIT %(limit)s

-- name: lock
SELECT {dispute_columns}
FROM disputes
WHERE tenant_id = %(tenant)s AND id = %(id)s
FOR UPDATE

-- name: move
-- The move is recorded with the version that it made.
WITH saved AS (
    UPDATE disputes
    SET state = %(state)s, amount_cents = %(amount)s, fee_cents = %(fee)s,
        venue_cents = %(venue_cents)s, fees_cents = %(fees_cents)s, taxes_cents = %(taxes_cents)s,
        tickets = %(tickets)s, updated_at = %(at)s, version = version + 1
    WHERE tenant_id = %(tenant)s AND id = %(id)s AND version = %(version)s AND state = %(before)s
    RETURNING 1
), said AS (
    INSERT INTO state_moves (tenant_id, machine, subject_id, version, from_state, event, to_state, at)
    VALUES (%(tenant)s, 'dispute', %(id)s, %(version)s + 1, %(before)s, %(event)s, %(state)s, %(at)s)
)
SELECT tp_expect(count(*), 1, 'dispute_version') FROM saved
