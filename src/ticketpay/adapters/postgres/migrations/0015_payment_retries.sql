-- The tries of payments that failed: written down before they are made, with what came of them.
ALTER TABLE payments ADD COLUMN last_try_at timestamptz;

CREATE TABLE payment_retries (
    tenant_id  uuid NOT NULL,
    payment_id uuid NOT NULL,
    number     integer NOT NULL CHECK (number BETWEEN 1 AND 3),
    action     text NOT NULL CHECK (action IN ('confirm', 'ask_buyer', 'wait')),
    at         timestamptz NOT NULL,
    outcome    text NOT NULL,
    PRIMARY KEY (tenant_id, payment_id, number),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments
);
-- A buyer is asked once.
CREATE UNIQUE INDEX payment_retries_asked_once ON payment_retries (tenant_id, payment_id)
    WHERE action = 'ask_buyer';

ALTER TABLE payment_retries ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_retries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON payment_retries
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- A try is never forgotten nor made another one: only its outcome is still to come.
GRANT SELECT ON payment_retries TO ticketpay_app, ticketpay_worker;
GRANT UPDATE (outcome) ON payment_retries TO ticketpay_app, ticketpay_worker;
GRANT INSERT ON payment_retries TO ticketpay_worker;
