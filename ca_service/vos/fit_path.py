"""Fit checks of the path: whether TLS clients and servers accept the certificate below its authorities (RFC 5280, 6.1).

Findings of `pki.path_validation` keep their rules. Each check shows the first, errors before warnings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Network
from typing import Final

from cryptography import x509

from ca_service.errors import Finding, Rule, Severity
from ca_service.pki import second_opinion
from ca_service.pki.contents import extended_key_usage_names
from ca_service.pki.link import Link
from ca_service.pki.name_constraints import (
    CHAIN_NAME_CONSTRAINTS,
    CHAIN_NAME_EXCLUDED,
    CHAIN_NAME_NOT_PERMITTED,
    CHAIN_TOO_MANY_NAMES,
)
from ca_service.pki.path_validation import (
    CHAIN_CRITICAL,
    CHAIN_EXTENSIONS,
    CHAIN_KEY_IDENTIFIER,
    CHAIN_KEY_USAGE,
    CHAIN_NOT_AUTHORITY,
    CHAIN_PATH_LENGTH,
    CHAIN_SIGNATURE,
    TLS_PURPOSES,
    AuthorityPath,
    issue_fault,
)
from ca_service.pki.policies import CHAIN_POLICY
from ca_service.pki.strictness import STRICT_CLIENT, strict_faults
from ca_service.vos.checks import PURPOSES_OF_TLS, STRICT_CLIENTS, Check, Stage

FIT_PURPOSES: Final = Rule(
    "fit.purposes",
    "The extended key usage lacks {missing}. A node is a server and a client: towards LDAP, other nodes and SIP.",
    "Have it signed with serverAuth and clientAuth, as nodes request it.",
)
FIT_PURPOSES_REQUESTED: Final = Rule(
    "fit.purposes-requested",
    "The extended key usage lacks {missing}, which the CSR does not request either.",
    "If this host is a server and a client, create a CSR that requests serverAuth and clientAuth.",
    Severity.WARNING,
)
FIT_DIGITAL_SIGNATURE: Final = Rule(
    "fit.digital-signature",
    "The key usage lacks digitalSignature, which TLS needs of an EC key: handshakes fail.",
    "Have it signed again with digitalSignature.",
)
FIT_NETSCAPE_TYPE: Final = Rule(
    "fit.netscape-type",
    "The extension Netscape Cert Type limits the certificate; SSL server and SSL client are not both in it. OpenSSL "
    "refuses it for the other one.",
    "Have it signed again without nsCertType.",
)
FIT_SELF_SIGNED: Final = Rule(
    "fit.self-signed",
    "The certificate is signed with its own key, not by an authority: clients that do not have this very certificate "
    "refuse it, and GnuTLS refuses it in any case.",
    "Have the CSR signed by an authority.",
    Severity.WARNING,
)

_NETSCAPE_TYPE: Final = x509.ObjectIdentifier("2.16.840.1.113730.1.1")
_NETSCAPE_TLS: Final = 0xC0  # SSL client and SSL server, the first bits of the BIT STRING

_SIGNATURES: Final = (CHAIN_SIGNATURE, CHAIN_KEY_IDENTIFIER)
_AUTHORITIES: Final = (CHAIN_NOT_AUTHORITY, CHAIN_KEY_USAGE, CHAIN_PATH_LENGTH)
_EXTENSIONS: Final = (CHAIN_EXTENSIONS, CHAIN_CRITICAL, CHAIN_NAME_CONSTRAINTS)
_NAMES: Final = (CHAIN_NAME_NOT_PERMITTED, CHAIN_NAME_EXCLUDED, CHAIN_TOO_MANY_NAMES)


def tls_usages(leaf: Link, requested: Collection[str]) -> Iterator[Check]:
    """Yield the checks of the usages that TLS needs; `requested` are the purposes in the CSR, if it is known."""
    yield Check(PURPOSES_OF_TLS, Stage.USE, _purposes(leaf, requested) or _netscape_type(leaf))
    yield Check("digital signature", Stage.USE, _digital_signature(leaf))


def along(leaf: Link, path: AuthorityPath, at: datetime) -> Iterator[Check]:
    """Yield the checks of a leaf below authorities: a complete path."""
    purposes = extended_key_usage_names(leaf.find(x509.ExtendedKeyUsage)) or TLS_PURPOSES
    named = leaf.find(x509.SubjectAlternativeName)
    own = {
        "signatures along the path": _own_fault(leaf, path),
        "authorities that may sign": (),
        "extensions of the authorities": (),
        "purposes along the path": path.purpose_faults(purposes),
        "names along the path": path.name_faults(leaf.certificate.subject, named),
        "policies along the path": path.policy_faults(leaf.name, leaf.find(x509.CertificatePolicies)),
    }
    rules = (_SIGNATURES, _AUTHORITIES, _EXTENSIONS, (), _NAMES, (CHAIN_POLICY,))
    judged = [
        Check(
            topic, Stage.USE, _first(_of_chain(path, wanted), (replace(each, pointer="/certificate") for each in found))
        )
        for (topic, found), wanted in zip(own.items(), rules, strict=True)
    ]
    yield from judged
    strict = [*strict_faults(leaf, is_last=not path.links), *(each for each in path.findings if not each.is_error)]
    strict += [] if path.links else [FIT_SELF_SIGNED.at("/certificate")]
    strict += _unlike_addresses(path, named.get_values_for_type(x509.IPAddress) if named else ())
    if not strict and not any(check.finding and check.finding.is_error for check in judged):
        strict += second_opinion.refusals(leaf, path, purposes, at)
    yield Check(STRICT_CLIENTS, Stage.USE, _first(strict))


def _unlike_addresses(path: AuthorityPath, addresses: Iterable[object]) -> Iterator[Finding]:
    """Yield the IPv6 constraints that Java compares with an IPv4 address until it fails: IPAddressName.constrains."""
    ipv4 = [int(each) for each in addresses if isinstance(each, IPv4Address)]
    masked = cache(lambda mask: {each & mask for each in ipv4})  # few masks, so that many constraints cost little
    for subtrees in path.subtrees:
        for value in (each.value for each in (*subtrees.permitted, *subtrees.excluded)):
            if isinstance(value, IPv6Network) and int(value.network_address) >> 96 in masked(int(value.netmask) >> 96):
                what = f"name constraints for {value}, with which an IPv4 address of this certificate is compared"
                yield STRICT_CLIENT.at(name=subtrees.authority, what=what, client="Java")


def _own_fault(leaf: Link, path: AuthorityPath) -> Iterator[Finding]:
    if path.links and (fault := issue_fault(leaf, path.links[0])):
        yield fault


def _of_chain(path: AuthorityPath, rules: Collection[Rule]) -> Iterator[Finding]:
    return (replace(found, pointer="/chain") for found in path.findings if found.declared in rules)


def _first(*findings: Iterable[Finding]) -> Finding | None:
    """Return the first error, or else the first finding."""
    found = [each for some in findings for each in some]
    return next((each for each in found if each.is_error), found[0] if found else None)


def _purposes(leaf: Link, requested: Collection[str]) -> Finding | None:
    found = leaf.find(x509.ExtendedKeyUsage)
    missing = [each for each in TLS_PURPOSES if found and each not in extended_key_usage_names(found)]
    if not missing:
        return None
    is_requested_so = bool(requested) and not set(missing) & set(requested)
    rule = FIT_PURPOSES_REQUESTED if is_requested_so else FIT_PURPOSES
    return rule.at("/certificate", missing=", ".join(missing))


def _netscape_type(leaf: Link) -> Finding | None:
    for found in leaf.extensions:
        if found.oid == _NETSCAPE_TYPE and isinstance(found.value, x509.UnrecognizedExtension):
            bits = found.value.value[3:4] or b"\0"
            return FIT_NETSCAPE_TYPE.at("/certificate") if bits[0] & _NETSCAPE_TLS != _NETSCAPE_TLS else None
    return None


def _digital_signature(leaf: Link) -> Finding | None:
    usage = leaf.find(x509.KeyUsage)
    if usage is None or usage.digital_signature:
        return None
    return FIT_DIGITAL_SIGNATURE.at("/certificate")
