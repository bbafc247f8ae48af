"""Knows how a request is sent through the API, and by which rule it is refused there."""

from __future__ import annotations

from werkzeug.test import Client


def refused_by_api(client: Client, token: str, data: bytes) -> str:
    """The rule that decided when the API refused to sign this; raises AssertionError if it signed."""
    answer = client.post("/api/v1/certificates", data=data, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code >= 400, answer.data
    errors = answer.get_json()["errors"]
    return str(next(error["rule"] for error in errors if error["severity"] == "blocking"))
