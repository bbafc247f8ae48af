"""Revocation status for relying parties: CRLs and OCSP responses."""
