"""`kill -9` of a process that issues, before and after each statement of the database: it is issued, or it is not."""

from __future__ import annotations

import os
import signal
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from ca_service import settings as settings_module
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestQuery, State
from ca_service.settings import Settings
from tests.authority import racing
from tests.support.factories import OPERATOR
from tests.support.forked import FORKED
from tests.support.requests import UCCX_PUBLISHER

_MOMENTS: Final = ("before_cursor_execute", "after_cursor_execute", "commit")
_FEWEST: Final = 10  # moments: fewer would mean that this test looks at the wrong ones
_MOST: Final = 200


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The defaults, on either database."""
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else ""
    monkeypatch.setenv(racing.DATABASE_URL, url)  # also for the process that is killed
    return settings_module.load({racing.DATABASE_URL: url}, tmp_path / "instance").settings


def issue(installation: Installation, csr: bytes) -> str:
    """Issue one more certificate for a CSR; its serial number."""
    return installation.issuance.issue(OPERATOR, [csr], Options(new=True)).certificates[0].serial_number


def issue_and_be_killed(path: Path, database_url: str, csr: bytes, at: int, said: Connection) -> None:
    """Issue twice, say each serial number, and end at this moment of the second time, as `kill -9` ends a process."""
    os.environ[racing.DATABASE_URL] = database_url
    moments = count(1)

    def pass_moment(*_arguments: object) -> None:
        if next(moments) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    with racing.open_at(path) as installation:
        said.send(issue(installation, csr))
        for name in _MOMENTS:
            event.listen(Engine, name, pass_moment)
        event.listen(Pool, "checkin", pass_moment)  # after the commit, before the caller has the certificate
        said.send(issue(installation, csr))
        for name in _MOMENTS:
            event.remove(Engine, name, pass_moment)
        event.remove(Pool, "checkin", pass_moment)


def heard(settings: Settings, at: int) -> list[str]:
    """The serial numbers that a process has said before it was killed at this moment."""
    ours, theirs = FORKED.Pipe(duplex=False)
    arguments = (settings.instance_path, os.environ[racing.DATABASE_URL], UCCX_PUBLISHER.data, at, theirs)
    process = FORKED.Process(target=issue_and_be_killed, args=arguments)
    process.start()
    theirs.close()
    found = list[str]()
    with ours:
        try:
            while True:
                found.append(ours.recv())
        except EOFError:
            process.join(30)
    assert process.exitcode == (-signal.SIGKILL if len(found) == 1 else 0)
    return found


def stored(installation: Installation) -> set[str]:
    """The serial numbers of all certificates, each with its request and no request without its certificate."""
    listed = installation.inventory.list_certificates(OPERATOR, CertificateQuery(limit=_MOST)).certificates
    found = {each.serial_number for each in listed}
    requests = installation.requests.list_requests(OPERATOR, RequestQuery(limit=_MOST)).items
    assert {(each.state, each.serial_number) for each in requests} == {(State.ISSUED, number) for number in found}
    return found


@pytest.mark.fault("processes", "`kill -9` while a certificate is issued", "it is stored whole with its event, or not")
def test_a_process_that_is_killed_while_it_issues_leaves_all_of_a_certificate_or_nothing(
    installation: Installation, settings: Settings
) -> None:
    acknowledged, outcomes = set[str](), list[int]()
    for at in range(1, _MOST):
        said = heard(settings, at)
        before, acknowledged = acknowledged, acknowledged | set(said)
        found = stored(installation)
        assert acknowledged <= found  # nothing that a caller has received is lost
        outcomes.append(len(found) - len(before))
        assert installation.agreement.differences() == ()
        acknowledged = found | {issue(installation, UCCX_PUBLISHER.data)}
        if len(said) == 2:
            break
    installation.sealing.seal_pending()
    assert installation.audit_log.verify(OPERATOR).complete
    # One certificate before the kill; a second one from some moment on: that of the commit.
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {1, 2}
    assert len(outcomes) > _FEWEST
