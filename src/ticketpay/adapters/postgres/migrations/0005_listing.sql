-- Lists of sales: keyset pages by buyer and by venue, and the refunds of a payment.
CREATE INDEX payments_user_created ON payments (tenant_id, user_id, created_at, id);
CREATE INDEX payments_venue_created ON payments (tenant_id, venue_id, created_at, id);
CREATE INDEX refunds_payment ON refunds (tenant_id, payment_id);
