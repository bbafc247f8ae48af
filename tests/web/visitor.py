"""A visitor of the pages: opens them, submits forms with their CSRF token, signs in."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import Client, TestResponse

from ca_service.authority.access.permissions import Role
from tests.support.factories import PASSWORD
from tests.support.requests import Request
from tests.web.html import Page, read

COOKIE: Final = "ca_service"
_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
Upload = tuple[str, bytes]  # file name, content


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser without JavaScript."""

    client: Client
    base_url: str = "http://localhost"

    def get(self, path: str, **options: Any) -> TestResponse:
        """Look at a page."""
        return self.client.get(path, base_url=self.base_url, buffered=True, **options)

    def page(self, path: str) -> Page:
        """Return an existing page, read."""
        response = self.get(path)
        assert response.status_code == 200, response.text
        return read(response.text)

    def post(self, path: str, data: Mapping[str, Any] | None = None, **options: Any) -> TestResponse:
        """Send a form with the token that every form carries."""
        fields = {**(data or {}), "csrf_token": self.csrf_token()}
        return self.client.post(path, data=fields, base_url=self.base_url, buffered=True, **options)

    def csrf_token(self) -> str:
        """Return the CSRF token of the current session, from the cheapest page with one.

        The page of an error has the menu with "Sign out": it takes a fifth of the time of the overview.
        """
        for path in ("/no-such-page", "/sign-in"):
            response = self.get(path, follow_redirects=True)
            if found := _TOKEN.search(response.text):
                return found[1]
        raise AssertionError(response.text)

    def sign_in(self, name: str, password: str = PASSWORD, path: str = "/sign-in") -> TestResponse:
        """Sign in with name and password."""
        return self.post(path, {"name": name, "password": password})

    def check(self, *uploads: Upload, **fields: Any) -> TestResponse:
        """Send these files, and whatever else, to be checked."""
        return self.post("/", form(uploads, fields))

    def sign(self, review: Page, **changes: Any) -> TestResponse:
        """Press the button below a review, after changing some of its fields."""
        fields = MultiDict(review.fields)
        fields.poplist("csr")
        for name, value in changes.items():
            fields.setlist(name, value if isinstance(value, list) else [value])
        return self.post("/sign", fields.to_dict(flat=False))

    def issue(self, *requests: Request, **fields: Any) -> list[str]:
        """Have these requests signed in the usual way; the serial numbers of their certificates."""
        review = self.check(*(upload(request) for request in requests), **fields)
        signed = self.sign(read(review.text))
        assert signed.status_code == 303, signed.text
        return re.findall(r"serial=([0-9a-f]{40})", signed.location)


def upload(request: Request) -> Upload:
    """Return a CSR as the file that a node provides."""
    return f"{request.name}.csr", request.data


def form(uploads: Sequence[Upload], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the form for new certificates, with files."""
    return {**fields, "csr": [(io.BytesIO(data), name) for name, data in uploads]}


def visit(app: Flask, base_url: str = "http://localhost") -> Visitor:
    """Return a visitor who has not signed in."""
    return Visitor(app.test_client(), base_url)


def sign_in(app: Flask, role: Role = Role.REQUESTER) -> Visitor:
    """Return a visitor signed in with the account named after this role."""
    visitor = visit(app)
    assert visitor.sign_in(role.value).status_code == 302
    return visitor


def carried_to(app: Flask, cookie: str) -> Visitor:
    """Return a visitor with the cookie of an earlier sign-in."""
    visitor = visit(app)
    visitor.client.set_cookie(COOKIE, cookie)
    return visitor


def cookie_of(visitor: Visitor) -> str:
    """Return the session cookie of the visitor."""
    cookie = visitor.client.get_cookie(COOKIE)
    assert cookie
    return cookie.value
