-- fragment: order_columns
id, user_id, event_id, venue_id, state, currency, tickets_cents, fees_cents, taxes_cents,
ticket_count, tax_jurisdiction, tax_date, created_at, expires_at, version,
base_currency, rate_numerator, rate_denominator, rate_source, rate_day

-- name: add_order
INSERT INTO orders (tenant_id, id, user_id, event_id, venue_id, state, currency, tickets_cents,
    fees_cents, taxes_cents, ticket_count, tax_jurisdiction, tax_date, charges, created_at,
    expires_at, updated_at, version, tax_estimated, base_currency, rate_numerator,
    rate_denominator, rate_source, rate_day)
VALUES (%(tenant)s, %(id)s, %(user)s, %(event)s, %(venue)s, %(state)s, %(currency)s,
    %(tickets_cents)s, %(fees_cents)s, %(taxes_cents)s, %(ticket_count)s, %(jurisdiction)s,
    %(tax_date)s, %(charges)s, %(created_at)s, %(expires_at)s, %(created_at)s, %(version)s,
    %(tax_estimated)s, %(base)s, %(numerator)s, %(denominator)s, %(source)s, %(day)s)

-- name: add_tickets
INSERT INTO order_tickets (tenant_id, order_id, number, type_id, seat, price_cents, charges)
SELECT %(tenant)s, %(order)s, t.*
FROM unnest(%(numbers)s::integer[], %(types)s::uuid[], %(seats)s::text[], %(prices)s::bigint[],
            %(charges)s::json[]) AS t

-- name: order
SELECT {order_columns}, charges
FROM orders
WHERE tenant_id = %(tenant)s AND id = %(id)s

-- name: order_tickets
SELECT number, type_id, seat, price_cents, charges
FROM order_tickets
WHERE tenant_id = %(tenant)s AND order_id = %(id)s
ORDER BY number

-- name: orders_with_estimated_tax
SELECT id FROM orders
WHERE tenant_id = %(tenant)s AND tax_estimated
ORDER BY created_at, id
LIMIT %(limit)s

-- name: lock_order
SELECT {order_columns}, NULL AS charges
FROM orders
WHERE tenant_id = %(tenant)s AND id = %(id)s
FOR UPDATE

-- name: lock_order_of_payment
-- A key look-up, not a join: a plan made while the tables are small must not scan them for ever.
SELECT {order_columns}, NULL AS charges
FROM orders
WHERE tenant_id = %(tenant)s
  AND id = (SELECT order_id FROM payments WHERE tenant_id = %(tenant)s AND id = %(payment)s)
FOR UPDATE

-- name: was_issued
SELECT 1 FROM state_moves
WHERE tenant_id = %(tenant)s AND machine = 'order' AND subject_id = %(id)s AND event = 'issue'
LIMIT 1

-- name: move_order
-- Compare-and-set on state and version, and one record per step; an illegal step has no foreign key.
WITH moved AS (
    UPDATE orders
    SET state = %(after)s, version = version + %(steps)s, updated_at = %(at)s
    WHERE tenant_id = %(tenant)s AND id = %(id)s AND state = %(before)s AND version = %(version)s
    RETURNING 1
), said AS (
    INSERT INTO state_moves (tenant_id, machine, subject_id, version, from_state, event, to_state, at)
    SELECT %(tenant)s, 'order', %(id)s, %(version)s + s.n, s.from_state, s.event, s.to_state, %(at)s
    FROM unnest(%(froms)s::text[], %(events)s::text[], %(tos)s::text[])
         WITH ORDINALITY AS s (from_state, event, to_state, n)
)
SELECT tp_expect(count(*), 1, 'order_version') FROM moved
