"""The only place where the parts meet: settings, keys, database, use cases and doors."""

from __future__ import annotations

import os
import secrets
import warnings
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from cryptography import x509

from ca_service import clock
from ca_service import settings as settings_module
from ca_service.authority.accounts import Accounts
from ca_service.authority.custody import RootCustody
from ca_service.authority.external import ExternalAuthorities
from ca_service.authority.fitting import Fitting
from ca_service.authority.fleet.clusters import Fleet
from ca_service.authority.fleet.handover import Handover
from ca_service.authority.hierarchy import Hierarchy, HierarchyPlan
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.inventory import Inventory
from ca_service.authority.issuance import Issuance
from ca_service.authority.registration import Policy
from ca_service.authority.revocation.answering import Answering
from ca_service.authority.revocation.authorities import AuthorityRevocation
from ca_service.authority.revocation.importing import Importing
from ca_service.authority.revocation.publishing import CRLPolicy, Publishing
from ca_service.authority.revocation.responders import Responders
from ca_service.authority.revocation.revoking import Revocation
from ca_service.authority.tokens import Tokens
from ca_service.errors import ConfigurationError, Conflict
from ca_service.keystore import files
from ca_service.keystore.encrypted import EncryptedFileKeyStore
from ca_service.settings import Settings
from ca_service.storage.accounts import SQLAccountStore
from ca_service.storage.crls import SQLCRLStore, SQLResponderStore
from ca_service.storage.database import Database
from ca_service.storage.fleet import SQLFleetStore
from ca_service.storage.inventory import SQLInventoryStore
from ca_service.storage.issuers import SQLIssuerStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.migrating import SQLSchema
from ca_service.storage.revocation import SQLRevocationStore
from ca_service.storage.sqlite import SQLiteDatabase

if TYPE_CHECKING:
    from flask import Flask

    from ca_service.cli.doors import Server


def open_installation(settings: Settings, hasher: PasswordHasher | None = None) -> Installation:
    """The use cases of the installation that these settings describe. Nothing is created before it is needed.

    Raises KeystoreError when the folder or a key can be read by others.
    """
    # Real nodes send countries like "Unable to find Country in platform database": we report that
    # as a finding, and do not need the library's warning on standard error.
    warnings.filterwarnings("ignore", message="Attribute's length must be")
    folder = settings.instance_path
    if folder.exists():
        files.close_fresh_folder(folder)
        files.check_private(folder)
    keystore = _keystore(settings)
    database = _database(settings)
    issuers, ledger = SQLIssuerStore(database), SQLLedger(database)
    hierarchy = Hierarchy(issuers, keystore, clock.utc_now, x509.random_serial_number, _plain_http(settings))
    revocations = SQLRevocationStore(database)
    issuance = Issuance(ledger, revocations, hierarchy, _policy(settings), clock.utc_now, x509.random_serial_number)
    crls, responder_store = SQLCRLStore(database), SQLResponderStore(database)
    responders = Responders(responder_store, hierarchy, keystore, clock.utc_now, x509.random_serial_number)
    account_store = SQLAccountStore(database)
    accounts = Accounts(account_store, hasher or PasswordHasher(), clock.utc_now)
    fleet = Fleet(SQLFleetStore(database), ledger, issuance, clock.utc_now)
    return Installation(
        hierarchy=hierarchy,
        external=ExternalAuthorities(issuers, keystore, clock.utc_now),
        custody=RootCustody(issuers, keystore, clock.utc_now),
        issuance=issuance,
        inventory=Inventory(SQLInventoryStore(database), issuers, clock.utc_now),
        fitting=Fitting(clock.utc_now),
        fleet=fleet,
        handover=Handover(fleet, issuance, hierarchy),
        revocation=Revocation(revocations, clock.utc_now),
        authority_revocation=AuthorityRevocation(revocations, hierarchy, clock.utc_now),
        crl_import=Importing(crls, revocations, hierarchy, clock.utc_now),
        publishing=Publishing(crls, revocations, hierarchy, keystore, clock.utc_now, _crl_policy(settings)),
        responders=responders,
        ocsp=Answering(responders, responder_store, revocations, clock.utc_now),
        accounts=accounts,
        tokens=Tokens(account_store, accounts, clock.utc_now),
        schema=SQLSchema(database),
        plan=HierarchyPlan(**settings.authority.model_dump()),
        clock=clock.utc_now,
        close=database.close,
    )


def _database(settings: Settings) -> Database:
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


def _policy(settings: Settings) -> Policy:
    return Policy(
        default_days=settings.policy.default_days,
        max_days=settings.policy.max_days,
        backdate=timedelta(minutes=settings.policy.backdate_minutes),
        allow_p521=settings.policy.allow_p521,
    )


def _crl_policy(settings: Settings) -> CRLPolicy:
    hours = settings.revocation.delta_hours
    return CRLPolicy(
        lifetime=timedelta(hours=settings.revocation.crl_hours),
        delta_lifetime=timedelta(hours=hours) if hours else None,
        base_url=_plain_http(settings),
    )


def _plain_http(settings: Settings) -> str:
    """The base of the URL in AIA, which is fetched over plain HTTP so that it needs no certificate.

    Empty, so that there is no AIA, behind https on a port of its own: nothing answers http there.
    """
    parts = urlsplit(settings.web.base_url)
    if parts.scheme == "https" and parts.port is not None:
        return ""
    return settings.web.base_url.replace("https://", "http://", 1)


def _session_key(settings: Settings) -> str:
    """What signs the session cookies: from the settings, or made once in the instance folder."""
    given = settings.web.secret_key.get_secret_value()
    if given:
        return given
    path = settings.instance_path / "session.key"
    if not path.exists():
        with suppress(Conflict):  # another worker was quicker
            files.write_private(path, secrets.token_urlsafe(48).encode())
    return files.read_private(path).decode()


def create_app(settings: Settings | None = None, installation: Installation | None = None) -> Flask:
    """The Flask application of an installation that is set up; raises NotReady if it is not."""
    from ca_service import web

    settings = settings or settings_module.load().settings
    installation = installation or open_installation(settings)
    installation.schema.require_current()
    options = web.WebOptions(
        secret_key=_session_key(settings),
        base_url=settings.web.base_url,
        trusted_proxies=settings.web.trusted_proxies,
        session_lifetime=timedelta(hours=settings.web.session_hours),
        max_upload_bytes=settings.web.max_upload_kib * 1024,
    )
    return web.create(installation, options)


def main() -> None:
    """The `ca-service` command."""
    from ca_service.cli.doors import Doors
    from ca_service.cli.main import run

    run(
        Doors(
            open_installation=lambda path: open_installation(settings_module.load(instance_path=path).settings),
            list_settings=lambda path: settings_module.load(instance_path=path).listing(),
            prepare_server=_prepare_server,
        )
    )


def _prepare_server(instance_path: Path | None, host: str | None, port: int | None) -> Server:
    """The server that the settings describe, with these two put above them; it does not run yet."""
    from ca_service.cli.doors import Server

    given = {"CA_SERVICE_SERVER__HOST": host, "CA_SERVICE_SERVER__PORT": str(port) if port else None}
    environ = os.environ | {name: value for name, value in given.items() if value}
    settings = settings_module.load(environ, instance_path).settings
    address = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    url = settings.web.base_url or f"http://{address}:{settings.server.port}"
    return Server(url, run=lambda: _serve(settings))


def _serve(settings: Settings) -> None:
    """Serve until stopped; the installation has been set up before.

    The web is imported here and not in each worker: they share its memory, and start sooner.
    """
    from ca_service import web  # noqa: F401
    from ca_service.web.server import ServerOptions, serve

    options = ServerOptions(
        host=settings.server.host,
        port=settings.server.port,
        workers=settings.server.workers or min(os.cpu_count() or 1, 4),
        threads=settings.server.threads,
    )
    serve(lambda: create_app(settings), options)
