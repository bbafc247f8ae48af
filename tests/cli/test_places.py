"""The place of an error at the command line: the file or the option as it is typed; JSON has the pointer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ca_service.cli.console import Console
from tests.cli.command_line import CommandLine
from tests.support import requests
from tests.support.requests import THREE_NODES


def place(ca: CommandLine, *arguments: str | Path, data: bytes = b"") -> tuple[str, str]:
    """The place of the first finding of a command for a person, and its pointer for a script."""
    result = ca(*arguments, data=data)
    [line, *_] = [line for line in result.output.splitlines() if line.startswith("  where  ")]
    found = json.loads(ca(*arguments, "--json", data=data).stderr)
    return line.removeprefix("  where  "), found["errors"][0]["pointer"]


@pytest.fixture
def folder(here: Path) -> Path:
    """The CSRs of three nodes."""
    requests.write_three_nodes(here / "csrs")
    return here / "csrs"


@pytest.mark.parametrize(
    ("arguments", "typed", "pointer"),
    [
        (("products", "uccx", "new"), "VERSION", "/version"),
        (("products", "pbx"), "PRODUCT", "/product"),
        (("matrix", "--tomcat", "dsa-ca"), "--tomcat", "/tomcat"),
        (("matrix", "--tomcat-ecdsa", "dsa-ca"), "--tomcat-ecdsa", "/tomcat-ecdsa"),
        (("list", "colour:red"), "WORD", "/q"),
        (("probe", "http://x/"), "HOST", "/hosts"),
        (("node", "lines", "http://x/"), "HOST", "/hosts"),
        (("node", "lines", "x.example.com", "--product", "uccx", "--version-of", "new"), "--version-of", "/version"),
        (("revoke", "zz", "--reason", "whim", "--dry-run"), "--reason", "/reason"),
        (("audit", "list", "--event", "nonsense"), "--event", "/event"),
        (
            ("cluster", "create", "Lab", "--node", "a.example.com", "pbx", "1", "x"),
            "--node (1), product",
            "/nodes/0/product",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_field_is_named_as_it_is_typed(ca: CommandLine, arguments: tuple[str, ...], typed: str, pointer: str) -> None:
    assert place(ca, *arguments) == (typed, pointer)


def test_a_csr_is_named_by_its_file_and_an_option_of_it_by_its_name(ca: CommandLine, folder: Path) -> None:
    bad = folder / "zz.csr"
    bad.write_bytes(b"hello")
    assert place(ca, "sign", folder) == (str(bad), "/csr/3")
    good = folder / "uccx1-tomcat-ECDSA.csr"
    assert place(ca, "sign", good, "--days", "9999") == (f"{good}, --days", "/csr/0/validity_days")


def test_the_version_of_the_product_is_an_option(ca: CommandLine, folder: Path) -> None:
    good = folder / "uccx1-tomcat-ECDSA.csr"
    assert place(ca, "sign", good, "--product", "uccx", "--version-of", "new") == ("--version-of", "/version")


def test_a_damaged_zip_among_others_is_named(ca: CommandLine, folder: Path) -> None:
    damaged = folder / "damaged.zip"
    damaged.write_bytes(b"PK\x03\x04 and nothing more")
    assert place(ca, "sign", folder / "uccx1-tomcat-ECDSA.csr", damaged) == (str(damaged), "/csr")


def test_the_files_of_fit_are_named(ca: CommandLine, folder: Path, here: Path) -> None:
    good = folder / "uccx1-tomcat-ECDSA.csr"
    assert ca("sign", good, "--format", "pem", "--out", "signed.pem").exit_code == 0
    (here / "issuer.pem").write_bytes(b"hello")
    assert place(ca, "fit", "--cert", "signed.pem", "--chain", "signed.pem", "--chain", "issuer.pem")[0] == "issuer.pem"
    assert place(ca, "fit", "--csr", "issuer.pem", "--cert", "signed.pem") == ("issuer.pem", "/csr")
    assert place(ca, "fit", "--cert", "-", data=b"hello") == ("standard input", "/certificate")


def test_a_csr_in_a_slot_is_named_by_its_node(ca: CommandLine, here: Path) -> None:
    (here / "uccx1.csr").write_bytes(THREE_NODES[0].data)
    node = ("--node", "uccx1.example.com", "uccx", "11.5", "publisher")
    ca.answer("cluster", "create", "Lab", *node)
    ca.answer("cluster", "add", "Lab", "uccx1.csr")
    where, pointer = place(ca, "cluster", "sign", "Lab", "--days", "9999")
    assert (where, pointer) == ("uccx1.example.com tomcat-ECDSA, --days", "/csr/0/validity_days")


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [("/csr/1", "CSR 2"), ("/csr/1/public_key", "CSR 2, public_key"), ("/subject/2", "subject/2"), ("", "")],
)
def test_a_place_that_has_no_name_is_told_in_words_or_left(pointer: str, shown: str) -> None:
    assert Console(())._where(pointer) == shown
