-- name: one_at_a_time
-- Two migrators at once: the second waits here and then finds nothing to do.
SELECT pg_advisory_xact_lock(7_305_010)

-- name: make_history
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: applied
SELECT sha256 FROM schema_migrations WHERE name = %(name)s

-- name: add_applied
INSERT INTO schema_migrations (name, sha256) VALUES (%(name)s, %(sha256)s)

-- name: role
-- Whether row-level security is void for the role: it owns tables, or is above policies.
SELECT rolsuper OR rolbypassrls OR EXISTS (
           SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'public' AND pg_has_role(c.relowner, 'USAGE')),
       current_user
FROM pg_roles WHERE rolname = current_user
