"""OCSP signers: for each issuer of leaves a delegated responder, created and renewed automatically.

The states of a responder:

    none -> key stored -> certificate recorded -> due (two thirds of its time are over) -> certificate recorded ...

The first caller creates it, under a lock of its issuer; all others wait for it. A crash leaves a key
without a certificate, which the next caller uses, or a recorded certificate. The key stays, so nothing
has to be distributed; the certificate lasts 30 days, because it cannot be revoked
(RFC 6960, 4.2.2.2.1).
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.hierarchy.hierarchy import Hierarchy, certificate_of, issues_leaves, require_valid
from ca_service.authority.hierarchy.plan import responder_subject
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.key_custody import KeyStore, own_key, signer_of
from ca_service.authority.ports import Clock, SerialNumbers, is_believable
from ca_service.authority.revocation.records import ResponderRecord
from ca_service.authority.revocation.store import ResponderStore
from ca_service.authority.status.crl_publisher import SERVICE, done_for_each
from ca_service.errors import CAServiceError
from ca_service.pki import encodings, issuing
from ca_service.pki.contents import Contents, Issuer, Validity, serial_text
from ca_service.pki.ocsp import Signer
from ca_service.pki.profiles import OCSP

_BACKDATE: Final = timedelta(minutes=5)
_CURVE: Final = "P-256"  # for any issuer: responses are valid for an hour, and P-256 signs several times as fast
_log = logging.getLogger("ca_service.revocation")


def renew_at(record: ResponderRecord) -> datetime:
    """Return when a signer is renewed: after two thirds of its lifetime."""
    return record.not_before + (record.not_after - record.not_before) * 2 / 3


class Responders:
    """Creates, renews and finds the signers of OCSP responses."""

    def __init__(
        self,
        *,
        store: ResponderStore,
        hierarchy: Hierarchy,
        keystore: KeyStore,
        clock: Clock,
        serial_numbers: SerialNumbers,
    ) -> None:
        self._store = store
        self._hierarchy = hierarchy
        self._keystore = keystore
        self._clock = clock
        self._serial_numbers = serial_numbers
        self._seen: dict[str, tuple[ResponderRecord, Signer]] = {}

    def issuers(self) -> tuple[IssuerRecord, ...]:
        """Return the authorities with keys here, whose leaves get responses: an expired one has no valid leaves."""
        records = self._hierarchy.list_certified()
        own = (each for each in records if each.key_id is not None and issues_leaves(each, records))
        return tuple(
            each for each in own if each.is_issuing or certificate_of(each).not_valid_after_utc > self._clock()
        )

    def current(self, issuer: IssuerRecord) -> Signer:
        """Return the current signer for this issuer; create or renew it first if needed.

        Raises KeystoreError or NotReady if there is none.
        """
        record, signer = self._seen.get(issuer.id, (None, None))
        if record is None or signer is None or self._is_due(record):
            record, signer = self._remembered(self._get(issuer))
        return signer

    def renew_due(self) -> int:
        """Create and renew all due signers; return their number. Safe to call anywhere, at any time, in parallel.

        One that cannot be renewed keeps no other from it; its fault is raised afterwards.
        """
        return done_for_each(self.issuers(), self._renew_if_due)

    def list_current(self) -> tuple[ResponderRecord, ...]:
        """Return the current signers; create none."""
        found = (self._find(issuer) for issuer in self.issuers())
        return tuple(record for record in found if record is not None)

    def _renew_if_due(self, issuer: IssuerRecord) -> bool:
        before = self._find(issuer)
        return (before is None or self._is_due(before)) and self._get(issuer) != before

    def _find(self, issuer: IssuerRecord) -> ResponderRecord | None:
        return self._store.find_responder(issuer.id, self._clock())

    def _get(self, issuer: IssuerRecord) -> ResponderRecord:
        found = self._find(issuer)
        if found is not None and not self._is_due(found):
            return found
        try:
            with self._store.exclusively(issuer.id):
                found = self._find(issuer)
                if found is None or self._is_due(found):  # no other process has renewed it in the meantime
                    found = self._certify(issuer)
                return found
        except CAServiceError as error:
            if found is None or found.not_after < self._clock():
                raise
            _log.error("the OCSP signer of %s was not renewed: %s", issuer.id, error.rule, exc_info=error)
            return found

    def _is_due(self, record: ResponderRecord) -> bool:
        now = self._clock()
        return now >= renew_at(record) or not is_believable(record.not_before, now)

    def _remembered(self, record: ResponderRecord) -> tuple[ResponderRecord, Signer]:
        certificate = x509.load_der_x509_certificate(record.certificate_der)
        found = record, Signer(certificate, signer_of(self._keystore, record.key_id, certificate.public_key()))
        self._seen[record.issuer_id] = found
        return found

    def _certify(self, issuer: IssuerRecord) -> ResponderRecord:
        """Certify the stored or a new key and record it; the caller holds the lock of the issuer."""
        key_id = f"ocsp-{issuer.id}"
        key = own_key(self._keystore, key_id, _CURVE)
        above = Issuer.of(certificate_of(issuer))
        signer = signer_of(self._keystore, issuer.key_id, above.public_key)
        contents = self._contents(issuer, above, key.public_key())
        certificate = issuing.sign(issuing.prepare(contents, above), signer)
        record = ResponderRecord(
            issuer_id=issuer.id,
            serial_number=serial_text(certificate.serial_number),
            key_id=key_id,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            certificate_der=encodings.der(certificate),
        )
        event = AuditEvent.by(SERVICE, self._clock(), Event.RESPONDER_CERTIFIED, record.serial_number, issuer=issuer.id)
        self._store.add_responder(record, event)
        return record

    def _contents(self, issuer: IssuerRecord, above: Issuer, key: ec.EllipticCurvePublicKey) -> Contents:
        subject = responder_subject(issuer.name, above.subject)
        return Contents.by_default(
            OCSP, subject, key, serial_number=self._serial_numbers(), validity=self._validity(above)
        )

    def _validity(self, above: Issuer) -> Validity:
        now = self._clock()
        require_valid(above.validity, now)
        start = max(now - _BACKDATE, above.validity.not_before)
        return Validity(start, min(Validity.of_days(start, OCSP.default_days).not_after, above.validity.not_after))
