"""`crl`: lists, the root that is offline, and the end of an intermediate; openssl judges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ca_service.authority.revocation.records import Selection
from ca_service.pki.reasons import Reason
from tests.cli.authorities import make_intermediate, make_root
from tests.cli.command_line import CommandLine, Keyboard, tamper
from tests.support.factories import OPERATOR

OpenSSL = Callable[..., str]
PASSPHRASE = "a passphrase of 20 characters"


def revoke_one(ca: CommandLine, csr: Path) -> str:
    """The serial number of a certificate that is revoked."""
    [answer] = ca.answer("sign", str(csr), "--format", "pem")["certificates"]
    serial = str(answer["serial_number"])
    with ca.opened() as installation:
        installation.revocation.revoke(OPERATOR, Selection((serial,)), Reason.SUPERSEDED)
    return serial


def take_root_offline(ca: CommandLine) -> None:
    """The key of the root is in `root.key`, under the passphrase in `p.txt`, and no longer here."""
    Path("p.txt").write_text(PASSPHRASE)
    options = ("--passphrase-file", "p.txt")
    assert ca("ca", "root-key", "export", "--out", "root.key", *options).exit_code == 0
    assert ca("ca", "root-key", "remove", "root.key", *options).exit_code == 0


def test_a_list_is_written_as_the_service_would_hand_it_out(ca: CommandLine, csr: Path, openssl: OpenSSL) -> None:
    serial = revoke_one(ca, csr)
    answer = ca.answer("crl", "export", "intermediate-g1")
    assert (answer["file"], answer["entries"]) == ("intermediate-g1.crl", 1)
    text = openssl("crl", "-inform", "DER", "-in", answer["file"], "-noout", "-text")
    assert serial.lstrip("0").upper() in text
    assert "Superseded" in text


def test_a_delta_can_be_piped_as_pem(ca: CommandLine) -> None:
    result = ca("crl", "export", "intermediate-g1", "--delta", "--format", "pem", "--out", "-")
    assert result.stdout.startswith("-----BEGIN X509 CRL-----\n")
    assert ca.rule("crl", "export", "root-g1", "--delta", code=1) == "crl.no-delta"


def test_lists_are_shown_as_they_are(ca: CommandLine) -> None:
    assert [each["number"] for each in ca.answer("crl", "show")["lists"]] == [None, None]
    assert "none yet" in ca("crl", "show").stdout
    number = ca.answer("crl", "publish", "intermediate-g1")["number"]
    [root, intermediate] = ca.answer("crl", "show")["lists"]
    assert (root["number"], intermediate["number"], intermediate["entries"]) == (None, number, 0)
    assert f"number   {number}" in ca("crl", "show").stdout


def test_what_is_due_is_published_once(ca: CommandLine) -> None:
    assert [ca.answer("crl", "publish")["published"] for _ in range(2)] == [2, 0]


def test_the_root_signs_its_list_with_its_key_from_a_file(ca: CommandLine, openssl: OpenSSL) -> None:
    take_root_offline(ca)
    assert ca.rule("crl", "export", "root-g1", code=1) == "crl.missing"
    assert ca.rule("crl", "publish", "root-g1", code=4) == "crl.key-offline"
    result = ca("crl", "sign-root", "--key", "root.key", "--passphrase-file", "p.txt")
    assert result.stdout.startswith("Signed and published: root-g1, number ")
    ca("crl", "export", "root-g1", "--format", "pem")
    ca("ca", "export", "--only", "root", "--out", "root.pem")
    assert "verify OK" in openssl("crl", "-in", "root-g1.crl.pem", "-CAfile", "root.pem", "-noout")


def test_the_key_of_somebody_else_signs_no_list(ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    assert ca.rule("crl", "sign-root", "--key", "root.key", code=4) == "crl.key"


def test_a_list_that_openssl_has_signed_is_imported(new_ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    make_intermediate(openssl)
    certificates = ("--certificate", "intermediate.pem", "--certificate", "root.pem")
    assert new_ca("ca", "import", *certificates, "--key", "intermediate.key").exit_code == 0
    list_of_root(openssl, "01")
    answer = new_ca.answer("crl", "import", "outer.crl")
    assert (answer["issuer"], answer["number"], answer["changed"]) == ("root-g1", "1", [])
    assert new_ca.rule("crl", "import", "root.pem", code=2) == "crl.unreadable"
    list_of_root(openssl, "02", revoked="intermediate.pem")
    text = new_ca("crl", "import", "outer.crl").stdout
    assert text == "Published: root-g1, number 2.\nRevocation status changed: intermediate-g1\n"
    list_of_root(openssl, "01")
    assert new_ca.rule("crl", "import", "outer.crl", code=1) == "crl.number"


def list_of_root(openssl: OpenSSL, number: str, revoked: str = "") -> None:
    """`outer.crl`, made by `openssl ca`."""
    Path("index.txt").write_text("")
    Path("crlnumber").write_text(f"{number}\n")
    Path("ca.cnf").write_text(
        "[ca]\ndefault_ca=outer\n[outer]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha384\n"
        "default_crl_days=90\ncrl_extensions=ext\nunique_subject=no\n[ext]\nauthorityKeyIdentifier=keyid:always\n"
    )
    options = ("-config", "ca.cnf", "-keyfile", "root.key", "-cert", "root.pem")
    if revoked:
        openssl("ca", *options, "-revoke", revoked, "-crl_reason", "CACompromise")
    openssl("ca", *options, "-gencrl", "-out", "outer.crl")


# The end of an intermediate

REVOKE = ("crl", "revoke-authority", "intermediate-g1", "--reason", "cACompromise")


def test_an_intermediate_is_not_revoked_unless_it_is_meant(ca: CommandLine, csr: Path) -> None:
    assert ca.rule(*REVOKE, code=2) == "confirmation.missing"
    assert ca.rule(*REVOKE, "--confirm", "intermediate", code=2) == "confirmation.missing"
    assert ca("sign", str(csr)).exit_code == 0


def test_a_revoked_intermediate_issues_no_more(ca: CommandLine, csr: Path, openssl: OpenSSL) -> None:
    result = ca(*REVOKE, "--confirm", "intermediate-g1", "--note", "stolen")
    assert result.stdout.startswith("Revoked: intermediate-g1. It no longer issues.\n")
    assert ca.rule("sign", str(csr), code=4) == "authority.revoked"
    assert ca.rule(*REVOKE, "--confirm", "intermediate-g1", code=1) == "authority.revoked-already"
    ca("crl", "export", "root-g1")
    assert "CA Compromise" in openssl("crl", "-inform", "DER", "-in", "root-g1.crl", "-noout", "-text")


def test_below_an_offline_root_the_list_has_still_to_be_signed(ca: CommandLine) -> None:
    take_root_offline(ca)
    answer = ca.answer(*REVOKE, "--confirm", "intermediate-g1")
    assert [each["rule"] for each in answer["findings"]] == ["authority.will-be-revoked", "authority.list-to-be-signed"]


def warnings(ca: CommandLine) -> list[str]:
    """The rules of what doctor says about the revocation of the authorities."""
    [found] = [each for each in ca.answer("doctor")["checks"] if each["id"] == "authority-revocation"]
    return [each["rule"] for each in found["findings"]]


def test_a_revocation_that_no_list_tells_is_found_until_one_does(ca: CommandLine) -> None:
    ca("crl", "publish")  # the list of the root from before
    take_root_offline(ca)
    assert warnings(ca) == []
    ca(*REVOKE, "--confirm", "intermediate-g1")
    assert warnings(ca) == ["doctor.authority-revoked", "crl.lacks-authority"]
    assert "crl.lacks-authority" in ca("crl", "publish").stderr
    ca("crl", "sign-root", "--key", "root.key", "--passphrase-file", "p.txt")
    assert warnings(ca) == ["doctor.authority-revoked"]
    assert ca("crl", "publish").stderr == ""


def test_it_is_found_also_if_there_is_no_list_at_all(ca: CommandLine) -> None:
    take_root_offline(ca)
    ca(*REVOKE, "--confirm", "intermediate-g1")
    assert warnings(ca) == ["doctor.authority-revoked", "crl.lacks-authority"]


def test_it_is_found_also_if_the_list_cannot_be_read(ca: CommandLine) -> None:
    ca("crl", "publish")
    take_root_offline(ca)
    tamper(ca, "UPDATE crl SET der = x'3000'")
    assert warnings(ca) == []
    ca(*REVOKE, "--confirm", "intermediate-g1")
    assert warnings(ca) == ["doctor.authority-revoked", "crl.lacks-authority"]


def test_below_a_root_with_its_key_the_next_download_lists_it(ca: CommandLine) -> None:
    ca(*REVOKE, "--confirm", "intermediate-g1")
    assert warnings(ca) == ["doctor.authority-revoked"]


def test_init_does_not_say_that_a_revoked_intermediate_issues(ca: CommandLine) -> None:
    assert "(issues)" in ca("init").stdout
    ca(*REVOKE, "--confirm", "intermediate-g1")
    assert "(issues)" not in ca("init").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "rule"),
    [
        (("crl", "revoke-authority", "root-g1", "--reason", "superseded"), 1, "authority.not-revocable"),
        (("crl", "revoke-authority", "intermediate-g1", "--reason", "keyCompromise"), 2, "revocation.reason"),
        (("crl", "export", "nobody"), 1, "crl.issuer"),
        (("crl", "publish", "nobody"), 1, "crl.issuer"),
        (("crl", "import", "nothing.crl"), 2, "file.missing"),
    ],
)
def test_what_cannot_be_is_refused(ca: CommandLine, arguments: tuple[str, ...], code: int, rule: str) -> None:
    assert ca.rule(*arguments, code=code) == rule


def test_at_a_terminal_it_is_asked_for_below_what_it_leads_to(ca: CommandLine) -> None:
    result = ca(*REVOKE, data=Keyboard(b"yes\n"))
    assert result.exit_code == 2
    assert "become invalid on every node" in result.stderr
    assert ca(*REVOKE, data=Keyboard(b"intermediate-g1\n")).exit_code == 0
