"""The fit check of files: whether a node accepts a certificate, and whether it works afterwards; in Cisco's words.

The certificate may come from any authority. A bad one never raises: what does not fit is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from ca_service.errors import CAServiceError, Finding, InvalidInput, Refused, Rule, Severity
from ca_service.pki import armour, csr, encodings, strict
from ca_service.pki.contents import find_value
from ca_service.pki.link import Link
from ca_service.pki.parse_errors import PARSE_ERRORS
from ca_service.vos import fit_chain, fit_path, trust_store
from ca_service.vos.checks import Check, Fit, Result, Stage, own_contents
from ca_service.vos.fit_request import Said, against_request, said
from ca_service.vos.purposes import TOMCAT_ECDSA

FIT_SEVERAL: Final = Rule(
    "fit.several",
    "There are {count} certificates in one file; only one of them was looked at.",
    "Put the certificate of the node into a file of its own, and the authorities into files of their own.",
)
FIT_FILES: Final = Rule(
    "fit.files",
    "{count} files of authorities were given; at most {limit} are looked at.",
    "Give only the authorities above this certificate.",
)
FIT_READABLE: Final = Rule(
    "fit.readable",
    "No certificate can be read from it, or it has too many.",
    "Give certificates as PEM (-----BEGIN CERTIFICATE-----), DER or PKCS#7, as the authority made them. One "
    "whose times are not GMT in whole seconds cannot be read either, and fails on a node as well.",
)
FIT_SEVERAL_PKCS7: Final = Rule(
    "fit.several-pkcs7",
    "The file is a PKCS#7 chain of {count} certificates. CUCM and Unity Connection take that as PEM; the "
    "documents of UCCX speak of DER and PEM only.",
    "Upload one certificate a file where you are in doubt.",
    Severity.WARNING,
)
FIT_PRIVATE_KEY: Final = Rule(
    "fit.private-key",
    "There is a private key in what was sent. It was not stored and not logged.",
    "Treat that key as exposed. Send certificates and CSRs only.",
)
FIT_SEVERAL_AUTHORITIES: Final = Rule(
    "fit.several-authorities",
    "There are {count} authorities in one file. Cisco\u2019s steps upload one at a time; that a "
    "node takes several from one file is not confirmed by Cisco\u2019s documents.",
    "Upload each authority as a file of its own, the root first.",
    Severity.WARNING,
)
FIT_CSR: Final = Rule(
    "fit.csr",
    "The CSR of the node cannot be read.",
    "Create a new CSR on the node.",
)

__all__ = ["Check", "Files", "Fit", "Result", "Stage", "judge_files"]

MAX_CHAIN_FILES: Final = 10
_MAX_CERTIFICATES: Final = 20


@dataclass(frozen=True, slots=True)
class Files:
    """The files as they came: the request, if there is one, the certificate, those of its authorities.

    `trust` is what `show cert list trust` prints on the node, or a snapshot of its API; empty if not known.
    """

    csr: bytes | None
    certificate: bytes
    chain: tuple[bytes, ...] = ()
    trust: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """A certificate all of whose parts can be read."""

    certificate: x509.Certificate
    extensions: x509.Extensions
    said: Said


def judge_files(files: Files, at: datetime) -> Fit:
    """Return all that can be said of these files at this time (UTC).

    Raises InvalidInput or Refused, pointing to the file, for one that cannot be read.
    """
    asked = _asked(files.csr) if files.csr is not None else None
    leaf, *others = _own_first(_certificates(files.certificate, "/certificate"), files.certificate, asked)
    trust = [entry for entry in trust_store.read(files.trust) if entry.store == TOMCAT_ECDSA.trust]
    authorities = [_certificates(data, f"/chain/{number}") for number, data in enumerate(_chain(files))]
    pool = list(dict.fromkeys(each.certificate for found in (others, *authorities) for each in found))
    checks = (
        Check("one certificate in the file", Stage.UPLOAD, _several(len(others) + 1, files.certificate)),
        *_trust_files(authorities),
        *against_request(asked, leaf.said),
        *own_contents(leaf.certificate, leaf.extensions, at),
        *fit_path.tls_usages(Link.of(leaf.certificate), asked.extended_key_usage if asked else ()),
        *fit_chain.above(leaf.certificate, [each for each in pool if each != leaf.certificate], trust, at),
    )
    return Fit.of(checks)


def _asked(data: bytes) -> Said:
    try:
        request = csr.load(armour.unwrap(data))
        return said(request, request.extensions)
    except CAServiceError as error:
        raise _at("/csr", error) from error
    except PARSE_ERRORS as error:
        raise Refused(FIT_CSR.at("/csr")) from error


def _at(pointer: str, error: CAServiceError) -> CAServiceError:
    """Return the same error, about one of several files."""
    return type(error)(*(found.under(pointer) for found in error.findings))


def _chain(files: Files) -> tuple[bytes, ...]:
    if len(files.chain) <= MAX_CHAIN_FILES:
        return files.chain
    raise InvalidInput(FIT_FILES.at("/chain", count=len(files.chain), limit=MAX_CHAIN_FILES))


def _certificates(data: bytes, pointer: str) -> list[_Read]:
    """Return the certificates of a file, at least one, each read to its last part."""
    if b"PRIVATE KEY" in data:
        raise Refused(FIT_PRIVATE_KEY.at(pointer))
    try:
        found = encodings.load_certificates(data)
        if 1 <= len(found) <= _MAX_CERTIFICATES:
            return [_read(certificate) for certificate in found]
    except InvalidInput as error:
        raise (_unreadable(pointer) if error.rule == "certificate.unreadable" else _at(pointer, error)) from error
    except PARSE_ERRORS as error:
        raise _unreadable(pointer) from error
    raise _unreadable(pointer)


def _own_first(found: list[_Read], data: bytes, asked: Said | None) -> list[_Read]:
    """Return the certificate of the node first: the one with the key of the CSR, wherever it is in the file.

    PKCS#7 keeps certificates in no order (a DER set); a PEM file is read from its top.
    """
    if asked and any(each.said.public_key == asked.public_key for each in found):
        return sorted(found, key=lambda each: each.said.public_key != asked.public_key)
    if b"-----BEGIN CERTIFICATE-----" in data:
        return found
    issuers = {each.certificate.issuer for each in found}
    return sorted(found, key=lambda each: (each.certificate.subject in issuers, _is_authority(each)))


def _is_authority(read: _Read) -> bool:
    constraints = find_value(read.extensions, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _read(certificate: x509.Certificate) -> _Read:
    """Look at every part once, as the library reads them only when they are asked for."""
    extensions = strict.extensions_of(certificate)
    _ = (certificate.issuer, certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    _ = (certificate.signature_algorithm_oid, certificate.signature_hash_algorithm)
    return _Read(certificate, extensions, said(certificate, extensions))


def _unreadable(pointer: str) -> InvalidInput:
    return InvalidInput(FIT_READABLE.at(pointer))


def _several(count: int, data: bytes) -> Finding | None:
    if count == 1:
        return None
    if b"-----BEGIN PKCS7-----" in data:
        return FIT_SEVERAL_PKCS7.at("/certificate", count=count)
    return FIT_SEVERAL.at("/certificate", count=count)


def _trust_files(authorities: Sequence[Sequence[_Read]]) -> Iterator[Check]:
    finding = None
    for number, found in enumerate(authorities):
        if len(found) > 1:
            finding = FIT_SEVERAL_AUTHORITIES.at(f"/chain/{number}", count=len(found))
            break
    if authorities:
        yield Check("one authority per file", Stage.UPLOAD, finding)
