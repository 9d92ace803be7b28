-- name: add_retry
INSERT INTO payment_retries (tenant_id, payment_id, number, action, at, outcome)
VALUES (%(tenant)s, %(payment)s, %(number)s, %(action)s, %(at)s, %(outcome)s)
ON CONFLICT (tenant_id, payment_id, number) DO NOTHING

-- name: end_retry
UPDATE payment_retries SET outcome = %(outcome)s
WHERE tenant_id = %(tenant)s AND payment_id = %(payment)s AND outcome = ''

-- name: retries_of_payment
SELECT payment_id, number, action, at, outcome
FROM payment_retries
WHERE tenant_id = %(tenant)s AND payment_id = %(payment)s
ORDER BY number

-- name: circumstances
-- The buyer's other payments for the event: one that is under way or was paid since, a later one that failed, the newest.
WITH others AS (
    SELECT id, state, created_at, confirmed_at
    FROM payments
    WHERE tenant_id = %(tenant)s AND user_id = %(user)s AND event_id = %(event)s
      AND order_id <> %(order)s
)
SELECT e.starts_at, e.on_sale,
       EXISTS (SELECT 1 FROM others o
               WHERE o.state IN ('pending', 'processing', 'authorized') OR o.confirmed_at >= %(since)s),
       EXISTS (SELECT 1 FROM others o
               WHERE o.state = 'failed' AND (o.created_at, o.id) > (%(since)s, %(id)s)),
       (SELECT max(o.created_at) FROM others o)
FROM events e
WHERE e.tenant_id = %(tenant)s AND e.id = %(event)s
