"""Lists and OCSP answers over HTTP: where they are, what caches are told, and that a revocation is seen at once."""

from __future__ import annotations

import base64
from datetime import timedelta
from urllib.parse import quote

import pytest
from cryptography import x509
from flask import Flask
from werkzeug.http import http_date

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.pki.reasons import Reason
from tests.support.factories import OPERATOR, Lab
from tests.support.ocsp import about, question, told
from tests.support.requests import UCCX_PUBLISHER
from tests.web.visitor import Visitor, visit

LIST, DELTA, ROOT_LIST = "/ca/intermediate-g1.crl", "/ca/intermediate-g1-delta.crl", "/ca/root-g1.crl"


@pytest.fixture
def anybody(lab_app: Flask) -> Visitor:
    """Return a visitor who has not signed in."""
    return visit(lab_app)


@pytest.fixture
def leaf(lab: Lab, lab_app: Flask) -> CertificateRecord:  # noqa: ARG001 - it has the authority made
    """A certificate."""
    return lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates[0]


def revoke(lab: Lab, leaf: CertificateRecord) -> None:
    """Revoke it."""
    lab.revocation.revoke(OPERATOR, Selection((leaf.serial_number,)), Reason.KEY_COMPROMISE)


def address(data: bytes) -> str:
    """A request in the address."""
    return f"/ocsp/{base64.b64encode(data).decode()}"


@pytest.mark.parametrize("path", [LIST, DELTA, ROOT_LIST])
def test_everybody_can_fetch_the_lists(anybody: Visitor, path: str) -> None:
    answer = anybody.get(path)
    assert (answer.status_code, answer.content_type) == (200, "application/pkix-crl")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{path.removeprefix("/ca/")}"'
    assert len(x509.load_der_x509_crl(answer.data)) == 0


@pytest.mark.parametrize("path", [LIST, DELTA])
def test_each_list_is_there_as_pem(anybody: Visitor, path: str) -> None:
    answer = anybody.get(f"{path}.pem")
    assert answer.content_type == "application/x-pem-file"
    assert x509.load_pem_x509_crl(answer.data) == x509.load_der_x509_crl(anybody.get(path).data)
    assert max(map(len, answer.data.splitlines())) == 64


@pytest.mark.parametrize("path", [LIST, DELTA])
def test_the_next_fetch_shows_a_revocation(anybody: Visitor, lab: Lab, leaf: CertificateRecord, path: str) -> None:
    before = anybody.get(path)
    revoke(lab, leaf)
    after = anybody.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert [entry.serial_number for entry in x509.load_der_x509_crl(after.data)] == [int(leaf.serial_number, 16)]


@pytest.mark.parametrize("path", [LIST, DELTA, ROOT_LIST, f"{LIST}.pem"])
def test_a_list_that_is_held_already_is_not_sent_again(anybody: Visitor, lab: Lab, path: str) -> None:
    first = anybody.get(path)
    lab.clock.advance(hours=1)
    by_tag = anybody.get(path, headers={"If-None-Match": first.headers["ETag"]})
    by_time = anybody.get(path, headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert [(each.status_code, each.data) for each in (by_tag, by_time)] == [(304, b"")] * 2
    assert anybody.client.head(path).headers["ETag"] == first.headers["ETag"]


def test_no_two_forms_of_a_list_have_the_same_tag(anybody: Visitor) -> None:
    paths = [form for path in (LIST, DELTA) for form in (path, f"{path}.pem")]
    assert len({anybody.get(path).headers["ETag"] for path in paths}) == 4


def test_caches_keep_a_list_for_minutes_and_know_since_when_it_is(anybody: Visitor, lab: Lab) -> None:
    answer = anybody.get(LIST)
    assert answer.headers["Cache-Control"] == "public, max-age=300, no-transform, must-revalidate"
    assert answer.headers["Last-Modified"] == http_date(lab.clock())
    assert "Set-Cookie" not in answer.headers


def test_no_cache_keeps_a_list_that_has_lapsed(anybody: Visitor, lab: Lab) -> None:
    passphrase = b"a passphrase of 20 characters"
    anybody.get(ROOT_LIST)
    lab.root_key.remove(OPERATOR, lab.root_key.export(OPERATOR, passphrase), passphrase)
    lab.clock.advance(days=181)
    assert "max-age=0," in anybody.get(ROOT_LIST).headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/ca/nobody.crl", "/ca/root-g1-delta.crl", "/ca/nobody.crl.pem", "/ca/x/y.crl"])
def test_a_list_that_there_is_not_is_not_found(anybody: Visitor, path: str) -> None:
    assert anybody.get(path).status_code == 404


def test_a_root_whose_key_is_offline_and_that_has_no_list_says_so(anybody: Visitor, lab: Lab) -> None:
    passphrase = b"a passphrase of 20 characters"
    lab.root_key.remove(OPERATOR, lab.root_key.export(OPERATOR, passphrase), passphrase)
    answer = anybody.get(ROOT_LIST)
    assert answer.status_code == 404
    assert "sign-root" in answer.text
    assert "root-g1.crl" not in anybody.get("/ca/").text


def test_the_page_of_the_authority_names_lists_and_ocsp(anybody: Visitor) -> None:
    html = anybody.get("/ca/").text
    assert 'href="/ca/root-g1.crl"' in html
    assert 'href="/ca/intermediate-g1.crl"' in html
    assert "http://localhost/ocsp" in html


# OCSP


def test_a_question_in_the_body_is_answered(anybody: Visitor, lab: Lab, leaf: CertificateRecord) -> None:
    for path in ("/ocsp", "/ocsp/"):
        answer = anybody.client.post(path, data=question(lab, leaf), content_type="application/ocsp-request")
        assert (answer.status_code, answer.content_type) == (200, "application/ocsp-response")
        assert answer.headers["Cache-Control"] == "no-store"
        assert told(answer.data) == "good"


@pytest.mark.parametrize("safe", ["/+=", "+=", "/", ""])
def test_a_question_in_the_address_is_answered_however_it_is_escaped(
    anybody: Visitor, lab: Lab, leaf: CertificateRecord, safe: str
) -> None:
    text = base64.b64encode(question(lab, leaf)).decode()
    assert told(anybody.get(f"/ocsp/{quote(text, safe=safe)}").data) == "good"


def test_every_question_can_be_asked_in_the_address(anybody: Visitor, lab: Lab, leaf: CertificateRecord) -> None:
    """Base64 has slashes, two of which can follow one another, and plus signs."""
    texts = [base64.b64encode(about(lab, number)).decode() for number in range(2**100, 2**100 + 300)]
    nasty = [text for text in texts if "//" in text or "+" in text or text.endswith("/")]
    double = base64.b64encode(about(lab, int.from_bytes(b"\xff" * 12, "big"))).decode()
    assert leaf
    assert nasty
    assert "//" in double
    for text in (*nasty[:20], double):
        assert told(anybody.get(f"/ocsp/{text}").data) == "unknown"


def test_nginx_asks_over_http_1_0_with_everything_escaped(anybody: Visitor, lab: Lab, leaf: CertificateRecord) -> None:
    text = quote(base64.b64encode(question(lab, leaf)).decode(), safe="")
    answer = anybody.client.get(f"/ocsp/{text}", environ_overrides={"SERVER_PROTOCOL": "HTTP/1.0"})
    assert told(answer.data) == "good"


def test_no_answer_says_good_after_a_revocation(anybody: Visitor, lab: Lab, leaf: CertificateRecord) -> None:
    path = address(question(lab, leaf))
    before = anybody.get(path)
    revoke(lab, leaf)
    after = anybody.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert (told(before.data), told(after.data)) == ("good", "keyCompromise")


def test_caches_keep_an_answer_for_minutes_and_never_past_its_end(
    anybody: Visitor, lab: Lab, leaf: CertificateRecord
) -> None:
    answer = anybody.get(address(question(lab, leaf)))
    assert answer.headers["Cache-Control"] == "public, max-age=300, no-transform, must-revalidate"
    assert answer.headers["Last-Modified"] == http_date(lab.clock())
    assert answer.headers["Expires"] == http_date(lab.clock() + timedelta(hours=1))
    again = anybody.get(address(question(lab, leaf)), headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_no_cache_keeps_what_may_change_or_was_asked_with_a_nonce(
    anybody: Visitor, lab: Lab, leaf: CertificateRecord
) -> None:
    for data in (question(lab, leaf, nonce=b"n" * 16), about(lab, 4711), b"nonsense"):
        assert anybody.get(address(data)).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/ocsp/%FF%FE", "/ocsp/x", "/ocsp/M", "/ocsp/MAA%3D", "/ocsp/caf\u00e9", "/ocsp/MA/../MA"]
)
def test_an_address_that_is_no_question_is_malformed(anybody: Visitor, path: str) -> None:
    answer = anybody.get(path)
    assert (answer.status_code, told(answer.data)) == (200, "MALFORMED_REQUEST")


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x30" * 100_000])
def test_a_body_that_is_no_question_is_malformed(anybody: Visitor, data: bytes) -> None:
    answer = anybody.client.post("/ocsp", data=data)
    assert (answer.status_code, told(answer.data)) == (200, "MALFORMED_REQUEST")


def test_a_form_is_no_question_either(anybody: Visitor) -> None:
    answer = anybody.client.post("/ocsp", data={"a": "b"})
    assert told(answer.data) == "MALFORMED_REQUEST"


def test_when_the_key_cannot_be_had_we_ask_to_try_later(anybody: Visitor, lab: Lab, leaf: CertificateRecord) -> None:
    data = question(lab, leaf)
    lab.keystore.remove("intermediate-g1")
    answer = anybody.client.post("/ocsp", data=data)
    assert (answer.status_code, told(answer.data)) == (200, "TRY_LATER")
