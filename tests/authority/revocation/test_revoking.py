"""Revoke, hold, release: who may, what follows, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from cryptography import x509

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Effect, Outcome, Selection, State, Transition
from ca_service.errors import CAServiceError, Conflict, InvalidInput, NotFound, Refused
from ca_service.pki.reasons import FOR_AUTHORITIES, FOR_LEAVES, Reason, read_authority_reason, read_leaf_reason
from tests.support import pkcs10
from tests.support.factories import Lab, actor
from tests.support.fakes import InMemoryLedger
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER, Request, node

APPROVER = actor(Role.APPROVER)


@pytest.fixture
def signing(lab: Lab) -> Lab:
    """A lab that can sign."""
    return lab.initialised()


def issue(lab: Lab, request: Request = UCCX_PUBLISHER, *, new: bool = False) -> CertificateRecord:
    """A certificate."""
    return lab.issuance.issue(actor(), [request.data], Options(new=new)).certificates[0]


def by_serial(*leaves: CertificateRecord) -> Selection:
    """These certificates."""
    return Selection(tuple(leaf.serial_number for leaf in leaves))


def effects(outcome: Outcome) -> list[Effect]:
    """What became of each."""
    return [change.effect for change in outcome.changes]


def rules(outcome: Outcome) -> list[str]:
    """The rules of the findings."""
    return [finding.rule for finding in outcome.findings]


def refused(lab: Lab, selection: Selection, reason: Reason = Reason.SUPERSEDED, **options: object) -> CAServiceError:
    """The error when this is to be revoked."""
    with pytest.raises(CAServiceError) as caught:
        lab.revocation.revoke(APPROVER, selection, reason, **options)  # type: ignore[arg-type]
    return caught.value


def test_a_revoked_certificate_is_revoked_with_reason_time_and_who(signing: Lab) -> None:
    leaf = issue(signing)
    signing.clock.advance(hours=1)
    signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED, note="  a new\none ")
    found = signing.revocation.find(APPROVER, leaf.serial_number)
    assert found is not None
    assert (found.state, found.reason, found.changed_by) == (State.REVOKED, Reason.SUPERSEDED, "approver")
    assert (found.revoked_at, found.note) == (signing.clock(), "a new one")


def test_the_event_tells_host_reason_and_why(signing: Lab) -> None:
    leaf = issue(signing)
    lost = signing.clock() - timedelta(days=1)
    signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.KEY_COMPROMISE, invalid_since=lost, note="stolen")
    [event] = signing.revocations.events  # type: ignore[attr-defined]
    assert (event.event, event.subject, event.actor) == (Event.CERTIFICATE_REVOKED, leaf.serial_number, "approver")
    assert event.details == {
        "host": leaf.host,
        "reason": "keyCompromise",
        "note": "stolen",
        "invalid_since": "2026-11-22T12:00:00Z",
    }


def test_a_preview_changes_nothing_and_tells_what_revoking_does(signing: Lab) -> None:
    leaf = issue(signing)
    seen = signing.revocation.preview(APPROVER, by_serial(leaf), Reason.SUPERSEDED)
    assert signing.revocation.find(APPROVER, leaf.serial_number) is None
    done = signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED)
    assert (effects(seen), rules(seen), seen.hosts) == (effects(done), rules(done), done.hosts)
    assert rules(seen) == ["revocation.effect", "revocation.cannot-be-undone"]


def test_the_host_is_typed_to_confirm_or_the_number_where_there_are_several(signing: Lab) -> None:
    first, second = issue(signing), issue(signing, SOCIALMINER)
    preview = signing.revocation.preview
    assert preview(APPROVER, by_serial(first), Reason.SUPERSEDED).confirmation == "uccx1.example.com"
    assert preview(APPROVER, by_serial(first, second), Reason.SUPERSEDED).confirmation == "2"


def test_revoking_again_changes_nothing_and_says_so(signing: Lab) -> None:
    leaf = issue(signing)
    first = signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED)
    signing.clock.advance(hours=1)
    again = signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED)
    assert (effects(again), rules(again)) == ([Effect.ALREADY], ["revocation.already"])
    assert again.changes[0].revocation == first.changes[0].revocation
    assert len(signing.revocations.events) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("reason", [Reason.KEY_COMPROMISE, Reason.CERTIFICATE_HOLD])
def test_what_is_revoked_keeps_its_reason(signing: Lab, reason: Reason) -> None:
    leaf = issue(signing)
    signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED)
    outcome = signing.revocation.revoke(APPROVER, by_serial(leaf), reason)
    assert effects(outcome) == [Effect.FINAL]
    assert "superseded" in next(each.detail for each in outcome.findings if each.rule == "revocation.already")


def test_every_certificate_with_a_key_is_revoked_by_that_key(signing: Lab) -> None:
    first, second, other = issue(signing), issue(signing, new=True), issue(signing, SOCIALMINER)
    fingerprint = first.key_fingerprint.upper()
    outcome = signing.revocation.revoke(APPROVER, Selection(key_fingerprint=fingerprint), Reason.KEY_COMPROMISE)
    assert [change.certificate for change in outcome.changed] == [first, second]
    assert signing.revocation.find(APPROVER, other.serial_number) is None


def test_every_certificate_that_names_a_host_is_revoked_by_that_host(signing: Lab) -> None:
    first, other = issue(signing), issue(signing, SOCIALMINER)
    outcome = signing.revocation.revoke(APPROVER, Selection(host=" UCCX1.example.com"), Reason.SUPERSEDED)
    assert [change.certificate for change in outcome.changed] == [first]
    assert signing.revocation.revocations_of([first.serial_number, other.serial_number]).keys() == {first.serial_number}


def test_a_lost_key_of_another_valid_certificate_is_told(signing: Lab) -> None:
    first, second = issue(signing), issue(signing, new=True)
    outcome = signing.revocation.preview(APPROVER, by_serial(first), Reason.KEY_COMPROMISE)
    assert rules(outcome) == [
        "revocation.effect",
        "revocation.cannot-be-undone",
        "revocation.key-lost",
        "revocation.same-key",
    ]
    assert second.serial_number in outcome.findings[-1].detail


def test_an_expired_certificate_is_left_as_it_is(signing: Lab) -> None:
    leaf = issue(signing)
    signing.clock.advance(days=398)
    outcome = signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED)
    assert (effects(outcome), rules(outcome)) == ([Effect.EXPIRED], ["revocation.expired"])


def test_a_certificate_is_revoked_until_its_last_second(signing: Lab) -> None:
    leaf = issue(signing)
    signing.clock.advance(seconds=(leaf.not_after - signing.clock()).total_seconds())
    assert effects(signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED)) == [Effect.REVOKE]


# Holds


def test_a_hold_can_be_released_and_the_certificate_is_good_again(signing: Lab) -> None:
    leaf = issue(signing)
    held = signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.CERTIFICATE_HOLD)
    assert (effects(held), rules(held)) == ([Effect.HOLD], ["revocation.effect", "revocation.hold"])
    preview = signing.revocation.preview_release(APPROVER, by_serial(leaf))
    released = signing.revocation.release(APPROVER, by_serial(leaf), note="found")
    assert effects(preview) == effects(released) == [Effect.RELEASE]
    found = signing.revocation.find(APPROVER, leaf.serial_number)
    assert found is not None
    assert (found.is_good, found.note) == (True, "found")
    events = [event.event for event in signing.revocations.events]  # type: ignore[attr-defined]
    assert events == [Event.CERTIFICATE_HELD, Event.CERTIFICATE_RELEASED]


def test_a_hold_can_be_made_final_and_keeps_its_beginning(signing: Lab) -> None:
    leaf = issue(signing)
    signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.CERTIFICATE_HOLD)
    began = signing.clock()
    signing.clock.advance(days=1)
    outcome = signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.KEY_COMPROMISE)
    [change] = outcome.changes
    assert change.effect is Effect.MAKE_FINAL
    assert change.after is not None
    assert (change.after.state, change.after.revoked_at) == (State.REVOKED, began)
    assert rules(outcome) == ["revocation.hold-ends", "revocation.cannot-be-undone", "revocation.key-lost"]


def test_what_becomes_invalid_and_what_stays_so_are_counted_apart(signing: Lab) -> None:
    held, good = issue(signing), issue(signing, SOCIALMINER)
    signing.revocation.revoke(APPROVER, by_serial(held), Reason.CERTIFICATE_HOLD)
    outcome = signing.revocation.preview(APPROVER, by_serial(held, good), Reason.SUPERSEDED)
    found = {each.rule: each.detail for each in outcome.findings}
    assert (good.host in found["revocation.effect"], held.host in found["revocation.effect"]) == (True, False)
    assert held.host in found["revocation.hold-ends"]


def test_a_released_certificate_can_be_held_and_revoked_again(signing: Lab) -> None:
    leaf = issue(signing)
    for _ in range(2):
        signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.CERTIFICATE_HOLD)
        signing.revocation.release(APPROVER, by_serial(leaf))
    signing.clock.advance(days=1)
    [change] = signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.UNSPECIFIED).changes
    assert change.effect is Effect.REVOKE
    assert change.after is not None
    assert change.after.revoked_at == signing.clock()


def test_only_what_is_on_hold_is_released(signing: Lab) -> None:
    held, good = issue(signing), issue(signing, new=True)
    signing.revocation.revoke(APPROVER, by_serial(held), Reason.CERTIFICATE_HOLD)
    outcome = signing.revocation.release(APPROVER, Selection(host=held.host))
    assert effects(outcome) == [Effect.RELEASE, Effect.NOT_HELD]
    assert signing.revocation.find(APPROVER, good.serial_number) is None


def test_nothing_leads_out_of_revoked(signing: Lab) -> None:
    leaf = issue(signing)
    signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED)
    with pytest.raises(Conflict) as caught:
        signing.revocation.release(APPROVER, by_serial(leaf))
    assert caught.value.rule == "revocation.final"


def test_what_is_not_on_hold_cannot_be_released(signing: Lab) -> None:
    leaf = issue(signing)
    with pytest.raises(Conflict) as caught:
        signing.revocation.preview_release(APPROVER, by_serial(leaf))
    assert caught.value.rule == "revocation.not-held"


# What is refused


def test_an_unknown_serial_number_is_told_and_nothing_is_done(signing: Lab) -> None:
    leaf = issue(signing)
    error = refused(signing, Selection((leaf.serial_number, "12:34")))
    assert (type(error), error.rule) == (NotFound, "certificate.unknown")
    assert "the serial number 1234." in str(error)
    assert signing.revocation.find(APPROVER, leaf.serial_number) is None


@pytest.mark.parametrize(
    ("selection", "what"),
    [
        (Selection(key_fingerprint="ab" * 32), f"the key {'ab' * 32}"),
        (Selection(host="nobody.example.com"), "nobody.example.com"),
    ],
)
def test_a_key_or_a_host_without_certificates_is_told(signing: Lab, selection: Selection, what: str) -> None:
    error = refused(signing, selection)
    assert error.rule == "revocation.none-found"
    assert what in str(error)


@pytest.mark.parametrize(("length", "shown"), [(80, 80), (81, 80)])
def test_what_is_no_serial_number_is_shown_up_to_80_characters(signing: Lab, length: int, shown: int) -> None:
    assert str(refused(signing, Selection(("z" * length,)))).count("z") == shown


def test_what_is_no_serial_number_is_shown_as_it_was_given(signing: Lab) -> None:
    assert refused(signing, Selection(("Uccx1",))).findings[0].detail == "uccx1 is not a serial number."


@pytest.mark.parametrize(
    ("selection", "rule"),
    [
        (Selection(), "revocation.nothing"),
        (Selection(host="  "), "revocation.nothing"),
        (Selection(("zz",)), "revocation.serial-number"),
        (Selection(("1" * 41,)), "revocation.serial-number"),
        (Selection(key_fingerprint="abc"), "revocation.key-fingerprint"),
        (Selection(tuple(f"{number:x}" for number in range(501))), "revocation.count"),
    ],
)
def test_a_selection_that_cannot_be_is_refused(signing: Lab, selection: Selection, rule: str) -> None:
    error = refused(signing, selection)
    assert (type(error), error.rule) == (InvalidInput, rule)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in FOR_LEAVES])
def test_a_reason_that_is_not_for_leaves_is_refused(signing: Lab, reason: Reason) -> None:
    leaf = issue(signing)
    if reason is not Reason.REMOVE_FROM_CRL:
        assert refused(signing, by_serial(leaf), reason).rule == "revocation.reason"
    with pytest.raises(InvalidInput, match=reason.value) as caught:
        read_leaf_reason(reason.value)
    assert caught.value.rule == "revocation.reason"


@pytest.mark.parametrize("text", ["", "keycompromised", "\u00e9", "x" * 500])
def test_a_reason_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="keyCompromise"):
        read_leaf_reason(text)


def test_reasons_are_read_whatever_their_case() -> None:
    assert read_leaf_reason(" KEYCOMPROMISE ") is Reason.KEY_COMPROMISE
    assert read_authority_reason("cacompromise") is Reason.CA_COMPROMISE


@pytest.mark.parametrize("text", ["keyCompromise", "certificateHold", "nonsense"])
def test_a_reason_that_is_not_for_authorities_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="cACompromise"):
        read_authority_reason(text)


def test_the_codes_are_those_of_rfc_5280() -> None:
    numbers = {x509.ReasonFlags[each.name.lower()]: each.code for each in Reason}
    assert {flag.value for flag in numbers} == {each.value for each in Reason}
    assert [each.code for each in Reason] == [0, 1, 2, 3, 4, 5, 6, 8, 9, 10]


def test_every_reason_is_explained_in_one_line() -> None:
    assert all(text.endswith(".") and "\n" not in text for text in (*FOR_LEAVES.values(), *FOR_AUTHORITIES.values()))


def test_a_key_cannot_have_been_lost_in_the_future(signing: Lab) -> None:
    leaf, later = issue(signing), signing.clock() + timedelta(seconds=1)
    assert refused(signing, by_serial(leaf), invalid_since=later).rule == "revocation.invalid-since-future"


def test_a_note_is_short(signing: Lab) -> None:
    leaf = issue(signing)
    assert refused(signing, by_serial(leaf), note="x" * 501).rule == "revocation.note"
    assert effects(signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED, note="x" * 500)) == [
        Effect.REVOKE
    ]


# The same request again


def test_a_request_whose_certificate_was_revoked_gets_a_new_one(signing: Lab) -> None:
    leaf = issue(signing)
    signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED)
    assert issue(signing).serial_number != leaf.serial_number


def test_a_key_that_was_reported_as_lost_is_not_certified_again(signing: Lab) -> None:
    signing.revocation.revoke(APPROVER, by_serial(issue(signing)), Reason.KEY_COMPROMISE)
    with pytest.raises(Refused, match="new CSR") as caught:
        issue(signing)
    assert caught.value.rule == "csr.key.compromised"


def test_that_a_key_is_not_reported_as_lost_is_told_where_its_certificate_was_revoked_for_another_reason(
    signing: Lab,
) -> None:
    leaf = issue(signing)
    signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED)
    told = rules(signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.KEY_COMPROMISE))
    assert "revocation.key-not-reported" in told
    assert "revocation.key-lost" not in told
    assert issue(signing)  # as it says


def test_a_key_on_hold_is_not_certified_again_until_it_is_released(signing: Lab) -> None:
    leaf = issue(signing)
    signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.CERTIFICATE_HOLD)
    with pytest.raises(Refused) as caught:
        issue(signing, new=True)
    assert caught.value.rule == "csr.key.held"
    signing.revocation.release(APPROVER, by_serial(leaf))
    assert issue(signing) == leaf


def test_who_revokes_too_late_is_told_by_whom_it_was_done(signing: Lab) -> None:
    leaf = issue(signing)
    assert isinstance(signing.ledger, InMemoryLedger)
    store = signing.revocations
    seen = store.list_selected(by_serial(leaf))
    signing.revocation.revoke(APPROVER, by_serial(leaf), Reason.SUPERSEDED)

    class Behind(type(store)):  # type: ignore[misc]
        """Shows what was there before."""

        def list_selected(self, selection: Selection) -> object:  # noqa: ARG002
            return seen

    late = Lab(clock=signing.clock, ledger=signing.ledger, revocations=Behind(signing.ledger))
    with pytest.raises(Conflict) as caught:
        late.revocation.revoke(actor(Role.ADMINISTRATOR), by_serial(leaf), Reason.KEY_COMPROMISE)
    assert caught.value.rule == "revocation.changed"


def issuing_before_it_changes(lab: Lab, request: Request = UCCX_PUBLISHER) -> Lab:
    """The same lab, where another process issues a certificate after a revocation has read and before it writes."""
    assert isinstance(lab.ledger, InMemoryLedger)
    left = [request]

    class Meanwhile(type(lab.revocations)):  # type: ignore[misc]
        """Has one certificate more when it changes something."""

        def change(self, transitions: Sequence[Transition]) -> object:
            if left:
                issue(lab, left.pop(), new=True)
            return super().change(transitions)

    return Lab(clock=lab.clock, ledger=lab.ledger, revocations=Meanwhile(lab.ledger))


@pytest.mark.fault("same moment", "A key is certified while it is revoked", "revokes that certificate as well")
@pytest.mark.parametrize("reason", [Reason.KEY_COMPROMISE, Reason.CERTIFICATE_HOLD])
@pytest.mark.parametrize("by", ["key", "host"])
def test_what_is_issued_for_a_key_while_it_is_revoked_is_revoked_as_well(signing: Lab, reason: Reason, by: str) -> None:
    leaf = issue(signing)
    selection = Selection(key_fingerprint=leaf.key_fingerprint) if by == "key" else Selection(host=leaf.host)
    lab = issuing_before_it_changes(signing)
    outcome = lab.revocation.revoke(APPROVER, selection, reason)
    late = signing.ledger.list_by_requests([leaf.request_fingerprint])[0]
    assert late != leaf
    assert [change.certificate for change in outcome.changed] == [leaf, late]
    assert signing.revocation.not_good([late.serial_number]) == {late.serial_number}
    assert len(lab.revocations.events) == 2  # type: ignore[attr-defined]


def test_what_is_issued_for_a_new_key_while_the_host_is_revoked_stays_good(signing: Lab) -> None:
    leaf = issue(signing)
    new_key = Request("new", pkcs10.pem(node(leaf.host, leaf.host).der()))
    lab = issuing_before_it_changes(signing, new_key)
    outcome = lab.revocation.revoke(APPROVER, Selection(host=leaf.host), Reason.KEY_COMPROMISE)
    assert [change.certificate for change in outcome.changed] == [leaf]


def test_what_is_issued_for_a_key_while_one_certificate_is_revoked_is_told(signing: Lab) -> None:
    outcome = issuing_before_it_changes(signing).revocation.revoke(
        APPROVER, by_serial(issue(signing)), Reason.KEY_COMPROMISE
    )
    assert "revocation.same-key" in rules(outcome)
    assert len(outcome.changed) == 1


def test_what_is_not_good_is_told_of_many_at_once(signing: Lab) -> None:
    first, second = issue(signing), issue(signing, new=True)
    signing.revocation.revoke(APPROVER, by_serial(first), Reason.CERTIFICATE_HOLD)
    both = [first.serial_number, second.serial_number, "0" * 40]
    assert signing.revocation.not_good(both) == {first.serial_number}
    signing.revocation.release(APPROVER, by_serial(first))
    assert signing.revocation.not_good(both) == frozenset()
