"""The identity of an installation: an id in its database and beside its keys, so that neither works with another's.

States
    new      neither database nor keys.
    begun    the database has an id, from the transaction that created its tables. Beside the keys there is a mark with
             this id, which is written before the first key, and no id yet. `init` and `serve` create what is missing,
             and continue after a crash.
    whole    the id beside the keys is that of the database.
Only `settle` moves on: from new to begun while there is no key, and from begun to whole once an authority is recorded
and its keys are here: what it writes is the last part of an installation. A crash before it leaves the installation
begun, and the next start settles it. An installation of an earlier version, which has an authority and no mark, is
settled at its first start in the same way.

Everything else is refused, and nothing is created: keys without their database, a database without its keys, and the
halves of two copies. An authority that began anew with old keys would forget every revocation.
"""

from __future__ import annotations

from typing import Final, Protocol

from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerStore
from ca_service.authority.key_custody import KeyStore
from ca_service.errors import CAServiceError, NotReady, Rule, Visibility

DATABASE_LOST: Final = Rule(
    "installation.database-lost",
    "The instance folder has the keys of an installation, but its database is missing or has no authority. Nothing "
    "was created.",
    "Restore the database from the same backup as the keys, or correct database.url. For a new installation, use "
    "another instance folder.",
    visibility=Visibility.OPERATOR,
)
DATABASE_FOREIGN: Final = Rule(
    "installation.database-foreign",
    "The database and the keys belong to different installations ({found} and {expected}).",
    "Restore database and keys from the same backup, or correct database.url or the instance folder.",
    visibility=Visibility.OPERATOR,
)
KEYS_LOST: Final = Rule(
    "installation.keys-lost",
    "The key {key_id} of authority {issuer} is missing, cannot be opened, or does not belong to its certificate.",
    "If another finding says why it cannot be opened, fix that first. Otherwise restore the folder keys/ from the same "
    "backup as the database, or correct the instance folder.",
    visibility=Visibility.OPERATOR,
)

_OF_AUTHORITIES: Final = ("root-", "intermediate-")


class Tables(Protocol):
    """The version of the database and the id in it."""

    def current(self) -> str:
        """Return the version of its tables; empty if it has none."""

    def installation_id(self) -> str:
        """Return the id of the installation; empty if the tables are from before there were ids."""


class Identity:
    """Keeps the database of one installation and the keys of another apart."""

    def __init__(self, tables: Tables, issuers: IssuerStore, keystore: KeyStore) -> None:
        self._tables = tables
        self._issuers = issuers
        self._keystore = keystore

    def require_no_loss(self) -> None:
        """Raise NotReady if keys are here, but the database has no tables, or is that of another installation.

        To be called before tables are created, which is before the first key, and before they are upgraded: that could
        be the database of a service that is running with an older version.
        """
        expected = self._keystore.installation_id()
        if not self._tables.current():
            if expected or self._keystore.list_keys():
                raise NotReady.because(DATABASE_LOST)
        elif expected and self._tables.installation_id():
            self._require_id(expected)

    def require_same(self) -> None:
        """Raise NotReady if the keys are those of another installation, or the database has lost its authority."""
        expected = self._keystore.installation_id()
        if not expected:
            return
        self._require_id(expected)
        if not self._issuers.list_issuers():
            raise NotReady.because(DATABASE_LOST)

    def _require_id(self, expected: str) -> None:
        found = self._tables.installation_id()
        if found != expected:
            raise NotReady.because(DATABASE_FOREIGN, found=found or "none", expected=expected)

    def settle(self) -> None:
        """Write the id beside the keys if an authority can issue and its key is here.

        Without an authority, mark the installation as begun. To be called before the first key is made, and after the
        authority is recorded. Raises NotReady if database and keys do not belong together or one is missing.
        """
        self.require_same()
        if self._keystore.installation_id():
            return
        records = self._issuers.list_issuers()
        if not records:
            self._require_begun()
        for record in records:
            if record.is_issuing or record.certificate_der is None:  # the key of a root may be elsewhere
                self._require_key(record)
        if any(record.is_issuing for record in records):
            self._keystore.keep_installation_id(self._tables.installation_id())

    def _require_begun(self) -> None:
        """Mark the installation as begun. Raises NotReady if keys are here that it has not made.

        Without an authority in the database, an interrupted `init` of this installation has made the keys of
        authorities at most; other keys are made by an authority that is at work.
        """
        made, begun = self._keystore.list_keys(), self._tables.installation_id()
        is_ours = self._keystore.begun_id() == begun and all(each.startswith(_OF_AUTHORITIES) for each in made)
        if made and not is_ours:
            raise NotReady.because(DATABASE_LOST)
        if not made:
            self._keystore.begin(begun)

    def _require_key(self, record: IssuerRecord) -> None:
        """Raise NotReady unless the key of this authority is here, or was never kept here."""
        if record.key_id is None:
            return
        try:
            key = self._keystore.signer(record.key_id).public_key()
        except CAServiceError as error:
            raise NotReady(
                *NotReady.because(KEYS_LOST, issuer=record.id, key_id=record.key_id).findings, *error.findings
            ) from error
        if record.certificate_der and key != certificate_of(record).public_key():
            raise NotReady.because(KEYS_LOST, issuer=record.id, key_id=record.key_id)
