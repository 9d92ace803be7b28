-- fragment: refund_columns
id, payment_id, provider, provider_account, livemode, object_id, amount_cents, currency,
reason, state, created_at, version, provider_refund_id, venue_cents, fees_cents, taxes_cents,
tickets, requested_by, approved_by, needs_approval

-- name: add
INSERT INTO refunds (tenant_id, id, payment_id, provider, provider_account, livemode, object_id,
    amount_cents, currency, reason, state, created_at, updated_at, version, venue_cents, fees_cents,
    taxes_cents, tickets, requested_by, approved_by, needs_approval, provider_refund_id)
VALUES (%(tenant)s, %(id)s, %(payment)s, %(provider)s, %(account)s, %(livemode)s, %(object_id)s,
    %(amount)s, %(currency)s, %(reason)s, %(state)s, %(created_at)s, %(created_at)s, %(version)s,
    %(venue_cents)s, %(fees_cents)s, %(taxes_cents)s, %(tickets)s, %(requested_by)s, %(approved_by)s,
    %(needs_approval)s, %(provider_refund_id)s)

-- name: get
SELECT {refund_columns}
FROM refunds
WHERE tenant_id = %(tenant)s AND id = %(id)s

-- name: of_payment
SELECT {refund_columns}
FROM refunds
WHERE tenant_id = %(tenant)s AND payment_id = %(payment)s
ORDER BY created_at, id

-- name: waiting
SELECT {refund_columns}
FROM refunds
WHERE tenant_id = %(tenant)s AND needs_approval AND state = 'pending'
ORDER BY created_at, id
LIMIT %(limit)s

-- name: lock
SELECT {refund_columns}
FROM refunds
WHERE tenant_id = %(tenant)s AND id = %(id)s
FOR UPDATE

-- name: approve
WITH saved AS (
    UPDATE refunds
    SET needs_approval = false, approved_by = %(by)s, tickets = %(tickets)s, updated_at = %(at)s, version = version + 1
    WHERE tenant_id = %(tenant)s AND id = %(id)s AND version = %(version)s
    RETURNING 1
)
SELECT tp_expect(count(*), 1, 'refund_version') FROM saved

-- name: move
-- The move is recorded with the version that it made.
WITH saved AS (
    UPDATE refunds
    SET state = %(state)s, provider_refund_id = %(provider_refund_id)s, updated_at = %(at)s,
        completed_at = CASE WHEN %(state)s = 'completed' THEN %(at)s ELSE completed_at END,
        version = version + 1
    WHERE tenant_id = %(tenant)s AND id = %(id)s AND version = %(version)s AND state = %(before)s
    RETURNING 1
), said AS (
    INSERT INTO state_moves (tenant_id, machine, subject_id, version, from_state, event, to_state, at)
    VALUES (%(tenant)s, 'refund', %(id)s, %(version)s + 1, %(before)s, %(event)s, %(state)s, %(at)s)
)
SELECT tp_expect(count(*), 1, 'refund_version') FROM saved
