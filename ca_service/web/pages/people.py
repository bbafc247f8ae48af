"""Accounts, for administrators: list, details, invitations, access resets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast, get_args

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action, Role
from ca_service.authority.people.links import NewLink
from ca_service.authority.people.passwords import NO_PASSWORD
from ca_service.authority.people.records import PeopleQuery, PeopleSort
from ca_service.errors import Conflict, Finding, InvalidInput, NotFound, Rule
from ca_service.web.context import actor, base_url, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.views import browser_name

CHANGE_UNKNOWN: Final = Rule(
    "change.unknown",
    "This change is unknown.",
    "Use the buttons on the page.",
)
ACCOUNT_ROLE: Final = Rule(
    "account.role",
    "This role is unknown.",
    "Select a role from the list.",
)

SORTS: Final = get_args(PeopleSort)
_PAGE_SIZE: Final = 50


@blueprint.get("/account/people")
@needs(Action.ACCOUNTS)
def people() -> ResponseReturnValue:
    """List the accounts; searched by name or role."""
    return _list()


@blueprint.post("/account/people")
@needs(Action.ACCOUNTS, dangerous=True)
def invite() -> ResponseReturnValue:
    """Create an account and show its invitation link once."""
    name = request.form.get("name", "")[:200]
    try:
        made = installation().links.invite(actor(), name, _role(), _mail_address())
    except (InvalidInput, Conflict) as error:
        return _list(error.findings, name), 422
    return _person(made.account.name, made=made), 201


@blueprint.get("/account/people/<name>")
@needs(Action.ACCOUNTS)
def person(name: str) -> ResponseReturnValue:
    """Show an account."""
    return _person(name)


@blueprint.post("/account/people/<name>/<change>")
@needs(Action.ACCOUNTS, dangerous=True)
def change_person(name: str, change: str) -> ResponseReturnValue:
    """Apply one of CHANGES to an account."""
    if change not in CHANGES:
        raise NotFound.because(CHANGE_UNKNOWN)
    try:
        made = CHANGES[change](name)
    except (InvalidInput, Conflict) as error:
        return _person(name, findings=error.findings), 422 if isinstance(error, InvalidInput) else 409
    if isinstance(made, NewLink):
        return _person(name, made=made), 201
    return redirect(url_for("pages.person", name=name, done=change), 303)


#: The actions of the buttons, by the last part of their URL.
CHANGES: Final[dict[str, Callable[[str], Any]]] = {
    "role": lambda name: installation().accounts.set_role(actor(), name, _role()),
    "mail": lambda name: installation().accounts.set_mail_address(actor(), name, _mail_address()),
    "disable": lambda name: installation().accounts.set_disabled(actor(), name, True),
    "enable": lambda name: installation().accounts.set_disabled(actor(), name, False),
    "unlock": lambda name: installation().rescue.unlock(actor(), name),
    "end-sessions": lambda name: installation().sessions.end_all(actor(), name),
    "remove-factors": lambda name: installation().rescue.reset_factors(actor(), name),
    "reset": lambda name: installation().rescue.reset(actor(), name),
}


def _role() -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError as error:
        raise InvalidInput(ACCOUNT_ROLE.at("/role")) from error


def _mail_address() -> str:
    return request.form.get("mail_address", "")[:1000]


def _list(findings: tuple[Finding, ...] = (), name: str = "") -> str:
    sort = request.args.get("sort", "name")
    query = PeopleQuery(
        text=request.args.get("q", "")[:200],
        sort=cast(PeopleSort, sort) if sort in SORTS else "name",
        cursor=request.args.get("cursor", "")[:1000],
        limit=_PAGE_SIZE,
    )
    page = installation().accounts.list_people(actor(), query)
    return render_template(
        "people.html",
        page=page,
        query=query,
        sorts=SORTS,
        roles=tuple(Role),
        with_factor=installation().second_factors.with_factor(page.items),
        no_password=NO_PASSWORD,
        findings=findings,
        name=name,
        mail_address=_mail_address() if findings else "",
    )


def _person(name: str, *, findings: tuple[Finding, ...] = (), made: NewLink | None = None) -> str:
    account, house = installation().accounts.get(name), installation()
    return render_template(
        "person.html",
        person=account,  # neither `account` nor `link`: base.html has those names
        is_own=account.id == actor().account_id,
        roles=tuple(Role),
        state=house.second_factors.state(account),
        sessions=house.sessions.list_of(actor(), account.name),
        waits_until=house.rescue.waits_until(actor(), account.name),
        no_password=NO_PASSWORD,
        browser_name=browser_name,
        findings=findings,
        new_link=f"{base_url()}{url_for('pages.choose_password', secret=made.secret)}" if made else "",
    )
