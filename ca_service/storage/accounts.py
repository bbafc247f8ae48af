"""Accounts, tokens and links in SQL, and the accounts of identities at an OpenID provider."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ca_service import deadline
from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.people.records import (
    AccountLink,
    AccountRecord,
    PeoplePage,
    PeopleQuery,
    SetupLink,
    TokenRecord,
)
from ca_service.authority.people.single_sign_on import ExternalIdentity, external_name_taken
from ca_service.authority.people.store import (
    account_changed,
    account_exists,
    account_link_invalid,
    require_administrator_left,
    require_room_for_token,
    setup_link_invalid,
)
from ca_service.errors import Busy
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.events import record_events
from ca_service.storage.queries import Order, by_age, contain_all, read_each, readable
from ca_service.storage.schema import account, account_link, external_identity, setup_link, token

_ACCOUNT: Final = tuple(account.c.keys())
# Built once: every request of a script needs it.
_TOKEN_WITH_ACCOUNT: Final = (
    select(token, *(account.c[name].label(f"owner_{name}") for name in _ACCOUNT))
    .join(account, account.c.id == token.c.account_id)
    .where(token.c.hash == bindparam("token_hash"))
)
_ORDERS: Final = by_age(account.c.id) | {"name": Order("name", account.c.id, account.c.name)}


class SQLAccountStore:
    """The account store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count_accounts(self) -> int:
        """Return the number of accounts."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(account)).scalar_one()

    def find_account(self, name: str) -> AccountRecord | None:
        """Return the account with this name, or None."""
        return self._account(select(account).where(account.c.name == name))

    def find_account_by_id(self, account_id: int) -> AccountRecord | None:
        """Return the account with this number, or None."""
        return self._account(select(account).where(account.c.id == account_id))

    def list_accounts(self) -> tuple[AccountRecord, ...]:
        """Return all accounts, sorted by name."""
        with self._database.read() as connection:
            return tuple(map(rows.account_record, connection.execute(select(account).order_by(account.c.name))))

    def list_reachable(self) -> tuple[AccountRecord, ...]:
        """Return the enabled accounts with a mail address, by name, without those whose row cannot be read."""
        statement = select(account).where(account.c.mail_address != "", account.c.disabled_at.is_(None))
        return readable(
            read_each(self._database, statement.order_by(account.c.name), account.c.id, rows.account_record)
        )

    def list_people(self, query: PeopleQuery) -> PeoplePage:
        """Return one page of the list."""
        order = _ORDERS[query.sort]
        words = contain_all(query.text.lower().split(), func.lower(account.c.name), account.c.role)
        statement = order.page(select(account).where(*words), query.cursor, query.limit)
        with self._database.read() as connection:
            found, cursor = order.cut(connection.execute(statement).all(), query.limit)
        return PeoplePage(tuple(map(rows.account_record, found)), cursor)

    def add_account(
        self, record: AccountRecord, event: AuditEvent, *, setup_hash: str = "", link: AccountLink | None = None
    ) -> AccountRecord:
        """Add an account. With `setup_hash`, delete that set-up link in the same transaction."""
        with self._database.write() as connection:
            if setup_hash:
                _use_up(connection, setup_hash)
            try:
                connection.execute(insert(account), rows.new_values(record))
            except IntegrityError as error:
                raise account_exists(record.name) from error
            record_events(connection, event)
            row = connection.execute(select(account).where(account.c.name == record.name)).one()
            if link is not None:
                connection.execute(insert(account_link), rows.values_of(replace(link, account_id=row.id)))
        return rows.account_record(row)

    def update_account(
        self, record: AccountRecord, event: AuditEvent, *, link: AccountLink | None = None, used_link: str = ""
    ) -> None:
        """Replace role, password, epoch and disabling of an account if its epoch is the one before."""
        is_unchanged = (account.c.id == record.id) & (account.c.session_epoch == record.session_epoch - 1)
        with self._database.write() as connection:
            _end_link(connection, record, used_link)
            _keep_an_administrator(connection, record)
            if link is not None:
                connection.execute(delete(account_link).where(account_link.c.account_id == record.id))
                connection.execute(insert(account_link), rows.values_of(link))
            # The mail address has a statement of its own: a record that was read before its change must not undo that.
            values = {name: value for name, value in rows.new_values(record).items() if name != "mail_address"}
            statement = update(account).where(is_unchanged).values(values)
            if connection.execute(statement).rowcount != 1:
                raise account_changed(record.name)
            record_events(connection, event)

    def set_mail_address(self, account_id: int, address: str, event: AuditEvent) -> None:
        """Replace the mail address of an account."""
        with self._database.write() as connection:
            connection.execute(update(account).where(account.c.id == account_id).values(mail_address=address))
            record_events(connection, event)

    def find_link(self, link_hash: str) -> AccountLink | None:
        """Return the link to choose a password with this hash, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(account_link).where(account_link.c.hash == link_hash)).first()
        return AccountLink(**row._mapping) if row else None

    def add_token(self, record: TokenRecord, event: AuditEvent, *, at_most: int) -> TokenRecord:
        """Add a token, and return it with its `id`."""
        with self._database.write() as connection:
            _require_room(connection, record, at_most)
            connection.execute(insert(token), rows.new_values(record))
            record_events(connection, event)
            row = connection.execute(select(token).where(token.c.hash == record.hash)).one()
        return rows.token_record(row)

    def note_token_use(self, token_id: int, at: datetime) -> None:
        """Store the time of the last use, unless others are writing: a script must not wait for this."""
        with suppress(Busy), deadline.without_waiting(), self._database.write() as connection:
            connection.execute(update(token).where(token.c.id == token_id).values(last_used_at=at))

    def revoke_tokens(self, revocations: Sequence[tuple[int, AuditEvent]]) -> int:
        """Revoke these tokens; return how many were not revoked before."""
        with self._database.write() as connection:
            return sum(_revoke(connection, token_id, event) for token_id, event in revocations)

    def find_token(self, token_hash: str) -> tuple[TokenRecord, AccountRecord] | None:
        """Return the token with this hash and its account, or None."""
        with self._database.read() as connection:
            row = connection.execute(_TOKEN_WITH_ACCOUNT, {"token_hash": token_hash}).first()
        if row is None:
            return None
        return rows.token_record(row), rows.account_of({name: row._mapping[f"owner_{name}"] for name in _ACCOUNT})

    def list_tokens(self, account_id: int) -> tuple[TokenRecord, ...]:
        """Return the tokens of an account, newest first."""
        statement = select(token).where(token.c.account_id == account_id).order_by(token.c.id.desc())
        with self._database.read() as connection:
            return tuple(map(rows.token_record, connection.execute(statement)))

    def find_setup_link(self) -> SetupLink | None:
        """Return the open set-up link, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(setup_link)).first()
        return SetupLink(row.hash, row.expires_at) if row else None

    def save_setup_link(self, link: SetupLink, event: AuditEvent) -> None:
        """Replace the set-up link."""
        with self._database.write() as connection:
            connection.execute(delete(setup_link))
            connection.execute(insert(setup_link), rows.values_of(link))
            record_events(connection, event)

    def add_event(self, event: AuditEvent) -> None:
        """Record an event without any other change."""
        with self._database.write() as connection:
            record_events(connection, event)

    def _account(self, statement: Select[Any]) -> AccountRecord | None:
        with self._database.read() as connection:
            row = connection.execute(statement).first()
        return rows.account_record(row) if row else None


def _use_up(connection: Connection, setup_hash: str) -> None:
    """Delete the link, so that of two people who use it at the same time only the first can."""
    gone = connection.execute(delete(setup_link).where(setup_link.c.hash == setup_hash)).rowcount != 1
    if gone or connection.execute(select(account.c.id)).first():
        raise setup_link_invalid()


def _require_room(connection: Connection, record: TokenRecord, at_most: int) -> None:
    """Count the valid tokens while the row of the account is locked, so that no two requests create the last one."""
    connection.execute(select(account.c.id).where(account.c.id == record.account_id).with_for_update())
    is_valid = token.c.revoked_at.is_(None) & (token.c.expires_at > record.created_at)
    valid = select(func.count()).where(token.c.account_id == record.account_id, is_valid)
    require_room_for_token(connection.execute(valid).scalar_one(), at_most)


def _revoke(connection: Connection, token_id: int, event: AuditEvent) -> int:
    statement = update(token).where(token.c.id == token_id, token.c.revoked_at.is_(None)).values(revoked_at=event.at)
    revoked = connection.execute(statement).rowcount
    if revoked:
        record_events(connection, event)
    return revoked


def _end_link(connection: Connection, record: AccountRecord, used_link: str) -> None:
    """Delete the link that is used. Without one, a new password ends the open link."""
    links = delete(account_link).where(account_link.c.account_id == record.id)
    if not used_link:
        is_new = select(account.c.id).where(account.c.id == record.id, account.c.password_hash != record.password_hash)
        connection.execute(links.where(is_new.exists()))
    elif connection.execute(links.where(account_link.c.hash == used_link)).rowcount != 1:
        raise account_link_invalid()


def _keep_an_administrator(connection: Connection, record: AccountRecord) -> None:
    """Lock the rows of the administrators until the end: of two who disable each other, the second is refused."""
    can_sign_in = account.c.disabled_at.is_(None) & (account.c.password_hash != "")
    statement = select(account.c.id).where(account.c.role == Role.ADMINISTRATOR.value, can_sign_in)
    found = connection.execute(statement.order_by(account.c.id).with_for_update()).scalars()
    require_administrator_left(record, frozenset(found))


class SQLIdentityStore:
    """The identity store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_account(self, identity: ExternalIdentity) -> AccountRecord | None:
        """Return the account of this identity, or None."""
        with self._database.read() as connection:
            return _find(connection, identity)

    def has_identity(self, account_id: int) -> bool:
        """Return whether this account belongs to an identity."""
        statement = select(external_identity.c.account_id).where(external_identity.c.account_id == account_id)
        with self._database.read() as connection:
            return connection.execute(statement).first() is not None

    def add_account(self, identity: ExternalIdentity, record: AccountRecord, event: AuditEvent) -> AccountRecord:
        """Add an account for the identity, or return the one that another process has just added."""
        try:
            with self._database.write() as connection:
                return _find(connection, identity) or _add(connection, identity, record, event)
        except IntegrityError as error:
            found = self.find_account(identity)
            if found is not None:
                return found
            raise external_name_taken(record.name) from error


def _add(connection: Connection, identity: ExternalIdentity, record: AccountRecord, event: AuditEvent) -> AccountRecord:
    connection.execute(insert(account), rows.new_values(record))
    row = connection.execute(select(account).where(account.c.name == record.name)).one()
    values = rows.values_of(identity) | {"account_id": row.id, "created_at": record.created_at}
    connection.execute(insert(external_identity), values)
    record_events(connection, event)
    return rows.account_record(row)


def _find(connection: Connection, identity: ExternalIdentity) -> AccountRecord | None:
    row = connection.execute(_of(identity)).first()
    return rows.account_record(row) if row else None


def _of(identity: ExternalIdentity) -> Select[Any]:
    is_this = (external_identity.c.issuer == identity.issuer) & (external_identity.c.subject == identity.subject)
    return select(account).join(external_identity, external_identity.c.account_id == account.c.id).where(is_this)
