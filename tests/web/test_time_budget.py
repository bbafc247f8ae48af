"""While another process holds the turn to write, the service answers: reading as usual, writing with 503 in time."""

from __future__ import annotations

import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Literal, NoReturn

import psycopg
import pytest
from argon2 import PasswordHasher
from cryptography import x509
from flask import Flask, Response, stream_with_context
from flask.testing import FlaskClient
from sqlalchemy import update

from ca_service import deadline, web
from ca_service import settings as settings_module
from ca_service.app import open_installation
from ca_service.app.production import database_of
from ca_service.authority.access.permissions import SCOPES, Role
from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.people.tokens import TokenLimits
from ca_service.authority.revocation.records import Selection
from ca_service.cli.interfaces import Program
from ca_service.deadline import Places, renewed_for_each
from ca_service.pki.reasons import Reason
from ca_service.storage.database import Database
from ca_service.storage.schema import session, token
from ca_service.storage.sqlite import SQLiteDatabase
from ca_service.web import time_budget
from ca_service.web.time_budget import TimeBudgets
from tests.cli.command_line import run
from tests.support.factories import OPERATOR, PASSWORD, PLAN, cheap_hasher
from tests.support.holding import held, url_of
from tests.support.instances import write_migrated
from tests.support.ocsp import about, question, told
from tests.support.request_records import NOBODY_WAITS
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import Visitor, upload, visit

pytestmark = pytest.mark.timeout(55)  # where a budget is ignored, one waits for a minute

SHORT = TimeBudgets(reading=0, sign_in=0.2, pages=0.2, issuing=0.2)
API = "/api/v1/certificates"
BUSY = "The database is busy: another process or request is writing. Nothing was changed."


@dataclass(frozen=True, slots=True)
class Place:
    """An installation with a certificate, the application over it, and who uses it."""

    installation: Installation
    database: Database
    app: Flask
    anna: Visitor
    script: FlaskClient
    serial_number: str

    def with_budgets(self, budgets: TimeBudgets, threads: int = 4) -> FlaskClient:
        """A script at the same installation with other budgets."""
        client = application(self.installation, budgets, threads).test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = self.script.environ_base["HTTP_AUTHORIZATION"]
        return client

    def age(self) -> None:
        """Let the last use of session and token be so long ago that it is written again."""
        past = self.installation.clock() - timedelta(minutes=30)
        with self.database.write() as connection:
            connection.execute(update(session).values(seen_at=past))
            connection.execute(update(token).values(last_used_at=past))


def application(installation: Installation, budgets: TimeBudgets = SHORT, threads: int = 4) -> Flask:
    """The application with these budgets."""
    return web.create(installation, web.WebOptions(secret_key="x" * 32, time_budgets=budgets, threads=threads))


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Make them, on a database of either kind."""
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else ""
    settings = settings_module.load(NOBODY_WAITS | {"CA_SERVICE_DATABASE__URL": url}, tmp_path / "instance").settings
    installation, database = open_installation(settings, cheap_hasher()), database_of(settings)
    if not url:
        write_migrated(settings.instance_path)
    installation.creation.initialise(OPERATOR, PLAN)
    installation.accounts.create(OPERATOR, "anna", Role.ADMINISTRATOR, PASSWORD)
    secret = installation.tokens.create(OPERATOR, "anna", "script", 30, TokenLimits(tuple(SCOPES))).secret
    leaf = installation.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates[0]
    app = application(installation)
    anna, script = visit(app), app.test_client()
    anna.sign_in("anna", PASSWORD)
    script.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    yield Place(installation, database, app, anna, script, leaf.serial_number)
    database.close()
    installation.close()


def test_reading_is_answered_while_another_process_holds_the_turn(place: Place) -> None:
    place.anna.get("/ca/intermediate-g1.crl")
    place.script.post("/ocsp", data=about(place.installation, 1))
    leaf = place.installation.issuance.get_certificate(OPERATOR, place.serial_number)
    place.age()
    pages = ("/", "/certificates", f"/certificates/{leaf.serial_number}", "/account", "/requests", "/authority")
    public = ("/healthz", "/ca/intermediate-g1.crl", "/ca/root.pem", "/static/site.css", "/ca/")
    with held(place.database):
        answers = {path: place.anna.get(path).status_code for path in (*pages, *public)}
        answers |= {path: visit(place.app).get(path).status_code for path in (*public, "/sign-in")}
        answers |= {path: place.script.get(path).status_code for path in (API, "/api/v1/token", "/api/v1/requests")}
        status = told(place.script.post("/ocsp", data=question(place.installation, leaf)).data)
    assert set(answers.values()) == {200}, answers
    assert status == "good"


def test_a_bundle_is_answered_without_receipt_and_has_it_later(place: Place) -> None:
    path = f"/certificates/{place.serial_number}/download"

    def has_receipt() -> bool:
        answer = place.anna.get(path)
        assert answer.status_code == 200
        return any("receipt" in name for name in zipfile.ZipFile(BytesIO(answer.data)).namelist())

    with held(place.database):
        assert not has_receipt()
    assert has_receipt()


def test_a_stored_certificate_is_answered_though_sealing_has_to_wait(place: Place) -> None:
    with place.database.locked("seal"):
        answer = place.script.post(f"{API}?format=zip", data=SOCIALMINER.data)
    assert (answer.status_code, answer.content_type) == (201, "application/zip")


def test_a_due_crl_waits_and_the_valid_one_is_answered(place: Place) -> None:
    def entries(kept_for: int = 300) -> int:
        answer = place.anna.get("/ca/intermediate-g1.crl")
        assert answer.status_code == 200
        assert f"max-age={kept_for}," in answer.headers["Cache-Control"]
        return len(x509.load_der_x509_crl(answer.data))

    assert entries() == 0
    place.installation.revocation.revoke(OPERATOR, Selection((place.serial_number,)), Reason.SUPERSEDED)
    with held(place.database):
        assert entries(kept_for=0) == 0  # a cache would give the one without the revocation for longer
    assert entries() == 1


def test_where_there_is_no_crl_yet_its_clients_are_told_when_to_ask_again(place: Place) -> None:
    with held(place.database):
        answer = place.anna.get("/ca/intermediate-g1.crl")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_a_sign_in_is_told_what_to_do_and_is_not_counted(place: Place) -> None:
    stranger = visit(place.app)
    with held(place.database):
        answers = [stranger.sign_in("anna", PASSWORD) for _ in range(6)]  # more than there are free attempts
    assert {(each.status_code, each.headers["Retry-After"]) for each in answers} == {(503, "5")}
    assert read(answers[0].text).blocking == ["database.busy"]
    assert "Try again in 5 seconds." in answers[0].text
    assert stranger.sign_in("anna", PASSWORD).status_code == 302


class Held(PasswordHasher):
    """A hasher during whose work another process takes the turn to write, and keeps it."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self._stack = stack
        self.database: Database | None = None

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        """See `PasswordHasher`."""
        if self.database is not None:
            self._stack.enter_context(held(self.database))
        return super().verify(hash, password)


def test_a_sign_in_that_is_interrupted_after_its_attempt_was_counted_has_changed_nothing(tmp_path: Path) -> None:
    settings = settings_module.load({}, tmp_path / "instance").settings
    database = database_of(settings)
    with ExitStack() as stack:
        hasher = Held(stack)
        installation = open_installation(settings, hasher)
        installation.schema.upgrade()
        installation.accounts.create(OPERATOR, "anna", Role.ADMINISTRATOR, PASSWORD)
        stranger = visit(application(installation))
        hasher.database = database
        answer = stranger.sign_in("anna", PASSWORD)
        hasher.database = None
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert read(answer.text).blocking == ["database.busy"]
    assert stranger.sign_in("anna", PASSWORD).status_code == 302
    database.close()
    installation.close()


def test_an_issue_that_was_told_to_wait_has_stored_nothing_and_is_repeated_with_its_key(place: Place) -> None:
    def issue() -> tuple[int, str | None]:
        answer = place.script.post(API, data=SOCIALMINER.data, headers={"Idempotency-Key": "k"})
        return answer.status_code, answer.headers.get("Retry-After")

    def stored() -> int:
        return len(list(place.installation.inventory.export(OPERATOR, "", "oldest")))

    with held(place.database):
        assert (issue(), stored()) == ((503, "5"), 1)
    assert (issue(), stored()) == ((201, None), 2)
    assert (issue(), stored()) == ((201, None), 2)  # the answer of the first time


@contextmanager
def locked_by_a_foreign_program(database: Database) -> Iterator[None]:
    """Another program, which does not know the turns of ours, keeps every writer out of the revocations."""
    if isinstance(database, SQLiteDatabase):
        with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(url_of(database).replace("+", "%20")) as connection:
            connection.execute("LOCK TABLE revocation IN EXCLUSIVE MODE")
            yield


@pytest.mark.fault(
    "database", "Another process holds the lock while a certificate is revoked", "503 in time; nothing is done"
)
@pytest.mark.parametrize("lock", [held, locked_by_a_foreign_program])
def test_a_revocation_is_told_to_wait_in_time_and_is_done_whole_afterwards(
    place: Place, lock: Callable[[Database], AbstractContextManager[object]]
) -> None:
    seconds = 2.0
    leaf = place.installation.issuance.get_certificate(OPERATOR, place.serial_number)
    script, anna = place.with_budgets(TimeBudgets(pages=seconds)), place.anna
    asked = {"serial_numbers": [leaf.serial_number], "reason": "keyCompromise"}
    place.anna.get("/ca/intermediate-g1.crl")
    place.script.post("/ocsp", data=about(place.installation, 1))  # the signer of the responses is made once

    def state() -> tuple[str, int, str | None, int]:
        answer = place.script.post("/ocsp", data=question(place.installation, leaf))
        listed = x509.load_der_x509_crl(anna.get("/ca/intermediate-g1.crl").data)
        revocation = place.installation.revocation.find(OPERATOR, leaf.serial_number)
        events = place.installation.audit_log.list_events(OPERATOR, EventQuery(events=("certificate.revoked",)))
        return told(answer.data), len(listed), revocation.state.value if revocation else None, len(events.items)

    with lock(place.database):
        begun = time.monotonic()
        refused = script.post("/api/v1/revocations", json=asked)
        took = time.monotonic() - begun
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert refused.get_json()["type"].endswith("database.busy")
        assert seconds - 1 < took < seconds + 2
        assert state() == ("good", 0, None, 0)
    assert state() == ("good", 0, None, 0)
    done = script.post("/api/v1/revocations", json=asked)
    assert (done.status_code, state()) == (200, ("keyCompromise", 1, "revoked", 1))


def test_page_api_and_command_line_say_the_same(place: Place) -> None:
    program = Program(lambda _path: place.installation, _not_wanted, _not_wanted, _not_wanted)
    review = read(place.anna.check(upload(SOCIALMINER)).text)
    with held(place.database):
        page = place.anna.sign(review)
        problem = place.script.post(API, data=SOCIALMINER.data)
        with deadline.limited(0.1):  # a command waits for a minute
            command = run(program, "sign", "-", data=SOCIALMINER.data)
    document = problem.get_json(force=True)
    assert (page.status_code, problem.status_code, command.exit_code) == (503, 503, 6)
    assert (problem.content_type, document["code"]) == ("application/problem+json", "busy")
    assert document["errors"][0]["detail"] == BUSY
    for text in (page.text, document["errors"][0]["remedy"], command.stderr):
        assert "Try again in 5 seconds. If it stays busy, the operator finds the process" in " ".join(text.split())
    assert BUSY in page.text
    assert BUSY in command.stderr


def test_half_of_the_threads_wait_and_the_next_is_told_at_once(place: Place) -> None:
    """With two threads, one of two scripts is told at once, and the other waits until it can be served."""
    patient = TimeBudgets(reading=0, sign_in=40, pages=40, issuing=40)
    client = place.with_budgets(patient, threads=2)
    with held(place.database) as release, ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(client.post, API, data=each.data) for each in (SOCIALMINER, SOCIALMINER)]
        while not any(each.done() for each in answers):
            assert client.get("/healthz").status_code == 200
            time.sleep(0.05)
        assert sorted(each.done() for each in answers) == [False, True]
        release()
    assert sorted(each.result().status_code for each in answers) == [201, 503]


def test_each_part_of_a_streamed_answer_has_the_whole_time_and_the_thread_loses_it_at_the_end() -> None:
    def parts() -> Iterator[str]:
        for _ in range(3):
            seconds = deadline.statement_seconds(0)
            deadline._current.get().begun -= 2000  # type: ignore[union-attr] # the part takes all the time
            yield f"{seconds} "

    def view() -> Response:
        made = renewed_for_each(parts())
        return Response(stream_with_context(chain([next(made)], made)))

    app = Flask("streaming")
    time_budget.install(app, TimeBudgets(pages=1000), Places(1))
    app.add_url_rule("/", view_func=view)
    assert app.test_client().get("/").text == "1000 1000 1000 "
    assert deadline.statement_seconds(0) == 0


def _not_wanted(*_: object) -> NoReturn:
    raise AssertionError("signing needs the installation alone")
