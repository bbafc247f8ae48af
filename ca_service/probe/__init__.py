"""Checks from outside, as relying parties see the service. Connects only to addresses of this installation."""
