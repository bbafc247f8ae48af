"""A second opinion about a path: the verifier of `cryptography`, which follows the rules of the web PKI.

It shares no code with `path_validation`, and is stricter in places (SHA-1, serial numbers, small RSA keys). So what it
refuses and `path_validation` accepts is worth a warning. It is relaxed where strict demands have findings of their own.
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
from ca_service.pki.visible_text import visible

CHAIN_SECOND_OPINION: Final = Rule(
    "chain.second-opinion",
    "The path validation of the library pyca/cryptography refuses the certificate for {purpose}: {reason}",
    "Clients that follow the rules of browsers may refuse it, too. Have it issued again without this fault.",
    Severity.WARNING,
)

_MAX_DEPTH: Final = 8
_MAX_REASON: Final = 200


def refusals(
    leaf: x509.Certificate,
    authorities: Sequence[x509.Certificate],
    alternative_name: x509.SubjectAlternativeName | None,
    purposes: Collection[str],
    at: datetime,
) -> tuple[Finding, ...]:
    """Return what the library refuses: for serverAuth under the first host name, and for clientAuth."""
    if not authorities:
        return ()
    hosts = alternative_name.get_values_for_type(x509.DNSName) if alternative_name else []
    found = [
        (purpose, _refusal(leaf, authorities, purpose, hosts, at))
        for purpose in ("serverAuth", "clientAuth")
        if purpose in purposes and hosts
    ]
    return tuple(
        CHAIN_SECOND_OPINION.at(purpose=purpose, reason=visible(reason)[:_MAX_REASON])
        for purpose, reason in found
        if reason
    )


def _refusal(
    leaf: x509.Certificate, authorities: Sequence[x509.Certificate], purpose: str, hosts: Sequence[str], at: datetime
) -> str:
    """Return why the library refuses the path, or an empty text."""
    *intermediates, root = authorities
    builder = (
        PolicyBuilder()
        .store(Store([root]))
        .time(at)
        .max_chain_depth(_MAX_DEPTH)
        .extension_policies(ca_policy=_relaxed(ExtensionPolicy.webpki_defaults_ca()), ee_policy=_leaf_policy())
    )
    try:
        if purpose == "serverAuth":
            host = hosts[0].replace("*", "host", 1)
            builder.build_server_verifier(x509.DNSName(host)).verify(leaf, intermediates)
        else:
            builder.build_client_verifier().verify(leaf, intermediates)
    except VerificationError as error:
        return str(error)
    except ValueError as error:  # a host name that the library takes for none
        return str(error)
    return ""


def _leaf_policy() -> ExtensionPolicy:
    relaxed = _relaxed(ExtensionPolicy.webpki_defaults_ee())
    return relaxed.require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)


def _relaxed(policy: ExtensionPolicy) -> ExtensionPolicy:
    """Return the policy without the demands that `strictness` reports more clearly."""
    for kind in (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier):
        policy = policy.may_be_present(kind, Criticality.AGNOSTIC, None)
    return policy
