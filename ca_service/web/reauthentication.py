"""Re-authentication before a sensitive action, and the form that waits for it.

Nothing is stored on the server: the page carries the fields of the submitted form, except passwords and
codes, and submits them again after a successful answer. Nothing runs twice or without the user.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from flask import current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.people.passkeys import RelyingParty
from ca_service.authority.people.passwords import NO_PASSWORD
from ca_service.authority.people.records import AccountRecord
from ca_service.authority.people.signing_in import Proof
from ca_service.errors import Finding
from ca_service.web.context import base_url, installation

_OURS: Final = "confirm_"  # prefix of the page's own fields
_BROWSER: Final = "passkey_browser"  # in the session cookie
RESEND: Final = "confirm_resend"
#: Never written into a page: the user enters these again.
_SECRET: Final = frozenset({"csrf_token", "password", "old", "repeated", "code"})


def ask(account: AccountRecord) -> ResponseReturnValue:
    """Ask the person to re-authenticate first. A submitted form is sent again afterwards."""
    target = request.full_path.rstrip("?")
    if request.method in ("GET", "HEAD"):
        return redirect(url_for("pages.confirm", next=target))
    current_app.extensions["csrf"].protect()  # before fields of a forged form are carried along
    return page(account, target, is_form=True), 403


def page(account: AccountRecord, target: str, *, is_form: bool, findings: Sequence[Finding] = ()) -> str:
    """Render the re-authentication page that leads on to this local path."""
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
    """Read password, code and passkey from the form fields with this prefix."""
    password, code, credential = (
        request.form.get(f"{prefix}{name}", "") for name in ("password", "code", "credential")
    )
    return Proof(relying_party(), password[:1000], code[:100], credential)


def relying_party() -> RelyingParty:
    """Return this service as a WebAuthn relying party, for the browser whose signed cookie has come."""
    return RelyingParty(urlsplit(base_url()).hostname or "localhost", base_url(), session.get(_BROWSER, ""))


def asking_party() -> RelyingParty:
    """Return the relying party for new challenges, and mark the cookie of the browser to which they are bound."""
    session.setdefault(_BROWSER, secrets.token_urlsafe(16))
    return relying_party()


def passkeys_can_work(party: RelyingParty) -> bool:
    """Return whether browsers accept passkeys here: not if the service is opened by IP address."""
    try:
        ip_address(party.id)
    except ValueError:
        return True
    return False


def _is_carried(name: str) -> bool:
    return name not in _SECRET and not name.startswith(_OURS)
