"""What relying parties fetch: CRLs and OCSP responses."""
