"""Notices: expirations, the notices about them, their delivery, and calendar feeds."""
