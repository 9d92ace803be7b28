-- Platform tables: ids and queues only, no row-level security, own grants. Reference tables.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ticketpay_app') THEN
        CREATE ROLE ticketpay_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ticketpay_worker') THEN
        CREATE ROLE ticketpay_worker NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
END
$$;

-- A compare-and-set that found another number of rows fails its whole transaction.
CREATE FUNCTION tp_expect(rows bigint, wanted bigint, what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF rows <> wanted THEN
        RAISE EXCEPTION USING ERRCODE = 'TP001', MESSAGE = what;
    END IF;
END
$$;

CREATE TABLE tenants (
    id           uuid PRIMARY KEY,
    name         text NOT NULL,
    slug         text NOT NULL UNIQUE,
    nexus_states text[] NOT NULL
);

CREATE TABLE machine_moves (
    machine    text NOT NULL,
    from_state text NOT NULL,
    event      text NOT NULL,
    to_state   text NOT NULL,
    PRIMARY KEY (machine, from_state, event, to_state)
);

CREATE TABLE provider_refs (
    provider   text NOT NULL,
    account    text NOT NULL,
    object_id  text NOT NULL,
    livemode   boolean NOT NULL,
    tenant_id  uuid NOT NULL,
    payment_id uuid NOT NULL,
    PRIMARY KEY (provider, account, object_id)
);

CREATE TABLE webhook_inbox (
    provider      text NOT NULL,
    account       text NOT NULL,
    event_id      text NOT NULL,
    event_type    text NOT NULL,
    object_id     text NOT NULL,
    tenant_id     text NOT NULL,
    payment_id    text NOT NULL,
    payload       bytea NOT NULL,
    signature     text NOT NULL,
    status        text NOT NULL CHECK (status IN ('received', 'processed', 'dead', 'unsupported', 'invalid')),
    attempts      integer NOT NULL DEFAULT 0,
    epoch         bigint NOT NULL DEFAULT 0,
    due_at        timestamptz NOT NULL,
    claimed_until timestamptz,
    note          text NOT NULL DEFAULT '',
    received_at   timestamptz NOT NULL,
    processed_at  timestamptz,
    PRIMARY KEY (provider, account, event_id)
);
CREATE INDEX webhook_inbox_due ON webhook_inbox (due_at) WHERE status = 'received';

CREATE TABLE outbox_streams (
    tenant_id      uuid NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id   uuid NOT NULL,
    next_seq       bigint NOT NULL,
    delivered_seq  bigint NOT NULL DEFAULT 0,
    due_at         timestamptz,
    epoch          bigint NOT NULL DEFAULT 0,
    claimed_until  timestamptz,
    attempts       integer NOT NULL DEFAULT 0,
    parked_at      timestamptz,
    last_error     text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, aggregate_type, aggregate_id),
    CHECK (delivered_seq < next_seq)
);
CREATE INDEX outbox_streams_due ON outbox_streams (due_at) WHERE due_at IS NOT NULL AND parked_at IS NULL;
CREATE INDEX outbox_streams_parked ON outbox_streams (parked_at) WHERE parked_at IS NOT NULL;

CREATE TABLE timers (
    tenant_id     uuid NOT NULL,
    kind          text NOT NULL,
    subject_id    uuid NOT NULL,
    due_at        timestamptz NOT NULL,
    epoch         bigint NOT NULL DEFAULT 0,
    claimed_until timestamptz,
    attempts      integer NOT NULL DEFAULT 0,
    last_error    text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, kind, subject_id)
);
CREATE INDEX timers_due ON timers (due_at);

GRANT SELECT ON tenants, machine_moves TO ticketpay_app, ticketpay_worker;
GRANT SELECT, INSERT, UPDATE (livemode) ON provider_refs TO ticketpay_app, ticketpay_worker;
GRANT SELECT, INSERT ON webhook_inbox TO ticketpay_app;
GRANT SELECT, INSERT, UPDATE ON webhook_inbox TO ticketpay_worker;
GRANT SELECT, INSERT, UPDATE ON outbox_streams TO ticketpay_app, ticketpay_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON timers TO ticketpay_app, ticketpay_worker;
