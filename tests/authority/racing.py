"""Let two do the same at the same moment: two threads of one process, or two processes."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any, Final, Protocol

from sqlalchemy import Engine, event

from ca_service import settings
from ca_service.app import open_installation
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.people.records import Visit
from ca_service.authority.revocation.records import Selection
from ca_service.errors import CAServiceError
from ca_service.pki.reasons import Reason
from ca_service.vos.bundle import bundle_of
from tests.support.factories import OPERATOR, PASSWORD, PLAN, cheap_hasher

DATABASE_URL: Final = "CA_SERVICE_DATABASE__URL"
_MOMENT: Final = 0.3
Work = Callable[..., str]


class Start(Protocol):
    """Where two wait for one another."""

    def wait(self, timeout: float | None = None) -> int:
        """Go on when the other is here."""


@contextmanager
def open_at(path: Path) -> Iterator[Installation]:
    """The installation in this instance folder, on the database that the environment names."""
    environ = {DATABASE_URL: os.environ.get(DATABASE_URL, "")}
    installation = open_installation(settings.load(environ, path).settings, cheap_hasher())
    yield installation
    installation.close()


def by_threads(path: Path, work: Work, arguments: Sequence[Any]) -> list[str]:
    """What two threads come to that share one installation."""
    start = Barrier(2)
    with open_at(path) as installation, ThreadPoolExecutor(2) as pool, _both_read_before_one_writes(Barrier(2)):
        return list(pool.map(lambda argument: _result(installation, start, work, argument), arguments))


@contextmanager
def _both_read_before_one_writes(meeting: Start) -> Iterator[None]:
    """Let two threads or processes wait for one another before each first writes.

    If a lock keeps the second one out, the first goes on without it after a moment. Without the lock they meet, and
    both decide by what they have read before the other writes: a missing lock shows each time, not now and then.
    """
    here = threading.local()

    def meet(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if hasattr(here, "has_met") or not statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE")):
            return
        here.has_met = True
        with suppress(BrokenBarrierError):
            meeting.wait(_MOMENT)

    event.listen(Engine, "before_cursor_execute", meet)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", meet)


def by_processes(path: Path, work: Work, arguments: Sequence[Any]) -> list[str]:
    """What two processes come to that share nothing but the instance folder."""
    context = multiprocessing.get_context("forkserver")  # it imports this module once for all races
    context.set_forkserver_preload([__name__])
    shared = (context.Barrier(2), context.Barrier(2), path, os.environ.get(DATABASE_URL, ""))
    with context.Pool(2, _enter, shared) as pool:
        return pool.map(_work, [(work, argument) for argument in arguments], chunksize=1)


_here: dict[str, Any] = {}


def _enter(start: Start, meeting: Start, path: Path, database_url: str) -> None:
    os.environ[DATABASE_URL] = database_url
    _here.update(start=start, meeting=meeting, path=path)


def _work(task: tuple[Work, Any]) -> str:
    with open_at(_here["path"]) as installation, _both_read_before_one_writes(_here["meeting"]):
        return _result(installation, _here["start"], *task)


def _result(installation: Installation, start: Start, work: Work, argument: Any) -> str:
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
    return " ".join(record.id for record in installation.hierarchy.initialise(OPERATOR, PLAN))


def upgrade(installation: Installation, _: None) -> str:
    """Bring the schema up to date; the version that it has then."""
    return installation.schema.upgrade()[1]


def revoke(installation: Installation, serial_and_reason: tuple[str, Reason]) -> str:
    """Revoke; what became of it."""
    serial, reason = serial_and_reason
    outcome = installation.revocation.revoke(OPERATOR, Selection((serial,)), reason)
    return outcome.changes[0].effect.value


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


def guess(installation: Installation, _: None) -> str:
    """Try ten wrong passwords; how many were looked at."""
    rules = [_rule_of_guess(installation) for _ in range(10)]
    return str(rules.count("sign-in.wrong"))


def _rule_of_guess(installation: Installation) -> str:
    try:
        installation.signing_in.with_password("alice", "wrong", Visit("198.51.100.7"))
    except CAServiceError as error:
        return error.rule
    return ""


def use_code(installation: Installation, code: str) -> str:
    """Use a code of alice's app, or a recovery code; what it was."""
    return installation.second_factors.use_code(installation.accounts.get("alice"), code, "")


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
