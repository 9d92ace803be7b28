-- The audit trail: entries are inserted beside what they tell of; the worker chains them later.

CREATE TABLE audit_entries (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL,
    at           timestamptz NOT NULL,
    actor_kind   text NOT NULL,
    actor_id     text NOT NULL,
    action       text NOT NULL,
    subject_type text NOT NULL,
    subject_id   text NOT NULL,
    reason       text NOT NULL,
    details      json NOT NULL,
    request_id   text NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_entries_at ON audit_entries (tenant_id, at, id);

-- What no link leads to yet. A row that commits late is found late: nothing looks for "newer than".
CREATE TABLE audit_waiting (
    tenant_id uuid NOT NULL,
    entry_id  uuid NOT NULL,
    PRIMARY KEY (tenant_id, entry_id)
);

CREATE TABLE audit_chain (
    tenant_id uuid NOT NULL,
    seq       bigint NOT NULL CHECK (seq > 0),
    entry_id  uuid NOT NULL,
    hash      text NOT NULL,
    PRIMARY KEY (tenant_id, seq),
    UNIQUE (tenant_id, entry_id),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES audit_entries
);

CREATE TABLE audit_checkpoints (
    tenant_id uuid NOT NULL,
    number    bigint NOT NULL CHECK (number > 0),
    seq       bigint NOT NULL,
    hash      text NOT NULL,
    at        timestamptz NOT NULL,
    key_id    text NOT NULL,
    seal      text NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

-- Dead events are few and are counted at every scrape.
CREATE INDEX webhook_inbox_dead ON webhook_inbox (received_at) WHERE status = 'dead';

CREATE TABLE audit_heads (
    tenant_id   uuid NOT NULL,
    seq         bigint NOT NULL,
    hash        text NOT NULL,
    checkpoints bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY[
        'audit_entries', 'audit_waiting', 'audit_chain', 'audit_checkpoints', 'audit_heads'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format(
            'CREATE POLICY tenant ON %I USING (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) '
            'WITH CHECK (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
    END LOOP;
END
$$;

GRANT SELECT ON audit_entries, audit_waiting, audit_chain, audit_checkpoints, audit_heads
    TO ticketpay_app, ticketpay_worker;
-- Append-only by grant: nobody may change an entry, a link or a checkpoint; links are the worker's.
GRANT INSERT ON audit_entries, audit_waiting TO ticketpay_app, ticketpay_worker;
GRANT DELETE ON audit_waiting TO ticketpay_worker;
GRANT INSERT ON audit_chain, audit_checkpoints TO ticketpay_worker;
GRANT INSERT, UPDATE ON audit_heads TO ticketpay_worker;
