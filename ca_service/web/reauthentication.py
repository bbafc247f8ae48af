"""Knows how a person is asked once more who they are, and how what they wanted is kept meanwhile.

Nothing is stored for it: the page that asks carries the fields of the form that was sent, but for
passwords and codes, and hands them on when it has its answer. So nothing happens twice or by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.people.passkeys import RelyingParty
from ca_service.authority.people.passwords import NO_PASSWORD
from ca_service.authority.people.records import AccountRecord
from ca_service.authority.people.signing_in import Proof
from ca_service.errors import Finding
from ca_service.web.context import base_url, installation

_OURS: Final = "confirm_"  # what the names of the page's own fields begin with
RESEND: Final = "confirm_resend"
#: Never written into a page, and so not handed on: whoever typed it types it again.
_SECRET: Final = frozenset({"csrf_token", "password", "old", "repeated", "code"})


def ask(account: AccountRecord) -> ResponseReturnValue:
    """Ask, in place of what was wanted; a form that was sent is handed on afterwards."""
    target = request.full_path.rstrip("?")
    if request.method in ("GET", "HEAD"):
        return redirect(url_for("pages.confirm", next=target))
    current_app.extensions["csrf"].protect()  # before the fields of somebody else are carried along
    return page(account, target, is_form=True), 403


def page(account: AccountRecord, target: str, *, is_form: bool, findings: Sequence[Finding] = ()) -> str:
    """The page that asks, before somebody goes on to this path of ours."""
    carried = [(name, value) for name, value in request.form.items(multi=True) if _is_carried(name)]
    return render_template(
        "confirm.html",
        person=account,
        target=target,
        carried=[*carried, (RESEND, "yes")] if is_form else [],
        has_files=any(file.filename for file in request.files.values()),
        findings=findings,
        state=installation().second_factors.state(account),
        has_password=account.password_hash != NO_PASSWORD,
    )


def proof(prefix: str = "") -> Proof:
    """What the fields of a form show, whose names begin so."""
    password, code, credential = (
        request.form.get(f"{prefix}{name}", "") for name in ("password", "code", "credential")
    )
    return Proof(relying_party(), password[:1000], code[:100], credential)


def relying_party() -> RelyingParty:
    """Who we are to a browser that is asked for a passkey."""
    return RelyingParty(urlsplit(base_url()).hostname or "localhost", base_url())


def passkeys_can_work(party: RelyingParty) -> bool:
    """Whether browsers take passkeys for us: not where we are reached by a number."""
    try:
        ip_address(party.id)
    except ValueError:
        return True
    return False


def _is_carried(name: str) -> bool:
    return name not in _SECRET and not name.startswith(_OURS)
