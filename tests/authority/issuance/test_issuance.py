"""Requests become certificates: all of a submission or none of it, once, and only after the commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import repeat
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import Hierarchy
from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.conflicts import Known
from ca_service.authority.issuance.examination import Options, Policy
from ca_service.authority.issuance.idempotency import MAX_KEY_LENGTH
from ca_service.authority.issuance.issuance import MAX_REQUESTS, Issuance, Issued
from ca_service.authority.issuance.records import State
from ca_service.errors import Conflict, InvalidInput, NotFound, NotReady, Refused, SigningError
from ca_service.keystore.encrypted import SigningHandle
from ca_service.vos.destinations import Destination
from ca_service.vos.purposes import TOMCAT_ECDSA
from tests.support import pkcs10, requests
from tests.support.external_roots import Certified
from tests.support.factories import OPERATOR, PLAN, Lab, actor, event
from tests.support.fakes import NOON, FixedClock, InMemoryKeyStore, InMemoryLedger
from tests.support.paths import ISSUING, authorities
from tests.support.pkcs10 import Recipe
from tests.support.requests import SOCIALMINER, THREE_NODES, UCCX_PUBLISHER, UCCX_SUBSCRIBER

REQUESTER = actor(Role.REQUESTER)
NODES = [request.data for request in THREE_NODES]


@pytest.fixture
def signing(lab: Lab) -> Lab:
    """Use cases with an authority."""
    return lab.initialised()


def issue(lab: Lab, *data: bytes, key: str = "", **options: object) -> Issued:
    """Issue under the profile `vos`."""
    return lab.issuance.issue(REQUESTER, data, Options(**options), key)  # type: ignore[arg-type]


def stored(lab: Lab) -> tuple[CertificateRecord, ...]:
    """Everything that was stored, oldest first."""
    return lab.inventory.list_certificates(REQUESTER, CertificateQuery(sort="oldest")).certificates


def events(lab: Lab) -> list[AuditEvent]:
    """What was recorded about certificates."""
    assert isinstance(lab.ledger, InMemoryLedger)
    return lab.ledger.events


def same_key(number: int) -> bytes:
    """One of several requests with one key."""
    subject = requests.subject(f"node{number}-EC.example.com")
    return Recipe(requests.key("shared"), subject, (pkcs10.hosts(f"node{number}.example.com"),)).der()


def test_a_submission_gives_one_certificate_a_request_in_their_order(signing: Lab) -> None:
    issued = issue(signing, *NODES)
    assert [record.host for record in issued.certificates] == [f"{request.name}.example.com" for request in THREE_NODES]
    assert issued.created
    assert stored(signing) == issued.certificates


def test_the_record_says_what_the_certificate_says(signing: Lab) -> None:
    (record,) = issue(signing, UCCX_PUBLISHER.data).certificates
    certificate = x509.load_der_x509_certificate(record.der)
    csr = x509.load_der_x509_csr(record.csr_der)
    assert record.serial_number == f"{certificate.serial_number:040x}"
    assert (record.not_before, record.not_after) == (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    assert (certificate.subject, certificate.public_key()) == (csr.subject, csr.public_key())
    assert record.names == ("DNS:example.com", "DNS:uccx1.example.com")
    assert (record.issued_at, record.issued_by, record.issuer_id) == (NOON, "requester", "intermediate-g1")
    certificate.verify_directly_issued_by(signing.hierarchy.active().chain[0])


def test_the_backdate_is_part_of_the_lifetime(clock: FixedClock) -> None:
    lab = Lab(clock=clock, policy=Policy(backdate=timedelta(hours=1))).initialised()
    clock.advance(hours=2)
    (record,) = issue(lab, UCCX_PUBLISHER.data, validity_days=10).certificates
    assert record.not_before == clock() - timedelta(hours=1)
    assert record.not_after == record.not_before + timedelta(days=10) - timedelta(seconds=1)


def test_no_leaf_begins_before_its_authority(clock: FixedClock) -> None:
    lab = Lab(clock=clock, policy=Policy(backdate=timedelta(hours=1))).initialised()
    (record,) = issue(lab, UCCX_PUBLISHER.data).certificates
    assert record.not_before == lab.hierarchy.active().validity.not_before


@pytest.mark.parametrize("end", ["not_before", "not_after"])
def test_an_authority_signs_from_its_first_to_its_last_second(lab: Lab, clock: FixedClock, end: str) -> None:
    lab.initialised(replace(PLAN, intermediate_days=100))
    at = getattr(lab.hierarchy.active().validity, end)
    clock.advance(seconds=(at - clock()).total_seconds())
    assert issue(lab, UCCX_PUBLISHER.data).created


def test_no_leaf_outlives_its_authority(lab: Lab) -> None:
    lab.initialised(replace(PLAN, intermediate_days=100))
    (record,) = issue(lab, UCCX_PUBLISHER.data, validity_days=397).certificates
    assert record.not_after == lab.hierarchy.active().validity.not_after


@pytest.mark.parametrize("days", [-1, 101])
def test_an_authority_that_is_not_valid_now_signs_nothing(lab: Lab, clock: FixedClock, days: int) -> None:
    lab.initialised(replace(PLAN, intermediate_days=100))
    clock.advance(days=days)
    lab.clock_check.confirm(OPERATOR)  # its creation is in the future of the clock that is behind
    with pytest.raises(NotReady) as caught:
        issue(lab, UCCX_PUBLISHER.data)
    assert caught.value.rule == "authority.expired"
    assert stored(lab) == ()


def test_without_an_authority_a_request_can_be_checked_but_not_signed(lab: Lab) -> None:
    (examination,) = lab.issuance.check(REQUESTER, [UCCX_PUBLISHER.data], Options())
    assert not examination.is_refused
    with pytest.raises(NotReady) as caught:
        issue(lab, UCCX_PUBLISHER.data)
    assert caught.value.rule == "authority.missing"


def test_one_bad_request_and_nothing_is_issued(signing: Lab) -> None:
    with pytest.raises(Refused) as caught:
        issue(signing, *NODES, b"nonsense")
    assert caught.value.findings[-1].pointer.startswith("/csr/3")
    assert (stored(signing), events(signing)) == ((), [])


def test_a_certificate_that_cannot_be_made_takes_the_others_with_it(signing: Lab) -> None:
    numbers = iter([1, 2, -1])
    issuance = Issuance(
        signing.ledger,
        signing.edges.requests,
        signing.host_products,
        signing.hierarchy,
        policy=signing.policy,
        clock=signing.clock,
        serial_numbers=lambda: next(numbers),
    )
    with pytest.raises((SigningError, ValueError)):
        issuance.issue(REQUESTER, NODES, Options())
    assert stored(signing) == ()


def test_checking_stores_nothing(signing: Lab) -> None:
    examinations = signing.issuance.check(REQUESTER, [*NODES, b"nonsense"], Options())
    assert [examination.is_refused for examination in examinations] == [False, False, False, True]
    assert (stored(signing), events(signing)) == ((), [])


def test_findings_that_stop_nothing_are_told(signing: Lab) -> None:
    issued = issue(signing, UCCX_PUBLISHER.data, requests.JUNK_COUNTRY.data)
    assert {(found.rule, found.pointer) for found in issued.findings} == {("subject.country", "/csr/1/subject/0")}


def test_every_certificate_is_recorded_with_who_asked(signing: Lab) -> None:
    issued = issue(signing, *NODES)
    assert [(event.event, event.actor, event.subject) for event in events(signing)] == [
        (Event.CERTIFICATE_ISSUED, "requester", record.serial_number) for record in issued.certificates
    ]


# The same request again


def test_the_same_request_gets_the_same_certificate(signing: Lab, clock: FixedClock) -> None:
    first = issue(signing, *NODES)
    clock.advance(days=1)
    again = issue(signing, *NODES)
    assert again.certificates == first.certificates
    assert (first.created, again.created) == (True, False)
    assert len(events(signing)) == 3


def test_a_request_is_the_same_in_any_wrapping(signing: Lab) -> None:
    issued = {issue(signing, wrapping.data).certificates for wrapping in requests.WRAPPINGS}
    assert len(issued) == 1


def test_a_submission_that_is_new_in_part_creates_that_part(signing: Lab) -> None:
    first = issue(signing, UCCX_PUBLISHER.data)
    second = issue(signing, UCCX_SUBSCRIBER.data, UCCX_PUBLISHER.data, SOCIALMINER.data)
    assert second.certificates[1] == first.certificates[0]
    assert second.created
    assert len(stored(signing)) == 3


def test_a_new_certificate_is_made_where_one_is_asked_for(signing: Lab) -> None:
    first, second = issue(signing, UCCX_PUBLISHER.data), issue(signing, UCCX_PUBLISHER.data, new=True)
    assert second.created
    assert second.certificates != first.certificates
    assert issue(signing, UCCX_PUBLISHER.data).certificates == second.certificates


def test_an_ended_certificate_is_not_handed_out_again(signing: Lab, clock: FixedClock) -> None:
    first = issue(signing, UCCX_PUBLISHER.data, validity_days=1)
    clock.advance(days=1)
    assert issue(signing, UCCX_PUBLISHER.data).certificates != first.certificates


def test_another_profile_means_another_certificate(signing: Lab) -> None:
    vos, server = issue(signing, UCCX_PUBLISHER.data), issue(signing, UCCX_PUBLISHER.data, profile="server")
    assert server.created
    assert {vos.certificates[0].profile, server.certificates[0].profile} == {"vos", "server"}


def test_another_authority_means_another_certificate(signing: Lab) -> None:
    first = issue(signing, UCCX_PUBLISHER.data)
    active = signing.hierarchy.active().record
    successor = replace(active, id="intermediate-g2", created_at=NOON + timedelta(days=1))
    signing.issuers.save_issuers([successor], event())
    (second,) = issue(signing, UCCX_PUBLISHER.data).certificates
    assert second != first.certificates[0]
    assert second.issuer_id == "intermediate-g2"


class Overtaken(InMemoryLedger):
    """A ledger in which somebody else has been quicker between our look and our write."""

    def look_up(self, *_: object) -> Known:
        """Nothing was there when we looked."""
        return Known((), {})

    def record(self, *_: object, **__: object) -> tuple[CertificateRecord, ...]:
        """The certificate of the other comes back."""
        return (THEIRS,)


THEIRS = CertificateRecord(
    "ab" * 20, "vos", "uccx1.example.com", "CN=x", (), NOON, NOON, NOON, "other", "intermediate-g1", "", "", b"", b""
)


def test_who_was_overtaken_hands_out_what_was_stored(signing: Lab) -> None:
    lab = Lab(issuers=signing.issuers, keystore=signing.keystore, ledger=Overtaken())
    issued = issue(lab, UCCX_PUBLISHER.data)
    assert issued.certificates == (THEIRS,)
    assert not issued.created


# Idempotency-Key


def test_an_idempotency_key_gives_the_same_answer_again(signing: Lab) -> None:
    first = issue(signing, *NODES, key="k", new=True)
    again = issue(signing, *NODES, key="k", new=True)
    assert (again.certificates, again.created) == (first.certificates, True)
    assert len(stored(signing)) == 3


def test_the_answer_of_a_key_is_that_nothing_was_created_where_that_was_so(signing: Lab) -> None:
    issue(signing, UCCX_PUBLISHER.data)
    answers = [issue(signing, UCCX_PUBLISHER.data, key="k").created for _ in range(2)]
    assert answers == [False, False]


def test_a_key_is_kept_also_where_nothing_was_created(signing: Lab) -> None:
    issue(signing, UCCX_PUBLISHER.data)
    issue(signing, UCCX_PUBLISHER.data, key="k")
    with pytest.raises(Conflict) as caught:
        issue(signing, UCCX_SUBSCRIBER.data, key="k")
    assert caught.value.rule == "idempotency-key.reused"


@pytest.mark.parametrize(
    ("data", "options"), [(NODES[1:2], {"new": True}), (NODES[:1], {"new": False}), (NODES[:2], {"new": True})]
)
def test_an_idempotency_key_of_something_else_is_refused(
    signing: Lab, data: list[bytes], options: dict[str, bool]
) -> None:
    issue(signing, NODES[0], key="k", new=True)
    with pytest.raises(Conflict) as caught:
        issue(signing, *data, key="k", **options)
    assert caught.value.rule == "idempotency-key.reused"
    assert len(stored(signing)) == 1


def test_everybody_has_idempotency_keys_of_their_own(signing: Lab) -> None:
    issue(signing, NODES[0], key="k")
    other = signing.issuance.issue(actor(Role.APPROVER), [NODES[1]], Options(), "k")
    assert other.created


@pytest.mark.parametrize("key", ["x" * (MAX_KEY_LENGTH + 1), "a\nb", "\x00"])
def test_an_idempotency_key_that_cannot_be_kept_is_refused(signing: Lab, key: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        issue(signing, NODES[0], key=key)
    assert (caught.value.rule, caught.value.findings[0].pointer) == ("idempotency-key.invalid", "/Idempotency-Key")


def test_a_refused_submission_does_not_use_up_its_key(signing: Lab) -> None:
    with pytest.raises(Refused):
        issue(signing, b"nonsense", key="k")
    assert issue(signing, NODES[0], key="k").created


# Held against what is here


@pytest.mark.parametrize("count", [0, MAX_REQUESTS + 1])
def test_no_request_or_too_many_are_refused(signing: Lab, count: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        issue(signing, *repeat(b"", count))
    assert caught.value.rule == "csr.count"


def test_two_requests_with_one_key_in_one_submission_are_refused(signing: Lab) -> None:
    with pytest.raises(Refused) as caught:
        issue(signing, same_key(1), UCCX_PUBLISHER.data, same_key(2))
    found = [finding.pointer for finding in caught.value.findings if finding.rule == "csr.repeated"]
    assert found == ["/csr/0/public_key", "/csr/2/public_key"]


def test_another_request_with_a_key_that_has_a_certificate_is_signed_with_a_warning(signing: Lab) -> None:
    (first,) = issue(signing, same_key(1)).certificates
    issued = issue(signing, same_key(2))
    (finding,) = (found for found in issued.findings if found.rule == "csr.key.reused")
    assert first.serial_number in finding.detail
    assert issued.created


def test_the_same_request_again_gives_no_warning_about_its_key(signing: Lab) -> None:
    for _ in range(2):
        assert "csr.key.reused" not in rules(issue(signing, UCCX_PUBLISHER.data))


def test_a_request_that_has_a_certificate_for_another_purpose_is_signed_with_a_warning(signing: Lab) -> None:
    [first] = issue(signing, UCCX_PUBLISHER.data, destination=Destination("tomcat-ECDSA")).certificates
    issued = issue(signing, UCCX_PUBLISHER.data, destination=Destination("CallManager-ECDSA"))

    [finding] = [found for found in issued.findings if found.rule == "csr.other-purpose"]
    assert first.serial_number in finding.detail
    assert "tomcat-ECDSA" in finding.detail
    assert issued.created
    assert "csr.other-purpose" not in rules(issue(signing, UCCX_PUBLISHER.data))


def _request_with(authority: Certified, subject: x509.Name | None = None) -> bytes:
    key = authority.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    name = subject.public_bytes() if subject else requests.subject("node-EC.example.com")
    return Recipe(key, name, (pkcs10.hosts("node.example.com"),)).der()


@pytest.mark.parametrize("issuer_id", ["root-g1", "intermediate-g1"])
def test_the_key_of_an_authority_gets_no_leaf(signing: Lab, issuer_id: str) -> None:
    key = signing.keystore.signer(issuer_id)
    with pytest.raises(Refused) as caught:
        issue(signing, _request_with(Certified(key, signing.hierarchy.active().root)))
    assert caught.value.rule == "csr.key.authority"


@pytest.mark.parametrize("place", [0, 1])
def test_the_name_of_an_authority_gets_no_leaf(signing: Lab, place: int) -> None:
    authority = signing.hierarchy.active().chain[place]
    own = Certified(requests.key("pretender"), authority)
    with pytest.raises(Refused) as caught:
        issue(signing, _request_with(own, authority.subject))
    assert caught.value.rule == "subject.authority"


# Found again


@pytest.mark.parametrize("form", [str, str.upper, lambda text: ":".join(text[i : i + 2] for i in range(0, 40, 2))])
def test_a_certificate_is_found_by_its_serial_number_in_any_form(signing: Lab, form: type[str]) -> None:
    (record,) = issue(signing, UCCX_PUBLISHER.data).certificates
    assert signing.issuance.get_certificate(REQUESTER, form(record.serial_number)) == record


def test_a_certificate_is_found_without_leading_zeros(signing: Lab) -> None:
    (record,) = issue(signing, UCCX_PUBLISHER.data).certificates
    assert signing.issuance.get_certificate(REQUESTER, record.serial_number.lstrip("0")) == record


@pytest.mark.parametrize("serial", ["", "1", "zz", "-1", "0" * 41, "%", "f" * 10_000])
def test_a_serial_number_that_was_not_issued_is_not_found(signing: Lab, serial: str) -> None:
    issue(signing, UCCX_PUBLISHER.data)
    with pytest.raises(NotFound) as caught:
        signing.issuance.get_certificate(REQUESTER, serial)
    assert caught.value.rule == "certificate.unknown"


def test_the_bundle_holds_the_chain_of_the_issuer_that_signed(signing: Lab) -> None:
    issued = issue(signing, UCCX_PUBLISHER.data)
    delivery = signing.issuance.delivery(issued.certificates[0])
    assert delivery.authorities == signing.hierarchy.active().chain
    assert delivery.purpose is TOMCAT_ECDSA
    assert signing.issuance.bundle(issued.certificates).name == "uccx1.example.com-tomcat-ECDSA.zip"


def test_the_delivery_for_a_plain_server_is_not_for_a_node(signing: Lab) -> None:
    (record,) = issue(signing, UCCX_PUBLISHER.data, profile="server").certificates
    assert signing.issuance.delivery(record).purpose is None


def test_an_examination_without_a_request_cannot_be_issued(signing: Lab) -> None:
    (refused,) = signing.issuance.check(REQUESTER, [b"nonsense"], Options())
    with pytest.raises(ValueError, match="not issued"):
        _ = refused.verified


def test_every_curve_of_an_authority_signs(operator: Actor) -> None:
    for curve in ("P-256", "P-384"):
        lab = Lab()
        lab.creation.initialise(operator, HierarchyPlan("Lab", root_curve=curve, intermediate_curve=curve))
        assert isinstance(lab.hierarchy, Hierarchy)
        assert issue(lab, *NODES).created


FULL_WIDTH = {each: chr(each + 0xFEE0) for each in range(ord("A"), ord("z") + 1)}


@pytest.mark.parametrize(
    "written",
    [
        str.upper,
        lambda text: text.replace(" ", "  "),
        lambda text: f" {text}",
        lambda text: f"{text} ",
        lambda text: text.translate(FULL_WIDTH),
        lambda text: text.replace(" ", "\u00a0"),
    ],
    ids=["case", "two blanks", "blank before", "blank after", "full width", "no-break blank"],
)
@pytest.mark.parametrize("whose", ["the root's", "the OCSP signer's"])
def test_a_name_that_only_looks_like_another_than_the_authoritys_is_refused(
    signing: Lab, written: Callable[[str], str], whose: str
) -> None:
    authority = signing.hierarchy.active()
    own = Certified(requests.key("pretender"), authority.root)
    subject = authority.root.subject
    if whose == "the OCSP signer's":
        [issuer] = signing.responders.issuers()
        subject = signing.responders.current(issuer).certificate.subject
    alike = x509.Name(x509.NameAttribute(part.oid, written(str(part.value))) for part in subject)
    with pytest.raises(Refused) as caught:
        issue(signing, _request_with(own, alike))
    assert caught.value.rule == "subject.authority"


COMMON_NAMES = ["Example Lab EC Root CA G1", "Example Lab EC Intermediate CA G1", "Example Lab OCSP"]


@pytest.mark.parametrize("others", [(), ("Elsewhere",)], ids=["alone", "another O"])
@pytest.mark.parametrize("common_name", [each for name in COMMON_NAMES for each in (name, f" {name.lower()}")])
def test_the_common_names_of_authorities_and_ocsp_signers_are_reserved(
    signing: Lab, common_name: str, others: tuple[str, ...]
) -> None:
    own = Certified(requests.key("pretender"), signing.hierarchy.active().root)
    parts = [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, each) for each in others]
    alike = x509.Name([*parts, x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    with pytest.raises(Refused) as caught:
        issue(signing, _request_with(own, alike))
    assert caught.value.rule == "subject.authority"


def test_a_common_name_of_an_authority_is_reserved_beside_one_of_a_host(signing: Lab) -> None:
    own = Certified(requests.key("pretender"), signing.hierarchy.active().root)
    both = [x509.NameAttribute(x509.NameOID.COMMON_NAME, each) for each in (COMMON_NAMES[0], "node.example.com")]
    with pytest.raises(Refused) as caught:
        issue(signing, _request_with(own, x509.Name(both)))
    assert caught.value.rule == "subject.authority"


def test_who_gets_the_same_certificate_again_is_told_so(signing: Lab) -> None:
    assert "certificate.again" not in rules(issue(signing, UCCX_PUBLISHER.data))
    assert "certificate.again" in rules(issue(signing, UCCX_PUBLISHER.data))


def rules(issued: Issued) -> set[str]:
    """The rules of all findings."""
    return {finding.rule for finding in issued.findings}


# What the authority's key is not asked for


class CountingHandle(SigningHandle):
    """A key that counts its signatures, also for those that look at it from outside."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, log: list[str], name: str) -> None:
        super().__init__(key)
        self._log = log
        self._name = name

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """See `SigningHandle`."""
        self._log.append(self._name)
        return super().sign(data, signature_algorithm)


class CountingKeyStore(InMemoryKeyStore):
    """A key store that logs which of its keys has signed."""

    def __init__(self) -> None:
        super().__init__()
        self.signatures: list[str] = []

    def signer(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        """See the port."""
        return CountingHandle(super().signer(key_id), self.signatures, key_id)


@pytest.fixture
def counting() -> CountingKeyStore:
    """The keys of the lab `counted`."""
    return CountingKeyStore()


@pytest.fixture
def counted(counting: CountingKeyStore) -> Lab:
    """A lab with an authority whose signatures are counted from now on."""
    return _counted(Lab(keystore=counting), counting)


def _counted(lab: Lab, counting: CountingKeyStore) -> Lab:
    """The same with an authority that has no common name, so that programs show its whole name."""
    parts = (NameOID.ORGANIZATION_NAME, "Other Lab"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "CAs")
    issuing = replace(ISSUING, name=x509.Name(x509.NameAttribute(*part) for part in parts))
    lab.external.import_authority(OPERATOR, authorities(issuing), issuing.private_key)
    counting.signatures.clear()
    return lab


#: A good CSR whose common name is the name of the authority: a trust store keeps one certificate of each name.
MISFIT: Final = Recipe(
    requests.key("misfit"), requests.subject("O=Other Lab, OU=CAs"), (pkcs10.hosts("node.example.com"),)
).der()


def test_a_certificate_that_the_node_would_not_accept_never_reaches_the_authoritys_key(
    counted: Lab, counting: CountingKeyStore
) -> None:
    with pytest.raises(SigningError) as caught:
        issue(counted, MISFIT)
    assert caught.value.rule == "fit.same-name"
    assert (counting.signatures, stored(counted), events(counted)) == ([], (), [])


def test_none_of_a_submission_is_signed_before_all_of_it_was_judged(counted: Lab, counting: CountingKeyStore) -> None:
    with pytest.raises(SigningError):
        issue(counted, *NODES, MISFIT)
    assert counting.signatures == []


def test_the_profile_of_a_plain_server_is_not_judged_by_what_a_node_accepts(
    counted: Lab, counting: CountingKeyStore
) -> None:
    assert issue(counted, MISFIT, profile="server").created
    assert len(counting.signatures) == 1


def test_a_request_that_is_refused_or_answered_again_never_reaches_the_authoritys_key(
    counted: Lab, counting: CountingKeyStore
) -> None:
    issue(counted, UCCX_PUBLISHER.data)
    counting.signatures.clear()
    assert not issue(counted, UCCX_PUBLISHER.data).created
    with pytest.raises(Refused):
        issue(counted, b"nonsense")
    assert counting.signatures == []


def test_that_a_request_waits_is_shown_and_is_no_finding_of_its_record() -> None:
    lab = Lab(rules=()).initialised()
    issued = issue(lab, requests.JUNK_COUNTRY.data)
    assert {found.rule for found in issued.findings} == {"subject.country", "approval.needed"}
    assert [found.rule for found in issued.waiting[0].findings] == ["subject.country"]


def test_a_waiting_request_that_the_node_would_not_accept_fails_and_is_not_signed(counting: CountingKeyStore) -> None:
    lab = _counted(Lab(keystore=counting, rules=()), counting)
    (waiting,) = issue(lab, MISFIT).waiting
    failed = lab.requests.approve(actor(Role.APPROVER), waiting.id)
    assert (failed.state, [found.rule for found in failed.failure if found.is_error]) == (
        State.FAILED,
        ["fit.same-name"],
    )
    assert counting.signatures == []
