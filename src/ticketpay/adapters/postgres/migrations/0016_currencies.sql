-- Currencies: rates that were loaded, what an event is sold in, and one currency per posting.
CREATE TABLE exchange_rates (
    day       date NOT NULL,
    source    text NOT NULL,
    currency  text NOT NULL,
    units     bigint NOT NULL CHECK (units > 0),
    loaded_at timestamptz NOT NULL,
    PRIMARY KEY (day, source, currency),
    -- The constants of development are in the code, and price nothing elsewhere.
    CHECK (source <> 'development')
);

-- Append-only by grant: only the owner loads.
GRANT SELECT ON exchange_rates TO ticketpay_app, ticketpay_worker;

ALTER TABLE events ADD COLUMN currencies text[] NOT NULL DEFAULT '{}';

-- The rate by which an order was priced; its target is the order's currency.
ALTER TABLE orders
    ADD COLUMN base_currency    text,
    ADD COLUMN rate_numerator   bigint,
    ADD COLUMN rate_denominator bigint,
    ADD COLUMN rate_source      text,
    ADD COLUMN rate_day         date,
    ADD CONSTRAINT orders_exchange CHECK (
        num_nonnulls(base_currency, rate_numerator, rate_denominator, rate_source, rate_day) = 0
        OR (num_nulls(base_currency, rate_numerator, rate_denominator, rate_source, rate_day) = 0
            AND base_currency <> currency AND rate_numerator > 0 AND rate_denominator > 0));

-- A posting has one currency, its entries have it, and their accounts: wrong code cannot mix them.
ALTER TABLE ledger_postings ADD COLUMN currency text;
ALTER TABLE ledger_entries ADD COLUMN currency text;

ALTER TABLE ledger_accounts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger_postings NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger_entries NO FORCE ROW LEVEL SECURITY;
UPDATE ledger_entries e SET currency = a.currency
FROM ledger_accounts a
WHERE a.tenant_id = e.tenant_id AND a.id = e.account_id;
UPDATE ledger_postings p SET currency = e.currency
FROM ledger_entries e
WHERE e.tenant_id = p.tenant_id AND e.posting_key = p.key AND e.line = 1;
ALTER TABLE ledger_accounts FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger_postings FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger_entries FORCE ROW LEVEL SECURITY;

ALTER TABLE ledger_accounts
    ADD CONSTRAINT ledger_accounts_currency UNIQUE (tenant_id, id, currency);
ALTER TABLE ledger_postings
    ALTER COLUMN currency SET NOT NULL,
    ADD CONSTRAINT ledger_postings_currency UNIQUE (tenant_id, key, currency);
ALTER TABLE ledger_entries
    ALTER COLUMN currency SET NOT NULL,
    DROP CONSTRAINT ledger_entries_tenant_id_posting_key_fkey,
    DROP CONSTRAINT ledger_entries_tenant_id_account_id_fkey,
    ADD CONSTRAINT ledger_entries_posting
        FOREIGN KEY (tenant_id, posting_key, currency) REFERENCES ledger_postings (tenant_id, key, currency),
    ADD CONSTRAINT ledger_entries_account_currency
        FOREIGN KEY (tenant_id, account_id, currency) REFERENCES ledger_accounts (tenant_id, id, currency);
