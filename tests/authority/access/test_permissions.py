"""Who may do what: the table, and that every use case asks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import getmembers, isclass, isfunction
from operator import attrgetter
from typing import Any, cast, get_args, get_type_hints

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.grants import Grant
from ca_service.authority.access.permissions import PERMISSIONS, SCOPES, Action, Actor, Role, require
from ca_service.authority.audit.entries import EVERYTHING, EventQuery
from ca_service.authority.audit.wording import About
from ca_service.authority.fleet.node_contact import Contact, Credentials, Place, Warrant
from ca_service.authority.fleet.node_plan import Order, Plan, Stage
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.fleet.records import ClusterQuery
from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestQuery
from ca_service.authority.notices.records import MessageQuery
from ca_service.authority.people.records import OpenSession, PeopleQuery, Visit
from ca_service.authority.revocation.records import Selection
from ca_service.errors import CAServiceError, NotAllowed
from ca_service.pki.keys import generate_key
from ca_service.pki.reasons import Reason
from ca_service.vos.fit import Files
from ca_service.vos.purposes import TOMCAT_ECDSA
from tests.support.factories import OPERATOR, PASSWORD, PLAN, Lab, account_record, actor
from tests.support.fakes import NOON
from tests.support.fleet import PUBLISHER
from tests.support.people import PARTY, InMemorySessionStore, session_record
from tests.support.request_records import request_record
from tests.support.requests import UCCX_PUBLISHER
from tests.support.tls_servers import certified

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
    Action.STATUS: {Role.ADMINISTRATOR},
}
CELLS = [(role, action, role in roles) for action, roles in TABLE.items() for role in Role]
#: Stands for the name of the account that acts.
OWN = object()


@dataclass(frozen=True, slots=True)
class Row:
    """A use case, the action that it requires, and arguments with which it can be called."""

    action: Action
    use_case: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def __init__(self, action: Action, use_case: str, *arguments: Any, **options: Any) -> None:
        for name, value in zip(self.__slots__, (action, use_case, arguments, options), strict=True):
            object.__setattr__(self, name, value)

    def rule(self, lab: Lab, who: Actor) -> str:
        """The rule by which the use case is refused to this actor; empty if it is not refused."""
        arguments = (who.name if each is OWN else each for each in self.arguments)
        try:
            attrgetter(self.use_case)(lab)(who, *arguments, **self.options)
        except CAServiceError as error:
            return error.rule
        return ""


def _key() -> Any:
    return generate_key("P-256")


def _contact() -> Contact:
    certificate = certified(ec.generate_private_key(ec.SECP256R1()), "cucm1.example.com", start=NOON)
    return Contact(Place("cucm1.example.com", "192.0.2.7", 443), certificate, Warrant.NONE)


def _plan() -> Plan:
    return Plan(
        "cucm1.example.com",
        TOMCAT_ECDSA,
        Stage.INSTALLED,
        (),
        (),
        None,
        None,
        b"",
        None,
        "cucm1-EC.example.com",
        "P-384",
    )


ROWS = [
    Row(Action.CHECK, "issuance.check_options", Options()),
    Row(Action.CHECK, "issuance.check", [b"x"], Options()),
    Row(Action.CHECK, "issuance.check_stored", request_record()),
    Row(Action.ISSUE, "issuance.issue", [b"x"], Options()),
    Row(Action.ISSUE, "issuance.issue_possible", [b"x"], Options()),
    Row(Action.READ, "issuance.get_certificate", "1"),
    Row(Action.AUDIT, "agreement.require_agreement"),
    Row(Action.AUTHORITY, "clock_check.confirm"),
    Row(Action.READ, "inventory.list_certificates", CertificateQuery()),
    Row(Action.READ, "inventory.export", "", "newest"),
    Row(Action.READ, "inventory.board"),
    Row(Action.READ, "requests.list_requests", RequestQuery()),
    Row(Action.READ, "requests.count_waiting"),
    Row(Action.READ, "requests.has_failed"),
    Row(Action.READ, "requests.list_refused"),
    Row(Action.READ, "requests.get", 1),
    Row(Action.READ, "requests.wait", 1, 1),
    Row(Action.READ, "requests.list_submission", 1),
    Row(Action.DECIDE, "requests.approve", 1),
    Row(Action.DECIDE, "requests.refuse", 1, "no"),
    Row(Action.ISSUE, "requests.withdraw", 1),
    Row(Action.ISSUE, "requests.submit_again", 1),
    Row(Action.CHECK, "fit_checks.check", Files(None, b"x")),
    Row(Action.CHECK, "host_products.find", ()),
    Row(Action.READ, "probes.probe", ["uccx1.example.com"]),
    Row(Action.FLEET, "probes.probe_cluster", 1),
    Row(Action.READ, "probes.list_served", "uccx1.example.com"),
    Row(Action.FLEET, "node_driver.contact", "cucm1.example.com"),
    Row(Action.FLEET, "node_driver.plan", _contact(), Credentials("admin", "x"), Order()),
    Row(Action.FLEET, "probes.probe_node", "cucm1.example.com"),
    Row(Action.FLEET, "node_commands.lines", "cucm1.example.com", Order()),
    Row(Action.FLEET, "node_commands.preparing_steps", _plan(), Order()),
    Row(Action.FLEET, "node_commands.running_steps", "cucm1.example.com", Order()),
    Row(Action.ISSUE, "node_driver.apply", _contact(), Credentials("admin", "x"), Order(), ()),
    Row(Action.FLEET, "host_products.assign", "uccx1.example.com", "uccx", "11.5"),
    Row(Action.READ, "fleet.list_clusters", ClusterQuery()),
    Row(Action.READ, "fleet.get_cluster", 1),
    Row(Action.READ, "fleet.get_named", "Site"),
    Row(Action.READ, "fleet.slots", 1),
    Row(Action.READ, "fleet.list_slots", ()),
    Row(Action.READ, "fleet.list_places", (1,)),
    Row(Action.READ, "fleet.list_marks", 1),
    Row(Action.READ, "handover.board", 1),
    Row(Action.READ, "handover.board_with_notes", 1),
    Row(Action.READ, "handover.bundle", 1),
    Row(Action.READ, "handover.files", 1),
    Row(Action.READ, "fleet.propose", 1, [b"x"], Options()),
    Row(Action.FLEET, "fleet.create", "Lab", []),
    Row(Action.FLEET, "fleet.rename", 1, "Lab"),
    Row(Action.FLEET, "fleet.remove", 1),
    Row(Action.FLEET, "fleet.add_node", 1, PUBLISHER),
    Row(Action.FLEET, "fleet.change_node", 1, 1, PUBLISHER),
    Row(Action.FLEET, "fleet.remove_node", 1, 1),
    Row(Action.FLEET, "fleet.place", 1, [], Options()),
    Row(Action.FLEET, "fleet.mark", 1, "x", True, ()),
    Row(Action.ISSUE, "fleet.sign", 1, [], Options()),
    Row(Action.READ, "renewal.plan", "1"),
    Row(Action.ISSUE, "renewal.renew", "1", RenewalOptions()),
    Row(Action.OWN_ACCOUNT, "calendars.find"),
    Row(Action.OWN_ACCOUNT, "calendars.make"),
    Row(Action.OWN_ACCOUNT, "calendars.revoke"),
    Row(Action.STATUS, "notices.list_coming"),
    Row(Action.STATUS, "deliveries.list_messages", MessageQuery()),
    Row(Action.AUTHORITY, "deliveries.retry", [1]),
    Row(Action.AUTHORITY, "deliveries.test"),
    Row(Action.STATUS, "jobs.list_jobs"),
    Row(Action.AUTHORITY, "jobs.run", "outbox"),
    Row(Action.ACCOUNTS, "accounts.create", "x", Role.AUDITOR, PASSWORD),
    Row(Action.ACCOUNTS, "accounts.list_accounts"),
    Row(Action.ACCOUNTS, "accounts.set_disabled", "else", disabled=True),
    Row(Action.ACCOUNTS, "accounts.set_password", "else", PASSWORD),
    Row(Action.ACCOUNTS, "accounts.set_role", "else", Role.AUDITOR),
    Row(Action.ACCOUNTS, "accounts.set_mail_address", "else", ""),
    Row(Action.ACCOUNTS, "accounts.list_people", PeopleQuery()),
    Row(Action.ACCOUNTS, "links.invite", "x", Role.AUDITOR),
    Row(Action.ACCOUNTS, "links.replace_password", "else"),
    Row(Action.ACCOUNTS, "rescue.reset", "else"),
    Row(Action.ACCOUNTS, "rescue.reset_factors", "else"),
    Row(Action.ACCOUNTS, "second_factors.reset", "else"),
    Row(Action.ACCOUNTS, "rescue.unlock", "else"),
    Row(Action.ACCOUNTS, "rescue.waits_until", "else"),
    Row(Action.ACCOUNTS, "sessions.list_of", "else"),
    Row(Action.ACCOUNTS, "sessions.end", "else", 1),
    Row(Action.ACCOUNTS, "sessions.end_all", "else"),
    Row(Action.OWN_ACCOUNT, "second_factors.offer_app"),
    Row(Action.OWN_ACCOUNT, "second_factors.pending_app"),
    Row(Action.OWN_ACCOUNT, "second_factors.confirm_app", "x"),
    Row(Action.OWN_ACCOUNT, "second_factors.remove_app"),
    Row(Action.OWN_ACCOUNT, "second_factors.new_codes"),
    Row(Action.OWN_ACCOUNT, "passkeys.options_to_enrol", PARTY),
    Row(Action.OWN_ACCOUNT, "passkeys.enrol", PARTY, "x", "x"),
    Row(Action.OWN_ACCOUNT, "passkeys.remove", 1),
    Row(Action.ACCOUNTS, "tokens.create", "else", "x", 1),
    Row(Action.ACCOUNTS, "tokens.list_of", "else"),
    Row(Action.ACCOUNTS, "tokens.revoke", "else", 1),
    Row(Action.ACCOUNTS, "tokens.revoke_all", "else"),
    Row(Action.OWN_TOKEN, "tokens.get_own"),
    Row(Action.AUTHORITY, "creation.initialise", PLAN),
    Row(Action.AUTHORITY, "external.import_authority", [], _key()),
    Row(Action.AUTHORITY, "external.request_intermediate", "", "P-256"),
    Row(Action.AUTHORITY, "external.install_intermediate", []),
    Row(Action.AUTHORITY, "rollover.preview", PLAN),
    Row(Action.AUTHORITY, "rollover.perform", PLAN),
    Row(Action.AUTHORITY, "root_key.export", b""),
    Row(Action.REVOKE, "revocation.preview", Selection(), Reason.SUPERSEDED),
    Row(Action.REVOKE, "revocation.revoke", Selection(), Reason.SUPERSEDED),
    Row(Action.REVOKE, "revocation.preview_release", Selection()),
    Row(Action.REVOKE, "revocation.release", Selection()),
    Row(Action.AUTHORITY, "crl_publisher.publish", "x"),
    Row(Action.AUTHORITY, "crl_publisher.publish_with", _key()),
    Row(Action.READ, "crl_publisher.list_newest"),
    Row(Action.AUTHORITY, "crl_importer.import_crl", b""),
    Row(Action.AUTHORITY, "authority_revocation.preview", "x", Reason.SUPERSEDED),
    Row(Action.AUTHORITY, "authority_revocation.revoke", "x", Reason.SUPERSEDED),
    Row(Action.READ, "revocation.find", "1"),
    Row(Action.AUDIT, "audit_log.list_events", EVERYTHING),
    Row(Action.AUDIT, "audit_log.head"),
    Row(Action.AUDIT, "audit_log.seal"),
    Row(Action.AUDIT, "audit_log.has_unsealed"),
    Row(Action.AUDIT, "audit_log.export", EVERYTHING),
    Row(Action.AUDIT, "audit_log.verify"),
    Row(Action.READ, "audit_log.history", About.CLUSTER, "x", NOON),
    Row(Action.AUTHORITY, "root_key.remove", b"", b""),
    Row(Action.DECIDE, "requests.refuse", 1, ""),
    Row(Action.READ, "requests.find_next", request_record()),
    Row(Action.CHECK, "requests.review", request_record()),
    Row(Action.READ, "fleet.serial_numbers", 1),
    Row(Action.FLEET, "handover.mark", 1, "x", done=True),
    Row(Action.STATUS, "doctor.examine"),
    Row(Action.STATUS, "arrival.examine"),
    Row(Action.ACCOUNTS, "accounts.managed", "else"),
    Row(Action.OWN_ACCOUNT, "accounts.managed", OWN),
    Row(Action.OWN_ACCOUNT, "accounts.set_password", OWN, PASSWORD),
    Row(Action.OWN_ACCOUNT, "accounts.set_mail_address", OWN, ""),
    Row(Action.ACCOUNTS, "accounts.set_disabled", OWN, disabled=True),
    Row(Action.ACCOUNTS, "accounts.set_role", OWN, Role.AUDITOR),
    Row(Action.ACCOUNTS, "links.replace_password", OWN),
    Row(Action.ACCOUNTS, "rescue.reset", OWN),
    Row(Action.ACCOUNTS, "rescue.reset_factors", OWN),
    Row(Action.ACCOUNTS, "rescue.unlock", OWN),
    Row(Action.ACCOUNTS, "second_factors.reset", OWN),
    Row(Action.OWN_ACCOUNT, "sessions.end_others", OpenSession(session_record(1), account_record(id=1))),
    Row(Action.OWN_ACCOUNT, "sessions.end_all", OWN),
    Row(Action.OWN_ACCOUNT, "tokens.create", OWN, "x", 1),
    Row(Action.OWN_ACCOUNT, "tokens.revoke_all", OWN),
]
#: They take an actor and require nothing: their callers have required an action before.
WITHOUT_A_ROW = {"issuance.get_seen", "issuance.was_answered"}


def use_cases() -> set[str]:
    """The public methods of an installation's use cases that take an actor."""
    parts = {name: (get_args(kind) or (kind,))[0] for name, kind in get_type_hints(Installation).items()}
    return {
        f"{name}.{method_name}"
        for name, part in parts.items()
        if isclass(part)
        for method_name, method in getmembers(part, isfunction)
        if not method_name.startswith("_") and Actor in parameters(method)
    }


def parameters(method: Callable[..., Any]) -> set[Any]:
    """The types of what the method takes."""
    return {kind for name, kind in get_type_hints(method).items() if name != "return"}


@pytest.fixture
def lab() -> Lab:
    """The use cases on fakes, with an account for each actor that has signed in, and a cluster."""
    lab = Lab().initialised()
    lab.fleet.create(OPERATOR, "Site", [PUBLISHER])
    for role in Role:
        account = lab.accounts.create(OPERATOR, role.value, role, PASSWORD)
        assert account.id == actor(role).account_id
        lab.sessions.open(account, "password", Visit("192.0.2.1"))
    return lab


def happened(lab: Lab) -> int:
    """How many events there are."""
    sessions = cast(InMemorySessionStore, lab.edges.sessions)
    return len(lab.audit_log.list_events(OPERATOR, EventQuery(limit=500)).items) + len(sessions.events)


def test_every_use_case_has_a_row() -> None:
    assert {row.use_case for row in ROWS} == use_cases() - WITHOUT_A_ROW


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
def test_every_use_case_requires_its_action_of_a_role(lab: Lab, role: Role) -> None:
    wrong = []
    for row in ROWS:
        before, may = happened(lab), role in PERMISSIONS[row.action]
        refused = row.rule(lab, actor(role)) == "permission.missing"
        if refused is may or (refused and happened(lab) != before):
            wrong.append((row.use_case, row.arguments))
    assert wrong == []


def test_every_use_case_requires_its_action_of_a_token(lab: Lab) -> None:
    """A token without scopes, of an administrator, may do nothing but look at itself."""
    who = replace(actor(Role.ADMINISTRATOR), grant=Grant(1, frozenset()))
    in_a_scope = frozenset[Action]().union(*(scope.actions for scope in SCOPES.values()))
    wrong = []
    for row in ROWS:
        expected = "token.scope" if row.action in in_a_scope else "token.no-scope"
        if row.action is not Action.OWN_TOKEN and (found := row.rule(lab, who)) != expected:
            wrong.append((row.use_case, found))
    assert wrong == []


def test_a_token_for_clusters_alone_places_nothing_when_it_may_not_have_it_signed(lab: Lab) -> None:
    """Signing in a cluster is two steps, of which the scope allows the first: it is refused before either."""
    who = replace(actor(Role.ADMINISTRATOR), grant=Grant(1, frozenset({"fleet"})))
    node = lab.fleet.get_cluster(OPERATOR, 1).nodes[0]
    placement = Placement(UCCX_PUBLISHER.data, node.id, "tomcat-ECDSA", is_multi_server=False)
    before = happened(lab)
    with pytest.raises(NotAllowed) as caught:
        lab.fleet.sign(who, 1, [placement], Options())
    assert caught.value.rule == "token.scope"
    assert happened(lab) == before
