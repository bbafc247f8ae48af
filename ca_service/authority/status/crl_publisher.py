"""Publication of CRLs: when one is due, who signs it, and its lifetimes.

The states of the CRLs of an issuer whose key is here:

    none -> published -> due -> published ...

A CRL is due when a certificate was revoked or released after it was signed, when half of its time is
over, or when it says critically what it is limited to, as those of version 0.2 do. The first request
then signs the next one, under a lock of the issuer and with a number that the store accepts only once;
all others wait, and get the same CRL. A crash before the commit leaves the old CRL, which is still due;
after it, the new one. No background job is needed to publish a revocation: the next download does it.
`publish_due` does the same for installations that copy CRLs elsewhere.

Numbers grow, and are never below the seconds since 1970: so a database that was restored from a copy
does not reuse numbers that relying parties have already seen.

The CRL of an issuer whose key is offline is signed elsewhere, or here with its key from a file, and stays
until the next one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.permissions import Action, Actor, Role, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.hierarchy.hierarchy import Hierarchy, certificate_of, issues_leaves
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.key_custody import KeyStore, signer_of
from ca_service.authority.ports import Clock, is_believable
from ca_service.authority.revocation.records import CRLBytes, CRLRecord, CRLState
from ca_service.authority.revocation.store import CRLStore, RevocationStore
from ca_service.authority.status.crl_entries import Material, gather
from ca_service.errors import Busy, CAServiceError, Conflict, KeystoreError, NotFound, NotReady, Refused, Rule
from ca_service.pki import crl
from ca_service.pki.contents import Issuer

CRL_NO_DELTA: Final = Rule(
    "crl.no-delta",
    "This CRL has no deltas.",
    "Use the full CRL.",
)

CRL_MISSING: Final = Rule(
    "crl.missing",
    "There is no CRL of {issuer} yet: its key is not here.",
    "Sign one on the machine with the key: `ca-service crl sign-root`, or import one: `ca-service crl import`.",
)
CRL_KEY_OFFLINE: Final = Rule(
    "crl.key-offline",
    "The key of {issuer} is not here.",
    "Sign its CRL with the key from a file: `ca-service crl sign-root --key FILE`; or import a CRL that was "
    "signed elsewhere: `ca-service crl import FILE`.",
)
CRL_KEY: Final = Rule(
    "crl.key",
    "The key does not belong to an authority of this installation.",
    "Give the key of the root: `ca-service ca show` shows its certificate.",
)
CRL_ISSUER: Final = Rule(
    "crl.issuer",
    "There is no authority {issuer} here.",
    "List the authorities with `ca-service crl show`.",
)

SERVICE: Final = Actor(None, "service:revocation", Role.ADMINISTRATOR, "")
_AUTHORITIES_LIFETIME: Final = timedelta(days=180)  # the root's key may have to come from a safe
_log = logging.getLogger("ca_service.revocation")


@dataclass(frozen=True, slots=True)
class CRLPolicy:
    """The lifetimes of CRLs: `lifetime` of full ones, `delta_lifetime` of deltas, or None for no deltas.

    `base_url` is the address of the CRLs, over plain HTTP; empty if it is unknown.
    """

    lifetime: timedelta = timedelta(hours=72)
    delta_lifetime: timedelta | None = timedelta(hours=12)
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class PublishedCRL:
    """A CRL for download, with its delta, if there is one. `digest` is the SHA-256 of the full one.

    `is_overdue`: a newer one could not be signed yet, so no cache should keep this one.
    """

    record: CRLRecord
    data: CRLBytes
    digest: str = field(default="")
    is_overdue: bool = False

    @classmethod
    def of(cls, record: CRLRecord, data: CRLBytes) -> PublishedCRL:
        """Return the CRL with its digest."""
        return cls(record, data, hashlib.sha256(data.full).hexdigest())


class CRLPublisher:
    """Publishes the CRLs of all issuers."""

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
        """Return the current CRL of this issuer, and publish it first if it is due.

        While others hold the database for longer than the request may wait, the newest one is returned as long as it is
        valid; otherwise Busy is raised.
        Raises NotFound for an unknown issuer, and for one whose key is offline and that has no imported CRL;
        KeystoreError or NotReady if a revocation cannot be published because the key is not available or the wrong one.
        """
        seen = self._seen.get(issuer_id)
        return seen if seen and self._is_unchanged(seen.record) else self._current(self._issuer(issuer_id))

    def publish(self, actor: Actor, issuer_id: str) -> PublishedCRL:
        """Publish and return a new CRL, due or not. Raises Refused if the key of the issuer is not here."""
        require(actor, Action.AUTHORITY)
        issuer = self._issuer(issuer_id)
        with self._crls.exclusively(issuer.id):
            return self._sign(actor, issuer, self._signer(issuer))

    def publish_with(self, actor: Actor, key: ec.EllipticCurvePrivateKey) -> PublishedCRL:
        """Publish and return a new CRL of the issuer of this key, such as an offline root.

        Raises Refused if the key belongs to no issuer.
        """
        require(actor, Action.AUTHORITY)
        public_key = key.public_key()
        issuer = next((each for each in self._issuers() if certificate_of(each).public_key() == public_key), None)
        if issuer is None:
            raise Refused.because(CRL_KEY)
        with self._crls.exclusively(issuer.id):
            return self._sign(actor, issuer, key)

    def publish_due(self) -> int:
        """Publish every CRL that is due; return their number. Safe to call anywhere, at any time, in parallel.

        One that cannot be published keeps no other from it; its fault is raised afterwards.
        """
        return done_for_each([each for each in self._issuers() if each.key_id is not None], self._publish_if_due)

    def list_available(self) -> tuple[str, ...]:
        """Return the ids of the issuers that have a CRL, the root first."""
        return tuple(each.id for each in self._issuers() if each.key_id or self._crls.find_newest(each.id))

    def list_newest(self, actor: Actor) -> tuple[tuple[IssuerRecord, CRLRecord | None], ...]:
        """Return each issuer with its newest CRL; publish nothing."""
        require(actor, Action.READ)
        return tuple((issuer, self._crls.find_newest(issuer.id)) for issuer in self._issuers())

    def _publish_if_due(self, issuer: IssuerRecord) -> bool:
        before = self._crls.find_newest(issuer.id)
        return self._is_due(issuer, before) and self._current(issuer).record != before

    def _issuers(self) -> Sequence[IssuerRecord]:
        return self._hierarchy.list_certified()

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
                if not self._is_due(issuer, newest):  # another process has published it in the meantime
                    return self._read(issuer, newest)
                return self._sign(SERVICE, issuer, self._signer(issuer))
        except Busy:  # a valid one is worth more than none; the next download publishes the new one
            newest = self._crls.find_newest(issuer.id)
            if newest is None or newest.next_update <= self._clock():
                raise
            _log.warning("the CRL of %s waits: others are writing", issuer.id)
            return replace(self._read(issuer, newest), is_overdue=True)
        except (KeystoreError, NotReady, Conflict) as error:
            newest = self._crls.find_newest(issuer.id)
            if newest is None or newest.version != self._revocations.version(issuer.id):
                raise
            _log.error("the CRL of %s was not renewed: %s", issuer.id, error.rule, exc_info=error)
            return self._read(issuer, newest)

    def _signer(self, issuer: IssuerRecord) -> ec.EllipticCurvePrivateKey:
        return signer_of(self._keystore, _own_key_id(issuer), certificate_of(issuer).public_key())

    def _is_unchanged(self, seen: CRLRecord) -> bool:
        """Return whether this CRL is still the newest one and not due. One cheap read answers most downloads."""
        now, state = self._clock(), CRLState(seen.number, seen.version)
        is_current = now < seen.renew_at and is_believable(seen.this_update, now)
        return is_current and self._crls.find_state(seen.issuer_id) == state

    def _is_due(self, issuer: IssuerRecord, newest: CRLRecord | None) -> bool:
        now = self._clock()
        if newest is None or now >= newest.renew_at or not is_believable(newest.this_update, now):
            return True
        if newest.version != self._revocations.version(issuer.id):
            return True
        return crl.is_limited(self._read(issuer, newest).data.full)  # NSS, mbedTLS and webpki cannot load that one

    def _read(self, issuer: IssuerRecord, record: CRLRecord | None) -> PublishedCRL:
        while record is not None:
            seen = self._seen.get(issuer.id)
            if seen is not None and seen.record == record:
                return seen
            data = self._crls.read_crl(issuer.id, record.number)
            if data is not None:
                return self._remembered(PublishedCRL.of(record, data))
            record = self._crls.find_newest(issuer.id)  # a newer one was published since
        raise NotFound.because(CRL_MISSING, issuer=issuer.id)

    def _remembered(self, published: PublishedCRL) -> PublishedCRL:
        self._seen[published.record.issuer_id] = published
        return published

    def _sign(self, actor: Actor, issuer: IssuerRecord, key: ec.EllipticCurvePrivateKey) -> PublishedCRL:
        """Sign and store the next CRL; the caller holds the lock of the issuer."""
        now, newest = self._clock(), self._crls.find_newest(issuer.id)
        number = max(newest.number + 1 if newest else 1, int(now.timestamp()))
        covers_authorities = self._covers_authorities(issuer)
        # One about authorities may be imported, and lack entries; one from the future lacks what would have expired.
        is_reusable = newest is not None and not covers_authorities and is_believable(newest.this_update, now)
        reused = newest if is_reusable else None
        material = gather(self._crls, self._revocations, issuer.id, reused, now)
        lifetimes = _Lifetimes.of(self._policy, now, covers_authorities=covers_authorities)
        record = CRLRecord(issuer.id, number, now, lifetimes.full, lifetimes.renew_at, material.version, material.count)
        data = self._signed(issuer, key, record, material, lifetimes.delta)
        event = AuditEvent.by(actor, now, Event.CRL_PUBLISHED, issuer.id, number=f"{number:x}", entries=record.count)
        self._crls.add_crl(record, data, event)
        return self._remembered(PublishedCRL.of(record, data))

    def _covers_authorities(self, issuer: IssuerRecord) -> bool:
        """Return whether this issuer issues authorities, not leaves."""
        return not issues_leaves(issuer, self._issuers())

    def _signed(
        self,
        issuer: IssuerRecord,
        key: ec.EllipticCurvePrivateKey,
        record: CRLRecord,
        material: Material,
        delta_until: datetime | None,
    ) -> CRLBytes:
        """Return the signed full CRL and delta, which share their number (RFC 5280, 5.2.4)."""
        signer = Issuer.of(certificate_of(issuer))
        url = f"{self._policy.base_url}/ca/{issuer.id}-delta.crl" if self._policy.base_url and delta_until else ""
        full = crl.RevocationList(
            record.number, record.this_update, record.next_update, material.entries, delta_url=url
        )
        if delta_until is None:
            return CRLBytes(crl.sign(full, signer, key))
        base_number, changes = (material.base or record).number, material.changes
        delta = crl.RevocationList(record.number, record.this_update, delta_until, changes, base_number=base_number)
        return CRLBytes(crl.sign(full, signer, key), crl.sign(delta, signer, key))


@dataclass(frozen=True, slots=True)
class _Lifetimes:
    """The expiry of the full CRL and the delta, and when the next ones are due."""

    full: datetime
    delta: datetime | None
    renew_at: datetime

    @classmethod
    def of(cls, policy: CRLPolicy, now: datetime, *, covers_authorities: bool) -> _Lifetimes:
        """Return the lifetimes of a CRL signed now; CRLs about authorities are valid longer and have no deltas."""
        if covers_authorities:
            return cls(now + _AUTHORITIES_LIFETIME, None, now + _AUTHORITIES_LIFETIME * 2 / 3)
        delta = policy.delta_lifetime
        shortest = min(policy.lifetime, delta) if delta else policy.lifetime
        return cls(now + policy.lifetime, now + delta if delta else None, now + shortest / 2)


def done_for_each(issuers: Iterable[IssuerRecord], act: Callable[[IssuerRecord], bool]) -> int:
    """Return for how many issuers `act` did something. Raises the last fault, after all others had their turn."""
    count, fault = 0, None
    for issuer in issuers:
        try:
            count += act(issuer)
        except Busy:
            raise
        except CAServiceError as error:  # such as the key of an intermediate before, which is missing
            fault = error
    if fault:
        raise fault
    return count


def _own_key_id(issuer: IssuerRecord) -> str:
    if issuer.key_id is None:
        raise Refused.because(CRL_KEY_OFFLINE, issuer=issuer.id)
    return issuer.key_id
