-- Sales whose tax could not be asked for: they are to be calculated again, so they must be found.
ALTER TABLE orders ADD COLUMN tax_estimated boolean NOT NULL DEFAULT false;
CREATE INDEX orders_tax_estimated ON orders (tenant_id, created_at, id) WHERE tax_estimated;
