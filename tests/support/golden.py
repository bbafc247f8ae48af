"""Certificates, bundles and revocation lists with a fixed clock, serial numbers and keys: the same bytes in every run.

`python -m tests.support.golden` writes their digests to tests/vectors/golden.json, with which a test compares them;
`python -m tests.support.golden FOLDER` writes the files themselves, to see in what two versions differ.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import HashAlgorithm

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.issuance.examination import Options, Policy
from ca_service.authority.revocation.records import Selection
from ca_service.keystore.encrypted import SigningHandle
from ca_service.pki import keys
from ca_service.pki.reasons import Reason
from ca_service.vos.bundle import Bundle
from tests.support import pkcs10, requests
from tests.support.asn1 import UTF8_STRING
from tests.support.factories import OPERATOR, Lab
from tests.support.fakes import InMemoryKeyStore
from tests.support.pkcs10 import Recipe

DIGESTS: Final = Path(__file__).parent.parent / "vectors" / "golden.json"
#: Their words may change, and with them the checksums; all other files of a bundle may not.
_WORDS: Final = (".txt", ".html")
_PLANS: Final = {
    "p384": (HierarchyPlan(name="Golden Lab"), "http://ca.example.com"),
    "p256": (HierarchyPlan(name="Golden Lab", root_curve="P-384", intermediate_curve="P-256"), ""),
}


class FixedHandle(SigningHandle):
    """A key that signs the same bytes with the same signature (RFC 6979)."""

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """See `SigningHandle`."""
        assert isinstance(signature_algorithm.algorithm, HashAlgorithm)
        return super().sign(data, ec.ECDSA(signature_algorithm.algorithm, deterministic_signing=True))


class FixedKeyStore(InMemoryKeyStore):
    """Makes the same keys in every run: they follow from their names."""

    def generate(self, key_id: str, curve: str) -> ec.EllipticCurvePrivateKey:
        """See the port."""
        self.store(key_id, FixedHandle(fixed_key(key_id, keys.CURVES[curve])))
        return self.signer(key_id)


def fixed_key(owner: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """The key of this owner, the same in every run."""
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(owner.encode()).digest()) >> 2, curve())


def _node(common_name: str, *names: str, curve: type[ec.EllipticCurve] = ec.SECP384R1, **options: Any) -> Recipe:
    return replace(requests.node(common_name, *names, curve=curve, **options), key=fixed_key(common_name, curve))


def _csrs() -> dict[str, tuple[Recipe, Options]]:
    """Every kind of CSR that is signed, with its options."""
    domain = "example.com"
    small: dict[str, Any] = {"curve": ec.SECP256R1, "hash": hashes.SHA256()}
    new: dict[str, Any] = {"bits": requests.USAGE, "purposes": requests.PURPOSES}
    addresses = pkcs10.alternative_name(
        (pkcs10.DNS, domain),
        (pkcs10.DNS, "cer1.example.com"),
        (pkcs10.IP, ip_address("192.0.2.10").packed),
        (pkcs10.IP, ip_address("2001:db8::10").packed),
    )
    plain = pkcs10.name(("CN", UTF8_STRING, "lab1.example.com"))
    junk = pkcs10.name(*((kind, UTF8_STRING, requests.JUNK) for kind in ("C", "ST", "L")), ("CN", UTF8_STRING, "j-EC"))
    wild = pkcs10.name(("CN", UTF8_STRING, "*.lab.example.com"))
    return {
        "uccx1": (_node("uccx1-EC.example.com", domain, "uccx1.example.com"), Options()),
        "uccx2": (_node("uccx2-EC.example.com", domain, "uccx2.example.com"), Options(validity_days=30)),
        "sm1": (_node("sm1-EC.example.com", domain, "sm1.example.com", **small), Options()),
        "cucm-ms": (
            _node("cucm1-EC-ms.example.com", domain, "cucm1.example.com", "imp1.example.com", **new),
            Options(),
        ),
        "cer1": (_node("cer1-EC.example.com", alternative_name=addresses, **new), Options()),
        "p521": (_node("p1-EC.example.com", "p1.example.com", curve=ec.SECP521R1, hash=hashes.SHA512()), Options()),
        "no-names": (_node("fin1-EC.example.com", **small, **new), Options(add_host_name=True)),
        "junk": (Recipe(fixed_key("junk"), junk, (pkcs10.hosts("j.example.com"),)), Options()),
        "server": (Recipe(fixed_key("lab1"), plain, (pkcs10.hosts("lab1.example.com"),)), Options("server")),
        "wildcard": (Recipe(fixed_key("wild"), wild, (pkcs10.hosts("*.lab.example.com"),)), Options("server", 90)),
    }


def golden_files() -> dict[str, bytes]:
    """Every file, by a name that says what it is."""
    found: dict[str, bytes] = {}
    for name, (plan, base_url) in _PLANS.items():
        lab = Lab(keystore=FixedKeyStore(), policy=Policy(allow_p521=True), base_url=base_url).initialised(plan)
        found |= {f"{name}/{path}": data for path, data in _files(lab)}
    return found


def _files(lab: Lab) -> Iterator[tuple[str, bytes]]:
    for issuer in lab.hierarchy.list_issuers():
        assert issuer.certificate_der
        yield f"{issuer.id}.der", issuer.certificate_der
    leaves = {name: _issued(lab, recipe, options) for name, (recipe, options) in _csrs().items()}
    yield from ((f"{name}.der", leaf.der) for name, leaf in leaves.items())
    for names in (("uccx1",), ("server",), ("uccx1", "uccx2", "sm1"), ("uccx1", "server")):
        yield from _bundle(f"bundle-{'-'.join(names)}", lab.issuance.bundle([leaves[name] for name in names]))
    yield from _lists(lab, leaves)


def _issued(lab: Lab, recipe: Recipe, options: Options) -> CertificateRecord:
    return lab.issuance.issue(OPERATOR, [pkcs10.pem(recipe.der())], options).certificates[0]


def _bundle(name: str, bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    """The ZIP with its documents emptied, and every other file by itself."""
    uploads, extras = (tuple(replace(file, data=b"") if file.path.endswith(_WORDS) else file for file in files)
                       for files in (bundle.uploads, bundle.extras))  # fmt: skip
    yield f"{name}.zip", replace(bundle, uploads=uploads, extras=extras).to_zip()
    yield from ((f"{name}/{file.path}", file.data) for file in (*uploads, *extras) if file.data)


def _lists(lab: Lab, leaves: Mapping[str, CertificateRecord]) -> Iterator[tuple[str, bytes]]:
    """Full lists and deltas: an empty one, one with every kind of entry, one after a release."""
    yield from _list(lab, "crl-empty")
    for name, reason in (("uccx1", Reason.KEY_COMPROMISE), ("sm1", Reason.UNSPECIFIED), ("cer1", Reason.SUPERSEDED)):
        lab.clock.advance(minutes=1)
        lab.revocation.revoke(OPERATOR, Selection((leaves[name].serial_number,)), reason)
    lab.revocation.revoke(OPERATOR, Selection((leaves["junk"].serial_number,)), Reason.CERTIFICATE_HOLD)
    yield from _list(lab, "crl-revoked")
    lab.clock.advance(hours=1)
    lab.revocation.release(OPERATOR, Selection((leaves["junk"].serial_number,)))
    yield from _list(lab, "crl-released")


def _list(lab: Lab, name: str) -> Iterator[tuple[str, bytes]]:
    for issuer in lab.hierarchy.list_issuers():
        data = lab.crl_publisher.current(issuer.id).data
        yield f"{name}-{issuer.id}.crl", data.full
        if data.delta is not None:
            yield f"{name}-{issuer.id}-delta.crl", data.delta


def digests() -> dict[str, str]:
    """The SHA-256 of every file, hexadecimal."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in golden_files().items()}


def main(arguments: list[str]) -> None:
    """Write the digests, or the files into a folder."""
    if not arguments:
        DIGESTS.write_text(json.dumps(digests(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return
    for name, data in golden_files().items():
        path = Path(arguments[0]) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main(sys.argv[1:])
