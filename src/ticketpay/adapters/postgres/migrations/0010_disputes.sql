-- Disputes: what a buyer's bank asks for, has withdrawn, and may give back.
CREATE TABLE disputes (
    tenant_id           uuid NOT NULL,
    id                  uuid NOT NULL,
    payment_id          uuid NOT NULL,
    provider            text NOT NULL,
    provider_account    text NOT NULL,
    livemode            boolean NOT NULL,
    object_id           text NOT NULL,
    provider_dispute_id text NOT NULL,
    amount_cents        bigint NOT NULL CHECK (amount_cents > 0),
    currency            text NOT NULL,
    fee_cents           bigint NOT NULL CHECK (fee_cents >= 0),
    reason              text NOT NULL,
    state               text NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    version             bigint NOT NULL,
    venue_cents         bigint,
    fees_cents          bigint,
    taxes_cents         bigint,
    tickets             integer[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments,
    CONSTRAINT disputes_provider UNIQUE (tenant_id, provider, provider_account, provider_dispute_id),
    CONSTRAINT disputes_split CHECK (
        (venue_cents IS NULL AND fees_cents IS NULL AND taxes_cents IS NULL)
        OR venue_cents + fees_cents + taxes_cents = amount_cents)
);
CREATE INDEX disputes_payment ON disputes (tenant_id, payment_id);

ALTER TABLE disputes ENABLE ROW LEVEL SECURITY;
ALTER TABLE disputes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON disputes
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE ON disputes TO ticketpay_app, ticketpay_worker;

INSERT INTO machine_moves (machine, from_state, event, to_state) VALUES
    ('dispute', 'inquiry', 'withdraw', 'open'),
    ('dispute', 'inquiry', 'close', 'closed'),
    ('dispute', 'open', 'withdraw', 'open'),
    ('dispute', 'open', 'win', 'won'),
    ('dispute', 'open', 'lose', 'lost'),
    ('dispute', 'won', 'withdraw', 'won'),
    ('dispute', 'lost', 'withdraw', 'lost');
