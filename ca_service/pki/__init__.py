"""Certificates as such: pure functions on frozen values, without clock, disk, network or database."""
