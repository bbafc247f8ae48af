"""The destination of a certificate is kept with it, and product and version with its host."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.batches import issue_batch
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.issuance import Issued
from ca_service.errors import Conflict, InvalidInput, Refused
from ca_service.vos.destinations import Destination, Hint
from tests.support import asn1, pkcs10
from tests.support.factories import Lab, actor
from tests.support.pkcs10 import Recipe
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER, UCCX_SUBSCRIBER

REQUESTER = actor(Role.REQUESTER)
UCCX_11 = Destination("", "uccx", "11.5")


@pytest.fixture
def signing(lab: Lab) -> Lab:
    """Use cases with an authority."""
    return lab.initialised()


def issue(lab: Lab, data: bytes, hint: Hint = Hint(), key: str = "", **options: object) -> Issued:  # noqa: B008
    """Issue one certificate."""
    return lab.issuance.issue(REQUESTER, [data], Options(**options), key, [hint])  # type: ignore[arg-type]


def csr(*names: str, key: pkcs10.Key | None = None) -> bytes:
    """A CSR for these names."""
    subject = pkcs10.name(("CN", asn1.UTF8_STRING, "imp-EC.example.com"))
    return Recipe(key or ec.generate_private_key(ec.SECP256R1()), subject, (pkcs10.hosts(*names),)).der()


def purpose_of(issued: Issued) -> str:
    """The purpose of the one certificate."""
    (record,) = issued.certificates
    return record.purpose


def titles(lab: Lab, records: Sequence[CertificateRecord]) -> list[str]:
    """The steps in the bundle."""
    return [step.title for step in lab.issuance.bundle(records).steps]


def test_the_file_name_gives_the_purpose_of_the_certificate_and_of_its_files(signing: Lab) -> None:
    issued = issue(signing, UCCX_PUBLISHER.data, Hint("CallManager-ECDSA.csr"))
    assert purpose_of(issued) == "CallManager-ECDSA"
    assert [file.purpose for file in signing.issuance.bundle(issued.certificates).uploads] == [
        "CallManager-trust", "CallManager-trust", "CallManager-ECDSA",
    ]  # fmt: skip
    event = signing.ledger.events[-1]  # type: ignore[attr-defined]
    assert (event.event, event.details["purpose"]) == (Event.CERTIFICATE_ISSUED, "CallManager-ECDSA")


def test_a_purpose_that_is_given_counts_more_than_the_file_name(signing: Lab) -> None:
    hint = Hint("CallManager-ECDSA.csr")
    issued = issue(signing, UCCX_PUBLISHER.data, hint, destination=Destination("tomcat-ECDSA"))
    assert purpose_of(issued) == "tomcat-ECDSA"


def test_the_purpose_of_one_csr_counts_more_than_that_of_all(signing: Lab) -> None:
    hint = Hint(destination=Destination("cup-ECDSA"))
    issued = issue(signing, UCCX_PUBLISHER.data, hint, destination=Destination("tomcat-ECDSA"))
    assert purpose_of(issued) == "cup-ECDSA"


def test_the_same_csr_for_another_purpose_is_another_certificate_only_if_that_was_asked(signing: Lab) -> None:
    first = issue(signing, UCCX_PUBLISHER.data)
    assert issue(signing, UCCX_PUBLISHER.data, Hint("cup-ECDSA.csr")).certificates == first.certificates
    other = issue(signing, UCCX_PUBLISHER.data, destination=Destination("CallManager-ECDSA"))
    assert (purpose_of(other), other.created) == ("CallManager-ECDSA", True)
    again = issue(signing, UCCX_PUBLISHER.data, destination=Destination("CallManager-ECDSA"))
    assert (again.certificates, again.created) == (other.certificates, False)


def test_a_wildcard_is_signed_for_federation_and_for_nothing_else_on_a_node(signing: Lab) -> None:
    wild = csr("*.example.com", "imp.example.com")
    with pytest.raises(Refused) as caught:
        issue(signing, wild)
    assert caught.value.rule == "san.wildcard"
    assert purpose_of(issue(signing, wild, Hint("cup-xmpp-s2s-ECDSA.csr"))) == "cup-xmpp-s2s-ECDSA"


def test_an_rsa_csr_is_refused_with_the_words_of_its_purpose(signing: Lab) -> None:
    data = csr("a.example.com", key=rsa.generate_private_key(65537, 2048))
    for name, sentence in (("ipsec.csr", "IPsec between nodes"), ("TVS.csr", "ITL file"), ("tomcat.csr", "tomcat is")):
        with pytest.raises(Refused) as caught:
            issue(signing, data, Hint(name))
        unsigned = [found for found in caught.value.findings if found.rule == "purpose.unsigned"]
        assert sentence in unsigned[0].detail
    with pytest.raises(Refused) as caught:
        issue(signing, data, Hint("request.csr"))
    assert caught.value.rule == "csr.key.rsa"


def test_a_plain_server_has_no_destination(signing: Lab) -> None:
    assert purpose_of(issue(signing, UCCX_PUBLISHER.data, Hint("cup-ECDSA.csr"), profile="server")) == ""
    with pytest.raises(Refused) as caught:
        issue(signing, UCCX_SUBSCRIBER.data, profile="server", destination=UCCX_11)
    assert caught.value.rule == "destination.profile"


def test_a_destination_that_cannot_exist_is_refused_at_its_csr(signing: Lab) -> None:
    hints = [Hint(), Hint(destination=Destination("mail"))]
    with pytest.raises(Refused) as caught:
        signing.issuance.issue(REQUESTER, [UCCX_PUBLISHER.data, SOCIALMINER.data], Options(), hints=hints)
    assert [(found.rule, found.pointer) for found in caught.value.findings if found.is_error] == [
        ("purpose.unknown", "/csr/1/purpose")
    ]


def test_the_product_is_remembered_for_the_host_and_makes_the_steps_exact(signing: Lab) -> None:
    issued = issue(signing, UCCX_PUBLISHER.data)
    assert titles(signing, issued.certificates)[0] == "Choose the product"
    issue(signing, UCCX_PUBLISHER.data, new=True, destination=UCCX_11)
    assert signing.host_products.find(REQUESTER, ["uccx1.example.com"]) == {"uccx1.example.com": UCCX_11}
    assert "Restart uccx1.example.com" in titles(signing, issued.certificates)


def test_the_product_can_be_assigned_later_and_changed(signing: Lab) -> None:
    issued = issue(signing, UCCX_PUBLISHER.data)
    signing.host_products.assign(REQUESTER, "uccx1.example.com", "uccx", "11.5")
    assert "Restart uccx1.example.com" in titles(signing, issued.certificates)
    signing.host_products.assign(REQUESTER, "uccx1.example.com", "uccx", "15")
    assert "Set the certificate type to ECDSA on uccx1.example.com" in titles(signing, issued.certificates)
    with pytest.raises(InvalidInput):
        signing.host_products.assign(REQUESTER, "uccx1.example.com", "uccx", "")


def test_a_product_without_this_purpose_gives_no_steps_of_its_own(signing: Lab) -> None:
    signing.host_products.assign(REQUESTER, "uccx1.example.com", "uccx", "11.5")
    issued = issue(signing, UCCX_PUBLISHER.data, Hint("CallManager-ECDSA.csr"))
    assert titles(signing, issued.certificates)[0] == "Choose the product"


def test_a_repeated_submission_with_another_purpose_is_another_submission(signing: Lab) -> None:
    issue(signing, UCCX_PUBLISHER.data, key="once")
    issue(signing, UCCX_PUBLISHER.data, Hint("tomcat-ECDSA.csr"), key="once")
    with pytest.raises(Conflict) as caught:
        issue(signing, UCCX_PUBLISHER.data, Hint(destination=Destination("cup-ECDSA")), key="once")
    assert caught.value.rule == "idempotency-key.reused"


def test_each_csr_of_a_batch_has_its_own_purpose(signing: Lab) -> None:
    data, names = [UCCX_PUBLISHER.data, b"no csr", SOCIALMINER.data], ["tomcat-ECDSA.csr", "x", "cup-ECDSA.csr"]
    (group,) = issue_batch(signing.issuance, REQUESTER, data, Options(), [Hint(name) for name in names])
    found = [each.certificate.purpose if each.certificate else None for each in group]
    assert found == ["tomcat-ECDSA", None, "cup-ECDSA"]


def test_a_request_that_waits_keeps_the_purpose() -> None:
    waiting = Lab(rules=()).initialised()
    (request,) = issue(waiting, UCCX_PUBLISHER.data, Hint("CallManager-ECDSA.csr")).waiting
    approved = waiting.requests.approve(actor(Role.APPROVER), request.id)
    assert approved.serial_number is not None
    assert waiting.issuance.get_certificate(REQUESTER, approved.serial_number).purpose == "CallManager-ECDSA"
