"""Makes what a test needs and does not care about: actors, records, a whole authority on fakes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Final, cast

from argon2 import PasswordHasher

from ca_service.authority.accounts import Accounts
from ca_service.authority.audit import AuditEvent, Event
from ca_service.authority.custody import RootCustody
from ca_service.authority.external import ExternalAuthorities
from ca_service.authority.fitting import Fitting
from ca_service.authority.fleet.clusters import Fleet
from ca_service.authority.fleet.handover import Handover
from ca_service.authority.fleet.store import FleetStore
from ca_service.authority.hierarchy import Hierarchy, HierarchyPlan
from ca_service.authority.inventory.inventory import Inventory
from ca_service.authority.inventory.store import InventoryStore
from ca_service.authority.issuance import Issuance
from ca_service.authority.permissions import Actor, Role
from ca_service.authority.ports import AccountStore, IssuerStore, KeyStore, Ledger
from ca_service.authority.records import AccountRecord, CertificateRecord, IssuerRecord, TokenRecord
from ca_service.authority.registration import Policy
from ca_service.authority.revocation.answering import Answering
from ca_service.authority.revocation.authorities import AuthorityRevocation
from ca_service.authority.revocation.importing import Importing
from ca_service.authority.revocation.publishing import CRLPolicy, Publishing
from ca_service.authority.revocation.responders import Responders
from ca_service.authority.revocation.revoking import Revocation
from ca_service.authority.revocation.store import CRLStore, ResponderStore, RevocationStore
from ca_service.authority.tokens import Tokens
from tests.support.fakes import (
    NOON,
    FixedClock,
    InMemoryAccountStore,
    InMemoryIssuerStore,
    InMemoryKeyStore,
    InMemoryLedger,
    counting_serial_numbers,
)
from tests.support.fleet import InMemoryFleetStore
from tests.support.inventory import InMemoryInventoryStore
from tests.support.revocation import InMemoryCRLStore, InMemoryResponderStore, InMemoryRevocationStore

PASSWORD: Final = "correct horse battery staple"
OPERATOR: Final = Actor(None, "operator", Role.ADMINISTRATOR, "command line")
PLAN: Final = HierarchyPlan(name="Example Lab", root_curve="P-256", intermediate_curve="P-256")
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
    policy: Policy = field(default_factory=Policy)
    base_url: str = ""
    hierarchy: Hierarchy = field(init=False)
    external: ExternalAuthorities = field(init=False)
    custody: RootCustody = field(init=False)
    issuance: Issuance = field(init=False)
    inventory: Inventory = field(init=False)
    fitting: Fitting = field(init=False)
    fleet: Fleet = field(init=False)
    handover: Handover = field(init=False)
    revocation: Revocation = field(init=False)
    authority_revocation: AuthorityRevocation = field(init=False)
    crl_import: Importing = field(init=False)
    publishing: Publishing = field(init=False)
    responders: Responders = field(init=False)
    ocsp: Answering = field(init=False)
    accounts: Accounts = field(init=False)
    tokens: Tokens = field(init=False)

    def __post_init__(self) -> None:
        """Put the use cases together."""
        serial_numbers = counting_serial_numbers()
        self.hierarchy = Hierarchy(self.issuers, self.keystore, self.clock, serial_numbers, self.base_url)
        self.external = ExternalAuthorities(self.issuers, self.keystore, self.clock)
        self.custody = RootCustody(self.issuers, self.keystore, self.clock)
        if self.revocations is None:  # the one that goes with the ledger
            assert isinstance(self.ledger, InMemoryLedger), "a real ledger needs the store that goes with it"
            self.revocations = InMemoryRevocationStore(self.ledger)
            self.crls = InMemoryCRLStore(self.revocations)
            self.responder_store = InMemoryResponderStore(self.ledger)
        self.issuance = Issuance(self.ledger, self.revocations, self.hierarchy, self.policy, self.clock, serial_numbers)
        self.responders = Responders(self.responder_store, self.hierarchy, self.keystore, self.clock, serial_numbers)
        self.ocsp = Answering(self.responders, self.responder_store, self.revocations, self.clock)
        self.fitting = Fitting(self.clock)
        self.fleet = Fleet(self.fleet_store, self.ledger, self.issuance, self.clock)
        self.handover = Handover(self.fleet, self.issuance, self.hierarchy)
        if self.inventory_store is None:
            assert isinstance(self.ledger, InMemoryLedger), "a real ledger needs the store that goes with it"
            self.inventory_store = InMemoryInventoryStore(self.ledger, self.issuers, self.fleet_store)
        self.inventory = Inventory(self.inventory_store, self.issuers, self.clock)
        self.revocation = Revocation(self.revocations, self.clock)
        self.authority_revocation = AuthorityRevocation(self.revocations, self.hierarchy, self.clock)
        self.crl_import = Importing(self.crls, self.revocations, self.hierarchy, self.clock)
        self.publishing = Publishing(
            self.crls, self.revocations, self.hierarchy, self.keystore, self.clock, CRLPolicy(base_url=self.base_url)
        )
        self.accounts = Accounts(self.account_store, cheap_hasher(), self.clock)
        self.tokens = Tokens(self.account_store, self.accounts, self.clock)

    def initialised(self, plan: HierarchyPlan = PLAN) -> Lab:
        """The same, with an authority that can sign."""
        self.hierarchy.initialise(OPERATOR, plan)
        return self
