"""Receipts in bundles, and the program that checks them, run as somebody would who has nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import re
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
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.audit.seals import canonical, read_key
from ca_service.authority.issuance.examination import Options
from ca_service.pki import keys
from ca_service.vos.bundle import Bundle, Delivery, bundle_of, cluster_bundle, node_bundle
from tests.support.certificates import NOW
from tests.support.factories import OPERATOR, Lab
from tests.support.programs import judged as judged_by
from tests.support.requests import THREE_NODES
from tests.support.wycheproof import vectors
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


KEY = receipt()["key"]["fingerprint"]


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


def sealed_again(document: Any) -> Any:
    """The same receipt with its event alone in a seal of somebody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    spki, leaf = keys.public_key_der(key.public_key()), hashlib.sha256(b"\x00" + canonical(document["event"]))
    seal = document["seal"] | {"key": keys.key_fingerprint(spki), "root": leaf.hexdigest(), "count": 1}
    del seal["signature"]
    seal |= {"signature": key.sign(canonical(seal), ec.ECDSA(hashes.SHA256())).hex()}
    named = document["key"] | {"public_key": spki.hex(), "fingerprint": keys.key_fingerprint(spki)}
    return document | {"position": 0, "path": [], "seal": seal, "key": named}


# In the bundle


def test_the_receipt_lies_beside_the_certificate_with_the_program_that_checks_it() -> None:
    bundle = node_bundle(deliveries()[0])
    assert paths(bundle)[-3:] == ["receipt.json", "verify_receipt.py", "SHA256SUMS"]
    text = next(file.data for file in bundle.extras if file.path == "UPLOAD.txt").decode()
    assert "receipt.json:  proves that the certificate is in the audit log" in text
    assert f"Sealing key:   {KEY} (SHA-256)" in text


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
    found = paths(cluster_bundle("Centre", with_nodes, CENTRE, with_nodes[0].authorities))
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
    assert len(SCRIPT.read_text("utf-8").splitlines()) < 220
    shutil.copy(SCRIPT, tmp_path)
    told = run(tmp_path, "--help")
    assert told.returncode == 0
    assert "Python 3.8 or newer and nothing else" in told.stdout
    assert run(tmp_path).returncode == 2


def test_a_good_receipt_is_proven_by_the_key_that_is_given(tmp_path: Path) -> None:
    told = run(unpacked(node_bundle(deliveries()[0]), tmp_path), "--key", KEY)
    assert told.returncode == 0, told
    assert told.stdout.startswith("PROVEN  receipt.json\n")
    assert receipt()["event"]["subject"] in told.stdout
    assert "Not checked: whether the certificate is valid, or was revoked since." in told.stdout
    assert "Compare the key" not in told.stdout


def test_without_a_key_a_good_receipt_is_valid_and_its_key_is_not_confirmed(tmp_path: Path) -> None:
    told = run(unpacked(node_bundle(deliveries()[0]), tmp_path))
    assert told.returncode == 3, told
    assert told.stdout.startswith("VALID, KEY NOT CONFIRMED  receipt.json\n")
    assert KEY in told.stdout
    assert "Compare the key with the page /ca/ of the authority, and check again with --key." in told.stdout
    assert not re.search("^PROVEN", told.stdout, re.MULTILINE)


def test_all_receipts_of_a_bundle_are_checked_at_once(tmp_path: Path) -> None:
    told = run(unpacked(bundle_of(deliveries()), tmp_path), "--key", KEY)
    assert (told.returncode, told.stdout.count("PROVEN  ")) == (0, 3)


@pytest.mark.parametrize("arguments", [(), ("--key",)])
def test_one_receipt_that_is_not_proven_decides(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    folder = unpacked(bundle_of(deliveries()), tmp_path)
    next(folder.glob("*/receipt.json")).write_text("{}", "utf-8")
    assert run(folder, *arguments, *[KEY][: len(arguments)]).returncode == 1


@pytest.mark.parametrize("key", ["", "4c1d", "x" * 64, "0" * 65])
def test_what_is_no_fingerprint_is_no_key(tmp_path: Path, key: str) -> None:
    told = run(unpacked(node_bundle(deliveries()[0]), tmp_path), "--key", key)
    assert (told.returncode, told.stdout) == (2, "")


def test_a_key_that_is_given_has_to_be_the_one(tmp_path: Path) -> None:
    folder = unpacked(node_bundle(deliveries()[0]), tmp_path)
    assert run(folder, "--key", ":".join(KEY.upper()[at : at + 2] for at in range(0, 64, 2))).returncode == 0
    told = run(folder, "--key", "0" * 64)
    assert told.returncode == 1
    assert "NOT PROVEN  receipt.json\n" in told.stdout
    assert "another key" in told.stdout


def with_another_end(text: str) -> str:
    """Return hexadecimal digits whose last one is another."""
    return text[:-1] + f"{int(text[-1], 16) ^ 1:x}"


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
    "another signature": lambda it: it["seal"].update(signature=with_another_end(it["seal"]["signature"])),
    "a signature that is none": lambda it: it["seal"].update(signature="30"),
    "no signature": lambda it: it["seal"].pop("signature"),
    "another key": lambda it: it["key"].update(public_key=with_another_end(it["key"]["public_key"])),
    "a key off the curve": lambda it: it["key"].update(public_key="00" * 91),
    "another fingerprint": lambda it: it["key"].update(fingerprint="0" * 64),
    "another certificate": lambda it: it["certificate"].update(fingerprint="0" * 64),
    "another format": lambda it: it.update(format="ca_service"),
    "another version": lambda it: it.update(v=2),
    "a version that is equal and no number": lambda it: it.update(v=True),
    "no version": lambda it: it.pop("v"),
    "a member more": lambda it: it.update(note="x"),
    "another serial number beside it": lambda it: it["certificate"].update(serial_number="0" * 40),
    "a member of the certificate more": lambda it: it["certificate"].update(note="x"),
    "another id of the key": lambda it: it["key"].update(id="audit-seal-2"),
    "another algorithm": lambda it: it["key"].update(algorithm="RSA"),
    "a member of the key more": lambda it: it["key"].update(note="x"),
    "a key in capitals": lambda it: it["key"].update(public_key=it["key"]["public_key"].upper()),
    "a signature in capitals": lambda it: it["seal"].update(signature=it["seal"]["signature"].upper()),
    "a signature with a blank": lambda it: it["seal"].update(signature="30 " + it["seal"]["signature"][2:]),
    "a path in capitals": lambda it: it.update(path=[each.upper() for each in it["path"]]),
    "a place that is equal and no number": lambda it: it.update(position=bool(it["position"])),
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


@pytest.mark.parametrize("name", ["v", "format", "event", "seal", "key", "actor", "root", "fingerprint"])
def test_a_receipt_with_a_member_twice_is_not_proven(tmp_path: Path, name: str) -> None:
    text = json.dumps(receipt())
    told = judged(tmp_path, text.replace(f'"{name}":', f'"{name}": "x", "{name}":', 1))
    assert (told.returncode, "a member is there twice" in told.stdout) == (1, True)


#: What a seal of the right key covers, and no authority of this version writes.
OTHER_VERSIONS: dict[str, Callable[[Any], object]] = {
    "another version of the event": lambda it: it["event"].update(v=2),
    "another version of the seal": lambda it: it["seal"].update(v=2),
    "another type": lambda it: it["seal"].update(type="end"),
    "an event before the seal": lambda it: it["seal"].update(first=it["event"]["id"] + 1),
    "an event after the seal": lambda it: it["seal"].update(last=it["event"]["id"] - 1),
}


@pytest.mark.parametrize("change", OTHER_VERSIONS.values(), ids=OTHER_VERSIONS)
def test_what_no_authority_of_this_version_writes_is_not_proven(
    tmp_path: Path, change: Callable[[Any], object]
) -> None:
    document = receipt()
    change(document)
    assert judged(tmp_path, sealed_again(document)).returncode == 1


def test_a_receipt_that_is_sealed_again_without_a_change_is_valid(tmp_path: Path) -> None:
    assert judged(tmp_path, sealed_again(receipt())).returncode == 3


def test_the_receipt_of_another_certificate_does_not_help(tmp_path: Path) -> None:
    told = judged(tmp_path, receipt(1))
    assert told.returncode == 1
    assert "is not beside it" in told.stdout
    claimed = receipt(1) | {"certificate": receipt(0)["certificate"]}
    told = judged(tmp_path, claimed)
    assert told.returncode == 1
    assert "the event is about something else" in told.stdout


def test_a_receipt_that_somebody_else_has_sealed_is_proven_only_for_their_key(tmp_path: Path) -> None:
    document = sealed_again(receipt())
    assert judged(tmp_path, document).returncode == 3
    assert run(tmp_path, "--key", document["key"]["fingerprint"]).returncode == 0
    assert run(tmp_path, "--key", KEY).returncode == 1


def test_an_event_that_tells_no_fingerprint_is_said_to_name_the_certificate_by_its_serial_number(
    tmp_path: Path,
) -> None:
    document = receipt()
    document["event"]["details"].pop("fingerprint")
    told = judged(tmp_path, sealed_again(document))
    assert told.returncode == 3
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


def test_it_agrees_with_wycheproof_and_with_the_verification_of_the_audit_log() -> None:
    is_signed, found = verifier()["is_signed"], vectors()
    assert len(found) > 450
    for each in found:
        ours = is_signed(each.message, each.signature, each.key)
        try:
            read_key(each.key).verify(each.signature, each.message, ec.ECDSA(hashes.SHA256()))
            theirs = True
        except InvalidSignature:
            theirs = False
        assert (each.number, ours, theirs) == (each.number, each.is_valid, each.is_valid)


@pytest.mark.parametrize("serial_number", [1, 2**159 - 1, 2**127, 2**128 - 1])
def test_it_reads_a_serial_number_as_it_is_written(serial_number: int) -> None:
    key, name = keys.generate_key("P-256"), x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial_number, NOW, NOW)
    made = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert verifier()["serial_of"](made) == f"{serial_number:040x}"


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
