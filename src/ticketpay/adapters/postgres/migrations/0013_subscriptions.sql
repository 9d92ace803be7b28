-- Subscriptions: at most one plan per venue; its row is locked while tickets under a cap are counted.
CREATE TABLE venue_subscriptions (
    tenant_id          uuid NOT NULL,
    venue_id           uuid NOT NULL,
    id                 uuid NOT NULL,
    plan_id            text NOT NULL,
    provider_id        text NOT NULL DEFAULT '',
    state              text NOT NULL CHECK (state IN ('active', 'past_due', 'cancelled')),
    current_period_end timestamptz NOT NULL,
    version            bigint NOT NULL,
    PRIMARY KEY (tenant_id, venue_id),
    FOREIGN KEY (tenant_id, venue_id) REFERENCES venues
);

-- What a venue has sold in a month.
CREATE INDEX orders_venue_created ON orders (tenant_id, venue_id, created_at);

ALTER TABLE venue_subscriptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE venue_subscriptions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON venue_subscriptions
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE ON venue_subscriptions TO ticketpay_app, ticketpay_worker;
