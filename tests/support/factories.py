"""Makes what a test needs and does not care about: actors, records, a whole installation on fakes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from itertools import count
from typing import Any, Final, cast

from argon2 import PasswordHasher

from ca_service.app.composition import Randomness, Time, compose
from ca_service.app.edges import Edges, Options
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerStore
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.approval import ApprovalRule
from ca_service.authority.issuance.examination import Policy
from ca_service.authority.issuance.store import Ledger, RequestStore
from ca_service.authority.key_custody import KeyStore
from ca_service.authority.notices.ports import Channel
from ca_service.authority.people.passwords import Passwords
from ca_service.authority.people.records import AccountRecord, TokenRecord
from ca_service.authority.people.sessions import SessionLimits
from ca_service.authority.people.store import AccountStore
from ca_service.authority.revocation.store import CRLStore, ResponderStore, RevocationStore
from ca_service.authority.status.crl_publisher import CRLPolicy
from ca_service.errors import Finding
from tests.support.agreement import InMemoryAgreementStore
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
from tests.support.fleet import InMemoryFleetStore, InMemoryHostProductStore
from tests.support.inventory import InMemoryInventoryStore
from tests.support.leaf_ends import InMemoryLeafStore
from tests.support.nodes import FakeNodeClient
from tests.support.notices import (
    InMemoryCalendarStore,
    InMemoryJobStore,
    InMemoryNoticeStore,
    RecordingChannel,
)
from tests.support.openid import InMemoryIdentityStore
from tests.support.people import InMemoryAttemptStore, InMemoryFactorStore, InMemorySecretBox, InMemorySessionStore
from tests.support.probes import FakeProber, InMemoryServedStore
from tests.support.record import InMemoryEventStore
from tests.support.request_records import EVERYBODY, InMemoryRequestStore
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
    """A certificate whose bytes mean nothing, unlike every other that was made so. The same CSR has the same key."""
    number = next(_NUMBERS)
    request_fingerprint = changes.get("request_fingerprint", hashlib.sha256(b"request %d" % number).hexdigest())
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
        request_fingerprint=str(request_fingerprint),
        key_fingerprint=hashlib.sha256(b"key of %s" % str(request_fingerprint).encode()).hexdigest(),
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


class Lab(Installation):
    """An installation on fakes, or on the edges that are given; its clock stands still."""

    clock: FixedClock
    edges: Edges

    def __init__(
        self,
        *,
        clock: FixedClock | None = None,
        issuers: IssuerStore | None = None,
        keystore: KeyStore | None = None,
        ledger: Ledger | None = None,
        revocations: RevocationStore | None = None,
        crls: CRLStore | None = None,
        responder_store: ResponderStore | None = None,
        request_store: RequestStore | None = None,
        account_store: AccountStore | None = None,
        channels: tuple[Channel, ...] | None = None,
        events: EventStore | None = None,
        policy: Policy | None = None,
        session_limits: SessionLimits = _ENDLESS,
        second_factor_required_of: tuple[Role, ...] = (),
        rules: tuple[ApprovalRule, ...] = (EVERYBODY,),
        base_url: str = "",
        announces_requests: bool = True,
        unserved_after: timedelta | None = timedelta(days=3),
    ) -> None:
        """Compose it; the edges that are not given are fakes that belong together."""
        options = Options(
            plan=PLAN,
            policy=replace(policy or Policy(), rules=rules),
            crl_policy=CRLPolicy(base_url=base_url),
            session_limits=session_limits,
            certificate_base_url=base_url,
            own_url="https://ca.example.com",
            notice_days=(90, 60, 30, 14, 7, 1),
            announces_requests=announces_requests,
            unserved_after=unserved_after,
            second_factor_required_of=second_factor_required_of,
        )
        given = {
            "issuers": issuers,
            "keystore": keystore,
            "ledger": ledger,
            "revocations": revocations,
            "crls": crls,
            "responders": responder_store,
            "requests": request_store,
            "accounts": account_store,
            "channels": channels,
            "events": events,
        }
        edges = edges_in_memory(options, **{name: edge for name, edge in given.items() if edge is not None})
        time = clock or FixedClock()
        made = compose(edges, Time(time, lambda seconds: time.advance(seconds=seconds), lambda: 0.0), _repeatable())
        super().__init__(**{each.name: getattr(made, each.name) for each in fields(Installation)})
        object.__setattr__(self, "edges", edges)  # an installation is frozen

    @property
    def issuers(self) -> IssuerStore:
        """The authorities."""
        return self.edges.issuers

    @property
    def keystore(self) -> KeyStore:
        """The keys."""
        return self.edges.keystore

    @property
    def ledger(self) -> Ledger:
        """The certificates."""
        return self.edges.ledger

    @property
    def revocations(self) -> RevocationStore:
        """The revocations."""
        return self.edges.revocations

    @property
    def account_store(self) -> AccountStore:
        """The accounts."""
        return self.edges.accounts

    @property
    def notice_store(self) -> InMemoryNoticeStore:
        """The notices and their messages."""
        return cast(InMemoryNoticeStore, self.edges.notices)

    @property
    def prober(self) -> FakeProber:
        """What ports present."""
        return cast(FakeProber, self.edges.prober)

    @property
    def node_client(self) -> FakeNodeClient:
        """The nodes."""
        return cast(FakeNodeClient, self.edges.node_client)

    @property
    def fetcher(self) -> FakeFetcher:
        """What other services answer."""
        return cast(FakeFetcher, self.edges.fetcher)

    @property
    def folder(self) -> SoundFolder:
        """The instance folder."""
        return cast(SoundFolder, self.edges.instance_folder)

    @property
    def policy(self) -> Policy:
        """What is granted."""
        return self.edges.options.policy

    def initialised(self, plan: HierarchyPlan = PLAN) -> Lab:
        """The same, with an authority that can sign."""
        self.creation.initialise(OPERATOR, plan)
        return self


def _repeatable() -> Randomness:
    return Randomness(counting_serial_numbers(), lambda: 0.5)


def edges_in_memory(options: Options, **given: Any) -> Edges:
    """Edges without a disk; those that are not given are fakes that belong to the others."""

    def edge(name: str, make: Callable[[], Any]) -> Any:
        if name not in given:
            given[name] = make()
        return given[name]

    issuers, ledger = edge("issuers", InMemoryIssuerStore), edge("ledger", InMemoryLedger)
    accounts, fleet = edge("accounts", InMemoryAccountStore), edge("fleet", InMemoryFleetStore)
    edge("keystore", InMemoryKeyStore)
    revocations = edge("revocations", lambda: InMemoryRevocationStore(ledger))
    edge("crls", lambda: InMemoryCRLStore(revocations))
    edge("responders", lambda: InMemoryResponderStore(ledger))
    edge("requests", lambda: InMemoryRequestStore(ledger))
    edge("products", lambda: InMemoryHostProductStore(fleet))
    edge("served", InMemoryServedStore)
    edge("prober", FakeProber)
    edge("node_client", FakeNodeClient)
    edge("events", lambda: InMemoryEventStore(issuers, ledger, accounts, fleet))
    edge("inventory", lambda: InMemoryInventoryStore(ledger, issuers, fleet))
    edge("leaves", lambda: InMemoryLeafStore(ledger, fleet))
    edge("attempts", InMemoryAttemptStore)
    edge("sessions", lambda: InMemorySessionStore(accounts))
    edge("factors", lambda: InMemoryFactorStore())
    edge("secret_box", InMemorySecretBox)
    edge("session_key", lambda: lambda: b"k" * 32)
    edge("identities", lambda: InMemoryIdentityStore(accounts))
    edge("passwords", lambda: Passwords(cheap_hasher()))
    edge("notices", InMemoryNoticeStore)
    edge("calendars", InMemoryCalendarStore)
    edge("channels", lambda: (RecordingChannel(),))
    edge("jobs", InMemoryJobStore)
    edge("agreement", lambda: InMemoryAgreementStore(given["events"], ledger, issuers))
    edge("fetcher", FakeFetcher)
    edge("instance_folder", SoundFolder)
    edge("schema", NoSchema)
    edge("close", lambda: lambda: None)
    return Edges(options=options, **given)


class SoundFolder:
    """An instance folder with room, and sound files."""

    def __init__(self) -> None:
        self.space = 10 * 1024**3
        self.faults: tuple[Finding, ...] = ()

    def find_faults(self) -> tuple[Finding, ...]:
        """See the port."""
        return self.faults

    def free(self) -> int:
        """See the port."""
        return self.space


class NoSchema:
    """The schema of stores in memory: always the newest."""

    def current(self) -> str:
        """See the port."""
        return "head"

    def head(self) -> str:
        """See the port."""
        return "head"

    def require_current(self) -> None:
        """See the port."""

    def upgrade(self) -> tuple[str, str]:
        """See the port."""
        return "head", "head"

    def installation_id(self) -> str:
        """See the port."""
        return "1" * 32

    def differences(self) -> list[str]:
        """See the port."""
        return []

    def remarks(self) -> tuple[Finding, ...]:
        """See the port."""
        return ()

    def index_new(self) -> int:
        """See the port."""
        return 0

    def try_write(self) -> None:
        """See the port."""

    def gather_statistics(self) -> int:
        """See the port."""
        return 0
