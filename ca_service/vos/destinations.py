"""A destination: host, purpose, product and version, named or proposed from the CSR; foreign names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ca_service.errors import Finding, InvalidInput, Rule, Severity
from ca_service.pki import keys, names
from ca_service.pki.csr import CertificationRequest, Description, Reading
from ca_service.pki.profiles import Profile
from ca_service.vos.products import get_product, products, version
from ca_service.vos.purposes import PURPOSES, TOMCAT_ECDSA, UNSIGNED_PURPOSES, Purpose, get_purpose
from ca_service.vos.steps import Node

PURPOSE_UNSURE: Final = Rule(
    "purpose.unsure",
    "The CSR does not look like {usual}: {evidence}.",
    "Say for which purpose it was generated: {candidates}.",
    options="purpose=NAME, --purpose NAME",
)
PURPOSE_PROPOSED: Final = Rule(
    "purpose.proposed",
    "The purpose is {service}: {evidence}.",
    "If that is wrong, choose another one.",
    Severity.NOTE,
    options="purpose=NAME, --purpose NAME",
)
PURPOSE_OF_PRODUCT: Final = Rule(
    "purpose.product",
    "{product} has no certificate {service}.",
    "Use one of: {known}; or another product.",
)
VERSION_WITHOUT_PRODUCT: Final = Rule(
    "version.without-product",
    "A version is given without a product.",
    "Give the product as well, one of: {known}.",
)
PRODUCT_WITHOUT_VERSION: Final = Rule(
    "product.without-version",
    "A product is given without its version, and what a node does depends on it.",
    "Give the version as well, such as 11.5, 12.5(1)SU6 or 14SU2: `show version active` says it.",
)

DESTINATION_PROFILE: Final = Rule(
    "destination.profile",
    "Purpose, product and version are for the profile vos. The profile here is {profile}.",
    "Leave them out, or use the profile vos.",
)

# A node puts -EC (one server) or -EC-ms (multi-server) behind its host name, because the EC and the
# RSA certificate live in one trust store that keeps one certificate per name (CUCM Security Guide 14;
# the place of -EC in a single-server name is not confirmed by Cisco's documents).
_SUFFIX: Final = re.compile(r"-(?:EC-ms|EC|ms)\Z")
_MULTI_SERVER: Final = re.compile(r"-(?:EC-)?ms\Z")
_CUP: Final = ("cup-ECDSA", "cup-xmpp-ECDSA", "cup-xmpp-s2s-ECDSA")
_NAMED: Final = re.compile(
    r"(?<![a-z0-9])({})(?![a-z0-9])".format(
        "|".join(sorted((re.escape(name.lower()) for name in (*PURPOSES, *UNSIGNED_PURPOSES)), key=len, reverse=True))
    )
)


@dataclass(frozen=True, slots=True)
class Destination:
    """The place of a certificate: purpose, id of the product, its version; each empty if not known."""

    purpose: str = ""
    product: str = ""
    version: str = ""

    def __or__(self, other: Destination) -> Destination:
        """Return this, completed by the other; product and version belong together."""
        product = self if self.product or self.version else other
        return Destination(self.purpose or other.purpose, product.product, product.version)

    @property
    def product_text(self) -> str:
        """Product and version in words, such as UCCX 11.5; empty if not known."""
        return f"{get_product(self.product).name} {self.version}" if self.product else ""

    def node(self, host: str) -> Node | None:
        """Return the host as a node of its product, in the first of its roles; None if the product is not known."""
        if not self.product:
            return None
        product = get_product(self.product)
        release = product.find_release(version(self.version))
        return Node(host, product, self.version, product.roles[0], release)


NOWHERE: Final = Destination()


@dataclass(frozen=True, slots=True)
class Hint:
    """Facts about one CSR beside its contents: the name of its file, and a destination of its own."""

    file_name: str = ""
    destination: Destination = NOWHERE


NO_HINT: Final = Hint()


def checked(destination: Destination) -> Destination:
    """Return the destination if it can exist; raises InvalidInput with every error."""
    findings = errors_of(destination)
    if findings:
        raise InvalidInput(*findings)
    return destination


def errors_of(destination: Destination) -> Sequence[Finding]:
    """Return why this destination cannot exist; nothing if it can."""
    try:
        purpose = get_purpose(destination.purpose) if destination.purpose else None
        if not destination.product:
            known = ", ".join(products())
            return [VERSION_WITHOUT_PRODUCT.at("/product", known=known)] if destination.version else []
        product = get_product(destination.product)
        if not destination.version:
            return [PRODUCT_WITHOUT_VERSION.at("/version")]
        version(destination.version)
    except InvalidInput as error:
        return error.findings
    if purpose and purpose not in product.purposes:
        known = ", ".join(each.service for each in product.purposes)
        return [PURPOSE_OF_PRODUCT.at("/purpose", product=product.name, service=purpose.service, known=known)]
    return []


def unsigned_purpose(reading: Reading, file_name: str) -> Iterator[Finding]:
    """Yield what the file name says of a CSR with an RSA key: for which purpose it is, and what to do with it."""
    is_rsa = any(found.declared == keys.CSR_KEY_RSA for found in reading.findings)
    named = {service.lower(): purpose for service, purpose in UNSIGNED_PURPOSES.items()}.get(_service_in(file_name))
    if is_rsa and named:
        yield named.finding()


def find_destination(
    asked: Description, profile: Profile, given: Destination, file_name: str
) -> tuple[Destination, Sequence[Finding]]:
    """Return where the certificate goes, with the purpose that was given or is proposed, and what was found."""
    if not profile.is_vos:
        wrong = [DESTINATION_PROFILE.at("/profile", profile=profile.name)] if given != NOWHERE else []
        return NOWHERE, wrong
    if given.purpose:
        return given, ()
    proposal = propose_purpose(file_name, asked.key_usage, asked.extended_key_usage)
    return replace(given, purpose=proposal.purpose.service if proposal.purpose else ""), proposal.findings


@dataclass(frozen=True, slots=True)
class PurposeProposal:
    """The purpose of a CSR as far as its file name and contents show it, and on what that rests.

    Without a purpose, a person has to choose among the candidates.
    """

    purpose: Purpose | None
    evidence: str
    candidates: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """An error without a purpose; a note for another purpose than the usual one."""
        usual = TOMCAT_ECDSA.service
        if self.purpose is None:
            candidates = ", ".join(self.candidates)
            return (PURPOSE_UNSURE.at("/purpose", usual=usual, evidence=self.evidence, candidates=candidates),)
        if self.purpose is TOMCAT_ECDSA:
            return ()
        return (PURPOSE_PROPOSED.at("/purpose", service=self.purpose.service, evidence=self.evidence),)


def propose_purpose(file_name: str, key_usage: Sequence[str], extended_key_usage: Sequence[str]) -> PurposeProposal:
    """Return the purpose of a CSR with an EC key.

    Nodes name the file of a CSR after its purpose. Nothing in a CSR tells CallManager-ECDSA from tomcat-ECDSA, which
    is the one that is meant where nothing speaks against it.
    """
    if found := purpose_in(file_name):
        return PurposeProposal(found, "the name of the file says so")
    if "ipsecEndSystem" in extended_key_usage and "keyAgreement" not in key_usage:  # with it, an older tomcat (1.4)
        return PurposeProposal(None, "it asks for ipsecEndSystem, as those of IM and Presence do", _CUP)
    return PurposeProposal(TOMCAT_ECDSA, "")


def purpose_in(file_name: str) -> Purpose | None:
    """Return the purpose in a file name; `tomcat.csr` with an EC key is tomcat-ECDSA under another name."""
    found = _service_in(file_name)
    lowered = {service.lower(): purpose for service, purpose in PURPOSES.items()}
    return lowered.get(found) or lowered.get(f"{found}-ecdsa")


def _service_in(file_name: str) -> str:
    found = _NAMED.search(file_name.lower().replace("_", "-"))
    return found[1] if found else ""


def host_name(common_name: str) -> str:
    """Return the name under which clients reach the node: the common name without -EC, -ms, -EC-ms."""
    host, dot, domain = common_name.partition(".")
    return _SUFFIX.sub("", host) + dot + domain


def is_multi_server(common_name: str) -> bool:
    """Return whether the common name says that the request is for all nodes of a cluster."""
    return _MULTI_SERVER.search(common_name.partition(".")[0]) is not None


def foreign_names(request: CertificationRequest, host: str, peers: Iterable[str]) -> tuple[str, ...]:
    """Return the names in a CSR that are not those of the node, in their order.

    A node asks for its own name and its parent domain, also as common name with -EC, -ms or -EC-ms behind the host
    name. A multi-server CSR, which its common name shows, also has the names of the `peers`: the nodes of its clusters.
    A common name that is no DNS name counts for nothing: no client compares it with a host.
    """
    nodes = {host}
    if any(map(is_multi_server, request.common_names)):
        nodes.update(peers)
    own = nodes | {node.partition(".")[2] for node in nodes if names.is_dns_name(node)}
    foreign = [text for text in request.names if _value(text) not in own]
    short = {node.partition(".")[0] for node in nodes}
    for name in request.common_names:
        if names.is_dns_name(name) and host_name(name).lower() not in own | short:
            foreign.append(f"CN={name}")
    return tuple(foreign)


def _value(text: str) -> str:
    """Return a name without its type, as it is compared; of a type that no node is called by, all of it."""
    kind, _, value = text.partition(":")
    return value.lower() if kind in ("DNS", "IP") else text
