"""The names of a certificate: its subject, the host that it is for, and the alternative names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509

from ca_service.errors import Finding, Rule, Severity
from ca_service.pki import names
from ca_service.pki.csr import CertificationRequest
from ca_service.pki.profiles import Profile
from ca_service.vos.destinations import host_name

SAN_ADDED: Final = Rule(
    "san.added",
    "The CSR has no names. {host} is added, as you asked.",
    "",
    Severity.NOTE,
)
SAN_MISSING: Final = Rule(
    "san.missing",
    "The CSR has no names, and browsers refuse a certificate without one.",
    "Have the name {host} added: select \u201cAdd the host name\u201d. Or create a new CSR; on a Cisco node, fill in "
    "Parent Domain.",
    options="add_host_name=true, --add-host-name",
)
SAN_NO_HOST_NAME: Final = Rule(
    "san.no-host-name",
    "The CSR has no names, and its common name is not a host name either.",
    "Create a new CSR with a subject alternative name; on a Cisco node, fill in Parent Domain.",
)
SAN_HOST_MISSING: Final = Rule(
    "san.host-missing",
    "{host}, the host of the common name, is not among the names: {names}. Clients that open {host} refuse the "
    "certificate. The names are copied unchanged.",
    "Create a new CSR that lists {host}. If that is only the name of a cluster, nothing needs to be done. "
    "(CUCM 10.5.2 leaves the host out: CSCus47235.)",
    Severity.WARNING,
)
SAN_WILDCARD: Final = Rule(
    "san.wildcard",
    "The CSR asks for the wildcard {name}. Of the certificates of a node, only cup-xmpp-s2s-ECDSA may have one.",
    "Create a new CSR that lists each node by name. If it is for XMPP federation, choose the purpose "
    "cup-xmpp-s2s-ECDSA; for other servers, use the profile server.",
)
SAN_WILDCARD_CLIENT: Final = Rule(
    "san.wildcard-client",
    "The CSR asks for the wildcard {name}. A client has a name of its own.",
    "Create a new CSR with the name of the client. For servers, use the profile server.",
)

SUBJECT_CLAIMS: Final = Rule(
    "subject.claims",
    "Servers may grant rights to a client by these parts of its subject: {claims}. Rules and tokens for host names do "
    "not cover them.",
    "Approve them only if they are true. Otherwise create a new CSR whose subject has only a common name.",
    Severity.WARNING,
)

_NAMES: Final = "/subject_alternative_name"
#: Parts of a subject that grant no rights. O and OU of a node are copied under any rule: every CSR of a node has them.
_NO_CLAIMS: Final = {"CN", "C", "ST", "L"}
_NO_CLAIMS_OF_NODE: Final = _NO_CLAIMS | {"O", "OU"}


@dataclass(frozen=True, slots=True)
class Named:
    """The names of a certificate, and what was found about them.

    `host` is the host of the certificate, `extension` its alternative names, `names` the same as text. `claims` are the
    parts of its subject by which a server may grant rights to a client, such as `O=admins`.
    """

    host: str
    extension: x509.SubjectAlternativeName | None
    names: tuple[str, ...]
    claims: tuple[str, ...]
    findings: tuple[Finding, ...]


def name_all(
    request: CertificationRequest, profile: Profile, extended_key_usage: Sequence[str], *, add_host_name: bool
) -> Named:
    """Return the names that the certificate of this CSR would have."""
    claims = _claims(request, profile) if "clientAuth" in extended_key_usage else ()
    host, extension, found = _name_host(request, profile, add_host_name=add_host_name)
    texts = request.names if extension is request.subject_alternative_name else (f"DNS:{host}",)
    return Named(host, extension, texts, claims, (*_subject(request, profile, claims), *found))


def _claims(request: CertificationRequest, profile: Profile) -> tuple[str, ...]:
    harmless = _NO_CLAIMS_OF_NODE if profile.is_vos else _NO_CLAIMS
    return tuple(f"{kind}={value}" for kind, value in request.description.subject if kind not in harmless)


def _subject(request: CertificationRequest, profile: Profile, claims: Sequence[str]) -> Iterator[Finding]:
    """Yield what was found about the subject: a node cannot change what is odd in its subject, other hosts can."""
    if profile.is_vos and not list(request.subject):
        yield names.SUBJECT_EMPTY.at("/subject")
    if claims:
        yield SUBJECT_CLAIMS.at("/subject", claims=", ".join(claims))
    for found in request.findings:
        strict = None if profile.is_vos else names.STRICT.get(found.rule)
        yield replace(found, declared=strict) if strict else found


_Host = tuple[str, x509.SubjectAlternativeName | None, list[Finding]]


def _name_host(request: CertificationRequest, profile: Profile, *, add_host_name: bool) -> _Host:
    """Return the host that the certificate is for, its alternative names, and what was found about them."""
    common_name = request.common_names[-1] if request.common_names else ""
    host = host_name(common_name) if profile.is_vos else common_name
    extension = request.subject_alternative_name
    if extension is None:
        return _without_names(host, add_host_name=add_host_name)
    dns_names = extension.get_values_for_type(x509.DNSName)
    refused = SAN_WILDCARD if profile.is_vos else SAN_WILDCARD_CLIENT
    wild = [] if profile.allows_wildcard else [refused.at(_NAMES, name=name) for name in dns_names if "*" in name]
    addresses = [str(address) for address in extension.get_values_for_type(x509.IPAddress)]
    host, missing = _own_name(dns_names or addresses, host)
    return host, extension, [*wild, *missing]


def _own_name(candidates: list[str], host: str) -> tuple[str, list[Finding]]:
    """Return the name of the host, and a warning if the common name means a host that is not among the names.

    A host of which only the domain is among them keeps its own name: files and lists are called after it.
    """
    found = _most_specific(candidates, host)
    if "." not in host or not names.is_dns_name(host) or _covers(found, host):
        return found, []
    warning = SAN_HOST_MISSING.at(_NAMES, host=host, names=", ".join(candidates))
    return host if host.lower().endswith(f".{found.lower()}") else found, [warning]


def _covers(name: str, host: str) -> bool:
    """Return whether a client that opens this host accepts the name (RFC 9525, 6.3)."""
    own, _, domain = name.lower().partition(".")
    return host.lower() == name.lower() or (own == "*" and host.lower().partition(".")[2] == domain)


def _most_specific(candidates: list[str], host: str) -> str:
    """Return the name that the common name means, or else the one with the most labels: not the parent domain."""
    label = host.partition(".")[0].lower()
    return max(
        candidates,
        key=lambda name: (
            name.lower() == host.lower(),
            name.partition(".")[0].lower() == label,
            "*" not in name,
            name.count("."),
        ),
    )


def _without_names(host: str, *, add_host_name: bool) -> _Host:
    if not names.is_dns_name(host):
        return host, None, [SAN_NO_HOST_NAME.at(_NAMES)]
    if not add_host_name:
        return host, None, [SAN_MISSING.at(_NAMES, host=host)]
    return host, x509.SubjectAlternativeName([x509.DNSName(host)]), [SAN_ADDED.at(_NAMES, host=host)]
