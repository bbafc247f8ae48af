"""Whatever a person types or uploads, no answer is above 499."""

from __future__ import annotations

import io
from typing import Any, Final

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ca_service import web
from ca_service.authority.access.permissions import Role
from tests.support.factories import Lab
from tests.support.requests import UCCX_PUBLISHER
from tests.web.conftest import Made
from tests.web.html import read
from tests.web.visitor import Visitor, carried_to, visit

#: Text as browsers can send it: anything but half of a surrogate pair.
ANY_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
NUMBERS: Final = st.integers().map(str)
WORDS: Final = st.sampled_from(
    ["vos", "server", "true", "0", "1", "newest", "host", "zip", UCCX_PUBLISHER.data.decode()]
)
TEXT: Final = ANY_TEXT | NUMBERS | WORDS
#: Noise, and a request with some noise in it.
BYTES: Final = st.binary(max_size=300) | st.builds(
    lambda place, noise: UCCX_PUBLISHER.data[:place] + noise + UCCX_PUBLISHER.data[place + len(noise) :],
    st.integers(0, len(UCCX_PUBLISHER.data)),
    st.binary(max_size=20),
)
examples = settings(max_examples=60)


def fields(*names: str) -> SearchStrategy[dict[str, list[str]]]:
    """A form in which each field stands as often as it likes."""
    return st.fixed_dictionaries({}, optional={name: st.lists(TEXT, max_size=3) for name in names})


FORMS: Final = {
    "/account/tokens": fields("label", "days", "scopes", "names", "profiles", "networks"),
    "/account/password": fields("old", "password", "repeated"),
    "/account/sign-in/app/confirm": fields("code"),
    "/account/sign-in/passkeys": fields("label", "credential"),
}


@examples
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_small_forms_take_any_text(steady: Visitor, path: str, data: st.DataObject) -> None:
    answer = steady.post(path, data.draw(FORMS[path]))

    assert answer.status_code in (201, 303, 409, 422)


@examples
@given(fields("confirm_password", "confirm_code", "confirm_credential", "confirm_resend", "next", "label"))
def test_the_form_that_confirms_takes_any_text(steady: Visitor, typed: dict[str, Any]) -> None:
    assert steady.post("/confirm", typed).status_code in (401, 429)


@examples
@given(st.sampled_from(["/sign-in/passkey", "/sign-in/second-step"]), fields("credential", "code"))
def test_the_other_ways_in_take_any_text(steady_app: Flask, path: str, typed: dict[str, Any]) -> None:
    assert visit(steady_app).post(path, typed).status_code in (302, 401, 429)


@pytest.fixture(scope="module")
def manager(steady_app: Flask, made: Made) -> Visitor:
    """An administrator in front of it."""
    return carried_to(steady_app, made.cookies[Role.ADMINISTRATOR])


@examples
@given(TEXT, st.sampled_from(["/account/people", "/account/people/{}/{}", "/account/people/requester/role"]), st.data())
def test_the_forms_for_people_take_any_text(manager: Visitor, part: str, path: str, data: st.DataObject) -> None:
    typed = data.draw(fields("name", "role"))
    assert manager.post(path.format(part, part), typed).status_code < 500


@examples
@given(fields("q", "sort", "cursor", "done"))
def test_the_list_of_people_takes_any_query(manager: Visitor, query: dict[str, Any]) -> None:
    assert manager.get("/account/people", query_string=query).status_code < 500


@examples
@given(fields("name", "password", "next"))
def test_the_sign_in_form_takes_any_text(steady_app: Flask, typed: dict[str, Any]) -> None:
    answer = visit(steady_app).post("/sign-in", typed)

    assert answer.status_code in (200, 401, 429)


@pytest.fixture(scope="module")
def unused() -> tuple[Visitor, str]:
    """Return a visitor with an unused setup link."""
    lab = Lab().initialised()
    secret = lab.accounts.make_setup_link()
    return visit(web.create(lab, web.WebOptions(secret_key="x" * 32))), f"/setup/{secret}"


@examples
@given(fields("name", "password", "repeated"))
def test_the_set_up_form_takes_any_text(unused: tuple[Visitor, str], typed: dict[str, Any]) -> None:
    visitor, path = unused
    answer = visitor.post(path, typed)

    assert answer.status_code in (302, 404, 422)


@examples
@given(
    st.sampled_from(["/", "/sign"]),
    st.lists(st.tuples(BYTES, ANY_TEXT), max_size=3),
    fields("text", "label", "request", "include", "profile", "validity_days", "new", "add_host_name"),
)
def test_the_form_for_new_certificates_takes_any_file_and_any_text(
    steady: Visitor, path: str, files: list[tuple[bytes, str]], typed: dict[str, Any]
) -> None:
    answer = steady.post(path, {**typed, "csr": [(io.BytesIO(data), name) for data, name in files]})

    assert answer.status_code < 500
    read(answer.text)


@examples
@given(
    st.sampled_from(
        ["/certificates", "/issued", "/issued/download", "/sign-in", "/account", "/account/sign-in", "/confirm", "/ca/"]
    ),
    fields("q", "sort", "cursor", "serial", "next", "changed", "format"),
)
def test_addresses_take_any_query(steady: Visitor, path: str, query: dict[str, Any]) -> None:
    assert steady.get(path, query_string=query).status_code < 500


@examples
@given(
    st.sampled_from(
        [
            "/certificates/{}",
            "/certificates/{}/files/{}",
            "/certificates/{}/download",
            "/ca/{}",
            "/setup/{}",
            "/welcome/{}",
            "/{}",
        ]
    ),
    TEXT,
)
def test_addresses_may_be_anything(steady: Visitor, template: str, part: str) -> None:
    assert steady.get(template.format(part, part)).status_code < 500


@examples
@given(
    st.binary(max_size=300), st.sampled_from(["multipart/form-data; boundary=x", "multipart/form-data", "text/plain"])
)
def test_a_body_may_be_no_form(steady: Visitor, body: bytes, content_type: str) -> None:
    answer = steady.client.post("/", data=b"--x\r\n" + body, content_type=content_type)

    assert answer.status_code < 500


@examples
@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60))
def test_headers_may_be_anything(steady: Visitor, value: str) -> None:
    names = ("Accept-Language", "Referer", "If-None-Match", "User-Agent", "Authorization", "X-Forwarded-For", "Range")
    for path in ("/sign-in", "/ca/root.pem", "/api/v1/authority"):
        assert steady.get(path, headers=dict.fromkeys(names, value)).status_code < 500
