"""The closed list of audit events; each is written in the transaction that it describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from ca_service.authority.access.permissions import Actor


class Event(StrEnum):
    """The name of an audit event."""

    AUTHORITY_CREATED = "authority.created"
    AUTHORITY_IMPORTED = "authority.imported"
    AUTHORITY_REQUESTED = "authority.requested"
    AUTHORITY_INSTALLED = "authority.installed"
    ROOT_KEY_EXPORTED = "root-key.exported"
    ROOT_KEY_REMOVED = "root-key.removed"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_REVOKED = "certificate.revoked"
    CERTIFICATE_HELD = "certificate.held"
    CERTIFICATE_RELEASED = "certificate.released"
    AUTHORITY_REVOKED = "authority.revoked"
    CRL_PUBLISHED = "crl.published"
    CRL_IMPORTED = "crl.imported"
    RESPONDER_CERTIFIED = "responder.certified"
    REQUEST_SUBMITTED = "request.submitted"
    REQUEST_APPROVED = "request.approved"
    REQUEST_REFUSED = "request.refused"
    REQUEST_WITHDRAWN = "request.withdrawn"
    REQUEST_ISSUED = "request.issued"
    REQUEST_FAILED = "request.failed"
    CLUSTER_CREATED = "cluster.created"
    CLUSTER_CHANGED = "cluster.changed"
    CLUSTER_REMOVED = "cluster.removed"
    REQUEST_PLACED = "request.placed"
    STEP_DONE = "step.done"
    STEP_UNDONE = "step.undone"
    NODE_SIGN_IN_TRIED = "node.sign-in-tried"
    NODE_SIGN_IN_REFUSED = "node.sign-in-refused"
    NODE_SIGN_INS_DELAYED = "node.sign-ins-delayed"
    NODE_CSR_ORDERED = "node.csr-ordered"
    NODE_TRUST_SENT = "node.trust-sent"
    NODE_IDENTITY_SENT = "node.identity-sent"
    SETUP_LINK_MADE = "setup-link.made"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_CHANGED = "account.changed"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - the name of an event
    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"
    SIGN_IN_FAILED = "sign-in.failed"
    SIGN_IN_DELAYED = "sign-in.delayed"
    SIGN_IN_CONFIRMED = "sign-in.confirmed"
    SESSIONS_ENDED = "sessions.ended"
    ACCOUNT_UNLOCKED = "account.unlocked"
    ACCOUNT_LINK_MADE = "account-link.made"
    FACTOR_ADDED = "second-factor.added"
    FACTOR_REMOVED = "second-factor.removed"
    RECOVERY_CODES_MADE = "recovery-codes.made"
    RECOVERY_CODE_USED = "recovery-code.used"
    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the name of an event
    CALENDAR_MADE = "calendar.made"
    CALENDAR_REVOKED = "calendar.revoked"
    MESSAGES_RETRIED = "messages.retried"
    NOTICES_TESTED = "notices.tested"
    AUDIT_LOG_EXPORTED = "record.exported"
    CLOCK_CONFIRMED = "clock.confirmed"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """An audit event: time (UTC), name, actor, subject, origin, and details; never a secret."""

    at: datetime
    event: Event
    actor: str
    subject: str
    details: Mapping[str, str | int] = field(default_factory=dict)
    origin: str = ""

    @classmethod
    def by(cls, actor: Actor, at: datetime, event: Event, subject: str, **details: str | int) -> Self:
        """Return the event for an action of this actor, with the actor's origin."""
        return cls(at, event, actor.name, subject, details, actor.origin)
