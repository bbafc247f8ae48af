"""SQL: tables, stores, transactions, migrations. Stores take and return frozen records."""
