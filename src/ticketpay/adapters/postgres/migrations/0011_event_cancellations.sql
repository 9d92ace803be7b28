-- Cancelled events: why, by whom, and how far the refunds of their payments have come.
CREATE TABLE event_cancellations (
    tenant_id    uuid NOT NULL,
    event_id     uuid NOT NULL,
    reason       text NOT NULL,
    requested_by text NOT NULL,
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    -- The payment that was looked at last; whether this pass has met one that goes on.
    cursor       uuid,
    again        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, event_id),
    FOREIGN KEY (tenant_id, event_id) REFERENCES events
);
CREATE INDEX payments_event ON payments (tenant_id, event_id, id);

ALTER TABLE event_cancellations ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_cancellations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON event_cancellations
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT ON event_cancellations TO ticketpay_app, ticketpay_worker;
GRANT INSERT ON event_cancellations TO ticketpay_app;
GRANT UPDATE (finished_at, cursor, again) ON event_cancellations TO ticketpay_worker;
GRANT UPDATE (on_sale) ON events TO ticketpay_app;
