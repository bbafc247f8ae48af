"""Certificates, bundle files, browser names and QR codes as the templates show them."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from ca_service.pki import encodings, keys, names
from ca_service.pki.contents import extended_key_usage_names, find_value, key_usage_names, serial_text
from ca_service.pki.visible_text import visible
from ca_service.vos.bundle import Bundle, BundleFile

_BROWSERS: Final = (
    ("Edge", re.compile(r"Edg(?:A|iOS)?/(\d+)")),
    ("Firefox", re.compile(r"(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"(?:Chrome|CriOS)/(\d+)")),
    ("Safari", re.compile(r"Version/(\d+)[\d.]* (?:Mobile/\w+ )?Safari/")),
)
_GROUP: Final = 8 * len("AA:")
_SYSTEMS: Final = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iOS", "iPhone"),
    ("iPadOS", "iPad"),
    ("macOS", "Mac OS X"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A decoded certificate."""

    title: str
    subject: tuple[tuple[str, str], ...]
    issuer: str
    names: tuple[tuple[str, str], ...]
    serial_number: str
    not_before: datetime
    not_after: datetime
    key: str
    signature: str
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    basic_constraints: str
    subject_key_identifier: str
    authority_key_identifier: str
    fingerprint: str
    pem: str

    @property
    def fingerprint_groups(self) -> tuple[str, ...]:
        """The fingerprint in upper case with colons, in groups of eight bytes."""
        return fingerprint_groups(self.fingerprint)


def _title(certificate: x509.Certificate) -> str:
    """Return the common name, or else the whole subject, or else the first alternative name."""
    said = names.common_name(certificate.subject) or names.name_text(certificate.subject)
    found = find_value(certificate.extensions, x509.SubjectAlternativeName) or ()
    return said or next((names.general_name(name)[1] for name in found), "")


def decode(certificate: x509.Certificate) -> CertificateView:
    """Decode a certificate for a template."""
    extensions = certificate.extensions
    algorithm = certificate.signature_hash_algorithm
    subject_key = find_value(extensions, x509.SubjectKeyIdentifier)
    authority_key = find_value(extensions, x509.AuthorityKeyIdentifier)
    return CertificateView(
        title=_title(certificate),
        subject=tuple((key, visible(value)) for key, value in names.name_parts(certificate.subject)),
        issuer=names.name_text(certificate.issuer),
        names=tuple(map(names.general_name, find_value(extensions, x509.SubjectAlternativeName) or ())),
        serial_number=serial_text(certificate.serial_number),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=keys.kind_name(certificate.public_key()),
        signature=f"ECDSA with {algorithm.name.upper().replace('SHA', 'SHA-') if algorithm else 'no hash'}",
        key_usage=key_usage_names(find_value(extensions, x509.KeyUsage)),
        extended_key_usage=extended_key_usage_names(find_value(extensions, x509.ExtendedKeyUsage)),
        basic_constraints=_constraints(find_value(extensions, x509.BasicConstraints)),
        subject_key_identifier=subject_key.digest.hex() if subject_key else "",
        authority_key_identifier=(authority_key.key_identifier or b"").hex() if authority_key else "",
        fingerprint=encodings.fingerprint(certificate),
        pem=encodings.pem(certificate).decode("ascii"),
    )


def _constraints(found: x509.BasicConstraints | None) -> str:
    if found is None:
        return ""
    if not found.ca:
        return "CA:FALSE"
    return "CA:TRUE" if found.path_length is None else f"CA:TRUE, path length {found.path_length}"


def fingerprint_groups(fingerprint: str) -> tuple[str, ...]:
    """Return a fingerprint in hexadecimal as browsers show it, AA:BB:CC, in groups that are easy to compare.

    Together the groups are the whole text: each but the last ends with a colon.
    """
    text = bytes.fromhex(fingerprint).hex(":").upper()
    return tuple(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def browser_name(user_agent: str) -> str:
    """Return browser and system, so that people recognize their sessions.

    A user agent also names browsers that it is compatible with, so the first match counts.
    """
    browser = next((f"{name} {found[1]}" for name, mark in _BROWSERS if (found := mark.search(user_agent))), "")
    system = next((name for name, mark in _SYSTEMS if mark in user_agent), "")
    return ", ".join(filter(None, (browser, system))) or user_agent[:60]


@dataclass(frozen=True, slots=True)
class FileView:
    """A numbered file of a bundle, to copy or download."""

    name: str
    purpose: str
    text: str
    checksum: str


@dataclass(frozen=True, slots=True)
class FileLink:
    """A file that a step names: where to download it, and the id of the element with its text."""

    name: str
    id: str
    href: str


def named_files(bundle: Bundle) -> tuple[BundleFile, ...]:
    """Return the numbered files, and the others that a step names, such as fullchain.pem of a plain server."""
    named = {file for step in bundle.steps for file in step.files}
    return (*bundle.uploads, *(file for file in bundle.extras if file.path in named))


def bundle_views(files: Sequence[BundleFile]) -> tuple[FileView, ...]:
    """Return the numbered files in the order of upload."""
    return tuple(
        FileView(file.path, file.purpose, file.data.decode("ascii"), hashlib.sha256(file.data).hexdigest())
        for file in files
    )


def qr_code(text: str) -> str:
    """Return a QR code as SVG without styles, as the content security policy requires."""
    import segno  # loaded when a page shows one

    picture = io.BytesIO()
    segno.make(text, error="m").save(
        picture, kind="svg", xmldecl=False, svgns=False, scale=5, border=4, dark="#000", light="#fff", svgclass="qr"
    )
    return picture.getvalue().decode()
