-- Since when a venue's reserve has been there; whoever has an account already is looked at once.
ALTER TABLE venue_accounts ADD COLUMN reserved_at timestamptz DEFAULT '2000-01-01 00:00:00+00';
ALTER TABLE venue_accounts ALTER COLUMN reserved_at DROP DEFAULT;
CREATE INDEX venue_accounts_reserved ON venue_accounts (tenant_id, reserved_at)
    WHERE reserved_at IS NOT NULL;
