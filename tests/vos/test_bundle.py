"""The bundle: numbered files in the order of upload, steps, checksums; the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ca_service.pki import encodings, keys, profiles
from ca_service.vos.bundle import Bundle, BundleFile, Delivery, bundle_of, node_bundle
from ca_service.vos.file_names import safe_name
from ca_service.vos.purposes import TOMCAT_ECDSA, Purpose
from tests.support import certificates
from tests.support.certificates import common_name
from tests.support.external_roots import Certified, certify, ec_root
from tests.support.programs import Tool, find, judged
from tests.support.requests import SOCIALMINER, THREE_NODES, Request

WINDOWS_FORBIDS = set('<>:"/\\|?*')


@cache
def delivery(request: Request = THREE_NODES[0], *, purpose: Purpose | None = TOMCAT_ECDSA) -> Delivery:
    """The certificate for a request under a root and an intermediate."""
    authority = certificates.intermediate("P-256", "P-256")
    leaf = authority.issue(certificates.requested(request.data))
    return Delivery(f"{request.name}.example.com", leaf, authority.chain, purpose)


def named(*names: str, host: str | None = None, purpose: Purpose | None = TOMCAT_ECDSA) -> Delivery:
    """The certificate of a host with these names."""
    authority = certificates.intermediate("P-256", "P-256")
    contents = certificates.contents(
        profiles.SERVER, common_name("node"), keys.generate_key("P-256").public_key(), *names
    )
    return Delivery(host if host is not None else names[0], authority.issue(contents), authority.chain, purpose)


def unzipped(bundle: Bundle, folder: Path) -> Path:
    """The folder into which the ZIP was unpacked by the system's own program."""
    (folder / "bundle.zip").write_bytes(bundle.to_zip())
    judged("unzip -q bundle.zip -d unpacked", folder)
    return folder / "unpacked"


def paths(bundle: Bundle) -> list[str]:
    """The files of the ZIP, in their order."""
    return zipfile.ZipFile(io.BytesIO(bundle.to_zip())).namelist()


def run(folder: Path, program: str, *arguments: str) -> str:
    """Return what a program prints in this folder."""
    return Tool(find(program), folder)(*arguments)


# One leaf


def test_the_bundle_of_one_node_has_these_files() -> None:
    bundle = node_bundle(delivery())
    assert bundle.name == "uccx1.example.com-tomcat-ECDSA.zip"
    assert paths(bundle) == [
        "1-root.tomcat-trust.pem",
        "2-intermediate.tomcat-trust.pem",
        "3-uccx1.example.com.tomcat-ECDSA.pem",
        "der/1-root.tomcat-trust.der",
        "der/2-intermediate.tomcat-trust.der",
        "der/3-uccx1.example.com.tomcat-ECDSA.der",
        "chain.p7b",
        "UPLOAD.txt",
        "UPLOAD.html",
        "SHA256SUMS",
    ]


def test_the_uploads_are_in_order_with_their_purpose() -> None:
    given = delivery()
    uploads = node_bundle(given).uploads
    assert [file.purpose for file in uploads] == ["tomcat-trust", "tomcat-trust", "tomcat-ECDSA"]
    assert [x509.load_pem_x509_certificate(file.data) for file in uploads] == [*given.authorities[::-1], given.leaf]


def test_a_longer_chain_has_more_numbers() -> None:
    middle_key = keys.generate_key("P-256")
    middle = Certified(middle_key, certify(ec_root(), common_name("Middle"), middle_key.public_key(), path_length=1))
    lowest = certify(middle, common_name("Lowest"), keys.generate_key("P-256").public_key())
    given = replace(delivery(), authorities=(lowest, middle.certificate, ec_root().certificate))
    assert [file.path for file in node_bundle(given).uploads] == [
        "1-root.tomcat-trust.pem",
        "2-intermediate.tomcat-trust.pem",
        "3-intermediate.tomcat-trust.pem",
        "4-uccx1.example.com.tomcat-ECDSA.pem",
    ]


def test_every_pem_file_is_one_certificate_with_lf_and_one_final_newline() -> None:
    for file in node_bundle(delivery()).uploads:
        assert file.data.startswith(b"-----BEGIN CERTIFICATE-----\n")
        assert file.data.endswith(b"\n-----END CERTIFICATE-----\n")
        assert file.data.count(b"BEGIN") == 1
        assert b"\r" not in file.data
        assert b"\n\n" not in file.data


def test_the_der_copies_are_the_same_certificates() -> None:
    bundle = node_bundle(delivery())
    copies = {file.path: file.data for file in bundle.extras if file.path.startswith("der/")}
    for file in bundle.uploads:
        certificate = x509.load_der_x509_certificate(copies[f"der/{file.path.removesuffix('.pem')}.der"])
        assert encodings.pem(certificate) == file.data


def test_the_p7b_holds_the_whole_chain() -> None:
    given = delivery()
    (file,) = (file for file in node_bundle(given).extras if file.path == "chain.p7b")
    assert set(pkcs7.load_pem_pkcs7_certificates(file.data)) == {given.leaf, *given.authorities}


def test_the_bundle_of_a_plain_server_has_a_full_chain_and_no_purposes() -> None:
    given = delivery(purpose=None)
    bundle = node_bundle(given)
    assert bundle.name == "uccx1.example.com-server.zip"
    assert [file.path for file in bundle.uploads] == ["1-root.pem", "2-intermediate.pem", "3-uccx1.example.com.pem"]
    assert {file.purpose for file in (*bundle.uploads, *bundle.extras)} == {""}
    (chain,) = (file for file in bundle.extras if file.path == "fullchain.pem")
    assert x509.load_pem_x509_certificates(chain.data) == [given.leaf, given.authorities[0]]


# The ZIP


@pytest.mark.parametrize("count", [1, 3])
def test_the_same_certificates_give_the_same_bytes(count: int) -> None:
    deliveries = [delivery(request) for request in THREE_NODES[:count]]
    again = [
        Delivery(
            each.host,
            x509.load_der_x509_certificate(each.leaf.public_bytes(Encoding.DER)),
            tuple(x509.load_der_x509_certificate(found.public_bytes(Encoding.DER)) for found in each.authorities),
            each.purpose,
        )
        for each in deliveries
    ]
    assert bundle_of(deliveries).to_zip() == bundle_of(again).to_zip()


def test_no_clock_and_no_system_leaves_a_trace_in_the_zip() -> None:
    entries = zipfile.ZipFile(io.BytesIO(node_bundle(delivery()).to_zip())).infolist()
    traces = {(entry.date_time, entry.create_system, entry.compress_type, entry.external_attr) for entry in entries}
    assert traces == {((1980, 1, 1, 0, 0, 0), 3, zipfile.ZIP_STORED, 0o644 << 16)}


@pytest.mark.parametrize("count", [1, 3])
def test_the_checksums_are_right_for_every_file(tmp_path: Path, count: int) -> None:
    folder = unzipped(bundle_of([delivery(request) for request in THREE_NODES[:count]]), tmp_path)
    checked = run(folder, "sha256sum", "--strict", "-c", "SHA256SUMS").splitlines()
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {line.removesuffix(": OK") for line in checked} == files - {"SHA256SUMS"}


@pytest.mark.parametrize("count", [1, 3])
def test_openssl_verifies_the_unpacked_files_without_any_other(tmp_path: Path, count: int) -> None:
    folder = unzipped(bundle_of([delivery(request) for request in THREE_NODES[:count]]), tmp_path)
    leaves = [path for path in folder.rglob("3-*.tomcat-ECDSA.pem")]
    assert len(leaves) == count
    for leaf in leaves:
        said = run(
            folder,
            *("openssl", "verify", "-x509_strict", "-no-CApath", "-CAfile", "1-root.tomcat-trust.pem"),
            *("-untrusted", "2-intermediate.tomcat-trust.pem", str(leaf)),
        )
        assert said == f"{leaf}: OK\n"


def test_every_file_can_be_read_by_its_owner_and_is_no_program(tmp_path: Path) -> None:
    folder = unzipped(node_bundle(delivery()), tmp_path)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()} <= {0o644, 0o600, 0o640}


def test_the_zip_is_free_of_faults() -> None:
    archive = zipfile.ZipFile(io.BytesIO(bundle_of([delivery(request) for request in THREE_NODES]).to_zip()))
    assert archive.testzip() is None
    assert len(set(archive.namelist())) == len(archive.namelist())


# Several leaves


def test_several_nodes_have_a_folder_each_and_share_the_trust_files() -> None:
    bundle = bundle_of([delivery(request) for request in THREE_NODES])
    assert bundle.name == "3-certificates.zip"
    assert [file.path for file in bundle.uploads] == [
        "1-root.tomcat-trust.pem",
        "2-intermediate.tomcat-trust.pem",
        "uccx1.example.com/3-uccx1.example.com.tomcat-ECDSA.pem",
        "uccx2.example.com/3-uccx2.example.com.tomcat-ECDSA.pem",
        "sm1.example.com/3-sm1.example.com.tomcat-ECDSA.pem",
    ]
    assert [path for path in paths(bundle) if path.startswith("sm1")] == [
        "sm1.example.com/3-sm1.example.com.tomcat-ECDSA.pem",
        "sm1.example.com/der/3-sm1.example.com.tomcat-ECDSA.der",
        "sm1.example.com/chain.p7b",
        "sm1.example.com/UPLOAD.txt",
        "sm1.example.com/UPLOAD.html",
    ]


def test_the_steps_of_a_shared_bundle_say_where_the_trust_files_are(tmp_path: Path) -> None:
    folder = unzipped(bundle_of([delivery(request) for request in THREE_NODES]), tmp_path)
    text = (folder / "sm1.example.com" / "UPLOAD.txt").read_text()
    for name in (
        "../1-root.tomcat-trust.pem",
        "../2-intermediate.tomcat-trust.pem",
        "3-sm1.example.com.tomcat-ECDSA.pem",
    ):
        assert f"Upload {name}" in text
        assert (folder / "sm1.example.com" / name).is_file()


def test_leaves_of_different_authorities_have_a_complete_folder_each() -> None:
    other = replace(delivery(SOCIALMINER), authorities=(*delivery().authorities[:1], ec_root().certificate))
    bundle = bundle_of([delivery(), other])
    assert [file.path for file in bundle.uploads] == [
        "uccx1.example.com/1-root.tomcat-trust.pem",
        "uccx1.example.com/2-intermediate.tomcat-trust.pem",
        "uccx1.example.com/3-uccx1.example.com.tomcat-ECDSA.pem",
        "sm1.example.com/1-root.tomcat-trust.pem",
        "sm1.example.com/2-intermediate.tomcat-trust.pem",
        "sm1.example.com/3-sm1.example.com.tomcat-ECDSA.pem",
    ]


def test_a_node_and_a_plain_server_have_a_complete_folder_each() -> None:
    bundle = bundle_of([delivery(), delivery(SOCIALMINER, purpose=None)])
    assert "uccx1.example.com/1-root.tomcat-trust.pem" in paths(bundle)
    assert "sm1.example.com/1-root.pem" in paths(bundle)


def test_two_leaves_of_one_host_have_folders_that_differ_by_serial_number() -> None:
    first, second = named("a.example.com"), named("a.example.com")
    folders = {file.path.partition("/")[0] for file in bundle_of([first, second, named("b.example.com")]).uploads[2:]}
    expected = {f"a.example.com-{each.serial_number[-8:]}" for each in (first, second)}
    assert folders == expected | {"b.example.com"}


def test_one_leaf_alone_has_the_bundle_of_its_node() -> None:
    assert bundle_of([delivery()]) == node_bundle(delivery())


# Names


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("uccx1.example.com", "uccx1.example.com"),
        ("UCCX1.Example.COM", "uccx1.example.com"),
        ("*.example.com", "wildcard.example.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001-db8-1"),
        ("bücher.example", "b-cher.example"),
        ("漢字", "host"),
        ("", "host"),
        ("...", "host"),
        ("con", "host-con"),
        ("CON.example.com", "host-con.example.com"),
        ("lpt1", "host-lpt1"),
        ("com10.example.com", "com10.example.com"),
        ("console.example.com", "console.example.com"),
        ("../../etc/passwd", "etc-passwd"),
        ("a\\b:c|d", "a-b-c-d"),
        ("trailing. ", "trailing"),
        ("-rf", "rf"),
        ("a\nb\x00c", "a-b-c"),
    ],
)
def test_a_host_becomes_a_name_that_every_system_takes(host: str, name: str) -> None:
    assert safe_name(host) == name


@pytest.mark.parametrize(
    "host",
    ["x" * 253, ".".join(["x" * 60] * 4), "ä" * 300, "x" * 63 + ".." + "x", "con." + "x" * 300],
)
def test_a_very_long_host_is_cut_and_still_safe(host: str) -> None:
    name = safe_name(host)
    assert 0 < len(name) <= 70
    assert name.isascii()
    assert not name.endswith((".", "-", " "))
    assert not set(name) & WINDOWS_FORBIDS


def test_no_path_of_a_bundle_troubles_any_system() -> None:
    hosts = ["x" * 63 + ".example.com", "con.example.com", "*.example.com", "2001:db8::1", "bücher"]
    deliveries = [named("a.example.com", host=host) for host in hosts]
    for path in paths(bundle_of(deliveries)):
        assert path.isascii()
        assert len(path) <= 180
        for part in path.split("/"):
            assert not set(part) & WINDOWS_FORBIDS
            assert " " not in part
            assert not part.endswith(".")
            assert part.partition(".")[0].lower() not in {"con", "prn", "aux", "nul"}


def test_a_bundle_file_of_a_server_has_no_purpose() -> None:
    assert BundleFile("x", b"").purpose == ""


def test_a_host_that_is_called_like_a_file_beside_the_folders_has_a_folder_of_its_own() -> None:
    found = paths(bundle_of([named("1-root.tomcat-trust.pem"), named("der"), named("uccx1.example.com")]))
    folders = {path.partition("/")[0] for path in found if "/" in path}
    assert folders == {"der", "node-1-root.tomcat-trust.pem", "node-der", "uccx1.example.com"}
