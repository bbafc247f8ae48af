"""Accounts, their roles, and the set-up link of the first administrator."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Final

from ca_service.authority.access.credentials import (
    MAX_PASSWORD,
    checked_account_name,
    checked_mail_address,
    hash_secret,
    kept_name,
    new_account_findings,
)
from ca_service.authority.access.permissions import Action, Actor, Role, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.passwords import Passwords
from ca_service.authority.people.records import AccountRecord, PeoplePage, PeopleQuery, SetupLink
from ca_service.authority.people.store import AccountStore, setup_link_invalid
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, InvalidInput, NotFound, Rule

ACCOUNT_UNKNOWN: Final = Rule(
    "account.unknown",
    "There is no account {name}.",
    "List the accounts with `ca-service user list`.",
)
ACCOUNT_OWN: Final = Rule(
    "account.own",
    "You cannot disable or reset your own account, or change your own role.",
    "Ask another administrator. To change your password, use your account page.",
)

__all__ = ["MAX_PASSWORD", "Accounts"]

_SETUP_LIFETIME: Final = timedelta(hours=24)


class Accounts:
    """Creates, lists and changes accounts."""

    def __init__(self, store: AccountStore, passwords: Passwords, clock: Clock) -> None:
        self._store = store
        self._passwords = passwords
        self._clock = clock

    def make_setup_link(self) -> str | None:
        """Return the secret of a new one-time set-up link, or None once there is an account.

        The previous link stops working.
        """
        if self._store.count_accounts():
            return None
        secret = secrets.token_urlsafe(32)
        now = self._clock()
        event = AuditEvent(now, Event.SETUP_LINK_MADE, "operator", "setup-link")
        self._store.save_setup_link(SetupLink(hash_secret(secret), now + _SETUP_LIFETIME), event)
        return secret

    def check_setup_link(self, secret: str) -> None:
        """Raise NotFound unless this set-up link is valid."""
        if self._store.count_accounts():
            raise setup_link_invalid()
        link = self._store.find_setup_link()
        wanted = link is not None and secrets.compare_digest(link.hash, hash_secret(secret))
        if link is None or not wanted or link.expires_at <= self._clock():
            raise setup_link_invalid()

    def create_first(self, setup_secret: str, name: str, password: str, origin: str = "") -> AccountRecord:
        """Create the first administrator, and use up the set-up link."""
        self.check_setup_link(setup_secret)
        account = self._new(name, Role.ADMINISTRATOR, password)
        actor = replace(account.actor, origin=origin)
        event = self._event(actor, Event.ACCOUNT_CREATED, account.name, role=account.role.value)
        return self._store.add_account(account, event, setup_hash=hash_secret(setup_secret))

    def create(self, actor: Actor, name: str, role: Role, password: str, mail_address: str = "") -> AccountRecord:
        """Create an account. Raises InvalidInput for name, password or address, Conflict if the name is taken."""
        require(actor, Action.ACCOUNTS)
        account = replace(self._new(name, role, password), mail_address=checked_mail_address(mail_address))
        event = self._event(actor, Event.ACCOUNT_CREATED, account.name, role=role.value)
        return self._store.add_account(account, event)

    def list_accounts(self, actor: Actor) -> tuple[AccountRecord, ...]:
        """Return all accounts, by name."""
        require(actor, Action.ACCOUNTS)
        return self._store.list_accounts()

    def get(self, name: str) -> AccountRecord:
        """Return the account of this name. Raises NotFound."""
        account = self.find(name)
        if account is None:
            raise NotFound.because(ACCOUNT_UNKNOWN, name=name[:64])
        return account

    def managed(self, actor: Actor, name: str) -> AccountRecord:
        """Return the account if the actor owns it or is an administrator. Raises NotFound."""
        account = self.find(name)
        require(actor, Action.OWN_ACCOUNT if account and account.id == actor.account_id else Action.ACCOUNTS)
        return self.get(name)

    def set_password(self, actor: Actor, name: str, password: str) -> AccountRecord:
        """Give an account a new password and end all its sessions; one's own, or any account as administrator."""
        account = self.managed(actor, name)
        hashed = self._passwords.hash(account.name, password)
        return self._change(actor, replace(account, password_hash=hashed), Event.PASSWORD_CHANGED)

    def set_mail_address(self, actor: Actor, name: str, address: str) -> AccountRecord:
        """Set or remove the mail address of an account; one's own, or any as administrator. Raises InvalidInput.

        The event does not contain it: auditors read the audit log, and not the addresses of people.
        """
        account = self.managed(actor, name)
        changed = replace(account, mail_address=checked_mail_address(address))
        if changed != account:
            said = "changed" if changed.mail_address else "removed"
            event = self._event(actor, Event.ACCOUNT_CHANGED, account.name, mail_address=said)
            self._store.set_mail_address(account.id, changed.mail_address, event)
        return changed

    def set_disabled(self, actor: Actor, name: str, disabled: bool) -> AccountRecord:
        """Disable an account, which ends its sessions and stops its tokens, or enable it again."""
        require(actor, Action.ACCOUNTS)
        account = self.get(name)
        if account.id == actor.account_id:
            raise Conflict.because(ACCOUNT_OWN)
        return self._change(
            actor,
            replace(account, disabled_at=self._clock() if disabled else None),
            Event.ACCOUNT_CHANGED,
            access="disabled" if disabled else "enabled",
        )

    def set_role(self, actor: Actor, name: str, role: Role) -> AccountRecord:
        """Change the role of an account, and end its sessions. Raises Conflict for one's own and for the last one."""
        require(actor, Action.ACCOUNTS)
        account = self.get(name)
        if account.id == actor.account_id:
            raise Conflict.because(ACCOUNT_OWN)
        return self._change(actor, replace(account, role=role), Event.ACCOUNT_CHANGED, role=role.value)

    def list_people(self, actor: Actor, query: PeopleQuery) -> PeoplePage:
        """Return one page of the accounts, searched and sorted. Raises InvalidInput for a foreign cursor."""
        require(actor, Action.ACCOUNTS)
        return self._store.list_people(query)

    def find(self, name: str) -> AccountRecord | None:
        """Return the account of this name in any spelling, or None."""
        kept = kept_name(name)
        return self._store.find_account(kept) if kept else None

    def _new(self, name: str, role: Role, password: str) -> AccountRecord:
        findings = new_account_findings(name, password)
        if findings:
            raise InvalidInput(*findings)
        kept = checked_account_name(name)
        return AccountRecord(0, kept, role, self._passwords.hash(kept, password), 0, self._clock())

    def _change(self, actor: Actor, account: AccountRecord, event: Event, **details: str) -> AccountRecord:
        """Store a changed account; a new epoch ends all its sessions."""
        changed = replace(account, session_epoch=account.session_epoch + 1)
        self._store.update_account(changed, self._event(actor, event, account.name, **details))
        return changed

    def _event(self, actor: Actor, event: Event, subject: str, **details: str | int) -> AuditEvent:
        return AuditEvent.by(actor, self._clock(), event, subject, **details)
