"""The only place where the parts meet: settings, keys, database, use cases and doors."""

from __future__ import annotations

import os
import random
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
from ca_service.authority.applications.completing import Completing
from ca_service.authority.applications.decisions import Applications
from ca_service.authority.applications.reviewing import Reviewing
from ca_service.authority.approval import Rule
from ca_service.authority.custody import RootCustody
from ca_service.authority.doctor import Doctor
from ca_service.authority.external import ExternalAuthorities
from ca_service.authority.fitting import Fitting
from ca_service.authority.fleet.clusters import Fleet
from ca_service.authority.fleet.handover import Handover
from ca_service.authority.hierarchy import Hierarchy, HierarchyPlan
from ca_service.authority.installation import Installation
from ca_service.authority.issuance import Issuance
from ca_service.authority.jobs import Job, Jobs
from ca_service.authority.notices.announcing import Notices
from ca_service.authority.notices.calendars import Calendars
from ca_service.authority.notices.delivering import Deliveries
from ca_service.authority.notices.ports import Channel
from ca_service.authority.notices.published import Published
from ca_service.authority.notices.sources import Authorities, Leaves, Sources
from ca_service.authority.people.house import Edges, People, people_on
from ca_service.authority.people.passwords import Passwords
from ca_service.authority.people.sessions import SessionLimits
from ca_service.authority.record.reading import Record
from ca_service.authority.record.receipts import Receipts
from ca_service.authority.record.sealing import Sealing
from ca_service.authority.registration import Policy
from ca_service.authority.renewal import Renewal
from ca_service.authority.revocation.answering import Answering
from ca_service.authority.revocation.authorities import AuthorityRevocation
from ca_service.authority.revocation.importing import Importing
from ca_service.authority.revocation.publishing import CRLPolicy, Publishing
from ca_service.authority.revocation.responders import Responders
from ca_service.authority.revocation.revoking import Revocation
from ca_service.authority.signing import Signer
from ca_service.authority.single_sign_on import ClaimRules, SingleSignOn
from ca_service.authority.tokens import Tokens
from ca_service.errors import Conflict
from ca_service.keystore import files
from ca_service.keystore.encrypted import EncryptedFileKeyStore
from ca_service.keystore.sealing import FileSealer
from ca_service.probe.fetching import HTTPFetcher
from ca_service.settings import Settings
from ca_service.storage.accounts import SQLAccountStore
from ca_service.storage.applications import SQLApplicationStore
from ca_service.storage.attempts import SQLAttemptStore
from ca_service.storage.calendars import SQLCalendarStore
from ca_service.storage.crls import SQLCRLStore, SQLResponderStore
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.factors import SQLFactorStore
from ca_service.storage.fleet import SQLFleetStore
from ca_service.storage.identities import SQLIdentityStore
from ca_service.storage.issuers import SQLIssuerStore
from ca_service.storage.jobs import SQLJobStore
from ca_service.storage.leaves import SQLLeafStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.migrating import SQLSchema
from ca_service.storage.notices import SQLNoticeStore
from ca_service.storage.revocation import SQLRevocationStore
from ca_service.storage.sessions import SQLSessionStore

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
    database = Database(folder / "ca.sqlite3")
    issuers, ledger = SQLIssuerStore(database), SQLLedger(database)
    hierarchy = Hierarchy(issuers, keystore, clock.utc_now, x509.random_serial_number, _plain_http(settings))
    revocations = SQLRevocationStore(database)
    policy, application_store = _policy(settings), SQLApplicationStore(database)
    signer = Signer(hierarchy, policy, clock.utc_now, x509.random_serial_number)
    issuance = Issuance(
        ledger,
        hierarchy,
        signer,
        applications=application_store,
        revocations=revocations,
        policy=policy,
        clock=clock.utc_now,
    )
    completing = Completing(application_store, issuance, signer, hierarchy, clock.utc_now)
    crls, responder_store = SQLCRLStore(database), SQLResponderStore(database)
    responders = Responders(responder_store, hierarchy, keystore, clock.utc_now, x509.random_serial_number)
    account_store = SQLAccountStore(database)
    passwords = Passwords(hasher or PasswordHasher())
    accounts = Accounts(account_store, passwords, clock.utc_now)
    fleet = Fleet(
        SQLFleetStore(database),
        ledger,
        issuance,
        clock.utc_now,
        revocations=revocations,
        applications=application_store,
    )
    revocation = Revocation(revocations, clock.utc_now)
    publishing = Publishing(crls, revocations, hierarchy, keystore, clock.utc_now, _crl_policy(settings))
    leaves = SQLLeafStore(database)
    sources = Sources(
        (
            Authorities(hierarchy),
            Leaves(leaves, fleet, clock.utc_now, revocation.not_good),
            Published(publishing, responders),
        )
    )
    notices, deliveries = _notices(settings, database, sources)
    events = SQLEventStore(database)
    sealing = Sealing(events, keystore, clock.utc_now)
    receipts = Receipts(events, sealing)
    return Installation(
        hierarchy=hierarchy,
        external=ExternalAuthorities(issuers, keystore, clock.utc_now),
        custody=RootCustody(issuers, keystore, clock.utc_now),
        issuance=issuance,
        applications=Applications(application_store, completing, clock.utc_now, clock.pause),
        completing=completing,
        reviewing=Reviewing(issuance, ledger, clock.utc_now),
        fitting=Fitting(clock.utc_now),
        fleet=fleet,
        handover=Handover(fleet, issuance, hierarchy, receipts),
        revocation=revocation,
        authority_revocation=AuthorityRevocation(revocations, hierarchy, clock.utc_now),
        crl_import=Importing(crls, revocations, hierarchy, clock.utc_now),
        publishing=publishing,
        responders=responders,
        ocsp=Answering(responders, responder_store, revocations, clock.utc_now),
        doctor=Doctor(hierarchy, ledger, revocations, HTTPFetcher(), clock.utc_now),
        accounts=accounts,
        people=_people(settings, database, accounts, passwords),
        tokens=Tokens(account_store, accounts, clock.utc_now),
        single_sign_on=_single_sign_on(settings, database),
        renewal=Renewal(issuance, leaves, fleet, _policy(settings), clock.utc_now),
        notices=notices,
        deliveries=deliveries,
        calendars=Calendars(SQLCalendarStore(database), account_store, notices, clock.utc_now),
        jobs=Jobs(
            _jobs(notices, deliveries, publishing, responders, sealing, completing, ledger),
            SQLJobStore(database),
            clock.utc_now,
            clock.stopwatch,
        ),
        record=Record(events, sealing, clock.utc_now),
        sealing=sealing,
        receipts=receipts,
        schema=SQLSchema(database),
        plan=HierarchyPlan(**settings.authority.model_dump()),
        clock=clock.utc_now,
        close=database.close,
    )


def _keystore(settings: Settings) -> EncryptedFileKeyStore:
    folder, given = settings.instance_path / "keys", settings.keystore.passphrase_file
    passphrase_file = Path(given) if given else folder / "passphrase"
    keystore = EncryptedFileKeyStore(folder, passphrase_file, may_create_passphrase=not given)
    keystore.check()
    return keystore


def _people(settings: Settings, database: Database, accounts: Accounts, passwords: Passwords) -> People:
    edges = Edges(
        accounts=SQLAccountStore(database),
        attempts=SQLAttemptStore(database),
        sessions=SQLSessionStore(database),
        factors=SQLFactorStore(database),
        sealer=FileSealer(settings.instance_path / "factors.key"),
    )
    limits = SessionLimits(timedelta(hours=settings.web.session_hours), timedelta(minutes=settings.web.idle_minutes))
    required_of = settings.web.require_second_factor
    return people_on(edges, accounts, passwords, clock.utc_now, limits=limits, required_of=required_of)


def _policy(settings: Settings) -> Policy:
    return Policy(
        default_days=settings.policy.default_days,
        max_days=settings.policy.max_days,
        backdate=timedelta(minutes=settings.policy.backdate_minutes),
        allow_p521=settings.policy.allow_p521,
        rules=tuple(Rule(**rule.model_dump()) for rule in settings.policy.rules),
    )


def _crl_policy(settings: Settings) -> CRLPolicy:
    hours = settings.revocation.delta_hours
    return CRLPolicy(
        lifetime=timedelta(hours=settings.revocation.crl_hours),
        delta_lifetime=timedelta(hours=hours) if hours else None,
        base_url=_plain_http(settings),
    )


def _single_sign_on(settings: Settings, database: Database) -> SingleSignOn | None:
    """Signing in at the provider of the settings; None without one, whose libraries are not imported then."""
    if not settings.oidc.issuer:
        return None
    from ca_service.oidc.provider import Client, OpenIDProvider, require_extra

    require_extra()
    oidc = settings.oidc
    provider = OpenIDProvider(Client(oidc.issuer, oidc.client_id, oidc.client_secret.get_secret_value()), clock.utc_now)
    rules = ClaimRules(oidc.name_claim, oidc.role_claim, oidc.roles)
    accounts = SQLAccountStore(database)
    return SingleSignOn(provider, SQLIdentityStore(database), accounts, rules, clock.utc_now)


def _notices(settings: Settings, database: Database, sources: Sources) -> tuple[Notices, Deliveries]:
    """What tells people of what ends."""
    store, channels, url = SQLNoticeStore(database), _channels(settings), _own_url(settings)
    days = settings.notices.thresholds
    return (
        Notices(sources, store, channels, clock.utc_now, days=days, base_url=url),
        Deliveries(store, channels, clock.utc_now, random.random, url),
    )


def _jobs(
    notices: Notices,
    deliveries: Deliveries,
    publishing: Publishing,
    responders: Responders,
    sealing: Sealing,
    completing: Completing,
    ledger: SQLLedger,
) -> tuple[Job, ...]:
    """What is done again and again: one row for each."""
    return (
        Job("notices", timedelta(hours=1), "write the notices that are due", notices.announce_due),
        Job("outbox", timedelta(minutes=1), "deliver the messages that wait", deliveries.deliver_due),
        Job("approved-requests", timedelta(minutes=5), "issue what was approved and left", completing.issue_approved),
        Job(
            "revocation-lists",
            timedelta(minutes=10),
            "publish the revocation lists that are due",
            publishing.publish_due,
        ),
        Job("ocsp-signer", timedelta(hours=1), "renew the signer of OCSP answers when it is due", responders.renew_due),
        Job("seal", timedelta(minutes=5), "seal what the record has gained", sealing.seal_pending),
        Job(
            "idempotency-keys",
            timedelta(days=1),
            "forget the answers to Idempotency-Keys after a week",
            lambda: ledger.prune_replays(clock.utc_now() - timedelta(days=7)),
        ),
        Job("tidy", timedelta(days=1), "forget messages that were sent long ago", deliveries.forget_old),
    )


def _channels(settings: Settings) -> tuple[Channel, ...]:
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


def _own_url(settings: Settings) -> str:
    """How people reach the pages."""
    address = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    return settings.web.base_url or f"http://{address}:{settings.server.port}"


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
        metrics_networks=settings.metrics.open_to,
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
    return Server(_own_url(settings), run=lambda: _serve(settings))


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
        does_jobs=settings.jobs.in_server,
    )
    serve(lambda: create_app(settings), options)
