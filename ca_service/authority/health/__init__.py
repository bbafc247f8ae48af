"""The health of the installation: doctor, the audit log against the tables, what is published, where requests come from."""
