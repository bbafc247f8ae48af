"""`kill -9` of a process that drives a node, at each step: the next run finishes it, and nothing is sent twice.

The driver has a process and a database file of its own; the emulated node answers over HTTPS from this process.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event

from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.audit.events import Event
from ca_service.authority.fleet.node_contact import Contact, Credentials
from ca_service.authority.fleet.node_plan import Order, Plan, Stage
from ca_service.authority.fleet.node_run import Run
from ca_service.authority.fleet.nodes import NodeInput
from ca_service.authority.fleet.states import State
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.errors import Busy, TooManyAttempts
from ca_service.lab.node import LabNode, NodeRefusal
from ca_service.lab.serving import serving
from tests.authority import racing
from tests.cli.served_node import HOST, PASSWORD, lab_node
from tests.support.factories import OPERATOR
from tests.support.forked import FORKED
from tests.support.instances import write_ready

CREDENTIALS: Final = Credentials("administrator", PASSWORD)
#: What the driver commits, and the calls that it makes, in their order; snapshots are in between.
COMMITS: Final = (
    "sign-in of the plan",
    "sign-in of the run",
    "event of the CSR",
    "placed",
    "signed",
    "event of the root",
    "event of the intermediate",
    "event of the certificate",
    "mark of the trust store",
    "mark of the certificate",
)
CALLS: Final = ("generate_csr 1", "upload_trust 1", "upload_trust 2", "upload_identity 1")
SNAPSHOTS: Final = tuple(f"snapshot {number}" for number in range(1, 8))
IN_THE_DRIVER: Final = tuple(f"{when} {commit}" for commit in COMMITS for when in ("before", "after"))
AT_THE_NODE: Final = (
    *(f"{when} {call}" for call in CALLS for when in ("before", "after")),
    *(f"after {snapshot}" for snapshot in SNAPSHOTS),
)
NOTHING_DONE: Final = tuple(f"before {snapshot}" for snapshot in SNAPSHOTS)


def contact(here: Installation, place: str) -> Contact:
    """The contact, after a person has compared the fingerprint."""
    return here.node_driver.contact(OPERATOR, place).pinned()


def plan(here: Installation, place: str) -> Plan:
    """The plan, for which the password is sent."""
    return here.node_driver.plan(OPERATOR, contact(here, place), CREDENTIALS, Order())


def begun(here: Installation, place: str) -> Run:
    """A run that may make all changes of its plan."""
    found = plan(here, place)
    return here.node_driver.apply(OPERATOR, contact(here, place), CREDENTIALS, Order(), found.keys)


def apply_and_be_killed(path: Path, place: str, moment: str, said: Connection) -> None:
    """Make the changes, and end at this moment, as `kill -9` ends a process; at the end, say which moments passed."""
    passed, written = list[str](), list[str]()

    def pass_moment(when: str, statement: str) -> None:
        if statement == "COMMIT" and any(each.startswith("INSERT INTO audit_event") for each in written):
            passed.append(f"{when} {COMMITS[len(passed) // 2]}")
            if passed[-1] == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        if when == "after":
            written.append(statement) if statement != "COMMIT" else written.clear()

    with racing.open_at(path, database_url="") as here:
        event.listen(Engine, "before_cursor_execute", lambda *given: pass_moment("before", given[2]))
        event.listen(Engine, "after_cursor_execute", lambda *given: pass_moment("after", given[2]))
        begun(here, place).finish()
    said.send(passed)


class Killing:
    """A node that ends the process of its driver at this moment, and remembers which moments have passed."""

    def __init__(self, node: LabNode, moment: str) -> None:
        self.passed = list[str]()
        self.end: Callable[[], None] = lambda: None
        self._moment = moment
        self._seen = Counter[str]()
        for name in ("snapshot", "generate_csr", "upload_trust", "upload_identity"):
            setattr(node, name, self._watched(name, getattr(node, name)))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            self._seen[name] += 1
            if self._passes(f"before {name} {self._seen[name]}"):
                raise NodeRefusal(503, "the node has not taken it")
            answer = call(*arguments)
            self._passes(f"after {name} {self._seen[name]}")
            return answer

        return watched

    def _passes(self, moment: str) -> bool:
        self.passed.append(moment)
        if moment == self._moment:
            self.end()
        return moment == self._moment


def drive(path: Path, place: str, moment: str, killing: Killing) -> list[str] | None:
    """Let a process drive the node; the moments that it has passed, or None where it was killed."""
    ours, theirs = FORKED.Pipe(duplex=False)
    process = FORKED.Process(target=apply_and_be_killed, args=(path, place, moment, theirs))
    with ours:
        process.start()
        theirs.close()
        killing.end = process.kill
        try:
            found: list[str] | None = ours.recv()
        except EOFError:
            found = None
        process.join(30)
    killing.end = lambda: None
    assert process.exitcode == (0 if found else -signal.SIGKILL)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The instance folder of an installation with a cluster."""
    path = tmp_path / "instance"
    write_ready(path)
    with racing.open_at(path) as here:
        here.fleet.create(OPERATOR, "Phones", [NodeInput(HOST, "cucm", "15", "publisher")])
    return path


def test_these_are_the_steps_of_a_run(folder: Path) -> None:
    node = lab_node()
    with serving(node) as ports:
        killing = Killing(node, "")
        passed = drive(folder, f"{HOST}:{ports.api}", "", killing)
    assert passed == list(IN_THE_DRIVER)
    assert sorted(each for each in killing.passed if each not in NOTHING_DONE) == sorted(AT_THE_NODE)


@pytest.mark.fault("processes", "`kill -9` of a run on a node", "the next run finishes it; nothing is sent twice")
@pytest.mark.parametrize("moment", [*IN_THE_DRIVER, *AT_THE_NODE])
def test_a_run_that_is_killed_at_any_step_is_finished_by_the_next_one(folder: Path, moment: str) -> None:
    node = lab_node()
    with serving(node) as ports:
        place = f"{HOST}:{ports.api}"
        assert drive(folder, place, moment, Killing(node, moment)) is None
        with racing.open_at(folder) as here:
            with pytest.raises(Busy):
                plan(here, place)
            end_of(folder, "UPDATE job_run SET until = datetime('now', '-1 second') WHERE name LIKE 'node %'")
            if moment in AT_THE_NODE:  # what the node makes of the password is not known
                with pytest.raises(TooManyAttempts):
                    plan(here, place)
            end_of(folder, "UPDATE attempt SET blocked_until = datetime('now', '-1 second')")
            assert begun(here, place).finish().plan.stage is Stage.INSTALLED
            assert node.calls == {"csr": 1, "trust": 2, "identity": 1}
            require_whole(here)


def end_of(folder: Path, statement: str) -> None:
    """Let the time of a lease or of a wait be over."""
    with closing(sqlite3.connect(folder / "ca.sqlite3")) as database, database:
        database.execute(statement)


def require_whole(here: Installation) -> None:
    """Fail unless there is one certificate, its slot has it as uploaded, and each change has its event."""
    assert len(here.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates) == 1
    ((slot, *others),) = here.fleet.list_slots(OPERATOR, [here.fleet.get_cluster(OPERATOR, 1)])
    assert (slot.state, others) == (State.UPLOADED, [])
    events = Counter(each.event for each in here.audit_log.list_events(OPERATOR, EventQuery(limit=200)).items)
    assert (events[Event.CERTIFICATE_ISSUED], events[Event.REQUEST_PLACED]) == (1, 1)
    assert events[Event.NODE_CSR_ORDERED] in (1, 2)  # two where the process was killed after the event
    assert events[Event.NODE_TRUST_SENT] in (2, 3)
    assert events[Event.NODE_IDENTITY_SENT] in (1, 2)
