"""Knows which host a leaf is for, and which names are put into it."""

from __future__ import annotations

from cryptography import x509

from ca_service.errors import Finding, blocking, note
from ca_service.pki import names
from ca_service.pki.csr import CertificationRequest
from ca_service.pki.profiles import Profile
from ca_service.vos.purposes import host_name

Named = tuple[x509.SubjectAlternativeName | None, str, list[Finding]]


def alternative_name(request: CertificationRequest, profile: Profile, *, add_host_name: bool) -> Named:
    """The subject alternative name to issue, the host that it is for, and what was found."""
    common_name = names.common_name(request.subject) or ""
    host = host_name(common_name) if profile.is_vos else common_name
    extension = request.subject_alternative_name
    if extension is None:
        return _missing(host, add_host_name=add_host_name)
    dns_names = extension.get_values_for_type(x509.DNSName)
    wild = [] if profile.allows_wildcard else [_wildcard(name) for name in dns_names if names.is_wildcard(name)]
    addresses = [str(address) for address in extension.get_values_for_type(x509.IPAddress)]
    return extension, _most_specific(dns_names or addresses, host), wild


def _most_specific(candidates: list[str], host: str) -> str:
    """The name that the common name means, or else the one with the most labels: not the parent domain."""
    label = host.partition(".")[0].lower()
    return max(
        candidates,
        key=lambda name: (name.lower() == host.lower(), name.partition(".")[0].lower() == label, name.count(".")),
    )


def _missing(host: str, *, add_host_name: bool) -> Named:
    if names.is_dns_name(host) and add_host_name:
        return x509.SubjectAlternativeName([x509.DNSName(host)]), host, [_added(host)]
    return None, host, [_no_names(host) if names.is_dns_name(host) else _no_name_at_all()]


def _added(host: str) -> Finding:
    return note(
        "san.added",
        "/subject_alternative_name",
        "The request names no host; {host} is added, as was asked.",
        host=host,
    )


def _no_names(host: str) -> Finding:
    return blocking(
        "san.missing",
        "/subject_alternative_name",
        "The request names no host, and browsers refuse a certificate without one.",
        "Have the name {host} added: tick \u201cAdd the host name\u201d, or say add_host_name=true, --add-host-name. "
        "Or make a new request; on a Cisco node fill in Parent Domain.",
        host=host,
    )


def _no_name_at_all() -> Finding:
    return blocking(
        "san.missing",
        "/subject_alternative_name",
        "The request names no host, and its common name is none either.",
        "Make a new request with a subject alternative name; on a Cisco node fill in Parent Domain.",
    )


def _wildcard(name: str) -> Finding:
    return blocking(
        "san.wildcard",
        "/subject_alternative_name",
        "The request asks for the wildcard {name}; Cisco\u2019s nodes do not support wildcards.",
        "Make a new request that lists each node by its name. For other servers use the profile server.",
        name=name,
    )
