"""Knows how a request is sent through the page, and by which rule it is refused there."""

from __future__ import annotations

from werkzeug.test import Client

from tests.web.html import read
from tests.web.visitor import Visitor


def refused_by_page(client: Client, data: bytes) -> str:
    """The rule that decided when the page refused to sign this; raises AssertionError if it signed.

    `client` has signed in. Where the page carries the refused request along, it is also marked by
    hand and sent to be signed, which has to end by the same rule.
    """
    visitor = Visitor(client)
    review = read(visitor.check(("request.csr", data)).text)
    assert review.blocking, review.text
    assert not review.values("include"), "a refused request can be marked"
    if review.values("request"):
        answer = visitor.sign(review, include="0")
        assert answer.status_code == 422, answer.status
        assert read(answer.text).blocking[0] == review.blocking[0]
    return review.blocking[0]
