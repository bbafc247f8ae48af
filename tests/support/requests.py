"""Knows the signing requests that VOS nodes make, and every kind of request that is refused.

`python -m tests.support.requests FOLDER` writes those of three nodes into a folder, to be tried by hand.
The keys are made anew in each process and kept nowhere.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support import asn1, pkcs10
from tests.support.asn1 import IA5_STRING, PRINTABLE_STRING, T61_STRING, UTF8_STRING
from tests.support.pkcs10 import Attribute, Hash, Recipe

OLD_USAGE: Final = ("digitalSignature", "keyEncipherment", "dataEncipherment", "keyAgreement")
OLD_PURPOSES: Final = ("serverAuth", "clientAuth", "ipsecEndSystem")
USAGE: Final = ("digitalSignature", "keyEncipherment", "dataEncipherment")
PURPOSES: Final = ("serverAuth", "clientAuth")
PLACE: Final[tuple[Attribute, ...]] = (
    ("C", PRINTABLE_STRING, "DE"),
    ("ST", UTF8_STRING, "Hessen"),
    ("L", UTF8_STRING, "Frankfurt am Main"),
    ("O", UTF8_STRING, "Beispiel & Söhne"),
)
UNIT: Final[Attribute] = ("OU", PRINTABLE_STRING, "Contact Centre")
JUNK: Final = "Unable to find Country in platform database"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `rule` is what it is refused for under the profile `vos`; None if it is signed."""

    name: str
    data: bytes
    rule: str | None = None


@cache
def key(owner: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:  # noqa: ARG001 - the cache's key
    """The key of this owner, the same within a process."""
    return ec.generate_private_key(curve())


def subject(common_name: str, *, unit: bool = True) -> bytes:
    """The subject that a node writes: C, ST, L, O, OU, CN, in two string types."""
    return pkcs10.name(*PLACE, *((UNIT,) if unit else ()), ("CN", PRINTABLE_STRING, common_name))


def usages(bits: tuple[str, ...], purposes: tuple[str, ...]) -> tuple[bytes, bytes]:
    """The two extensions that every node asks for."""
    return pkcs10.extended_key_usage(*purposes), pkcs10.key_usage(*bits)


def node(
    common_name: str,
    *names: str,
    curve: type[ec.EllipticCurve] = ec.SECP384R1,
    hash: Hash | None = None,
    bits: tuple[str, ...] = OLD_USAGE,
    purposes: tuple[str, ...] = OLD_PURPOSES,
    unit: bool = True,
    alternative_name: bytes | None = None,
) -> Recipe:
    """The request of a node with these DNS names, or with an alternative name made elsewhere."""
    asked = alternative_name or (pkcs10.hosts(*names) if names else b"")
    return Recipe(
        key(common_name, curve),
        subject(common_name, unit=unit),
        extensions=(*usages(bits, purposes), *((asked,) if asked else ())),
        hash=hash or hashes.SHA384(),
    )


_DOMAIN: Final = "example.com"
UCCX_PUBLISHER: Final = Request("uccx1", pkcs10.pem(node("uccx1-EC.example.com", _DOMAIN, "uccx1.example.com").der()))
UCCX_SUBSCRIBER: Final = Request("uccx2", pkcs10.pem(node("uccx2-EC.example.com", _DOMAIN, "uccx2.example.com").der()))
SOCIALMINER: Final = Request(
    "sm1",
    pkcs10.pem(node("sm1-EC.example.com", _DOMAIN, "sm1.example.com", curve=ec.SECP256R1, hash=hashes.SHA256()).der()),
)
CUCM_MULTI: Final = Request(
    "cucm1-ms",
    pkcs10.pem(
        node(
            "cucm1-EC-ms.example.com",
            *(_DOMAIN, "cucm1.example.com", "cucm2.example.com", "imp1.example.com"),
            bits=USAGE,
            purposes=PURPOSES,
        ).der()
    ),
)
CUCM_14SU2: Final = Request(
    "cucm1-14su2",
    pkcs10.pem(
        node(
            "cucm1-EC.example.com",
            *(_DOMAIN, "cucm1.example.com"),
            curve=ec.SECP521R1,
            hash=hashes.SHA512(),
            bits=("digitalSignature", "dataEncipherment"),
            purposes=PURPOSES,
            unit=False,
        ).der()
    ),
    "csr.key.p521",
)
BLANK_PARENT_DOMAIN: Final = Request(
    "fin1",
    pkcs10.pem(
        node("fin1-EC.example.com", curve=ec.SECP256R1, hash=hashes.SHA256(), bits=USAGE, purposes=PURPOSES).der()
    ),
    "san.missing",
)
ALTERNATE_ADDRESS: Final = Request(
    "cer1",
    pkcs10.pem(
        node(
            "cer1-EC.example.com",
            bits=USAGE,
            purposes=PURPOSES,
            alternative_name=pkcs10.alternative_name(
                (pkcs10.DNS, _DOMAIN),
                (pkcs10.DNS, "cer1.example.com"),
                (pkcs10.IP, ip_address("192.0.2.10").packed),
                (pkcs10.IP, ip_address("2001:db8::10").packed),
            ),
        ).der()
    ),
)
JUNK_COUNTRY: Final = Request(
    "junk-country",
    pkcs10.pem(
        Recipe(
            key("junk1"),
            pkcs10.name(
                *((kind, UTF8_STRING, JUNK) for kind in ("C", "ST", "L", "O", "OU")),
                ("CN", UTF8_STRING, "junk1-EC.example.com"),
            ),
            extensions=(*usages(USAGE, PURPOSES), pkcs10.hosts(_DOMAIN, "junk1.example.com")),
        ).der()
    ),
)
THREE_NODES: Final = (UCCX_PUBLISHER, UCCX_SUBSCRIBER, SOCIALMINER)


def _unusual(name: str, subject: bytes, *extensions: bytes) -> Request:
    hosts = pkcs10.hosts(_DOMAIN, "odd1.example.com")
    asked = (*usages(USAGE, PURPOSES), *(extensions or (hosts,)))
    return Request(name, pkcs10.pem(Recipe(key("odd1"), subject, asked).der()))


_ODD: Final = subject("odd1-EC.example.com")
#: Requests that are only unusual: signed with a warning or without one, and copied unchanged.
UNUSUAL: Final = (
    _unusual("name-twice", _ODD, pkcs10.hosts("odd1.example.com", _DOMAIN, "odd1.example.com")),
    _unusual(
        "constraints-false",
        _ODD,
        pkcs10.hosts(_DOMAIN, "odd1.example.com"),
        pkcs10.extension(pkcs10.BASIC_CONSTRAINTS, asn1.sequence(asn1.boolean(False))),
    ),
    _unusual(
        "critical-false",
        _ODD,
        pkcs10.extension(
            pkcs10.ALTERNATIVE_NAME,
            asn1.sequence(asn1.context(pkcs10.DNS, b"odd1.example.com", constructed=False)),
            critical=False,
        ),
    ),
    _unusual("t61", pkcs10.name(("O", T61_STRING, "B\u00e4r"), ("CN", T61_STRING, "odd1-EC.example.com"))),
    _unusual("ia5", pkcs10.name(("O", IA5_STRING, "Voice & Video"), ("CN", IA5_STRING, "odd1-EC.example.com"))),
)
_PUBLISHER_DER: Final = node("uccx1-EC.example.com", _DOMAIN, "uccx1.example.com").der()
_SESSION: Final = b"admin:show csr own tomcat-ECDSA/tomcat-ECDSA.csr\nCertificate Request:\n    Version: 1 (0x0)\n\n"


def _wrapped(name: str, data: bytes) -> Request:
    return Request(name, data)


def _text(data: bytes) -> str:
    return data.decode("ascii")


#: One and the same request, in every wrapping in which it may arrive.
WRAPPINGS: Final = (
    _wrapped("der", _PUBLISHER_DER),
    _wrapped("pem", pkcs10.pem(_PUBLISHER_DER)),
    _wrapped("new-label", pkcs10.pem(_PUBLISHER_DER, "NEW CERTIFICATE REQUEST")),
    _wrapped("cisco-label", pkcs10.pem(_PUBLISHER_DER, "CERTIFICATE SIGN REQUEST")),
    _wrapped("crlf", pkcs10.pem(_PUBLISHER_DER).replace(b"\n", b"\r\n")),
    _wrapped("cr", pkcs10.pem(_PUBLISHER_DER).replace(b"\n", b"\r")),
    _wrapped("terminal", (_SESSION + pkcs10.pem(_PUBLISHER_DER) + b"admin:\n").replace(b"\n", b"\r\n")),
    _wrapped(
        "pager",
        pkcs10.pem(_PUBLISHER_DER).replace(b"\n", b"\n-- More -- (press q to quit)\n", 5).replace(b"\n", b"\r\n"),
    ),
    _wrapped("indented", b"\n".join(b"    " + line for line in pkcs10.pem(_PUBLISHER_DER).splitlines())),
    _wrapped("byte-order-mark", b"\xef\xbb\xbf" + pkcs10.pem(_PUBLISHER_DER)),
    _wrapped("utf-16", _text(pkcs10.pem(_PUBLISHER_DER)).encode("utf-16")),
    _wrapped("utf-16-be", b"\xfe\xff" + _text(pkcs10.pem(_PUBLISHER_DER)).encode("utf-16-be")),
    _wrapped("utf-16-le-without-mark", _text(pkcs10.pem(_PUBLISHER_DER)).encode("utf-16-le")),
    _wrapped("utf-16-be-without-mark", _text(pkcs10.pem(_PUBLISHER_DER)).encode("utf-16-be")),
    _wrapped("json-string", pkcs10.pem(_PUBLISHER_DER).replace(b"\n", b"\\n")),
    _wrapped("base64", b"\n".join(pkcs10.pem(_PUBLISHER_DER).splitlines()[1:-1])),
    _wrapped("no-last-newline", pkcs10.pem(_PUBLISHER_DER).rstrip()),
)
#: Requests that are signed under the profile `vos`.
GOOD: Final = (*THREE_NODES, CUCM_MULTI, ALTERNATE_ADDRESS, JUNK_COUNTRY, *UNUSUAL, *WRAPPINGS)


def write_three_nodes(folder: Path) -> tuple[Path, ...]:
    """Write the requests of the three nodes of a contact centre as files; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"{request.name}-tomcat-ECDSA.csr" for request in THREE_NODES)
    for path, request in zip(paths, THREE_NODES, strict=True):
        path.write_bytes(request.data)
    return paths


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.support.requests FOLDER")
    for written in write_three_nodes(Path(sys.argv[1])):
        print(written)  # noqa: T201 - this is what the command says
