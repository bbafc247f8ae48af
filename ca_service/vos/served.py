"""The certificates that a port of a node presents, by four handshakes, and the verdict on them.

An EC and an RSA certificate can be on one port; which one a client gets depends on what it offers. So each port is
asked four times: for ECDSA alone and for RSA alone, in TLS 1.2 and in TLS 1.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_service.pki import encodings
from ca_service.pki.contents import find_value
from ca_service.pki.names import bracketed
from ca_service.pki.profiles import ends_soon
from ca_service.vos.experience import Signing
from ca_service.vos.phrases import Phrase, phrase


class Offer(StrEnum):
    """The offer of a handshake: one kind of key, one version of TLS."""

    ECDSA_12 = "ECDSA, TLS 1.2"
    ECDSA_13 = "ECDSA, TLS 1.3"
    RSA_12 = "RSA, TLS 1.2"
    RSA_13 = "RSA, TLS 1.3"

    @property
    def is_ecdsa(self) -> bool:
        """Whether it asks for a certificate with an EC key."""
        return self in (Offer.ECDSA_12, Offer.ECDSA_13)


class Ending(StrEnum):
    """The end of a handshake."""

    SERVED = "served"  # a certificate was presented
    DECLINED = "declined"  # TLS, and no certificate for this offer
    UNKNOWN_HOST = "unknown host"  # DNS has no address for the name
    REFUSED = "refused"  # nothing listens
    UNREACHABLE = "unreachable"  # no connection
    SILENT = "silent"  # a connection, and no answer in time
    NOT_TLS = "not TLS"  # an answer that is not TLS, or too much of it


#: The port itself does not answer: other offers need not be tried.
DEAD: Final = frozenset({Ending.UNKNOWN_HOST, Ending.REFUSED, Ending.UNREACHABLE, Ending.SILENT, Ending.NOT_TLS})


@dataclass(frozen=True, slots=True)
class Handshake:
    """One handshake. `chain` has the leaf first; `detail` is what the other side, or the library, said."""

    offer: Offer
    ending: Ending
    chain: tuple[x509.Certificate, ...] = ()
    asks_client_certificate: bool = False
    detail: str = ""


class Verdict(StrEnum):
    """The meaning of what a port presents to a client that asks for ECDSA."""

    ISSUED = "issued"
    OLDER = "older"
    SELF_SIGNED = "self-signed"
    RSA_SIGNED = "rsa-signed"
    FOREIGN = "foreign"
    NO_ECDSA = "no-ecdsa"
    UNKNOWN_HOST = "unknown-host"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    NOT_TLS = "not-tls"


_OF_ENDING: Final = {
    Ending.DECLINED: Verdict.NO_ECDSA,
    Ending.UNKNOWN_HOST: Verdict.UNKNOWN_HOST,
    Ending.REFUSED: Verdict.REFUSED,
    Ending.UNREACHABLE: Verdict.UNREACHABLE,
    Ending.SILENT: Verdict.SILENT,
    Ending.NOT_TLS: Verdict.NOT_TLS,
}
SENTENCES: Final = {
    Verdict.ISSUED: "It presents the certificate that was issued here.",
    Verdict.OLDER: "It presents an earlier certificate from here. If the newest one is uploaded, restart the service; "
    "otherwise upload it first.",
    Verdict.SELF_SIGNED: "It presents a self-signed certificate. If the one from here is uploaded, restart the "
    "service; otherwise upload it first.",
    Verdict.RSA_SIGNED: "It presents an EC certificate from an RSA authority. Have the CSR signed here.",
    Verdict.FOREIGN: "It presents the EC certificate of another authority.",
    Verdict.NO_ECDSA: "It presents no EC certificate.",
    Verdict.UNKNOWN_HOST: "DNS gives no address for {host}; no port was tried. Check the spelling, and the DNS server "
    "of the machine that runs this service, or give the IP address.",
    Verdict.REFUSED: "Nothing listens on this port.",
    Verdict.UNREACHABLE: "No connection to this port.",
    Verdict.SILENT: "The port accepts connections and does not answer.",
    Verdict.NOT_TLS: "The port does not speak TLS.",
}


class Remark(StrEnum):
    """A fact that the verdict alone does not tell."""

    INCOMPLETE_CHAIN = "incomplete-chain"
    WRONG_CHAIN = "wrong-chain"
    NAME_MISMATCH = "name-mismatch"
    EXPIRED = "expired"
    REVOKED = "revoked"
    AUTHORITY_REVOKED = "authority-revoked"
    ENDING = "ending"
    NO_CLIENT_AUTH = "no-client-auth"
    ONLY_TLS_13 = "only-tls-1.3"
    ASKS_CLIENT_CERTIFICATE = "asks-client-certificate"


_REMARKS: Final = {
    Remark.INCOMPLETE_CHAIN: "It sends no intermediate: clients that know the root alone refuse it. If the "
    "intermediate is in the trust store, restart the service; otherwise upload it first.",
    Remark.WRONG_CHAIN: "The certificates that it sends do not belong together.",
    Remark.NAME_MISMATCH: "The certificate does not have the name {host}.",
    Remark.EXPIRED: "The certificate has expired or does not begin yet.",
    Remark.REVOKED: "The certificate is revoked or on hold: clients that check revocation refuse it. Generate a new "
    "CSR, or release the hold.",
    Remark.AUTHORITY_REVOKED: "An authority above the certificate is revoked or on hold: clients that check revocation "
    "refuse it. Have the next CSR signed by another authority.",
    Remark.ENDING: "The certificate ends soon: on {end}.",
    Remark.NO_CLIENT_AUTH: "The certificate lacks clientAuth: the node cannot use it as a client (field notices 74345 "
    "and 74382).",
    Remark.ONLY_TLS_13: "The port speaks TLS 1.3 only.",
    Remark.ASKS_CLIENT_CERTIFICATE: "The port asks clients for a certificate (mutual TLS).",
}
#: With one of these, clients refuse what is presented.
BROKEN: Final = frozenset(
    {
        Remark.INCOMPLETE_CHAIN,
        Remark.WRONG_CHAIN,
        Remark.NAME_MISMATCH,
        Remark.EXPIRED,
        Remark.REVOKED,
        Remark.AUTHORITY_REVOKED,
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """One port of a node. `presents` is what the product presents there by its documents, or empty.

    `has_agents`: Cisco's table of what agents see is about this node. `uses` is the switch with which the product
    presents the certificate of its web server, in a sentence; empty for a port of another purpose or product.
    """

    host: str
    port: int
    service: str = ""
    presents: str = ""
    has_agents: bool = False
    uses: str = ""

    @property
    def place(self) -> str:
        """The host with its port."""
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class PortReport:
    """The certificates of one port: `leaf` has an EC key, `rsa_leaf` an RSA key; either may be None.

    `serial_number` is that of our certificate, if it is one of ours.
    """

    target: Target
    verdict: Verdict
    remarks: tuple[Remark, ...]
    handshakes: tuple[Handshake, ...]
    leaf: x509.Certificate | None = None
    rsa_leaf: x509.Certificate | None = None
    serial_number: str = ""

    @property
    def works(self) -> bool:
        """Whether clients get what was issued here, and accept it."""
        return self.verdict is Verdict.ISSUED and BROKEN.isdisjoint(self.remarks)

    @property
    def sentences(self) -> tuple[Phrase, ...]:
        """The verdict and the remarks in words."""
        said = {"host": self.target.host, "end": self.leaf.not_valid_after_utc.date().isoformat() if self.leaf else ""}
        found = [phrase(SENTENCES[self.verdict], **said)]
        if self.verdict is Verdict.NO_ECDSA and self.target.uses:
            found.append(phrase(self.target.uses))
        return (*found, *(phrase(_REMARKS[each], **said) for each in self.remarks))


@dataclass(frozen=True, slots=True)
class Ours:
    """One of our certificates: `is_newest` if no later one supersedes it; good is neither revoked nor on hold."""

    serial_number: str
    is_newest: bool
    is_good: bool
    has_good_authorities: bool = True


def judge(
    target: Target, handshakes: Sequence[Handshake], find_ours: Callable[[x509.Certificate], Ours | None], at: datetime
) -> PortReport:
    """Return what the handshakes with a port mean at this time (UTC)."""
    served = {each.offer: each for each in handshakes if each.ending is Ending.SERVED}
    with_ec = _leaf_of([each for offer, each in served.items() if offer.is_ecdsa], ec.EllipticCurvePublicKey)
    with_rsa = _leaf_of([each for offer, each in served.items() if not offer.is_ecdsa], rsa.RSAPublicKey)
    rsa_leaf = with_rsa.chain[0] if with_rsa else None
    if with_ec is None:
        return PortReport(
            target, _without_ecdsa(handshakes), tuple(_of_port(served)), tuple(handshakes), rsa_leaf=rsa_leaf
        )
    leaf, ours = with_ec.chain[0], find_ours(with_ec.chain[0])
    return PortReport(
        target,
        _verdict(with_ec.chain, ours),
        (*_of_leaf(target, with_ec.chain, ours, at), *_of_port(served)),
        tuple(handshakes),
        leaf,
        rsa_leaf,
        ours.serial_number if ours else "",
    )


def _leaf_of(served: Sequence[Handshake], kind: type) -> Handshake | None:
    return next((each for each in served if each.chain and isinstance(_key(each.chain[0]), kind)), None)


def _key(certificate: x509.Certificate) -> object:
    try:
        return certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _without_ecdsa(handshakes: Sequence[Handshake]) -> Verdict:
    """Return the verdict on a port that presents no EC certificate; one that presents RSA is alive."""
    if any(each.ending in (Ending.SERVED, Ending.DECLINED) for each in handshakes):
        return Verdict.NO_ECDSA
    return _OF_ENDING[handshakes[0].ending]


def _verdict(chain: Sequence[x509.Certificate], ours: Ours | None) -> Verdict:
    if ours is not None:
        return Verdict.ISSUED if ours.is_newest else Verdict.OLDER
    if chain[0].issuer == chain[0].subject:
        return Verdict.SELF_SIGNED
    return Verdict.RSA_SIGNED if signing_of(chain[0]) is Signing.RSA_CA else Verdict.FOREIGN


def signing_of(leaf: x509.Certificate) -> Signing:
    """Return by whom a certificate is signed, as the table of what agents see tells it apart."""
    if leaf.issuer == leaf.subject:
        return Signing.SELF_SIGNED
    is_rsa = leaf.signature_algorithm_oid.dotted_string.startswith("1.2.840.113549.1.1.")
    return Signing.RSA_CA if is_rsa else Signing.EC_CA


def _of_leaf(target: Target, chain: Sequence[x509.Certificate], ours: Ours | None, at: datetime) -> Iterator[Remark]:
    leaf = chain[0]
    if ours is not None and not ours.is_good:
        yield Remark.REVOKED
    if ours is not None and not ours.has_good_authorities:
        yield Remark.AUTHORITY_REVOKED
    if leaf.issuer != leaf.subject:
        if len(chain) == 1:
            yield Remark.INCOMPLETE_CHAIN
        elif not all(_is_issued_by(below, above) for below, above in pairwise(chain)):
            yield Remark.WRONG_CHAIN
    if not _has_name(leaf, target.host):
        yield Remark.NAME_MISMATCH
    if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        yield Remark.EXPIRED
    elif ends_soon(leaf.not_valid_before_utc, leaf.not_valid_after_utc, at):
        yield Remark.ENDING
    usages = _extension(leaf, x509.ExtendedKeyUsage)
    if usages is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        yield Remark.NO_CLIENT_AUTH


def _of_port(served: Mapping[Offer, Handshake]) -> Iterator[Remark]:
    if served and not {Offer.ECDSA_12, Offer.RSA_12} & set(served):
        yield Remark.ONLY_TLS_13
    if any(each.asks_client_certificate for each in served.values()):
        yield Remark.ASKS_CLIENT_CERTIFICATE


def _is_issued_by(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _extension(leaf: x509.Certificate, kind: type[x509.ExtendedKeyUsage]) -> x509.ExtendedKeyUsage | None:
    try:
        return find_value(leaf.extensions, kind)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def _has_name(leaf: x509.Certificate, host: str) -> bool:
    """Return whether the certificate is for this host or address (RFC 6125, 6.4), a wildcard for one label included."""
    try:
        names = find_value(leaf.extensions, x509.SubjectAlternativeName)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
    if names is None:
        return False
    wanted = host.lower().rstrip(".")
    found = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    addresses = {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    return wanted in found or f"*.{wanted.partition('.')[2]}" in found or wanted in addresses


def fingerprint_of(report: PortReport) -> str:
    """Return the SHA-256 of the EC certificate that a port presents; empty without one."""
    return encodings.fingerprint(report.leaf) if report.leaf else ""


def signings_of(reports: Sequence[PortReport]) -> tuple[Signing, Signing] | None:
    """Return how tomcat and tomcat-ECDSA are signed on nodes with agents, as far as ports show both; None if not."""
    with_agents = [each for each in reports if each.target.has_agents]
    with_rsa = next((each.rsa_leaf for each in with_agents if each.rsa_leaf), None)
    with_ec = next((each.leaf for each in with_agents if each.leaf), None)
    return (signing_of(with_rsa), signing_of(with_ec)) if with_rsa and with_ec else None
