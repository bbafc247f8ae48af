"""Revocation: leaves and authorities that are revoked, put on hold or released."""
