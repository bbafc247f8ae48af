"""Full lists, as clients judge them that load no list with a critical extension which they do not know."""

from __future__ import annotations

import pytest

from tests.conformance.scene import ISSUER, ROOT, Scene
from tests.support.mbedtls import MbedTLS
from tests.support.programs import Tool, find

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
