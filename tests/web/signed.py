"""Second factors on the pages: enrolment and codes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tests.support.people import code_of
from tests.web.visitor import Visitor


def now() -> datetime:
    """Return the time of the installations on disk."""
    return datetime.now(UTC)


def enrol_app(visitor: Visitor) -> tuple[str, list[str]]:
    """Set up an authenticator app on the pages. Return its secret and the recovery codes."""
    offered = visitor.post("/account/sign-in/app")
    assert (offered.status_code, offered.location) == (303, "/account/sign-in/app")
    secret = secret_on(visitor)
    answer = visitor.post("/account/sign-in/app/confirm", {"code": code_of(secret, now())})
    assert answer.status_code == 201, answer.text
    return secret, codes_on(answer.text)


def secret_on(visitor: Visitor) -> str:
    """Return the secret shown on the page for the app."""
    found = re.search(r'id="secret"[^>]*>([A-Z2-7 ]+)<', visitor.get("/account/sign-in/app").text)
    assert found
    return found[1].replace(" ", "")


def codes_on(page: str) -> list[str]:
    """Return the recovery codes shown on a page."""
    return re.findall(r"\b[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}\b", page)


def next_code(secret: str) -> str:
    """Return a valid code other than the one used to enrol."""
    return code_of(secret, now() + timedelta(seconds=30))
