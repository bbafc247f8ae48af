"""Makes what a test needs and does not care about: actors, records, a whole authority on fakes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Final, cast

from argon2 import PasswordHasher

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.log import AuditLog
from ca_service.authority.audit.receipts import Receipts
from ca_service.authority.audit.sealing import Sealing
from ca_service.authority.audit.store import EventStore
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.doctor import Doctor
from ca_service.authority.fleet.clusters import Fleet
from ca_service.authority.fleet.handover import Handover
from ca_service.authority.fleet.renewal import Renewal
from ca_service.authority.fleet.store import FleetStore
from ca_service.authority.hierarchy.external import ExternalAuthorities
from ca_service.authority.hierarchy.hierarchy import Hierarchy, HierarchyPlan
from ca_service.authority.hierarchy.records import IssuerRecord
from ca_service.authority.hierarchy.root_key import RootKey
from ca_service.authority.hierarchy.store import IssuerStore
from ca_service.authority.inventory.inventory import Inventory
from ca_service.authority.inventory.store import InventoryStore
from ca_service.authority.issuance.approval import Rule
from ca_service.authority.issuance.completion import Completion
from ca_service.authority.issuance.decisions import Requests
from ca_service.authority.issuance.examination import Policy
from ca_service.authority.issuance.fit_checks import FitChecks
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.issuance.review import Reviewing
from ca_service.authority.issuance.signing import Signer
from ca_service.authority.issuance.store import Ledger, RequestStore
from ca_service.authority.jobs import Job, Jobs, JobStore
from ca_service.authority.key_custody import KeyStore
from ca_service.authority.notices.announcing import Notices
from ca_service.authority.notices.calendars import Calendars, CalendarStore
from ca_service.authority.notices.delivering import Deliveries
from ca_service.authority.notices.ports import Channel
from ca_service.authority.notices.sources import Authorities, Leaves, Sources
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.house import Edges, People, people_on
from ca_service.authority.people.passwords import Passwords
from ca_service.authority.people.records import AccountRecord, TokenRecord
from ca_service.authority.people.sessions import SessionLimits
from ca_service.authority.people.store import AccountStore
from ca_service.authority.people.tokens import Tokens
from ca_service.authority.revocation.authorities import AuthorityRevocation
from ca_service.authority.revocation.revoking import Revocation
from ca_service.authority.revocation.store import CRLStore, ResponderStore, RevocationStore
from ca_service.authority.status.crl_importer import CRLImporter
from ca_service.authority.status.crl_publisher import CRLPolicy, CRLPublisher
from ca_service.authority.status.ocsp_responder import OCSPResponder
from ca_service.authority.status.responders import Responders
from tests.support.applications import EVERYBODY, InMemoryApplicationStore
from tests.support.fakes import (
    NOON,
    FixedClock,
    InMemoryAccountStore,
    InMemoryIssuerStore,
    InMemoryKeyStore,
    InMemoryLedger,
    counting_serial_numbers,
)
from tests.support.fetching import FakeFetcher
from tests.support.fleet import InMemoryFleetStore
from tests.support.inventory import InMemoryInventoryStore
from tests.support.leaf_ends import InMemoryLeafStore
from tests.support.notices import (
    InMemoryCalendarStore,
    InMemoryJobStore,
    InMemoryNoticeStore,
    RecordingChannel,
)
from tests.support.people import edges_on
from tests.support.record import InMemoryEventStore
from tests.support.revocation import InMemoryCRLStore, InMemoryResponderStore, InMemoryRevocationStore

PASSWORD: Final = "correct horse battery staple"
OPERATOR: Final = Actor(None, "operator", Role.ADMINISTRATOR, "command line")
PLAN: Final = HierarchyPlan(name="Example Lab", root_curve="P-256", intermediate_curve="P-256")
_ENDLESS: Final = SessionLimits(timedelta(days=1000), timedelta(days=1000))
_NUMBERS: Final = count(1)


def actor(role: Role = Role.REQUESTER) -> Actor:
    """Somebody of this role, called after it."""
    return Actor(list(Role).index(role) + 1, role.value, role)


def cheap_hasher() -> PasswordHasher:
    """Argon2 at a cost that suits tests."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def event(subject: str = "thing", kind: Event = Event.CERTIFICATE_ISSUED) -> AuditEvent:
    """An event about this subject."""
    return AuditEvent(NOON, kind, "somebody", subject, {"number": 1, "text": "x"}, "192.0.2.1")


def issuer_record(issuer_id: str = "intermediate-g1", **changes: object) -> IssuerRecord:
    """An authority without a certificate."""
    record = IssuerRecord(id=issuer_id, role="intermediate", generation=1, name="Example Lab", created_at=NOON)
    return replace(record, **changes)  # type: ignore[arg-type]


def certificate_record(**changes: object) -> CertificateRecord:
    """A certificate whose bytes mean nothing, unlike every other that was made so."""
    number = next(_NUMBERS)
    record = CertificateRecord(
        serial_number=f"{number:040x}",
        profile="vos",
        host=f"node{number}.example.com",
        subject=f"CN=node{number}-EC.example.com",
        names=(f"DNS:node{number}.example.com",),
        not_before=NOON,
        not_after=NOON + timedelta(days=397),
        issued_at=NOON,
        issued_by="somebody",
        issuer_id="intermediate-g1",
        request_fingerprint=hashlib.sha256(b"request %d" % number).hexdigest(),
        key_fingerprint=hashlib.sha256(b"key %d" % number).hexdigest(),
        der=b"certificate %d" % number,
        csr_der=b"request %d" % number,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def account_record(name: str = "alice", **changes: object) -> AccountRecord:
    """An account that no password opens."""
    record = AccountRecord(0, name, Role.REQUESTER, "$argon2id$nothing", 0, NOON)
    return replace(record, **changes)  # type: ignore[arg-type]


def token_record(account_id: int, **changes: object) -> TokenRecord:
    """A token of this account."""
    number = next(_NUMBERS)
    record = TokenRecord(
        0, account_id, f"token {number}", "ca_1234567", f"hash {number}", NOON, NOON + timedelta(days=1)
    )
    return replace(record, **changes)  # type: ignore[arg-type]


@dataclass(slots=True)
class Lab:
    """The use cases on fakes, or on whatever edges are given; its clock stands still."""

    clock: FixedClock = field(default_factory=FixedClock)
    issuers: IssuerStore = field(default_factory=InMemoryIssuerStore)
    keystore: KeyStore = field(default_factory=InMemoryKeyStore)
    ledger: Ledger = field(default_factory=InMemoryLedger)
    revocations: RevocationStore = field(default=cast(RevocationStore, None))
    crls: CRLStore = field(default=cast(CRLStore, None))
    inventory_store: InventoryStore = field(default=cast(InventoryStore, None))
    responder_store: ResponderStore = field(default=cast(ResponderStore, None))
    account_store: AccountStore = field(default_factory=InMemoryAccountStore)
    fleet_store: FleetStore = field(default_factory=InMemoryFleetStore)
    job_store: JobStore = field(default_factory=InMemoryJobStore)
    notice_store: InMemoryNoticeStore = field(default_factory=InMemoryNoticeStore)
    calendar_store: CalendarStore = field(default_factory=InMemoryCalendarStore)
    channels: tuple[Channel, ...] = field(default_factory=lambda: (RecordingChannel(),))
    events: EventStore | None = None
    policy: Policy = field(default_factory=Policy)
    session_limits: SessionLimits = _ENDLESS
    second_factor_required_of: tuple[Role, ...] = ()
    rules: tuple[Rule, ...] = (EVERYBODY,)
    base_url: str = ""
    application_store: RequestStore | None = None
    hierarchy: Hierarchy = field(init=False)
    external: ExternalAuthorities = field(init=False)
    custody: RootKey = field(init=False)
    signer: Signer = field(init=False)
    issuance: Issuance = field(init=False)
    applications: Requests = field(init=False)
    completing: Completion = field(init=False)
    reviewing: Reviewing = field(init=False)
    inventory: Inventory = field(init=False)
    fitting: FitChecks = field(init=False)
    fleet: Fleet = field(init=False)
    handover: Handover = field(init=False)
    revocation: Revocation = field(init=False)
    fetcher: FakeFetcher = field(default_factory=FakeFetcher)
    doctor: Doctor = field(init=False)
    authority_revocation: AuthorityRevocation = field(init=False)
    crl_import: CRLImporter = field(init=False)
    publishing: CRLPublisher = field(init=False)
    responders: Responders = field(init=False)
    ocsp: OCSPResponder = field(init=False)
    accounts: Accounts = field(init=False)
    people_edges: Edges = field(init=False)
    people: People = field(init=False)
    tokens: Tokens = field(init=False)
    renewal: Renewal = field(init=False)
    notices: Notices = field(init=False)
    deliveries: Deliveries = field(init=False)
    calendars: Calendars = field(init=False)
    jobs: Jobs = field(init=False)
    record: AuditLog = field(init=False)
    sealing: Sealing = field(init=False)
    receipts: Receipts = field(init=False)

    def __post_init__(self) -> None:
        """Put the use cases together."""
        self.policy, serial_numbers = replace(self.policy, rules=self.rules), counting_serial_numbers()
        self.hierarchy = Hierarchy(self.issuers, self.keystore, self.clock, serial_numbers, self.base_url)
        self.external = ExternalAuthorities(self.issuers, self.keystore, self.clock)
        self.custody = RootKey(self.issuers, self.keystore, self.clock)
        if self.revocations is None:  # the one that goes with the ledger
            assert isinstance(self.ledger, InMemoryLedger), "a real ledger needs the store that goes with it"
            self.revocations = InMemoryRevocationStore(self.ledger)
            self.crls = InMemoryCRLStore(self.revocations)
            self.responder_store = InMemoryResponderStore(self.ledger)
        self.signer = Signer(self.hierarchy, self.policy, self.clock, serial_numbers)
        self._put_decisions_together()
        self.responders = Responders(self.responder_store, self.hierarchy, self.keystore, self.clock, serial_numbers)
        self.ocsp = OCSPResponder(self.responders, self.responder_store, self.revocations, self.clock)
        self.fitting = FitChecks(self.clock)
        self.fleet = Fleet(
            self.fleet_store,
            self.ledger,
            self.issuance,
            self.clock,
            revocations=self.revocations,
            applications=self.store_of_applications,
        )
        events = self.events or InMemoryEventStore(self.issuers, self.ledger, self.account_store, self.fleet_store)
        self.sealing = Sealing(events, self.keystore, self.clock)
        self.receipts = Receipts(events, self.sealing)
        self.record = AuditLog(events, self.sealing, self.clock)
        self.handover = Handover(self.fleet, self.issuance, self.hierarchy, self.receipts)
        if self.inventory_store is None:
            assert isinstance(self.ledger, InMemoryLedger), "a real ledger needs the store that goes with it"
            self.inventory_store = InMemoryInventoryStore(self.ledger, self.issuers, self.fleet_store)
        self.inventory = Inventory(self.inventory_store, self.issuers, self.clock)
        self.revocation = Revocation(self.revocations, self.clock)
        self.doctor = Doctor(self.hierarchy, self.inventory, self.revocations, self.fetcher, self.clock)
        self.authority_revocation = AuthorityRevocation(self.revocations, self.hierarchy, self.clock)
        self.crl_import = CRLImporter(self.crls, self.revocations, self.hierarchy, self.clock)
        self.publishing = CRLPublisher(
            self.crls, self.revocations, self.hierarchy, self.keystore, self.clock, CRLPolicy(base_url=self.base_url)
        )
        passwords = Passwords(cheap_hasher())
        self.accounts = Accounts(self.account_store, passwords, self.clock)
        self.people_edges = edges_on(self.account_store)
        self.people = people_on(
            self.people_edges,
            self.accounts,
            passwords,
            self.clock,
            limits=self.session_limits,
            required_of=self.second_factor_required_of,
        )
        self.tokens = Tokens(self.account_store, self.accounts, self.clock)
        self._put_notices_together()

    def _put_notices_together(self) -> None:
        leaves = InMemoryLeafStore(self.ledger, self.fleet_store)
        sources = Sources((Authorities(self.hierarchy), Leaves(leaves, self.fleet, self.clock)))
        url, days = "https://ca.example.com", (90, 60, 30, 14, 7, 1)
        self.renewal = Renewal(self.issuance, leaves, self.fleet, self.policy, self.clock)
        self.notices = Notices(sources, self.notice_store, self.channels, self.clock, days=days, base_url=url)
        self.deliveries = Deliveries(self.notice_store, self.channels, self.clock, lambda: 0.5, url)
        self.calendars = Calendars(self.calendar_store, self.account_store, self.notices, self.clock)
        rounds = {"notices": self.notices.announce_due, "outbox": self.deliveries.deliver_due}
        table = [Job(name, timedelta(hours=1), name, work) for name, work in rounds.items()]
        self.jobs = Jobs(table, self.job_store, self.clock, lambda: 0.0)

    @property
    def store_of_applications(self) -> RequestStore:
        """The store that was given, or the one on the lists of the ledger."""
        if self.application_store is None:
            assert isinstance(self.ledger, InMemoryLedger)
            self.application_store = InMemoryApplicationStore(self.ledger)
        return self.application_store

    def _put_decisions_together(self) -> None:
        store = self.store_of_applications
        self.issuance = Issuance(
            self.ledger,
            self.hierarchy,
            self.signer,
            applications=store,
            revocations=self.revocations,
            policy=self.policy,
            clock=self.clock,
        )
        self.completing = Completion(store, self.issuance, self.signer, self.hierarchy, self.clock)
        self.applications = Requests(
            store, self.completing, self.clock, lambda seconds: self.clock.advance(seconds=seconds)
        )
        self.reviewing = Reviewing(self.issuance, self.ledger, self.clock)

    def initialised(self, plan: HierarchyPlan = PLAN) -> Lab:
        """The same, with an authority that can sign."""
        self.hierarchy.initialise(OPERATOR, plan)
        return self
