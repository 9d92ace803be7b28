-- name: newest
SELECT source, day, currency, units
FROM exchange_rates
WHERE (day, source) = (
    SELECT day, source FROM exchange_rates
    WHERE day <= %(until)s
    ORDER BY day DESC, loaded_at DESC, source
    LIMIT 1
)

-- name: of
SELECT source, day, currency, units
FROM exchange_rates
WHERE source = %(source)s AND day = %(day)s

-- name: listed
SELECT r.source, r.day, r.currency, r.units
FROM (
    SELECT DISTINCT day, source, loaded_at FROM exchange_rates
    ORDER BY day DESC, loaded_at DESC, source
    LIMIT %(limit)s
) t
JOIN exchange_rates r ON r.day = t.day AND r.source = t.source
ORDER BY t.day DESC, t.loaded_at DESC, t.source

-- name: load
-- What is there stays: whoever loads reads it again and compares.
INSERT INTO exchange_rates (day, source, currency, units, loaded_at)
SELECT %(day)s, %(source)s, r.currency, r.units, %(at)s
FROM unnest(%(currencies)s::text[], %(units)s::bigint[]) AS r (currency, units)
ON CONFLICT DO NOTHING
