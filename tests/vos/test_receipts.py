"""Receipts in bundles, and the program that checks them, run as somebody would who has nothing else."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from ca_service.authority.audit.seals import canonical
from ca_service.authority.issuance.examination import Options
from ca_service.pki import keys
from ca_service.vos.bundle import Bundle, Delivery, bundle_of, cluster_bundle, node_bundle
from tests.support.factories import OPERATOR, Lab
from tests.support.programs import judged as judged_by
from tests.support.requests import THREE_NODES
from tests.vos.runbooks import CENTRE
from tests.vos.test_bundle import paths

SCRIPT = Path(__file__).parents[2] / "ca_service/vos/data/verify_receipt.py"


@cache
def lab() -> Lab:
    """An authority that has issued for three nodes."""
    made = Lab().initialised()
    made.issuance.issue(OPERATOR, [request.data for request in THREE_NODES], Options())
    return made


@cache
def deliveries() -> tuple[Delivery, ...]:
    """The three with their receipts."""
    issued = lab().issuance.issue(OPERATOR, [request.data for request in THREE_NODES], Options())
    return lab().receipts.attached([lab().issuance.delivery(record) for record in issued.certificates])


def receipt(number: int = 0) -> Any:
    return json.loads(deliveries()[number].receipt)


def unpacked(bundle: Bundle, folder: Path) -> Path:
    zipfile.ZipFile(io.BytesIO(bundle.to_zip())).extractall(folder)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program in this folder, without anything that is installed."""
    command = [sys.executable, "-I", "-S", "verify_receipt.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def judged(folder: Path, document: object) -> subprocess.CompletedProcess[str]:
    """What the program says of this receipt, in a folder with the bundle of its node."""
    unpacked(node_bundle(deliveries()[0]), folder)
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / "receipt.json").write_text(text, "utf-8")
    return run(folder)


# In the bundle


def test_the_receipt_lies_beside_the_certificate_with_the_program_that_checks_it() -> None:
    bundle = node_bundle(deliveries()[0])
    assert paths(bundle)[-3:] == ["receipt.json", "verify_receipt.py", "SHA256SUMS"]
    text = next(file.data for file in bundle.extras if file.path == "UPLOAD.txt").decode()
    assert "receipt.json:  proves that the certificate is in the audit log" in text


def test_without_a_receipt_the_bundle_is_silent_about_it() -> None:
    bundle = node_bundle(replace(deliveries()[0], receipt=b""))
    assert not {"receipt.json", "verify_receipt.py"} & set(paths(bundle))
    assert not any(b"receipt" in file.data for file in bundle.extras)


def test_several_nodes_have_a_receipt_each_and_the_program_once() -> None:
    found = paths(bundle_of(deliveries()))
    assert [path for path in found if path.endswith("receipt.json")] == [
        f"{request.name}.example.com/receipt.json" for request in THREE_NODES
    ]
    assert [path for path in found if path.endswith(".py")] == ["verify_receipt.py"]


def test_a_cluster_has_them_as_well() -> None:
    nodes = {node.fqdn: node for node in CENTRE}
    with_nodes = [replace(each, node=nodes[each.host]) for each in deliveries()]
    found = paths(cluster_bundle("Centre", "Centre", with_nodes, CENTRE))
    assert {f"{node.fqdn}/receipt.json" for node in CENTRE} <= set(found)
    assert [path for path in found if path.endswith(".py")] == ["verify_receipt.py"]


def test_the_same_certificate_has_the_same_bundle_whatever_is_recorded_and_sealed_meanwhile() -> None:
    made = Lab().initialised()
    issued = made.issuance.issue(OPERATOR, [THREE_NODES[0].data], Options()).certificates
    bundles = set()
    for _ in range(3):
        delivered = made.receipts.attached([made.issuance.delivery(record) for record in issued])
        bundles.add(bundle_of(delivered).to_zip())
        made.issuance.issue(OPERATOR, [THREE_NODES[1].data], Options(new=True))
        made.sealing.seal_pending()
    assert len(bundles) == 1


def test_a_certificate_that_the_record_does_not_know_has_no_receipt() -> None:
    other = Lab().initialised()
    assert other.receipts.attached(deliveries())[0].receipt == b""


# The program


def test_the_program_is_short_and_alone(tmp_path: Path) -> None:
    assert len(SCRIPT.read_text("utf-8").splitlines()) < 150
    shutil.copy(SCRIPT, tmp_path)
    told = run(tmp_path, "--help")
    assert told.returncode == 0
    assert "Python 3.8 or newer and nothing else" in told.stdout
    assert run(tmp_path).returncode == 2


def test_a_good_receipt_is_proven_and_it_is_said_what_was_not_looked_at(tmp_path: Path) -> None:
    told = run(unpacked(node_bundle(deliveries()[0]), tmp_path))
    assert told.returncode == 0, told
    assert told.stdout.startswith("PROVEN  receipt.json\n")
    assert receipt()["event"]["subject"] in told.stdout
    assert "Not looked at: whose key it is" in told.stdout
    assert "revoked" in told.stdout


def test_all_receipts_of_a_bundle_are_checked_at_once(tmp_path: Path) -> None:
    told = run(unpacked(bundle_of(deliveries()), tmp_path))
    assert (told.returncode, told.stdout.count("PROVEN  ")) == (0, 3)


def test_a_key_that_is_given_has_to_be_the_one(tmp_path: Path) -> None:
    folder, key = unpacked(node_bundle(deliveries()[0]), tmp_path), receipt()["key"]["fingerprint"]
    told = run(folder, "--key", ":".join(key.upper()[at : at + 2] for at in range(0, 64, 2)))
    assert (told.returncode, "whose key" in told.stdout) == (0, False)
    told = run(folder, "--key", "0" * 64)
    assert told.returncode == 1
    assert "NOT PROVEN  receipt.json\n" in told.stdout
    assert "another key" in told.stdout


SPOILED: dict[str, Callable[[Any], object]] = {
    "another actor": lambda it: it["event"].update(actor="nobody"),
    "another time": lambda it: it["event"].update(at="2020-01-01T00:00:00Z"),
    "another event": lambda it: it["event"].update(event="certificate.refused"),
    "another detail": lambda it: it["event"]["details"].update(host="evil.example"),
    "one detail more": lambda it: it["event"]["details"].update(note="x"),
    "another serial number": lambda it: it["event"].update(subject="0" * 40),
    "another place": lambda it: it.update(position=it["position"] ^ 1),
    "no place": lambda it: it.update(position=99),
    "a longer path": lambda it: it["path"].append("0" * 64),
    "a shorter path": lambda it: it["path"].pop(),
    "another path": lambda it: it["path"].reverse(),
    "another root": lambda it: it["seal"].update(root="0" * 64),
    "another count": lambda it: it["seal"].update(count=4),
    "another time of the seal": lambda it: it["seal"].update(at="2020-01-01T00:00:00Z"),
    "another signature": lambda it: it["seal"].update(signature=it["seal"]["signature"][:-2] + "00"),
    "a signature that is none": lambda it: it["seal"].update(signature="30"),
    "no signature": lambda it: it["seal"].pop("signature"),
    "another key": lambda it: it["key"].update(public_key=it["key"]["public_key"][:-2] + "00"),
    "a key off the curve": lambda it: it["key"].update(public_key="00" * 91),
    "another fingerprint": lambda it: it["key"].update(fingerprint="0" * 64),
    "another certificate": lambda it: it["certificate"].update(fingerprint="0" * 64),
    "nothing": lambda it: it.clear(),
}


@pytest.mark.parametrize("change", SPOILED.values(), ids=SPOILED)
def test_a_receipt_that_was_spoiled_is_not_proven(tmp_path: Path, change: Callable[[Any], object]) -> None:
    document = receipt()
    change(document)
    told = judged(tmp_path, document)
    assert told.returncode == 1, told
    assert told.stdout.startswith("NOT PROVEN  receipt.json\n")
    assert told.stderr == ""


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "1", '"x"', "[" * 100_000, '{"event": []}', "\u00e4"])
def test_what_is_no_receipt_is_not_proven(tmp_path: Path, text: str) -> None:
    told = judged(tmp_path, text)
    assert (told.returncode, told.stderr) == (1, "")


def test_the_receipt_of_another_certificate_does_not_help(tmp_path: Path) -> None:
    told = judged(tmp_path, receipt(1))
    assert told.returncode == 1
    assert "does not lie beside it" in told.stdout
    claimed = receipt(1) | {"certificate": receipt(0)["certificate"]}
    told = judged(tmp_path, claimed)
    assert told.returncode == 1
    assert "the event is about something else" in told.stdout


def test_a_receipt_that_somebody_else_has_sealed_is_proven_only_for_their_key(tmp_path: Path) -> None:
    document, key = receipt(), ec.generate_private_key(ec.SECP256R1())
    spki = keys.public_key_der(key.public_key())
    seal = document["seal"] | {"key": keys.key_fingerprint(spki)}
    del seal["signature"]
    document["seal"] = seal | {"signature": key.sign(canonical(seal), ec.ECDSA(hashes.SHA256())).hex()}
    document["key"] |= {"public_key": spki.hex(), "fingerprint": keys.key_fingerprint(spki)}
    assert judged(tmp_path, document).returncode == 0
    assert run(tmp_path, "--key", receipt()["key"]["fingerprint"]).returncode == 1


def test_an_event_that_tells_no_fingerprint_is_said_to_name_the_certificate_by_its_serial_number(
    tmp_path: Path,
) -> None:
    document = receipt()
    document["event"]["details"].pop("fingerprint")
    leaf = hashes.Hash(hashes.SHA256())
    leaf.update(b"\x00" + canonical(document["event"]))
    key = ec.generate_private_key(ec.SECP256R1())
    spki = keys.public_key_der(key.public_key())
    seal = document["seal"] | {"key": keys.key_fingerprint(spki), "root": leaf.finalize().hex(), "count": 1}
    del seal["signature"]
    document["seal"] = seal | {"signature": key.sign(canonical(seal), ec.ECDSA(hashes.SHA256())).hex()}
    document |= {"position": 0, "path": []}
    document["key"] |= {"public_key": spki.hex(), "fingerprint": keys.key_fingerprint(spki)}
    told = judged(tmp_path, document)
    assert told.returncode == 0
    assert "by its serial number alone" in told.stdout


# Its arithmetic


def verifier() -> dict[str, Any]:
    """The names in the program."""
    found: dict[str, Any] = {"__name__": "verify_receipt"}
    exec(compile(SCRIPT.read_text("utf-8"), SCRIPT, "exec"), found)  # noqa: S102 - our own file
    return found


def test_it_judges_signatures_as_openssl_does() -> None:
    is_signed = verifier()["is_signed"]
    for number in range(4):
        key, data = ec.generate_private_key(ec.SECP256R1()), b"data %d" % number
        spki, signature = keys.public_key_der(key.public_key()), key.sign(data, ec.ECDSA(hashes.SHA256()))
        r, s = utils.decode_dss_signature(signature)
        assert is_signed(data, signature, spki)
        assert not is_signed(data + b"x", signature, spki)
        assert not is_signed(data, utils.encode_dss_signature(s, r), spki)
        assert not is_signed(data, utils.encode_dss_signature(r, s + 1), spki)
        assert not is_signed(data, utils.encode_dss_signature(0, s), spki)
        assert not is_signed(data, utils.encode_dss_signature(r, 0), spki)
        assert not is_signed(data, signature + b"\x00", spki)


def test_openssl_accepts_the_seal_of_a_receipt(tmp_path: Path) -> None:
    seal = receipt()["seal"]
    signature = bytes.fromhex(seal.pop("signature"))
    files = {"seal": canonical(seal), "signature": signature, "key": bytes.fromhex(receipt()["key"]["public_key"])}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    command = "openssl dgst -sha256 -verify key -keyform DER -signature signature seal"
    assert judged_by(command, tmp_path) == "Verified OK\n"


def test_its_curve_is_p_256() -> None:
    found = verifier()
    for factor in (1, 2, 3, 7, 2**200 + 9):
        numbers = ec.derive_private_key(factor, ec.SECP256R1()).public_key().public_numbers()
        assert found["times"](factor, (found["GX"], found["GY"])) == (numbers.x, numbers.y)
    assert found["times"](found["N"], (found["GX"], found["GY"])) is None
