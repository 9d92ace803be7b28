-- fragment: offer_columns
e.id, e.venue_id, e.name, e.starts_at, e.currency, e.on_sale, e.currencies,
v.name, v.city, v.state, v.time_zone, t.nexus_states,
tt.id, tt.name, tt.price_cents, tt.seated

-- name: offer
-- One row per ticket type, so that an event, its venue and its prices travel together.
SELECT {offer_columns}
FROM events e
JOIN venues v ON v.tenant_id = e.tenant_id AND v.id = e.venue_id
JOIN tenants t ON t.id = e.tenant_id
JOIN ticket_types tt ON tt.tenant_id = e.tenant_id AND tt.event_id = e.id
WHERE e.tenant_id = %(tenant)s AND e.id = %(event)s

-- name: offer_of_quote
SELECT {offer_columns}
FROM quotes q
JOIN events e ON e.tenant_id = q.tenant_id AND e.id = q.event_id
JOIN venues v ON v.tenant_id = e.tenant_id AND v.id = e.venue_id
JOIN tenants t ON t.id = e.tenant_id
JOIN ticket_types tt ON tt.tenant_id = e.tenant_id AND tt.event_id = e.id
WHERE q.tenant_id = %(tenant)s AND q.id = %(quote)s

-- name: place
SELECT v.id, v.name, v.city, v.state, v.time_zone, t.nexus_states
FROM venues v
JOIN tenants t ON t.id = v.tenant_id
WHERE v.tenant_id = %(tenant)s AND v.id = %(venue)s

-- name: volume
SELECT currency, sum(amount_cents)::bigint
FROM payments
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s AND state = 'completed'
  AND confirmed_at >= %(since)s
GROUP BY currency

-- name: put_tenant
INSERT INTO tenants (id, name, slug, nexus_states)
VALUES (%(id)s, %(name)s, %(slug)s, %(nexus)s)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, slug = excluded.slug, nexus_states = excluded.nexus_states

-- name: put_venue
INSERT INTO venues (tenant_id, id, name, city, state, time_zone)
VALUES (%(tenant)s, %(id)s, %(name)s, %(city)s, %(state)s, %(zone)s)
ON CONFLICT (tenant_id, id) DO UPDATE
SET name = excluded.name, city = excluded.city, state = excluded.state,
    time_zone = excluded.time_zone

-- name: put_event
INSERT INTO events (tenant_id, id, venue_id, name, starts_at, currency, on_sale, currencies)
VALUES (%(tenant)s, %(id)s, %(venue)s, %(name)s, %(starts_at)s, %(currency)s, %(on_sale)s,
        %(currencies)s::text[])
ON CONFLICT (tenant_id, id) DO UPDATE
SET venue_id = excluded.venue_id, name = excluded.name, starts_at = excluded.starts_at,
    currency = excluded.currency, on_sale = excluded.on_sale, currencies = excluded.currencies

-- name: put_type
INSERT INTO ticket_types (tenant_id, id, event_id, name, price_cents, seated)
VALUES (%(tenant)s, %(id)s, %(event)s, %(name)s, %(price)s, %(seated)s)
ON CONFLICT (tenant_id, id) DO UPDATE
SET name = excluded.name, price_cents = excluded.price_cents

-- name: put_stock
INSERT INTO stock (tenant_id, type_id, capacity, seated)
VALUES (%(tenant)s, %(type)s, %(capacity)s, %(seated)s)
ON CONFLICT (tenant_id, type_id) DO UPDATE SET capacity = excluded.capacity

-- name: put_seats
INSERT INTO seats (tenant_id, type_id, label)
SELECT %(tenant)s, %(type)s, label FROM unnest(%(labels)s::text[]) AS label
ON CONFLICT DO NOTHING

-- name: registered
SELECT id, name, slug, nexus_states FROM tenants

-- name: tenants
SELECT id FROM tenants ORDER BY id
