-- Refunds of sales: whose money it was, which tickets they void, who asked and who agreed.
ALTER TABLE refunds
    ADD COLUMN venue_cents    bigint,
    ADD COLUMN fees_cents     bigint,
    ADD COLUMN taxes_cents    bigint,
    ADD COLUMN tickets        integer[] NOT NULL DEFAULT '{}',
    ADD COLUMN requested_by   uuid,
    ADD COLUMN approved_by    uuid,
    ADD COLUMN needs_approval boolean NOT NULL DEFAULT false,
    ADD COLUMN completed_at   timestamptz,
    ADD CONSTRAINT refunds_split CHECK (
        (venue_cents IS NULL AND fees_cents IS NULL AND taxes_cents IS NULL)
        OR (venue_cents >= 0 AND fees_cents >= 0 AND taxes_cents >= 0
            AND venue_cents + fees_cents + taxes_cents = amount_cents));
CREATE UNIQUE INDEX refunds_provider ON refunds (tenant_id, provider, provider_account, provider_refund_id)
    WHERE provider_refund_id <> '';

-- Sold tickets that are for sale again.
ALTER TABLE stock_holds
    ADD COLUMN returned       bigint NOT NULL DEFAULT 0,
    ADD COLUMN returned_seats text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT stock_returned CHECK (returned BETWEEN 0 AND quantity);

INSERT INTO machine_moves (machine, from_state, event, to_state) VALUES
    ('order', 'partially_refunded', 'refund_part', 'partially_refunded'),
    ('order', 'partially_refunded', 'issue', 'partially_refunded'),
    ('order', 'partially_refunded', 'refund_fail', 'paid'),
    ('order', 'refunded', 'refund_fail', 'partially_refunded'),
    ('order', 'refunded', 'issue', 'refunded');
