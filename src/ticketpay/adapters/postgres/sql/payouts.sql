-- fragment: account_columns
venue_id, currency, provider_account, postings, reserved_at

-- fragment: due_balances
FROM ledger_balances b
JOIN events e ON e.tenant_id = %(tenant)s AND e.id = b.subject::uuid
WHERE b.tenant_id = %(tenant)s AND b.kind = 'venue_payable' AND b.bucket = 'pending' AND b.cents <> 0
  AND (b.cents > 0 OR (e.starts_at < %(over_before)s AND NOT EXISTS (
    SELECT 1 FROM event_cancellations c
    WHERE c.tenant_id = %(tenant)s AND c.event_id = e.id AND c.finished_at IS NULL
  )))

-- fragment: payout_columns
id, venue_id, amount_cents, fee_cents, currency, speed, state, requested_by,
provider_account, provider_payout_id, sent, failure_code, failure_message, created_at, updated_at,
version

-- name: ensure_account
INSERT INTO venue_accounts (tenant_id, venue_id, currency)
VALUES (%(tenant)s, %(venue)s, %(currency)s)
ON CONFLICT DO NOTHING

-- name: account
SELECT {account_columns}
FROM venue_accounts
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s AND currency = %(currency)s

-- name: lock_account
SELECT {account_columns}
FROM venue_accounts
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s AND currency = %(currency)s
FOR UPDATE

-- name: save_account
UPDATE venue_accounts
SET provider_account = %(account)s, postings = %(postings)s, reserved_at = %(reserved_at)s
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s AND currency = %(currency)s

-- name: due
SELECT b.party::uuid, e.id, b.currency, -b.cents
{due_balances}
  AND b.party = %(venue)s AND b.currency = %(currency)s
ORDER BY b.cents < 0, b.subject
LIMIT %(limit)s

-- name: due_cents
SELECT coalesce(sum(-b.cents), 0)::bigint
{due_balances}
  AND b.party = %(venue)s AND b.currency = %(currency)s

-- name: debts
SELECT currency, sum(cents)::bigint
FROM ledger_balances
WHERE tenant_id = %(tenant)s AND kind = 'venue_payable' AND bucket = 'pending'
  AND party = %(venue)s AND cents > 0
GROUP BY currency

-- name: waiting
WITH due AS (
    SELECT b.party, b.currency
    {due_balances}
    UNION
    SELECT venue_id::text, currency FROM venue_accounts
    WHERE tenant_id = %(tenant)s AND reserved_at < %(reserved_before)s
)
SELECT party, currency FROM due
WHERE (party, currency) > (%(venue)s::text, %(currency)s::text)
ORDER BY party, currency
LIMIT %(limit)s

-- name: reserved_since
SELECT coalesce(sum(-n.cents), 0)::bigint, min(p.posted_at) FROM ledger_entries n
JOIN ledger_postings p ON p.tenant_id = %(tenant)s AND p.key = n.posting_key
WHERE n.tenant_id = %(tenant)s AND n.account_id = %(account)s AND n.cents < 0
  AND p.posted_at >= %(since)s

-- name: history
-- Each question has an index of its own. Beyond a thousand payments a dispute no rate is missed.
WITH disputed AS (
    SELECT count(*) AS n FROM disputes d
    JOIN payments p ON p.tenant_id = d.tenant_id AND p.id = d.payment_id
    WHERE d.tenant_id = %(tenant)s AND p.venue_id = %(venue)s
      AND d.state IN ('open', 'won', 'lost') AND d.created_at >= %(since)s
)
SELECT (
    SELECT created_at FROM payments
    WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s
    ORDER BY created_at LIMIT 1
), (
    SELECT count(*) FROM (
        SELECT 1 FROM payments
        WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s AND state = 'completed'
          AND created_at >= %(since)s
        LIMIT (SELECT 1000 * (n + 1) FROM disputed)
    ) AS counted
), (SELECT n FROM disputed)

-- name: add_payout
INSERT INTO payouts (tenant_id, id, venue_id, amount_cents, fee_cents, currency, speed, state,
    requested_by, provider_account, created_at, updated_at, version)
VALUES (%(tenant)s, %(id)s, %(venue)s, %(amount)s, %(fee)s, %(currency)s, %(speed)s, %(state)s,
    %(requested_by)s, %(account)s, %(created_at)s, %(created_at)s, %(version)s)

-- name: payout
SELECT {payout_columns}
FROM payouts
WHERE tenant_id = %(tenant)s AND id = %(id)s

-- name: lock_payout
SELECT {payout_columns}
FROM payouts
WHERE tenant_id = %(tenant)s AND id = %(id)s
FOR UPDATE

-- name: day_cents
SELECT coalesce(sum(amount_cents), 0)::bigint
FROM payouts
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s AND currency = %(currency)s
  AND created_at >= %(day)s AND created_at < %(day)s + interval '1 day'
  AND state NOT IN ('failed', 'cancelled')

-- name: payouts_of_venue
SELECT {payout_columns}
FROM payouts
WHERE tenant_id = %(tenant)s AND venue_id = %(venue)s AND created_at >= %(since)s
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s

-- name: move_payout
-- The move is recorded with the version that it made.
WITH saved AS (
    UPDATE payouts
    SET state = %(state)s, provider_payout_id = %(provider_payout_id)s, sent = %(sent)s,
        failure_code = %(failure_code)s, failure_message = %(failure_message)s,
        updated_at = %(at)s, version = version + 1
    WHERE tenant_id = %(tenant)s AND id = %(id)s AND version = %(version)s AND state = %(before)s
    RETURNING 1
), said AS (
    INSERT INTO state_moves (tenant_id, machine, subject_id, version, from_state, event, to_state, at)
    VALUES (%(tenant)s, 'payout', %(id)s, %(version)s + 1, %(before)s, %(event)s, %(state)s, %(at)s)
)
SELECT tp_expect(count(*), 1, 'payout_version') FROM saved
