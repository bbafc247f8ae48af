"""Knows how lists are published: when one is due, who signs it, and what it is made of.

The states of the lists of an issuer whose key is here:

    none -> published -> due -> published ...

A list is due when a certificate was revoked or released after it was made, or when half of its time is
over. Whoever asks first then signs the next one, under a lock of the issuer and with a number that
the store takes only once; all others wait, and get the same. A crash before the commit leaves the old
list, which is due still; after it, the new one. Nothing has to run for a revocation to be seen: it is
seen because somebody asks. `publish_due` asks as well, for those who copy lists elsewhere.

Numbers follow one another, and are never below the seconds since 1970: so a database that was put
back from a copy does not give out numbers that relying parties have seen already.

The list of an issuer whose key is offline is signed elsewhere, or here with its key from a file, and stays
until the next one comes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.permissions import Action, Actor, Role, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.hierarchy.hierarchy import Hierarchy, certificate_of, issues_leaves
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.key_custody import KeyStore
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.records import CRLBytes, CRLRecord
from ca_service.authority.revocation.store import CRLStore, RevocationStore
from ca_service.authority.status.crl_entries import Material, gather
from ca_service.errors import Conflict, KeystoreError, NotFound, Refused, Rule
from ca_service.pki import crl
from ca_service.pki.contents import Issuer

CRL_NO_DELTA: Final = Rule(
    "crl.no-delta",
    "This CRL has no deltas.",
    "Use the full CRL.",
)

CRL_MISSING: Final = Rule(
    "crl.missing",
    "There is no list of {issuer} yet: its key is not here.",
    "Sign one where the key is: `ca-service crl sign-root`, or bring one: `ca-service crl import`.",
)
CRL_KEY_OFFLINE: Final = Rule(
    "crl.key-offline",
    "The key of {issuer} is not here.",
    "Sign its list with the key from a file: `ca-service crl sign-root --key FILE`; or bring a list that was "
    "signed elsewhere: `ca-service crl import FILE`.",
)
CRL_KEY: Final = Rule(
    "crl.key",
    "The key is not the one of an authority of this installation.",
    "Give the key of the root: `ca-service ca show` tells its certificate.",
)
CRL_ISSUER: Final = Rule(
    "crl.issuer",
    "There is no authority {issuer} here.",
    "`ca-service crl show` lists those that there are.",
)

SERVICE: Final = Actor(None, "service:revocation", Role.ADMINISTRATOR, "")
_AUTHORITIES_LIFETIME: Final = timedelta(days=180)  # the root's key may have to be fetched from a safe
_log = logging.getLogger("ca_service.revocation")


@dataclass(frozen=True, slots=True)
class CRLPolicy:
    """How long lists are good: `lifetime` of full ones, `delta_lifetime` of deltas, or None for no deltas.

    `base_url` is where they are fetched, over plain HTTP; empty where that is not known.
    """

    lifetime: timedelta = timedelta(hours=72)
    delta_lifetime: timedelta | None = timedelta(hours=12)
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class PublishedCRL:
    """A list that is handed out, with its delta, if there is one. `digest` is the SHA-256 of the full one."""

    record: CRLRecord
    data: CRLBytes
    digest: str = field(default="")

    @classmethod
    def of(cls, record: CRLRecord, data: CRLBytes) -> PublishedCRL:
        """The list with its digest."""
        return cls(record, data, hashlib.sha256(data.full).hexdigest())


class CRLPublisher:
    """Publishes the lists of all issuers."""

    def __init__(
        self,
        *,
        crls: CRLStore,
        revocations: RevocationStore,
        hierarchy: Hierarchy,
        keystore: KeyStore,
        clock: Clock,
        policy: CRLPolicy,
    ) -> None:
        self._crls = crls
        self._revocations = revocations
        self._hierarchy = hierarchy
        self._keystore = keystore
        self._clock = clock
        self._policy = policy
        self._seen: dict[str, PublishedCRL] = {}

    def current(self, issuer_id: str) -> PublishedCRL:
        """The list of this issuer as it has to be now; published first, if it is due.

        Raises NotFound for an unknown issuer, and for one whose key is offline and whose list nobody has
        brought; KeystoreError when a revocation cannot be told because the key cannot be had.
        """
        return self._current(self._issuer(issuer_id))

    def publish(self, actor: Actor, issuer_id: str) -> PublishedCRL:
        """A new list, due or not; raises Refused when the key of the issuer is not here."""
        require(actor, Action.AUTHORITY)
        issuer = self._issuer(issuer_id)
        with self._crls.exclusively(issuer.id):
            return self._sign(actor, issuer, self._keystore.signer(_own_key_id(issuer)))

    def publish_with(self, actor: Actor, key: ec.EllipticCurvePrivateKey) -> PublishedCRL:
        """A new list of the issuer that this key belongs to, such as an offline root.

        Raises Refused if it is the key of none.
        """
        require(actor, Action.AUTHORITY)
        public_key = key.public_key()
        issuer = next((each for each in self._issuers() if certificate_of(each).public_key() == public_key), None)
        if issuer is None:
            raise Refused.because(CRL_KEY)
        with self._crls.exclusively(issuer.id):
            return self._sign(actor, issuer, key)

    def publish_due(self) -> int:
        """Publish every list that is due; how many those were. Safe anywhere, at any time, by many at once."""
        count = 0
        for issuer in self._issuers():
            if issuer.key_id is not None and self._is_due(issuer, self._crls.find_newest(issuer.id)):
                before = self._crls.find_newest(issuer.id)
                count += self._current(issuer).record != before
        return count

    def list_available(self) -> tuple[str, ...]:
        """The issuers that have a list to be fetched, by id, the root first."""
        return tuple(each.id for each in self._issuers() if each.key_id or self._crls.find_newest(each.id))

    def list_newest(self, actor: Actor) -> tuple[tuple[IssuerRecord, CRLRecord | None], ...]:
        """Each issuer with its newest list, as it is; nothing is published."""
        require(actor, Action.READ)
        return tuple((issuer, self._crls.find_newest(issuer.id)) for issuer in self._issuers())

    def _issuers(self) -> Sequence[IssuerRecord]:
        return [record for record in self._hierarchy.list_issuers() if record.certificate_der is not None]

    def _issuer(self, issuer_id: str) -> IssuerRecord:
        found = next((record for record in self._issuers() if record.id == issuer_id), None)
        if found is None:
            raise NotFound.because(CRL_ISSUER, issuer=issuer_id[:80])
        return found

    def _current(self, issuer: IssuerRecord) -> PublishedCRL:
        newest = self._crls.find_newest(issuer.id)
        if issuer.key_id is None or not self._is_due(issuer, newest):
            return self._read(issuer, newest)
        try:
            with self._crls.exclusively(issuer.id):
                newest = self._crls.find_newest(issuer.id)
                if not self._is_due(issuer, newest):  # another was quicker
                    return self._read(issuer, newest)
                return self._sign(SERVICE, issuer, self._keystore.signer(issuer.key_id))
        except (KeystoreError, Conflict) as error:
            newest = self._crls.find_newest(issuer.id)
            if newest is None or newest.version != self._revocations.version(issuer.id):
                raise
            _log.error("the list of %s was not renewed: %s", issuer.id, error.rule, exc_info=error)
            return self._read(issuer, newest)

    def _is_due(self, issuer: IssuerRecord, newest: CRLRecord | None) -> bool:
        if newest is None or self._clock() >= newest.renew_at:
            return True
        return newest.version != self._revocations.version(issuer.id)

    def _read(self, issuer: IssuerRecord, record: CRLRecord | None) -> PublishedCRL:
        while record is not None:
            seen = self._seen.get(issuer.id)
            if seen is not None and seen.record == record:
                return seen
            data = self._crls.read_crl(issuer.id, record.number)
            if data is not None:
                return self._remembered(PublishedCRL.of(record, data))
            record = self._crls.find_newest(issuer.id)  # a newer one has come since
        raise NotFound.because(CRL_MISSING, issuer=issuer.id)

    def _remembered(self, published: PublishedCRL) -> PublishedCRL:
        self._seen[published.record.issuer_id] = published
        return published

    def _sign(self, actor: Actor, issuer: IssuerRecord, key: ec.EllipticCurvePrivateKey) -> PublishedCRL:
        """The next list, signed and stored; only under the lock of the issuer."""
        now, newest = self._clock(), self._crls.find_newest(issuer.id)
        number = max(newest.number + 1 if newest else 1, int(now.timestamp()))
        material = gather(self._crls, self._revocations, issuer.id, newest, now)
        lifetimes = _Lifetimes.of(self._policy, now, covers_authorities=self._covers_authorities(issuer))
        record = CRLRecord(issuer.id, number, now, lifetimes.full, lifetimes.renew_at, material.version, material.count)
        data = self._signed(issuer, key, record, material, lifetimes.delta)
        event = AuditEvent.by(actor, now, Event.CRL_PUBLISHED, issuer.id, number=f"{number:x}", entries=record.count)
        self._crls.add_crl(record, data, event)
        return self._remembered(PublishedCRL.of(record, data))

    def _covers_authorities(self, issuer: IssuerRecord) -> bool:
        """Whether authorities are below this one, and not leaves."""
        return not issues_leaves(issuer, self._issuers())

    def _signed(
        self,
        issuer: IssuerRecord,
        key: ec.EllipticCurvePrivateKey,
        record: CRLRecord,
        material: Material,
        delta_until: datetime | None,
    ) -> CRLBytes:
        """Full list and delta, which share their number (RFC 5280, 5.2.4)."""
        signer, covers_authorities = Issuer.of(certificate_of(issuer)), self._covers_authorities(issuer)
        url = f"{self._policy.base_url}/ca/{issuer.id}-delta.crl" if self._policy.base_url and delta_until else ""
        full = crl.RevocationList(
            record.number, record.this_update, record.next_update, material.entries, covers_authorities, delta_url=url
        )
        if delta_until is None:
            return CRLBytes(crl.sign(full, signer, key))
        base_number, changes = (material.base or record).number, material.changes
        delta = crl.RevocationList(
            record.number, record.this_update, delta_until, changes, covers_authorities, base_number=base_number
        )
        return CRLBytes(crl.sign(full, signer, key), crl.sign(delta, signer, key))


@dataclass(frozen=True, slots=True)
class _Lifetimes:
    """Until when the full list and the delta are good, and from when on the next ones are due."""

    full: datetime
    delta: datetime | None
    renew_at: datetime

    @classmethod
    def of(cls, policy: CRLPolicy, now: datetime, *, covers_authorities: bool) -> _Lifetimes:
        """Those of a list that is made now; lists of authorities live long and have no deltas."""
        if covers_authorities:
            return cls(now + _AUTHORITIES_LIFETIME, None, now + _AUTHORITIES_LIFETIME * 2 / 3)
        delta = policy.delta_lifetime
        shortest = min(policy.lifetime, delta) if delta else policy.lifetime
        return cls(now + policy.lifetime, now + delta if delta else None, now + shortest / 2)


def _own_key_id(issuer: IssuerRecord) -> str:
    if issuer.key_id is None:
        raise Refused.because(CRL_KEY_OFFLINE, issuer=issuer.id)
    return issuer.key_id
