"""Before and after the signature: the certificate is prepared and judged, and becomes a record. Nothing is stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import ActiveAuthority, require_valid
from ca_service.authority.issuance.examination import Examination, Policy
from ca_service.errors import Finding
from ca_service.pki import issuing
from ca_service.pki.contents import Candidate, Contents, Validity, serial_text
from ca_service.pki.issuing import Prepared
from ca_service.vos.fit_request import judge_candidate


def prepare(
    examination: Examination, authority: ActiveAuthority, policy: Policy, *, serial_number: int, at: datetime
) -> Prepared:
    """Prepare the certificate of an examined CSR; return the right to sign it once.

    Raises NotReady if the authority is not valid at `at`, SigningError with every finding if the certificate breaks our
    own rules, or if the node would not accept it or could not work with it.
    """
    request = examination.verified
    contents = Contents(
        profile=examination.profile,
        subject=request.subject,
        subject_der=request.subject_der,
        public_key=request.public_key,
        subject_public_key_info=request.subject_public_key_info,
        serial_number=serial_number,
        validity=_validity(examination.days, authority, policy, at),
        key_usage=examination.key_usage,
        extended_key_usage=examination.extended_key_usage,
        subject_alternative_name=examination.subject_alternative_name,
    )

    def misfits(candidate: Candidate) -> Iterable[Finding]:
        found = judge_candidate(request, candidate, authority.chain, at, examination.destination.purpose)
        return () if found.works else found.findings

    judge = misfits if examination.profile.is_vos else issuing.no_further_rules
    return issuing.prepare(contents, authority.issuer, judge)


def record_of(
    examination: Examination,
    certificate: x509.Certificate,
    *,
    issuer_id: str,
    issued_by: str,
    issued_at: datetime,
) -> CertificateRecord:
    """Return a signed certificate as a record, with the CSR that it answers."""
    request = examination.verified
    return CertificateRecord(
        serial_number=serial_text(certificate.serial_number),
        profile=examination.profile.name,
        host=examination.host,
        subject=request.subject_text,
        names=examination.names,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        issued_at=issued_at,
        issued_by=issued_by,
        issuer_id=issuer_id,
        request_fingerprint=request.fingerprint,
        key_fingerprint=request.key_fingerprint,
        der=certificate.public_bytes(Encoding.DER),
        csr_der=request.der,
        purpose=examination.destination.purpose,
    )


def _validity(days: int, authority: ActiveAuthority, policy: Policy, at: datetime) -> Validity:
    """Return the validity: it starts a little before `at`, which is part of the lifetime, and ends with the chain."""
    above = authority.validity
    require_valid(above, at)
    start = max(at - policy.backdate, above.not_before)
    return Validity(start, min(Validity.of_days(start, days).not_after, above.not_after))
