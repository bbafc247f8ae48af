"""The fleet: clusters, their nodes, and the slots of each node with their states."""
