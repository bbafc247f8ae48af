"""What is no longer valid: who may say so, and how relying parties learn of it."""
