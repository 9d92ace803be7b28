-- What operators look at: events newest first, by id, and about a payment; and each time a charge was sent.
CREATE INDEX webhook_inbox_received ON webhook_inbox (received_at, provider, account, event_id);
CREATE INDEX webhook_inbox_event ON webhook_inbox (event_id);
CREATE INDEX webhook_inbox_object ON webhook_inbox (object_id);
CREATE INDEX webhook_inbox_payment ON webhook_inbox (payment_id) WHERE payment_id <> '';

ALTER TABLE payment_attempts ADD COLUMN sent_again_at timestamptz[] NOT NULL DEFAULT '{}';
