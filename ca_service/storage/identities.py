"""Identities at an OpenID provider, and their accounts, in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, insert, select
from sqlalchemy.exc import IntegrityError

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.people.records import AccountRecord
from ca_service.authority.people.single_sign_on import ExternalIdentity, external_name_taken
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.events import record_events
from ca_service.storage.schema import account, external_identity


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
