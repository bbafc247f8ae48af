"""Channels for messages: mail and webhook, only to the addresses in the settings."""
