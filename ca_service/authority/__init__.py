"""The use cases: who may have which certificate. Sees certificates, VOS knowledge and its own ports only."""
