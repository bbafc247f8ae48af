"""Custody of private keys: callers get signatures, never keys."""
