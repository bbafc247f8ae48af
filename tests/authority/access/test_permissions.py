"""Who may do what: the table, and that every use case asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ca_service.authority.access.permissions import PERMISSIONS, Action, Actor, Role, require
from ca_service.authority.audit.entries import EVERYTHING
from ca_service.authority.audit.wording import About
from ca_service.authority.fleet.records import ClusterQuery
from ca_service.authority.fleet.renewal import RenewalWish
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestQuery
from ca_service.authority.notices.records import MessageQuery
from ca_service.authority.people.records import PeopleQuery
from ca_service.authority.revocation.records import Selection
from ca_service.errors import CAServiceError, NotAllowed
from ca_service.pki.reasons import Reason
from ca_service.vos.fit import Files
from tests.support.factories import PASSWORD, PLAN, Lab, actor
from tests.support.fakes import NOON
from tests.support.fleet import PUBLISHER
from tests.support.people import PARTY

EVERYBODY = set(Role)
#: Who may do what, written down once more.
TABLE: dict[Action, set[Role]] = {
    Action.CHECK: EVERYBODY,
    Action.ISSUE: EVERYBODY - {Role.AUDITOR},
    Action.DECIDE: {Role.APPROVER, Role.ADMINISTRATOR},
    Action.FLEET: EVERYBODY - {Role.AUDITOR},
    Action.READ: EVERYBODY,
    Action.METRICS: EVERYBODY,
    Action.OWN_ACCOUNT: EVERYBODY,
    Action.OWN_TOKEN: EVERYBODY,
    Action.ACCOUNTS: {Role.ADMINISTRATOR},
    Action.AUTHORITY: {Role.ADMINISTRATOR},
    Action.REVOKE: {Role.APPROVER, Role.ADMINISTRATOR},
    Action.AUDIT: {Role.AUDITOR, Role.ADMINISTRATOR},
}
CELLS = [(role, action, role in roles) for action, roles in TABLE.items() for role in Role]
UseCase = Callable[[Lab, Actor], Any]
USE_CASES: list[tuple[str, Action, UseCase]] = [
    ("check", Action.CHECK, lambda lab, who: lab.issuance.check(who, [b"x"], Options())),
    ("issue", Action.ISSUE, lambda lab, who: lab.issuance.issue(who, [b"x"], Options())),
    ("get certificate", Action.READ, lambda lab, who: lab.issuance.get_certificate(who, "1")),
    ("list certificates", Action.READ, lambda lab, who: lab.inventory.list_certificates(who, CertificateQuery())),
    ("export certificates", Action.READ, lambda lab, who: lab.inventory.export(who, "", "newest")),
    ("see what expires", Action.READ, lambda lab, who: lab.inventory.board(who)),
    ("list applications", Action.READ, lambda lab, who: lab.requests.list_requests(who, RequestQuery())),
    ("count waiting", Action.READ, lambda lab, who: lab.requests.count_waiting(who)),
    ("has failed", Action.READ, lambda lab, who: lab.requests.has_failed(who)),
    ("get application", Action.READ, lambda lab, who: lab.requests.get(who, 1)),
    ("wait for application", Action.READ, lambda lab, who: lab.requests.wait(who, 1, 1)),
    ("approve", Action.DECIDE, lambda lab, who: lab.requests.approve(who, 1)),
    ("refuse", Action.DECIDE, lambda lab, who: lab.requests.refuse(who, 1, "no")),
    ("withdraw", Action.ISSUE, lambda lab, who: lab.requests.withdraw(who, 1)),
    ("check fit", Action.CHECK, lambda lab, who: lab.fit_checks.check(who, Files(None, b"x"))),
    ("list clusters", Action.READ, lambda lab, who: lab.fleet.list_clusters(who, ClusterQuery())),
    ("get cluster", Action.READ, lambda lab, who: lab.fleet.get_cluster(who, 1)),
    ("slots", Action.READ, lambda lab, who: lab.fleet.slots(who, 1)),
    ("list marks", Action.READ, lambda lab, who: lab.fleet.list_marks(who, 1)),
    ("board", Action.READ, lambda lab, who: lab.handover.board(who, 1)),
    ("bundle", Action.READ, lambda lab, who: lab.handover.bundle(who, 1)),
    ("propose", Action.READ, lambda lab, who: lab.fleet.propose(who, 1, [b"x"], Options())),
    ("create cluster", Action.FLEET, lambda lab, who: lab.fleet.create(who, "Lab", [])),
    ("rename cluster", Action.FLEET, lambda lab, who: lab.fleet.rename(who, 1, "Lab")),
    ("remove cluster", Action.FLEET, lambda lab, who: lab.fleet.remove(who, 1)),
    ("add node", Action.FLEET, lambda lab, who: lab.fleet.add_node(who, 1, PUBLISHER)),
    ("change node", Action.FLEET, lambda lab, who: lab.fleet.change_node(who, 1, 1, PUBLISHER)),
    ("remove node", Action.FLEET, lambda lab, who: lab.fleet.remove_node(who, 1, 1)),
    ("place", Action.FLEET, lambda lab, who: lab.fleet.place(who, 1, [], Options())),
    ("mark", Action.FLEET, lambda lab, who: lab.fleet.mark(who, 1, "x", True, ())),
    ("sign for a cluster", Action.ISSUE, lambda lab, who: lab.fleet.sign(who, 1, [], Options())),
    ("plan a renewal", Action.READ, lambda lab, who: lab.renewal.plan(who, "1")),
    ("renew", Action.ISSUE, lambda lab, who: lab.renewal.renew(who, "1", RenewalWish())),
    ("find calendar", Action.OWN_ACCOUNT, lambda lab, who: lab.calendars.find(who)),
    ("make calendar", Action.OWN_ACCOUNT, lambda lab, who: lab.calendars.make(who)),
    ("revoke calendar", Action.OWN_ACCOUNT, lambda lab, who: lab.calendars.revoke(who)),
    ("list coming notices", Action.AUTHORITY, lambda lab, who: lab.notices.list_coming(who)),
    ("list messages", Action.AUTHORITY, lambda lab, who: lab.deliveries.list_messages(who, MessageQuery())),
    ("retry messages", Action.AUTHORITY, lambda lab, who: lab.deliveries.retry(who, [1])),
    ("test notices", Action.AUTHORITY, lambda lab, who: lab.deliveries.test(who)),
    ("list jobs", Action.AUTHORITY, lambda lab, who: lab.jobs.list_jobs(who)),
    ("run job", Action.AUTHORITY, lambda lab, who: lab.jobs.run(who, "outbox")),
    ("create account", Action.ACCOUNTS, lambda lab, who: lab.accounts.create(who, "x", Role.AUDITOR, PASSWORD)),
    ("list accounts", Action.ACCOUNTS, lambda lab, who: lab.accounts.list_accounts(who)),
    ("disable account", Action.ACCOUNTS, lambda lab, who: lab.accounts.set_disabled(who, "else", disabled=True)),
    ("set password", Action.ACCOUNTS, lambda lab, who: lab.accounts.set_password(who, "else", PASSWORD)),
    ("set role", Action.ACCOUNTS, lambda lab, who: lab.accounts.set_role(who, "else", Role.AUDITOR)),
    ("list people", Action.ACCOUNTS, lambda lab, who: lab.accounts.list_people(who, PeopleQuery())),
    ("invite", Action.ACCOUNTS, lambda lab, who: lab.links.invite(who, "x", Role.AUDITOR)),
    ("replace password", Action.ACCOUNTS, lambda lab, who: lab.links.replace_password(who, "else")),
    ("reset", Action.ACCOUNTS, lambda lab, who: lab.rescue.reset(who, "else")),
    ("reset second factors", Action.ACCOUNTS, lambda lab, who: lab.rescue.reset_factors(who, "else")),
    ("forget second factors", Action.ACCOUNTS, lambda lab, who: lab.second_factors.reset(who, "else")),
    ("unlock", Action.ACCOUNTS, lambda lab, who: lab.rescue.unlock(who, "else")),
    ("see the wait", Action.ACCOUNTS, lambda lab, who: lab.rescue.waits_until(who, "else")),
    ("list sessions", Action.ACCOUNTS, lambda lab, who: lab.sessions.list_of(who, "else")),
    ("end session", Action.ACCOUNTS, lambda lab, who: lab.sessions.end(who, "else", 1)),
    ("end all sessions", Action.ACCOUNTS, lambda lab, who: lab.sessions.end_all(who, "else")),
    ("offer app", Action.OWN_ACCOUNT, lambda lab, who: lab.second_factors.offer_app(who)),
    ("pending app", Action.OWN_ACCOUNT, lambda lab, who: lab.second_factors.pending_app(who)),
    ("confirm app", Action.OWN_ACCOUNT, lambda lab, who: lab.second_factors.confirm_app(who, "x")),
    ("remove app", Action.OWN_ACCOUNT, lambda lab, who: lab.second_factors.remove_app(who)),
    ("new codes", Action.OWN_ACCOUNT, lambda lab, who: lab.second_factors.new_codes(who)),
    ("ask for passkey", Action.OWN_ACCOUNT, lambda lab, who: lab.passkeys.options_to_enrol(who, PARTY)),
    ("enrol passkey", Action.OWN_ACCOUNT, lambda lab, who: lab.passkeys.enrol(who, PARTY, "x", "x")),
    ("remove passkey", Action.OWN_ACCOUNT, lambda lab, who: lab.passkeys.remove(who, 1)),
    ("create token", Action.ACCOUNTS, lambda lab, who: lab.tokens.create(who, "else", "x", 1)),
    ("list tokens", Action.ACCOUNTS, lambda lab, who: lab.tokens.list_of(who, "else")),
    ("revoke token", Action.ACCOUNTS, lambda lab, who: lab.tokens.revoke(who, "else", 1)),
    ("revoke all tokens", Action.ACCOUNTS, lambda lab, who: lab.tokens.revoke_all(who, "else")),
    ("own token", Action.OWN_TOKEN, lambda lab, who: lab.tokens.get_own(who)),
    ("initialise", Action.AUTHORITY, lambda lab, who: lab.hierarchy.initialise(who, PLAN)),
    ("import", Action.AUTHORITY, lambda lab, who: lab.external.import_authority(who, [], _no_key())),
    ("request", Action.AUTHORITY, lambda lab, who: lab.external.request_intermediate(who, "", "P-256")),
    ("install", Action.AUTHORITY, lambda lab, who: lab.external.install_intermediate(who, [])),
    ("export root key", Action.AUTHORITY, lambda lab, who: lab.root_key.export(who, b"")),
    ("preview", Action.REVOKE, lambda lab, who: lab.revocation.preview(who, Selection(), Reason.SUPERSEDED)),
    ("revoke", Action.REVOKE, lambda lab, who: lab.revocation.revoke(who, Selection(), Reason.SUPERSEDED)),
    ("preview release", Action.REVOKE, lambda lab, who: lab.revocation.preview_release(who, Selection())),
    ("release", Action.REVOKE, lambda lab, who: lab.revocation.release(who, Selection())),
    ("publish list", Action.AUTHORITY, lambda lab, who: lab.crl_publisher.publish(who, "x")),
    ("sign list", Action.AUTHORITY, lambda lab, who: lab.crl_publisher.publish_with(who, _no_key())),
    ("list lists", Action.READ, lambda lab, who: lab.crl_publisher.list_newest(who)),
    ("import list", Action.AUTHORITY, lambda lab, who: lab.crl_importer.import_crl(who, b"")),
    (
        "preview authority",
        Action.AUTHORITY,
        lambda lab, who: lab.authority_revocation.preview(who, "x", Reason.SUPERSEDED),
    ),
    (
        "revoke authority",
        Action.AUTHORITY,
        lambda lab, who: lab.authority_revocation.revoke(who, "x", Reason.SUPERSEDED),
    ),
    ("find revocation", Action.READ, lambda lab, who: lab.revocation.find(who, "1")),
    ("list events", Action.AUDIT, lambda lab, who: lab.audit_log.list_events(who, EVERYTHING)),
    ("head of the record", Action.AUDIT, lambda lab, who: lab.audit_log.head(who)),
    ("seal", Action.AUDIT, lambda lab, who: lab.audit_log.seal(who)),
    ("what is not sealed", Action.AUDIT, lambda lab, who: lab.audit_log.has_unsealed(who)),
    ("export the record", Action.AUDIT, lambda lab, who: lab.audit_log.export(who, EVERYTHING)),
    ("verify the record", Action.AUDIT, lambda lab, who: lab.audit_log.verify(who)),
    ("history", Action.READ, lambda lab, who: lab.audit_log.history(who, About.CLUSTER, "x", NOON)),
    ("remove root key", Action.AUTHORITY, lambda lab, who: lab.root_key.remove(who, b"", b"")),
]


def _no_key() -> Any:
    return Lab().keystore.generate("some", "P-256")


def test_the_table_names_every_action() -> None:
    assert set(TABLE) == set(Action) == set(PERMISSIONS)


@pytest.mark.parametrize(("role", "action", "allowed"), CELLS)
def test_a_role_may_do_what_the_table_says(role: Role, action: Action, allowed: bool) -> None:
    assert (role in PERMISSIONS[action]) is allowed
    if allowed:
        require(actor(role), action)
    else:
        with pytest.raises(NotAllowed, match=role.value) as caught:
            require(actor(role), action)
        assert caught.value.rule == "permission.missing"


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("name", "action", "use_case"), USE_CASES, ids=[name for name, *_ in USE_CASES])
def test_every_use_case_asks_the_table(lab: Lab, role: Role, name: str, action: Action, use_case: UseCase) -> None:
    try:
        use_case(lab, actor(role))
        rule = ""
    except CAServiceError as error:
        rule = error.rule
    assert (rule == "permission.missing") is (role not in PERMISSIONS[action]), name
