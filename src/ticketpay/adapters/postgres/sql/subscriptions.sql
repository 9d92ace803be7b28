-- fragment: subscription_columns
s.id, s.venue_id, s.plan_id, s.provider_id, s.state, s.current_period_end, s.version,
s.customer_id, s.cancels_at, s.wish_number, s.wish_plan, s.wish_ends, s.wish_method,
s.wish_asked_at, s.wish_key, s.wish_state, s.wish_failure_code, s.wish_decline_code,
s.wish_failure_text

-- fragment: invoice_columns
id, plan_id, amount_cents, currency, paid_at

-- name: of_venue
SELECT {subscription_columns}
FROM venue_subscriptions s
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s

-- name: of_event
SELECT {subscription_columns}
FROM events e
JOIN venue_subscriptions s ON s.tenant_id = e.tenant_id AND s.venue_id = e.venue_id
WHERE e.tenant_id = %(tenant)s AND e.id = %(event)s

-- name: of_quote
SELECT {subscription_columns}
FROM quotes q
JOIN events e ON e.tenant_id = q.tenant_id AND e.id = q.event_id
JOIN venue_subscriptions s ON s.tenant_id = e.tenant_id AND s.venue_id = e.venue_id
WHERE q.tenant_id = %(tenant)s AND q.id = %(quote)s

-- name: lock_subscription
SELECT {subscription_columns}
FROM venue_subscriptions s
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s
FOR UPDATE

-- name: tickets_sold
-- An order that has failed may still be paid; one that has ended never comes back.
SELECT coalesce(sum(ticket_count), 0)::bigint
FROM orders
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s AND created_at >= %(since)s
  AND state NOT IN ('cancelled', 'expired')

-- name: add_subscription
INSERT INTO venue_subscriptions (tenant_id, venue_id, id, plan_id, provider_id, state,
    current_period_end, version, customer_id, cancels_at, wish_number, wish_plan, wish_ends,
    wish_method, wish_asked_at, wish_key, wish_state, wish_failure_code, wish_decline_code,
    wish_failure_text)
VALUES (%(tenant)s, %(venue)s, %(id)s, %(plan)s, %(provider_id)s, %(state)s, %(period_end)s,
    %(version)s, %(customer_id)s, %(cancels_at)s, %(wish_number)s, %(wish_plan)s, %(wish_ends)s,
    %(wish_method)s, %(wish_asked_at)s, %(wish_key)s, %(wish_state)s, %(wish_failure_code)s,
    %(wish_decline_code)s, %(wish_failure_text)s)

-- name: save_subscription
-- A move, if there was one, is recorded with the version that it made.
WITH saved AS (
    UPDATE venue_subscriptions
    SET id = %(id)s, plan_id = %(plan)s, provider_id = %(provider_id)s, state = %(state)s,
        current_period_end = %(period_end)s, customer_id = %(customer_id)s,
        cancels_at = %(cancels_at)s, wish_number = %(wish_number)s, wish_plan = %(wish_plan)s,
        wish_ends = %(wish_ends)s, wish_method = %(wish_method)s,
        wish_asked_at = %(wish_asked_at)s, wish_key = %(wish_key)s, wish_state = %(wish_state)s,
        wish_failure_code = %(wish_failure_code)s, wish_decline_code = %(wish_decline_code)s,
        wish_failure_text = %(wish_failure_text)s, version = version + 1
    WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s AND version = %(version)s
    RETURNING 1
), said AS (
    INSERT INTO state_moves (tenant_id, machine, subject_id, version, from_state, event, to_state, at)
    SELECT %(tenant)s, 'subscription', %(id)s, %(version)s + 1, %(before)s, %(event)s, %(state)s,
           %(at)s::timestamptz
    WHERE %(event)s::text IS NOT NULL
)
SELECT tp_expect(count(*), 1, 'subscription_version') FROM saved

-- name: invoices_of_venue
SELECT {invoice_columns}
FROM plan_invoices
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s
ORDER BY paid_at, id

-- name: invoices_of_tenant
SELECT {invoice_columns}
FROM plan_invoices
WHERE tenant_id = %(tenant)s

-- name: add_invoice
INSERT INTO plan_invoices (tenant_id, id, venue_id, plan_id, amount_cents, currency, paid_at)
VALUES (%(tenant)s, %(id)s, %(venue)s, %(plan)s, %(cents)s, %(currency)s, %(paid_at)s)
