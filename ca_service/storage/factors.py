"""Second factors, recovery codes and challenges in SQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.people.records import UNBELIEVABLE_STEPS, ChallengeRecord, PasskeyRecord, TotpRecord
from ca_service.authority.people.store import passkey_known
from ca_service.storage import rows
from ca_service.storage.database import Database, upsert
from ca_service.storage.events import record_events
from ca_service.storage.queries import in_batches
from ca_service.storage.schema import challenge, passkey, recovery_code, totp


class SQLFactorStore:
    """The factor store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_totp(self, account_id: int) -> TotpRecord | None:
        """Return the authenticator app of an account, offered or confirmed, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(totp).where(totp.c.account_id == account_id)).first()
        return TotpRecord(**row._mapping) if row else None

    def offer_totp(self, record: TotpRecord) -> bool:
        """Store an offered app in place of an earlier offer; return False if one is confirmed."""
        is_offer = (totp.c.account_id == record.account_id) & totp.c.confirmed_at.is_(None)
        with self._database.write() as connection:
            connection.execute(delete(totp).where(is_offer))
            statement = upsert(connection, totp).values(rows.values_of(record))
            return connection.execute(statement.on_conflict_do_nothing()).rowcount == 1

    def confirm_totp(self, record: TotpRecord, codes: Collection[str], event: AuditEvent) -> bool:
        """Confirm the offered app and add the recovery codes; return False if the offer has changed."""
        is_it = (totp.c.account_id == record.account_id) & (totp.c.sealed == record.sealed)
        statement = update(totp).where(is_it, totp.c.confirmed_at.is_(None)).values(rows.values_of(record))
        with self._database.write() as connection:
            if connection.execute(statement).rowcount != 1:
                return False
            _add_codes(connection, record.account_id, codes)
            record_events(connection, event)
        return True

    def use_step(self, account_id: int, step: int) -> bool:
        """Store the last used time step. One statement compares and sets it, so a code works once."""
        is_unused = (totp.c.last_step < step) | (totp.c.last_step > step + UNBELIEVABLE_STEPS)
        is_later = (totp.c.account_id == account_id) & is_unused
        with self._database.write() as connection:
            return connection.execute(update(totp).where(is_later).values(last_step=step)).rowcount == 1

    def remove_totp(self, account_id: int, event: AuditEvent) -> bool:
        """Delete the app."""
        with self._database.write() as connection:
            count = connection.execute(delete(totp).where(totp.c.account_id == account_id)).rowcount
            return _removed(connection, account_id, count, event)

    def list_passkeys(self, account_id: int) -> tuple[PasskeyRecord, ...]:
        """Return the passkeys of an account, oldest first."""
        statement = select(passkey).where(passkey.c.account_id == account_id).order_by(passkey.c.id)
        with self._database.read() as connection:
            return tuple(PasskeyRecord(**row._mapping) for row in connection.execute(statement))

    def find_passkey(self, credential_id: str) -> PasskeyRecord | None:
        """Return the passkey with this credential id, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(passkey).where(passkey.c.credential_id == credential_id)).first()
        return PasskeyRecord(**row._mapping) if row else None

    def add_passkey(self, record: PasskeyRecord, codes: Collection[str], event: AuditEvent) -> None:
        """Add a passkey and the recovery codes."""
        with self._database.write() as connection:
            try:
                connection.execute(insert(passkey), rows.new_values(record))
            except IntegrityError as error:
                raise passkey_known() from error
            _add_codes(connection, record.account_id, codes)
            record_events(connection, event)

    def use_passkey(self, record: PasskeyRecord, sign_count: int, at: datetime) -> bool:
        """Store the counter and the time of a use; return False if another use came first."""
        is_unused = (passkey.c.id == record.id) & (passkey.c.sign_count == record.sign_count)
        statement = update(passkey).where(is_unused).values(sign_count=sign_count, last_used_at=at)
        with self._database.write() as connection:
            return connection.execute(statement).rowcount == 1

    def remove_passkey(self, account_id: int, passkey_id: int, event: AuditEvent) -> bool:
        """Delete a passkey; return False if there is none."""
        is_it = (passkey.c.id == passkey_id) & (passkey.c.account_id == account_id)
        with self._database.write() as connection:
            return _removed(connection, account_id, connection.execute(delete(passkey).where(is_it)).rowcount, event)

    def count_codes(self, account_id: int) -> int:
        """Return the number of unused recovery codes."""
        statement = select(func.count()).select_from(recovery_code).where(recovery_code.c.account_id == account_id)
        with self._database.read() as connection:
            return connection.execute(statement).scalar_one()

    def replace_codes(self, account_id: int, codes: Collection[str], event: AuditEvent) -> None:
        """Replace all recovery codes."""
        with self._database.write() as connection:
            connection.execute(delete(recovery_code).where(recovery_code.c.account_id == account_id))
            _add_codes(connection, account_id, codes)
            record_events(connection, event)

    def use_code(self, account_id: int, code: str, event: AuditEvent) -> bool:
        """Delete the recovery code with this hash; return False if there is none."""
        is_it = (recovery_code.c.account_id == account_id) & (recovery_code.c.hash == code)
        with self._database.write() as connection:
            if connection.execute(delete(recovery_code).where(is_it)).rowcount != 1:
                return False
            record_events(connection, event)
        return True

    def remove_all(self, account_id: int, event: AuditEvent) -> bool:
        """Delete all factors and recovery codes of an account."""
        with self._database.write() as connection:
            tables = (totp, passkey)
            count = sum(
                connection.execute(delete(each).where(each.c.account_id == account_id)).rowcount for each in tables
            )
            return _removed(connection, account_id, count, event)

    def with_factor(self, account_ids: Collection[int]) -> frozenset[int]:
        """Return which of the accounts have a second factor."""
        apps = select(totp.c.account_id).where(totp.c.confirmed_at.is_not(None))
        keys = select(passkey.c.account_id)
        with self._database.read() as connection:
            return frozenset(
                account_id
                for statement, column in ((apps, totp.c.account_id), (keys, passkey.c.account_id))
                for batch in in_batches(column, account_ids)
                for account_id in connection.execute(statement.where(batch)).scalars()
            )

    def use_challenge(self, record: ChallengeRecord, at: datetime) -> bool:
        """Store a used challenge; return False if it is there. Delete expired ones."""
        with self._database.write() as connection:
            connection.execute(delete(challenge).where(challenge.c.expires_at <= at))
            statement = upsert(connection, challenge).values(rows.values_of(record))
            return connection.execute(statement.on_conflict_do_nothing()).rowcount == 1


def _add_codes(connection: Connection, account_id: int, codes: Collection[str]) -> None:
    if codes:
        connection.execute(insert(recovery_code), [{"account_id": account_id, "hash": code} for code in codes])


def _removed(connection: Connection, account_id: int, count: int, event: AuditEvent) -> bool:
    """Return whether a factor was removed. With the last factor, delete the recovery codes."""
    if not count:
        return False
    left = [
        connection.execute(select(each.c.account_id).where(each.c.account_id == account_id)).first()
        for each in (totp, passkey)
    ]
    if not any(left):
        connection.execute(delete(recovery_code).where(recovery_code.c.account_id == account_id))
    record_events(connection, event)
    return True
