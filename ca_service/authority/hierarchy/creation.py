"""The creation of root and intermediate, step by step.

The states of a new authority, each reached by one atomic write, and each a place to continue from:

    nothing -> root key stored -> root recorded -> intermediate key stored -> intermediate recorded

Only `initialise` moves them, one process at a time. After a crash between any two of them the next
`initialise` continues from there; it never creates or replaces anything that already exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.clock_check import ClockCheck
from ca_service.authority.audit.events import Event
from ca_service.authority.hierarchy.certifying import Certifier, created_event
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.plan import HierarchyPlan, check_plan, fresh_name, subject_of
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerRole, IssuerStore, find_waiting
from ca_service.authority.key_custody import KeyStore, signer_of
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, Rule

AUTHORITY_PENDING: Final = Rule(
    "authority.pending",
    "The intermediate {name} is waiting for its certificate from an external root.",
    "Finish it with `ca-service ca install`, or show its CSR with `ca-service ca request`.",
)
AUTHORITY_EXISTS: Final = Rule(
    "authority.exists",
    "An authority already exists here: {name}.",
    "An authority is never overwritten. For the next intermediate below the same root, use `ca-service ca rollover`, "
    "or `ca-service ca request --next` if others sign it; for another authority, another instance folder "
    "(CA_SERVICE_INSTANCE_PATH).",
)


class AuthorityCreation:
    """Creates authorities whose keys are made here."""

    def __init__(
        self, issuers: IssuerStore, keystore: KeyStore, clock: Clock, clock_check: ClockCheck, certifier: Certifier
    ) -> None:
        self._issuers = issuers
        self._keystore = keystore
        self._clock = clock
        self._clock_check = clock_check
        self._certifier = certifier

    def initialise(self, actor: Actor, plan: HierarchyPlan) -> tuple[IssuerRecord, ...]:
        """Create root and intermediate as far as they are missing; return what was created.

        Raises InvalidInput for an invalid plan, Conflict if the creation of another authority has already
        started here, NotReady if the clock is behind the audit log.
        """
        require(actor, Action.AUTHORITY)
        check_plan(plan)
        with self._issuers.exclusively():
            records = self._issuers.list_issuers()
            if _is_complete(records, plan):
                return ()
            self._clock_check.require_right(self._clock())
            created = list[IssuerRecord]()
            root = next((record for record in records if record.role == "root"), None)
            if root is None:
                root = self._root(actor, plan)
                created.append(root)
            return (*created, self._intermediate(actor, plan, root))

    def _root(self, actor: Actor, plan: HierarchyPlan) -> IssuerRecord:
        record = _first("root", plan.name or fresh_name(), self._clock(), None)
        return self._recorded(actor, self._certifier.root(record, plan.root_curve, plan.root_days))

    def _intermediate(self, actor: Actor, plan: HierarchyPlan, root: IssuerRecord) -> IssuerRecord:
        record = _first("intermediate", root.name, self._clock(), root)
        signer = signer_of(self._keystore, root.key_id, certificate_of(root).public_key())
        made = self._certifier.intermediate(record, plan.intermediate_curve, plan.intermediate_days, root, signer)
        return self._recorded(actor, made)

    def _recorded(self, actor: Actor, record: IssuerRecord) -> IssuerRecord:
        self._issuers.save_issuers([record], created_event(Event.AUTHORITY_CREATED, actor, record))
        return record


def _first(role: IssuerRole, name: str, at: datetime, parent: IssuerRecord | None) -> IssuerRecord:
    """Return an authority of the first generation, without a certificate; it has the name of its key."""
    return IssuerRecord(
        id=f"{role}-g1",
        role=role,
        generation=1,
        name=name,
        created_at=at,
        key_id=f"{role}-g1",
        parent_id=parent.id if parent else None,
        is_issuing=parent is not None,
    )


def _is_complete(records: Sequence[IssuerRecord], plan: HierarchyPlan) -> bool:
    """Return whether there is an authority already. Raises Conflict if it is not the one of the plan."""
    is_complete = any(record.is_issuing for record in records)
    pending = find_waiting(records)
    if pending is not None and not is_complete:
        raise Conflict.because(AUTHORITY_PENDING, name=pending.id)
    if plan.name and any(record.name != plan.name and _was_made_here(record) for record in records):
        raise Conflict.because(AUTHORITY_EXISTS, name=records[0].name)
    return is_complete


def _was_made_here(record: IssuerRecord) -> bool:
    """Return whether the authority was created here, by `initialise`: imported ones never have the name of a plan."""
    is_first = record.generation == 1
    return is_first and certificate_of(record).subject == subject_of(record.name, record.role, record.generation)
