"""The use cases of one installation, and the part of them that each interface receives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, TypeVar

from ca_service.authority.audit.clock_check import ClockCheck
from ca_service.authority.audit.log import AuditLog
from ca_service.authority.audit.receipts import Receipts
from ca_service.authority.audit.seals import Sealing
from ca_service.authority.checks import Readiness
from ca_service.authority.fleet.clusters import Fleet
from ca_service.authority.fleet.handover import Handover
from ca_service.authority.fleet.node_commands import NodeCommands
from ca_service.authority.fleet.node_driver import NodeDriver
from ca_service.authority.fleet.probing import Probes
from ca_service.authority.fleet.renewal import Renewal
from ca_service.authority.health.agreement import Agreement
from ca_service.authority.health.arrival import Arrival
from ca_service.authority.health.doctor import Doctor
from ca_service.authority.hierarchy.creation import AuthorityCreation
from ca_service.authority.hierarchy.external import ExternalAuthorities
from ca_service.authority.hierarchy.hierarchy import Hierarchy
from ca_service.authority.hierarchy.identity import Identity
from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.hierarchy.rollover import Rollover
from ca_service.authority.hierarchy.root_key import RootKey
from ca_service.authority.inventory.inventory import Inventory
from ca_service.authority.issuance.completion import Completion
from ca_service.authority.issuance.decisions import Requests
from ca_service.authority.issuance.fit_checks import FitChecks
from ca_service.authority.issuance.host_products import HostProducts
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.jobs import Jobs
from ca_service.authority.notices.announcing import Notices
from ca_service.authority.notices.calendars import Calendars
from ca_service.authority.notices.delivering import Deliveries
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.factors import SecondFactors
from ca_service.authority.people.links import Links, Rescue
from ca_service.authority.people.passkeys import Passkeys
from ca_service.authority.people.sessions import Sessions
from ca_service.authority.people.signing_in import SigningIn
from ca_service.authority.people.single_sign_on import SingleSignOn
from ca_service.authority.people.tokens import Tokens
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.authorities import AuthorityRevocation
from ca_service.authority.revocation.revoking import Revocation
from ca_service.authority.revocation.trust import TrustedAuthorities
from ca_service.authority.status.crl_importer import CRLImporter
from ca_service.authority.status.crl_publisher import CRLPublisher
from ca_service.authority.status.ocsp_responder import OCSPResponder
from ca_service.authority.status.responders import Responders
from ca_service.errors import Finding


class Schema(Protocol):
    """The version of the stored data."""

    def current(self) -> str:
        """Return the stored version; empty for none."""

    def installation_id(self) -> str:
        """Return the id of the installation, which the database has from its first commit."""

    def head(self) -> str:
        """Return the version that this program needs."""

    def require_current(self) -> None:
        """Raise NotReady, with the remedy, unless the two are the same."""

    def upgrade(self) -> tuple[str, str]:
        """Upgrade the stored data; return (before, after)."""

    def differences(self) -> list[str]:
        """Return the differences between the tables and what this program expects."""

    def remarks(self) -> tuple[Finding, ...]:
        """Return hints about settings that work but could be better."""

    def index_new(self) -> int:
        """Add new rows to the search indexes that no transaction keeps; return their number."""

    def try_write(self) -> None:
        """Write a row in a transaction that is rolled back. Raises NotReady if that fails."""

    def gather_statistics(self) -> int:
        """Let the database count its rows, which is how it chooses between its indexes; return the number of tables."""


@dataclass(frozen=True, kw_only=True)
class PublicServices:
    """The use cases for relying parties, calendars and monitoring: they change no certificate and no account.

    `close` returns connections and locks, before the process forks or ends.
    """

    hierarchy: Hierarchy
    trusted: TrustedAuthorities
    crl_publisher: CRLPublisher
    ocsp_responder: OCSPResponder
    receipts: Receipts
    notices: Notices
    deliveries: Deliveries
    calendars: Calendars
    jobs: Jobs
    tokens: Tokens
    arrival: Arrival
    schema: Schema
    identity: Identity
    readiness: Readiness
    clock: Clock
    close: Callable[[], None]

    def require_ready(self) -> None:
        """Raise NotReady unless the database is there, up to date, and the one to which the keys belong."""
        self.identity.require_no_loss()
        self.schema.require_current()
        self.identity.require_same()


@dataclass(frozen=True, kw_only=True)
class APIServices(PublicServices):
    """The use cases for scripts: everything about certificates and clusters, the health of the
    installation, nothing about accounts."""

    issuance: Issuance
    requests: Requests
    fit_checks: FitChecks
    probes: Probes
    node_commands: NodeCommands
    node_driver: NodeDriver
    host_products: HostProducts
    inventory: Inventory
    revocation: Revocation
    renewal: Renewal
    fleet: Fleet
    handover: Handover
    audit_log: AuditLog
    doctor: Doctor


@dataclass(frozen=True, kw_only=True)
class Installation(APIServices):
    """All use cases of one installation, for the pages and the command line.

    `plan` is the plan of a new authority from the settings. `single_sign_on` is None without a provider.
    """

    agreement: Agreement
    clock_check: ClockCheck
    creation: AuthorityCreation
    external: ExternalAuthorities
    rollover: Rollover
    root_key: RootKey
    completion: Completion
    authority_revocation: AuthorityRevocation
    crl_importer: CRLImporter
    responders: Responders
    accounts: Accounts
    signing_in: SigningIn
    sessions: Sessions
    second_factors: SecondFactors
    passkeys: Passkeys
    links: Links
    rescue: Rescue
    single_sign_on: SingleSignOn | None
    sealing: Sealing
    plan: HierarchyPlan


Services = TypeVar("Services", bound=PublicServices)


def narrow(installation: Installation, to: type[Services]) -> Services:
    """Return only the use cases that this interface receives."""
    return to(**{each.name: getattr(installation, each.name) for each in fields(to)})
