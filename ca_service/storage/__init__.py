"""SQL, and nothing else: tables, stores, transactions, migrations; hands out frozen values."""
