"""The health of the installation: doctor, log against tables, what is published, where requests come from."""
