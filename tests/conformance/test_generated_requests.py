"""What passes our lint passes that of others: at least 300 generated requests, issued and judged.

pkilint sees each certificate in this process; OpenSSL and GnuTLS see them in a few batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import groupby
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ca_service.pki import encodings, keys, profiles
from ca_service.pki.chain import Chain
from ca_service.pki.profiles import Profile
from tests.conformance import pkix_linter, signing
from tests.support import pkcs10, requests
from tests.support.asn1 import PRINTABLE_STRING, UTF8_STRING
from tests.support.pkcs10 import Recipe
from tests.support.programs import Tool

EXAMPLES: Final = 300


@dataclass(frozen=True, slots=True)
class Wish:
    """One request, and how it is to be signed."""

    recipe: Recipe
    profile: Profile
    authority: tuple[str, str]  # the curves of the intermediate and of the root


label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,15}[a-z0-9])?", fullmatch=True)
host = st.lists(label, min_size=1, max_size=3).map(lambda labels: ".".join((*labels, "example.com")))
address = (st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 2**128 - 1).map(IPv6Address)).map(
    lambda ip: (pkcs10.IP, ip.packed)
)
general_names = st.lists(host.map(lambda name: (pkcs10.DNS, name)) | address, min_size=1, max_size=6, unique=True)
printable = st.text("abcXYZ019 '()+,-./:=?", min_size=1, max_size=40).map(lambda text: (PRINTABLE_STRING, text))
unicode = st.text("abcÄöüßéñ山田 &@", min_size=1, max_size=12).map(lambda text: (UTF8_STRING, text))
bits = st.lists(st.sampled_from(requests.OLD_USAGE), unique=True)
purposes = st.lists(st.sampled_from(requests.OLD_PURPOSES), unique=True)
curves = st.sampled_from([ec.SECP256R1, ec.SECP384R1, ec.SECP521R1])
hash_: st.SearchStrategy[pkcs10.Hash] = st.sampled_from((hashes.SHA256(), hashes.SHA384(), hashes.SHA512()))


@st.composite
def subjects(draw: st.DrawFn) -> bytes:
    """A Name with any of the usual attributes, in any order, in two string types."""
    kinds = draw(st.lists(st.sampled_from(["ST", "L", "O", "OU", "OU"]), unique=False, max_size=5))
    parts = [(kind, *draw(printable | unicode)) for kind in kinds]
    if draw(st.booleans()):
        country = ("C", PRINTABLE_STRING, draw(st.sampled_from(["DE", "JP", "US"])))
        parts.insert(draw(st.integers(0, len(parts))), country)
    return pkcs10.name(*parts, ("CN", PRINTABLE_STRING, draw(label) + "-EC.example.com"))


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """Any request that is good."""
    curve, asked_bits, asked_purposes = draw(curves), draw(bits), draw(purposes)
    extensions = (
        *((pkcs10.key_usage(*asked_bits),) if asked_bits else ()),
        *((pkcs10.extended_key_usage(*asked_purposes),) if asked_purposes else ()),
        pkcs10.alternative_name(*draw(general_names)),
    )
    return Wish(
        Recipe(requests.key("generated", curve), draw(subjects()), extensions, hash=draw(hash_)),
        draw(st.sampled_from([profiles.VOS, profiles.SERVER])),
        (draw(st.sampled_from(keys.AUTHORITY_CURVES)), draw(st.sampled_from(keys.AUTHORITY_CURVES))),
    )


def sign(wish: Wish) -> x509.Certificate:
    return signing.signed(signing.lab(*wish.authority), wish.recipe.der(), wish.profile.name)


def test_what_passes_our_lint_passes_that_of_others(openssl: Tool, certtool: Tool, tmp_path: Path) -> None:
    signed: list[tuple[Wish, x509.Certificate]] = []

    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(wishes())
    def sign_and_lint(wish: Wish) -> None:
        certificate = sign(wish)
        assert pkix_linter.findings(certificate) == set()
        signed.append((wish, certificate))

    sign_and_lint()

    assert len(signed) >= EXAMPLES
    for chain, leaves in _by_authority(signed):
        _judge_with_openssl(openssl, chain, leaves, tmp_path)
        _judge_with_gnutls(certtool, chain, leaves, tmp_path)


def _by_authority(
    signed: Sequence[tuple[Wish, x509.Certificate]],
) -> list[tuple[Chain, list[x509.Certificate]]]:
    ordered = sorted(signed, key=lambda pair: pair[0].authority)
    return [
        (signing.lab(*curves_).hierarchy.active().chain, [certificate for _, certificate in pairs])
        for curves_, pairs in groupby(ordered, key=lambda pair: pair[0].authority)
    ]


def _judge_with_openssl(openssl: Tool, chain: Chain, leaves: list[x509.Certificate], folder: Path) -> None:
    """Each path holds under the strict rules, and each certificate can be printed."""
    intermediate, root, everything = folder / "intermediate.pem", folder / "root.pem", folder / "leaves.pem"
    intermediate.write_bytes(encodings.pem(chain[0]))
    root.write_bytes(encodings.pem(chain[1]))
    everything.write_bytes(encodings.pem_chain(leaves))
    files = [folder / f"{number}.pem" for number in range(len(leaves))]
    for path, leaf in zip(files, leaves, strict=True):
        path.write_bytes(encodings.pem(leaf))

    verified = openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", intermediate, *files)
    printed = openssl("storeutl", "-noout", "-certs", "-text", everything)

    assert verified.count(": OK") == len(leaves)
    assert printed.count("X509v3 Subject Alternative Name:") == len(leaves)
    assert "Unable to load" not in printed
    assert "<INVALID" not in printed


def _judge_with_gnutls(certtool: Tool, chain: Chain, leaves: list[x509.Certificate], folder: Path) -> None:
    """Each certificate can be printed; a path, of which GnuTLS takes one a process, holds."""
    everything, path = folder / "leaves.pem", folder / "path.pem"
    path.write_bytes(encodings.pem_chain([leaves[-1], *chain]))

    printed = certtool("--certificate-info", "--infile", everything)
    verified = certtool("--verify-chain", "--infile", path)

    assert printed.count("Subject Alternative Name (not critical):") == len(leaves)
    assert "error" not in printed.lower()
    assert "Chain verification output: Verified." in verified
