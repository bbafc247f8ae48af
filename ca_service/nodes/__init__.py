"""The certificate management API of Cisco nodes, as its client."""
