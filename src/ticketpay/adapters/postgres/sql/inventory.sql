-- name: lock_types
-- Sorted by key, so that two sales never wait for each other in a circle.
SELECT type_id, capacity - taken, seated
FROM stock
WHERE tenant_id = %(tenant)s AND type_id = ANY(%(types)s)
ORDER BY type_id
FOR UPDATE

-- name: lock_seats
SELECT type_id, label, order_id IS NULL
FROM seats
WHERE tenant_id = %(tenant)s
  AND (type_id, label) IN (SELECT * FROM unnest(%(types)s::uuid[], %(labels)s::text[]))
ORDER BY type_id, label
FOR UPDATE

-- name: lock_quoted_types
SELECT type_id, capacity - taken, seated
FROM stock
WHERE tenant_id = %(tenant)s
  AND type_id = ANY((SELECT type_ids FROM quotes WHERE tenant_id = %(tenant)s AND id = %(quote)s)::uuid[])
ORDER BY type_id
FOR UPDATE

-- name: lock_quoted_seats
SELECT type_id, label, order_id IS NULL
FROM seats
WHERE tenant_id = %(tenant)s
  AND (type_id, label) IN (
      SELECT s.type_id, s.label
      FROM quotes q, unnest(q.seat_types, q.seats) AS s (type_id, label)
      WHERE q.tenant_id = %(tenant)s AND q.id = %(quote)s)
ORDER BY type_id, label
FOR UPDATE

-- name: lock_event_types
-- Sorted by key, as in lock_types.
SELECT type_id
FROM stock
WHERE tenant_id = %(tenant)s
  AND type_id IN (SELECT id FROM ticket_types WHERE tenant_id = %(tenant)s AND event_id = %(event)s)
ORDER BY type_id
FOR UPDATE

-- name: hold
WITH taken AS (
    UPDATE stock s SET taken = s.taken + h.quantity
    FROM unnest(%(types)s::uuid[], %(quantities)s::bigint[]) AS h (type_id, quantity)
    WHERE s.tenant_id = %(tenant)s AND s.type_id = h.type_id
    RETURNING s.type_id, h.quantity
), held AS (
    INSERT INTO stock_holds (tenant_id, order_id, type_id, quantity, seats, state)
    SELECT %(tenant)s, %(order)s, t.type_id, t.quantity,
           ARRAY(SELECT s.label FROM unnest(%(seat_types)s::uuid[], %(labels)s::text[]) AS s (type_id, label)
                 WHERE s.type_id = t.type_id),
           'held'
    FROM taken t
    RETURNING 1
)
SELECT tp_expect(count(*), cardinality(%(types)s::uuid[]), 'stock_held') FROM held

-- name: take_seats
WITH taken AS (
    UPDATE seats SET order_id = %(order)s
    WHERE tenant_id = %(tenant)s AND order_id IS NULL
      AND (type_id, label) IN (SELECT * FROM unnest(%(types)s::uuid[], %(labels)s::text[]))
    RETURNING 1
)
SELECT tp_expect(count(*), cardinality(%(labels)s::text[]), 'seats_taken') FROM taken

-- name: confirm
UPDATE stock_holds SET state = 'confirmed'
WHERE tenant_id = %(tenant)s AND order_id = %(order)s AND state = 'held'

-- name: lock_held_types
-- Whoever holds the row of a type may change its seats; sorted, as in lock_types.
SELECT type_id
FROM stock
WHERE tenant_id = %(tenant)s
  AND type_id IN (SELECT type_id FROM stock_holds
                  WHERE tenant_id = %(tenant)s AND order_id = %(order)s AND state = 'held')
ORDER BY type_id
FOR UPDATE

-- name: release
WITH freed AS (
    UPDATE stock_holds SET state = 'released'
    WHERE tenant_id = %(tenant)s AND order_id = %(order)s AND state = 'held'
    RETURNING type_id, quantity, seats
), seats_freed AS (
    UPDATE seats s SET order_id = NULL
    FROM freed f
    WHERE s.tenant_id = %(tenant)s AND s.type_id = f.type_id AND s.label = ANY(f.seats)
      AND s.order_id = %(order)s
)
UPDATE stock s SET taken = s.taken - f.quantity
FROM freed f
WHERE s.tenant_id = %(tenant)s AND s.type_id = f.type_id

-- name: holds
SELECT type_id, quantity, seats, state
FROM stock_holds
WHERE tenant_id = %(tenant)s AND order_id = %(order)s
ORDER BY type_id
FOR UPDATE

-- name: retake
WITH again AS (
    UPDATE stock_holds SET state = 'held'
    WHERE tenant_id = %(tenant)s AND order_id = %(order)s AND state = 'released'
    RETURNING type_id, quantity
)
UPDATE stock s SET taken = s.taken + a.quantity
FROM again a
WHERE s.tenant_id = %(tenant)s AND s.type_id = a.type_id

-- name: lock_sold_types
-- Sorted by key, as in lock_types.
SELECT type_id
FROM stock
WHERE tenant_id = %(tenant)s AND type_id = ANY(%(types)s::uuid[])
ORDER BY type_id
FOR UPDATE

-- name: give_back
WITH tickets AS (
    SELECT type_id, label FROM unnest(%(types)s::uuid[], %(labels)s::text[]) AS t (type_id, label)
), counted AS (
    SELECT type_id, count(*) AS number, array_remove(array_agg(label), NULL) AS seats
    FROM tickets GROUP BY type_id
), marked AS (
    UPDATE stock_holds h
    SET returned = h.returned + c.number, returned_seats = h.returned_seats || c.seats
    FROM counted c
    WHERE h.tenant_id = %(tenant)s AND h.order_id = %(order)s AND h.type_id = c.type_id
      AND h.state = 'confirmed'
    RETURNING h.type_id, c.number
), seats_freed AS (
    UPDATE seats s SET order_id = NULL
    FROM tickets t
    WHERE s.tenant_id = %(tenant)s AND s.type_id = t.type_id AND s.label = t.label
      AND s.order_id = %(order)s
), freed AS (
    UPDATE stock s SET taken = s.taken - m.number
    FROM marked m
    WHERE s.tenant_id = %(tenant)s AND s.type_id = m.type_id
    RETURNING 1
)
SELECT tp_expect((SELECT count(*) FROM freed), (SELECT count(*) FROM counted), 'stock_sold')
