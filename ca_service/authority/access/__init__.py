"""Permissions: roles and actions, grants of tokens, allowed names, credentials."""
