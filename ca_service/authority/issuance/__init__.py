"""From CSR to certificate: one procedure, in issuance.py; the requests that wait, and the decisions on them."""
