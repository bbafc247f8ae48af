"""Whether all is well: the audit log against the tables, what is published, where requests come from, doctor."""
