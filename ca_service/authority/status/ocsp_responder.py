"""OCSP responses, always from the stored status.

What a client gets:

    good                a leaf of ours that is neither revoked nor on hold
    revoked             with time and reason; on hold: certificateHold
    unknown             this issuer never issued that serial number
    unauthorized        the issuer has no key here; the root's CRL covers intermediates
    malformedRequest    not an OCSP request, or one that cannot be read
    tryLater            the database or a key is not available

A signed response is kept for the same request, if it is about known certificates (unknown ones may be
issued at any moment) and has no nonce. The database decides whether it is given again, because another
process may have revoked a certificate: the number of changes of the issuer is read each time, and once it
has changed, the statuses are read again. So no response outlives a revocation, and the revocation of one
certificate costs no signature for the others.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.store import ResponderStore, RevocationStore
from ca_service.authority.status.responders import Responders
from ca_service.errors import CAServiceError
from ca_service.pki import ocsp
from ca_service.pki.contents import Issuer, serial_text

LIFETIME: Final = timedelta(hours=1)  # of an answer
REUSED_FOR: Final = timedelta(minutes=50)  # some minutes are left for a cache, and for a clock that is fast
MAX_KEPT: Final = 4096  # answers, of a kilobyte each
_MAX_KEPT_REQUEST: Final = 256  # bytes: one certificate, or a few; others would take the place of many
_log = logging.getLogger("ca_service.revocation")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, DER. The times are None if it must not be cached: a failure, a nonce, an unknown certificate."""

    der: bytes
    this_update: datetime | None = None
    next_update: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    """A signed answer, and the statuses that it tells, as they were at this `version` of the issuer."""

    issuer_id: str
    version: int
    statuses: Sequence[ocsp.Status]
    answer: Answer

    def is_fresh(self, now: datetime) -> bool:
        """Return whether it may still be given: not for too long, nor to a clock that was set back."""
        start, end = self.answer.this_update, self.answer.next_update
        return start is not None and end is not None and now - REUSED_FOR < start <= now < end


class OCSPResponder:
    """Answers OCSP requests about the leaves of our issuers."""

    def __init__(
        self,
        *,
        responders: Responders,
        store: ResponderStore,
        revocations: RevocationStore,
        clock: Clock,
        max_kept: int = MAX_KEPT,
    ) -> None:
        self._responders = responders
        self._store = store
        self._revocations = revocations
        self._clock = clock
        self._max_kept = max_kept
        self._issuers: tuple[tuple[IssuerRecord, ocsp.IssuerHashes], ...] = ()
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, request: bytes) -> Answer:
        """Return the response to this request, DER; for any input and after any failure there is one."""
        try:
            return self._unchanged(request) or self._answer(request)
        except ocsp.MalformedRequest:
            return Answer(ocsp.failure(ocsp.Failure.MALFORMED_REQUEST))
        except CAServiceError as error:
            _log.error("no OCSP answer: %s", error.rule, exc_info=error)
            return Answer(ocsp.failure(ocsp.Failure.TRY_LATER))

    def _unchanged(self, request: bytes) -> Answer | None:
        """Return the kept answer to this request if nothing of its issuer has changed since."""
        kept = self._kept.get(request)
        if kept is None or not kept.is_fresh(self._clock()):
            return None
        return kept.answer if self._revocations.version(kept.issuer_id) == kept.version else None

    def _issuer(self, questions: Sequence[ocsp.CertID]) -> IssuerRecord | None:
        """Return the one issuer that all questions are about; read the stored issuers if none is known."""
        found = self._known(questions)
        if found is None:
            records = self._responders.issuers()
            if records != tuple(record for record, _ in self._issuers):
                self._issuers = tuple((each, _hashes(each)) for each in records)
            found = self._known(questions)  # in any case: another thread may have loaded them in the meantime
        return found

    def _known(self, questions: Sequence[ocsp.CertID]) -> IssuerRecord | None:
        for record, hashes in self._issuers:
            if all(hashes.are_meant_by(question) for question in questions):
                return record
        return None

    def _answer(self, request: bytes) -> Answer:
        asked = ocsp.read(request)
        issuer = self._issuer(asked.questions)
        if issuer is None:
            return Answer(ocsp.failure(ocsp.Failure.UNAUTHORIZED))
        version, now = self._revocations.version(issuer.id), self._clock()  # before the statuses, which may be newer
        statuses = [self._status(issuer, question.serial_number) for question in asked.questions]
        kept = self._kept.get(request)
        if kept is not None and kept.statuses == statuses and kept.is_fresh(now):
            return self._keep(request, replace(kept, version=version))
        answer = self._signed(issuer, asked, statuses, now)
        if answer.next_update is None or len(request) > _MAX_KEPT_REQUEST:
            return answer
        return self._keep(request, _Kept(issuer.id, version, statuses, answer))

    def _signed(
        self, issuer: IssuerRecord, asked: ocsp.Request, statuses: Sequence[ocsp.Status], now: datetime
    ) -> Answer:
        signer = self._responders.current(issuer)
        until = min(now + LIFETIME, signer.certificate.not_valid_after_utc)
        told = tuple(zip(asked.questions, statuses, strict=True))
        der = ocsp.answer(told, signer, this_update=now, next_update=until, nonce=asked.nonce)
        if asked.nonce is not None or not all(status.is_known for status in statuses):
            return Answer(der)
        return Answer(der, now, until)

    def _keep(self, request: bytes, kept: _Kept) -> Answer:
        with self._lock:
            self._kept[request] = kept
            while len(self._kept) > self._max_kept:
                self._kept.popitem(last=False)
        return kept.answer

    def _status(self, issuer: IssuerRecord, serial_number: int) -> ocsp.Status:
        if not 0 < serial_number < 1 << 160:
            return ocsp.Status(is_known=False)
        text = serial_text(serial_number)
        found = self._revocations.find_revocation(issuer.id, text)
        if found is not None and not found.is_good:
            return ocsp.Status(revoked=ocsp.Revoked(found.revoked_at, found.reason))
        return ocsp.Status(is_known=self._store.was_issued(issuer.id, text))


def _hashes(record: IssuerRecord) -> ocsp.IssuerHashes:
    return ocsp.IssuerHashes.of(Issuer.of(certificate_of(record)))
