"""Production: the installation that the settings describe, on its database, key files and channels."""

from __future__ import annotations

import random
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from cryptography import x509

from ca_service import clock
from ca_service.app.composition import Randomness, Time, compose
from ca_service.app.edges import Edges, Options
from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.approval import ApprovalRule
from ca_service.authority.issuance.examination import Policy
from ca_service.authority.notices.ports import Channel
from ca_service.authority.people.passwords import Passwords
from ca_service.authority.people.sessions import SessionLimits
from ca_service.authority.people.single_sign_on import ClaimRules, IdentityProvider
from ca_service.authority.status.crl_publisher import CRLPolicy
from ca_service.errors import ConfigurationError, Rule
from ca_service.keystore import files
from ca_service.keystore.encrypted import EncryptedFileKeyStore
from ca_service.keystore.instance_files import InstanceFiles
from ca_service.keystore.secret_box import FileSecretBox
from ca_service.nodes.client import CertificateAPIClient
from ca_service.pki import names
from ca_service.probe.fetching import HTTPFetcher
from ca_service.probe.handshakes import TLSProber
from ca_service.settings import Settings
from ca_service.storage.accounts import SQLAccountStore, SQLIdentityStore
from ca_service.storage.agreement import SQLAgreementStore
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.factors import SQLFactorStore
from ca_service.storage.fleet import SQLFleetStore, SQLServedStore
from ca_service.storage.host_products import SQLHostProductStore
from ca_service.storage.inventory import SQLInventoryStore, SQLLeafStore
from ca_service.storage.issuers import SQLIssuerStore, SQLResponderStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.migrating import SQLSchema
from ca_service.storage.notices import SQLCalendarStore, SQLJobStore, SQLNoticeStore
from ca_service.storage.requests import SQLRequestStore
from ca_service.storage.revocation import SQLCRLStore, SQLRevocationStore
from ca_service.storage.sessions import SQLAttemptStore, SQLSessionStore
from ca_service.storage.sqlite import SQLiteDatabase

DATABASE_DRIVER_MISSING: Final = Rule(
    "database.driver-missing",
    "database.url names a PostgreSQL database, and the driver for it is not installed.",
    "Install the extras: .venv/bin/pip install --require-hashes -r config/requirements/extras.txt. In a container: "
    "build the image with --build-arg REQUIREMENTS=extras.",
)

SESSION_KEY: Final = "session.key"  # in the instance folder


def policy_of(settings: Settings) -> Policy:
    """Return the policy: what may be issued, and what is approved automatically."""
    return Policy(
        default_days=settings.policy.default_days,
        max_days=settings.policy.max_days,
        backdate=timedelta(minutes=settings.policy.backdate_minutes),
        allow_p521=settings.policy.allow_p521,
        rules=tuple(ApprovalRule(**rule.model_dump()) for rule in settings.policy.rules),
    )


def crl_policy_of(settings: Settings) -> CRLPolicy:
    """Return the validity of CRLs, and the base of the address that leaves carry."""
    hours = settings.revocation.delta_hours
    return CRLPolicy(
        lifetime=timedelta(hours=settings.revocation.crl_hours),
        delta_lifetime=timedelta(hours=hours) if hours else None,
        base_url=plain_http(settings),
    )


def plain_http(settings: Settings) -> str:
    """Return the base of the URL in AIA, which is fetched over plain HTTP so that it needs no certificate.

    Empty, so that there is no AIA, behind https on a port of its own: nothing answers http there.
    """
    parts = urlsplit(settings.web.base_url)
    if parts.scheme == "https" and parts.port is not None:
        return ""
    return settings.web.base_url.replace("https://", "http://", 1)


def own_url(settings: Settings) -> str:
    """Return the address of the pages."""
    address = names.bracketed(settings.server.host)
    return settings.web.base_url or f"http://{address}:{settings.server.port}"


def open_installation(settings: Settings, hasher: PasswordHasher | None = None) -> Installation:
    """Return the use cases of the installation that these settings describe. Nothing is created before it is needed.

    Raises KeystoreError when the folder or a key can be read by others.
    """
    # Real nodes send countries like "Unable to find Country in platform database": we report that
    # as a finding, and do not need the library's warning on standard error.
    warnings.filterwarnings("ignore", message="Attribute's length must be")
    edges = edges_of(settings, Passwords(hasher or PasswordHasher()))
    time = Time(clock.utc_now, clock.pause, clock.stopwatch)
    return compose(edges, time, Randomness(x509.random_serial_number, random.random))


def edges_of(settings: Settings, passwords: Passwords) -> Edges:
    """Return the edges that the settings describe; raises KeystoreError if others can read the folder or a key."""
    folder = settings.instance_path
    if folder.exists():
        files.close_fresh_folder(folder)
        if not files.is_foreign_copy(folder):
            files.check_private(folder)
    database = database_of(settings)
    keystore, secret_box = _keystore(settings), FileSecretBox(folder / "factors.key")
    session_key_path = None if settings.web.secret_key.get_secret_value() else folder / SESSION_KEY
    return Edges(
        options=_options(settings),
        keystore=keystore,
        issuers=SQLIssuerStore(database),
        ledger=SQLLedger(database),
        requests=SQLRequestStore(database),
        products=SQLHostProductStore(database),
        revocations=SQLRevocationStore(database),
        crls=SQLCRLStore(database),
        responders=SQLResponderStore(database),
        fleet=SQLFleetStore(database),
        served=SQLServedStore(database),
        prober=TLSProber(clock.stopwatch),
        node_client=CertificateAPIClient(clock.stopwatch),
        leaves=SQLLeafStore(database),
        inventory=SQLInventoryStore(database),
        events=SQLEventStore(database),
        accounts=SQLAccountStore(database),
        attempts=SQLAttemptStore(database),
        sessions=SQLSessionStore(database),
        factors=SQLFactorStore(database),
        secret_box=secret_box,
        session_key=lambda: session_key(settings),
        passwords=passwords,
        identity_provider=_identity_provider(settings),
        identities=SQLIdentityStore(database),
        notices=SQLNoticeStore(database),
        calendars=SQLCalendarStore(database),
        channels=_channels(settings),
        jobs=SQLJobStore(database),
        agreement=SQLAgreementStore(database),
        fetcher=HTTPFetcher(clock.stopwatch),
        instance_folder=InstanceFiles(folder, keystore, secret_box, session_key_path),
        schema=SQLSchema(database),
        close=database.close,
    )


def session_key(settings: Settings) -> bytes:
    """Return the key that signs cookies. Raises KeystoreError if the server has not created it yet."""
    given = settings.web.secret_key.get_secret_value()
    return given.encode() if given else files.read_private(settings.instance_path / SESSION_KEY)


def database_of(settings: Settings) -> Database:
    """Return the database of the settings: a file in the instance folder unless there is a URL."""
    url = settings.database.url.get_secret_value()
    if not url:
        return SQLiteDatabase(settings.instance_path / "ca.sqlite3")
    try:
        from ca_service.storage.postgresql import PostgreSQLDatabase
    except ImportError as error:
        raise ConfigurationError.because(DATABASE_DRIVER_MISSING) from error
    return PostgreSQLDatabase(url, settings.server.threads)


def _options(settings: Settings) -> Options:
    web, oidc = settings.web, settings.oidc
    return Options(
        plan=HierarchyPlan(**settings.authority.model_dump()),
        policy=policy_of(settings),
        crl_policy=crl_policy_of(settings),
        session_limits=SessionLimits(timedelta(hours=web.session_hours), timedelta(minutes=web.idle_minutes)),
        certificate_base_url=plain_http(settings),
        own_url=own_url(settings),
        public_url=web.base_url,
        notice_days=settings.notices.thresholds,
        announces_requests=settings.notices.requests,
        unserved_after=settings.notices.unserved_after,
        probe_rules=settings.probe.rules,
        probes_daily=settings.probe.daily,
        probes_at_a_time=max(1, settings.server.threads // 2),
        second_factor_required_of=web.require_second_factor,
        claim_rules=ClaimRules(oidc.name_claim, oidc.role_claim, oidc.roles),
    )


def _keystore(settings: Settings) -> EncryptedFileKeyStore:
    folder, given = settings.instance_path / "keys", settings.keystore.passphrase_file
    passphrase_file = Path(given) if given else folder / "passphrase"
    keystore = EncryptedFileKeyStore(folder, passphrase_file, may_create_passphrase=not given)
    keystore.check()
    return keystore


def _identity_provider(settings: Settings) -> IdentityProvider | None:
    """Return the provider of the settings, or None; its libraries are imported only where there is one."""
    oidc = settings.oidc
    if not oidc.issuer:
        return None
    from ca_service.oidc.provider import Client, OpenIDProvider, require_extra

    require_extra()
    return OpenIDProvider(Client(oidc.issuer, oidc.client_id, oidc.client_secret.get_secret_value()), clock.utc_now)


def _channels(settings: Settings) -> tuple[Channel, ...]:
    """Return the configured channels. They are imported only then: requests takes a quarter of a second."""
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
