"""Will the node accept it? Files and pasted text, the answer, and nothing that was typed is lost."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings

from ca_service import clock
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.fit_checks import FitChecks
from ca_service.vos.fit import Files
from tests.support import spoiled
from tests.support.fakes import FixedClock
from tests.support.requests import UCCX_PUBLISHER
from tests.support.spoiled import SPOILED
from tests.web.html import read
from tests.web.test_any_input import fields
from tests.web.visitor import Visitor


@pytest.fixture
def fit_clock() -> FixedClock:
    """The time of the fit checks: the certificates of the test are made for noon."""
    return FixedClock()


@pytest.fixture
def installation(installation: Installation, fit_clock: FixedClock) -> Installation:
    """The installation, with this time for the fit checks."""
    return replace(installation, fit_checks=FitChecks(fit_clock))


def file(data: bytes, name: str = "x.pem") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def uploads(of: Files) -> dict[str, Any]:
    assert of.csr is not None
    return {"csr": file(of.csr), "certificate": file(of.certificate), "chain": [file(each) for each in of.chain]}


def pasted(of: Files) -> dict[str, Any]:
    assert of.csr is not None
    chain = b"".join(of.chain).decode()
    return {"csr_text": of.csr.decode(), "certificate_text": of.certificate.decode(), "chain_text": chain}


@pytest.mark.parametrize(("make", "rule"), [row[1:] for row in SPOILED], ids=[row[0] for row in SPOILED])
@pytest.mark.parametrize("form", [uploads, pasted])
def test_each_fault_is_named_on_the_page(
    requester: Visitor, form: Callable[[Files], Any], make: Callable[[], Files], rule: str
) -> None:
    answer = requester.post("/fit", form(make()))

    assert answer.status_code == 200
    assert f'<code class="rule">{rule}</code>' in answer.text
    assert "The node would" in read(answer.text).text


def test_a_good_one_fits(requester: Visitor) -> None:
    of = spoiled.files()
    text = read(requester.post("/fit", {**uploads(of), "trust_text": "tomcat-trust/other.pem: x"}).text).text

    assert "It fits." in text
    assert "Sign the CSR here" not in text


def test_what_was_given_as_files_comes_back_as_text(requester: Visitor) -> None:
    of = spoiled.files()
    assert of.csr is not None
    der = [x509.load_pem_x509_certificate(each).public_bytes(Encoding.DER) for each in (of.certificate, *of.chain)]
    csr = x509.load_pem_x509_csr(of.csr).public_bytes(Encoding.DER)

    text = requester.post("/fit", uploads(Files(csr, der[0], tuple(der[1:])))).text

    shown = dict(re.findall(r'<textarea id="(\w+)_text"[^>]*>(.*?)</textarea>', text, re.DOTALL))
    assert shown["certificate"].strip() == of.certificate.decode().strip()
    assert shown["csr"].strip() == of.csr.decode().strip()
    assert shown["chain"].count("BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize(
    ("form", "rule", "status"),
    [
        ({}, "fit.certificate", 400),
        ({"certificate_text": "hello"}, "fit.readable", 400),
        ({"certificate_text": "x", "chain_text": "hello"}, "fit.readable", 400),
        ({"certificate_text": "-----BEGIN EC PRIVATE KEY-----\nx"}, "fit.private-key", 422),
        ({"certificate_text": spoiled.issued().pem.decode(), "csr_text": "x"}, "csr.unreadable", 422),
        ({"certificate_text": spoiled.issued().pem.decode(), "trust_text": "x"}, "trust.unreadable", 400),
        ({"certificate": file(b"\xff\xfe\x00")}, "fit.readable", 400),
    ],
)
def test_what_cannot_be_used_is_told_with_what_to_do(
    requester: Visitor, form: dict[str, Any], rule: str, status: int
) -> None:
    answer = requester.post("/fit", form)

    assert (answer.status_code, read(answer.text).blocking) == (status, [rule])


def test_a_private_key_is_not_shown_again(requester: Visitor) -> None:
    answer = requester.post("/fit", {"certificate_text": "-----BEGIN EC PRIVATE KEY-----\nSECRET"})

    assert "SECRET" not in answer.text


def test_an_auditor_may_ask_and_nobody_without_an_account(
    signed_in: Callable[[Role], Visitor], visitor: Visitor
) -> None:
    assert signed_in(Role.AUDITOR).get("/fit").status_code == 200
    assert visitor.get("/fit").status_code == 302


def test_the_page_of_a_certificate_says_whether_a_node_would_take_it_today(
    requester: Visitor, fit_clock: FixedClock
) -> None:
    fit_clock.now = clock.utc_now()
    [node] = requester.issue(UCCX_PUBLISHER)
    [server] = requester.issue(UCCX_PUBLISHER, profile="server")

    assert "\u2713 It fits." in requester.page(f"/certificates/{node}").text
    assert "Will the node accept it?" not in requester.page(f"/certificates/{server}").text


@settings(max_examples=60)
@given(fields("csr_text", "certificate_text", "chain_text", "trust_text"))
def test_the_form_takes_anything(steady: Visitor, form: dict[str, Any]) -> None:
    assert steady.post("/fit", form).status_code in (200, 400, 413, 422)
