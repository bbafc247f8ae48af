"""The use cases: who may have which certificate. Imports certificates, VOS knowledge and its own ports only."""
