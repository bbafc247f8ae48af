"""Emulated Cisco nodes, for training, demonstrations and tests: certificate API, command line, a served port."""
