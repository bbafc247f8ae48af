"""The form for new certificates: requests come in, are shown with what is wrong, and are signed."""

from __future__ import annotations

import io
from typing import Any

import pytest

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.pki import armour
from ca_service.web.pages.submission import MAX_ON_PAGE
from tests.support import pkcs10
from tests.support.asn1 import UTF8_STRING
from tests.support.factories import OPERATOR
from tests.support.refused_requests import SAME_KEY_TWICE, rsa_key
from tests.support.requests import (
    CUCM_14SU2,
    JUNK_COUNTRY,
    SOCIALMINER,
    THREE_NODES,
    UCCX_PUBLISHER,
    UCCX_SUBSCRIBER,
    WRAPPINGS,
    Request,
    key,
    subject,
)
from tests.web.html import read
from tests.web.visitor import Visitor, upload

GARBAGE = ("garbage.csr", b"hello")


def stored(installation: Installation) -> tuple[CertificateRecord, ...]:
    return installation.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates


def rsa_request() -> Request:
    return Request("tomcat", pkcs10.pem(pkcs10.Recipe(rsa_key(), subject("uccx1.example.com")).der()))


def test_the_form_is_empty_at_first(requester: Visitor) -> None:
    page = requester.page("/sign")

    assert not page.findings
    assert not page.values("request")
    assert page.values("profile") == ["vos"]


def test_a_file_is_shown_with_what_it_asks_and_nothing_is_stored(
    requester: Visitor, installation: Installation
) -> None:
    answer = requester.check(upload(UCCX_PUBLISHER))

    page = read(answer.text)
    assert answer.status_code == 200
    assert "no errors" in page.text
    for part in ("uccx1-EC.example.com", "Beispiel & Söhne", "P-384", "keyAgreement", "ipsecEndSystem", "uccx1.csr"):
        assert part in page.text
    assert page.values("include") == ["0"]
    assert not stored(installation)


@pytest.mark.parametrize("request_", WRAPPINGS, ids=lambda each: each.name)
def test_a_file_is_understood_in_every_wrapping(requester: Visitor, request_: Request) -> None:
    page = read(requester.check(upload(request_)).text)

    assert "no errors" in page.text
    assert armour.unwrap(page.values("request")[0].encode()) == armour.unwrap(request_.data)


def test_a_request_can_be_pasted(requester: Visitor) -> None:
    page = read(requester.post("/", {"text": UCCX_PUBLISHER.data.decode()}).text)

    assert page.values("label") == ["pasted text"]
    assert page.values("include") == ["0"]


def test_files_and_a_pasted_request_come_together(requester: Visitor) -> None:
    fields = {"text": SOCIALMINER.data.decode()}
    page = read(requester.check(upload(UCCX_PUBLISHER), upload(UCCX_SUBSCRIBER), **fields).text)

    assert page.values("label") == ["uccx1.csr", "uccx2.csr", "pasted text"]
    assert "Sign 3 certificates" in page.text


def test_signing_leads_to_the_result(requester: Visitor, installation: Installation) -> None:
    serials = requester.issue(*THREE_NODES)

    assert [record.serial_number for record in stored(installation)] == serials[::-1]
    assert "3 certificates are ready" in requester.page(f"/issued?serial={'&serial='.join(serials)}").text


def test_a_refused_request_does_not_hold_up_the_good_ones(requester: Visitor, installation: Installation) -> None:
    review = read(
        requester.check(
            GARBAGE, upload(UCCX_PUBLISHER), upload(CUCM_14SU2), upload(SOCIALMINER), upload(rsa_request())
        ).text
    )
    assert review.blocking == ["csr.unreadable", "csr.key.p521", "csr.key.rsa", "purpose.unsigned"]
    assert "Refused CSRs are skipped." in review.text

    signed = requester.sign(review)

    assert signed.status_code == 303
    assert {record.host for record in stored(installation)} == {"uccx1.example.com", "sm1.example.com"}


def test_only_the_marked_ones_are_signed(requester: Visitor, installation: Installation) -> None:
    review = read(requester.check(*map(upload, THREE_NODES)).text)

    requester.sign(review, include=["0", "2"])

    assert {record.host for record in stored(installation)} == {"uccx1.example.com", "sm1.example.com"}


def test_marking_none_is_told(requester: Visitor, installation: Installation) -> None:
    review = read(requester.check(upload(UCCX_PUBLISHER)).text)

    answer = requester.sign(review, include=[])

    assert answer.status_code == 400
    assert read(answer.text).blocking == ["csr.count"]
    assert read(answer.text).values("request") == review.values("request")
    assert not stored(installation)


@pytest.mark.parametrize("include", ["7", "-1", "0 ", "zero", "\u0660"])
def test_marking_what_is_not_there_signs_nothing(requester: Visitor, installation: Installation, include: str) -> None:
    review = read(requester.check(upload(UCCX_PUBLISHER)).text)

    assert requester.sign(review, include=include).status_code == 400
    assert not stored(installation)


def test_requests_are_carried_along_when_more_are_added(requester: Visitor) -> None:
    first = read(requester.check(upload(UCCX_PUBLISHER)).text)

    carried = {name: first.values(name) for name in ("label", "request")}
    second = read(requester.check(upload(UCCX_SUBSCRIBER), **carried).text)

    assert second.values("label") == ["uccx1.csr", "uccx2.csr"]
    assert second.values("include") == ["0", "1"]


def test_a_request_that_nobody_has_seen_is_shown_instead_of_signed(
    requester: Visitor, installation: Installation
) -> None:
    fields = {"include": ["0", "1"], "csr": [(io.BytesIO(UCCX_PUBLISHER.data), "uccx1.csr")]}

    answer = requester.post("/sign", fields)

    assert answer.status_code == 200
    assert "no errors" in answer.text
    assert not stored(installation)


def test_the_same_file_twice_is_one_request(requester: Visitor) -> None:
    in_der = ("again.csr", armour.unwrap(UCCX_PUBLISHER.data))
    page = read(requester.check(upload(UCCX_PUBLISHER), upload(UCCX_PUBLISHER), in_der).text)

    assert not page.blocking
    assert page.values("label") == ["uccx1.csr"]


def test_two_requests_with_one_key_are_refused(requester: Visitor) -> None:
    page = read(requester.check(*map(upload, SAME_KEY_TWICE)).text)

    assert page.blocking == ["csr.repeated", "csr.repeated"]
    assert not page.values("include")


def test_the_same_request_later_gets_the_same_certificate(requester: Visitor) -> None:
    assert requester.issue(UCCX_PUBLISHER) == requester.issue(UCCX_PUBLISHER)


def test_another_certificate_is_made_when_it_is_asked_for(requester: Visitor) -> None:
    assert requester.issue(UCCX_PUBLISHER) != requester.issue(UCCX_PUBLISHER, new="true")


@pytest.mark.parametrize("path", ["/", "/sign"])
def test_no_request_at_all_is_told(requester: Visitor, path: str) -> None:
    assert read(requester.post(path).text).blocking == ["csr.count"]


def test_an_empty_file_is_told_from_no_file(requester: Visitor) -> None:
    assert read(requester.check(("empty.csr", b"")).text).blocking == ["csr.empty"]


def test_more_requests_than_can_be_signed_at_once_are_refused(requester: Visitor) -> None:
    files = [(f"{number}.csr", b"request %d" % number) for number in range(MAX_ON_PAGE + 1)]

    answer = requester.check(*files)

    assert answer.status_code == 400
    assert read(answer.text).blocking == ["csr.count"]
    assert len(read(requester.check(*files[1:]).text).blocking) == MAX_ON_PAGE


def multipart(*values: bytes) -> dict[str, Any]:
    """A form in which a field stands as often as that, written by hand so that nothing is spooled to disk."""
    field = b'--x\r\nContent-Disposition: form-data; name="label"\r\n\r\n%b\r\n'
    body = b"".join(field % value for value in values) + b"--x--\r\n"
    return {"data": body, "content_type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize("values", [[b"x" * 4_300_000], [b"x" * 1_100_000] * 4, [b"x"] * 1100])
def test_a_form_that_is_too_large_is_refused_with_a_page_that_helps(requester: Visitor, values: list[bytes]) -> None:
    answer = requester.client.post("/", **multipart(*values))

    assert answer.status_code == 413
    assert read(answer.text).blocking == ["http.too-large"]
    assert "Upload only the .csr files" in answer.text


def test_a_tampered_request_that_was_carried_along_is_refused(requester: Visitor, installation: Installation) -> None:
    review = read(requester.check(upload(UCCX_PUBLISHER)).text)
    text = review.values("request")[0]

    answer = requester.sign(review, request=text[:200] + ("A" if text[200] != "A" else "B") + text[201:])

    assert answer.status_code == 422
    assert read(answer.text).blocking
    assert not stored(installation)


def test_all_or_none_are_signed(requester: Visitor, installation: Installation) -> None:
    review = read(requester.check(upload(UCCX_PUBLISHER), upload(CUCM_14SU2)).text)

    answer = requester.sign(review, include=["0", "1"])

    assert answer.status_code == 422
    assert read(answer.text).blocking == ["csr.key.p521"]
    assert not stored(installation)


def test_a_note_does_not_stop_the_signing(requester: Visitor) -> None:
    review = read(requester.check(upload(JUNK_COUNTRY)).text)

    assert review.findings
    assert not review.blocking
    assert requester.sign(review).status_code == 303


def test_what_is_in_a_request_is_shown_and_not_executed(requester: Visitor) -> None:
    recipe = pkcs10.Recipe(key("script"), pkcs10.name(("CN", 0x0C, "<script>alert(1)</script>")))
    answer = requester.check(("<img src=x onerror=alert(1)>.csr", pkcs10.pem(recipe.der())))

    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert "<script>alert(1)</script>" in read(answer.text).text


OFFER = '<button type="submit" name="use_profile" value="server"'


def plain_server(name: str) -> Request:
    """The request of a server that is no Cisco node, as OpenSSL writes it."""
    subject_ = pkcs10.name(("CN", UTF8_STRING, f"{name}.example.com"))
    return Request(name, pkcs10.pem(pkcs10.Recipe(key(name), subject_, (pkcs10.hosts(f"{name}.example.com"),)).der()))


def test_a_request_that_does_not_look_like_a_node_is_offered_the_other_profile_in_one_click(requester: Visitor) -> None:
    review = requester.check(upload(plain_server("wiki"))).text
    assert OFFER in review

    carried = {name: read(review).values(name) for name in ("profile", "label", "request")}
    changed = requester.check(use_profile="server", **carried).text

    assert read(changed).values("profile") == ["server"]
    assert OFFER not in changed
    assert "no errors" in changed


def test_the_other_profile_is_not_offered_where_one_request_is_of_a_node(requester: Visitor) -> None:
    assert OFFER not in requester.check(upload(plain_server("wiki")), upload(UCCX_PUBLISHER)).text
