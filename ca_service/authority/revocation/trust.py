"""Trust: the authorities that relying parties and nodes may add to their trust stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ca_service.authority.hierarchy.hierarchy import Hierarchy
from ca_service.authority.revocation.records import RevocationRecord
from ca_service.authority.revocation.store import RevocationStore
from ca_service.errors import Conflict, Finding, Rule
from ca_service.pki.chain import Chain

AUTHORITY_NOT_TRUSTED: Final = Rule(
    "authority.not-trusted",
    "{issuer} is revoked or on hold (since {date}). Its certificate is not offered for trust stores.",
    "Do not install it. The next intermediate has to sign new CSRs of its nodes; if there is none yet, create it: "
    "`ca-service ca rollover`.",
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
        bad = [place for place, link in enumerate(active.links.values()) if self._find_revocation(link)]
        return active.chain[bad[-1] + 1 :] if bad else active.chain  # no list can revoke the root: it has no link

    def is_issuing_revoked(self) -> bool:
        """Tell whether the issuing authority, or one above it, is revoked or on hold: then it signs nothing."""
        return bool(self.list_revoked())

    def list_revoked(self) -> tuple[tuple[str, RevocationRecord], ...]:
        """Return each authority of the issuing chain that is revoked or on hold, with its revocation."""
        active = self._hierarchy.find_active()
        return tuple(self._revoked(active.links)) if active else ()

    def is_good(self, issuer_id: str) -> bool:
        """Tell whether neither this issuer nor an authority above it is revoked or on hold."""
        return not any(self._revoked(self._hierarchy.links_of(issuer_id)))

    def bad_among(self, issuer_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these issuers are revoked or on hold, or below such an authority."""
        return frozenset(each for each in set(issuer_ids) if not self.is_good(each))

    def is_revoked(self, issuer_id: str, serial_number: str) -> bool:
        """Tell whether this certificate of an authority is revoked or on hold."""
        return self._find_revocation((issuer_id, serial_number)) is not None

    def require(self, issuer_ids: Iterable[str]) -> None:
        """Raise Conflict if one of these issuers, or an authority above it, is revoked or on hold."""
        if found := self.findings(issuer_ids):
            raise Conflict(*found)

    def findings(self, issuer_ids: Iterable[str]) -> tuple[Finding, ...]:
        """Return a finding for each of these issuers, and each authority above them, that is revoked or on hold."""
        links = {each: link for issuer_id in issuer_ids for each, link in self._hierarchy.links_of(issuer_id).items()}
        return tuple(
            AUTHORITY_NOT_TRUSTED.at(issuer=each, date=found.revoked_at.date().isoformat())
            for each, found in self._revoked(links)
        )

    def _revoked(self, links: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, RevocationRecord]]:
        """Yield each authority of these links that is revoked or on hold, with its revocation."""
        return ((each, found) for each, link in links.items() if (found := self._find_revocation(link)))

    def _find_revocation(self, link: tuple[str, str]) -> RevocationRecord | None:
        """Return why the certificate with this issuer and serial number is not good, or None if it is."""
        found = self._revocations.find_revocation(*link)
        return None if found is None or found.is_good else found
