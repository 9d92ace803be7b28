-- fragment: entry_columns
e.id, e.at, e.actor_kind, e.actor_id, e.action, e.subject_type, e.subject_id, e.reason,
e.details, e.request_id

-- name: record
WITH recorded AS (
    INSERT INTO audit_entries (tenant_id, id, at, actor_kind, actor_id, action, subject_type,
        subject_id, reason, details, request_id)
    VALUES (%(tenant)s, %(id)s, %(at)s, %(actor_kind)s, %(actor_id)s, %(action)s, %(subject_type)s,
        %(subject_id)s, %(reason)s, %(details)s, %(request_id)s)
)
INSERT INTO audit_waiting (tenant_id, entry_id) VALUES (%(tenant)s, %(id)s)

-- name: entry
SELECT {entry_columns}
FROM audit_entries e
WHERE tenant_id = %(tenant)s AND id = %(id)s

-- name: latest_entries
SELECT {entry_columns}
FROM audit_entries e
WHERE tenant_id = %(tenant)s
ORDER BY at DESC, id DESC
LIMIT %(limit)s

-- name: waiting_entries
SELECT {entry_columns}
FROM audit_waiting w
JOIN audit_entries e ON e.tenant_id = w.tenant_id AND e.id = w.entry_id
WHERE w.tenant_id = %(tenant)s
ORDER BY e.at, e.id
LIMIT %(limit)s

-- name: lock_head
-- What is committed before the lock is had is seen by the statements after it.
INSERT INTO audit_heads AS h (tenant_id, seq, hash, checkpoints)
VALUES (%(tenant)s, 0, repeat('0', 64), 0)
ON CONFLICT (tenant_id) DO UPDATE SET seq = h.seq
RETURNING seq, hash, checkpoints

-- name: move_head
WITH moved AS (
    UPDATE audit_heads SET seq = %(seq)s, hash = %(hash)s, checkpoints = %(number)s
    WHERE tenant_id = %(tenant)s AND seq = %(before)s
    RETURNING 1
)
SELECT tp_expect(count(*), 1, 'audit_head') FROM moved

-- name: end_waiting
WITH taken AS (
    DELETE FROM audit_waiting WHERE tenant_id = %(tenant)s AND entry_id = ANY(%(ids)s::uuid[])
    RETURNING 1
)
SELECT tp_expect(count(*), %(count)s, 'audit_waiting') FROM taken

-- name: add_links
INSERT INTO audit_chain (tenant_id, seq, entry_id, hash)
SELECT %(tenant)s, l.*
FROM unnest(%(seqs)s::bigint[], %(ids)s::uuid[], %(hashes)s::text[]) AS l

-- name: add_checkpoint
INSERT INTO audit_checkpoints (tenant_id, number, seq, hash, at, key_id, seal)
VALUES (%(tenant)s, %(number)s, %(seq)s, %(hash)s, %(at)s, %(key_id)s, %(seal)s)

-- name: head
SELECT seq, hash, checkpoints FROM audit_heads WHERE tenant_id = %(tenant)s

-- name: linked
-- What the driver could not read must not hide the rest: such times are NULL, details a text.
SELECT c.seq, c.entry_id, c.hash, e.id,
       CASE WHEN e.at >= '0001-01-02Z' AND e.at < '9999-12-31Z' THEN e.at END,
       e.actor_kind, e.actor_id, e.action, e.subject_type, e.subject_id, e.reason,
       e.details::text, e.request_id
FROM audit_chain c
LEFT JOIN audit_entries e ON e.tenant_id = c.tenant_id AND e.id = c.entry_id
WHERE c.tenant_id = %(tenant)s AND c.seq > %(after)s
ORDER BY c.seq
LIMIT %(limit)s

-- name: checkpoints
SELECT number, seq, hash,
       CASE WHEN at >= '0001-01-02Z' AND at < '9999-12-31Z' THEN at ELSE 'epoch' END, key_id, seal
FROM audit_checkpoints
WHERE tenant_id = %(tenant)s
ORDER BY number

-- name: findings
WITH places AS (
    SELECT coalesce(e.id, w.entry_id) AS id, e.id IS NOT NULL AS written,
           w.entry_id IS NOT NULL AS waits,
           EXISTS (SELECT FROM audit_chain c WHERE c.tenant_id = %(tenant)s
                   AND c.entry_id = coalesce(e.id, w.entry_id)) AS chained
    FROM (SELECT id FROM audit_entries WHERE tenant_id = %(tenant)s) e
    FULL JOIN (SELECT entry_id FROM audit_waiting WHERE tenant_id = %(tenant)s) w
      ON w.entry_id = e.id
)
SELECT count(*) FILTER (WHERE waits),
       coalesce(array_agg(id ORDER BY id) FILTER (WHERE NOT written OR waits = chained), '{}')
FROM places
