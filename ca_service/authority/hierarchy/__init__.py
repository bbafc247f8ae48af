"""Root and intermediate: creation, import, external root, root key, the next intermediate."""
