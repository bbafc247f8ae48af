"""Puts the use cases of an installation together, each on the edges that it needs."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from argon2 import PasswordHasher
from cryptography import x509

from ca_service import clock
from ca_service.app.edges import Edges, channels_of, edges_of
from ca_service.app.policies import crl_policy_of, own_url, plain_http, policy_of
from ca_service.authority.audit.log import AuditLog
from ca_service.authority.audit.receipts import Receipts
from ca_service.authority.audit.sealing import Sealing
from ca_service.authority.doctor import Doctor
from ca_service.authority.fleet.clusters import Fleet
from ca_service.authority.fleet.handover import Handover
from ca_service.authority.fleet.renewal import Renewal
from ca_service.authority.hierarchy.external import ExternalAuthorities
from ca_service.authority.hierarchy.hierarchy import Hierarchy, HierarchyPlan
from ca_service.authority.hierarchy.root_key import RootKey
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.inventory import Inventory
from ca_service.authority.issuance.completion import Completion
from ca_service.authority.issuance.decisions import Requests
from ca_service.authority.issuance.fit_checks import FitChecks
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.issuance.review import Reviewing
from ca_service.authority.issuance.signing import Signer
from ca_service.authority.jobs import Job, Jobs
from ca_service.authority.notices.announcing import Notices
from ca_service.authority.notices.calendars import Calendars
from ca_service.authority.notices.delivering import Deliveries
from ca_service.authority.notices.published import Published
from ca_service.authority.notices.sources import Authorities, Leaves, Sources
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.house import Edges as PeopleEdges
from ca_service.authority.people.house import People, people_on
from ca_service.authority.people.passwords import Passwords
from ca_service.authority.people.sessions import SessionLimits
from ca_service.authority.people.single_sign_on import ClaimRules, SingleSignOn
from ca_service.authority.people.tokens import Tokens
from ca_service.authority.revocation.authorities import AuthorityRevocation
from ca_service.authority.revocation.revoking import Revocation
from ca_service.authority.status.crl_importer import CRLImporter
from ca_service.authority.status.crl_publisher import CRLPublisher
from ca_service.authority.status.ocsp_responder import OCSPResponder
from ca_service.authority.status.responders import Responders
from ca_service.keystore.sealing import FileSealer
from ca_service.probe.fetching import HTTPFetcher
from ca_service.settings import Settings
from ca_service.storage.attempts import SQLAttemptStore
from ca_service.storage.calendars import SQLCalendarStore
from ca_service.storage.factors import SQLFactorStore
from ca_service.storage.identities import SQLIdentityStore
from ca_service.storage.inventory import SQLInventoryStore
from ca_service.storage.jobs import SQLJobStore
from ca_service.storage.migrating import SQLSchema
from ca_service.storage.notices import SQLNoticeStore
from ca_service.storage.sessions import SQLSessionStore


@dataclass(frozen=True, slots=True)
class _Core:
    """The use cases on which others rest."""

    hierarchy: Hierarchy
    issuance: Issuance
    completing: Completion
    fleet: Fleet
    inventory: Inventory
    revocation: Revocation
    publishing: CRLPublisher
    responders: Responders
    sealing: Sealing
    accounts: Accounts


def open_installation(settings: Settings, hasher: PasswordHasher | None = None) -> Installation:
    """The use cases of the installation that these settings describe. Nothing is created before it is needed.

    Raises KeystoreError when the folder or a key can be read by others.
    """
    # Real nodes send countries like "Unable to find Country in platform database": we report that
    # as a finding, and do not need the library's warning on standard error.
    warnings.filterwarnings("ignore", message="Attribute's length must be")
    edges, passwords = edges_of(settings), Passwords(hasher or PasswordHasher())
    core = _core(edges, passwords)
    notices, deliveries = _notices(edges, core)
    receipts = Receipts(edges.events, core.sealing)
    return Installation(
        hierarchy=core.hierarchy,
        external=ExternalAuthorities(edges.issuers, edges.keystore, clock.utc_now),
        custody=RootKey(edges.issuers, edges.keystore, clock.utc_now),
        issuance=core.issuance,
        applications=Requests(edges.applications, core.completing, clock.utc_now, clock.pause),
        completing=core.completing,
        reviewing=Reviewing(core.issuance, edges.ledger, clock.utc_now),
        inventory=core.inventory,
        fitting=FitChecks(clock.utc_now),
        fleet=core.fleet,
        handover=Handover(core.fleet, core.issuance, core.hierarchy, receipts),
        revocation=core.revocation,
        authority_revocation=AuthorityRevocation(edges.revocations, core.hierarchy, clock.utc_now),
        crl_import=CRLImporter(edges.crls, edges.revocations, core.hierarchy, clock.utc_now),
        publishing=core.publishing,
        responders=core.responders,
        ocsp=OCSPResponder(core.responders, edges.responders, edges.revocations, clock.utc_now),
        doctor=Doctor(core.hierarchy, core.inventory, edges.revocations, HTTPFetcher(), clock.utc_now),
        accounts=core.accounts,
        people=_people(edges, core.accounts, passwords),
        tokens=Tokens(edges.accounts, core.accounts, clock.utc_now),
        single_sign_on=_single_sign_on(edges),
        renewal=Renewal(core.issuance, edges.leaves, core.fleet, policy_of(settings), clock.utc_now),
        notices=notices,
        deliveries=deliveries,
        calendars=Calendars(SQLCalendarStore(edges.database), edges.accounts, notices, clock.utc_now),
        jobs=_jobs(edges, core, notices, deliveries),
        record=AuditLog(edges.events, core.sealing, clock.utc_now),
        sealing=core.sealing,
        receipts=receipts,
        schema=SQLSchema(edges.database),
        plan=HierarchyPlan(**settings.authority.model_dump()),
        clock=clock.utc_now,
        close=edges.database.close,
    )


def _core(edges: Edges, passwords: Passwords) -> _Core:
    policy, keystore = policy_of(edges.settings), edges.keystore
    certificate_base = plain_http(edges.settings)
    hierarchy = Hierarchy(edges.issuers, keystore, clock.utc_now, x509.random_serial_number, certificate_base)
    signer = Signer(hierarchy, policy, clock.utc_now, x509.random_serial_number)
    applications, revocations = edges.applications, edges.revocations
    issuance = Issuance(
        edges.ledger,
        hierarchy,
        signer,
        applications=applications,
        revocations=revocations,
        policy=policy,
        clock=clock.utc_now,
    )
    return _Core(
        hierarchy=hierarchy,
        issuance=issuance,
        completing=Completion(edges.applications, issuance, signer, hierarchy, clock.utc_now),
        fleet=Fleet(
            edges.fleet, edges.ledger, issuance, clock.utc_now, revocations=revocations, applications=applications
        ),
        inventory=Inventory(SQLInventoryStore(edges.database), edges.issuers, clock.utc_now),
        revocation=Revocation(edges.revocations, clock.utc_now),
        publishing=CRLPublisher(
            edges.crls, edges.revocations, hierarchy, keystore, clock.utc_now, crl_policy_of(edges.settings)
        ),
        responders=Responders(edges.responders, hierarchy, keystore, clock.utc_now, x509.random_serial_number),
        sealing=Sealing(edges.events, keystore, clock.utc_now),
        accounts=Accounts(edges.accounts, passwords, clock.utc_now),
    )


def _people(edges: Edges, accounts: Accounts, passwords: Passwords) -> People:
    web = edges.settings.web
    stores = PeopleEdges(
        accounts=edges.accounts,
        attempts=SQLAttemptStore(edges.database),
        sessions=SQLSessionStore(edges.database),
        factors=SQLFactorStore(edges.database),
        sealer=FileSealer(edges.settings.instance_path / "factors.key"),
    )
    limits = SessionLimits(timedelta(hours=web.session_hours), timedelta(minutes=web.idle_minutes))
    return people_on(stores, accounts, passwords, clock.utc_now, limits=limits, required_of=web.require_second_factor)


def _single_sign_on(edges: Edges) -> SingleSignOn | None:
    """Signing in at the provider of the settings; None without one, whose libraries are not imported then."""
    oidc = edges.settings.oidc
    if not oidc.issuer:
        return None
    from ca_service.oidc.provider import Client, OpenIDProvider, require_extra

    require_extra()
    provider = OpenIDProvider(Client(oidc.issuer, oidc.client_id, oidc.client_secret.get_secret_value()), clock.utc_now)
    rules = ClaimRules(oidc.name_claim, oidc.role_claim, oidc.roles)
    return SingleSignOn(provider, SQLIdentityStore(edges.database), edges.accounts, rules, clock.utc_now)


def _notices(edges: Edges, core: _Core) -> tuple[Notices, Deliveries]:
    """What tells people of what ends: every source of that stands here."""
    leaves = Leaves(edges.leaves, core.fleet, clock.utc_now, core.revocation.not_good)
    sources = Sources((Authorities(core.hierarchy), leaves, Published(core.publishing, core.responders)))
    settings, store, channels = edges.settings, SQLNoticeStore(edges.database), channels_of(edges.settings)
    days, url = settings.notices.thresholds, own_url(settings)
    return (
        Notices(sources, store, channels, clock.utc_now, days=days, base_url=url),
        Deliveries(store, channels, clock.utc_now, random.random, url),
    )


def _jobs(edges: Edges, core: _Core, notices: Notices, deliveries: Deliveries) -> Jobs:
    """What is done again and again: one row for each."""
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    table = (
        Job("notices", hour, "write the notices that are due", notices.announce_due),
        Job("outbox", minute, "deliver the messages that wait", deliveries.deliver_due),
        Job("approved-requests", 5 * minute, "issue what was approved and left", core.completing.issue_approved),
        Job("revocation-lists", 10 * minute, "publish the revocation lists that are due", core.publishing.publish_due),
        Job("ocsp-signer", hour, "renew the signer of OCSP answers when it is due", core.responders.renew_due),
        Job("seal", 5 * minute, "seal what the record has gained", core.sealing.seal_pending),
        Job("idempotency-keys", day, "forget the answers to Idempotency-Keys after a week", _forget_replays(edges)),
        Job("tidy", day, "forget messages that were sent long ago", deliveries.forget_old),
    )
    return Jobs(table, SQLJobStore(edges.database), clock.utc_now, clock.stopwatch)


def _forget_replays(edges: Edges) -> Callable[[], int]:
    return lambda: edges.ledger.prune_replays(clock.utc_now() - timedelta(days=7))
