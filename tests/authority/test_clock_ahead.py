"""A clock that was ahead for a while: what was stored meanwhile keeps nothing from happening once it is right again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from ca_service.authority.jobs import Outcome
from ca_service.authority.people.records import Visit
from ca_service.authority.people.sessions import SessionLimits
from ca_service.errors import NotAuthenticated, TooManyAttempts
from ca_service.pki.reasons import Reason
from tests.authority.status.revoking import revoke
from tests.support.factories import OPERATOR, PASSWORD, Lab, actor
from tests.support.fakes import FixedClock
from tests.support.people import code_of, proof
from tests.support.requests import THREE_NODES

AHEAD = (timedelta(days=45), timedelta(days=366))
HERE = Visit("192.0.2.1", "Browser/1")


@pytest.fixture(params=AHEAD, ids=["45 days", "a year"])
def ahead(request: pytest.FixtureRequest) -> timedelta:
    """By how much the clock is ahead."""
    found: timedelta = request.param
    return found


@pytest.fixture
def lab(clock: FixedClock) -> Lab:
    """One whose sessions end."""
    return Lab(clock=clock, session_limits=SessionLimits(timedelta(hours=8), timedelta(hours=2))).initialised()


def list_of(lab: Lab) -> x509.CertificateRevocationList:
    """The list that relying parties get now."""
    return x509.load_der_x509_crl(lab.crl_publisher.current("intermediate-g1").data.full)


@pytest.mark.fault("clock", "A clock was ahead while CRLs were published", "signs valid ones with all entries")
def test_lists_are_valid_again_and_have_what_was_revoked_before(lab: Lab, clock: FixedClock, ahead: timedelta) -> None:
    csrs = [THREE_NODES[0].data]
    [leaf] = lab.issuance.issue(actor(), csrs, Options(validity_days=30)).certificates
    revoke(lab, leaf, Reason.KEY_COMPROMISE)
    assert len(list_of(lab)) == 1
    clock.now += ahead
    assert lab.crl_publisher.publish_due() == 2
    list_of(lab)
    clock.now -= ahead
    found = list_of(lab)
    assert found.last_update_utc <= clock()
    assert [f"{entry.serial_number:040x}" for entry in found] == [leaf.serial_number]
    assert lab.crl_publisher.publish_due() == 1  # the root's
    assert lab.crl_publisher.publish_due() == 0


@pytest.mark.fault(
    "clock", "A clock was ahead while an OCSP signer was certified", "certifies one that is valid now, once"
)
def test_the_signer_of_ocsp_answers_is_valid_again(lab: Lab, clock: FixedClock, ahead: timedelta) -> None:
    [issuer] = lab.responders.issuers()
    clock.now += ahead
    lab.responders.current(issuer)
    clock.now -= ahead
    assert lab.responders.renew_due() == 1
    assert lab.responders.renew_due() == 0  # and not one for each process and each hour, until that future has come
    assert lab.responders.current(issuer).certificate.not_valid_before_utc <= clock()


@pytest.mark.fault("clock", "A clock was ahead while jobs ran", "runs them again")
def test_every_job_runs_again(lab: Lab, clock: FixedClock, ahead: timedelta) -> None:
    clock.now += ahead
    names = {run.name for run in lab.jobs.run_due()}
    clock.now -= ahead
    runs = lab.jobs.run_due()
    assert {run.name for run in runs} == names
    assert {run.outcome for run in runs} == {Outcome.DONE}
    assert lab.jobs.run_due() == ()


@pytest.mark.fault("clock", "A clock was ahead during sign-ins", "delays and codes of authenticator apps work")
def test_nobody_is_kept_waiting_and_no_code_is_spoiled(lab: Lab, clock: FixedClock, ahead: timedelta) -> None:
    alice = lab.accounts.create(OPERATOR, "alice", Role.REQUESTER, PASSWORD)
    secret = lab.second_factors.offer_app(alice.actor).secret
    lab.second_factors.confirm_app(alice.actor, code_of(secret, clock()))
    clock.now += ahead
    assert lab.second_factors.use_code(alice, code_of(secret, clock()), "")
    for _ in range(6):
        with pytest.raises((NotAuthenticated, TooManyAttempts)):
            lab.signing_in.with_password("alice", "wrong", HERE)
    clock.now -= ahead
    assert lab.second_factors.use_code(alice, code_of(secret, clock()), "")
    with pytest.raises(TooManyAttempts) as caught:  # failures count, but the wait has its usual limit
        lab.signing_in.with_password("alice", PASSWORD, HERE)
    assert int(str(caught.value.findings[0].values["seconds"])) <= 3600
    clock.advance(hours=1)
    entered = lab.signing_in.with_password("alice", PASSWORD, HERE)
    clock.advance(seconds=30)
    assert lab.signing_in.second_step(entered.secret, proof(code=code_of(secret, clock())), HERE)


@pytest.mark.fault("clock", "A clock was ahead during failed sign-ins without a delay", "there is no delay afterwards")
def test_a_failure_without_a_wait_keeps_nobody_waiting(lab: Lab, clock: FixedClock, ahead: timedelta) -> None:
    lab.accounts.create(OPERATOR, "alice", Role.REQUESTER, PASSWORD)
    lab.accounts.create(OPERATOR, "bob", Role.REQUESTER, PASSWORD)
    clock.now += ahead
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            lab.signing_in.with_password("alice", "wrong", HERE)
    clock.now -= ahead
    assert lab.signing_in.with_password("bob", PASSWORD, HERE)  # from the same address
    assert lab.signing_in.with_password("alice", PASSWORD, HERE)


@pytest.mark.fault("clock", "A clock was ahead when a session began", "the session is over")
def test_a_session_from_the_future_is_over(lab: Lab, clock: FixedClock, ahead: timedelta) -> None:
    alice = lab.accounts.create(OPERATOR, "alice", Role.REQUESTER, PASSWORD)
    clock.now += ahead
    secret = lab.sessions.open(alice, "password", HERE).secret
    assert lab.sessions.find(secret)
    clock.now -= ahead
    assert lab.sessions.find(secret) is None


def test_a_clock_that_is_set_back_a_little_changes_nothing(lab: Lab, clock: FixedClock) -> None:
    alice = lab.accounts.create(OPERATOR, "alice", Role.REQUESTER, PASSWORD)
    secret, before = lab.sessions.open(alice, "password", HERE).secret, list_of(lab)
    lab.jobs.run_due()
    clock.now -= timedelta(minutes=4)
    found = lab.sessions.find(secret)
    assert found is not None
    assert lab.sessions.is_fresh(found)
    assert list_of(lab) == before
    assert lab.jobs.run_due() == ()
