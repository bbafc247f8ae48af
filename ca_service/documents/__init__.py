"""What people's scripts read: one pydantic model for each noun, used by the API, its OpenAPI description and `--json`."""
