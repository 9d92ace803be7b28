-- name: take
INSERT INTO shards (place, databases) VALUES (%(place)s, %(databases)s) ON CONFLICT DO NOTHING

-- name: taken
SELECT place, databases FROM shards
