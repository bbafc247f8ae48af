"""Trust: the authorities that relying parties and nodes may add to their trust stores."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import Final

from ca_service.authority.hierarchy.hierarchy import Hierarchy
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.revocation.authorities import revocation_of
from ca_service.authority.revocation.store import RevocationStore
from ca_service.errors import Conflict, Rule
from ca_service.pki.chain import Chain

AUTHORITY_NOT_TRUSTED: Final = Rule(
    "authority.not-trusted",
    "{issuer} is revoked or on hold since {date}. Its certificate is not offered for trust stores.",
    "Do not install it. Set up another authority in another instance folder, and issue the certificates there.",
)


class TrustedAuthorities:
    """Tells which authorities may be trusted: those that are good, below others that are good."""

    def __init__(self, revocations: RevocationStore, hierarchy: Hierarchy) -> None:
        self._revocations = revocations
        self._hierarchy = hierarchy

    def chain(self) -> Chain:
        """Return the chain of the issuing authority without what is revoked or on hold, or below that; the root last.

        Raises NotReady if there is no authority yet.
        """
        active = self._hierarchy.active()
        path = self._hierarchy.path_of(active.record.id)
        count = len(list(takewhile(self._is_good, reversed(path))))  # no list can revoke the root, so at least one
        return active.chain[len(path) - count :]

    def require(self, issuer_ids: Iterable[str]) -> None:
        """Raise Conflict if one of these issuers, or an authority above it, is revoked or on hold."""
        for issuer_id in dict.fromkeys(issuer_ids):
            for each in reversed(self._hierarchy.path_of(issuer_id)):
                found = revocation_of(self._revocations, each)
                if found is not None and not found.is_good:
                    date = found.revoked_at.date().isoformat()
                    raise Conflict.because(AUTHORITY_NOT_TRUSTED, issuer=each.id, date=date)

    def _is_good(self, issuer: IssuerRecord) -> bool:
        found = revocation_of(self._revocations, issuer)
        return found is None or found.is_good
