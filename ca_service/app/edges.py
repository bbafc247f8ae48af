"""The edges of an installation: what its use cases receive from outside."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.store import EventStore
from ca_service.authority.fleet.connections import ProbeRules
from ca_service.authority.fleet.node_contact import NodeClient
from ca_service.authority.fleet.probing import Prober, ServedStore
from ca_service.authority.fleet.store import FleetStore, LeafStore
from ca_service.authority.health.agreement import AgreementStore
from ca_service.authority.health.doctor import InstanceFolder
from ca_service.authority.health.published import Fetcher
from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.hierarchy.store import IssuerStore
from ca_service.authority.installation import Schema
from ca_service.authority.inventory.store import InventoryStore
from ca_service.authority.issuance.examination import Policy
from ca_service.authority.issuance.store import HostProductStore, Ledger, RequestStore
from ca_service.authority.jobs import JobStore
from ca_service.authority.key_custody import KeyStore
from ca_service.authority.notices.calendars import CalendarStore
from ca_service.authority.notices.ports import Channel, NoticeStore, Outbox
from ca_service.authority.people.passwords import Passwords
from ca_service.authority.people.sessions import SessionLimits
from ca_service.authority.people.single_sign_on import ClaimRules, IdentityProvider, IdentityStore
from ca_service.authority.people.store import AccountStore, AttemptStore, FactorStore, SecretBox, SessionStore
from ca_service.authority.revocation.store import CRLStore, ResponderStore, RevocationStore
from ca_service.authority.status.crl_publisher import CRLPolicy


class NoticeStores(NoticeStore, Outbox, Protocol):
    """Notices and the messages about them, which are written in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The decisions of the settings.

    `own_url` is the address of the pages, `public_url` the one in the settings, which may be empty; `notice_days` are
    days before an expiry; `unserved_after` is None if it is no news that a certificate is not served.
    """

    plan: HierarchyPlan
    policy: Policy
    crl_policy: CRLPolicy
    session_limits: SessionLimits
    certificate_base_url: str = ""
    own_url: str
    public_url: str = ""
    notice_days: tuple[int, ...]
    announces_requests: bool
    unserved_after: timedelta | None
    probe_rules: ProbeRules = field(default_factory=ProbeRules)
    probes_daily: bool = True
    probes_at_a_time: int = 1
    second_factor_required_of: Collection[Role] = ()
    claim_rules: ClaimRules = field(default_factory=lambda: ClaimRules("", "", {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """The stores, keys and channels of one installation, and its options. `close` gives back what they hold open.

    `session_key` returns the secret that signs cookies; it raises KeystoreError if there is none yet.
    """

    options: Options
    keystore: KeyStore
    issuers: IssuerStore
    ledger: Ledger
    requests: RequestStore
    products: HostProductStore
    revocations: RevocationStore
    crls: CRLStore
    responders: ResponderStore
    fleet: FleetStore
    served: ServedStore
    prober: Prober
    node_client: NodeClient
    leaves: LeafStore
    inventory: InventoryStore
    events: EventStore
    accounts: AccountStore
    attempts: AttemptStore
    sessions: SessionStore
    factors: FactorStore
    secret_box: SecretBox
    session_key: Callable[[], bytes]
    passwords: Passwords
    identity_provider: IdentityProvider | None = None
    identities: IdentityStore
    notices: NoticeStores
    calendars: CalendarStore
    channels: tuple[Channel, ...] = ()
    jobs: JobStore
    agreement: AgreementStore
    fetcher: Fetcher
    instance_folder: InstanceFolder
    schema: Schema
    close: Callable[[], None]
