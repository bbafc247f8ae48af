"""Two who do the same at the same moment: exactly one of them does it, and the other gets the result or an error.

Both read before either writes (see racing). What then decides is the lock of `Database.write`, or a statement that
compares and sets: one-time links and codes, decisions on a request, revocations, counted attempts, the last
administrator. Those races also pass without the lock, and fail without the condition in their statement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ca_service import clock
from ca_service import settings as settings_module
from ca_service.app import database_of
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestQuery, RequestRecord, State
from ca_service.authority.people.throttle import FREE_ATTEMPTS
from ca_service.pki.reasons import Reason
from ca_service.settings import Settings
from ca_service.storage.database import Database
from ca_service.storage.requests import SQLRequestStore
from tests.authority import racing
from tests.benchmarks.bench_record import fill
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.people import can_sign_in, code_of
from tests.support.requests import UCCX_PUBLISHER

DATABASES = ("sqlite", "postgresql")


def held(
    *,
    by_the_lock_on: Collection[str] = (),
    mostly_by_the_lock_on: Collection[str] = (),
    by_a_statement_on: Collection[str] = (),
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the race in each way on each database; without locks, it is lost or won as the names of the databases say."""
    cases = [(database, way) for database in DATABASES for way in racing.ways()]
    cases += [(database, racing.lost_without_locks(always=True)) for database in by_the_lock_on]
    cases += [(database, racing.lost_without_locks(always=False)) for database in mostly_by_the_lock_on]
    cases += [(database, racing.won_without_locks()) for database in by_a_statement_on]
    found = [pytest.param(database, *way.values, id=f"{database}-{way.id}", marks=way.marks) for database, way in cases]
    mark = pytest.mark.parametrize(("settings", "race"), found, indirect=["settings"])
    return lambda test: mark(test)


@pytest.fixture(params=DATABASES)
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The defaults, on either database; without tables for a test of `empty_installation`."""
    is_migrated = {"installation", "migrated_installation"} & {*request.fixturenames}
    name = "postgresql_url" if is_migrated else "empty_postgresql_url"
    url = request.getfixturevalue(name) if request.param == "postgresql" else ""
    monkeypatch.setenv(racing.DATABASE_URL, url)  # also for the processes that race
    return settings_module.load({racing.DATABASE_URL: url}, tmp_path / "instance").settings


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """The database itself, to prepare what no use case does."""
    database = database_of(settings)
    yield database
    database.close()


@pytest.mark.fault("same moment", "Two submit the same CSR", "both get the same certificate")
@held(mostly_by_the_lock_on=DATABASES)
def test_two_who_issue_the_same_request_get_the_same_certificate(
    installation: Installation, settings: Settings, operator: Actor, race: racing.Race
) -> None:
    first, second = race(settings.instance_path, racing.issue, [UCCX_PUBLISHER.data] * 2)
    stored = installation.inventory.list_certificates(operator, CertificateQuery()).certificates
    assert first == second
    assert [record.serial_number for record in stored] == [first]


@pytest.mark.fault("same moment", "Two use one Idempotency-Key", "issues once, and answers both with it")
@held(mostly_by_the_lock_on=["sqlite"], by_a_statement_on=["postgresql"])
def test_two_who_use_one_idempotency_key_get_one_answer(
    installation: Installation, settings: Settings, operator: Actor, race: racing.Race
) -> None:
    """On PostgreSQL, the unique index of the keys decides too."""
    results = race(settings.instance_path, racing.issue_new_under_a_key, [UCCX_PUBLISHER.data] * 2)
    (stored,) = installation.inventory.list_certificates(operator, CertificateQuery()).certificates
    assert results == [stored.serial_number] * 2


@pytest.mark.fault("same moment", "Two open the set-up link", "creates one administrator")
@held(by_a_statement_on=DATABASES)
def test_two_who_use_one_setup_link_make_one_administrator(
    installation: Installation, settings: Settings, operator: Actor, race: racing.Race
) -> None:
    """The DELETE of the link decides: if it deletes no row, the caller is refused."""
    secret = installation.accounts.make_setup_link()
    results = race(settings.instance_path, racing.use_setup_link, [(secret, "alice"), (secret, "bob")])
    (account,) = installation.accounts.list_accounts(operator)
    assert sorted(results) == sorted([account.name, "setup-link.invalid"])


@pytest.mark.fault("same moment", "Two processes set up", "create one authority")
@held(by_the_lock_on=DATABASES)
def test_two_who_initialise_make_one_authority(
    migrated_installation: Installation, settings: Settings, race: racing.Race
) -> None:
    results = race(settings.instance_path, racing.initialise, [None, None])
    assert sorted(results) == ["", "root-g1 intermediate-g1"]
    assert [record.id for record in migrated_installation.hierarchy.list_issuers()] == ["root-g1", "intermediate-g1"]


@pytest.mark.fault("same moment", "Two create the next intermediate", "one does; the other is refused")
@held(by_the_lock_on=DATABASES)
def test_two_who_roll_over_make_one_intermediate(
    installation: Installation, settings: Settings, race: racing.Race
) -> None:
    results = race(settings.instance_path, racing.roll_over, [None, None])
    issuers = [record.id for record in installation.hierarchy.list_issuers()]
    assert (sorted(results), issuers) == (
        ["authority.rolled-over", "intermediate-g2"],
        ["root-g1", "intermediate-g1", "intermediate-g2"],
    )


@pytest.mark.fault("same moment", "Two processes seal", "one chain, each event once")
@held(by_the_lock_on=DATABASES)
def test_two_who_seal_make_one_chain_in_which_every_event_is_once(
    installation: Installation, settings: Settings, operator: Actor, race: racing.Race
) -> None:
    with opened_database(settings) as database:
        fill(database, 600)
    results = race(settings.instance_path, racing.seal, [None, None])
    assert sum(map(int, results)) == 602
    assert installation.audit_log.verify(operator).events == 602


@held(by_the_lock_on=DATABASES)
def test_two_who_take_the_same_bundle_home_get_the_same_bytes(
    installation: Installation, settings: Settings, operator: Actor, race: racing.Race
) -> None:
    [record] = installation.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).certificates
    first, second = race(settings.instance_path, racing.bundle, [record.serial_number] * 2)
    assert len(first) == 64
    assert first == second


@pytest.mark.fault("same moment", "Two processes upgrade the database", "upgrade it once")
@held(by_the_lock_on=["sqlite"])  # on PostgreSQL two upgrades without the lock wait for one another, for a minute
def test_two_who_upgrade_the_schema_both_find_it_upgraded(
    empty_installation: Installation, settings: Settings, race: racing.Race
) -> None:
    results = race(settings.instance_path, racing.upgrade, [None, None])
    assert results == [empty_installation.schema.head()] * 2
    assert empty_installation.schema.differences() == []


@pytest.mark.fault("same moment", "Two revoke the same certificate", "one revokes it; the other reads who did")
@held(by_a_statement_on=DATABASES)
def test_of_two_who_revoke_the_same_one_wins_and_the_other_is_told(
    installation: Installation, settings: Settings, operator: Actor, race: racing.Race
) -> None:
    """The first statement counts a version and locks its row; what was read before is compared after it."""
    leaf = installation.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).certificates[0]
    reasons = (Reason.KEY_COMPROMISE, Reason.SUPERSEDED)
    results = race(settings.instance_path, racing.revoke, [(leaf.serial_number, reason) for reason in reasons])
    found = installation.revocation.find(operator, leaf.serial_number)
    assert found is not None
    winner, loser = (results[reasons.index(found.reason)], results[1 - reasons.index(found.reason)])
    assert winner == "revoke"
    assert loser in ("revocation.changed", "final")
    assert found.version == 1


@held(mostly_by_the_lock_on=DATABASES)
def test_two_who_fetch_a_list_that_is_due_get_the_same_list(
    installation: Installation, settings: Settings, race: racing.Race
) -> None:
    """Without locks, the second one often serves the list of the first as well.

    On PostgreSQL, two lists have the same unique number unless a second ends between them. SQLite may refuse the second
    writer.
    """
    first, second = race(settings.instance_path, racing.fetch_list, [None, None])
    assert first == second == installation.crl_publisher.current("intermediate-g1").digest


@pytest.mark.fault("same moment", "Two processes publish a CRL", "use no number twice")
@held(by_the_lock_on=DATABASES)
def test_no_number_of_a_list_is_used_twice(settings: Settings, installation: Installation, race: racing.Race) -> None:
    results = race(settings.instance_path, racing.publish_lists, [None, None])
    numbers = [int(number) for result in results for number in result.split()]
    assert len(set(numbers)) == 10
    assert all(result.split() == sorted(result.split()) for result in results)
    assert installation.crl_publisher.current("intermediate-g1").record.number == max(numbers)


@pytest.mark.fault("same moment", "Many passwords are tried", "the limit holds")
@held(by_the_lock_on=["postgresql"])
def test_attempts_at_the_same_moment_do_not_outrun_the_limit(
    installation: Installation, settings: Settings, operator: Actor, race: racing.Race
) -> None:
    """SQLite cannot lose it: the transaction writes before it reads, and there is one writer at a time.

    On PostgreSQL, each of two locks is enough: the turn of the writers, and the locks of the rows.

    One fewer may be looked at: an attempt that meets the wait of the name has counted for its address already.
    """
    installation.accounts.create(operator, "alice", Role.REQUESTER, PASSWORD)
    assert racing.rule_of_guess(installation) == "sign-in.wrong"  # from now on there is a count to read
    looked_at = race(settings.instance_path, racing.guess, [None, None])
    assert FREE_ATTEMPTS - 1 <= 1 + sum(map(int, looked_at)) <= FREE_ATTEMPTS


@pytest.mark.fault("same moment", "Two show the same code of an app", "one signs in")
@held(by_a_statement_on=DATABASES)
def test_two_who_show_the_same_code_are_one(
    installation: Installation, settings: Settings, operator: Actor, race: racing.Race
) -> None:
    """The UPDATE compares and sets the time step; the DELETE of a recovery code finds it once."""
    alice = installation.accounts.create(operator, "alice", Role.REQUESTER, PASSWORD)
    factors = installation.second_factors
    secret = factors.offer_app(alice.actor).secret
    codes = factors.confirm_app(alice.actor, code_of(secret, clock.utc_now()))
    later = code_of(secret, clock.utc_now() + timedelta(seconds=30))
    assert sorted(race(settings.instance_path, racing.use_code, [later] * 2)) == ["", "authenticator app"]
    assert sorted(race(settings.instance_path, racing.use_code, [codes[0]] * 2)) == ["", "recovery code"]


@pytest.mark.fault("same moment", "Two administrators lock one another out", "one stays")
@held(by_the_lock_on=["postgresql"])
def test_of_two_administrators_who_lock_one_another_out_one_stays(
    installation: Installation, settings: Settings, operator: Actor, race: racing.Race
) -> None:
    """SQLite cannot lose it: the transaction writes before it reads, and there is one writer at a time.

    On PostgreSQL, each of two locks is enough: the turn of the writers, and the locks of the rows.

    One fewer may be looked at: an attempt that meets the wait of the name has counted for its address already.
    """
    for name in ("anna", "vera"):
        installation.accounts.create(operator, name, Role.ADMINISTRATOR, PASSWORD)
    results = race(settings.instance_path, racing.lock_out, [("anna", "vera"), ("vera", "anna")])
    left = [found.name for found in installation.accounts.list_accounts(operator) if not found.disabled_at]
    assert len(left) == 1
    assert "account.last-administrator" in results


@held(by_a_statement_on=DATABASES)
def test_two_who_use_one_link_choose_one_password(
    installation: Installation, settings: Settings, operator: Actor, race: racing.Race
) -> None:
    """The DELETE of the link decides: if it deletes no row, the caller is refused."""
    secret = installation.links.invite(operator, "carol", Role.AUDITOR).secret
    passwords = ["the first long password", "the second long password"]
    results = race(settings.instance_path, racing.choose_password, [(secret, each) for each in passwords])
    assert sorted(results) == ["account-link.invalid", "carol"]
    assert can_sign_in(installation.signing_in, "carol", passwords[results.index("carol")])


@pytest.mark.fault("same moment", "Two processes need an OCSP signer", "certify one")
@held(by_the_lock_on=DATABASES)
def test_two_who_need_a_signer_of_ocsp_answers_make_one(
    installation: Installation, settings: Settings, race: racing.Race
) -> None:
    first, second = race(settings.instance_path, racing.make_responder, [None, None])
    assert first == second
    assert installation.responders.renew_due() == 0


@pytest.fixture
def waiting(settings: Settings, installation: Installation) -> RequestRecord:
    """A request that waits."""
    with racing.open_at(settings.instance_path) as opened:
        racing.submit(opened, UCCX_PUBLISHER.data)
    return installation.requests.get(OPERATOR, 1)


@pytest.mark.fault("same moment", "Two submit a CSR that waits", "one request")
@held(by_a_statement_on=DATABASES)
def test_two_who_submit_the_same_csr_have_one_request(
    installation: Installation, settings: Settings, race: racing.Race
) -> None:
    """The unique index of the open requests decides. The one that loses may have taken the lower id."""
    first, second = race(settings.instance_path, racing.submit, [UCCX_PUBLISHER.data] * 2)
    assert first == second
    assert [str(each.id) for each in installation.requests.list_requests(OPERATOR, RequestQuery()).items] == [first]


@pytest.mark.fault("same moment", "Two approve a request", "one approves; the other reads who did")
@held(by_a_statement_on=DATABASES)
def test_of_two_who_approve_one_wins_and_the_other_is_told(
    installation: Installation, settings: Settings, waiting: RequestRecord, race: racing.Race
) -> None:
    """The UPDATE compares the state and sets it."""
    results = race(settings.instance_path, racing.approve, [11, 12])
    (record,) = installation.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates
    assert sorted(results) == sorted([record.serial_number, "request.decided"])
    found = installation.requests.get(OPERATOR, waiting.id)
    assert found.decided_by_id == (11, 12)[results.index(record.serial_number)]


@pytest.mark.fault("same moment", "Two processes finish an approved request", "issue once")
@held(by_a_statement_on=DATABASES)
def test_two_who_finish_what_is_approved_issue_once(
    installation: Installation, settings: Settings, waiting: RequestRecord, race: racing.Race
) -> None:
    """The UPDATE compares the state and sets it."""
    approved = waiting.decided(State.APPROVED, OPERATOR, waiting.submitted_at, "")
    said = {"host": waiting.host, "requested_by": waiting.submitted_by}
    approval = AuditEvent.by(OPERATOR, waiting.submitted_at, Event.REQUEST_APPROVED, str(waiting.id), **said)
    with opened_database(settings) as database:
        assert SQLRequestStore(database).move(approved, State.SUBMITTED, approval)
    race(settings.instance_path, racing.finish, [None, None])
    (record,) = installation.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates
    assert installation.requests.get(OPERATOR, waiting.id).serial_number == record.serial_number
    issued = installation.audit_log.list_events(OPERATOR, EventQuery(events=(Event.REQUEST_ISSUED.value,)))
    assert len(issued.items) == 1
