"""Knows what one installation can do: the use cases together, as the doors receive them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

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
from ca_service.authority.inventory.inventory import Inventory
from ca_service.authority.issuance.completion import Completion
from ca_service.authority.issuance.decisions import Requests
from ca_service.authority.issuance.fit_checks import FitChecks
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.issuance.review import Reviewing
from ca_service.authority.jobs import Jobs
from ca_service.authority.notices.announcing import Notices
from ca_service.authority.notices.calendars import Calendars
from ca_service.authority.notices.delivering import Deliveries
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.house import People
from ca_service.authority.people.single_sign_on import SingleSignOn
from ca_service.authority.people.tokens import Tokens
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.authorities import AuthorityRevocation
from ca_service.authority.revocation.revoking import Revocation
from ca_service.authority.status.crl_importer import CRLImporter
from ca_service.authority.status.crl_publisher import CRLPublisher
from ca_service.authority.status.ocsp_responder import OCSPResponder
from ca_service.authority.status.responders import Responders
from ca_service.errors import Finding


class Schema(Protocol):
    """The version of what is stored."""

    def current(self) -> str:
        """The version that is there; empty for none."""

    def head(self) -> str:
        """The version that this program needs."""

    def require_current(self) -> None:
        """Raise NotReady, with what to do, unless the two are the same."""

    def upgrade(self) -> tuple[str, str]:
        """Bring it up to date; (before, after)."""

    def differences(self) -> list[str]:
        """Where the tables differ from what this program expects."""

    def remarks(self) -> tuple[Finding, ...]:
        """What works, and could work better."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The use cases of one installation. `plan` is what the settings say of a new authority.

    `single_sign_on` is there where they name a provider. `close` gives back what is open, before the
    process forks or ends.
    """

    hierarchy: Hierarchy
    external: ExternalAuthorities
    custody: RootKey
    issuance: Issuance
    applications: Requests
    completing: Completion
    reviewing: Reviewing
    inventory: Inventory
    fitting: FitChecks
    fleet: Fleet
    handover: Handover
    revocation: Revocation
    authority_revocation: AuthorityRevocation
    crl_import: CRLImporter
    publishing: CRLPublisher
    doctor: Doctor
    responders: Responders
    ocsp: OCSPResponder
    accounts: Accounts
    people: People
    tokens: Tokens
    single_sign_on: SingleSignOn | None
    renewal: Renewal
    notices: Notices
    deliveries: Deliveries
    calendars: Calendars
    jobs: Jobs
    record: AuditLog
    sealing: Sealing
    receipts: Receipts
    schema: Schema
    plan: HierarchyPlan
    clock: Clock
    close: Callable[[], None]
