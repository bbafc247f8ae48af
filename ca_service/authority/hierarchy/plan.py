"""The plan of a new authority, and the names of authorities: plain ASCII, short, with a generation."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from ca_service.authority.key_custody import check_curve
from ca_service.errors import InvalidInput, Rule
from ca_service.pki.profiles import INTERMEDIATE, ROOT

AUTHORITY_NAME: Final = Rule(
    "authority.name",
    "\u201c{name}\u201d cannot be the name of an authority.",
    "Use at most {limit} ASCII letters, digits, blanks, dots or hyphens, such as: Example Lab.",
)
AUTHORITY_DAYS: Final = Rule(
    "authority.days",
    "You asked for a lifetime of {days} days for the {role}; 1 to {limit} days are allowed.",
    "Ask for {limit} days or fewer.",
)

MAX_NAME: Final = 40
_PLAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 .-]*[A-Za-z0-9])?")
_MAX_OWN_NAME: Final = 64 - len(" OCSP")  # RFC 5280, A.1: ub-common-name
_ADDED: Final = re.compile(r" EC Intermediate CA G[0-9]+$")
_KINDS: Final = {"root": "Root", "intermediate": "Intermediate"}


@dataclass(frozen=True, slots=True)
class HierarchyPlan:
    """The plan of a new authority. Curves by NIST name, lifetimes in days; an empty name means a generated one."""

    name: str = ""
    root_curve: str = "P-384"
    root_days: int = ROOT.default_days
    intermediate_curve: str = "P-384"
    intermediate_days: int = INTERMEDIATE.default_days


def check_plan(plan: HierarchyPlan) -> None:
    """Check names, curves and lifetimes. Raises InvalidInput."""
    for curve in (plan.root_curve, plan.intermediate_curve):
        check_curve(curve)
    if plan.name:
        checked_name(plan.name)
    for field, days, profile in (
        ("root_days", plan.root_days, ROOT),
        ("intermediate_days", plan.intermediate_days, INTERMEDIATE),
    ):
        if not 1 <= days <= profile.max_days:
            raise InvalidInput(AUTHORITY_DAYS.at(f"/{field}", days=days, role=profile.name, limit=profile.max_days))


def checked_name(name: str) -> str:
    """Return the name that the operator chose. Raises InvalidInput: Cisco products mishandle other characters."""
    if len(name) > MAX_NAME or not _PLAIN.fullmatch(name):
        raise InvalidInput(AUTHORITY_NAME.at("/name", name=name, limit=MAX_NAME))
    return name


def fresh_name() -> str:
    """Return a name for an installation whose operator chose none.

    It differs between installations, because a VOS trust store keeps one certificate per name: two labs
    with the same name would replace each other's authority.
    """
    return f"Lab {secrets.token_hex(2)}"


def inherited_name(name: str) -> str:
    """Return the name for the next authority: the same, without what `subject_of` adds to it in a common name."""
    return _ADDED.sub("", name)


def responder_subject(name: str, issuer: x509.Name) -> x509.Name:
    """Return the subject of the OCSP signer of an authority: the organisation of `issuer`, and a name of its own."""
    organisation = issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return x509.Name([*organisation, x509.NameAttribute(NameOID.COMMON_NAME, f"{name[:_MAX_OWN_NAME]} OCSP")])


def subject_of(name: str, role: str, generation: int) -> x509.Name:
    """Return the subject of an authority: `O=Example Lab, CN=Example Lab EC Root CA G1`."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name} EC {_KINDS[role]} CA G{generation}"),
        ]
    )
