"""Sends CSRs through the API, and returns the rule by which it refuses them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from werkzeug.test import Client


def refused_by_api(client: Client, token: str, *requests: bytes, options: Mapping[str, str | int] | None = None) -> str:
    """The rule that decided when the API refused to sign these; raises AssertionError if it signed.

    One request is the body itself, several are the parts of a form.
    """
    answer = client.post(
        "/api/v1/certificates",
        data=_body(requests),
        query_string=dict(options or {}),
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code >= 400, answer.data
    errors = answer.get_json()["errors"]
    return str(next(error["rule"] for error in errors if error["severity"] == "error"))


def found_by_api(client: Client, token: str, data: bytes) -> str:
    """The first rule that the check of the API has against this; raises AssertionError if it would be signed."""
    answer = client.post("/api/v1/checks", data=data, headers={"Authorization": f"Bearer {token}"})
    (check,) = answer.get_json()["checks"]
    assert (answer.status_code, check["accepted"]) == (200, False)
    return str(next(found["rule"] for found in check["findings"] if found["severity"] == "error"))


def _body(requests: tuple[bytes, ...]) -> Any:
    if len(requests) == 1:
        return requests[0]
    return {"csr": [(io.BytesIO(data), f"{number}.csr") for number, data in enumerate(requests)]}
