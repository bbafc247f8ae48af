"""Opens the edges that the settings describe: database, keys, stores, channels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ca_service import clock
from ca_service.authority.notices.ports import Channel
from ca_service.errors import ConfigurationError
from ca_service.keystore import files
from ca_service.keystore.encrypted import EncryptedFileKeyStore
from ca_service.settings import Settings
from ca_service.storage.accounts import SQLAccountStore
from ca_service.storage.applications import SQLRequestStore
from ca_service.storage.crls import SQLCRLStore, SQLResponderStore
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.fleet import SQLFleetStore
from ca_service.storage.issuers import SQLIssuerStore
from ca_service.storage.leaves import SQLLeafStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.revocation import SQLRevocationStore
from ca_service.storage.sqlite import SQLiteDatabase


@dataclass(frozen=True, slots=True)
class Edges:
    """The stores and keys of one installation, opened once and shared by its use cases."""

    settings: Settings
    keystore: EncryptedFileKeyStore
    database: Database
    issuers: SQLIssuerStore
    ledger: SQLLedger
    applications: SQLRequestStore
    revocations: SQLRevocationStore
    crls: SQLCRLStore
    responders: SQLResponderStore
    fleet: SQLFleetStore
    leaves: SQLLeafStore
    events: SQLEventStore
    accounts: SQLAccountStore


def edges_of(settings: Settings) -> Edges:
    """The edges that the settings describe. Nothing is created before it is needed.

    Raises KeystoreError when the folder or a key can be read by others.
    """
    folder = settings.instance_path
    if folder.exists():
        files.close_fresh_folder(folder)
        files.check_private(folder)
    database = database_of(settings)
    return Edges(
        settings=settings,
        keystore=_keystore(settings),
        database=database,
        issuers=SQLIssuerStore(database),
        ledger=SQLLedger(database),
        applications=SQLRequestStore(database),
        revocations=SQLRevocationStore(database),
        crls=SQLCRLStore(database),
        responders=SQLResponderStore(database),
        fleet=SQLFleetStore(database),
        leaves=SQLLeafStore(database),
        events=SQLEventStore(database),
        accounts=SQLAccountStore(database),
    )


def database_of(settings: Settings) -> Database:
    """The database of the settings: a file in the instance folder unless there is a URL."""
    url = settings.database.url.get_secret_value()
    if not url:
        return SQLiteDatabase(settings.instance_path / "ca.sqlite3")
    try:
        from ca_service.storage.postgresql import PostgreSQLDatabase
    except ImportError as error:
        raise ConfigurationError.because(
            "database.driver-missing",
            "database.url names a PostgreSQL database, and the driver for it is not installed.",
            "Install the extras: .venv/bin/pip install --require-hashes -r config/requirements/extras.txt",
        ) from error
    return PostgreSQLDatabase(url, settings.server.threads)


def _keystore(settings: Settings) -> EncryptedFileKeyStore:
    folder, given = settings.instance_path / "keys", settings.keystore.passphrase_file
    passphrase_file = Path(given) if given else folder / "passphrase"
    keystore = EncryptedFileKeyStore(folder, passphrase_file, may_create_passphrase=not given)
    keystore.check()
    return keystore


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """Those that are configured. They are imported only then: requests takes a quarter of a second."""
    found: list[Channel] = []
    if settings.mail.host:
        from ca_service.channels.mail import Mail, MailOptions

        kept = settings.mail.model_dump(exclude={"password", "recipients"})
        password = settings.mail.password.get_secret_value()
        found.append(Mail(MailOptions(**kept, password=password, recipients=settings.mail.addresses)))
    if settings.webhook.url:
        from ca_service.channels.webhook import Webhook, WebhookOptions

        secret = settings.webhook.secret.get_secret_value()
        found.append(Webhook(WebhookOptions(settings.webhook.url, secret, settings.webhook.ca_file), clock.utc_now))
    return tuple(found)
