"""OCSP answers: what clients are told, by whom, and that no answer outlives a revocation."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from ca_service.authority.audit.events import Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.revocation.records import Selection
from ca_service.authority.status.ocsp_responder import LIFETIME, REUSED_FOR, OCSPResponder
from ca_service.authority.status.responders import Responders
from ca_service.errors import KeystoreError, NotReady, Rule
from ca_service.pki.reasons import FOR_LEAVES, Reason
from tests.authority.status.revoking import give_another_key, issue, revoke
from tests.support import certificates
from tests.support.factories import OPERATOR, Lab
from tests.support.fakes import InMemoryLedger
from tests.support.ocsp import about, question, read, told
from tests.support.requests import SOCIALMINER
from tests.support.revocation import InMemoryResponderStore

ISSUER = "intermediate-g1"


@pytest.fixture
def signing(lab: Lab) -> Lab:
    """A lab that can sign."""
    return lab.initialised()


def ask(lab: Lab, leaf: CertificateRecord | x509.Certificate) -> str:
    """What is told of it."""
    return told(lab.ocsp_responder.answer(question(lab, leaf)))


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=lambda each: each.name)  # noqa: S303
def test_a_certificate_that_is_not_revoked_is_good(signing: Lab, algorithm: hashes.HashAlgorithm) -> None:
    answer = signing.ocsp_responder.answer(question(signing, issue(signing), algorithm=algorithm))
    assert told(answer) == "good"
    assert (answer.this_update, answer.next_update) == (signing.clock(), signing.clock() + LIFETIME)


@pytest.mark.parametrize("reason", FOR_LEAVES)
def test_a_revoked_certificate_is_revoked_since_then_and_for_that_reason(signing: Lab, reason: Reason) -> None:
    leaf = issue(signing)
    revoke(signing, leaf, reason)
    at = signing.clock()
    signing.clock.advance(minutes=10)
    found = read(signing.ocsp_responder.answer(question(signing, leaf)))
    assert found.revocation_time_utc == at
    assert ask(signing, leaf) == reason.value


def test_no_good_answer_outlives_a_revocation(signing: Lab) -> None:
    leaf = issue(signing)
    assert ask(signing, leaf) == "good"
    revoke(signing, leaf)
    assert ask(signing, leaf) == "superseded"


def test_no_good_answer_outlives_a_revocation_by_another_replica(signing: Lab) -> None:
    leaf = issue(signing)
    replica = OCSPResponder(
        responders=signing.responders,
        store=signing.edges.responders,
        revocations=signing.revocations,
        clock=signing.clock,
    )
    assert told(replica.answer(question(signing, leaf))) == "good"
    revoke(signing, leaf)
    assert told(replica.answer(question(signing, leaf))) == "superseded"


def test_a_hold_is_told_and_its_end_as_well(signing: Lab) -> None:
    leaf = issue(signing)
    revoke(signing, leaf, Reason.CERTIFICATE_HOLD)
    assert ask(signing, leaf) == "certificateHold"
    signing.revocation.release(OPERATOR, Selection((leaf.serial_number,)))
    assert ask(signing, leaf) == "good"


def test_an_expired_certificate_is_told_of_as_well(signing: Lab) -> None:
    leaf, other = issue(signing), issue(signing, SOCIALMINER)
    revoke(signing, leaf)
    signing.clock.advance(days=500)
    assert [ask(signing, each) for each in (leaf, other)] == ["superseded", "good"]


@pytest.mark.parametrize("serial_number", [1, 2**159 - 1, 2**159])
def test_only_what_was_never_issued_is_unknown(signing: Lab, serial_number: int) -> None:
    issue(signing)
    answer = signing.ocsp_responder.answer(about(signing, serial_number))
    assert told(answer) == "unknown"
    assert answer.this_update is None


def test_what_was_unknown_is_good_when_it_was_issued(signing: Lab) -> None:
    leaf = issue(signing)
    following = int(leaf.serial_number, 16) + 2  # the one between is the responder's
    assert told(signing.ocsp_responder.answer(about(signing, following))) == "unknown"
    issue(signing)
    assert told(signing.ocsp_responder.answer(about(signing, following))) == "good"


def test_the_responder_is_no_stranger_to_itself(signing: Lab) -> None:
    [responder] = read(signing.ocsp_responder.answer(question(signing, issue(signing)))).certificates
    assert ask(signing, responder) == "good"


def test_of_authorities_the_list_of_the_root_tells_and_not_we(signing: Lab) -> None:
    intermediate, root = signing.hierarchy.active().chain
    assert told(signing.ocsp_responder.answer(question(signing, intermediate, issuer=root))) == "UNAUTHORIZED"


def test_of_the_certificates_of_others_we_tell_nothing(signing: Lab) -> None:
    other = certificates.intermediate("P-256")
    answer = signing.ocsp_responder.answer(question(signing, certificates.leaf("P-256"), issuer=other.certificate))
    assert told(answer) == "UNAUTHORIZED"


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_request_is_malformed(signing: Lab, data: bytes) -> None:
    assert told(signing.ocsp_responder.answer(data)) == "MALFORMED_REQUEST"


@pytest.mark.fault("keys and files", "The key is lost before there is an OCSP signer", "OCSP answers tryLater")
def test_without_its_key_we_ask_to_try_later(signing: Lab) -> None:
    leaf = issue(signing)
    signing.keystore.remove(ISSUER)
    assert ask(signing, leaf) == "TRY_LATER"


@pytest.mark.fault("keys and files", "The key belongs to another certificate", "OCSP answers tryLater")
@pytest.mark.parametrize("key_id", [ISSUER, f"ocsp-{ISSUER}"])
def test_with_the_key_of_another_certificate_we_ask_to_try_later(signing: Lab, key_id: str) -> None:
    leaf = issue(signing)
    if key_id != ISSUER:
        signing.responders.renew_due()
    give_another_key(signing, key_id)
    assert ask(signing, leaf) == "TRY_LATER"


@pytest.mark.fault("database", "The database cannot be read", "OCSP answers tryLater")
def test_without_a_database_we_ask_to_try_later(signing: Lab) -> None:
    class Gone(InMemoryResponderStore):
        """Cannot be read."""

        def was_issued(self, issuer_id: str, serial_number: str) -> bool:
            raise NotReady.because(Rule("database.unusable", f"{issuer_id} {serial_number}", "Make room."))

    assert isinstance(signing.ledger, InMemoryLedger)
    answering = OCSPResponder(
        responders=signing.responders, store=Gone(signing.ledger), revocations=signing.revocations, clock=signing.clock
    )
    assert told(answering.answer(question(signing, issue(signing)))) == "TRY_LATER"


def test_two_first_questions_at_the_same_moment_are_both_answered(signing: Lab) -> None:
    data = question(signing, issue(signing))
    others: list[str] = []

    class Meeting(Responders):
        """While the issuers are read for the first time, another question comes and is answered."""

        def issuers(self) -> tuple[IssuerRecord, ...]:
            found = super().issuers()
            if not others:
                others.append("")
                others[0] = told(answering.answer(data))
            return found

    responders = Meeting(
        store=signing.edges.responders,
        hierarchy=signing.hierarchy,
        keystore=signing.keystore,
        clock=signing.clock,
        serial_numbers=lambda: 1,
    )
    answering = OCSPResponder(
        responders=responders, store=signing.edges.responders, revocations=signing.revocations, clock=signing.clock
    )
    assert (told(answering.answer(data)), others) == ("good", ["good"])


# What is kept


def test_a_nonce_comes_back_and_its_answer_is_not_kept(signing: Lab) -> None:
    answer = signing.ocsp_responder.answer(question(signing, issue(signing), nonce=b"n" * 32))
    nonces = [each.value.nonce for each in read(answer).extensions if isinstance(each.value, x509.OCSPNonce)]
    assert (nonces, answer.this_update) == ([b"n" * 32], None)


def test_the_same_question_gets_the_same_answer_for_most_of_its_hour(signing: Lab) -> None:
    leaf = issue(signing)
    first = signing.ocsp_responder.answer(question(signing, leaf))
    signing.clock.advance(seconds=REUSED_FOR.total_seconds() - 1)
    assert signing.ocsp_responder.answer(question(signing, leaf)) == first
    signing.clock.advance(seconds=1)
    assert signing.ocsp_responder.answer(question(signing, leaf)).this_update == signing.clock()


def test_the_revocation_of_one_certificate_costs_no_signature_for_another(signing: Lab) -> None:
    leaf, other = issue(signing), issue(signing, SOCIALMINER)
    first = signing.ocsp_responder.answer(question(signing, leaf))
    revoke(signing, other)
    assert signing.ocsp_responder.answer(question(signing, leaf)) is first
    assert signing.ocsp_responder.answer(question(signing, leaf)) is first


def test_a_kept_answer_is_given_as_long_as_its_status_is_the_same(signing: Lab) -> None:
    leaf = issue(signing)
    first = signing.ocsp_responder.answer(question(signing, leaf))
    revoke(signing, leaf, Reason.CERTIFICATE_HOLD)
    held = signing.ocsp_responder.answer(question(signing, leaf))
    revoke(signing, leaf, Reason.KEY_COMPROMISE)
    assert [told(each) for each in (first, held)] == ["good", "certificateHold"]
    assert ask(signing, leaf) == "keyCompromise"


def test_a_kept_answer_is_not_given_before_its_time(signing: Lab) -> None:
    leaf = issue(signing)
    signing.ocsp_responder.answer(question(signing, leaf))
    signing.clock.advance(minutes=-10)
    assert signing.ocsp_responder.answer(question(signing, leaf)).this_update == signing.clock()


def test_a_long_request_takes_no_place_of_others(signing: Lab) -> None:
    """Extensions that mean nothing make as many different requests as a client likes."""
    leaf = issue(signing)
    identifier = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"x" * 300)
    request = question(signing, leaf, extension=identifier)
    first = signing.ocsp_responder.answer(request)
    signing.clock.advance(seconds=1)
    assert told(first) == "good"
    assert signing.ocsp_responder.answer(request).this_update == signing.clock()


def test_no_more_answers_are_kept_than_memory_allows(signing: Lab) -> None:
    small = OCSPResponder(
        responders=signing.responders,
        store=signing.edges.responders,
        revocations=signing.revocations,
        clock=signing.clock,
        max_kept=2,
    )
    leaves = [issue(signing) for _ in range(4)]
    first = [small.answer(question(signing, leaf)) for leaf in leaves]
    assert small.answer(question(signing, leaves[3])) is first[3]
    assert small.answer(question(signing, leaves[0])) is not first[0]


# Who signs


def test_the_first_question_makes_a_responder_and_the_next_ones_use_it(signing: Lab) -> None:
    leaf = issue(signing)
    ask(signing, leaf)
    ask(signing, issue(signing))
    [event] = signing.edges.responders.events  # type: ignore[attr-defined]
    assert (event.event, event.actor, event.details) == (
        Event.RESPONDER_CERTIFIED,
        "service:revocation",
        {"issuer": ISSUER},
    )


def test_the_responder_is_certified_by_the_issuer_for_30_days(signing: Lab) -> None:
    found = signing.responders.current(signing.hierarchy.active().record).certificate
    found.verify_directly_issued_by(signing.hierarchy.active().chain[0])
    lifetime = found.not_valid_after_utc - found.not_valid_before_utc + timedelta(seconds=1)
    assert lifetime == timedelta(days=30)
    [name] = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "Example Lab OCSP"


def test_the_responder_is_renewed_with_its_key_when_two_thirds_of_its_time_are_over(signing: Lab) -> None:
    issuer = signing.hierarchy.active().record
    first = signing.responders.current(issuer)
    signing.clock.advance(days=19)
    assert signing.responders.current(issuer) is first
    signing.clock.advance(days=1)
    second = signing.responders.current(issuer)
    assert second.certificate != first.certificate
    assert second.certificate.public_key() == first.certificate.public_key()


def test_renewing_what_is_due_can_be_repeated(signing: Lab) -> None:
    assert [signing.responders.renew_due() for _ in range(2)] == [1, 0]
    signing.clock.advance(days=25)
    assert [signing.responders.renew_due() for _ in range(2)] == [1, 0]


def test_two_replicas_use_the_same_responder(signing: Lab) -> None:
    other = Responders(
        store=signing.edges.responders,
        hierarchy=signing.hierarchy,
        keystore=signing.keystore,
        clock=signing.clock,
        serial_numbers=lambda: 1,
    )
    issuer = signing.hierarchy.active().record
    assert other.current(issuer).certificate == signing.responders.current(issuer).certificate


def test_a_crash_between_key_and_certificate_is_made_good(signing: Lab) -> None:
    key = signing.keystore.generate(f"ocsp-{ISSUER}", "P-256")
    assert signing.responders.current(signing.hierarchy.active().record).key.public_key() == key.public_key()


def test_a_valid_responder_goes_on_though_it_cannot_be_renewed(signing: Lab) -> None:
    leaf = issue(signing)
    ask(signing, leaf)
    signing.keystore.remove(ISSUER)
    signing.clock.advance(days=25)
    assert ask(signing, leaf) == "good"
    signing.clock.advance(days=6)
    assert ask(signing, leaf) == "TRY_LATER"
    with pytest.raises(KeystoreError):
        signing.responders.renew_due()


def test_no_answer_outlives_its_responder(signing: Lab) -> None:
    leaf = issue(signing)
    ask(signing, leaf)
    signing.keystore.remove(ISSUER)
    signing.clock.advance(days=29, hours=23, minutes=30)
    answer = signing.ocsp_responder.answer(question(signing, leaf))
    assert (
        answer.next_update
        == signing.responders.current(signing.hierarchy.active().record).certificate.not_valid_after_utc
    )
    assert answer.next_update - signing.clock() < LIFETIME


def test_when_the_issuer_has_ended_nobody_answers_for_it(signing: Lab) -> None:
    leaf = issue(signing)
    signing.clock.advance(days=3650)
    assert ask(signing, leaf) == "TRY_LATER"
