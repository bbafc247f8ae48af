"""Fit checks of the chain: complete, EC, and without a clash of names in a trust store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca_service.errors import Finding, Refused, Rule, Severity
from ca_service.pki import chain, names
from ca_service.pki.link import Link
from ca_service.pki.path_validation import AuthorityPath
from ca_service.pki.visible_text import visible
from ca_service.vos import fit_path
from ca_service.vos.checks import OTHER_PATHS, Check, Result, Stage
from ca_service.vos.trust_store import Entry

FIT_TRUST_PERHAPS: Final = Rule(
    "fit.trust-perhaps",
    "{store} holds a file {file}, which may be another certificate called \u201c{name}\u201d. (Cisco\u2019s "
    "documents do not confirm that file names are made from common names.)",
    "Compare the serial numbers: `show cert trust {file}.pem` on the node. You need not upload the same "
    "certificate again; of two different ones, the store keeps the one that begins later.",
    Severity.WARNING,
)

FIT_CHAIN: Final = Rule(
    "fit.chain",
    "The certificate of \u201c{issuer}\u201d is missing, which issued \u201c{subject}\u201d.",
    "Add every authority up to the self-signed root, and upload them to the trust store first: root, then "
    "intermediates, then the certificate.",
)
FIT_NO_TRUST_LIST: Final = Rule(
    "fit.no-trust-list",
    "What the trust store of the node holds is not known: another certificate of the same name could be in it.",
    "Add what `show cert list trust` prints on the node to have that checked too.",
    Severity.NOTE,
)
FIT_TRUST: Final = Rule(
    "fit.trust",
    "{store} holds another certificate called \u201c{name}\u201d, which begins no earlier: the new one is not "
    "stored, and the node says nothing of it.",
    "Delete the old one if it is no longer needed: that deletes it in the whole cluster. Or use an "
    "authority with another name.",
)
FIT_TRUST_REPLACED: Final = Rule(
    "fit.trust-replaced",
    "{store} holds another certificate called \u201c{name}\u201d, which begins earlier: the new one replaces it.",
    "Make sure that no certificate in use was issued under the old one.",
    Severity.WARNING,
)
FIT_RSA_LEAF: Final = Rule(
    "fit.rsa-leaf",
    "This certificate has an RSA key: it is one for the purpose tomcat, where RSA is what is wanted.",
    "",
    Severity.NOTE,
)
FIT_AUTHORITY_EXPIRED: Final = Rule(
    "fit.authority-expired",
    "\u201c{name}\u201d is valid from {start} to {end} only; a node takes no expired certificate.",
    "Have the certificate signed under an authority that is valid now.",
)
FIT_SAME_NAME: Final = Rule(
    "fit.same-name",
    "Two certificates are called \u201c{name}\u201d; a trust store keeps one of each name, so that one of "
    "them replaces the other or is not stored.",
    "Use authorities that have a name of their own, such as with G2 for the second generation.",
)
FIT_KEY_SIZE: Final = Rule(
    "fit.key-size",
    "\u201c{name}\u201d has a key of {size} bit; a node takes certificates of at most {limit}.",
    "Have the certificate signed under an authority with a smaller key, or one on P-384.",
)
FIT_OTHER_PATH: Final = Rule(
    "fit.other-path",
    "Another path leads through these files, and is refused: {detail} A client that tries one path only, such as "
    "OpenSSL, may take that one; a trust store of a node keeps one certificate of each name.",
    "Give and upload only the authorities of one good path.",
    Severity.WARNING,
)
FIT_RSA_LINK: Final = Rule(
    "fit.rsa-link",
    "\u201c{name}\u201d is signed by \u201c{issuer}\u201d with RSA or another kind of key. A node does not "
    "present an EC certificate below it; on SocialMiner 11.5 chat, e-mail and web pages stop (CSCvb58580).",
    "Have the CSR signed by an authority that is EC up to the root, such as this one; or see the COP "
    "files on the page \u201cAgent experience\u201d.",
)

CHAIN_MESSAGE: Final = "CA Certificate is Not Available in the Trust-Store"
_MAX_RSA_BITS: Final = 4096
_ECDSA: Final = "1.2.840.10045.4."


def above(
    leaf: x509.Certificate, authorities: Sequence[x509.Certificate], trust: Sequence[Entry], at: datetime
) -> Iterator[Check]:
    """Yield the checks of a foreign chain; `trust` is what the node already trusts, as far as it is known.

    Of several paths the one with the fewest faults counts.
    """
    there = tuple(entry.certificate for entry in trust if entry.certificate)
    try:
        paths, finding = chain.paths(leaf, (*authorities, *there)), None
    except Refused as error:
        paths, finding = (), _incomplete(error)
    yield Check("chain to the root", Stage.UPLOAD, finding, CHAIN_MESSAGE)
    judged = [whole_path(leaf, path[1:], at) for path in paths] or [tuple(of_path(leaf, authorities, at))]
    best = min(judged, key=_faults)
    yield from best
    if len(judged) > 1:
        yield Check(OTHER_PATHS, Stage.USE, _other_path(best, max(judged, key=_faults)))
    yield _in_the_store(authorities, trust)


def whole_path(leaf: x509.Certificate, authorities: Sequence[x509.Certificate], at: datetime) -> tuple[Check, ...]:
    """Return the checks of a complete path: those of `of_path`, and path validation."""
    return (
        *of_path(leaf, authorities, at),
        *fit_path.along(Link.of(leaf), AuthorityPath.of(authorities), at),
    )


def _other_path(best: Sequence[Check], worst: Sequence[Check]) -> Finding | None:
    """Return the first fault of the worst path, if the best one has none."""
    bad = [check.finding for check in worst if check.finding and check.result is Result.FAILED]
    if not bad or _faults(best)[0]:
        return None
    return FIT_OTHER_PATH.at("/chain", detail=bad[0].detail)


def _faults(checks: Sequence[Check]) -> tuple[int, int]:
    """Return the number of failed checks, and of all findings: fewer are better."""
    failed = sum(check.result is Result.FAILED for check in checks)
    return failed, sum(check.finding is not None for check in checks)


def of_path(leaf: x509.Certificate, authorities: Sequence[x509.Certificate], at: datetime) -> Iterator[Check]:
    """Yield the checks of the authorities above the leaf, the issuing one first."""
    yield Check("validity of the authorities", Stage.UPLOAD, _dates(authorities, at))
    yield Check("one name each", Stage.UPLOAD, _same_name(leaf, authorities))
    yield Check("size of the keys", Stage.UPLOAD, _size(authorities))
    yield Check("EC from leaf to root", Stage.USE, _links(leaf, authorities))


def _incomplete(error: Refused) -> Finding:
    """Return what `chain.build` missed, in the words of this check."""
    missing = error.findings[0].values
    return FIT_CHAIN.at("/chain", **missing)


def _dates(authorities: Sequence[x509.Certificate], at: datetime) -> Finding | None:
    for certificate in authorities:
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            return FIT_AUTHORITY_EXPIRED.at(
                "/chain",
                name=names.name_text(certificate.subject),
                start=certificate.not_valid_before_utc.date().isoformat(),
                end=certificate.not_valid_after_utc.date().isoformat(),
            )
    return None


def _same_name(leaf: x509.Certificate, authorities: Sequence[x509.Certificate]) -> Finding | None:
    seen = dict[str, x509.Certificate]()
    for certificate in (leaf, *authorities):
        name = names.common_name(certificate.subject) or names.name_text(certificate.subject)
        if seen.setdefault(name, certificate) != certificate:
            return FIT_SAME_NAME.at("/chain", name=names.label(certificate.subject))
    return None


def _size(authorities: Sequence[x509.Certificate]) -> Finding | None:
    for certificate in authorities:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size > _MAX_RSA_BITS:
            return FIT_KEY_SIZE.at(
                "/chain", name=names.name_text(certificate.subject), size=key.key_size, limit=_MAX_RSA_BITS
            )
    return None


def _links(leaf: x509.Certificate, authorities: Sequence[x509.Certificate]) -> Finding | None:
    if not isinstance(leaf.public_key(), ec.EllipticCurvePublicKey):
        return FIT_RSA_LEAF.at("/certificate")
    for certificate in (leaf, *authorities):
        if not certificate.signature_algorithm_oid.dotted_string.startswith(_ECDSA):
            return FIT_RSA_LINK.at(
                "/chain", name=names.name_text(certificate.subject), issuer=names.name_text(certificate.issuer)
            )
    return None


def _in_the_store(authorities: Sequence[x509.Certificate], trust: Sequence[Entry]) -> Check:
    topic, stage = "room in the trust store", Stage.UPLOAD
    if not trust:
        return Check(topic, stage, _no_list(), is_made=False)
    findings = clashes(authorities, trust)
    decisive = next((found for found in findings if found.is_error), findings[0] if findings else None)
    if decisive and decisive.declared == FIT_TRUST_PERHAPS:
        return Check(topic, stage, decisive, is_made=False)  # file names alone do not tell one certificate from another
    return Check(topic, stage, decisive)


def clashes(authorities: Sequence[x509.Certificate], trust: Sequence[Entry]) -> list[Finding]:
    """Return what keeps these authorities out of a trust store, or what they replace there."""
    return [found for each in authorities for entry in trust if (found := _clash(each, entry))]


def _no_list() -> Finding:
    return FIT_NO_TRUST_LIST.at("/trust")


def _clash(certificate: x509.Certificate, entry: Entry) -> Finding | None:
    if entry.certificate == certificate:
        return None
    if entry.certificate is None:
        is_same = entry.may_be(names.common_name(certificate.subject) or "")
        return _perhaps(certificate, entry) if is_same else None
    if names.label(entry.certificate.subject) != names.label(certificate.subject):
        return None
    is_newer = entry.certificate.not_valid_before_utc >= certificate.not_valid_before_utc
    return _not_stored(certificate, entry) if is_newer else _replaces(certificate, entry)


def _perhaps(certificate: x509.Certificate, entry: Entry) -> Finding:
    return FIT_TRUST_PERHAPS.at(
        "/trust", store=entry.store, file=visible(entry.name), name=names.label(certificate.subject)
    )


def _not_stored(certificate: x509.Certificate, entry: Entry) -> Finding:
    return FIT_TRUST.at("/trust", store=entry.store, name=names.label(certificate.subject))


def _replaces(certificate: x509.Certificate, entry: Entry) -> Finding:
    return FIT_TRUST_REPLACED.at("/trust", store=entry.store, name=names.label(certificate.subject))
