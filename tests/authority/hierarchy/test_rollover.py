"""The next intermediate: made here or certified elsewhere, it issues in place of the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import Event
from ca_service.authority.health.agreement import Agreement
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.plan import HierarchyPlan, subject_of
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import RevocationRecord
from ca_service.errors import CAServiceError, Conflict, InvalidInput, KeystoreError, NotReady, Refused
from ca_service.pki import chain, encodings, keys, names
from ca_service.pki.reasons import Reason
from tests.support import certificates, pkcs10
from tests.support.agreement import InMemoryAgreementStore
from tests.support.certificates import common_name
from tests.support.external_roots import Certified, certify, ec_root, self_signed
from tests.support.factories import OPERATOR, PLAN, Lab
from tests.support.fakes import FixedClock, InMemoryIssuerStore, InMemoryLedger
from tests.support.record import InMemoryEventStore
from tests.support.requests import UCCX_PUBLISHER, node
from tests.support.revocation import InMemoryRevocationStore

SAME = replace(PLAN, name="")
PASSPHRASE = b"a long enough passphrase"


@pytest.fixture
def lab(clock: FixedClock) -> Lab:
    """An installation that issues."""
    return Lab(clock=clock).initialised()


def issuing(lab: Lab) -> str:
    """The id of the authority that issues."""
    return lab.hierarchy.active().record.id


def public(request: x509.CertificateSigningRequest) -> ec.EllipticCurvePublicKey:
    """Its key."""
    key = request.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def asked_next(lab: Lab, operator: Actor, name: str = "") -> x509.CertificateSigningRequest:
    """The CSR of the next intermediate."""
    return x509.load_pem_x509_csr(lab.external.request_intermediate(operator, name, "P-256", is_next=True))


def external(operator: Actor) -> Lab:
    """An installation below an external root."""
    lab = Lab()
    request = x509.load_pem_x509_csr(lab.external.request_intermediate(operator, "Example Lab", "P-256"))
    signed = certify(ec_root(), request.subject, public(request))
    lab.external.install_intermediate(operator, [signed, ec_root().certificate])
    return lab


def test_the_next_intermediate_issues_below_the_same_root(lab: Lab, operator: Actor) -> None:
    before = lab.hierarchy.active()
    done = lab.rollover.perform(operator, SAME)
    active = lab.hierarchy.active()
    chain.check_authorities(active.chain, lab.clock())
    assert (done.before.id, done.after.id, done.above.id) == ("intermediate-g1", "intermediate-g2", "root-g1")
    assert names.name_text(active.chain[0].subject) == "O=Example Lab, CN=Example Lab EC Intermediate CA G2"
    assert active.root == before.root
    assert active.issuer.public_key != before.issuer.public_key
    assert [record.is_issuing for record in lab.hierarchy.list_issuers()] == [False, False, True]


def test_name_curve_and_lifetime_can_be_others(lab: Lab, operator: Actor) -> None:
    plan = HierarchyPlan("Voice", intermediate_curve="P-384", intermediate_days=50)
    made = certificate_of(lab.rollover.perform(operator, plan).after)
    assert "CN=Voice EC Intermediate CA G2" in names.name_text(made.subject)
    assert keys.kind_name(made.public_key()) == "EC P-384"
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(days=50, seconds=-1)


def test_the_same_csr_gets_a_new_certificate_from_the_next_intermediate(lab: Lab, operator: Actor) -> None:
    [first] = lab.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).certificates
    lab.rollover.perform(operator, SAME)
    second = lab.issuance.issue(operator, [UCCX_PUBLISHER.data], Options())
    assert (first.issuer_id, second.certificates[0].issuer_id) == ("intermediate-g1", "intermediate-g2")
    assert second.created
    assert not lab.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).created


def test_a_certificate_of_the_intermediate_before_is_delivered_with_its_own_chain(lab: Lab, operator: Actor) -> None:
    [first] = lab.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).certificates
    before = lab.hierarchy.active().chain
    lab.rollover.perform(operator, SAME)
    assert lab.issuance.delivery(first).authorities == before


def test_crl_and_ocsp_of_the_intermediate_before_go_on(lab: Lab, operator: Actor) -> None:
    lab.rollover.perform(operator, SAME)
    assert lab.crl_publisher.list_available() == ("root-g1", "intermediate-g1", "intermediate-g2")
    assert lab.crl_publisher.current("intermediate-g1").record.issuer_id == "intermediate-g1"
    assert [issuer.id for issuer in lab.responders.issuers()] == ["intermediate-g1", "intermediate-g2"]


def test_without_the_key_of_the_intermediate_before_those_of_the_next_go_on(lab: Lab, operator: Actor) -> None:
    lab.rollover.perform(operator, SAME)
    lab.keystore.remove("intermediate-g1")
    for job in (lab.crl_publisher.publish_due, lab.responders.renew_due):
        with pytest.raises(KeystoreError):
            job()
    newest = {issuer.id for issuer, found in lab.crl_publisher.list_newest(operator) if found}
    assert newest == {"root-g1", "intermediate-g2"}
    assert [each.issuer_id for each in lab.responders.list_current()] == ["intermediate-g2"]


@pytest.mark.parametrize(("days", "rules"), [(100, []), (101, ["authority.ends-early"])])
def test_one_that_would_outlive_the_root_ends_with_it_and_says_so(
    lab: Lab, operator: Actor, days: int, rules: list[str]
) -> None:
    assert isinstance(lab.clock, FixedClock)
    end = lab.hierarchy.active().root.not_valid_after_utc
    lab.clock.now = end - timedelta(days=100, hours=1)
    lab.clock_check.confirm(operator)
    plan = replace(SAME, intermediate_days=days)
    assert [each.rule for each in lab.rollover.preview(operator, plan).warnings[1:]] == rules
    done = lab.rollover.perform(operator, plan)
    assert [each.rule for each in done.limits] == rules
    assert certificate_of(done.after).not_valid_after_utc <= end


def test_an_intermediate_before_that_has_expired_gets_no_ocsp_signer(lab: Lab, operator: Actor) -> None:
    lab.rollover.perform(operator, SAME)
    assert isinstance(lab.clock, FixedClock)
    lab.clock.now = certificate_of(lab.hierarchy.list_issuers()[1]).not_valid_after_utc + timedelta(minutes=1)
    assert [issuer.id for issuer in lab.responders.issuers()] == ["intermediate-g2"]


def test_after_a_revocation_the_next_intermediate_can_sign(lab: Lab, operator: Actor) -> None:
    lab.authority_revocation.revoke(operator, "intermediate-g1", Reason.CA_COMPROMISE)
    with pytest.raises(Refused):
        lab.issuance.issue(operator, [UCCX_PUBLISHER.data], Options())
    lab.rollover.perform(operator, SAME)
    assert lab.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).created
    assert len(lab.trusted.chain()) == 2
    assert not lab.trusted.is_issuing_revoked()


def test_no_csr_may_have_the_key_or_the_name_of_an_intermediate_before(lab: Lab, operator: Actor) -> None:
    key = lab.keystore.signer("intermediate-g1")
    lab.rollover.perform(operator, SAME)
    taken = node("uccx1-EC.example.com", "uccx1.example.com")
    [by_key] = lab.issuance.check(operator, [pkcs10.pem(replace(taken, key=key).der())], Options())
    assert "csr.key.authority" in {found.rule for found in by_key.findings}
    name = "Example Lab EC Intermediate CA G1"
    [by_name] = lab.issuance.check(operator, [pkcs10.pem(node(name, "uccx1.example.com").der())], Options())
    assert "subject.authority" in {found.rule for found in by_name.findings}


def test_it_is_recorded_with_what_it_follows(lab: Lab, operator: Actor) -> None:
    done = lab.rollover.perform(operator, SAME)
    assert isinstance(lab.issuers, InMemoryIssuerStore)
    event = lab.issuers.events[-1]
    assert (event.event, event.subject) == (Event.AUTHORITY_CREATED, "intermediate-g2")
    assert event.details["follows"] == "intermediate-g1"
    assert certificate_of(done.after).serial_number > 0


class ReadBefore(InMemoryAgreementStore):
    """The authorities are read; then the next intermediate is created and issues before the certificates are."""

    def __init__(self, lab: Lab) -> None:
        assert isinstance(lab.ledger, InMemoryLedger)
        super().__init__(lab.edges.events, lab.ledger, lab.issuers)
        self._lab = lab

    def list_issuers(self) -> Iterator[IssuerRecord]:
        """See the class."""
        yield from super().list_issuers()
        if issuing(self._lab) == "intermediate-g1":
            self._lab.rollover.perform(OPERATOR, SAME)
            self._lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options())


class RevokedBetween(InMemoryRevocationStore):
    """The intermediate is revoked after its status was read, and before the audit log is."""

    lab: Lab

    def find_revocation(self, issuer_id: str, serial_number: str) -> RevocationRecord | None:
        """See the class."""
        found = super().find_revocation(issuer_id, serial_number)
        if self.lab.trusted.is_good("intermediate-g1"):
            self.lab.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.SUPERSEDED)
        return found


def test_an_authority_that_is_created_during_the_comparison_is_no_difference(lab: Lab) -> None:
    created = Agreement(ReadBefore(lab), lab.edges.events, lab.revocations)
    assert created.differences() == ()
    assert issuing(lab) == "intermediate-g2"


def test_an_authority_that_is_revoked_during_the_comparison_is_no_difference(lab: Lab) -> None:
    assert isinstance(lab.ledger, InMemoryLedger)
    between, events = RevokedBetween(lab.ledger), InMemoryEventStore(lab.issuers, lab.ledger, lab.revocations)
    between.lab = lab
    assert Agreement(lab.edges.agreement, events, between).differences() == ()
    assert not lab.trusted.is_good("intermediate-g1")


def test_a_preview_makes_nothing(lab: Lab, operator: Actor) -> None:
    seen = lab.rollover.preview(operator, SAME)
    assert (seen.before.id, seen.after.id, seen.after.certificate_der) == ("intermediate-g1", "intermediate-g2", None)
    assert len(lab.hierarchy.list_issuers()) == 2
    assert not lab.keystore.has("intermediate-g2")


def test_what_was_confirmed_is_not_followed_by_one_more(lab: Lab, operator: Actor) -> None:
    seen = [lab.rollover.preview(operator, SAME).after.id for _ in range(2)]
    lab.rollover.perform(operator, SAME, confirmed=seen[0])
    with pytest.raises(Conflict) as caught:
        lab.rollover.perform(operator, SAME, confirmed=seen[1])
    assert caught.value.rule == "authority.rolled-over"
    assert issuing(lab) == "intermediate-g2"


def test_a_third_generation_follows_the_second(lab: Lab, operator: Actor) -> None:
    lab.rollover.perform(operator, SAME)
    assert lab.rollover.perform(operator, SAME).before.id == "intermediate-g2"
    assert issuing(lab) == "intermediate-g3"


@pytest.mark.parametrize("taken", ["Voice EC Intermediate CA G2", "VOICE EC Intermediate CA G2"])
def test_a_generation_whose_name_is_taken_is_passed_over(operator: Actor, taken: str) -> None:
    lab, root, key = Lab(), certificates.root("P-256"), ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Voice"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, taken),
        ]
    )
    imported = certify(Certified(root.key, root.certificate), subject, key.public_key())
    lab.external.import_authority(operator, [imported, root.certificate], key, root.key)
    assert lab.rollover.perform(operator, replace(SAME, name="Voice")).after.id == "intermediate-g3"


def test_one_that_waits_gets_no_name_that_is_taken(operator: Actor) -> None:
    lab, root, key = Lab(), certificates.root("P-256"), ec.generate_private_key(ec.SECP256R1())
    imported = certify(Certified(root.key, root.certificate), subject_of("Voice", "intermediate", 2), key.public_key())
    lab.external.import_authority(operator, [imported, root.certificate], key, root.key)
    asked_next(lab, operator, "Other")
    with pytest.raises(Refused) as caught:
        lab.rollover.perform(operator, replace(SAME, name="Voice"))
    assert caught.value.rule == "authority.same-name"
    assert lab.rollover.perform(operator, replace(SAME, name="Third")).after.id == "intermediate-g2"


def test_with_the_key_of_the_root_offline_its_copy_is_needed(lab: Lab, operator: Actor) -> None:
    key = lab.keystore.signer("root-g1")
    copy = lab.root_key.export(operator, PASSPHRASE)
    lab.root_key.remove(operator, copy, PASSPHRASE)
    for act in (lab.rollover.preview, lab.rollover.perform):
        with pytest.raises(Refused) as caught:
            act(operator, SAME)
        assert caught.value.rule == "authority.key-above-offline"
        with pytest.raises(Refused) as caught:
            act(operator, SAME, ec.generate_private_key(ec.SECP256R1()))
        assert caught.value.rule == "authority.key-above-wrong"
    assert issuing(lab) == "intermediate-g1"
    lab.rollover.perform(operator, SAME, key)
    assert issuing(lab) == "intermediate-g2"
    assert not lab.keystore.has("root-g1")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"name": "K\u00e4se"}, "authority.name"),
        ({"intermediate_curve": "P-521"}, "authority.curve"),
        ({"intermediate_days": 0}, "authority.days"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_before_anything_is_made(
    lab: Lab, operator: Actor, change: dict[str, Any], rule: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.rollover.perform(operator, replace(SAME, **change))
    assert caught.value.rule == rule
    assert not lab.keystore.has("intermediate-g2")


def test_a_name_that_a_node_would_not_take_is_not_inherited(operator: Actor) -> None:
    lab, root, key = Lab(), certificates.root("P-256"), ec.generate_private_key(ec.SECP256R1())
    imported = certify(Certified(root.key, root.certificate), common_name("Stimme & Co."), key.public_key())
    lab.external.import_authority(operator, [imported, root.certificate], key, root.key)
    with pytest.raises(InvalidInput) as caught:
        lab.rollover.perform(operator, SAME)
    assert caught.value.rule == "authority.name"
    assert lab.rollover.perform(operator, replace(SAME, name="Stimme")).after.name == "Stimme"


def test_without_an_authority_there_is_nothing_to_follow(operator: Actor) -> None:
    with pytest.raises(NotReady) as caught:
        Lab().rollover.perform(operator, SAME)
    assert caught.value.rule == "authority.missing"


def test_an_expired_root_certifies_nothing(lab: Lab, operator: Actor) -> None:
    assert isinstance(lab.clock, FixedClock)
    lab.clock.now = lab.hierarchy.active().root.not_valid_after_utc + timedelta(seconds=1)
    with pytest.raises(NotReady) as caught:
        lab.rollover.perform(operator, SAME)
    assert caught.value.rule == "authority.expired"


def test_an_expired_intermediate_is_followed(lab: Lab, operator: Actor) -> None:
    assert isinstance(lab.clock, FixedClock)
    lab.clock.now = lab.hierarchy.active().chain[0].not_valid_after_utc + timedelta(days=1)
    lab.clock_check.confirm(operator)
    lab.rollover.perform(operator, SAME)
    assert lab.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).created


def test_a_settings_name_of_before_changes_nothing_at_the_next_start(lab: Lab, operator: Actor) -> None:
    lab.rollover.perform(operator, replace(SAME, name="Voice"))
    assert lab.creation.initialise(operator, PLAN) == ()


def test_the_next_intermediate_of_an_external_root_waits_while_the_one_before_issues(operator: Actor) -> None:
    lab = external(operator)
    request = asked_next(lab, operator)
    assert names.name_text(request.subject).endswith("EC Intermediate CA G2")
    assert asked_next(lab, operator).public_key() == request.public_key()
    assert lab.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).certificates[0].issuer_id == "intermediate-g1"
    assert lab.creation.initialise(operator, PLAN) == ()
    assert lab.trusted.chain() == lab.hierarchy.active().chain
    assert lab.doctor.examine(operator)

    signed = certify(ec_root(), request.subject, public(request))
    [installed] = lab.external.install_intermediate(operator, [signed, ec_root().certificate])
    assert (installed.id, installed.generation, installed.is_issuing) == ("intermediate-g2", 2, True)
    assert lab.hierarchy.active().chain == (signed, ec_root().certificate)
    assert [record.is_issuing for record in lab.hierarchy.list_issuers()] == [False, False, True]
    assert isinstance(lab.issuers, InMemoryIssuerStore)
    assert lab.issuers.events[-1].details["follows"] == "intermediate-g1"
    assert lab.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).certificates[0].issuer_id == installed.id


@pytest.mark.parametrize(
    ("name", "curve", "is_refused"),
    [("", "", False), ("Voice", "P-256", False), ("Other", "", True), ("", "P-384", True)],
)
def test_one_that_waits_keeps_its_name_and_curve(operator: Actor, name: str, curve: str, is_refused: bool) -> None:
    lab = external(operator)
    first = asked_next(lab, operator, "Voice")
    with pytest.raises(Conflict, match="waits") if is_refused else nullcontext():
        again = x509.load_pem_x509_csr(lab.external.request_intermediate(operator, name, curve, is_next=True))
        assert (again.subject, again.public_key()) == (first.subject, first.public_key())


def test_a_new_authority_between_it_and_the_root_is_recorded(operator: Actor) -> None:
    lab = external(operator)
    request = asked_next(lab, operator)
    key = ec.generate_private_key(ec.SECP256R1())
    upper = Certified(key, certify(ec_root(), common_name("Upper"), key.public_key(), path_length=1))
    signed = certify(upper, request.subject, public(request))
    installed = lab.external.install_intermediate(operator, [signed, upper.certificate, ec_root().certificate])
    assert [record.id for record in installed] == ["upper-1-g2", "intermediate-g2"]
    assert lab.hierarchy.active().chain == (signed, upper.certificate, ec_root().certificate)


def below_policy_ca(operator: Actor) -> tuple[Lab, Certified]:
    """An installation below an authority that is below an external root, which issues no longer: it was revoked."""
    lab, key = Lab(), ec.generate_private_key(ec.SECP256R1())
    upper = Certified(key, certify(ec_root(), common_name("Policy CA"), key.public_key(), path_length=1))
    request = x509.load_pem_x509_csr(lab.external.request_intermediate(operator, "Example Lab", "P-256"))
    signed = certify(upper, request.subject, public(request))
    lab.external.install_intermediate(operator, [signed, upper.certificate, ec_root().certificate])
    return lab, upper


def test_nothing_is_certified_by_an_authority_that_is_revoked(operator: Actor) -> None:
    lab, upper = below_policy_ca(operator)
    lab.authority_revocation.revoke(operator, "upper-1-g1", Reason.CA_COMPROMISE)
    assert isinstance(upper.key, ec.EllipticCurvePrivateKey)
    for act in (lab.rollover.preview, partial(lab.rollover.perform, key_above=upper.key)):
        with pytest.raises(Refused) as caught:
            act(operator, SAME)
        assert caught.value.rule == "authority.above-revoked"
    assert not lab.keystore.has("intermediate-g2")


def test_a_certificate_of_a_revoked_authority_is_not_installed_and_one_of_another_is(operator: Actor) -> None:
    lab, upper = below_policy_ca(operator)
    lab.authority_revocation.revoke(operator, "upper-1-g1", Reason.CA_COMPROMISE)
    request = asked_next(lab, operator)
    signed = certify(upper, request.subject, public(request))
    with pytest.raises(Refused) as caught:
        lab.external.install_intermediate(operator, [signed, upper.certificate, ec_root().certificate])
    assert caught.value.rule == "authority.above-revoked"
    assert issuing(lab) == "intermediate-g1"
    signed = certify(ec_root(), request.subject, public(request))
    lab.external.install_intermediate(operator, [signed, ec_root().certificate])
    assert not lab.trusted.is_issuing_revoked()


def test_expirations_and_searches_tell_the_generations_apart(operator: Actor) -> None:
    lab, upper = below_policy_ca(operator)
    assert isinstance(upper.key, ec.EllipticCurvePrivateKey)
    lab.rollover.perform(operator, SAME, upper.key)
    assert lab.hierarchy.list_below("upper-1-g1") == ("intermediate-g1", "intermediate-g2")
    assert lab.hierarchy.list_below("intermediate-g1") == ("intermediate-g1",)
    assert [(each.name, each.is_former) for each in lab.inventory.board(operator).authorities[1:]] == [
        ("Policy CA", False),
        ("Example Lab EC Intermediate CA G1", True),
        ("Example Lab EC Intermediate CA G2", False),
    ]


def _below(issuer: Certified, request: x509.CertificateSigningRequest, name: x509.Name) -> list[x509.Certificate]:
    return [certify(issuer, name, public(request)), issuer.certificate]


def test_another_root_is_refused(operator: Actor) -> None:
    lab = external(operator)
    request = asked_next(lab, operator)
    other = self_signed(ec.generate_private_key(ec.SECP256R1()), "Other Root")
    with pytest.raises(Refused) as caught:
        lab.external.install_intermediate(operator, _below(other, request, request.subject))
    assert caught.value.rule == "authority.other-root"
    assert issuing(lab) == "intermediate-g1"


def test_another_root_of_the_same_name_is_told_by_its_fingerprint(operator: Actor) -> None:
    lab = external(operator)
    request, root = asked_next(lab, operator), lab.hierarchy.active().root
    other = self_signed(ec.generate_private_key(ec.SECP256R1()), names.label(root.subject))
    with pytest.raises(Refused) as caught:
        lab.external.install_intermediate(operator, _below(other, request, request.subject))
    for each in (other.certificate, root):
        assert encodings.fingerprint(each)[:16] in caught.value.findings[0].detail


@pytest.mark.parametrize("write", [str, str.upper])
def test_the_name_of_the_intermediate_before_is_refused(operator: Actor, write: Callable[[str], str]) -> None:
    lab = external(operator)
    request = asked_next(lab, operator)
    before = lab.hierarchy.active().chain[0].subject
    name = x509.Name([x509.NameAttribute(each.oid, write(str(each.value))) for each in before])
    with pytest.raises(Refused) as caught:
        lab.external.install_intermediate(operator, _below(ec_root(), request, name))
    assert caught.value.rule == "authority.same-name"
    assert issuing(lab) == "intermediate-g1"


@pytest.mark.parametrize("ask", [asked_next, lambda lab, operator: lab.rollover.perform(operator, SAME)])
def test_the_next_intermediate_follows_one_that_issues(operator: Actor, ask: Any) -> None:
    lab = Lab()
    with pytest.raises(CAServiceError) as caught:
        ask(lab, operator)
    assert caught.value.rule == "authority.missing"


def test_one_that_waits_for_its_certificate_gets_it_here_if_the_key_above_is_given(operator: Actor) -> None:
    lab = external(operator)
    request = asked_next(lab, operator)
    with pytest.raises(Refused) as caught:
        lab.rollover.perform(operator, SAME)
    assert caught.value.rule == "authority.key-above-offline"
    key = ec_root().key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(lab.clock, FixedClock)
    lab.clock.advance(days=3)
    done = lab.rollover.perform(operator, SAME, key)
    assert done.after.id == "intermediate-g2"
    assert isinstance(lab.issuers, InMemoryIssuerStore)
    assert lab.issuers.events[-1].at == lab.clock()
    assert certificate_of(done.after).public_key() == request.public_key()
    assert certificate_of(done.after).subject == request.subject
    assert len(lab.hierarchy.list_issuers()) == 3


def test_a_chain_that_nodes_would_not_take_is_not_recorded(operator: Actor) -> None:
    organisation = x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Voice")
    permitted = x509.NameConstraints([x509.DirectoryName(x509.Name([organisation]))], None)
    limit = x509.UnrecognizedExtension(x509.NameConstraints.oid, permitted.public_bytes())
    keys_ = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    upper = Certified(
        keys_[0], certify(ec_root(), common_name("Upper"), keys_[0].public_key(), path_length=1, also=limit)
    )
    issuing_name = x509.Name([organisation, x509.NameAttribute(x509.NameOID.COMMON_NAME, "Voice Issuing CA")])
    issuing_one = certify(upper, issuing_name, keys_[1].public_key())
    lab = Lab()
    lab.external.import_authority(operator, [issuing_one, upper.certificate, ec_root().certificate], keys_[1])
    with pytest.raises(Refused) as caught:
        lab.rollover.perform(operator, replace(SAME, name="Other"), keys_[0])
    assert caught.value.rule == "chain.name-not-permitted"
    assert issuing(lab) == "intermediate-g1"
    assert lab.rollover.perform(operator, replace(SAME, name="Voice"), keys_[0]).above.id == "upper-1-g1"
    assert len(lab.hierarchy.active().chain) == 3
