"""Lists and OCSP answers, as OpenSSL, GnuTLS and pkilint judge them; some over HTTP, as they ask by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from ca_service import web
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.pki import encodings
from ca_service.pki.reasons import FOR_LEAVES, Reason
from tests.conformance import pkix_linter
from tests.conformance.scene import ISSUER, ROOT, Scene
from tests.support.factories import OPERATOR, actor
from tests.support.ocsp import about, question
from tests.support.programs import Tool
from tests.support.requests import SOCIALMINER

CURVES = pytest.mark.parametrize("curve", ["P-256", "P-384"], indirect=True)


# Lists


@CURVES
@pytest.mark.parametrize("name", [ISSUER, f"{ISSUER}-delta", ROOT])
def test_openssl_verifies_each_list(openssl: Tool, scene: Scene, name: str) -> None:
    said = openssl("crl", "-in", scene / f"{name}.pem", "-CAfile", scene / "chain.pem", "-noout", "-text")
    assert "verify OK" in said
    assert "X509v3 CRL Number" in said
    assert "Issuing Distribution Point" not in said


def check(openssl: Tool, scene: Scene, leaf: str, *options: str | Path, lists: tuple[str, ...]) -> tuple[int, str]:
    """What `openssl verify` says with these lists."""
    crls = [part for name in lists for part in ("-CRLfile", scene / f"{name}.pem")]
    authorities = ("-CAfile", scene / "root.pem", "-untrusted", scene / "intermediate.pem")
    return openssl.run("verify", "-x509_strict", "-crl_check_all", *options, *authorities, *crls, scene / leaf)


@CURVES
def test_openssl_accepts_the_good_leaf_and_refuses_the_revoked_one(openssl: Tool, scene: Scene) -> None:
    code, said = check(openssl, scene, "good.pem", lists=(ISSUER, ROOT))
    assert (code, said.endswith("good.pem: OK\n")) == (0, True), said
    code, said = check(openssl, scene, "bad.pem", lists=(ISSUER, ROOT))
    assert code != 0
    assert "certificate revoked" in said


def test_openssl_finds_a_revocation_in_the_delta_alone(openssl: Tool, scene: Scene) -> None:
    code, said = check(
        openssl, scene, "bad.pem", "-extended_crl", "-use_deltas", lists=("old", f"{ISSUER}-delta", ROOT)
    )
    assert code != 0
    assert "certificate revoked" in said
    code, said = check(
        openssl, scene, "good.pem", "-extended_crl", "-use_deltas", lists=("old", f"{ISSUER}-delta", ROOT)
    )
    assert code == 0, said


def test_openssl_accepts_a_leaf_again_when_its_hold_was_released(openssl: Tool, scene: Scene) -> None:
    selection = Selection((scene.good.serial_number,))
    scene.lab.revocation.revoke(OPERATOR, selection, Reason.CERTIFICATE_HOLD)
    scene.publish()
    (scene / "old.pem").write_bytes((scene / f"{ISSUER}.pem").read_bytes())
    assert "certificate revoked" in check(openssl, scene, "good.pem", lists=(ISSUER, ROOT))[1]
    scene.lab.revocation.release(OPERATOR, selection)
    scene.publish()
    assert check(openssl, scene, "good.pem", lists=(ISSUER, ROOT))[0] == 0


def test_openssl_refuses_every_leaf_below_a_revoked_intermediate(openssl: Tool, scene: Scene) -> None:
    scene.lab.authority_revocation.revoke(OPERATOR, ISSUER, Reason.CA_COMPROMISE)
    scene.publish()
    code, said = check(openssl, scene, "good.pem", lists=(ISSUER, ROOT))
    assert code != 0
    assert "certificate revoked" in said


@CURVES
def test_gnutls_accepts_the_good_leaf_and_refuses_the_revoked_one(certtool: Tool, scene: Scene) -> None:
    def verify(leaf: str) -> str:
        (scene / "crls.pem").write_bytes((scene / f"{ISSUER}.pem").read_bytes() + (scene / f"{ROOT}.pem").read_bytes())
        (scene / "path.pem").write_bytes((scene / leaf).read_bytes() + (scene / "intermediate.pem").read_bytes())
        trust = ("--load-ca-certificate", scene / "root.pem", "--load-crl", scene / "crls.pem")
        return certtool.run("--verify", *trust, "--infile", scene / "path.pem")[1]

    assert "Chain verification output: Verified." in verify("good.pem")
    assert "Not verified. The certificate is NOT trusted. The certificate chain is revoked." in verify("bad.pem")


@CURVES
def test_gnutls_verifies_the_list(certtool: Tool, scene: Scene) -> None:
    said = certtool(
        "--verify-crl", "--load-ca-certificate", scene / "intermediate.pem", "--infile", scene / f"{ISSUER}.pem"
    )
    assert "Verified" in said


@CURVES
def test_pkilint_finds_nothing_in_the_lists(scene: Scene) -> None:
    for reason in FOR_LEAVES:
        leaf = scene.lab.issuance.issue(actor(), [SOCIALMINER.data], Options(new=True)).certificates[0]
        scene.lab.revocation.revoke(OPERATOR, Selection((leaf.serial_number,)), reason, invalid_since=scene.lab.clock())
        if reason in (Reason.KEY_COMPROMISE, Reason.CERTIFICATE_HOLD):
            break  # no more of that key
    data = scene.lab.crl_publisher.current(ISSUER).data
    assert data.delta is not None
    found = [
        pkix_linter.crl_findings(data.full, covers_authorities=False),
        pkix_linter.crl_findings(data.delta, covers_authorities=False),
        pkix_linter.crl_findings(scene.lab.crl_publisher.current(ROOT).data.full, covers_authorities=True),
    ]
    assert found == [set()] * 3


# OCSP


@CURVES
@pytest.mark.parametrize("hash_", ["-sha1", "-sha256"])
def test_openssl_accepts_the_answer_about_several_certificates(openssl: Tool, scene: Scene, hash_: str) -> None:
    asked, answered = scene / "request.der", scene / "response.der"
    certificates = (
        hash_,
        "-issuer",
        scene / "intermediate.pem",
        "-cert",
        scene / "good.pem",
        "-cert",
        scene / "bad.pem",
    )
    openssl("ocsp", *certificates, "-reqout", asked, "-no_nonce" if hash_ == "-sha1" else "-nonce")
    answered.write_bytes(scene.lab.ocsp_responder.answer(asked.read_bytes()).der)
    trust = ("-respin", answered, "-CAfile", scene / "chain.pem")
    nonce_said = openssl("ocsp", "-reqin", asked, *trust)
    assert "Response verify OK" in nonce_said
    assert "WARNING" not in nonce_said
    said = openssl("ocsp", *certificates, "-no_nonce", *trust)
    assert "Response verify OK" in said
    assert f"{scene / 'good.pem'}: good" in said
    assert f"{scene / 'bad.pem'}: revoked" in said
    assert "Reason: keyCompromise" in said


@CURVES
def test_pkilint_finds_nothing_in_answers(scene: Scene) -> None:
    requests = [
        question(scene.lab, scene.good, nonce=b"n" * 32),
        question(scene.lab, scene.bad),
        about(scene.lab, 4711),
    ]
    assert [pkix_linter.ocsp_findings(scene.lab.ocsp_responder.answer(each).der) for each in requests] == [set()] * 3


@CURVES
def test_pkilint_finds_nothing_in_the_responder_and_the_leaves(scene: Scene) -> None:
    authority = scene.lab.hierarchy.active()
    responder = scene.lab.responders.current(authority.record).certificate
    leaf = encodings.load_certificates(scene.good.der)[0]
    assert [pkix_linter.findings(each) for each in (responder, leaf, *authority.chain)] == [set()] * 4


@pytest.fixture
def url(scene: Scene) -> Iterator[str]:
    """The service of this scene, on loopback."""
    app = web.create(scene.lab, web.WebOptions(secret_key="x" * 32))
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_openssl_asks_over_http(openssl: Tool, scene: Scene, url: str) -> None:
    for leaf, status in (("good.pem", "good"), ("bad.pem", "revoked")):
        said = openssl(
            *("ocsp", "-url", f"{url}/ocsp", "-issuer", scene / "intermediate.pem", "-cert", scene / leaf),
            *("-CAfile", scene / "chain.pem"),
        )
        assert "Response verify OK" in said
        assert f"{leaf}: {status}" in said


def test_gnutls_asks_over_http(ocsptool: Tool, scene: Scene, url: str) -> None:
    for leaf, status in (("good.pem", "good"), ("bad.pem", "revoked")):
        said = ocsptool(
            *(f"--ask={url}/ocsp", "--load-cert", scene / leaf, "--load-issuer", scene / "intermediate.pem"),
            *("--load-trust", scene / "chain.pem", "--nonce"),
        )
        assert f"Certificate Status: {status}" in said
        assert "Verifying OCSP Response: Success" in said


def test_openssl_fetches_the_list_by_itself(openssl: Tool, url: str) -> None:
    said = openssl("crl", "-in", f"{url}/ca/{ISSUER}.crl", "-noout", "-text")
    assert "Key Compromise" in said
