"""A part of a form that has no name is the fault of the client, wherever it is sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from tests.support.factories import OPERATOR
from tests.web.conftest import Made
from tests.web.visitor import Visitor, carried_to, visit

FIELD = b"Content-Disposition: form-data"
FILE = b'Content-Disposition: form-data; filename="a.csr"'
HEADS = pytest.mark.parametrize("head", [FIELD, FILE], ids=["field", "file"])
WITHOUT_DISPOSITION = b"Content-Type: text/plain"
SIGN_IN = ("/sign-in", "/sign-in/passkey")


def addresses(app: Flask) -> Iterator[str]:
    """The address of each page that takes a form, with 1 in its places."""
    for rule in app.url_map.iter_rules():
        if rule.methods and "POST" in rule.methods and rule.endpoint.startswith("pages."):
            yield "/".join("1" if part.startswith("<") else part for part in rule.rule.split("/"))


def send(visitor: Visitor, address: str, head: bytes) -> int:
    """The status of the answer to a form with this part alone."""
    body = b"--x\r\n" + head + b"\r\n\r\nvalue\r\n--x--\r\n"
    answer = visitor.client.post(address, data=body, content_type="multipart/form-data; boundary=x")
    return answer.status_code


@HEADS
def test_before_signing_in_each_page_says_so_or_asks_to_sign_in(app: Flask, head: bytes) -> None:
    found = {address: send(visit(app), address, head) for address in addresses(app)}

    assert set(found.values()) == {302, 400}
    assert {found[address] for address in SIGN_IN} == {400}


@HEADS
def test_after_signing_in_each_page_says_so(app: Flask, made: Made, head: bytes) -> None:
    visitor = carried_to(app, made.cookies[Role.ADMINISTRATOR])

    assert {address: send(visitor, address, head) for address in addresses(app)} == dict.fromkeys(addresses(app), 400)


@pytest.mark.parametrize("address", SIGN_IN)
def test_a_part_without_a_disposition_is_no_crash(visitor: Visitor, address: str) -> None:
    assert send(visitor, address, WITHOUT_DISPOSITION) == 400


@HEADS
def test_the_page_names_the_rule(visitor: Visitor, head: bytes) -> None:
    body = b"--x\r\n" + head + b"\r\n\r\nvalue\r\n--x--\r\n"
    answer = visitor.client.post("/sign-in", data=body, content_type="multipart/form-data; boundary=x")

    assert "form.part-name" in answer.text


NAMED = b'--x\r\nContent-Disposition: form-data; name="csr"; filename="'
UNREADABLE = {
    "no boundary": ("multipart/form-data", NAMED + b'a"\r\n\r\nvalue\r\n--x--\r\n', "form.unreadable"),
    "another boundary": ("multipart/form-data; boundary=y", NAMED + b'a"\r\n\r\nvalue\r\n--x--\r\n', "form.unreadable"),
    "cut off": ("multipart/form-data; boundary=x", b"--x\r\n" + FIELD + b"; name=csr\r\n\r\nvalue", "form.unreadable"),
    "a name in Shift JIS": (
        "multipart/form-data; boundary=x",
        NAMED + "\u8a3c\u660e.csr".encode("cp932") + b'"\r\n\r\nvalue\r\n--x--\r\n',
        "form.file-name",
    ),
}


@pytest.mark.parametrize(("kind", "body", "rule"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("address", ["/", "/sign-in", "/api/v1/checks"])
def test_a_form_that_cannot_be_read_is_not_read_as_an_empty_one(
    requester: Visitor, installation: Installation, address: str, kind: str, body: bytes, rule: str
) -> None:
    """curl on a Windows computer in Japan writes the name of a file in Shift JIS."""
    token = installation.tokens.create(OPERATOR, "requester", "test", 1).secret
    headers = {"Authorization": f"Bearer {token}"} if address.startswith("/api") else {}
    answer = requester.client.post(address, data=body, content_type=kind, headers=headers)

    assert answer.status_code == 400
    assert rule in answer.text
