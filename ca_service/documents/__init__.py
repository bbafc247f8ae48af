"""The JSON that scripts read: one pydantic model for each noun, for the API, its OpenAPI description and `--json`."""
