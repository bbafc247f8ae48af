"""Fit checks of a certificate against its CSR, as a node makes them, and as it ought to; all checks of our own ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca_service.errors import Finding, Rule, Severity
from ca_service.pki import names
from ca_service.pki.contents import Candidate, extended_key_usage_names, find_value, key_usage_names
from ca_service.pki.csr import CertificationRequest
from ca_service.pki.link import Link
from ca_service.pki.visible_text import visible
from ca_service.vos import fit_chain, fit_path
from ca_service.vos.checks import Check, Fit, Stage, own_contents
from ca_service.vos.purposes import PURPOSES

FIT_NO_REQUEST: Final = Rule(
    "fit.no-request",
    "Without the CSR this cannot be compared.",
    "Add the .csr file. The node keeps it until a certificate is uploaded: Download CSR.",
    Severity.NOTE,
)
FIT_KEY: Final = Rule(
    "fit.key",
    "The certificate has another public key than the CSR.",
    "It belongs to another node or to an older CSR: a new CSR replaces the one before, with its key. "
    "Have the newest CSR of this node signed.",
)
FIT_SAN: Final = Rule(
    "fit.san",
    "The names differ. Missing: {missing}. Not asked for: {extra}.",
    "Have it signed again with exactly the names of the CSR, the bare domain included; nothing added, "
    "such as www., the common name or an address. Their order does not matter.",
)
FIT_COMMON_NAME: Final = Rule(
    "fit.common-name",
    "The common name is {found}; the CSR asks for {wanted}. A practitioner found that a node compares it; "
    "that is not confirmed by Cisco\u2019s documents.",
    "Have it signed with the subject of the CSR, unchanged. If your authority refuses \u201c-ms\u201d in a "
    "name, change the common name on the page Generate CSR.",
    Severity.WARNING,
)
FIT_SUBJECT: Final = Rule(
    "fit.subject",
    "The subject differs in {changed}. Cisco\u2019s documents do not say whether a node refuses that.",
    "To be safe, have it signed with the subject of the CSR, unchanged.",
    Severity.NOTE,
)
FIT_SAN_FREE: Final = Rule(
    "fit.san-free",
    "The CSR names no host, so the node does not compare the names of the certificate.",
    "",
    Severity.NOTE,
)
FIT_SUBJECT_OU: Final = Rule(
    "fit.subject-ou",
    "The OU of the CSR is not in the certificate; a node takes it all the same.",
    "",
    Severity.NOTE,
)
FIT_KEY_USAGE: Final = Rule(
    "fit.key-usage",
    "The key usage lacks {missing}. A practitioner found that a node takes such a certificate, and it fails in "
    "use when its CSR is gone. Cisco: \u201cEnsure that \u2018Data Encipherment\u2019 bit is not changed "
    "or removed\u201d.",
    "Do not upload it. Have it signed again with every key usage of the CSR.",
)
FIT_KEY_USAGE_EXTRA: Final = Rule(
    "fit.key-usage-extra",
    "The key usage has {extra}, which the CSR does not ask for.",
    "Cisco\u2019s documents name no harm. Let the authority copy what the CSR asks for.",
    Severity.WARNING,
)
FIT_EXTENDED_KEY_USAGE: Final = Rule(
    "fit.extended-key-usage",
    "The extended key usage lacks {missing}. A practitioner found that a node takes such a certificate, and it "
    "fails in use: nodes are clients as well as servers, towards LDAP, one another and SIP.",
    "Do not upload it. Have it signed again with every extended key usage of the CSR. Public authorities leave "
    "clientAuth out; a private one need not.",
)
FIT_EXTENDED_KEY_USAGE_EXTRA: Final = Rule(
    "fit.extended-key-usage-extra",
    "The extended key usage has {extra}, which the CSR does not ask for.",
    "",
    Severity.NOTE,
)

KEY_MESSAGE: Final = "CSR Public Key and Certificate Public Key Do Not Match"
SAN_MESSAGE: Final = "CSR SAN and Certificate SAN does not match"
_TOPICS: Final = (
    ("public key", Stage.UPLOAD),
    ("subject alternative name", Stage.UPLOAD),
    ("common name", Stage.UPLOAD),
    ("rest of the subject", Stage.UPLOAD),
    ("key usage", Stage.USE),
    ("extended key usage", Stage.USE),
)


@dataclass(frozen=True, slots=True)
class Said:
    """The contents of a CSR or a certificate, as far as the two are compared.

    `public_key` is DER. `subject` has (type, value) of each part. `names` are None without alternative names.
    """

    public_key: bytes
    subject: tuple[tuple[str, str], ...]
    names: tuple[str, ...] | None
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]

    @property
    def common_name(self) -> str | None:
        """The last common name, which is the most specific one."""
        return next((value for kind, value in reversed(self.subject) if kind == "CN"), None)


def judge_issued(
    request: CertificationRequest,
    certificate: x509.Certificate,
    authorities: Sequence[x509.Certificate],
    at: datetime,
    purpose: str = "",
) -> Fit:
    """Return all checks of our own certificate; the issuing authority first, the root last."""
    asked = said_by_request(request)
    checks = (
        *_own_checks(asked, said(certificate, certificate.extensions), certificate, at, purpose),
        *fit_path.tls_usages(Link.of(certificate), asked.extended_key_usage),
        *fit_chain.whole_path(certificate, authorities, at),
    )
    return Fit.of(checks)


def judge_candidate(
    request: CertificationRequest,
    candidate: Candidate,
    authorities: Sequence[x509.Certificate],
    at: datetime,
    purpose: str = "",
) -> Fit:
    """Return the same before the signature; the path was validated with the request, and is not validated again."""
    checks = (
        *_own_checks(said_by_request(request), said_by_candidate(candidate), candidate.certificate, at, purpose),
        *fit_chain.of_path(candidate.certificate, authorities, at),
    )
    return Fit.of(checks)


def _own_checks(
    asked: Said, given: Said, certificate: x509.Certificate, at: datetime, purpose: str
) -> tuple[Check, ...]:
    """Return the checks of a certificate of ours, which says what is `given`, without its path."""
    may_be_wild = purpose in PURPOSES and PURPOSES[purpose].allows_wildcard
    return (
        *against_request(asked, given),
        *own_contents(certificate, certificate.extensions, at, may_be_wild=may_be_wild),
    )


def said_by_request(request: CertificationRequest) -> Said:
    """Return what a verified CSR says. It has no hidden character, so its description has the subject as it is."""
    return Said(
        request.subject_public_key_info,
        request.description.subject,
        None if request.subject_alternative_name is None else request.names,
        request.description.key_usage,
        request.description.extended_key_usage,
    )


def said_by_candidate(candidate: Candidate) -> Said:
    """Return what a certificate that was taken apart already says."""
    alternative_name = candidate.alternative_name
    return Said(
        candidate.fields.subject_public_key_info,
        names.name_parts(candidate.certificate.subject),
        None if alternative_name is None else names.general_names_text(alternative_name),
        candidate.key_usage,
        candidate.extended_key_usage,
    )


def said(source: x509.CertificateSigningRequest | x509.Certificate, extensions: x509.Extensions) -> Said:
    """Return what a CSR or a certificate says; `extensions` are its own, which are parsed anew at each access."""
    alternative_name = find_value(extensions, x509.SubjectAlternativeName)
    key_usage, extended = find_value(extensions, x509.KeyUsage), find_value(extensions, x509.ExtendedKeyUsage)
    return Said(
        source.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        names.name_parts(source.subject),
        None if alternative_name is None else names.general_names_text(alternative_name),
        key_usage_names(key_usage),
        extended_key_usage_names(extended),
    )


def against_request(asked: Said | None, given: Said) -> Iterator[Check]:
    """Yield the comparisons; without a request none of them can be made, and that is said once for each."""
    if asked is None:
        for topic, stage in _TOPICS:
            yield Check(topic, stage, _no_request(), is_made=False)
        return
    findings = (
        (_key(asked, given), KEY_MESSAGE),
        (_names(asked, given), SAN_MESSAGE),
        (_common_name(asked, given), ""),
        (_rest_of_subject(asked, given), ""),
        (_key_usage(asked, given), ""),
        (_extended_key_usage(asked, given), ""),
    )
    for (topic, stage), (finding, message) in zip(_TOPICS, findings, strict=True):
        yield Check(topic, stage, finding, message)


def _no_request() -> Finding:
    return FIT_NO_REQUEST.at("/csr")


def _key(asked: Said, given: Said) -> Finding | None:
    if asked.public_key == given.public_key:
        return None
    return FIT_KEY.at("/certificate")


def _names(asked: Said, given: Said) -> Finding | None:
    if asked.names is None:
        return FIT_SAN_FREE.at("/certificate")
    wanted, found = (Counter(_folded(each)) for each in (asked, given))
    missing, extra = sorted((wanted - found).elements()), sorted((found - wanted).elements())
    if not missing and not extra:
        return None
    return FIT_SAN.at("/certificate", missing=", ".join(missing) or "none", extra=", ".join(extra) or "none")


def _folded(each: Said) -> list[str]:
    """Return the names for a comparison: DNS names without regard to case (RFC 4343), each once."""
    return list({f"DNS:{name[4:].lower()}" if name.startswith("DNS:") else name for name in each.names or ()})


def _common_name(asked: Said, given: Said) -> Finding | None:
    wanted, found = asked.common_name, given.common_name
    if wanted == found:
        return None
    return FIT_COMMON_NAME.at("/certificate", found=visible(found or "none"), wanted=visible(wanted or "none"))


def _rest_of_subject(asked: Said, given: Said) -> Finding | None:
    wanted, found = (_without_common_name(each.subject) for each in (asked, given))
    changed = sorted({kind for kind, _ in set(wanted) ^ set(found)})
    if not changed:
        return None
    if changed == ["OU"] and not any(kind == "OU" for kind, _ in found):
        return FIT_SUBJECT_OU.at("/certificate")
    return FIT_SUBJECT.at("/certificate", changed=", ".join(changed))


def _without_common_name(subject: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [part for part in subject if part[0] != "CN"]


def _key_usage(asked: Said, given: Said) -> Finding | None:
    missing = [name for name in asked.key_usage if name not in given.key_usage]
    extra = [name for name in given.key_usage if name not in asked.key_usage]
    if missing:
        return FIT_KEY_USAGE.at("/certificate", missing=", ".join(missing))
    if extra and asked.key_usage:
        return FIT_KEY_USAGE_EXTRA.at("/certificate", extra=", ".join(extra))
    return None


def _extended_key_usage(asked: Said, given: Said) -> Finding | None:
    missing = [name for name in asked.extended_key_usage if name not in given.extended_key_usage]
    extra = [name for name in given.extended_key_usage if name not in asked.extended_key_usage]
    if missing:
        return FIT_EXTENDED_KEY_USAGE.at("/certificate", missing=", ".join(missing))
    if extra and asked.extended_key_usage:
        return FIT_EXTENDED_KEY_USAGE_EXTRA.at("/certificate", extra=", ".join(extra))
    return None
