"""The page of the API tells which scope of a token opens what."""

from __future__ import annotations

import re

import pytest

from tests.web.visitor import Visitor


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("POST", "/api/v1/certificates", ["submit"]),
        ("POST", "/api/v1/checks", ["check", "submit", "fleet"]),
        ("GET", "/api/v1/certificates", ["read", "fleet"]),
        ("GET", "/api/v1/token", []),
    ],
)
def test_each_operation_tells_its_scopes(visitor: Visitor, method: str, path: str, scopes: list[str]) -> None:
    cards = visitor.get("/api").text.split("<li><details")
    [card] = [card for card in cards if f'class="method">{method}</span> <code>{path}</code>' in card]
    told = re.search(r"Scope of the token</dt><dd>(.*?)</dd>", card, re.DOTALL)
    listed = re.findall(r"<li[^>]*>(\w+)</li>", told[1] if told else "")
    assert [scope for scope in listed if scope in ("check", "submit", "read", "fleet")] == scopes
