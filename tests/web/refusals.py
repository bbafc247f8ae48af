"""Sends CSRs through the page, and returns the rule by which it refuses them."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.test import Client

from tests.web.html import read
from tests.web.visitor import Visitor


def refused_by_page(client: Client, *requests: bytes, options: Mapping[str, str | int] | None = None) -> str:
    """The rule that decided when the page refused to sign these; raises AssertionError if it signed.

    `client` has signed in. Where the page carries the refused requests along, they are also marked by
    hand and sent to be signed, which has to end by the same rule.
    """
    visitor = Visitor(client)
    uploads = [(f"{number}.csr", data) for number, data in enumerate(requests)]
    review = read(visitor.check(*uploads, **(options or {})).text)
    assert review.blocking, review.text
    assert not review.values("include"), "a refused request can be marked"
    if carried := review.values("request"):
        answer = visitor.sign(review, include=[str(number) for number in range(len(carried))])
        assert answer.status_code == 422, answer.status
        assert read(answer.text).blocking[0] == review.blocking[0]
    return review.blocking[0]


def forbidden_by_page(client: Client, data: bytes) -> str:
    """Return the rule by which a signed-in viewer may not sign this valid request."""
    visitor = Visitor(client)
    review = read(visitor.check(("0.csr", data)).text)
    assert not review.blocking, review.text
    answer = visitor.sign(review, include="0")
    assert answer.status_code == 403, answer.status
    return read(answer.text).blocking[0]
