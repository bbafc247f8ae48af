"""An authority that is revoked issues no more; lists of an offline root are checked before they count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import Event
from ca_service.authority.issuance.examination import Options
from ca_service.errors import CAServiceError, Conflict, InvalidInput, NotAllowed, NotFound, Refused
from ca_service.pki import encodings, keys
from ca_service.pki.reasons import Reason
from tests.authority.issuance.requests.people import ANNA, CAROL, certificates, submitted
from tests.support.certificates import common_name
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.fakes import FixedClock, InMemoryKeyStore
from tests.support.request_records import EVERYBODY
from tests.support.requests import UCCX_PUBLISHER

INTERMEDIATE, ROOT = "intermediate-g1", "root-g1"
PASSPHRASE = b"a passphrase of 20 characters"
Flags = x509.ReasonFlags


@pytest.fixture
def signing(lab: Lab) -> Lab:
    """A lab that can sign."""
    return lab.initialised()


def issue(lab: Lab) -> None:
    """A certificate."""
    lab.issuance.issue(actor(), [UCCX_PUBLISHER.data], Options())


def serial(lab: Lab) -> int:
    """The serial number of the intermediate."""
    return lab.hierarchy.active().chain[0].serial_number


def listed(lab: Lab) -> list[int]:
    """What is on the list of the root."""
    return [entry.serial_number for entry in x509.load_der_x509_crl(lab.crl_publisher.current(ROOT).data.full)]


# Revoked here


def test_a_revoked_intermediate_is_on_the_next_list_of_the_root(signing: Lab) -> None:
    assert listed(signing) == []
    done = signing.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE)
    assert listed(signing) == [serial(signing)]
    assert [finding.rule for finding in done.findings] == ["authority.will-be-revoked", "authority.listed-at-once"]


def test_a_revoked_intermediate_issues_no_more(signing: Lab) -> None:
    issue(signing)
    signing.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.SUPERSEDED)
    with pytest.raises(Refused) as caught:
        issue(signing)
    assert caught.value.rule == "authority.revoked"


class Revoking(InMemoryKeyStore):
    """Another process revokes the intermediate while this one signs with its key."""

    def __init__(self) -> None:
        super().__init__()
        self.revoke = list[Callable[[], object]]()

    def signer(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        """See the class."""
        while self.revoke and key_id == INTERMEDIATE:
            self.revoke.pop()()
        return super().signer(key_id)


@pytest.mark.fault("same moment", "An intermediate is revoked while it signs", "the certificate is not issued")
@pytest.mark.parametrize("is_approved", [False, True])
def test_what_an_intermediate_signs_while_it_is_revoked_is_not_issued(clock: FixedClock, is_approved: bool) -> None:
    keystore = Revoking()
    lab = Lab(clock=clock, keystore=keystore, rules=() if is_approved else (EVERYBODY,)).initialised()
    if is_approved:
        submitted(lab, ANNA)
    act = (lambda: lab.requests.approve(CAROL, 1)) if is_approved else (lambda: issue(lab))
    keystore.revoke.append(lambda: lab.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE))
    with pytest.raises(Conflict) as caught:
        act()
    assert caught.value.rule == "authority.revoked-meanwhile"
    assert certificates(lab) == ()


def test_its_lists_and_answers_go_on(signing: Lab) -> None:
    signing.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.SUPERSEDED)
    assert signing.crl_publisher.current(INTERMEDIATE).record.count == 0
    assert signing.responders.renew_due() == 1


def test_the_event_tells_why(signing: Lab) -> None:
    signing.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE, note="stolen")
    [event] = signing.revocations.events  # type: ignore[attr-defined]
    assert (event.event, event.subject) == (Event.AUTHORITY_REVOKED, INTERMEDIATE)
    assert event.details == {"state": "revoked", "reason": "cACompromise", "note": "stolen"}


def test_a_preview_revokes_nothing(signing: Lab) -> None:
    seen = signing.authority_revocation.preview(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE)
    assert (seen.issuer.id, seen.above.id) == (INTERMEDIATE, ROOT)
    issue(signing)


@pytest.mark.parametrize("issuer_id", [ROOT, "nobody"])
def test_a_root_and_an_unknown_authority_cannot_be_revoked(signing: Lab, issuer_id: str) -> None:
    with pytest.raises(NotFound) as caught:
        signing.authority_revocation.revoke(OPERATOR, issuer_id, Reason.SUPERSEDED)
    assert caught.value.rule == "authority.not-revocable"


def test_an_authority_is_revoked_once(signing: Lab) -> None:
    signing.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.SUPERSEDED)
    with pytest.raises(Conflict) as caught:
        signing.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE)
    assert caught.value.rule == "authority.revoked-already"


def test_a_reason_for_leaves_is_refused(signing: Lab) -> None:
    with pytest.raises(InvalidInput, match="it is for leaves"):
        signing.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.KEY_COMPROMISE)


@pytest.mark.parametrize(
    "do",
    [
        lambda lab: lab.authority_revocation.preview(actor(Role.APPROVER), INTERMEDIATE, Reason.SUPERSEDED),
        lambda lab: lab.authority_revocation.revoke(actor(Role.APPROVER), INTERMEDIATE, Reason.SUPERSEDED),
        lambda lab: lab.crl_importer.import_crl(actor(Role.APPROVER), b""),
    ],
)
def test_only_who_may_manage_the_authority_does_this(signing: Lab, do: Callable[[Lab], object]) -> None:
    with pytest.raises(NotAllowed):
        do(signing)


# Lists of an offline root


@dataclass(frozen=True, slots=True)
class Offline:
    """A lab without the key of its root, and that key."""

    lab: Lab
    key: ec.EllipticCurvePrivateKey

    def crl(
        self,
        *entries: tuple[int, x509.ReasonFlags | None],
        number: int | None = 1,
        extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
        **changes: Any,
    ) -> bytes:
        """A list as another program signs it, PEM."""
        now = self.lab.clock().astimezone(UTC)
        parts: dict[str, Any] = {"issuer_name": self.lab.hierarchy.active().root.subject, "last_update": now} | changes
        parts.setdefault("next_update", now + timedelta(days=90))
        key = parts.pop("key", self.key)
        builder = x509.CertificateRevocationListBuilder(**parts)
        for serial_number, reason in entries:
            entry = x509.RevokedCertificateBuilder(serial_number, now)
            builder = builder.add_revoked_certificate(
                (entry.add_extension(x509.CRLReason(reason), critical=False) if reason else entry).build()
            )
        if number is not None:
            builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        for value, critical in extra:
            builder = builder.add_extension(value, critical=critical)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture
def offline(signing: Lab) -> Offline:
    """The root's key has gone."""
    copy = signing.root_key.export(OPERATOR, PASSPHRASE)
    signing.root_key.remove(OPERATOR, copy, PASSPHRASE)
    return Offline(signing, encodings.load_private_key(copy, PASSPHRASE))


def refused(offline: Offline, data: bytes) -> CAServiceError:
    """The error when this list is imported."""
    with pytest.raises(CAServiceError) as caught:
        offline.lab.crl_importer.import_crl(OPERATOR, data)
    return caught.value


def test_a_list_of_an_offline_root_is_published_as_it_was_signed(offline: Offline) -> None:
    data = offline.crl((4711, None))
    found = offline.lab.crl_importer.import_crl(OPERATOR, data)
    published = offline.lab.crl_publisher.current(ROOT)
    assert published.data.full == x509.load_pem_x509_crl(data).public_bytes(Encoding.DER)
    assert (found.record, found.revoked, found.findings) == (published.record, (), ())
    assert (published.record.number, published.record.count) == (1, 1)
    [event] = offline.lab.edges.crls.events  # type: ignore[attr-defined]
    assert (event.event, event.subject, event.details) == (Event.CRL_IMPORTED, ROOT, {"number": "1", "entries": 1})


def test_a_list_is_taken_as_der_too(offline: Offline) -> None:
    data = x509.load_pem_x509_crl(offline.crl()).public_bytes(Encoding.DER)
    assert offline.lab.crl_importer.import_crl(OPERATOR, data).record.number == 1


def test_the_same_list_again_changes_nothing(offline: Offline) -> None:
    data = offline.crl()
    first = offline.lab.crl_importer.import_crl(OPERATOR, data)
    assert offline.lab.crl_importer.import_crl(OPERATOR, data) == first
    assert len(offline.lab.edges.crls.events) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [5, 4])
def test_an_older_list_is_refused(offline: Offline, number: int) -> None:
    offline.lab.crl_importer.import_crl(OPERATOR, offline.crl(number=5))
    error = refused(offline, offline.crl(number=number))
    assert (type(error), error.rule) == (Conflict, "crl.number")


def test_a_list_that_revokes_our_intermediate_stops_the_issuing(offline: Offline) -> None:
    issue(offline.lab)
    found = offline.lab.crl_importer.import_crl(OPERATOR, offline.crl((serial(offline.lab), Flags.ca_compromise)))
    assert found.revoked == (INTERMEDIATE,)
    with pytest.raises(Refused, match="revoked"):
        issue(offline.lab)


def test_a_hold_by_the_root_ends_with_the_list_that_no_longer_has_it(offline: Offline) -> None:
    held = offline.crl((serial(offline.lab), Flags.certificate_hold))
    assert offline.lab.crl_importer.import_crl(OPERATOR, held).revoked == (INTERMEDIATE,)
    with pytest.raises(Refused):
        issue(offline.lab)
    assert offline.lab.crl_importer.import_crl(OPERATOR, offline.crl(number=2)).revoked == (INTERMEDIATE,)
    issue(offline.lab)


def test_a_list_that_forgets_a_revocation_is_told_so(offline: Offline) -> None:
    done = offline.lab.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.SUPERSEDED)
    assert [finding.rule for finding in done.findings][-1] == "authority.list-to-be-signed"
    found = offline.lab.crl_importer.import_crl(OPERATOR, offline.crl(number=2))
    assert [finding.rule for finding in found.findings] == ["crl.lacks-authority"]
    with pytest.raises(Refused):
        issue(offline.lab)


def test_the_key_from_a_file_signs_what_was_revoked_here(offline: Offline) -> None:
    offline.lab.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.SUPERSEDED)
    offline.lab.crl_publisher.publish_with(OPERATOR, offline.key)
    assert listed(offline.lab) == [serial(offline.lab)]


def test_what_an_imported_list_tells_of_others_is_told_by_the_lists_that_follow(offline: Offline) -> None:
    offline.lab.crl_importer.import_crl(OPERATOR, offline.crl((4711, Flags.ca_compromise), (4712, None)))
    for _ in range(2):
        offline.lab.crl_publisher.publish_with(OPERATOR, offline.key)
        assert sorted(listed(offline.lab)) == [4711, 4712]


def test_what_an_imported_list_forgot_is_in_the_list_that_is_signed_here(offline: Offline) -> None:
    offline.lab.crl_importer.import_crl(OPERATOR, offline.crl((4711, Flags.ca_compromise)))
    offline.lab.crl_importer.import_crl(OPERATOR, offline.crl(number=2))
    offline.lab.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE)
    offline.lab.crl_publisher.publish_with(OPERATOR, offline.key)
    assert sorted(listed(offline.lab)) == sorted([4711, serial(offline.lab)])


def test_an_intermediate_is_not_trusted_while_it_is_on_hold(offline: Offline) -> None:
    chain = offline.lab.hierarchy.active().chain
    offline.lab.crl_importer.import_crl(OPERATOR, offline.crl((serial(offline.lab), Flags.certificate_hold)))
    assert offline.lab.trusted.chain() == chain[-1:]
    offline.lab.crl_importer.import_crl(OPERATOR, offline.crl(number=2))
    assert offline.lab.trusted.chain() == chain


def test_a_hold_that_is_made_final_here_keeps_its_beginning(offline: Offline) -> None:
    began = offline.lab.clock()
    offline.lab.crl_importer.import_crl(OPERATOR, offline.crl((serial(offline.lab), Flags.certificate_hold)))
    offline.lab.clock.advance(days=1)
    done = offline.lab.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE)
    assert done.revocation.revoked_at == began


SCOPE: dict[str, Any] = {
    "full_name": None,
    "relative_name": None,
    "only_contains_user_certs": False,
    "only_contains_ca_certs": False,
    "only_some_reasons": None,
    "indirect_crl": False,
    "only_contains_attribute_certs": False,
}


def scope(**changes: object) -> tuple[x509.ExtensionType, bool]:
    """What a list is limited to."""
    return x509.IssuingDistributionPoint(**SCOPE | changes), True


def test_a_list_of_authorities_alone_is_taken(offline: Offline) -> None:
    data = offline.crl(extra=(scope(only_contains_ca_certs=True),))
    imported = offline.lab.crl_importer.import_crl(OPERATOR, data)
    assert imported.record.number == 1
    assert [found.rule for found in imported.findings] == ["crl.limited"]


def test_a_list_without_a_limit_is_taken_without_a_remark(offline: Offline) -> None:
    assert offline.lab.crl_importer.import_crl(OPERATOR, offline.crl()).findings == ()


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("crl.no-number", {"number": None}),
        ("crl.is-delta", {"extra": ((x509.DeltaCRLIndicator(1), True),)}),
        ("crl.scope", {"extra": (scope(only_contains_user_certs=True),)}),
        ("crl.scope", {"extra": (scope(only_contains_attribute_certs=True),)}),
        ("crl.scope", {"extra": (scope(indirect_crl=True),)}),
        ("crl.scope", {"extra": (scope(only_some_reasons=frozenset([Flags.key_compromise])),)}),
        (
            "crl.extension",
            {"extra": ((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),)},
        ),
        ("crl.foreign", {"issuer_name": common_name("Somebody Else")}),
        ("crl.signature", {"key": keys.generate_key("P-256")}),
    ],
)
def test_a_list_that_would_not_serve_is_refused(offline: Offline, rule: str, options: dict[str, Any]) -> None:
    error = refused(offline, offline.crl(**options))
    assert (type(error), error.rule) == (Refused, rule)
    with pytest.raises(NotFound):
        offline.lab.crl_publisher.current(ROOT)


def test_a_list_that_is_not_good_now_is_refused(offline: Offline) -> None:
    now = offline.lab.clock()
    lapsed = offline.crl(last_update=now - timedelta(days=2), next_update=now - timedelta(days=1))
    early = offline.crl(last_update=now + timedelta(minutes=6))
    assert [refused(offline, data).rule for data in (lapsed, early)] == ["crl.lapsed"] * 2


@pytest.mark.parametrize("data", [b"", b"nonsense", b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"])
def test_what_is_no_list_is_refused(offline: Offline, data: bytes) -> None:
    assert refused(offline, data).rule == "crl.unreadable"


def test_a_list_of_an_authority_whose_key_is_here_is_refused(signing: Lab) -> None:
    data = signing.crl_publisher.current(INTERMEDIATE).data.full
    with pytest.raises(Conflict) as caught:
        signing.crl_importer.import_crl(OPERATOR, data)
    assert caught.value.rule == "crl.key-here"
