"""Tables, transactions, and what differs between SQLite and PostgreSQL."""
