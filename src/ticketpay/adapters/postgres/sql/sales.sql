-- fragment: sale_columns
p.id, p.order_id, p.user_id, p.event_id, p.venue_id, p.state, p.currency, p.amount_cents,
p.received_cents, o.tickets_cents, o.fees_cents, o.taxes_cents,
(SELECT coalesce(sum(r.amount_cents), 0)::bigint FROM refunds r
 WHERE r.tenant_id = %(tenant)s AND r.payment_id = p.id AND r.state = 'completed') AS refunded_cents,
p.ticket_count, p.created_at, o.state AS order_state

-- name: of_user
-- The page is cut off by the index before anything is joined, so that each page costs the same.
SELECT {sale_columns}
FROM (
    SELECT * FROM payments
    WHERE tenant_id = %(tenant)s AND user_id = %(user)s AND (created_at, id) < (%(at)s, %(id)s)
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s
) p
JOIN orders o ON o.tenant_id = %(tenant)s AND o.id = p.order_id
ORDER BY p.created_at DESC, p.id DESC

-- name: of_venue
SELECT {sale_columns}
FROM (
    SELECT * FROM payments
    WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s AND (created_at, id) < (%(at)s, %(id)s)
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s
) p
JOIN orders o ON o.tenant_id = %(tenant)s AND o.id = p.order_id
ORDER BY p.created_at DESC, p.id DESC

-- name: of_tenant
SELECT {sale_columns}
FROM (
    SELECT * FROM payments
    WHERE tenant_id = %(tenant)s AND id < %(before)s
    ORDER BY id DESC
    LIMIT %(limit)s
) p
JOIN orders o ON o.tenant_id = %(tenant)s AND o.id = p.order_id
ORDER BY p.id DESC

-- name: counts
-- By way of the venues: their index knows the time, and the sale pays for no third index.
SELECT p.currency, p.state, count(*), sum(p.received_cents)::bigint,
       coalesce(sum((SELECT sum(r.amount_cents) FROM refunds r
                     WHERE r.tenant_id = %(tenant)s AND r.payment_id = p.id
                       AND r.state = 'completed')), 0)::bigint
FROM venues v
JOIN payments p ON p.tenant_id = %(tenant)s AND p.venue_id = v.id AND p.created_at >= %(since)s
WHERE v.tenant_id = %(tenant)s
GROUP BY p.currency, p.state
