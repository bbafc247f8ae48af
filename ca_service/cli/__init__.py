"""The `ca-service` command: one module per noun, for people at a terminal and for scripts."""
