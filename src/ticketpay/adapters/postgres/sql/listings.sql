-- name: orders
SELECT id, user_id, event_id, venue_id, state, currency,
       tickets_cents + fees_cents + taxes_cents, ticket_count, created_at,
       base_currency, rate_numerator, rate_denominator, rate_source, rate_day
FROM orders
WHERE tenant_id = %(tenant)s AND id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s

-- name: postings
SELECT p.key, p.posted_at, a.kind, a.party, a.subject, a.currency, a.bucket, e.cents
FROM (
    SELECT key, posted_at FROM ledger_postings
    WHERE tenant_id = %(tenant)s AND key > %(after)s
    ORDER BY key
    LIMIT %(limit)s
) p
JOIN ledger_entries e ON e.tenant_id = %(tenant)s AND e.posting_key = p.key
JOIN ledger_accounts a ON a.tenant_id = %(tenant)s AND a.id = e.account_id
ORDER BY p.key, e.line

-- name: history
WITH subjects (kind, id) AS (
    SELECT 'payment', %(payment)s::uuid
    UNION ALL SELECT 'order', %(order)s::uuid
    UNION ALL
    SELECT 'refund', r.id FROM refunds r
    WHERE r.tenant_id = %(tenant)s AND r.payment_id = %(payment)s
    UNION ALL
    SELECT 'dispute', d.id FROM disputes d
    WHERE d.tenant_id = %(tenant)s AND d.payment_id = %(payment)s
)
SELECT a.sent_at, 'attempt', 'payment', a.payment_id, 'charge', coalesce(a.object_id, ''),
       a.number::bigint
FROM payment_attempts a
WHERE a.tenant_id = %(tenant)s AND a.payment_id = %(payment)s
UNION ALL
SELECT again.at, 'attempt', 'payment', a.payment_id, 'charge again', '', again.number + 1
FROM payment_attempts a
CROSS JOIN LATERAL unnest(a.sent_again_at) WITH ORDINALITY AS again (at, number)
WHERE a.tenant_id = %(tenant)s AND a.payment_id = %(payment)s
UNION ALL
SELECT r.at, 'attempt', 'payment', r.payment_id, 'retry: ' || r.action, r.outcome, r.number::bigint
FROM payment_retries r
WHERE r.tenant_id = %(tenant)s AND r.payment_id = %(payment)s
UNION ALL
SELECT m.at, 'move', s.kind, s.id, m.event, m.from_state || ' -> ' || m.to_state, m.version
FROM subjects s
JOIN state_moves m ON m.tenant_id = %(tenant)s AND m.machine = s.kind AND m.subject_id = s.id
UNION ALL
SELECT p.posted_at, 'posting', 'payment', %(payment)s::uuid, p.key,
       (SELECT sum(e.cents)::text FROM ledger_entries e
        WHERE e.tenant_id = %(tenant)s AND e.posting_key = p.key AND e.cents > 0), 0
FROM ledger_postings p
WHERE p.tenant_id = %(tenant)s
  AND (p.key = ANY(%(keys)s::text[])
       OR p.key IN (SELECT f.fact || ':' || %(payment)s || ':' || s.id
                    FROM subjects s, unnest(%(facts)s::text[]) AS f (fact)
                    WHERE s.kind = 'refund')
       OR p.key IN (SELECT f.fact || ':' || %(payment)s || ':' || s.id
                    FROM subjects s, unnest(%(dispute_facts)s::text[]) AS f (fact)
                    WHERE s.kind = 'dispute'))
UNION ALL
SELECT o.occurred_at, 'message', s.kind, s.id, o.type, '', o.seq
FROM subjects s
JOIN outbox o ON o.tenant_id = %(tenant)s AND o.aggregate_type = s.kind AND o.aggregate_id = s.id
