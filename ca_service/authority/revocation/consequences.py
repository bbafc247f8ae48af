"""Consequences of a revocation, as findings to read before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ca_service.authority.revocation.records import Change, Effect, Outcome, RevocationStatus
from ca_service.errors import Finding, Rule, Severity
from ca_service.pki.reasons import Reason

REVOCATION_RELEASED: Final = Rule(
    "revocation.released",
    "The certificates of {hosts} are valid again ({count}); CRLs and OCSP say so immediately.",
    "",
    Severity.NOTE,
)
REVOCATION_EFFECT: Final = Rule(
    "revocation.effect",
    "The certificates of {hosts} become invalid ({count}). Clients that check revocation refuse to connect: "
    "immediately with OCSP, otherwise at their next CRL download.",
    "If the host is in use, install another certificate first and verify that the host presents it.",
    Severity.WARNING,
)
REVOCATION_HOLD_ENDS: Final = Rule(
    "revocation.hold-ends",
    "The hold of {hosts} becomes permanent ({count}); these certificates stay invalid.",
    "",
    Severity.WARNING,
)
REVOCATION_CANNOT_BE_UNDONE: Final = Rule(
    "revocation.cannot-be-undone",
    "This cannot be undone.",
    "Choose certificateHold if you are not sure: a hold can be released.",
    Severity.WARNING,
)
REVOCATION_HOLD: Final = Rule(
    "revocation.hold",
    "You can release the hold, or make it final by revoking with another reason.",
    "",
    Severity.NOTE,
)
REVOCATION_KEY_NOT_REPORTED: Final = Rule(
    "revocation.key-not-reported",
    "The lost key is not recorded for certificates that had expired or were revoked for another reason: "
    "CSRs with these keys are not refused.",
    "Do not submit or approve a CSR with one of these keys again.",
    Severity.WARNING,
)
REVOCATION_KEY_LOST: Final = Rule(
    "revocation.key-lost",
    "No further certificate is issued for this key.",
    "Create a new CSR on the host, which creates a new key.",
    Severity.NOTE,
)
REVOCATION_SAME_KEY: Final = Rule(
    "revocation.same-key",
    "Other valid certificates have the same key ({count}): {serials}.",
    "Revoke by key to revoke all of them.",
    Severity.WARNING,
)
REVOCATION_ALREADY: Final = Rule(
    "revocation.already",
    "The certificate {serial} has been {state} since {since} ({reason}), by {who}; it is left unchanged.",
    "",
    Severity.NOTE,
)
REVOCATION_NOT_HELD: Final = Rule(
    "revocation.not-held",
    "None of the selected certificates is on hold.",
    "There is nothing to release.",
)
REVOCATION_FINAL: Final = Rule(
    "revocation.final",
    "The certificate {serial} is permanently revoked; only a hold can be released.",
    "Issue a new certificate for {host}.",
)
REVOCATION_EXPIRED: Final = Rule(
    "revocation.expired",
    "The certificate {serial} expired on {end}; it is left unchanged.",
    "",
    Severity.NOTE,
)

_SHOWN = 5


def of_revoking(outcome: Outcome, reason: Reason, others: Sequence[RevocationStatus]) -> tuple[Finding, ...]:
    """Return the consequences of revoking; `others` have the same keys and are not selected."""
    return tuple(_of_revoking(outcome, reason, others))


def _of_revoking(outcome: Outcome, reason: Reason, others: Sequence[RevocationStatus]) -> Iterator[Finding]:
    if outcome.changed:
        yield from _invalid(outcome)
        yield _hold() if reason is Reason.CERTIFICATE_HOLD else _final()
    if reason is Reason.KEY_COMPROMISE:
        yield _key_is_lost() if all(map(_reports, outcome.changes)) else _key_is_not_reported()
    if others:
        yield _same_key(others)
    yield from _unchanged(outcome)


def of_releasing(outcome: Outcome) -> tuple[Finding, ...]:
    """Return the consequences of releasing."""
    said = REVOCATION_RELEASED.at(count=len(outcome.changed), hosts=_hosts(outcome))
    return (said, *_unchanged(outcome))


def why_not_released(outcome: Outcome) -> tuple[Finding, ...]:
    """Return the reasons why nothing can be released."""
    revoked = [change for change in outcome.changes if change.effect is Effect.FINAL]
    if revoked:
        return (REVOCATION_FINAL.at(serial=revoked[0].certificate.serial_number, host=revoked[0].certificate.host),)
    return (REVOCATION_NOT_HELD.at(),)


def _invalid(outcome: Outcome) -> Iterator[Finding]:
    """Yield which certificates become invalid, and which stay invalid: those on hold."""
    for rule, is_hold in ((REVOCATION_EFFECT, False), (REVOCATION_HOLD_ENDS, True)):
        changes = tuple(each for each in outcome.changed if (each.effect is Effect.MAKE_FINAL) is is_hold)
        if changes:
            yield rule.at(count=len(changes), hosts=_hosts(Outcome(changes)))


def _final() -> Finding:
    return REVOCATION_CANNOT_BE_UNDONE.at()


def _hold() -> Finding:
    return REVOCATION_HOLD.at()


def _reports(change: Change) -> bool:
    """Return whether the lost key of this certificate is recorded."""
    return change.after is not None or change.effect is Effect.ALREADY


def _key_is_not_reported() -> Finding:
    return REVOCATION_KEY_NOT_REPORTED.at()


def _key_is_lost() -> Finding:
    return REVOCATION_KEY_LOST.at()


def _same_key(others: Sequence[RevocationStatus]) -> Finding:
    serials = [each.certificate.serial_number for each in others]
    return REVOCATION_SAME_KEY.at(count=len(serials), serials=_some(serials))


def _unchanged(outcome: Outcome) -> Iterator[Finding]:
    for change in outcome.changes:
        if change.effect in (Effect.ALREADY, Effect.FINAL):
            yield _stays(change)
        elif change.effect is Effect.EXPIRED:
            yield REVOCATION_EXPIRED.at(
                serial=change.certificate.serial_number, end=change.certificate.not_after.date().isoformat()
            )


def _stays(change: Change) -> Finding:
    found = change.status.revocation
    return REVOCATION_ALREADY.at(
        serial=change.certificate.serial_number,
        state=found.state.value if found else "",
        since=found.revoked_at.date().isoformat() if found else "",
        reason=found.reason.value if found else "",
        who=found.changed_by if found else "",
    )


def _hosts(outcome: Outcome) -> str:
    return _some(outcome.hosts)


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
