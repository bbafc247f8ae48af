"""Tests of the client of the certificate management API."""
