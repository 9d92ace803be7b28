-- The whole schema, as the migrations make it (a test keeps the two equal). Read this, run those.

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

-- Tenant tables of the walk: tenant first in every key, row-level security forced and fail-closed.

CREATE TABLE venues (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id        uuid NOT NULL,
    name      text NOT NULL,
    city      text NOT NULL,
    state     text NOT NULL,
    time_zone text NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE events (
    tenant_id uuid NOT NULL,
    id        uuid NOT NULL,
    venue_id  uuid NOT NULL,
    name      text NOT NULL,
    starts_at timestamptz NOT NULL,
    currency  text NOT NULL,
    on_sale   boolean NOT NULL,
    -- What else buyers may pay in.
    currencies text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, venue_id) REFERENCES venues
);

CREATE TABLE ticket_types (
    tenant_id   uuid NOT NULL,
    id          uuid NOT NULL,
    event_id    uuid NOT NULL,
    name        text NOT NULL,
    price_cents bigint NOT NULL CHECK (price_cents >= 0),
    seated      boolean NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, event_id) REFERENCES events
);
CREATE INDEX ticket_types_event ON ticket_types (tenant_id, event_id);

-- taken = held + sold; one counter, locked once per sale.
CREATE TABLE stock (
    tenant_id uuid NOT NULL,
    type_id   uuid NOT NULL,
    capacity  bigint NOT NULL,
    taken     bigint NOT NULL DEFAULT 0,
    seated    boolean NOT NULL,
    PRIMARY KEY (tenant_id, type_id),
    FOREIGN KEY (tenant_id, type_id) REFERENCES ticket_types,
    CONSTRAINT stock_not_oversold CHECK (taken >= 0 AND taken <= capacity)
);

CREATE TABLE seats (
    tenant_id uuid NOT NULL,
    type_id   uuid NOT NULL,
    label     text NOT NULL,
    order_id  uuid,
    PRIMARY KEY (tenant_id, type_id, label),
    FOREIGN KEY (tenant_id, type_id) REFERENCES ticket_types
);

CREATE TABLE quotes (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    user_id    uuid NOT NULL,
    event_id   uuid NOT NULL,
    type_ids   uuid[] NOT NULL,
    seat_types uuid[] NOT NULL,
    seats      text[] NOT NULL,
    document   json NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE orders (
    tenant_id        uuid NOT NULL,
    id               uuid NOT NULL,
    user_id          uuid NOT NULL,
    event_id         uuid NOT NULL,
    venue_id         uuid NOT NULL,
    state            text NOT NULL,
    currency         text NOT NULL,
    tickets_cents    bigint NOT NULL CHECK (tickets_cents >= 0),
    fees_cents       bigint NOT NULL CHECK (fees_cents >= 0),
    taxes_cents      bigint NOT NULL CHECK (taxes_cents >= 0),
    ticket_count     integer NOT NULL CHECK (ticket_count > 0),
    tax_jurisdiction text NOT NULL,
    tax_date         date NOT NULL,
    charges          json NOT NULL,
    created_at       timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    version          bigint NOT NULL,
    tax_estimated    boolean NOT NULL DEFAULT false,
    -- The rate by which it was priced; its target is the order's currency.
    base_currency    text,
    rate_numerator   bigint,
    rate_denominator bigint,
    rate_source      text,
    rate_day         date,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT orders_exchange CHECK (
        num_nonnulls(base_currency, rate_numerator, rate_denominator, rate_source, rate_day) = 0
        OR (num_nulls(base_currency, rate_numerator, rate_denominator, rate_source, rate_day) = 0
            AND base_currency <> currency AND rate_numerator > 0 AND rate_denominator > 0))
);
CREATE INDEX orders_tax_estimated ON orders (tenant_id, created_at, id) WHERE tax_estimated;

CREATE TABLE order_tickets (
    tenant_id   uuid NOT NULL,
    order_id    uuid NOT NULL,
    number      integer NOT NULL,
    type_id     uuid NOT NULL,
    seat        text,
    price_cents bigint NOT NULL CHECK (price_cents >= 0),
    charges     json NOT NULL,
    PRIMARY KEY (tenant_id, order_id, number),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders
);

CREATE TABLE stock_holds (
    tenant_id uuid NOT NULL,
    order_id  uuid NOT NULL,
    type_id   uuid NOT NULL,
    quantity  bigint NOT NULL CHECK (quantity > 0),
    seats     text[] NOT NULL,
    state     text NOT NULL CHECK (state IN ('held', 'confirmed', 'released')),
    -- Sold tickets that are for sale again.
    returned       bigint NOT NULL DEFAULT 0,
    returned_seats text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, order_id, type_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders,
    CONSTRAINT stock_returned CHECK (returned BETWEEN 0 AND quantity)
);

CREATE TABLE payments (
    tenant_id          uuid NOT NULL,
    id                 uuid NOT NULL,
    order_id           uuid NOT NULL,
    share              integer NOT NULL,
    kind               text NOT NULL DEFAULT 'purchase',
    state              text NOT NULL,
    amount_cents       bigint NOT NULL CHECK (amount_cents > 0),
    received_cents     bigint NOT NULL CHECK (received_cents >= 0 AND received_cents <= amount_cents),
    currency           text NOT NULL,
    capture_method     text NOT NULL,
    user_id            uuid NOT NULL,
    event_id           uuid NOT NULL,
    venue_id           uuid NOT NULL,
    ticket_count       integer NOT NULL,
    method_type        text NOT NULL,
    device_fingerprint text NOT NULL,
    provider           text,
    provider_account   text,
    livemode           boolean,
    object_id          text,
    provider_status    text NOT NULL,
    failure_code       text,
    decline_code       text,
    failure_message    text,
    last_fact_at       timestamptz,
    created_at         timestamptz NOT NULL,
    sent_at            timestamptz NOT NULL,
    confirmed_at       timestamptz,
    updated_at         timestamptz NOT NULL,
    version            bigint NOT NULL,
    last_try_at        timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders
);
CREATE UNIQUE INDEX payments_one_open ON payments (tenant_id, order_id, share)
    WHERE state IN ('pending', 'processing', 'authorized');
CREATE INDEX payments_order ON payments (tenant_id, order_id);
CREATE INDEX payments_venue_confirmed ON payments (tenant_id, venue_id, confirmed_at)
    WHERE state = 'completed';
CREATE INDEX payments_user_created ON payments (tenant_id, user_id, created_at, id);
CREATE INDEX payments_venue_created ON payments (tenant_id, venue_id, created_at, id);
CREATE INDEX payments_event ON payments (tenant_id, event_id, id);

CREATE TABLE payment_attempts (
    tenant_id   uuid NOT NULL,
    payment_id  uuid NOT NULL,
    number      integer NOT NULL,
    key         text NOT NULL,
    sent_at     timestamptz NOT NULL,
    object_id   text,
    answered_at timestamptz,
    sent_again_at timestamptz[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, payment_id, number),
    UNIQUE (tenant_id, key),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments
);

CREATE TABLE refunds (
    tenant_id          uuid NOT NULL,
    id                 uuid NOT NULL,
    payment_id         uuid NOT NULL,
    provider           text NOT NULL,
    provider_account   text NOT NULL,
    livemode           boolean NOT NULL,
    object_id          text NOT NULL,
    amount_cents       bigint NOT NULL CHECK (amount_cents > 0),
    currency           text NOT NULL,
    reason             text NOT NULL,
    state              text NOT NULL,
    provider_refund_id text NOT NULL DEFAULT '',
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    version            bigint NOT NULL,
    venue_cents        bigint,
    fees_cents         bigint,
    taxes_cents        bigint,
    tickets            integer[] NOT NULL DEFAULT '{}',
    requested_by       uuid,
    approved_by        uuid,
    needs_approval     boolean NOT NULL DEFAULT false,
    completed_at       timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments,
    CONSTRAINT refunds_split CHECK (
        (venue_cents IS NULL AND fees_cents IS NULL AND taxes_cents IS NULL)
        OR (venue_cents >= 0 AND fees_cents >= 0 AND taxes_cents >= 0
            AND venue_cents + fees_cents + taxes_cents = amount_cents))
);
CREATE INDEX refunds_payment ON refunds (tenant_id, payment_id);
CREATE UNIQUE INDEX refunds_provider ON refunds (tenant_id, provider, provider_account, provider_refund_id)
    WHERE provider_refund_id <> '';

-- What a buyer's bank asks for, has withdrawn, and may give back.
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

-- Every move of every machine; an illegal one violates the foreign key.
CREATE TABLE state_moves (
    tenant_id  uuid NOT NULL,
    machine    text NOT NULL,
    subject_id uuid NOT NULL,
    version    bigint NOT NULL,
    from_state text NOT NULL,
    event      text NOT NULL,
    to_state   text NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, machine, subject_id, version),
    FOREIGN KEY (machine, from_state, event, to_state) REFERENCES machine_moves
);

CREATE TABLE idempotency_keys (
    tenant_id    uuid NOT NULL,
    user_id      uuid NOT NULL,
    key          uuid NOT NULL,
    request_hash text NOT NULL,
    epoch        bigint NOT NULL,
    locked_until timestamptz NOT NULL,
    payment_id   uuid,
    outcome      text,
    body         json,
    created_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    PRIMARY KEY (tenant_id, user_id, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (tenant_id, created_at);

CREATE TABLE outbox (
    tenant_id      uuid NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id   uuid NOT NULL,
    seq            bigint NOT NULL,
    id             uuid NOT NULL,
    type           text NOT NULL,
    payload        json NOT NULL,
    occurred_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, aggregate_type, aggregate_id, seq)
);

CREATE TABLE ledger_accounts (
    tenant_id uuid NOT NULL,
    id        uuid NOT NULL,
    kind      text NOT NULL,
    party     text NOT NULL,
    subject   text NOT NULL,
    currency  text NOT NULL,
    bucket    text NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, party, subject, currency, bucket),
    CONSTRAINT ledger_accounts_currency UNIQUE (tenant_id, id, currency)
);

-- A posting has one currency, its entries have it, and their accounts: wrong code cannot mix them.
CREATE TABLE ledger_postings (
    tenant_id uuid NOT NULL,
    key       text NOT NULL,
    posted_at timestamptz NOT NULL,
    currency  text NOT NULL,
    PRIMARY KEY (tenant_id, key),
    CONSTRAINT ledger_postings_currency UNIQUE (tenant_id, key, currency)
);

CREATE TABLE ledger_entries (
    tenant_id   uuid NOT NULL,
    posting_key text NOT NULL,
    line        integer NOT NULL,
    account_id  uuid NOT NULL,
    cents       bigint NOT NULL CHECK (cents <> 0),
    currency    text NOT NULL,
    PRIMARY KEY (tenant_id, posting_key, line),
    CONSTRAINT ledger_entries_posting
        FOREIGN KEY (tenant_id, posting_key, currency) REFERENCES ledger_postings (tenant_id, key, currency),
    CONSTRAINT ledger_entries_account_currency
        FOREIGN KEY (tenant_id, account_id, currency) REFERENCES ledger_accounts (tenant_id, id, currency)
);
CREATE INDEX ledger_entries_account ON ledger_entries (tenant_id, account_id);

-- The tail: postings that no checkpoint contains yet.
CREATE TABLE ledger_unrolled (
    tenant_id   uuid NOT NULL,
    posting_key text NOT NULL,
    PRIMARY KEY (tenant_id, posting_key)
);

CREATE TABLE ledger_checkpoints (
    tenant_id  uuid NOT NULL,
    account_id uuid NOT NULL,
    cents      bigint NOT NULL,
    PRIMARY KEY (tenant_id, account_id)
);

-- A balance is checkpoint + tail, in one snapshot.
CREATE VIEW ledger_balances WITH (security_invoker = true) AS
SELECT a.tenant_id, a.id AS account_id, a.kind, a.party, a.subject, a.currency, a.bucket,
       coalesce(c.cents, 0) + coalesce(t.cents, 0) AS cents
FROM ledger_accounts a
LEFT JOIN ledger_checkpoints c ON c.tenant_id = a.tenant_id AND c.account_id = a.id
LEFT JOIN (
    SELECT e.tenant_id, e.account_id, sum(e.cents)::bigint AS cents
    FROM ledger_unrolled u
    JOIN ledger_entries e ON e.tenant_id = u.tenant_id AND e.posting_key = u.posting_key
    GROUP BY e.tenant_id, e.account_id
) t ON t.tenant_id = a.tenant_id AND t.account_id = a.id;

-- S20: what a venue has, by bucket; credit balances shown positive.
CREATE VIEW venue_balances WITH (security_invoker = true) AS
SELECT tenant_id, party AS venue_id, currency, bucket AS balance_type, -sum(cents)::bigint AS amount_cents
FROM ledger_balances
WHERE kind = 'venue_payable'
GROUP BY tenant_id, party, currency, bucket;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY[
        'venues', 'events', 'ticket_types', 'stock', 'seats', 'quotes', 'orders', 'order_tickets',
        'stock_holds', 'payments', 'payment_attempts', 'refunds', 'disputes', 'state_moves',
        'idempotency_keys', 'outbox', 'ledger_accounts', 'ledger_postings', 'ledger_entries', 'ledger_unrolled',
        'ledger_checkpoints'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format(
            'CREATE POLICY tenant ON %I USING (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) '
            'WITH CHECK (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', t);
    END LOOP;
END
$$;

GRANT SELECT ON venues, events, ticket_types, stock, seats, quotes, orders, order_tickets, stock_holds,
    payments, payment_attempts, refunds, disputes, state_moves, idempotency_keys, outbox,
    ledger_accounts, ledger_postings, ledger_entries, ledger_unrolled, ledger_checkpoints, ledger_balances, venue_balances
    TO ticketpay_app, ticketpay_worker;
-- Append-only by grant: postings, entries, moves, messages and tickets are never changed.
GRANT INSERT ON quotes, order_tickets, state_moves, outbox, ledger_accounts, ledger_postings,
    ledger_entries, ledger_unrolled TO ticketpay_app, ticketpay_worker;
GRANT INSERT, UPDATE ON orders, stock_holds, payments, payment_attempts, refunds, disputes
    TO ticketpay_app, ticketpay_worker;
GRANT UPDATE ON stock, seats TO ticketpay_app, ticketpay_worker;
GRANT INSERT, UPDATE ON idempotency_keys TO ticketpay_app;
GRANT SELECT, DELETE ON idempotency_keys TO ticketpay_worker;
-- FOR UPDATE asks for the right to update.
GRANT UPDATE, DELETE ON ledger_unrolled TO ticketpay_worker;
GRANT INSERT, UPDATE ON ledger_checkpoints TO ticketpay_worker;

-- The machines as reference rows; tests keep them equal to the tables in the code.

INSERT INTO machine_moves (machine, from_state, event, to_state) VALUES
    ('order', 'created', 'submit', 'payment_pending'),
    ('order', 'created', 'cancel', 'cancelled'),
    ('order', 'created', 'expire', 'expired'),
    ('order', 'payment_pending', 'process', 'payment_processing'),
    ('order', 'payment_pending', 'pay', 'paid'),
    ('order', 'payment_pending', 'fail', 'payment_failed'),
    ('order', 'payment_pending', 'cancel', 'cancelled'),
    ('order', 'payment_pending', 'expire', 'expired'),
    ('order', 'payment_processing', 'pay', 'paid'),
    ('order', 'payment_processing', 'fail', 'payment_failed'),
    ('order', 'payment_processing', 'cancel', 'cancelled'),
    ('order', 'payment_processing', 'expire', 'expired'),
    ('order', 'payment_failed', 'retry', 'payment_pending'),
    ('order', 'payment_failed', 'cancel', 'cancelled'),
    ('order', 'payment_failed', 'expire', 'expired'),
    ('order', 'paid', 'issue', 'fulfilled'),
    ('order', 'paid', 'refund_part', 'partially_refunded'),
    ('order', 'paid', 'refund', 'refunded'),
    ('order', 'fulfilled', 'refund_part', 'partially_refunded'),
    ('order', 'fulfilled', 'refund', 'refunded'),
    ('order', 'partially_refunded', 'refund', 'refunded'),
    ('payment', 'pending', 'process', 'processing'),
    ('payment', 'pending', 'authorize', 'authorized'),
    ('payment', 'pending', 'complete', 'completed'),
    ('payment', 'pending', 'fail', 'failed'),
    ('payment', 'pending', 'cancel', 'cancelled'),
    ('payment', 'processing', 'process', 'processing'),
    ('payment', 'processing', 'authorize', 'authorized'),
    ('payment', 'processing', 'complete', 'completed'),
    ('payment', 'processing', 'fail', 'failed'),
    ('payment', 'processing', 'cancel', 'cancelled'),
    ('payment', 'authorized', 'authorize', 'authorized'),
    ('payment', 'authorized', 'complete', 'completed'),
    ('payment', 'authorized', 'fail', 'failed'),
    ('payment', 'authorized', 'cancel', 'cancelled'),
    ('payment', 'failed', 'fail', 'failed'),
    ('payment', 'failed', 'retry', 'processing'),
    ('payment', 'failed', 'process', 'processing'),
    ('payment', 'failed', 'authorize', 'authorized'),
    ('payment', 'failed', 'complete', 'completed'),
    ('payment', 'failed', 'cancel', 'cancelled'),
    ('payment', 'completed', 'complete', 'completed'),
    ('payment', 'cancelled', 'cancel', 'cancelled'),
    ('payment', 'cancelled', 'late_success', 'cancelled'),
    ('refund', 'pending', 'process', 'processing'),
    ('refund', 'pending', 'complete', 'completed'),
    ('refund', 'pending', 'fail', 'failed'),
    ('refund', 'processing', 'complete', 'completed'),
    ('refund', 'processing', 'fail', 'failed'),
    ('refund', 'completed', 'fail', 'failed'),
    ('order', 'partially_refunded', 'refund_part', 'partially_refunded'),
    ('order', 'partially_refunded', 'issue', 'partially_refunded'),
    ('order', 'partially_refunded', 'refund_fail', 'paid'),
    ('order', 'refunded', 'refund_fail', 'partially_refunded'),
    ('order', 'refunded', 'issue', 'refunded'),
    ('dispute', 'inquiry', 'withdraw', 'open'),
    ('dispute', 'inquiry', 'close', 'closed'),
    ('dispute', 'open', 'withdraw', 'open'),
    ('dispute', 'open', 'win', 'won'),
    ('dispute', 'open', 'lose', 'lost'),
    ('dispute', 'won', 'withdraw', 'won'),
    ('dispute', 'lost', 'withdraw', 'lost'),
    ('dispute', 'lost', 'divide', 'lost');

-- Which of how many databases this one is: tenants are spread by their id, so neither may change.
CREATE TABLE shards (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    place     integer NOT NULL CHECK (place >= 0),
    databases integer NOT NULL,
    CHECK (place < databases)
);

GRANT SELECT ON shards TO ticketpay_app, ticketpay_worker;

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

-- What operators look at: events newest first, by id, and about a payment.
CREATE INDEX webhook_inbox_received ON webhook_inbox (received_at, provider, account, event_id);
CREATE INDEX webhook_inbox_event ON webhook_inbox (event_id);
CREATE INDEX webhook_inbox_object ON webhook_inbox (object_id);
CREATE INDEX webhook_inbox_payment ON webhook_inbox (payment_id) WHERE payment_id <> '';

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

ALTER TABLE event_cancellations ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_cancellations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON event_cancellations
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT ON event_cancellations TO ticketpay_app, ticketpay_worker;
GRANT INSERT ON event_cancellations TO ticketpay_app;
GRANT UPDATE (finished_at, cursor, again) ON event_cancellations TO ticketpay_worker;
GRANT UPDATE (on_sale) ON events TO ticketpay_app;

-- Venue money: guard rows under which balances are overdrawn by nobody, and payouts.
CREATE TABLE venue_accounts (
    tenant_id        uuid NOT NULL,
    venue_id         uuid NOT NULL,
    currency         text NOT NULL,
    provider_account text NOT NULL DEFAULT '',
    postings         bigint NOT NULL DEFAULT 0,
    reserved_at      timestamptz,
    PRIMARY KEY (tenant_id, venue_id, currency),
    FOREIGN KEY (tenant_id, venue_id) REFERENCES venues
);
CREATE INDEX venue_accounts_reserved ON venue_accounts (tenant_id, reserved_at)
    WHERE reserved_at IS NOT NULL;

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

-- Subscriptions: at most one plan per venue; its row is locked while tickets under a cap are counted.
-- A wish is all of it or nothing; what pays is forgotten once it is decided.
CREATE TABLE venue_subscriptions (
    tenant_id          uuid NOT NULL,
    venue_id           uuid NOT NULL,
    id                 uuid NOT NULL,
    plan_id            text NOT NULL,
    provider_id        text NOT NULL DEFAULT '',
    state              text NOT NULL CHECK (state IN ('pending', 'active', 'past_due', 'cancelled')),
    current_period_end timestamptz NOT NULL,
    version            bigint NOT NULL,
    customer_id        text NOT NULL DEFAULT '',
    cancels_at         timestamptz,
    wish_number        bigint,
    wish_plan          text,
    wish_ends          boolean,
    wish_method        text,
    wish_asked_at      timestamptz,
    wish_key           uuid,
    wish_state         text CHECK (wish_state IN ('pending', 'waiting', 'done', 'declined')),
    wish_failure_code  text,
    wish_decline_code  text,
    wish_failure_text  text,
    PRIMARY KEY (tenant_id, venue_id),
    FOREIGN KEY (tenant_id, venue_id) REFERENCES venues,
    CONSTRAINT venue_subscriptions_wish CHECK (
        num_nulls(wish_number, wish_plan, wish_ends, wish_method, wish_asked_at, wish_key, wish_state)
            IN (0, 7)
        AND (wish_state IS NULL OR wish_state IN ('pending', 'waiting') OR wish_method = '')
        AND ((wish_state = 'declined') IS TRUE) = (wish_failure_code IS NOT NULL))
);

-- What a venue has sold in a month.
CREATE INDEX orders_venue_created ON orders (tenant_id, venue_id, created_at);

ALTER TABLE venue_subscriptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE venue_subscriptions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON venue_subscriptions
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE ON venue_subscriptions TO ticketpay_app, ticketpay_worker;

-- How many payments of a venue were completed lately: counted for every balance and every payout.
CREATE INDEX payments_venue_completed ON payments (tenant_id, venue_id, created_at)
    WHERE state = 'completed';
CREATE INDEX disputes_created ON disputes (tenant_id, created_at);

-- The tries of payments that failed: written down before they are made, with what came of them.
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

-- What waits for people: refunds for a second one, disputes for whoever gives evidence.
CREATE INDEX refunds_waiting ON refunds (tenant_id, created_at, id)
    WHERE needs_approval AND state = 'pending';
CREATE INDEX disputes_undecided ON disputes (tenant_id, created_at, id)
    WHERE state IN ('inquiry', 'open');

-- Plans that are billed: what a venue has paid for.
-- What is billed at the provider belongs to one venue for ever.
CREATE UNIQUE INDEX venue_subscriptions_provider ON venue_subscriptions (tenant_id, provider_id)
    WHERE provider_id <> '';

CREATE TABLE plan_invoices (
    tenant_id    uuid NOT NULL,
    id           text NOT NULL,
    venue_id     uuid NOT NULL,
    plan_id      text NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    currency     text NOT NULL,
    paid_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT plan_invoices_venue FOREIGN KEY (tenant_id, venue_id) REFERENCES venue_subscriptions
);
CREATE INDEX plan_invoices_of_venue ON plan_invoices (tenant_id, venue_id, paid_at, id);

ALTER TABLE plan_invoices ENABLE ROW LEVEL SECURITY;
ALTER TABLE plan_invoices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON plan_invoices
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON plan_invoices TO ticketpay_app, ticketpay_worker;

INSERT INTO machine_moves (machine, from_state, event, to_state) VALUES
    ('subscription', 'pending', 'start', 'active'),
    ('subscription', 'pending', 'fail', 'past_due'),
    ('subscription', 'pending', 'cancel', 'cancelled'),
    ('subscription', 'active', 'renew', 'active'),
    ('subscription', 'active', 'fail', 'past_due'),
    ('subscription', 'active', 'cancel', 'cancelled'),
    ('subscription', 'past_due', 'renew', 'active'),
    ('subscription', 'past_due', 'fail', 'past_due'),
    ('subscription', 'past_due', 'cancel', 'cancelled'),
    ('subscription', 'cancelled', 'cancel', 'cancelled');

-- Exchange rates: what a source says for a day, the same for all tenants.
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
