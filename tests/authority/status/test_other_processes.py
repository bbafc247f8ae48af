"""What another process commits is in the very next OCSP answer and CRL: processes share nothing but the database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import Engine, event

from ca_service import settings as settings_module
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.pki.reasons import Reason
from ca_service.settings import Settings
from tests.authority import racing
from tests.support.factories import OPERATOR
from tests.support.ocsp import question, told
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER

ISSUER = "intermediate-g1"
Elsewhere = Callable[[racing.Work, Any], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The defaults, on either database."""
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else ""
    monkeypatch.setenv(racing.DATABASE_URL, url)  # also for the other process
    return settings_module.load({racing.DATABASE_URL: url}, tmp_path / "instance").settings


@pytest.fixture
def elsewhere(settings: Settings, installation: Installation) -> Iterator[Elsewhere]:  # noqa: ARG001 - it is made first
    """Do it in another process."""
    with racing.another_process(settings.instance_path) as found:
        yield found


@contextmanager
def statements() -> Iterator[list[str]]:
    """Yield the statements that SQLAlchemy executes."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def issue(installation: Installation, csr: bytes = UCCX_PUBLISHER.data) -> CertificateRecord:
    return installation.issuance.issue(OPERATOR, [csr], Options()).certificates[0]


def listed(installation: Installation) -> set[int]:
    crl = x509.load_der_x509_crl(installation.crl_publisher.current(ISSUER).data.full)
    return {entry.serial_number for entry in crl}


def test_the_next_answer_tells_what_another_process_has_committed(
    installation: Installation, elsewhere: Elsewhere
) -> None:
    leaf, other = issue(installation), issue(installation, SOCIALMINER.data)
    asked = [question(installation, each) for each in (leaf, other)]
    serial = leaf.serial_number

    def answers() -> list[str]:
        return [told(installation.ocsp_responder.answer(each)) for each in asked]

    assert answers() == ["good", "good"]
    for _ in range(3):
        elsewhere(racing.revoke, (serial, Reason.CERTIFICATE_HOLD))
        assert answers() == ["certificateHold", "good"]
        elsewhere(racing.release, serial)
        assert answers() == ["good", "good"]
    elsewhere(racing.revoke, (serial, Reason.KEY_COMPROMISE))
    assert answers() == ["keyCompromise", "good"]


def test_the_next_crl_contains_what_another_process_has_committed(
    installation: Installation, elsewhere: Elsewhere
) -> None:
    leaf = issue(installation)
    serial = leaf.serial_number
    assert listed(installation) == set()
    for _ in range(3):
        elsewhere(racing.revoke, (serial, Reason.CERTIFICATE_HOLD))
        assert listed(installation) == {int(serial, 16)}
        elsewhere(racing.release, serial)
        assert listed(installation) == set()


def test_the_crl_that_another_process_has_published_is_the_next_one(
    installation: Installation, elsewhere: Elsewhere
) -> None:
    before = installation.crl_publisher.current(ISSUER).digest
    published = elsewhere(racing.publish_list, ISSUER)
    assert before != published == installation.crl_publisher.current(ISSUER).digest


def test_what_has_not_changed_costs_one_small_statement(installation: Installation) -> None:
    request = question(installation, issue(installation))
    for ask in (
        lambda: installation.crl_publisher.current(ISSUER),
        lambda: installation.ocsp_responder.answer(request),
    ):
        first = ask()
        with statements() as found:
            assert ask() is first
        assert len(found) <= 1  # none on SQLite, where the driver is asked directly


def test_threads_that_ask_all_the_time_never_go_back_to_good(installation: Installation, elsewhere: Elsewhere) -> None:
    leaf = issue(installation)
    request, is_over = question(installation, leaf), threading.Event()

    def ask() -> list[str]:
        found = []
        while not is_over.is_set():
            found.append(told(installation.ocsp_responder.answer(request)))
        return found

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        elsewhere(racing.revoke, (leaf.serial_number, Reason.SUPERSEDED))
        assert told(installation.ocsp_responder.answer(request)) == "superseded"
        is_over.set()
        results = [each.result() for each in asking]
    for found in results:
        assert found == sorted(found)  # "good" first, then "superseded"
