"""Signing what was approved: once, whatever goes wrong in between; and what is told where it cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.audit.events import Event
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestRecord, State, timeline
from ca_service.deadline import busy
from ca_service.errors import Busy, KeystoreError, NotReady, Rule, Visibility
from tests.authority.issuance.requests.people import ANNA, CAROL, VERA, certificates, recorded
from tests.support.factories import OPERATOR, Lab
from tests.support.fakes import InMemoryKeyStore, PowerCut
from tests.support.request_records import InMemoryRequestStore
from tests.support.requests import UCCX_PUBLISHER


class Falling(InMemoryRequestStore):
    """The power is cut before a certificate is written."""

    def issue(self, *_: object) -> None:
        """See the class."""
        raise PowerCut("before issue")


def cut(lab: Lab) -> Lab:
    """The same, in a process that will not get that far."""
    return Lab(
        clock=lab.clock,
        issuers=lab.issuers,
        keystore=lab.keystore,
        ledger=lab.ledger,
        rules=(),
        request_store=Falling(lab.ledger),  # type: ignore[arg-type]
    )


@pytest.mark.fault("processes", "A crash between approval and signature", "a job issues it, once")
def test_a_crash_after_the_approval_leaves_what_the_job_finishes_once(lab: Lab, waiting: RequestRecord) -> None:
    with pytest.raises(PowerCut):
        cut(lab).requests.approve(CAROL, waiting.id, "fine")
    assert lab.edges.requests.list_in_state(State.APPROVED, 9)
    assert certificates(lab) == ()
    assert [lab.completion.issue_approved(), lab.completion.issue_approved()] == [1, 0]
    found = lab.requests.get(ANNA, waiting.id)
    assert (found.state, found.note, found.decided_by) == (State.ISSUED, "fine", "approver")
    assert [record.serial_number for record in certificates(lab)] == [found.serial_number]


@pytest.mark.fault("processes", "A crash between approval and signature", "the next reader gets it issued")
def test_a_crash_after_the_approval_leaves_what_whoever_looks_finishes(lab: Lab, waiting: RequestRecord) -> None:
    with pytest.raises(PowerCut):
        cut(lab).requests.approve(CAROL, waiting.id)
    assert lab.requests.get(ANNA, waiting.id).state is State.ISSUED
    assert len(certificates(lab)) == 1


class Held(InMemoryRequestStore):
    """Somebody else holds the turn to write."""

    def issue(self, *_: object) -> None:
        """See the class."""
        raise busy()


class Unread(InMemoryKeyStore):
    """Somebody else holds the database before the certificate is signed."""

    def signer(self, _key_id: str) -> ec.EllipticCurvePrivateKey:
        """See the class."""
        raise busy()


@pytest.mark.parametrize("part", ["store", "keystore"])
def test_while_somebody_else_is_writing_an_approved_request_stays_approved(
    lab: Lab, waiting: RequestRecord, part: str
) -> None:
    store = Held(lab.ledger) if part == "store" else lab.edges.requests  # type: ignore[arg-type]
    keystore = lab.keystore if part == "store" else Unread()
    other = Lab(
        clock=lab.clock,
        issuers=lab.issuers,
        keystore=keystore,
        ledger=lab.ledger,
        rules=(),
        request_store=store,
    )
    with pytest.raises(Busy):
        other.requests.approve(CAROL, waiting.id)
    assert other.requests.get(ANNA, waiting.id).state is State.APPROVED
    assert lab.requests.approve(CAROL, waiting.id).state is State.ISSUED


class NoKey(InMemoryKeyStore):
    """The keys cannot be had at the moment."""

    def signer(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        """See the class."""
        raise KeystoreError.because(
            Rule("key.passphrase", "/secret/path of {k}", "Mend {k}.", visibility=Visibility.OPERATOR), k=key_id
        )


def test_what_cannot_be_signed_fails_with_a_reason_and_can_be_tried_again(lab: Lab, waiting: RequestRecord) -> None:
    broken = Lab(clock=lab.clock, issuers=lab.issuers, keystore=NoKey(), ledger=lab.ledger, rules=())
    failed = broken.requests.approve(CAROL, waiting.id)
    assert (failed.state, [each.rule for each in failed.failure]) == (State.FAILED, ["request.key-unavailable"])
    assert "/secret/path" not in failed.failure[0].detail
    assert recorded(lab)[-1][0] is Event.REQUEST_FAILED
    assert [each.state for each in timeline(failed)] == [State.SUBMITTED, State.APPROVED, State.FAILED]
    assert lab.completion.issue_approved() == 0
    again = lab.requests.approve(VERA, waiting.id)
    assert (again.state, again.failure, again.decided_by) == (State.ISSUED, (), "administrator")


class ChangedMeanwhile(InMemoryRequestStore):
    """Something happens after the list is read."""

    def __init__(self, lab: Lab, meanwhile: Callable[[], object]) -> None:
        super().__init__(lab.ledger)  # type: ignore[arg-type]
        self._meanwhile = meanwhile

    def list_in_state(self, state: State, limit: int) -> tuple[RequestRecord, ...]:
        """See the class."""
        found = super().list_in_state(state, limit)
        self._meanwhile()
        return found


def test_the_job_signs_what_failed_and_was_approved_again_since_it_read_its_list(
    lab: Lab, waiting: RequestRecord
) -> None:
    with pytest.raises(PowerCut):
        cut(lab).requests.approve(CAROL, waiting.id)

    def approve_again() -> None:
        broken = Lab(clock=lab.clock, issuers=lab.issuers, keystore=NoKey(), ledger=lab.ledger, rules=())
        assert broken.requests.get(ANNA, waiting.id).state is State.FAILED
        with pytest.raises(PowerCut):
            cut(lab).requests.approve(VERA, waiting.id)

    store = ChangedMeanwhile(lab, approve_again)
    slow = Lab(
        clock=lab.clock, issuers=lab.issuers, keystore=lab.keystore, ledger=lab.ledger, rules=(), request_store=store
    )
    assert slow.completion.issue_approved() == 1
    found = lab.requests.get(ANNA, waiting.id)
    assert (found.state, found.decided_by) == (State.ISSUED, "administrator")


class NoDatabase(InMemoryKeyStore):
    """The database is gone when the key is asked for; its error names host and path."""

    def signer(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        """See the class."""
        raise NotReady.because(
            Rule("database.gone", "db.internal for {k}.", "Start it.", visibility=Visibility.OPERATOR), k=key_id
        )


def test_what_only_the_operator_may_read_is_not_kept_for_the_requester(lab: Lab, waiting: RequestRecord) -> None:
    broken = Lab(clock=lab.clock, issuers=lab.issuers, keystore=NoDatabase(), ledger=lab.ledger, rules=())
    failed = broken.requests.approve(CAROL, waiting.id)
    assert failed.state is State.FAILED
    assert "db.internal" not in " ".join(each.detail for each in failed.failure)


def test_a_request_without_an_approval_is_never_signed(lab: Lab, waiting: RequestRecord) -> None:
    for request in (waiting, replace(waiting, state=State.APPROVED)):
        with pytest.raises(ValueError, match="approved"):
            lab.issuance.sign_approved(request)
    assert certificates(lab) == ()


@pytest.mark.parametrize(
    "settle",
    [lambda lab: lab.requests.refuse(CAROL, 1, "no"), lambda lab: lab.requests.withdraw(ANNA, 1)],
)
def test_what_has_failed_can_be_given_up(
    lab: Lab, waiting: RequestRecord, settle: Callable[[Lab], RequestRecord]
) -> None:
    broken = Lab(clock=lab.clock, issuers=lab.issuers, keystore=NoKey(), ledger=lab.ledger, rules=())
    broken.requests.approve(CAROL, waiting.id)
    assert not settle(lab).is_open


def test_what_the_policy_has_come_to_refuse_since_is_not_signed(lab: Lab) -> None:
    (waiting,) = lab.issuance.issue(ANNA, [UCCX_PUBLISHER.data], Options(validity_days=800)).waiting
    strict = Lab(
        clock=lab.clock,
        issuers=lab.issuers,
        keystore=lab.keystore,
        ledger=lab.ledger,
        policy=replace(lab.policy, max_days=400),
        rules=(),
    )
    failed = strict.requests.approve(CAROL, waiting.id)
    assert (failed.state, [each.rule for each in failed.failure if each.is_error]) == (State.FAILED, ["validity.range"])
    assert certificates(lab) == ()


def test_an_approval_of_what_has_a_certificate_meanwhile_makes_no_second_one(lab: Lab, waiting: RequestRecord) -> None:
    (record,) = lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates
    assert lab.requests.approve(CAROL, waiting.id).serial_number == record.serial_number
    assert certificates(lab) == (record,)
