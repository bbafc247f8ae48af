"""Knows how one examined request becomes one certificate; nothing is stored here, and nobody is asked for leave."""

from __future__ import annotations

from cryptography import x509

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import ActiveAuthority, Hierarchy
from ca_service.authority.issuance.examination import Examination, Policy
from ca_service.authority.ports import Clock, SerialNumbers
from ca_service.errors import NotReady, SigningError
from ca_service.pki import encodings, issuing, keys, names
from ca_service.pki.contents import Contents, Validity
from ca_service.pki.csr import CertificationRequest
from ca_service.vos.fit import judge_issued


class Signer:
    """Prepares, lints and signs certificates under the authority."""

    def __init__(self, hierarchy: Hierarchy, policy: Policy, clock: Clock, serial_numbers: SerialNumbers) -> None:
        self._hierarchy = hierarchy
        self._policy = policy
        self._clock = clock
        self._serial_numbers = serial_numbers

    def make(self, asked_by: str, examination: Examination, authority: ActiveAuthority) -> CertificateRecord:
        """One signed certificate as a record; nothing is stored yet.

        Raises NotReady when the authority is not valid now, SigningError for what would break our own rules.
        """
        request, certificate = request_of(examination), self._sign(examination, authority)
        return CertificateRecord(
            serial_number=encodings.serial_text(certificate.serial_number),
            profile=examination.profile.name,
            host=examination.host,
            subject=names.name_text(request.subject),
            names=names.general_names_text(examination.subject_alternative_name or ()),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            issued_at=self._clock(),
            issued_by=asked_by,
            issuer_id=authority.record.id,
            request_fingerprint=request.fingerprint,
            key_fingerprint=keys.key_fingerprint(request.subject_public_key_info),
            der=encodings.der(certificate),
            csr_der=request.der,
        )

    def _sign(self, examination: Examination, authority: ActiveAuthority) -> x509.Certificate:
        """Prepare, lint and sign one certificate."""
        request = request_of(examination)
        contents = Contents(
            profile=examination.profile,
            subject=request.subject,
            subject_der=request.subject_der,
            public_key=request.public_key,
            subject_public_key_info=request.subject_public_key_info,
            serial_number=self._serial_numbers(),
            validity=self._validity(examination.days, authority),
            key_usage=examination.key_usage,
            extended_key_usage=examination.extended_key_usage,
            subject_alternative_name=examination.subject_alternative_name,
        )
        certificate = issuing.sign(issuing.prepare(contents, authority.issuer), self._hierarchy.signing_key(authority))
        if examination.profile.is_vos:
            self._require_fit(request, certificate, authority)
        return certificate

    def _require_fit(
        self, request: CertificationRequest, certificate: x509.Certificate, authority: ActiveAuthority
    ) -> None:
        """Raise SigningError for a certificate that the node would not take, or could not work with."""
        found = judge_issued(request, certificate, authority.chain, self._clock())
        if not found.works:
            raise SigningError(*found.findings)

    def _validity(self, days: int, authority: ActiveAuthority) -> Validity:
        """From a little before now; the backdate is part of the lifetime, and the end of the chain is the end."""
        above, now = authority.validity, self._clock()
        if not above.not_before <= now <= above.not_after:
            raise NotReady.because(
                "authority.expired",
                "The authority is valid from {start} to {end}, which is not now.",
                "Check the clock of this machine. An authority that has ended needs a successor.",
                start=above.not_before.date().isoformat(),
                end=above.not_after.date().isoformat(),
            )
        start = max(now - self._policy.backdate, above.not_before)
        return Validity(start, min(Validity.of_days(start, days).not_after, above.not_after))


def request_of(examination: Examination) -> CertificationRequest:
    """The verified request of an examination that was not refused."""
    if examination.request is None:
        raise ValueError("a refused request is not issued")
    return examination.request
