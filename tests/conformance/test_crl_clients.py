"""Full lists, as clients judge them that load no list with a critical extension which they do not know."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.certificates import CertificateRecord
from ca_service.pki import encodings
from tests.conformance.scene import ISSUER, ROOT, Scene
from tests.support import requests, rustls
from tests.support.mbedtls import MbedTLS
from tests.support.programs import Tool, find
from tests.support.tls_servers import files, listening, saying_over_tls

CURVES = pytest.mark.parametrize("curve", ["P-256", "P-384"], indirect=True)
LISTS = (f"{ROOT}.crl", f"{ISSUER}.crl")


@CURVES
def test_nss_takes_the_lists_accepts_the_good_leaf_and_refuses_the_revoked_one(scene: Scene) -> None:
    (scene / "nss").mkdir()
    database = ("-d", f"sql:{scene / 'nss'}")
    certutil, crlutil, vfychain = (Tool(find(name), scene.folder) for name in ("certutil", "crlutil", "vfychain"))
    certutil("-N", *database, "--empty-password")
    certutil("-A", *database, "-n", "root", "-t", "CT,,", "-i", "root.der")
    certutil("-A", *database, "-n", "intermediate", "-t", ",,", "-i", "intermediate.der")
    for name in LISTS:
        crlutil("-I", *database, "-i", name)  # the whole check of NSS
    as_server = ("-u", "1")
    assert "Chain is good!" in vfychain(*database, *as_server, "good.der", "intermediate.der")
    code, said = vfychain.run(*database, *as_server, "bad.der", "intermediate.der")
    assert code != 0
    assert "Certificate has been revoked" in said


@CURVES
def test_mbedtls_loads_the_lists_accepts_the_good_leaf_and_refuses_the_revoked_one(scene: Scene) -> None:
    mbedtls = MbedTLS()
    lists = mbedtls.load_lists(*(scene / name for name in LISTS))
    found = {
        name: mbedtls.is_revoked((scene / f"{name}.der", scene / "intermediate.der"), scene / "root.der", lists)
        for name in ("good", "bad")
    }
    assert found == {"good": False, "bad": True}


@CURVES
def test_rustls_connects_to_the_good_server_and_refuses_the_revoked_one(scene: Scene) -> None:
    good, bad = server(scene, scene.good, ec.SECP256R1), server(scene, scene.bad, ec.SECP384R1)
    lists = [scene / name for name in LISTS]

    assert refusal(scene, scene.good, good, lists) == ""
    assert refusal(scene, scene.bad, bad, []) == ""
    assert "invalid peer certificate: Revoked" in refusal(scene, scene.bad, bad, lists)


def server(scene: Scene, record: CertificateRecord, curve: type[ec.EllipticCurve]) -> tuple[Path, Path]:
    """Chain and key of a server that has this certificate, as files."""
    chain = (*encodings.load_certificates(record.der), scene.lab.hierarchy.active().chain[0])
    host = record.host.partition(".")[0]
    return files(scene.folder, f"server-{host}", requests.key(f"{host}-EC.example.com", curve), chain)


def refusal(scene: Scene, record: CertificateRecord, pair: tuple[Path, Path], lists: list[Path]) -> str:
    """What a client says that trusts the root and has these lists, and connects to this server."""
    answer = saying_over_tls(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", pair)
    with listening(answer) as port:
        return rustls.refusal(record.host, port, scene / "root.pem", *lists)
