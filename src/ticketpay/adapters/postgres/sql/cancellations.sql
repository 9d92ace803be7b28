-- fragment: cancellation_columns
event_id, reason, requested_by, started_at, finished_at, cursor, again

-- name: add
INSERT INTO event_cancellations (tenant_id, event_id, reason, requested_by, started_at)
VALUES (%(tenant)s, %(event)s, %(reason)s, %(requested_by)s, %(started_at)s)

-- name: take_off_sale
UPDATE events SET on_sale = false
WHERE tenant_id = %(tenant)s AND id = %(event)s

-- name: lock_types
-- Whoever sells has locked the stock before it looks whether the event is on sale.
SELECT type_id
FROM stock
WHERE tenant_id = %(tenant)s
  AND type_id IN (SELECT id FROM ticket_types
                  WHERE tenant_id = %(tenant)s AND event_id = %(event)s)
ORDER BY type_id
FOR UPDATE

-- name: cancellation
SELECT {cancellation_columns}
FROM event_cancellations
WHERE tenant_id = %(tenant)s AND event_id = %(event)s

-- name: lock_cancellation
SELECT {cancellation_columns}
FROM event_cancellations
WHERE tenant_id = %(tenant)s AND event_id = %(event)s
FOR UPDATE

-- name: cancelled_events
SELECT event_id FROM event_cancellations WHERE tenant_id = %(tenant)s

-- name: save
UPDATE event_cancellations
SET finished_at = %(finished_at)s, cursor = %(cursor)s, again = %(again)s
WHERE tenant_id = %(tenant)s AND event_id = %(event)s

-- name: to_look_at
-- A refund for another reason may be under way, and fail, when that of the rest has completed.
SELECT p.id
FROM payments p
WHERE p.tenant_id = %(tenant)s AND p.event_id = %(event)s AND p.id > %(after)s
  AND p.state <> 'cancelled'
  AND (p.received_cents = 0
       OR p.received_cents > (SELECT coalesce(sum(r.amount_cents), 0) FROM refunds r
                              WHERE r.tenant_id = %(tenant)s AND r.payment_id = p.id
                                AND r.state = 'completed'))
ORDER BY p.id
LIMIT %(limit)s

-- name: progress
SELECT p.currency,
       count(*) FILTER (WHERE p.paid),
       coalesce(sum(p.received_cents) FILTER (WHERE p.paid), 0)::bigint,
       count(*) FILTER (WHERE p.paid AND r.begun >= p.received_cents),
       coalesce(sum(r.begun) FILTER (WHERE p.paid), 0)::bigint,
       count(*) FILTER (WHERE p.paid AND r.done >= p.received_cents),
       coalesce(sum(r.done) FILTER (WHERE p.paid), 0)::bigint,
       count(*) FILTER (WHERE p.paid AND r.begun < p.received_cents AND r.failed > 0),
       count(*) FILTER (WHERE p.open)
FROM (
    SELECT id, currency, received_cents, state = 'completed' AS paid,
           state NOT IN ('completed', 'cancelled') AS open
    FROM payments
    WHERE tenant_id = %(tenant)s AND event_id = %(event)s
) p
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount_cents) FILTER (WHERE state <> 'failed'), 0) AS begun,
           coalesce(sum(amount_cents) FILTER (WHERE state = 'completed'), 0) AS done,
           count(*) FILTER (WHERE state = 'failed' AND reason = 'event_cancelled') AS failed
    FROM refunds
    WHERE tenant_id = %(tenant)s AND payment_id = p.id AND NOT needs_approval
) r
GROUP BY p.currency
ORDER BY p.currency
