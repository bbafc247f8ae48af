"""The composition: every use case of an installation on the edges that it needs, for production and tests alike.

A new use case is written in two places: as a field of an `Installation` (authority/installation.py), and here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ca_service.app.edges import Edges
from ca_service.authority.audit.clock_check import ClockCheck
from ca_service.authority.audit.log import AuditLog
from ca_service.authority.audit.receipts import Receipts
from ca_service.authority.audit.seals import Sealing
from ca_service.authority.checks import Readiness
from ca_service.authority.fleet.board_notes import BoardNotes
from ca_service.authority.fleet.clusters import Fleet
from ca_service.authority.fleet.connections import Connections
from ca_service.authority.fleet.handover import Handover
from ca_service.authority.fleet.node_commands import NodeCommands
from ca_service.authority.fleet.node_driver import NodeDriver
from ca_service.authority.fleet.node_planner import Planner
from ca_service.authority.fleet.node_sign_ins import NodeSignIns
from ca_service.authority.fleet.node_slots import NodeSlots
from ca_service.authority.fleet.probing import Probes
from ca_service.authority.fleet.renewal import Renewal
from ca_service.authority.health.agreement import Agreement
from ca_service.authority.health.arrival import Arrival
from ca_service.authority.health.doctor import Doctor
from ca_service.authority.health.published import PublishedFiles
from ca_service.authority.hierarchy.certifying import Certifier
from ca_service.authority.hierarchy.creation import AuthorityCreation
from ca_service.authority.hierarchy.external import ExternalAuthorities
from ca_service.authority.hierarchy.hierarchy import Hierarchy
from ca_service.authority.hierarchy.identity import Identity
from ca_service.authority.hierarchy.rollover import Rollover
from ca_service.authority.hierarchy.root_key import RootKey
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.inventory import Inventory
from ca_service.authority.issuance.completion import Completion
from ca_service.authority.issuance.decisions import Requests
from ca_service.authority.issuance.fit_checks import FitChecks
from ca_service.authority.issuance.host_products import HostProducts
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.jobs import Job, Jobs, Stopwatch
from ca_service.authority.notices.announcing import Notices
from ca_service.authority.notices.calendars import Calendars
from ca_service.authority.notices.delivering import Chance, Deliveries
from ca_service.authority.notices.sources import Authorities, Leaves, Published, Sources
from ca_service.authority.notices.updates import Updates
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.factors import SecondFactors
from ca_service.authority.people.links import Links, Rescue
from ca_service.authority.people.passkeys import Challenges, Passkeys
from ca_service.authority.people.sessions import Sessions
from ca_service.authority.people.signing_in import SigningIn
from ca_service.authority.people.single_sign_on import SingleSignOn
from ca_service.authority.people.throttle import Throttle
from ca_service.authority.people.tokens import Tokens
from ca_service.authority.ports import Clock, SerialNumbers
from ca_service.authority.revocation.authorities import AuthorityRevocation
from ca_service.authority.revocation.revoking import Revocation
from ca_service.authority.revocation.trust import TrustedAuthorities
from ca_service.authority.status.crl_importer import CRLImporter
from ca_service.authority.status.crl_publisher import CRLPublisher
from ca_service.authority.status.ocsp_responder import OCSPResponder
from ca_service.authority.status.responders import Responders

_REPLAYS_KEPT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Time:
    """The passing of time: `now` in UTC; `pause` and `stopwatch` in seconds."""

    now: Clock
    pause: Callable[[float], None]
    stopwatch: Stopwatch


@dataclass(frozen=True, slots=True)
class Randomness:
    """The randomness that tests must repeat: serial numbers, and chances from 0 up to 1."""

    serial_numbers: SerialNumbers
    chance: Chance


def compose(edges: Edges, time: Time, randomness: Randomness) -> Installation:
    """Return every use case on these edges. Nothing is created or read before it is needed."""
    now, options = time.now, edges.options

    # The authority: root and intermediate, and the audit log of everything below.
    clock_check = ClockCheck(edges.events, now)
    hierarchy = Hierarchy(
        issuers=edges.issuers,
        keystore=edges.keystore,
        clock_check=clock_check,
        certificate_base_url=options.certificate_base_url,
    )
    certifier = Certifier(
        keystore=edges.keystore,
        clock=now,
        serial_numbers=randomness.serial_numbers,
        certificate_base_url=options.certificate_base_url,
    )
    sealing = Sealing(edges.events, edges.keystore, now)
    receipts = Receipts(edges.events, sealing)
    agreement = Agreement(edges.agreement, edges.events, edges.revocations)

    # From CSR to certificate.
    host_products = HostProducts(edges.products, now)
    issuance = Issuance(
        edges.ledger,
        edges.requests,
        host_products,
        hierarchy,
        policy=options.policy,
        clock=now,
        serial_numbers=randomness.serial_numbers,
    )
    completion = Completion(edges.requests, edges.events, issuance, now)

    # What relying parties fetch.
    revocation = Revocation(edges.revocations, now)
    trusted = TrustedAuthorities(edges.revocations, hierarchy)
    crl_publisher = CRLPublisher(
        crls=edges.crls,
        revocations=edges.revocations,
        hierarchy=hierarchy,
        keystore=edges.keystore,
        clock=now,
        policy=options.crl_policy,
    )
    responders = Responders(
        store=edges.responders,
        hierarchy=hierarchy,
        keystore=edges.keystore,
        clock=now,
        serial_numbers=randomness.serial_numbers,
    )

    # People.
    accounts = Accounts(edges.accounts, edges.passwords, now)
    sessions = Sessions(edges.sessions, accounts, now, options.session_limits)
    second_factors = SecondFactors(
        edges.factors, accounts, edges.secret_box, now, required_of=options.second_factor_required_of
    )
    throttle = Throttle(edges.attempts, now)
    challenges = Challenges(edges.factors, edges.session_key, now)
    passkeys = Passkeys(edges.factors, accounts, second_factors, challenges, now)
    links = Links(edges.accounts, accounts, edges.passwords, now)

    # Clusters, inventory, notices.
    fleet = Fleet(
        edges.fleet,
        edges.ledger,
        issuance,
        now,
        revocations=edges.revocations,
        requests=edges.requests,
        trusted=trusted,
    )
    inventory = Inventory(edges.inventory, edges.issuers, now)
    sources = Sources(
        (
            Authorities(hierarchy),
            Leaves(edges.leaves, fleet, now, revocation.not_good),
            Published(crl_publisher, responders, now),
        )
    )
    notices = Notices(sources, edges.notices, edges.channels, now, days=options.notice_days, base_url=options.own_url)
    updates = Updates(
        edges.requests if options.announces_requests else None,
        fleet,
        edges.notices,
        edges.channels,
        now,
        accounts=edges.accounts,
        base_url=options.own_url,
        unserved_after=options.unserved_after,
    )
    deliveries = Deliveries(
        outbox=edges.notices,
        channels=edges.channels,
        accounts=edges.accounts,
        clock=now,
        chance=randomness.chance,
        base_url=options.own_url,
    )

    notes = BoardNotes(edges.fleet, edges.ledger, now)
    handover = Handover(fleet, issuance, hierarchy, receipts, trusted, notes=notes)
    connections = Connections(
        resolver=edges.prober,
        ledger=edges.ledger,
        products=edges.products,
        leases=edges.jobs,
        clock=now,
        rules=options.probe_rules,
        at_a_time=options.probes_at_a_time,
    )
    slots = NodeSlots(fleet, handover)
    probes = Probes(
        prober=edges.prober,
        served=edges.served,
        ledger=edges.ledger,
        leaves=edges.leaves,
        revocations=edges.revocations,
        trusted=trusted,
        products=edges.products,
        fleet=fleet,
        handover=handover,
        slots=slots,
        connections=connections,
        clock=now,
    )

    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    table = (
        Job("notices", hour, "write due notices", notices.announce_due),
        Job("outbox", minute, "deliver waiting messages", deliveries.deliver_due),
        Job("request-notices", minute, "announce requests and decisions", updates.announce_requests),
        Job("not-served", hour, "announce certificates that are not served yet", updates.announce_unserved),
        Job("expiry-counts", 10 * minute, "count what expires soon, for the metrics", notices.count_ending),
        Job(
            "approved-requests", 5 * minute, "issue approved requests that were interrupted", completion.issue_approved
        ),
        Job("revocation-lists", 10 * minute, "publish due CRLs", crl_publisher.publish_due),
        Job("ocsp-signer", hour, "renew OCSP signers that are due", responders.renew_due),
        Job("agreement", day, "compare the audit log with the tables", agreement.check),
        Job("seal", 5 * minute, "seal new events of the audit log", sealing.seal_pending),
        Job(
            "idempotency-keys",
            day,
            "delete the answers to Idempotency-Keys after a week",
            lambda: edges.ledger.prune_replays(now() - _REPLAYS_KEPT),
        ),
        Job("search-index", minute, "add new requests to the search index", edges.schema.index_new),
        Job("statistics", day, "gather the statistics of the database", edges.schema.gather_statistics),
        *([Job("probe", day, "look at what nodes present", probes.probe_all)] if options.probes_daily else []),
        Job("tidy", day, "delete old sent messages", deliveries.forget_old),
    )
    jobs = Jobs(table, edges.jobs, now, time.stopwatch)

    arrival = Arrival(key=edges.session_key, fetcher=edges.fetcher, clock=now, url=options.public_url)
    crl_importer = CRLImporter(edges.crls, edges.revocations, hierarchy, now)
    doctor = Doctor(
        tables=edges.schema,
        folder=edges.instance_folder,
        keystore=edges.keystore,
        hierarchy=hierarchy,
        clock_check=clock_check,
        sealing=sealing,
        agreement=agreement,
        trusted=trusted,
        crl_publisher=crl_publisher,
        crl_importer=crl_importer,
        responders=responders,
        jobs=jobs,
        published=PublishedFiles(hierarchy, inventory, edges.revocations, edges.fetcher, now),
        arrival=arrival,
        clock=now,
    )
    return Installation(
        hierarchy=hierarchy,
        trusted=trusted,
        crl_publisher=crl_publisher,
        ocsp_responder=OCSPResponder(
            responders=responders, store=edges.responders, revocations=edges.revocations, clock=now
        ),
        notices=notices,
        deliveries=deliveries,
        calendars=Calendars(edges.calendars, edges.accounts, notices, now),
        jobs=jobs,
        tokens=Tokens(edges.accounts, accounts, now),
        arrival=arrival,
        schema=edges.schema,
        identity=Identity(edges.schema, edges.issuers, edges.keystore),
        clock=now,
        close=edges.close,
        issuance=issuance,
        requests=Requests(edges.requests, edges.ledger, issuance, completion, clock=now, pause=time.pause),
        host_products=host_products,
        fit_checks=FitChecks(now),
        inventory=inventory,
        revocation=revocation,
        renewal=Renewal(issuance=issuance, leaves=edges.leaves, fleet=fleet, policy=options.policy, clock=now),
        audit_log=AuditLog(edges.events, sealing, now),
        receipts=receipts,
        agreement=agreement,
        clock_check=clock_check,
        creation=AuthorityCreation(edges.issuers, edges.keystore, now, clock_check, certifier),
        external=ExternalAuthorities(edges.issuers, edges.keystore, now, is_revoked=trusted.is_revoked),
        rollover=Rollover(edges.issuers, edges.keystore, now, clock_check, certifier, is_revoked=trusted.is_revoked),
        root_key=RootKey(edges.issuers, edges.keystore, now),
        completion=completion,
        fleet=fleet,
        handover=handover,
        probes=probes,
        node_commands=NodeCommands(
            revocations=edges.revocations,
            products=edges.products,
            hierarchy=hierarchy,
            trusted=trusted,
            clock=now,
        ),
        node_driver=NodeDriver(
            client=edges.node_client,
            connections=connections,
            slots=slots,
            planner=Planner(
                ledger=edges.ledger,
                revocations=edges.revocations,
                issuance=issuance,
                hierarchy=hierarchy,
                trusted=trusted,
                slots=slots,
                clock=now,
            ),
            products=edges.products,
            issuance=issuance,
            events=edges.events,
            sign_ins=NodeSignIns(edges.events, edges.attempts, now),
            clock=now,
            stopwatch=time.stopwatch,
        ),
        authority_revocation=AuthorityRevocation(edges.revocations, hierarchy, now),
        crl_importer=crl_importer,
        responders=responders,
        doctor=doctor,
        readiness=Readiness(doctor.checks, time.stopwatch),
        accounts=accounts,
        signing_in=SigningIn(
            store=edges.accounts,
            accounts=accounts,
            passwords=edges.passwords,
            throttle=throttle,
            sessions=sessions,
            factors=second_factors,
            passkeys=passkeys,
            clock=now,
        ),
        sessions=sessions,
        second_factors=second_factors,
        passkeys=passkeys,
        links=links,
        rescue=Rescue(
            attempts=edges.attempts,
            accounts=accounts,
            sessions=sessions,
            factors=second_factors,
            links=links,
            clock=now,
        ),
        single_sign_on=_single_sign_on(edges, throttle, now),
        sealing=sealing,
        plan=options.plan,
    )


def _single_sign_on(edges: Edges, throttle: Throttle, now: Clock) -> SingleSignOn | None:
    """Return the sign-in at the provider of the settings, or None without one."""
    if edges.identity_provider is None:
        return None
    return SingleSignOn(
        provider=edges.identity_provider,
        identities=edges.identities,
        accounts=edges.accounts,
        throttle=throttle,
        rules=edges.options.claim_rules,
        clock=now,
    )
