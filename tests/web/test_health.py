"""Health: the process answers whatever is broken, and readiness tells strangers names and results only."""

from __future__ import annotations

import pytest
from flask import Flask

from ca_service.app import create_app
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.errors import KeystoreError, Visibility
from ca_service.keystore.instance_files import SESSION_KEY_DAMAGED
from ca_service.settings import Settings
from tests.support.factories import OPERATOR, Lab
from tests.support.requests import UCCX_PUBLISHER
from tests.web.visitor import Visitor, visit

PUBLIC = {
    *("disk-space", "database-write", "authority-key", "chain-validity", "clock"),
    *("revocation-lists", "ocsp-signer", "jobs"),
}


def test_a_service_that_can_do_its_work_is_ready(visitor: Visitor) -> None:
    answer = visitor.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ready", "checks": dict.fromkeys(PUBLIC, "ok")}
    assert answer.headers["Cache-Control"] == "no-store"


def test_without_an_authority_it_answers_and_is_not_ready(
    migrated_installation: Installation, settings: Settings
) -> None:
    visitor = visit(create_app(settings, migrated_installation))
    assert (visitor.get("/healthz").status_code, visitor.get("/healthz").get_json()) == (200, {"status": "ok"})
    answer = visitor.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["authority-key"] == "failed"


@pytest.mark.fault("keys and files", "The key of the authority is lost", "`/readyz` answers 503 and names no file")
def test_a_service_that_cannot_sign_is_not_ready_and_names_no_file(
    visitor: Visitor, settings: Settings, installation: Installation
) -> None:
    installation.hierarchy.signing_key(installation.hierarchy.active())  # from now on in memory
    for key in (settings.instance_path / "keys").glob("intermediate*"):
        key.unlink()
    answer = visitor.get("/readyz")
    assert answer.status_code == 503
    with pytest.raises(KeystoreError):
        installation.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options())
    assert answer.get_json()["status"] == "not ready"
    assert answer.get_json()["checks"]["authority-key"] == "failed"
    assert str(settings.instance_path) not in answer.text
    assert "key.missing" not in answer.text
    assert visitor.get("/healthz").status_code == 200


@pytest.mark.fault(
    "keys and files",
    "A private file is damaged while the service runs",
    "`/readyz` answers 503 and does not say which check",
)
def test_a_check_for_the_operator_counts_and_is_not_named(lab: Lab, lab_app: Flask) -> None:
    lab.folder.faults = (SESSION_KEY_DAMAGED.at(path="/srv/host7/session.key", limit=32),)
    answer = visit(lab_app).get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json() == {"status": "not ready", "checks": dict.fromkeys(PUBLIC, "ok")}


def test_everyone_reads_what_is_declared_for_everyone(lab: Lab, lab_app: Flask) -> None:
    declared = {each.check.id for each in lab.readiness.results() if each.check.audience is Visibility.PUBLIC}
    assert declared == set(visit(lab_app).get("/readyz").get_json()["checks"]) == PUBLIC


@pytest.mark.fault("database", "The database is lost while the service runs", "`/readyz` answers 503, `/healthz` 200")
def test_a_lost_database_is_not_ready_and_the_process_answers(visitor: Visitor, settings: Settings) -> None:
    database = settings.instance_path / "ca.sqlite3"
    database.unlink()
    answer = visitor.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["database-write"] == "failed"
    assert visitor.get("/healthz").status_code == 200
    assert not database.exists()


def test_readiness_leaves_nothing_in_the_database(visitor: Visitor, installation: Installation) -> None:
    before = [state.run for state in installation.jobs.states()]
    assert visitor.get("/readyz").status_code == 200
    assert [state.run for state in installation.jobs.states()] == before
