"""Root and intermediate: creation, import, external root, root key."""
