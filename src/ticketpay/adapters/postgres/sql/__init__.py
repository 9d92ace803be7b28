"""The SQL of the adapter: named statements in ``.sql`` files, one file per context."""
