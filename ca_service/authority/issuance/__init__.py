"""Requests that somebody has submitted, and what was decided about them."""
