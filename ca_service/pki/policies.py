"""Certificate policies along a path (RFC 5280, 6.1.3 d to f, 6.1.4 a to j, 6.1.5), for a client that accepts any.

Such a client only has to know whether any policy is left where one is required; a set of policies is enough for that,
without the tree. Policy mappings are not applied: below one, no policy is valid, which matters only where a policy is
required.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509
from cryptography.x509.oid import CertificatePoliciesOID

from ca_service.errors import Rule
from ca_service.pki.link import Link

CHAIN_POLICY: Final = Rule(
    "chain.policy",
    "An authority of the path requires a certificate policy, and no policy is valid down to \u201c{name}\u201d. "
    "Clients that check policies refuse it (RFC 5280, 6.1.5).",
    "Have the authorities issued without policy constraints, or with the policies of the certificates below.",
)

POLICY_MAPPINGS: Final = x509.ObjectIdentifier("2.5.29.33")
_ANY: Final = CertificatePoliciesOID.ANY_POLICY.dotted_string
_NEVER: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class PolicyState:
    """The policies that are valid so far, and after how many certificates a limit begins."""

    valid: frozenset[str] = frozenset({_ANY})
    explicit_after: int = _NEVER
    any_until: int = _NEVER

    @property
    def is_satisfied(self) -> bool:
        """Whether a policy is valid, or none is required yet."""
        return self.explicit_after > 0 or bool(self.valid)

    def reached(self, link: Link) -> PolicyState:
        """Return the state at this certificate (6.1.3)."""
        return replace(self, valid=self._valid_at(link))

    def below(self, link: Link) -> PolicyState:
        """Return the state for the certificate below this authority (6.1.4)."""
        state = self.reached(link)
        if link.has(POLICY_MAPPINGS):
            state = replace(state, valid=frozenset())
        if not link.is_self_issued:
            state = replace(
                state, explicit_after=max(state.explicit_after - 1, 0), any_until=max(state.any_until - 1, 0)
            )
        limits, no_any = link.find(x509.PolicyConstraints), link.find(x509.InhibitAnyPolicy)
        required = limits.require_explicit_policy if limits else None
        return replace(
            state,
            explicit_after=min(state.explicit_after, _NEVER if required is None else required),
            any_until=min(state.any_until, no_any.skip_certs if no_any else _NEVER),
        )

    def at_leaf(self, policies: x509.CertificatePolicies | None) -> PolicyState:
        """Return the state at a leaf with these policies (6.1.5)."""
        valid = self._narrowed(policies, is_any_valid=self.any_until > 0)
        return replace(self, valid=valid, explicit_after=max(self.explicit_after - 1, 0))

    def _valid_at(self, link: Link) -> frozenset[str]:
        is_any_valid = self.any_until > 0 or link.is_self_issued
        return self._narrowed(link.find(x509.CertificatePolicies), is_any_valid=is_any_valid)

    def _narrowed(self, policies: x509.CertificatePolicies | None, *, is_any_valid: bool) -> frozenset[str]:
        named = {each.policy_identifier.dotted_string for each in policies or ()}
        kept = {each for each in named if each != _ANY and (each in self.valid or _ANY in self.valid)}
        return frozenset(kept | self.valid if _ANY in named and is_any_valid else kept)
