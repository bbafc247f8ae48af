"""Let two do the same at the same moment: two threads of one process, or two processes.

They meet after both have read and before either writes. `by_threads_without_locks` also takes every lock of the
database away: what a lock keeps apart goes wrong there each time, and what a statement keeps apart does not.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any, Final, Protocol
from unittest import mock

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from ca_service import settings
from ca_service.app import open_installation
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.people.records import Visit
from ca_service.authority.revocation.records import Selection
from ca_service.errors import CAServiceError
from ca_service.pki.reasons import Reason
from ca_service.storage.sqlite import SQLiteDatabase
from ca_service.vos.bundle import bundle_of
from tests.support.factories import OPERATOR, PASSWORD, PLAN, cheap_hasher
from tests.support.forked import FORKED

DATABASE_URL: Final = "CA_SERVICE_DATABASE__URL"
_MOMENT: Final = 0.3  # of the first one for the second, whom a lock may keep out
_SECONDS: Final = 10  # of the first one for the second, whom nothing keeps out
_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "CREATE")
_LOCKS: Final = {
    "BEGIN IMMEDIATE": "BEGIN",
    "pg_advisory_xact_lock(": "(",
    "pg_advisory_lock(": "(",
    " FOR UPDATE": "",
}
Work = Callable[..., str]
Race = Callable[[Path, Work, Sequence[Any]], list[str]]


class Meeting(Protocol):
    """Where two wait for one another."""

    def wait(self, timeout: float | None = None) -> int:
        """Go on when the other is here; raises BrokenBarrierError if it does not come in time."""


class NotMetError(Exception):
    """The two have not met, though no lock kept them apart: the race shows nothing."""


@contextmanager
def open_at(path: Path, database_url: str | None = None) -> Iterator[Installation]:
    """The installation in this instance folder, on this database; without one, on that of the environment.

    A forked process has the environment of the first test that forked one, so it needs to be told.
    """
    environ = {DATABASE_URL: os.environ.get(DATABASE_URL, "") if database_url is None else database_url}
    installation = open_installation(settings.load(environ, path).settings, cheap_hasher())
    yield installation
    installation.close()


def by_threads(path: Path, work: Work, arguments: Sequence[Any]) -> list[str]:
    """What two threads come to that share one installation."""
    return _by_threads(path, work, arguments, Barrier(2, timeout=_MOMENT))


def by_threads_without_locks(path: Path, work: Work, arguments: Sequence[Any]) -> list[str]:
    """What two threads come to if no lock keeps them apart."""
    with _no_locks():
        return _by_threads(path, work, arguments, Barrier(2, timeout=_SECONDS))


def by_threads_that_meet(path: Path, work: Work, arguments: Sequence[Any]) -> list[str]:
    """What two threads come to that meet, as no lock keeps them apart; raises NotMetError if they do not."""
    meeting = Barrier(2, timeout=_SECONDS)
    with _no_locks():
        results = _by_threads(path, work, arguments, meeting)
    if meeting.broken:
        raise NotMetError
    return results


def by_processes(path: Path, work: Work, arguments: Sequence[Any]) -> list[str]:
    """What two processes come to that share nothing but the instance folder."""
    start, meeting = FORKED.Barrier(2), FORKED.Barrier(2, timeout=_MOMENT)
    with FORKED.Pool(2, _enter, (start, meeting, path, os.environ.get(DATABASE_URL, ""))) as pool:
        return pool.map(_work, [(work, argument) for argument in arguments], chunksize=1)


@contextmanager
def another_process(path: Path) -> Iterator[Callable[[Work, Any], str]]:
    """Yield a function that does something in a process of its own and returns what it comes to."""
    alone = FORKED.Barrier(1)
    with FORKED.Pool(1, _enter, (alone, alone, path, os.environ.get(DATABASE_URL, ""))) as pool:
        yield lambda work, argument: pool.apply(_work, ((work, argument),))


_LOST: Final = (AssertionError, ValueError, CAServiceError, SQLAlchemyError, KeyError)  # KeyError: by Alembic


def ways() -> list[Any]:
    """The ways in which a race is won."""
    return [pytest.param(by_threads, id="threads"), pytest.param(by_processes, id="processes")]


def lost_without_locks(*, always: bool) -> Any:
    """The way in which a race is lost that only a lock decides: `always`, or most times."""
    lost = pytest.mark.xfail(strict=always, raises=_LOST, reason="only the lock decides")
    return pytest.param(by_threads_without_locks, id="without-locks", marks=lost)


def won_without_locks() -> Any:
    """The way in which a race is won that a statement decides, or a unique index."""
    return pytest.param(by_threads_that_meet, id="without-locks")


def meeting_before(statement: str) -> Callable[[Work], Work]:
    """Let those who do this meet before a statement that begins so, and not before what they write first."""

    def decorated(work: Work) -> Work:
        _meets_before[work] = (statement,)
        return work

    return decorated


_meets_before: dict[Work, tuple[str, ...]] = {}


def _by_threads(path: Path, work: Work, arguments: Sequence[Any], meeting: Barrier) -> list[str]:
    start = Barrier(2)

    def result(argument: Any) -> str:
        try:
            return _result(installation, start, work, argument)
        finally:
            if not here.has_met:
                meeting.abort()  # this one has not come: the other need not wait

    with open_at(path) as installation, _meeting(meeting, work) as here, ThreadPoolExecutor(2) as pool:
        return list(pool.map(result, arguments))


class _Here(threading.local):
    has_met = False


@contextmanager
def _meeting(meeting: Meeting, work: Work) -> Iterator[_Here]:
    """Let two wait for one another after both have read and before either writes.

    If a lock keeps the second one out, the first goes on without it after a moment. Without the lock they meet, and
    both decide by what they have read before the other writes: a missing lock shows each time, not now and then.
    """
    here, writes = _Here(), _meets_before.get(work, _WRITES)

    def meet(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if here.has_met or not statement.lstrip().startswith(writes):
            return
        here.has_met = True
        with suppress(BrokenBarrierError):
            meeting.wait()

    event.listen(Engine, "before_cursor_execute", meet)
    try:
        yield here
    finally:
        event.remove(Engine, "before_cursor_execute", meet)


@contextmanager
def _no_locks() -> Iterator[None]:
    """Take the locks out of each statement, and let both racers take the lock of a file and that of their process."""

    def unlock(_connection: object, _cursor: object, statement: str, parameters: Any, *_others: object) -> Any:
        for lock, nothing in _LOCKS.items():
            statement = statement.replace(lock, nothing)
        return statement, parameters

    event.listen(Engine, "before_cursor_execute", unlock, retval=True)
    try:
        unlocked = mock.patch.object(SQLiteDatabase, "_first_of_process", return_value=nullcontext())
        with mock.patch.object(fcntl, "flock"), unlocked:
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", unlock)


_process: dict[str, Any] = {}


def _enter(start: Meeting, meeting: Meeting, path: Path, database_url: str) -> None:
    os.environ[DATABASE_URL] = database_url
    _process.update(start=start, meeting=meeting, path=path)


def _work(task: tuple[Work, Any]) -> str:
    work, argument = task
    with open_at(_process["path"]) as installation, _meeting(_process["meeting"], work):
        return _result(installation, _process["start"], work, argument)


def _result(installation: Installation, start: Meeting, work: Work, argument: Any) -> str:
    start.wait(30)
    try:
        return work(installation, argument)
    except CAServiceError as error:
        return error.rule


def issue(installation: Installation, request: bytes) -> str:
    """Issue; the serial number."""
    return installation.issuance.issue(OPERATOR, [request], Options()).certificates[0].serial_number


def issue_new_under_a_key(installation: Installation, request: bytes) -> str:
    """Issue another certificate under an Idempotency-Key; the serial number."""
    issued = installation.issuance.issue(OPERATOR, [request], Options(new=True), idempotency_key="same")
    return issued.certificates[0].serial_number


def use_setup_link(installation: Installation, secret_and_name: tuple[str, str]) -> str:
    """Create the first administrator; its name."""
    secret, name = secret_and_name
    return installation.accounts.create_first(secret, name, PASSWORD).name


def initialise(installation: Installation, _: None) -> str:
    """Create what is missing; what that was."""
    return " ".join(record.id for record in installation.creation.initialise(OPERATOR, PLAN))


def roll_over(installation: Installation, _: None) -> str:
    """Create the next intermediate as it was confirmed; its name."""
    plan = replace(PLAN, name="")
    seen = installation.rollover.preview(OPERATOR, plan)
    return installation.rollover.perform(OPERATOR, plan, confirmed=seen.after.id).after.id


def upgrade(installation: Installation, _: None) -> str:
    """Bring the schema up to date; the version that it has then."""
    return installation.schema.upgrade()[1]


def revoke(installation: Installation, serial_and_reason: tuple[str, Reason]) -> str:
    """Revoke; what became of it."""
    serial, reason = serial_and_reason
    outcome = installation.revocation.revoke(OPERATOR, Selection((serial,)), reason)
    return outcome.changes[0].effect.value


def release(installation: Installation, serial: str) -> str:
    """End a hold; what became of it."""
    return installation.revocation.release(OPERATOR, Selection((serial,))).changes[0].effect.value


def publish_list(installation: Installation, issuer_id: str) -> str:
    """Publish a list, due or not; return its digest."""
    return installation.crl_publisher.publish(OPERATOR, issuer_id).digest


def fetch_list(installation: Installation, _: None) -> str:
    """Fetch the list of the intermediate; its digest."""
    return installation.crl_publisher.current("intermediate-g1").digest


def publish_lists(installation: Installation, _: None) -> str:
    """Publish five lists; their numbers."""
    return " ".join(
        str(installation.crl_publisher.publish(OPERATOR, "intermediate-g1").record.number) for _ in range(5)
    )


def seal(installation: Installation, _nothing: object) -> str:
    """Seal what is pending; how many events that were."""
    return str(installation.sealing.seal_pending())


def bundle(installation: Installation, serial_number: str) -> str:
    """Take a bundle home; its checksum."""
    record = installation.issuance.get_certificate(OPERATOR, serial_number)
    delivered = installation.receipts.attached([installation.issuance.delivery(record)])
    return hashlib.sha256(bundle_of(delivered).to_zip()).hexdigest()


@meeting_before("UPDATE attempt SET failures")
def guess(installation: Installation, _: None) -> str:
    """Try ten wrong passwords; how many were looked at."""
    rules = [rule_of_guess(installation) for _ in range(10)]
    return str(rules.count("sign-in.wrong"))


def rule_of_guess(installation: Installation) -> str:
    """Try a wrong password; why it was refused."""
    try:
        installation.signing_in.with_password("alice", "wrong", Visit("198.51.100.7"))
    except CAServiceError as error:
        return error.rule
    return ""


def use_code(installation: Installation, code: str) -> str:
    """Use a code of alice's app, or a recovery code; what it was."""
    return installation.second_factors.use_code(installation.accounts.get("alice"), code, "")


@meeting_before("UPDATE account")
def lock_out(installation: Installation, who_and_whom: tuple[str, str]) -> str:
    """Let one administrator lock the other out; whom."""
    who, whom = who_and_whom
    return installation.accounts.set_disabled(installation.accounts.get(who).actor, whom, True).name


def choose_password(installation: Installation, secret_and_password: tuple[str, str]) -> str:
    """Use a link; whose it was."""
    return installation.links.use(*secret_and_password, "").name


def make_responder(installation: Installation, _: None) -> str:
    """Have a signer of OCSP answers; the serial number of its certificate."""
    [issuer] = installation.responders.issuers()
    return f"{installation.responders.current(issuer).certificate.serial_number:x}"


def approve(installation: Installation, account_id: int) -> str:
    """Approve the first request as this account; the serial number of its certificate."""
    who = Actor(account_id, f"approver {account_id}", Role.APPROVER)
    return str(installation.requests.approve(who, 1).serial_number)


def finish(installation: Installation, _: None) -> str:
    """Finish what is left approved; how many that were."""
    return str(installation.completion.issue_approved())


def submit(installation: Installation, request: bytes) -> str:
    """Submit a request on which a person has to decide; return its number."""
    who = Actor(7, "anna", Role.REQUESTER)
    return str(installation.issuance.issue(who, [request], Options()).waiting[0].id)
