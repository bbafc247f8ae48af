"""Requirements of Cisco VOS nodes: what they request, accept and need. Pure; facts about products are data."""
