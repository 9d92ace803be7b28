-- fragment: event_columns
provider, account, event_id, event_type, object_id, tenant_id, payment_id, status, attempts,
note, received_at, processed_at

-- fragment: stream_columns
tenant_id, aggregate_type, aggregate_id, next_seq - 1 AS messages, delivered_seq, attempts,
parked_at IS NOT NULL AS parked, last_error

-- name: claim_key
WITH claimed AS (
    INSERT INTO idempotency_keys AS k (tenant_id, user_id, key, request_hash, epoch, locked_until, created_at)
    VALUES (%(tenant)s, %(user)s, %(key)s, %(hash)s, 1, %(until)s, %(now)s)
    ON CONFLICT (tenant_id, user_id, key) DO UPDATE
    SET epoch = k.epoch + 1, locked_until = excluded.locked_until
    WHERE k.request_hash = excluded.request_hash AND k.finished_at IS NULL
      AND k.locked_until <= %(now)s
    RETURNING epoch, payment_id
)
SELECT true, epoch, payment_id, NULL::text, NULL::text, NULL::json FROM claimed
UNION ALL
SELECT false, epoch, payment_id, request_hash, outcome, body
FROM idempotency_keys
WHERE tenant_id = %(tenant)s AND user_id = %(user)s AND key = %(key)s
  AND NOT EXISTS (SELECT FROM claimed)

-- name: lock_key
SELECT epoch = %(epoch)s FROM idempotency_keys
WHERE tenant_id = %(tenant)s AND user_id = %(user)s AND key = %(key)s
FOR UPDATE

-- name: advance_key
WITH moved AS (
    UPDATE idempotency_keys SET payment_id = %(payment)s
    WHERE tenant_id = %(tenant)s AND user_id = %(user)s AND key = %(key)s AND epoch = %(epoch)s
      AND finished_at IS NULL
    RETURNING 1
)
SELECT tp_expect(count(*), 1, 'idempotency_epoch') FROM moved

-- name: finish_key
WITH finished AS (
    UPDATE idempotency_keys
    SET outcome = %(outcome)s, body = %(body)s, finished_at = %(now)s
    WHERE tenant_id = %(tenant)s AND user_id = %(user)s AND key = %(key)s AND epoch = %(epoch)s
      AND finished_at IS NULL
    RETURNING 1
)
SELECT tp_expect(count(*), 1, 'idempotency_epoch') FROM finished

-- name: release_key
UPDATE idempotency_keys SET locked_until = %(now)s
WHERE tenant_id = %(tenant)s AND user_id = %(user)s AND key = %(key)s AND epoch = %(epoch)s
  AND finished_at IS NULL

-- name: purge_keys
-- Asked of the row itself as well: who waits for a claim on it must see that it is in use.
WITH gone AS (
    DELETE FROM idempotency_keys
    WHERE tenant_id = %(tenant)s AND coalesce(finished_at, locked_until) < %(before)s
      AND (user_id, key) IN (SELECT user_id, key FROM idempotency_keys
                             WHERE tenant_id = %(tenant)s AND created_at < %(before)s
                               AND coalesce(finished_at, locked_until) < %(before)s
                             ORDER BY created_at
                             LIMIT %(limit)s)
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: emit
-- The stream's row lock makes sequence order commit order; a claim on the stream is not disturbed.
WITH head AS (
    INSERT INTO outbox_streams AS s (tenant_id, aggregate_type, aggregate_id, next_seq, due_at)
    VALUES (%(tenant)s, %(kind)s, %(id)s, 2, %(due_at)s)
    ON CONFLICT (tenant_id, aggregate_type, aggregate_id) DO UPDATE
    SET next_seq = s.next_seq + 1, due_at = coalesce(s.due_at, excluded.due_at)
    RETURNING next_seq
)
INSERT INTO outbox (tenant_id, aggregate_type, aggregate_id, seq, id, type, payload, occurred_at)
SELECT %(tenant)s, %(kind)s, %(id)s, head.next_seq - 1, %(message)s, %(type)s, %(payload)s, %(at)s
FROM head

-- name: pending
SELECT seq, id, type, payload, occurred_at
FROM outbox
WHERE tenant_id = %(tenant)s AND aggregate_type = %(kind)s AND aggregate_id = %(id)s
  AND seq > %(after)s
ORDER BY seq
LIMIT %(limit)s

-- name: claim_streams
UPDATE outbox_streams s
SET epoch = s.epoch + 1, claimed_until = %(until)s
FROM (
    SELECT tenant_id, aggregate_type, aggregate_id, due_at
    FROM outbox_streams
    WHERE due_at <= %(now)s AND parked_at IS NULL
      AND (claimed_until IS NULL OR claimed_until <= %(now)s)
    ORDER BY due_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) d
WHERE s.tenant_id = d.tenant_id AND s.aggregate_type = d.aggregate_type
  AND s.aggregate_id = d.aggregate_id
RETURNING d.due_at, s.tenant_id, s.aggregate_type, s.aggregate_id, s.epoch, s.delivered_seq, s.attempts

-- name: lock_streams
SELECT s.tenant_id, s.aggregate_type, s.aggregate_id
FROM outbox_streams s
JOIN unnest(%(tenants)s::uuid[], %(kinds)s::text[], %(ids)s::uuid[], %(epochs)s::bigint[])
     AS c (tenant_id, aggregate_type, aggregate_id, epoch)
  ON s.tenant_id = c.tenant_id AND s.aggregate_type = c.aggregate_type
 AND s.aggregate_id = c.aggregate_id AND s.epoch = c.epoch
ORDER BY s.tenant_id, s.aggregate_type, s.aggregate_id
FOR UPDATE OF s

-- name: delivered
UPDATE outbox_streams
SET attempts = CASE WHEN delivered_seq < %(seq)s THEN 0 ELSE attempts END,
    delivered_seq = %(seq)s, claimed_until = NULL, last_error = '',
    due_at = CASE WHEN next_seq - 1 > %(seq)s THEN %(now)s::timestamptz END
WHERE tenant_id = %(tenant)s AND aggregate_type = %(kind)s AND aggregate_id = %(id)s

-- name: failed
UPDATE outbox_streams
SET attempts = CASE WHEN delivered_seq < %(seq)s THEN 1 ELSE attempts + 1 END,
    delivered_seq = %(seq)s, claimed_until = NULL, last_error = %(error)s,
    due_at = coalesce(%(due_at)s::timestamptz, %(now)s::timestamptz),
    parked_at = CASE WHEN %(due_at)s::timestamptz IS NULL THEN %(now)s::timestamptz END
WHERE tenant_id = %(tenant)s AND aggregate_type = %(kind)s AND aggregate_id = %(id)s

-- name: replay
WITH again AS (
    UPDATE outbox_streams SET parked_at = NULL, attempts = 0, due_at = %(now)s, epoch = epoch + 1
    WHERE tenant_id = %(tenant)s AND aggregate_type = %(kind)s AND aggregate_id = %(id)s
      AND parked_at IS NOT NULL
    RETURNING 1
)
SELECT count(*) FROM again

-- name: parked
SELECT tenant_id, aggregate_type, aggregate_id, last_error
FROM outbox_streams
WHERE parked_at IS NOT NULL
ORDER BY parked_at

-- name: store_event
WITH stored AS (
    INSERT INTO webhook_inbox (provider, account, event_id, event_type, object_id, tenant_id,
        payment_id, payload, signature, status, due_at, received_at)
    VALUES (%(provider)s, %(account)s, %(event_id)s, %(event_type)s, %(object_id)s, %(tenant_text)s,
        %(payment_text)s, %(payload)s, %(signature)s, %(status)s, %(received_at)s, %(received_at)s)
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM stored

-- name: owner
SELECT tenant_id::text, payment_id::text
FROM provider_refs
WHERE provider = %(provider)s AND account = %(account)s AND object_id = %(object)s

-- name: claim_events
UPDATE webhook_inbox w
SET epoch = w.epoch + 1, attempts = w.attempts + 1, claimed_until = %(until)s
FROM (
    SELECT i.provider, i.account, i.event_id, i.received_at, r.tenant_id, r.payment_id
    FROM webhook_inbox i
    LEFT JOIN provider_refs r
      ON r.provider = i.provider AND r.account = i.account AND r.object_id = i.object_id
    WHERE i.status = 'received' AND i.due_at <= %(now)s
      AND (i.claimed_until IS NULL OR i.claimed_until <= %(now)s)
    ORDER BY i.due_at
    LIMIT %(limit)s
    FOR UPDATE OF i SKIP LOCKED
) d
WHERE w.provider = d.provider AND w.account = d.account AND w.event_id = d.event_id
RETURNING w.provider, w.account, w.event_id, w.event_type, w.object_id, w.tenant_id, w.payment_id,
          w.payload, w.signature, w.status, w.received_at, w.epoch, w.attempts,
          coalesce(d.tenant_id::text, nullif(w.tenant_id, '')),
          coalesce(d.payment_id::text, nullif(w.payment_id, ''))

-- name: lock_event
SELECT epoch = %(epoch)s AND status = 'received'
FROM webhook_inbox
WHERE provider = %(provider)s AND account = %(account)s AND event_id = %(event_id)s
FOR UPDATE

-- name: finish_event
UPDATE webhook_inbox
SET status = %(status)s, note = %(note)s, processed_at = %(now)s, claimed_until = NULL
WHERE provider = %(provider)s AND account = %(account)s AND event_id = %(event_id)s
  AND epoch = %(epoch)s

-- name: retry_event
UPDATE webhook_inbox
SET due_at = %(due_at)s, note = %(error)s, claimed_until = NULL
WHERE provider = %(provider)s AND account = %(account)s AND event_id = %(event_id)s
  AND epoch = %(epoch)s

-- name: list_events
SELECT {event_columns}
FROM webhook_inbox
WHERE (%(status)s = '' OR status = %(status)s)
  AND (received_at, provider, account, event_id)
      < (%(received_at)s::timestamptz, %(provider)s, %(account)s, %(event_id)s)
ORDER BY received_at DESC, provider DESC, account DESC, event_id DESC
LIMIT %(limit)s

-- name: event
SELECT {event_columns}
FROM webhook_inbox
WHERE event_id = %(event_id)s
ORDER BY provider, account
LIMIT 1

-- name: events_about
SELECT {event_columns}
FROM webhook_inbox
WHERE (payment_id = %(payment)s AND payment_id <> '')
   OR (object_id = %(object)s AND %(object)s <> '')
ORDER BY received_at, event_id

-- name: replay_event
WITH freed AS (
    UPDATE webhook_inbox
    SET status = 'received', attempts = 0, note = '', due_at = %(now)s, claimed_until = NULL,
        processed_at = NULL, epoch = epoch + 1
    WHERE event_id = %(event_id)s AND status = 'dead' AND tenant_id IN ('', %(tenant_text)s)
    RETURNING 1
)
SELECT count(*) FROM freed

-- name: stream
SELECT {stream_columns}
FROM outbox_streams
WHERE tenant_id = %(tenant)s AND aggregate_type = %(kind)s AND aggregate_id = %(id)s

-- name: list_streams
SELECT {stream_columns}
FROM outbox_streams
WHERE tenant_id = %(tenant)s AND (aggregate_type, aggregate_id) > (%(kind)s, %(id)s)
  AND (%(only)s = '' OR aggregate_type = %(only)s)
ORDER BY aggregate_type, aggregate_id
LIMIT %(limit)s

-- name: set_timer
-- A timer that was cleared and set again must not meet the epoch of an old claim.
INSERT INTO timers AS t (tenant_id, kind, subject_id, due_at, epoch)
VALUES (%(tenant)s, %(kind)s, %(subject)s, %(due_at)s, (random() * 1e15)::bigint)
ON CONFLICT (tenant_id, kind, subject_id) DO UPDATE
SET due_at = excluded.due_at, claimed_until = NULL, epoch = t.epoch + 1, attempts = 0, last_error = ''

-- name: clear_timer
DELETE FROM timers WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND subject_id = %(subject)s

-- name: claim_timers
UPDATE timers t
SET epoch = t.epoch + 1, claimed_until = %(until)s
FROM (
    SELECT tenant_id, kind, subject_id, due_at
    FROM timers
    WHERE due_at <= %(now)s AND (claimed_until IS NULL OR claimed_until <= %(now)s)
    ORDER BY due_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) d
WHERE t.tenant_id = d.tenant_id AND t.kind = d.kind AND t.subject_id = d.subject_id
RETURNING d.due_at, t.tenant_id, t.kind, t.subject_id, t.epoch, t.attempts

-- name: lock_timer
SELECT epoch = %(epoch)s FROM timers
WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND subject_id = %(subject)s
FOR UPDATE

-- name: postpone_timer
UPDATE timers
SET due_at = %(due_at)s, claimed_until = NULL, attempts = attempts + 1, last_error = %(error)s
WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND subject_id = %(subject)s AND epoch = %(epoch)s
