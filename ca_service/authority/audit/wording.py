"""Sentences for audit events: one row for each, with its category, its sentence, and the kind of its subject.

A sentence is filled with the subject and the details of the event. The actor is shown separately.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter
from typing import Final

from ca_service.authority.audit.entries import RecordedEvent
from ca_service.authority.audit.events import Event
from ca_service.vos.phrases import Phrase


class Category(StrEnum):
    """A category of events, to filter the list."""

    AUTHORITY = "authority"
    CERTIFICATES = "certificates"
    REQUESTS = "requests"
    REVOCATION = "revocation"
    CLUSTERS = "clusters"
    ACCOUNTS = "accounts"
    SIGN_INS = "sign-ins"
    TOKENS = "tokens"
    NOTICES = "notices"
    AUDIT_LOG = "audit-log"


class About(StrEnum):
    """The kind of an event's subject."""

    AUTHORITY = "authority"
    CERTIFICATE = "certificate"
    REQUEST = "request"
    CLUSTER = "cluster"
    ACCOUNT = "account"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Wording:
    """The row of an event. `sentence` is a template for `subject` and the details."""

    category: Category
    about: About
    sentence: str


_AUTHORITY: Final = (Category.AUTHORITY, About.AUTHORITY)
_REQUESTS: Final = (Category.REQUESTS, About.REQUEST)
_REVOCATION: Final = (Category.REVOCATION, About.CERTIFICATE)
_LISTS: Final = (Category.REVOCATION, About.AUTHORITY)
_CLUSTERS: Final = (Category.CLUSTERS, About.CLUSTER)
_NODES: Final = (Category.CLUSTERS, About.NOTHING)
_ACCOUNTS: Final = (Category.ACCOUNTS, About.ACCOUNT)
_SIGN_INS: Final = (Category.SIGN_INS, About.ACCOUNT)
_TOKENS: Final = (Category.TOKENS, About.ACCOUNT)
_NO_SUBJECT: Final = (Category.AUDIT_LOG, About.NOTHING)

#: A test checks that every event has its row.
WORDING: Final[Mapping[str, Wording]] = {
    Event.AUTHORITY_CREATED: Wording(*_AUTHORITY, "The authority {subject} was created."),
    Event.AUTHORITY_IMPORTED: Wording(*_AUTHORITY, "The authority {subject} was imported."),
    Event.AUTHORITY_REQUESTED: Wording(*_AUTHORITY, "A certificate for the authority {subject} was requested."),
    Event.AUTHORITY_INSTALLED: Wording(*_AUTHORITY, "The certificate of the authority {subject} was installed."),
    Event.ROOT_KEY_EXPORTED: Wording(*_AUTHORITY, "The key of {subject} was exported."),
    Event.ROOT_KEY_REMOVED: Wording(*_AUTHORITY, "The key of {subject} was removed from this machine."),
    Event.CERTIFICATE_ISSUED: Wording(Category.CERTIFICATES, About.CERTIFICATE, "A certificate for {host} was issued."),
    Event.CERTIFICATE_REVOKED: Wording(*_REVOCATION, "The certificate of {host} was revoked: {reason}."),
    Event.CERTIFICATE_HELD: Wording(*_REVOCATION, "The certificate of {host} was put on hold."),
    Event.CERTIFICATE_RELEASED: Wording(*_REVOCATION, "The certificate of {host} was released from hold."),
    Event.AUTHORITY_REVOKED: Wording(*_LISTS, "The authority {subject} was revoked: {reason}."),
    Event.CRL_PUBLISHED: Wording(*_LISTS, "CRL {number} of {subject} was published."),
    Event.CRL_IMPORTED: Wording(*_LISTS, "CRL {number} of {subject} was imported."),
    Event.RESPONDER_CERTIFIED: Wording(
        Category.REVOCATION, About.NOTHING, "An OCSP signer for {issuer} was certified."
    ),
    Event.CLUSTER_CREATED: Wording(*_CLUSTERS, "The cluster {subject} was created."),
    Event.CLUSTER_CHANGED: Wording(*_CLUSTERS, "The cluster {subject} was changed."),
    Event.CLUSTER_REMOVED: Wording(*_CLUSTERS, "The cluster {subject} was removed."),
    Event.REQUEST_SUBMITTED: Wording(*_REQUESTS, "A request for {host} was submitted and waits for a decision."),
    Event.REQUEST_APPROVED: Wording(*_REQUESTS, "Request {subject} for {host} was approved."),
    Event.REQUEST_REFUSED: Wording(*_REQUESTS, "Request {subject} for {host} was refused."),
    Event.REQUEST_WITHDRAWN: Wording(*_REQUESTS, "Request {subject} for {host} was withdrawn."),
    Event.REQUEST_ISSUED: Wording(*_REQUESTS, "The certificate for request {subject} ({host}) was issued."),
    Event.REQUEST_FAILED: Wording(*_REQUESTS, "Request {subject} for {host} could not be signed."),
    Event.REQUEST_PLACED: Wording(*_CLUSTERS, "A CSR of {node} was placed in the cluster {subject}."),
    Event.STEP_DONE: Wording(*_CLUSTERS, "\u201c{title}\u201d in the cluster {subject} was marked as done."),
    Event.STEP_UNDONE: Wording(*_CLUSTERS, "The mark of \u201c{title}\u201d in the cluster {subject} was removed."),
    Event.NODE_SIGN_IN_TRIED: Wording(*_NODES, "Name and password of {user} were sent to {subject}."),
    Event.NODE_SIGN_IN_REFUSED: Wording(*_NODES, "{subject} refused name and password of {user}."),
    Event.NODE_CSR_ORDERED: Wording(*_NODES, "A CSR for {purpose} was ordered from {subject}."),
    Event.NODE_TRUST_SENT: Wording(*_NODES, "The authority {name} was sent to {store} of {subject}."),
    Event.NODE_IDENTITY_SENT: Wording(*_NODES, "The certificate {serial} was sent to {subject} as {purpose}."),
    Event.SETUP_LINK_MADE: Wording(
        Category.ACCOUNTS, About.NOTHING, "A set-up link for the first administrator was created."
    ),
    Event.ACCOUNT_CREATED: Wording(*_ACCOUNTS, "The account {subject} was created with the role {role}."),
    Event.ACCOUNT_CHANGED: Wording(*_ACCOUNTS, "The account {subject} was changed."),
    Event.PASSWORD_CHANGED: Wording(*_ACCOUNTS, "The account {subject} got a new password."),
    Event.SIGNED_IN: Wording(*_SIGN_INS, "{subject} signed in."),
    Event.SIGNED_OUT: Wording(*_SIGN_INS, "{subject} signed out."),
    Event.SIGN_IN_FAILED: Wording(*_SIGN_INS, "Sign-in as {subject} failed."),
    Event.SIGN_IN_DELAYED: Wording(*_SIGN_INS, "Sign-in as {subject} is delayed after too many attempts."),
    Event.NODE_SIGN_INS_DELAYED: Wording(*_SIGN_INS, "Runs of {subject} on nodes are delayed after refused passwords."),
    Event.SIGN_IN_CONFIRMED: Wording(*_SIGN_INS, "{subject} re-authenticated."),
    Event.SESSIONS_ENDED: Wording(*_SIGN_INS, "Sessions of {subject} were ended."),
    Event.ACCOUNT_UNLOCKED: Wording(*_ACCOUNTS, "The sign-in delay of {subject} was ended."),
    Event.ACCOUNT_LINK_MADE: Wording(*_ACCOUNTS, "A link for {subject} to choose a password was created."),
    Event.FACTOR_ADDED: Wording(*_ACCOUNTS, "A second factor of {subject} was added: {kind}."),
    Event.FACTOR_REMOVED: Wording(*_ACCOUNTS, "A second factor of {subject} was removed: {kind}."),
    Event.RECOVERY_CODES_MADE: Wording(*_ACCOUNTS, "Recovery codes for {subject} were created."),
    Event.RECOVERY_CODE_USED: Wording(*_ACCOUNTS, "A recovery code of {subject} was used."),
    Event.TOKEN_CREATED: Wording(*_TOKENS, "A token of {subject} was created: {prefix}…"),
    Event.TOKEN_REVOKED: Wording(*_TOKENS, "A token of {subject} was revoked: {prefix}…"),
    Event.CALENDAR_MADE: Wording(*_TOKENS, "A calendar link was created for {subject}."),
    Event.CALENDAR_REVOKED: Wording(*_TOKENS, "The calendar link of {subject} was revoked."),
    Event.MESSAGES_RETRIED: Wording(Category.NOTICES, About.NOTHING, "Failed messages are sent again."),
    Event.NOTICES_TESTED: Wording(Category.NOTICES, About.NOTHING, "A test message was sent to every recipient."),
    Event.AUDIT_LOG_EXPORTED: Wording(*_NO_SUBJECT, "The audit log was exported: {subject}."),
    Event.CLOCK_CONFIRMED: Wording(
        *_NO_SUBJECT, "The clock was confirmed to be right, although the audit log has events up to {latest}."
    ),
}
#: What was changed of an account, by the name of its detail.
_ACCOUNT_CHANGES: Final = {
    "role": Wording(*_ACCOUNTS, "The role of {subject} was changed to {role}."),
    "access": Wording(*_ACCOUNTS, "The account {subject} was {access}."),
}
_UNKNOWN: Final = Wording(Category.AUDIT_LOG, About.NOTHING, "An event that this program does not know: {subject}.")


def wording_of(event: RecordedEvent) -> Wording:
    """Return the row of this event, or the row for unknown events."""
    if event.event == Event.ACCOUNT_CHANGED:
        known = (_ACCOUNT_CHANGES[name] for name in event.details if name in _ACCOUNT_CHANGES)
        return next(known, WORDING[Event.ACCOUNT_CHANGED])
    return WORDING.get(event.event, _UNKNOWN)


def sentence_of(event: RecordedEvent) -> Phrase:
    """Return the event as a sentence, to be translated before it is filled."""
    earlier = {"title": event.details.get("step", "?")}  # what an older event of a step has in its place
    return Phrase((wording_of(event).sentence, _Values({**earlier, **event.details, "subject": event.subject})))


def detail_names(event: RecordedEvent) -> frozenset[str]:
    """Return the names of the details that the sentence of this event contains."""
    return frozenset(name for _, name, _, _ in Formatter().parse(wording_of(event).sentence) if name)


def events_of(category: Category) -> tuple[str, ...]:
    """Return the names of the events of a category."""
    return tuple(str(name) for name, wording in WORDING.items() if wording.category is category)


def events_about(about: About) -> tuple[str, ...]:
    """Return the names of the events with such a subject."""
    return tuple(str(name) for name, wording in WORDING.items() if wording.about is about)


class _Values(dict[str, object]):
    """The values for a sentence; a missing value becomes a question mark."""

    def __missing__(self, name: str) -> str:
        return "?"
