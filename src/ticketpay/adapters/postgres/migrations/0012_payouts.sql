-- Venue money: guard rows under which balances are overdrawn by nobody, and payouts.
CREATE TABLE venue_accounts (
    tenant_id        uuid NOT NULL,
    venue_id         uuid NOT NULL,
    currency         text NOT NULL,
    provider_account text NOT NULL DEFAULT '',
    postings         bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, venue_id, currency),
    FOREIGN KEY (tenant_id, venue_id) REFERENCES venues
);

CREATE TABLE payouts (
    tenant_id          uuid NOT NULL,
    id                 uuid NOT NULL,
    venue_id           uuid NOT NULL,
    amount_cents       bigint NOT NULL CHECK (amount_cents > 0),
    fee_cents          bigint NOT NULL CHECK (fee_cents >= 0 AND fee_cents < amount_cents),
    currency           text NOT NULL,
    speed              text NOT NULL CHECK (speed IN ('standard', 'instant')),
    state              text NOT NULL,
    requested_by       uuid NOT NULL,
    provider_account   text NOT NULL,
    provider_payout_id text NOT NULL DEFAULT '',
    sent               boolean NOT NULL DEFAULT false,
    failure_code       text,
    failure_message    text,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    version            bigint NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, venue_id) REFERENCES venues
);
CREATE INDEX payouts_venue ON payouts (tenant_id, venue_id, created_at, id);

INSERT INTO machine_moves (machine, from_state, event, to_state) VALUES
    ('payout', 'requested', 'process', 'processing'),
    ('payout', 'requested', 'cancel', 'cancelled'),
    ('payout', 'processing', 'process', 'processing'),
    ('payout', 'processing', 'pay', 'paid'),
    ('payout', 'processing', 'fail', 'failed'),
    ('payout', 'paid', 'pay', 'paid'),
    ('payout', 'paid', 'fail', 'failed'),
    ('payout', 'failed', 'fail', 'failed'),
    ('payout', 'cancelled', 'cancel', 'cancelled');

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['venue_accounts', 'payouts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format(
            'CREATE POLICY tenant ON %I USING (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) '
            'WITH CHECK (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE ON venue_accounts, payouts TO ticketpay_app, ticketpay_worker;
