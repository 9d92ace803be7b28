-- Which of how many databases this one is: tenants are spread by their id, so neither may change.
CREATE TABLE shards (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    place     integer NOT NULL CHECK (place >= 0),
    databases integer NOT NULL,
    CHECK (place < databases)
);

GRANT SELECT ON shards TO ticketpay_app, ticketpay_worker;
