"""What opens a session, what ends it, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.installation import Installation
from ca_service.authority.people.records import AccountRecord, OpenSession, Visit
from ca_service.authority.people.sessions import SessionLimits
from ca_service.errors import NotFound
from tests.support.factories import Lab
from tests.support.fakes import FixedClock

HERE = Visit("192.0.2.1", "Browser/1")
LIMITS = SessionLimits(timedelta(hours=8), timedelta(hours=2))


@pytest.fixture
def lab(clock: FixedClock) -> Lab:
    """One whose sessions end."""
    return Lab(clock=clock, session_limits=LIMITS)


def opened(people: Installation, account: AccountRecord, visit: Visit = HERE) -> OpenSession:
    """Somebody who has come in."""
    found = people.sessions.find(people.sessions.open(account, "password", visit).secret)
    assert found
    return found


def test_a_session_tells_from_where_and_how_somebody_came(people: Installation, alice: AccountRecord) -> None:
    record = opened(people, alice, Visit("192.0.2.1", "Browser\x1b[31m/1\u202e" + "x" * 500)).record
    assert (record.address, record.method, len(record.user_agent)) == ("192.0.2.1", "password", 200)
    assert record.user_agent.startswith("Browser[31m/1xx")


def test_the_secret_is_kept_as_a_hash_only(lab: Lab, people: Installation, alice: AccountRecord) -> None:
    entered = people.sessions.open(alice, "password", HERE)
    kept = lab.edges.sessions.list_sessions(alice.id, 0)
    assert entered.secret not in str(kept)
    assert people.sessions.find(kept[0].hash) is None


@pytest.mark.parametrize(
    ("busy_every", "ends_after"), [(timedelta(hours=1), timedelta(hours=8)), (timedelta(hours=3), timedelta(hours=3))]
)
def test_a_session_ends_after_its_lifetime_and_when_it_is_idle(
    people: Installation, alice: AccountRecord, clock: FixedClock, busy_every: timedelta, ends_after: timedelta
) -> None:
    secret, start = people.sessions.open(alice, "password", HERE).secret, clock()
    while people.sessions.find(secret):
        clock.now += busy_every
    assert ends_after <= clock() - start <= ends_after + busy_every
    assert people.sessions.list_of(alice.actor, "alice") == ()


def test_the_last_use_is_written_every_five_minutes(
    people: Installation, alice: AccountRecord, clock: FixedClock
) -> None:
    secret, start, seen = people.sessions.open(alice, "password", HERE).secret, clock(), []
    for _ in range(4):
        clock.advance(minutes=3)
        people.sessions.find(secret)
        seen.append(int((people.sessions.list_of(alice.actor, "alice")[0].seen_at - start).total_seconds()))
    assert seen == [0, 360, 360, 720]


def test_signing_out_ends_this_session_and_no_other(
    people: Installation, alice: AccountRecord, recorded: Callable[[], list[AuditEvent]]
) -> None:
    one, other = opened(people, alice), opened(people, alice)
    people.sessions.sign_out(one, HERE)
    assert people.sessions.list_of(alice.actor, "alice") == (other.record,)
    signed_out = recorded()[-1]
    assert (signed_out.event, signed_out.actor, signed_out.origin) == (Event.SIGNED_OUT, "alice", "192.0.2.1")


def test_all_others_are_ended_and_this_one_stays(people: Installation, alice: AccountRecord) -> None:
    this, *_ = (opened(people, alice) for _ in range(3))
    assert people.sessions.end_others(alice.actor, this) == 2
    assert people.sessions.list_of(alice.actor, "alice") == (this.record,)


def test_an_administrator_ends_all_of_somebody(
    people: Installation, operator: Actor, alice: AccountRecord, recorded: Callable[[], list[AuditEvent]]
) -> None:
    opened(people, alice)
    assert people.sessions.end_all(operator, "alice") == 1
    assert people.sessions.end_all(operator, "alice") == 0
    ended = [event for event in recorded() if event.event is Event.SESSIONS_ENDED]
    assert [(event.actor, event.subject, event.origin) for event in ended] == [("operator", "alice", "command line")]


def test_a_session_that_is_gone_cannot_be_ended(people: Installation, alice: AccountRecord) -> None:
    session = opened(people, alice)
    people.sessions.end(alice.actor, "alice", session.record.id)
    with pytest.raises(NotFound) as caught:
        people.sessions.end(alice.actor, "alice", session.record.id)
    assert caught.value.rule == "session.unknown"


@pytest.mark.parametrize("secret", ["", "x", "\udc80", "x" * 100_000])
def test_a_secret_that_was_not_handed_out_opens_nothing(
    people: Installation, alice: AccountRecord, secret: str
) -> None:
    opened(people, alice)
    assert people.sessions.find(secret) is None
    assert people.sessions.find_pending(secret) is None
