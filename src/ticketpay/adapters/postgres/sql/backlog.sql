-- name: backlog
-- Each part reads one end of an index, or at most 1,000 of its entries.
WITH oldest AS (
    SELECT (SELECT min(due_at) FROM outbox_streams WHERE due_at IS NOT NULL AND parked_at IS NULL) AS stream,
           (SELECT received_at FROM webhook_inbox WHERE status = 'received' ORDER BY due_at LIMIT 1) AS event,
           (SELECT min(due_at) FROM timers) AS timer
)
SELECT coalesce(greatest(extract(epoch FROM %(now)s::timestamptz - stream), 0), 0),
       coalesce(greatest(extract(epoch FROM %(now)s::timestamptz - event), 0), 0),
       coalesce(greatest(extract(epoch FROM %(now)s::timestamptz - timer), 0), 0),
       (SELECT count(*) FROM (SELECT FROM outbox_streams WHERE parked_at IS NOT NULL LIMIT 1000) p),
       (SELECT count(*) FROM (SELECT FROM webhook_inbox WHERE status = 'dead' LIMIT 1000) d)
FROM oldest
