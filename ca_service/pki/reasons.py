"""Revocation reasons of RFC 5280, 5.3.1, with their meaning."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ca_service.errors import InvalidInput, Rule

REVOCATION_REASON: Final = Rule(
    "revocation.reason",
    "The reason {reason} cannot be given: {why}.",
    "Give one of: {known}.",
)


class Reason(StrEnum):
    """A CRLReason by the name that the standard gives it."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    CERTIFICATE_HOLD = "certificateHold"
    REMOVE_FROM_CRL = "removeFromCRL"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"
    AA_COMPROMISE = "aACompromise"

    @property
    def code(self) -> int:
        """The number of the reason in CRLs and OCSP answers."""
        return _CODES[self]


_CODES: Final = dict(zip(Reason, (0, 1, 2, 3, 4, 5, 6, 8, 9, 10), strict=True))

#: Why a leaf is revoked, the most frequent ones first, each explained in one line.
FOR_LEAVES: Final[dict[Reason, str]] = {
    Reason.SUPERSEDED: "Another certificate has taken its place; its key is still good.",
    Reason.CESSATION_OF_OPERATION: "The host is switched off, or does not use it any more.",
    Reason.KEY_COMPROMISE: "Another person has, or may have, the private key. Its key is never certified again.",
    Reason.AFFILIATION_CHANGED: "Its subject or names are no longer right; the key is safe.",
    Reason.PRIVILEGE_WITHDRAWN: "It should not have been issued, or its owner may not have it any more.",
    Reason.CERTIFICATE_HOLD: "Not to be trusted for now; the only one that can be taken back.",
    Reason.UNSPECIFIED: "None of these; the list then gives no reason.",
}
#: Why the certificate of an authority is revoked.
FOR_AUTHORITIES: Final[dict[Reason, str]] = {
    Reason.CA_COMPROMISE: "Another person has, or may have, the private key of the authority.",
    Reason.SUPERSEDED: "Another authority has taken its place; its key is still good.",
    Reason.CESSATION_OF_OPERATION: "The authority is not used any more.",
    Reason.AFFILIATION_CHANGED: "Its name is no longer right; the key is safe.",
    Reason.UNSPECIFIED: "None of these; the list then gives no reason.",
}
_NOT_FOR_LEAVES: Final = {
    Reason.CA_COMPROMISE: "it is for the certificates of authorities; for the key of a leaf it is keyCompromise",
    Reason.AA_COMPROMISE: "it is for attribute authorities, of which there is none here",
    Reason.REMOVE_FROM_CRL: "it is no reason, but how a list says that a hold has ended",
}


def read_leaf_reason(text: str) -> Reason:
    """Return the reason of this name, for a leaf; raises InvalidInput, which lists those that there are."""
    reason = next((each for each in Reason if each.value.lower() == text.strip().lower()), None)
    if reason in FOR_LEAVES:
        return reason
    raise _unusable(text, _NOT_FOR_LEAVES.get(reason) if reason else None, FOR_LEAVES)


def read_authority_reason(text: str) -> Reason:
    """Return the reason of this name, for an authority; raises InvalidInput, which lists those that there are."""
    reason = next((each for each in Reason if each.value.lower() == text.strip().lower()), None)
    if reason in FOR_AUTHORITIES:
        return reason
    raise _unusable(text, "it is for leaves" if reason in FOR_LEAVES else None, FOR_AUTHORITIES)


def _unusable(text: str, why: str | None, known: dict[Reason, str]) -> InvalidInput:
    return InvalidInput(
        REVOCATION_REASON.at(
            "/reason",
            reason=text[:60] or "\u201c\u201d",
            why=why or "there is none of that name",
            known=", ".join(known),
        )
    )
