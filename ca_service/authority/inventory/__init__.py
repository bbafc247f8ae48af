"""The inventory: issued certificates, their search, and their expirations."""
