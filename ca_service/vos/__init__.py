"""What Cisco VOS nodes ask of a certificate, accept and need; pure, and product knowledge is data."""
