"""The nodes that certificates are for: clusters, their nodes, the slots of each, and where each stands."""
