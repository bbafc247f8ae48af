"""Certificate revocation lists (RFC 5280, 5): entries, full lists, deltas; none are stored or fetched here.

An entry is encoded once, when a certificate is revoked, and kept as bytes. A list is those bytes joined
and signed: that takes milliseconds for 100,000 entries, where a builder that takes them one by one
needs seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.errors import SigningError
from ca_service.pki import der, keys
from ca_service.pki.contents import Issuer
from ca_service.pki.keys import SIGNING_KEY
from ca_service.pki.reasons import Reason

_VERSION_2: Final = der.integer(1)
_TRUE: Final = der.encode(der.BOOLEAN, b"\xff")
#: The AlgorithmIdentifier that a signer on a curve writes, DER.
SIGNATURE_ALGORITHMS: Final = {
    "P-256": der.sequence(der.object_identifier("1.2.840.10045.4.3.2")),  # ecdsa-with-SHA256 (RFC 5758, 3.2)
    "P-384": der.sequence(der.object_identifier("1.2.840.10045.4.3.3")),  # ecdsa-with-SHA384
}
_REASONS: Final = {
    reason: der.sequence(
        der.object_identifier(x509.CRLReason.oid.dotted_string), der.octet_string(der.enumerated(reason.code))
    )
    for reason in Reason
}
_INVALIDITY_DATE: Final = der.object_identifier(x509.InvalidityDate.oid.dotted_string)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """The contents of a list. `entries` are DER, made by `entry`; times are aware UTC, whole seconds.

    A delta has a `base_number`, and lists what has changed since that list. `delta_url` is where a full
    list says that its delta is.
    """

    number: int
    this_update: datetime
    next_update: datetime
    entries: Iterable[bytes]
    base_number: int | None = None
    delta_url: str = ""


def entry(serial_number: int, revoked_at: datetime, reason: Reason, invalid_since: datetime | None = None) -> bytes:
    """Return one entry of a list, DER (RFC 5280, 5.3).

    The reason unspecified is left out (5.3.1). `invalid_since` is when the key is thought to have been
    lost (5.3.2).
    """
    extensions = [] if reason is Reason.UNSPECIFIED else [_REASONS[reason]]
    if invalid_since is not None:
        extensions.append(der.sequence(_INVALIDITY_DATE, der.octet_string(der.generalized_time(invalid_since))))
    said = der.sequence(*extensions) if extensions else b""
    return der.sequence(der.integer(serial_number), der.time(revoked_at), said)


def sign(wanted: RevocationList, issuer: Issuer, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the signed list, DER (RFC 5280, 5.1); raises SigningError if the key is not the issuer's."""
    if key.public_key() != issuer.public_key:
        raise SigningError.because(SIGNING_KEY)
    algorithm = SIGNATURE_ALGORITHMS[keys.curve_name(issuer.public_key)]
    entries = b"".join(wanted.entries)
    tbs = der.sequence(
        _VERSION_2,
        algorithm,
        issuer.subject_der,
        der.time(wanted.this_update),
        der.time(wanted.next_update),
        der.sequence(entries) if entries else b"",  # an empty one has to be absent (5.1.2.6)
        der.explicit(0, der.sequence(*_extensions(wanted, issuer))),
    )
    signature = key.sign(tbs, keys.signature_algorithm(issuer.public_key))
    return der.sequence(tbs, algorithm, der.bit_string(signature))


def entries_of(crl_der: bytes) -> bytes:
    """Return all entries of a list, DER, unchanged; empty if it has none."""
    tbs = der.read(crl_der)[0].children[0]
    times = (der.UTC_TIME, der.GENERALIZED_TIME)
    last_time = max(place for place, element in enumerate(tbs.children) if element.tag in times)
    following = tbs.children[last_time + 1 :]
    return following[0].content if following and following[0].tag == der.SEQUENCE else b""


def is_limited(crl_der: bytes) -> bool:
    """Return whether a list says critically what it is limited to, as those of version 0.2 do."""
    extensions = x509.load_der_x509_crl(crl_der).extensions
    return any(isinstance(each.value, x509.IssuingDistributionPoint) for each in extensions)


def is_in(entry_der: bytes, entries: bytes) -> bool:
    """Return whether these entries may tell of the certificate of this one; never wrong when it says no."""
    return der.read(entry_der)[0].children[0].der in entries


def is_entry_of(entry_der: bytes, serial_number: int) -> bool:
    """Return whether these bytes are an entry of the certificate with this serial number."""
    try:
        content = der.read(entry_der)[0].children[0].content
    except (ValueError, IndexError):
        return False
    return int.from_bytes(content) == serial_number


def is_removal(entry_der: bytes) -> bool:
    """Return whether this entry is for deltas alone, and says that a hold has ended (RFC 5280, 5.3.1)."""
    return _REASONS[Reason.REMOVE_FROM_CRL] in entry_der


def _extensions(wanted: RevocationList, issuer: Issuer) -> list[bytes]:
    """Return the extensions of a list. None limits its scope: it covers every certificate of the issuer.

    So there is no IssuingDistributionPoint, which has to be critical (RFC 5280, 5.2.5): NSS, mbedTLS and
    webpki do not know it, and load no list that has it. A delta has the scope of its base (5.2.4), so
    it has none either. An address in it would also separate the list from certificates that were issued
    before the address changed (6.3.3, b).
    """
    found = [
        extension(x509.AuthorityKeyIdentifier(issuer.subject_key_identifier, None, None)),
        extension(x509.CRLNumber(wanted.number)),
    ]
    if wanted.base_number is not None:
        found.append(extension(x509.DeltaCRLIndicator(wanted.base_number), critical=True))
    elif wanted.delta_url:
        place = x509.DistributionPoint([x509.UniformResourceIdentifier(wanted.delta_url)], None, None, None)
        found.append(extension(x509.FreshestCRL([place])))
    return found


def extension(value: x509.ExtensionType, *, critical: bool = False) -> bytes:
    """Return an Extension, DER (RFC 5280, 4.1)."""
    return der.sequence(
        der.object_identifier(value.oid.dotted_string),
        _TRUE if critical else b"",
        der.octet_string(value.public_bytes()),
    )
