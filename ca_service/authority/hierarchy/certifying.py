"""The certificates of authorities whose keys are made here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.plan import subject_of
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.key_custody import KeyStore, own_key
from ca_service.authority.ports import Clock, SerialNumbers
from ca_service.pki import encodings, issuing, names
from ca_service.pki.contents import Contents, Issuer, Validity
from ca_service.pki.profiles import INTERMEDIATE, ROOT

_BACKDATE: Final = timedelta(minutes=5)


class Certifier:
    """Makes the key and the certificate of a new authority."""

    def __init__(
        self, *, keystore: KeyStore, clock: Clock, serial_numbers: SerialNumbers, certificate_base_url: str = ""
    ) -> None:
        self._keystore = keystore
        self._clock = clock
        self._serial_numbers = serial_numbers
        self._certificate_base_url = certificate_base_url

    def root(self, record: IssuerRecord, curve: str, days: int) -> IssuerRecord:
        """Return this root with its certificate; its key is new, or the one that an earlier run has left."""
        key = own_key(self._keystore, record.key_id or "", curve)
        contents = self._contents(record, key.public_key(), days, None)
        return _with(record, issuing.sign(issuing.prepare(contents, Issuer.itself(contents)), key))

    def intermediate(
        self, record: IssuerRecord, curve: str, days: int, above: IssuerRecord, signer: ec.EllipticCurvePrivateKey
    ) -> IssuerRecord:
        """Return this intermediate with its certificate, from the authority above, whose key is `signer`."""
        key = own_key(self._keystore, record.key_id or "", curve)
        issuer = Issuer.of(certificate_of(above))
        contents = self._contents(record, key.public_key(), days, issuer)
        if self._certificate_base_url:
            issuer = replace(issuer, crl_url=f"{self._certificate_base_url}/ca/{above.id}.crl")
        return _with(record, issuing.sign(issuing.prepare(contents, issuer), signer))

    def _contents(
        self, record: IssuerRecord, key: ec.EllipticCurvePublicKey, days: int, issuer: Issuer | None
    ) -> Contents:
        profile = ROOT if issuer is None else INTERMEDIATE
        subject = subject_of(record.name, record.role, record.generation)
        start = self._clock() - _BACKDATE
        validity = Validity.of_days(start, days)
        if issuer is not None:
            above = issuer.validity
            validity = Validity(max(start, above.not_before), min(validity.not_after, above.not_after))
        return Contents.by_default(profile, subject, key, serial_number=self._serial_numbers(), validity=validity)


def created_event(event: Event, actor: Actor, record: IssuerRecord, **details: str) -> AuditEvent:
    """Return the audit event for a new authority, which has its certificate."""
    certificate = certificate_of(record)
    subject, fingerprint = names.name_text(certificate.subject), encodings.fingerprint(certificate)
    return AuditEvent.by(
        actor, record.created_at, event, record.id, subject_name=subject, fingerprint=fingerprint, **details
    )


def _with(record: IssuerRecord, certificate: x509.Certificate) -> IssuerRecord:
    return replace(record, certificate_der=encodings.der(certificate))
