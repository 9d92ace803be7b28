-- name: add
INSERT INTO quotes (tenant_id, id, user_id, event_id, type_ids, seat_types, seats, document, expires_at)
VALUES (%(tenant)s, %(id)s, %(user)s, %(event)s, %(types)s, %(seat_types)s, %(seats)s, %(document)s,
        %(expires_at)s)

-- name: get
SELECT document FROM quotes WHERE tenant_id = %(tenant)s AND id = %(id)s
