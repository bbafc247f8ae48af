"""A challengePassword in a CSR: not used and not kept, whichever interface the CSR came through."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.errors import Refused
from ca_service.settings import Settings
from tests.cli.command_line import CommandLine
from tests.support import asn1, pkcs10, requests
from tests.support.factories import OPERATOR
from tests.web.html import read
from tests.web.visitor import Visitor

SECRET = b"correct horse battery"
ATTRIBUTE = pkcs10.attribute(pkcs10.CHALLENGE_PASSWORD, asn1.tlv(asn1.UTF8_STRING, SECRET))


def sent_by(host: str) -> bytes:
    """A CSR of a node that contains the password, DER."""
    return replace(requests.node(f"{host}-EC.example.com", f"{host}.example.com"), attributes=(ATTRIBUTE,)).der()


def approved(approver: Visitor, installation: Installation, number: int) -> RequestRecord:
    """Review and approve a request on its page."""
    assert "csr.password-removed" not in approver.page(f"/requests/{number}").text
    approver.post(f"/requests/{number}/approve", {"note": ""})
    return installation.requests.get(OPERATOR, number)


def test_no_interface_keeps_it_and_what_is_approved_is_signed(
    requester: Visitor,
    approver: Visitor,
    installation: Installation,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG)
    of_page, of_api, of_cli = sent_by("page"), sent_by("api"), sent_by("cli")
    token = installation.tokens.create(OPERATOR, "requester", "test", 1).secret
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}

    review = requester.check(("page.csr", pkcs10.pem(of_page)))
    assert "It is not used and not kept." in read(review.text).text
    assert requester.sign(read(review.text)).location.startswith("/requests/1")
    for _ in range(2):
        answer = requester.client.post("/api/v1/certificates", data=of_api, headers=headers)
        assert (answer.status_code, answer.get_json()["requests"][0]["id"]) == (202, 2)
    (tmp_path / "cli.csr").write_bytes(of_cli)
    ca = CommandLine(settings.instance_path)
    ca.answer("sign", tmp_path / "cli.csr", "--out", tmp_path / "cli.zip")
    assert [approved(approver, installation, number).state for number in (1, 2)] == [State.ISSUED, State.ISSUED]
    ca.answer("audit", "seal")
    ca.answer("audit", "verify")

    stored = b"".join(path.read_bytes() for path in settings.instance_path.rglob("*") if path.is_file())
    assert b"page-EC.example.com" in stored
    for sent in (of_page, of_api, of_cli):
        assert sent[-32:] not in stored  # of the signature, which would tell whether a guess is right
    assert SECRET not in stored
    assert SECRET.decode() not in caplog.text + review.text + answer.text


def test_the_original_is_recognised_and_the_stored_one_is_refused(installation: Installation) -> None:
    (record,) = installation.issuance.issue(OPERATOR, [sent := sent_by("again")], Options()).certificates

    assert installation.issuance.issue(OPERATOR, [sent], Options()).certificates == (record,)
    with pytest.raises(Refused, match="challengePassword was removed"):
        installation.issuance.issue(OPERATOR, [record.csr_der], Options())
    with pytest.raises(Refused, match="challengePassword was removed"):
        installation.renewal.renew(OPERATOR, record.serial_number, RenewalOptions(never_uploaded=True))


def test_a_certificate_of_it_is_judged_and_compared_as_any_other(
    requester: Visitor, approver: Visitor, installation: Installation
) -> None:
    (record,) = installation.issuance.issue(OPERATOR, [sent_by("other")], Options()).certificates
    assert approver.get(f"/certificates/{record.serial_number}").status_code == 200

    renewed = replace(requests.node("other-EC.example.com", "other.example.com", curve=ec.SECP256R1))
    review = requester.check(("other.csr", pkcs10.pem(replace(renewed, attributes=(ATTRIBUTE,)).der())))
    requester.sign(read(review.text))
    assert "EC P-384 → EC P-256" in approver.page("/requests/2").text
