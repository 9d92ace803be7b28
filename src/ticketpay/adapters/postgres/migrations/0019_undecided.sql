-- What waits for people: refunds for a second one, disputes for whoever gives evidence.
CREATE INDEX refunds_waiting ON refunds (tenant_id, created_at, id)
    WHERE needs_approval AND state = 'pending';
CREATE INDEX disputes_undecided ON disputes (tenant_id, created_at, id)
    WHERE state IN ('inquiry', 'open');
