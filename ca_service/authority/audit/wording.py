"""Knows how each event is told: one row for each, with its category, its sentence, and what it is about.

A sentence is filled in with the subject and the details of the event. It does not say who did it: that stands beside.
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
    """What the list can be narrowed down to."""

    AUTHORITY = "authority"
    CERTIFICATES = "certificates"
    REQUESTS = "requests"
    REVOCATION = "revocation"
    CLUSTERS = "clusters"
    ACCOUNTS = "accounts"
    SIGN_INS = "sign-ins"
    TOKENS = "tokens"
    NOTICES = "notices"
    RECORD = "record"


class About(StrEnum):
    """What the subject of an event names."""

    AUTHORITY = "authority"
    CERTIFICATE = "certificate"
    REQUEST = "request"
    CLUSTER = "cluster"
    ACCOUNT = "account"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Wording:
    """How an event is told. `sentence` is a template for `subject` and the details."""

    category: Category
    about: About
    sentence: str


_AUTHORITY: Final = (Category.AUTHORITY, About.AUTHORITY)
_REQUESTS: Final = (Category.REQUESTS, About.REQUEST)
_REVOCATION: Final = (Category.REVOCATION, About.CERTIFICATE)
_LISTS: Final = (Category.REVOCATION, About.AUTHORITY)
_CLUSTERS: Final = (Category.CLUSTERS, About.CLUSTER)
_ACCOUNTS: Final = (Category.ACCOUNTS, About.ACCOUNT)
_SIGN_INS: Final = (Category.SIGN_INS, About.ACCOUNT)
_TOKENS: Final = (Category.TOKENS, About.ACCOUNT)

#: Every event has its row: a test looks after that.
WORDING: Final[Mapping[str, Wording]] = {
    Event.AUTHORITY_CREATED: Wording(*_AUTHORITY, "The authority {subject} was created."),
    Event.AUTHORITY_IMPORTED: Wording(*_AUTHORITY, "The authority {subject} was taken over."),
    Event.AUTHORITY_REQUESTED: Wording(*_AUTHORITY, "A certificate for the authority {subject} was requested."),
    Event.AUTHORITY_INSTALLED: Wording(*_AUTHORITY, "The certificate of the authority {subject} was installed."),
    Event.ROOT_KEY_EXPORTED: Wording(*_AUTHORITY, "The key of {subject} was exported."),
    Event.ROOT_KEY_REMOVED: Wording(*_AUTHORITY, "The key of {subject} was removed from here."),
    Event.CERTIFICATE_ISSUED: Wording(Category.CERTIFICATES, About.CERTIFICATE, "A certificate for {host} was issued."),
    Event.CERTIFICATE_REVOKED: Wording(*_REVOCATION, "The certificate of {host} was revoked: {reason}."),
    Event.CERTIFICATE_HELD: Wording(*_REVOCATION, "The certificate of {host} was put on hold."),
    Event.CERTIFICATE_RELEASED: Wording(*_REVOCATION, "The hold of the certificate of {host} was ended."),
    Event.AUTHORITY_REVOKED: Wording(*_LISTS, "The authority {subject} was revoked: {reason}."),
    Event.CRL_PUBLISHED: Wording(*_LISTS, "The revocation list {number} of {subject} was published."),
    Event.CRL_IMPORTED: Wording(*_LISTS, "The revocation list {number} of {subject} was imported."),
    Event.RESPONDER_CERTIFIED: Wording(
        Category.REVOCATION, About.NOTHING, "A signer of OCSP answers for {issuer} was certified."
    ),
    Event.CLUSTER_CREATED: Wording(*_CLUSTERS, "The cluster {subject} was created."),
    Event.CLUSTER_CHANGED: Wording(*_CLUSTERS, "The cluster {subject} was changed."),
    Event.CLUSTER_REMOVED: Wording(*_CLUSTERS, "The cluster {subject} was removed."),
    Event.REQUEST_SUBMITTED: Wording(*_REQUESTS, "A request for {host} was submitted; it waits for a decision."),
    Event.REQUEST_APPROVED: Wording(*_REQUESTS, "The request {subject} for {host} was approved."),
    Event.REQUEST_REFUSED: Wording(*_REQUESTS, "The request {subject} for {host} was refused."),
    Event.REQUEST_WITHDRAWN: Wording(*_REQUESTS, "The request {subject} for {host} was withdrawn."),
    Event.REQUEST_ISSUED: Wording(*_REQUESTS, "The request {subject} for {host} got its certificate."),
    Event.REQUEST_FAILED: Wording(*_REQUESTS, "The request {subject} for {host} could not be signed."),
    Event.REQUEST_PLACED: Wording(*_CLUSTERS, "A request of {node} was put into the cluster {subject}."),
    Event.STEP_DONE: Wording(*_CLUSTERS, "A step in the cluster {subject} was marked as done."),
    Event.STEP_UNDONE: Wording(*_CLUSTERS, "The mark of a step in the cluster {subject} was taken back."),
    Event.SETUP_LINK_MADE: Wording(
        Category.ACCOUNTS, About.NOTHING, "A set-up link for the first administrator was made."
    ),
    Event.ACCOUNT_CREATED: Wording(*_ACCOUNTS, "The account {subject} was created, with the role {role}."),
    Event.ACCOUNT_CHANGED: Wording(*_ACCOUNTS, "The account {subject} was changed."),
    Event.PASSWORD_CHANGED: Wording(*_ACCOUNTS, "The account {subject} got a new password."),
    Event.SIGNED_IN: Wording(*_SIGN_INS, "{subject} signed in."),
    Event.SIGNED_OUT: Wording(*_SIGN_INS, "{subject} signed out."),
    Event.SIGN_IN_FAILED: Wording(*_SIGN_INS, "Signing in as {subject} failed."),
    Event.SIGN_IN_DELAYED: Wording(*_SIGN_INS, "Signing in as {subject} has to wait: too many attempts."),
    Event.SIGN_IN_CONFIRMED: Wording(*_SIGN_INS, "{subject} confirmed once more who it is."),
    Event.SESSIONS_ENDED: Wording(*_SIGN_INS, "Sessions of {subject} were ended."),
    Event.ACCOUNT_UNLOCKED: Wording(*_ACCOUNTS, "Nobody has to wait any more to sign in as {subject}."),
    Event.ACCOUNT_LINK_MADE: Wording(*_ACCOUNTS, "A link for {subject} to choose a password was made."),
    Event.FACTOR_ADDED: Wording(*_ACCOUNTS, "{subject} got a second factor: {kind}."),
    Event.FACTOR_REMOVED: Wording(*_ACCOUNTS, "A second factor of {subject} was removed: {kind}."),
    Event.RECOVERY_CODES_MADE: Wording(*_ACCOUNTS, "Recovery codes for {subject} were made."),
    Event.RECOVERY_CODE_USED: Wording(*_ACCOUNTS, "A recovery code of {subject} was used."),
    Event.TOKEN_CREATED: Wording(*_TOKENS, "A token of {subject} was made: {prefix}…"),
    Event.TOKEN_REVOKED: Wording(*_TOKENS, "A token of {subject} was revoked: {prefix}…"),
    Event.CALENDAR_MADE: Wording(*_TOKENS, "The address of a calendar was made for {subject}."),
    Event.CALENDAR_REVOKED: Wording(*_TOKENS, "The address of the calendar of {subject} was ended."),
    Event.MESSAGES_RETRIED: Wording(Category.NOTICES, About.NOTHING, "Messages that had failed are sent again."),
    Event.NOTICES_TESTED: Wording(Category.NOTICES, About.NOTHING, "A test message was written to every recipient."),
    Event.RECORD_EXPORTED: Wording(Category.RECORD, About.NOTHING, "The record was downloaded: {subject}."),
}
_UNKNOWN: Final = Wording(Category.RECORD, About.NOTHING, "Something that this program does not know: {subject}.")


def wording_of(event: RecordedEvent) -> Wording:
    """How this event is told; one that this program does not know, as something unknown."""
    return WORDING.get(event.event, _UNKNOWN)


def sentence_of(event: RecordedEvent) -> Phrase:
    """The event as a sentence, still to be translated before it is filled in."""
    return Phrase((wording_of(event).sentence, _Values({**event.details, "subject": event.subject})))


def told_by(event: RecordedEvent) -> frozenset[str]:
    """The names of what its sentence tells."""
    return frozenset(name for _, name, _, _ in Formatter().parse(wording_of(event).sentence) if name)


def events_of(category: Category) -> tuple[str, ...]:
    """The names of the events of a category."""
    return tuple(str(name) for name, wording in WORDING.items() if wording.category is category)


def events_about(about: About) -> tuple[str, ...]:
    """The names of the events about such things."""
    return tuple(str(name) for name, wording in WORDING.items() if wording.about is about)


class _Values(dict[str, object]):
    """What a sentence is filled in with; what an event does not tell is left open."""

    def __missing__(self, name: str) -> str:
        return "?"
