-- How many payments of a venue were completed lately: counted for every balance and every payout.
CREATE INDEX payments_venue_completed ON payments (tenant_id, venue_id, created_at)
    WHERE state = 'completed';
CREATE INDEX disputes_created ON disputes (tenant_id, created_at);
