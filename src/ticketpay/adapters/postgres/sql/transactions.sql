-- name: locals
-- For the transaction alone: what a session is told would be lost, or found by others.
SELECT set_config('app.tenant_id', %(tenant)s, true), set_config('statement_timeout', '10s', true),
       set_config('idle_in_transaction_session_timeout', '60s', true)

-- name: act_for
SELECT set_config('app.tenant_id', %(tenant)s, true)

-- name: ping
SELECT 1
