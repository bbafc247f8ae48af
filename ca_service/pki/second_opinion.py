"""Second opinions about a path, which share no code with `path_validation`.

The verifier of `cryptography` follows the rules of the web PKI, and is stricter in places (SHA-1, serial numbers, small
RSA keys). So what it refuses and `path_validation` accepts is worth a warning. It is relaxed where strict demands have
findings of their own.

OpenSSL, which most clients use, reads extensions that nothing here reads, such as nsCertType and address blocks, and
refuses a certificate in which one of them is damaged (its check_chain and x509v3_cache_extensions).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from ca_service.errors import Finding, Rule, Severity
from ca_service.pki.link import Link
from ca_service.pki.name_constraints import Subtrees
from ca_service.pki.path_validation import AuthorityPath
from ca_service.pki.visible_text import visible

CHAIN_SECOND_OPINION: Final = Rule(
    "chain.second-opinion",
    "The path validation of the library pyca/cryptography refuses the certificate for {purpose}: {reason}",
    "Clients that follow the rules of browsers may refuse it, too. Have it issued again without this fault.",
    Severity.WARNING,
)

_PARTIAL_CHAIN: Final = 0x80000  # the last certificate is trusted, self-signed or not
_NO_CHECK_TIME: Final = 0x200000  # whether they are valid now is judged elsewhere
_PURPOSES: Final = ("serverAuth", "clientAuth")
_LEFT_TO_OTHERS: Final = (
    x509.AuthorityKeyIdentifier,
    x509.SubjectKeyIdentifier,
    x509.CertificatePolicies,
    x509.PolicyConstraints,
    x509.InhibitAnyPolicy,
)
_MAX_DEPTH: Final = 8
_MAX_REASON: Final = 200


def refusals(leaf: Link, path: AuthorityPath, purposes: Collection[str], at: datetime) -> tuple[Finding, ...]:
    """Return what the library refuses: for serverAuth under the first host name, and for clientAuth.

    Empty where it cannot judge: without a host name, and with name constraints of kinds that it does not process.
    """
    named = leaf.find(x509.SubjectAlternativeName)
    hosts = named.get_values_for_type(x509.DNSName) if named else []
    if not path.links or not hosts or not all(map(_is_processed, path.subtrees)):
        return ()
    found = [(purpose, _refusal(leaf, path, purpose, hosts[0], at)) for purpose in _PURPOSES if purpose in purposes]
    return tuple(
        CHAIN_SECOND_OPINION.at(purpose=purpose, reason=visible(reason)[:_MAX_REASON])
        for purpose, reason in found
        if reason
    )


def _is_processed(subtrees: Subtrees) -> bool:
    """Return whether the library knows every constraint: it refuses a path for DNs, empty names and leading dots."""
    return all(
        isinstance(each, x509.IPAddress)
        or (isinstance(each, x509.DNSName) and each.value.strip(".") == each.value != "")
        for each in (*subtrees.permitted, *subtrees.excluded)
    )


def _refusal(leaf: Link, path: AuthorityPath, purpose: str, host: str, at: datetime) -> str:
    """Return why the library refuses the path, or an empty text."""
    *intermediates, root = (link.certificate for link in path.links)
    builder = (
        PolicyBuilder()
        .store(Store([root]))
        .time(at)
        .max_chain_depth(_MAX_DEPTH)
        .extension_policies(ca_policy=_relaxed(ExtensionPolicy.webpki_defaults_ca()), ee_policy=_leaf_policy())
    )
    try:
        if purpose == "serverAuth":
            subject = x509.DNSName(host.replace("*", "host", 1))
            builder.build_server_verifier(subject).verify(leaf.certificate, intermediates)
        else:
            builder.build_client_verifier().verify(leaf.certificate, intermediates)
    except (VerificationError, ValueError) as error:  # ValueError: a host name that the library takes for none
        return str(error)
    return ""


def _leaf_policy() -> ExtensionPolicy:
    relaxed = _relaxed(ExtensionPolicy.webpki_defaults_ee())
    return relaxed.require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)


def _relaxed(policy: ExtensionPolicy) -> ExtensionPolicy:
    """Return the policy without demands of which `strictness` and `policies` have clearer findings."""
    for kind in _LEFT_TO_OTHERS:
        policy = policy.may_be_present(kind, Criticality.AGNOSTIC, None)
    return policy


def openssl_refusal(path: Sequence[x509.Certificate]) -> str:
    """Return why OpenSSL refuses these authorities, issuing one first and trusted one last; empty if it does not."""
    from OpenSSL import crypto  # here: few commands need it, and it takes as long as all others together

    first, *between, last = map(crypto.X509.from_cryptography, path)
    store = crypto.X509Store()
    store.add_cert(last)
    store.set_flags(_PARTIAL_CHAIN | _NO_CHECK_TIME)
    try:
        crypto.X509StoreContext(store, first, between).verify_certificate()
    except crypto.X509StoreContextError as error:
        return str(error)
    return ""
