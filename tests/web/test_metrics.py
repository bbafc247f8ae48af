"""The metrics: what Prometheus reads, who may, and that what they say is so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from ca_service import web
from ca_service.authority.access.permissions import Role
from ca_service.authority.checks import Occasion
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.notices.records import Failure
from ca_service.authority.people.tokens import TokenLimits
from tests.support.factories import OPERATOR, Lab
from tests.support.notices import RecordingChannel, message
from tests.support.requests import UCCX_PUBLISHER, UCCX_SUBSCRIBER
from tests.web.html import read
from tests.web.visitor import Visitor, visit


def token_of(installation: Installation, role: Role = Role.AUDITOR, scope: str = "metrics") -> dict[str, str]:
    """The header with a token of the account that is called after its role."""
    made = installation.tokens.create(OPERATOR, role.value, "prometheus", 30, TokenLimits((scope,)))
    return {"Authorization": f"Bearer {made.secret}"}


@pytest.mark.parametrize("role", Role)
def test_a_token_of_any_account_with_the_scope_opens_the_metrics(
    app: Flask, installation: Installation, role: Role
) -> None:
    answer = visit(app).get("/metrics", headers=token_of(installation, role))

    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_token_for_something_else_does_not(app: Flask, installation: Installation) -> None:
    answer = visit(app).get("/metrics", headers=token_of(installation, scope="read"))

    assert (answer.status_code, read(answer.text).blocking) == (403, ["token.scope"])


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer ca_x"}, {"Authorization": "Basic eDp4"}])
def test_nobody_else_gets_in(app: Flask, requester: Visitor, headers: dict[str, str]) -> None:
    for visitor in (visit(app), requester):  # a session does not count
        answer = visitor.get("/metrics", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert read(answer.text).blocking[0].startswith("token.")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("192.0.2.7", 200),
        ("::ffff:192.0.2.7", 200),
        ("2001:db8::1", 200),
        ("192.0.3.7", 401),
        ("", 401),
        ("unix:", 401),
    ],
)
def test_the_networks_of_the_settings_need_no_token(installation: Installation, address: str, status: int) -> None:
    near = web.WebOptions(secret_key="x" * 32, metrics_networks=("192.0.2.0/24", "2001:db8::/64"))
    client = web.create(installation, near).test_client()

    assert client.get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code == status


@pytest.fixture
def lab(lab: Lab) -> Lab:
    """An authority with two certificates."""
    lab.initialised()
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options(validity_days=25))
    lab.issuance.issue(OPERATOR, [UCCX_SUBSCRIBER.data], Options(validity_days=80))
    return lab


def metrics(lab: Lab) -> dict[tuple[str, str], float]:
    """Return the metrics by name and label."""
    near = web.WebOptions(secret_key="x" * 32, metrics_networks=("127.0.0.0/8",))
    answer = web.create(lab, near).test_client().get("/metrics")
    families = text_string_to_metric_families(answer.text)
    return {
        (each.name.removeprefix("ca_service_"), next(iter(each.labels.values()), "")): each.value
        for family in families
        for each in family.samples
    }


def test_they_tell_what_ends_and_how_soon(lab: Lab) -> None:
    assert not [name for name in metrics(lab) if name[0] == "ending"]  # not yet counted
    lab.jobs.run(OPERATOR, "expiry-counts")
    told = metrics(lab)

    assert told["days_left", "leaf"] == pytest.approx(25, abs=0.1)
    assert told["ends_timestamp_seconds", "leaf"] - lab.clock().timestamp() == pytest.approx(25 * 86400, abs=600)
    assert told["days_left", "intermediate"] == pytest.approx(3650, abs=1)
    assert told["days_left", "root"] == pytest.approx(7300, abs=1)
    assert [told["ending", str(days)] for days in (14, 30, 60, 90)] == [0, 1, 1, 2]


def test_they_tell_what_could_not_be_sent(lab: Lab) -> None:
    [channel] = lab.edges.channels
    assert isinstance(channel, RecordingChannel)
    assert metrics(lab)["outbox_messages", "dead"] == 0
    channel.failure = Failure("no", is_final=True)
    lab.deliveries.test(OPERATOR)
    lab.notice_store.messages[2] = message(id=2)

    told = metrics(lab)

    assert (told["outbox_messages", "dead"], told["outbox_messages", "waiting"]) == (1, 1)


def test_they_tell_when_each_job_was_done_and_whether_it_failed(lab: Lab) -> None:
    assert metrics(lab)["job_success_timestamp_seconds", "outbox"] == 0
    lab.jobs.run_due()
    lab.clock.advance(hours=1)

    told = metrics(lab)

    done_at = (lab.clock() - timedelta(hours=1)).timestamp()
    assert told["job_success_timestamp_seconds", "outbox"] == done_at
    assert told["job_failed", "outbox"] == told["job_seconds", "outbox"] == 0


def test_they_have_a_gauge_for_each_cheap_check_also_those_for_the_operator(lab: Lab) -> None:
    lab.folder.space = 0
    told = metrics(lab)
    cheap = [check.id for check in lab.doctor.checks if check.occasion <= Occasion.READINESS]
    assert {check: told["check_ok", check] for check in cheap} == dict.fromkeys(cheap, 1) | {"disk-space": 0}
    assert "private-files" in cheap
    assert ("check_ok", "published-list") not in told


def test_without_an_authority_there_is_still_an_answer() -> None:
    assert ("days_left", "root") not in metrics(Lab())
