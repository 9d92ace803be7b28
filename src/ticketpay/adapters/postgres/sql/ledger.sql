-- name: post
-- The primary key of a posting is its business key: a retry cannot book twice. It has one currency,
-- and so have its entries and their accounts: foreign keys say so.
WITH named AS (
    INSERT INTO ledger_accounts (tenant_id, id, kind, party, subject, currency, bucket)
    SELECT %(tenant)s, a.*
    FROM unnest(%(ids)s::uuid[], %(kinds)s::text[], %(parties)s::text[], %(subjects)s::text[],
                %(currencies)s::text[], %(buckets)s::text[]) AS a
    ON CONFLICT DO NOTHING
), posted AS (
    INSERT INTO ledger_postings (tenant_id, key, posted_at, currency)
    VALUES (%(tenant)s, %(key)s, %(posted_at)s, %(currency)s)
), entered AS (
    INSERT INTO ledger_entries (tenant_id, posting_key, line, account_id, cents, currency)
    SELECT %(tenant)s, %(key)s, e.line, e.account_id, e.cents, %(currency)s
    FROM unnest(%(ids)s::uuid[], %(cents)s::bigint[]) WITH ORDINALITY AS e (account_id, cents, line)
)
INSERT INTO ledger_unrolled (tenant_id, posting_key) VALUES (%(tenant)s, %(key)s)

-- name: balances
SELECT kind, party, subject, currency, bucket, cents
FROM ledger_balances
WHERE tenant_id = %(tenant)s
ORDER BY kind, party, subject, currency, bucket

-- name: booked_by_payment
SELECT payment, held, clearing
FROM (
    SELECT split_part(e.posting_key, ':', 2) AS payment,
           coalesce(sum(e.cents) FILTER (WHERE a.kind = 'provider'), 0)::bigint AS held,
           coalesce(-sum(e.cents) FILTER (WHERE a.kind <> 'provider'), 0)::bigint AS clearing
    FROM ledger_entries e
    JOIN ledger_accounts a ON a.tenant_id = e.tenant_id AND a.id = e.account_id
    WHERE e.tenant_id = %(tenant)s AND a.kind IN ('provider', 'refund_clearing', 'payout_clearing')
    GROUP BY 1
) b
WHERE held <> 0 OR clearing <> 0

-- name: venue_balances
SELECT currency, balance_type, amount_cents
FROM venue_balances
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s

-- name: roll_up
WITH picked AS (
    SELECT posting_key FROM ledger_unrolled
    WHERE tenant_id = %(tenant)s
    ORDER BY posting_key
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM ledger_unrolled u USING picked p
    WHERE u.tenant_id = %(tenant)s AND u.posting_key = p.posting_key
    RETURNING u.posting_key
), sums AS (
    SELECT e.account_id, sum(e.cents)::bigint AS cents
    FROM taken t
    JOIN ledger_entries e ON e.tenant_id = %(tenant)s AND e.posting_key = t.posting_key
    GROUP BY e.account_id
    ORDER BY e.account_id
), rolled AS (
    INSERT INTO ledger_checkpoints AS c (tenant_id, account_id, cents)
    SELECT %(tenant)s, account_id, cents FROM sums
    ON CONFLICT (tenant_id, account_id) DO UPDATE SET cents = c.cents + excluded.cents
)
SELECT count(*) FROM taken
