"""The contents of each kind of certificate, as docs/operating/authority.md shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ca_service.errors import InvalidInput, Rule
from ca_service.pki import keys

PROFILE_UNKNOWN: Final = Rule(
    "profile.unknown",
    "There is no profile \u201c{name}\u201d.",
    "Use one of: {known}.",
)

DAYS_PER_YEAR: Final = 365
DEFAULT_LEAF_DAYS: Final = 397  # a choice: no rule demands it of a private authority
MAX_LEAF_DAYS: Final = 825  # Apple HT210176, which holds for private authorities too
_RENEWAL_TIME: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Profile:
    """The contents of one kind of certificate.

    `copies_usages` says whether key usages are copied from the request as far as they are in
    `key_usage` and `extended_key_usage` (then the defaults serve a request that asks for none), or
    whether the defaults are always used; to these come the `optional_extended_key_usage` that the
    request asks for. Lifetimes are in days. `path_length` is for authorities.
    """

    name: str
    summary: str
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    default_key_usage: tuple[str, ...]
    default_extended_key_usage: tuple[str, ...]
    default_days: int
    max_days: int
    curves: tuple[str, ...]
    is_authority: bool = False
    path_length: int | None = None
    copies_usages: bool = False
    optional_extended_key_usage: tuple[str, ...] = ()
    allows_wildcard: bool = False
    is_vos: bool = False
    is_responder: bool = False


ROOT: Final = Profile(
    name="root",
    summary="Self-signed root, the anchor of trust",
    key_usage=("keyCertSign", "cRLSign"),
    extended_key_usage=(),
    default_key_usage=("keyCertSign", "cRLSign"),
    default_extended_key_usage=(),
    default_days=20 * DAYS_PER_YEAR,
    max_days=30 * DAYS_PER_YEAR,
    curves=keys.AUTHORITY_CURVES,
    is_authority=True,
    path_length=1,
)
INTERMEDIATE: Final = Profile(
    name="intermediate",
    summary="Issues the leaves",
    key_usage=("keyCertSign", "cRLSign"),
    extended_key_usage=(),
    default_key_usage=("keyCertSign", "cRLSign"),
    default_extended_key_usage=(),
    default_days=10 * DAYS_PER_YEAR,
    max_days=20 * DAYS_PER_YEAR,
    curves=keys.AUTHORITY_CURVES,
    is_authority=True,
    path_length=0,
)
VOS: Final = Profile(
    name="vos",
    summary="A tomcat-ECDSA or other EC certificate of a Cisco VOS node; copies what its CSR requests",
    # RFC 8813, 3 forbids the encipherment bits with an EC key; Cisco's guides ask to keep those of a request.
    key_usage=("digitalSignature", "keyEncipherment", "dataEncipherment", "keyAgreement"),
    extended_key_usage=("serverAuth", "clientAuth", "ipsecEndSystem"),
    default_key_usage=("digitalSignature",),
    default_extended_key_usage=("serverAuth", "clientAuth"),
    default_days=DEFAULT_LEAF_DAYS,
    max_days=MAX_LEAF_DAYS,
    curves=("P-256", "P-384", "P-521"),
    copies_usages=True,
    is_vos=True,
)
SERVER: Final = Profile(
    name="server",
    summary="A plain TLS server, such as a lab host; may be a TLS client too if its CSR requests clientAuth",
    key_usage=("digitalSignature",),
    extended_key_usage=("serverAuth", "clientAuth"),
    default_key_usage=("digitalSignature",),
    default_extended_key_usage=("serverAuth",),
    default_days=DEFAULT_LEAF_DAYS,
    max_days=MAX_LEAF_DAYS,
    curves=("P-256", "P-384", "P-521"),
    optional_extended_key_usage=("clientAuth",),
    allows_wildcard=True,
)
CLIENT: Final = Profile(
    name="client",
    summary="A TLS client, such as a script that signs in with a certificate",
    key_usage=("digitalSignature",),
    extended_key_usage=("clientAuth",),
    default_key_usage=("digitalSignature",),
    default_extended_key_usage=("clientAuth",),
    default_days=DEFAULT_LEAF_DAYS,
    max_days=MAX_LEAF_DAYS,
    curves=("P-256", "P-384", "P-521"),
)
OCSP: Final = Profile(
    name="ocsp",
    summary="Signs the OCSP answers of one authority; issued and renewed automatically",
    key_usage=("digitalSignature",),
    extended_key_usage=("OCSPSigning",),
    default_key_usage=("digitalSignature",),
    default_extended_key_usage=("OCSPSigning",),
    default_days=30,
    max_days=60,
    curves=keys.AUTHORITY_CURVES,
    is_responder=True,
)

LEAF_PROFILES: Final = {profile.name: profile for profile in (VOS, SERVER, CLIENT)}
PROFILES: Final = {profile.name: profile for profile in (ROOT, INTERMEDIATE, VOS, SERVER, CLIENT, OCSP)}


def get_leaf_profile(name: str) -> Profile:
    """Return the leaf profile of this name; raises InvalidInput, which lists those that exist."""
    if name not in LEAF_PROFILES:
        raise InvalidInput(PROFILE_UNKNOWN.at("/profile", name=name, known=", ".join(LEAF_PROFILES)))
    return LEAF_PROFILES[name]


def ends_soon(not_before: datetime, not_after: datetime, now: datetime) -> bool:
    """Return whether a leaf has to be renewed; one with a short lifetime has half of it for its upload."""
    return not_after - now < min(_RENEWAL_TIME, (not_after - not_before) / 2)
