"""`ca rollover` and `ca request --next`: the intermediate that follows, judged by openssl."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.authorities import OpenSSL, certify, make_root
from tests.cli.command_line import CommandLine, Keyboard
from tests.support.requests import UCCX_PUBLISHER

_ROLLOVER = ("ca", "rollover", "--confirm", "intermediate-g2")
_SIGN = ("--format", "pem", "--force", "--out")
_FILE = ("--passphrase-file", "passphrase")


def test_what_both_intermediates_issued_verifies_below_the_one_root(
    ca: CommandLine, csr: Path, openssl: OpenSSL
) -> None:
    assert ca("ca", "export", "--only", "root", "--out", "root.pem").exit_code == 0
    assert ca("sign", csr, *_SIGN, "before.pem").exit_code == 0
    result = ca(*_ROLLOVER)
    assert result.stdout == ("Created: intermediate-g2. It signs from now on, and intermediate-g1 no more.\n")
    assert "Next: sign new CSRs" in result.stderr
    assert ca("sign", csr, *_SIGN, "after.pem").exit_code == 0
    for file, generation in (("before.pem", "G1"), ("after.pem", "G2")):
        assert f"{file}: OK" in openssl("verify", "-CAfile", "root.pem", "-untrusted", file, file)
        assert f"Intermediate CA {generation}" in openssl("x509", "-in", file, "-noout", "-issuer")


def test_the_answer_names_both(ca: CommandLine) -> None:
    answer = ca.answer(*_ROLLOVER, "--name", "Voice", "--curve", "P-256", "--days", "100")
    assert (answer["before"], answer["authority"]["id"]) == ("intermediate-g1", "intermediate-g2")
    assert answer["authority"]["certificate"]["key"] == "EC P-256"
    shown = ca.answer("ca", "show")
    assert shown["state"] == "ready"
    assert [(each["id"], each["is_issuing"]) for each in shown["authorities"]] == [
        ("root-g1", False),
        ("intermediate-g1", False),
        ("intermediate-g2", True),
    ]


def test_it_warns_that_the_root_ends_before(ca: CommandLine) -> None:
    result = ca(*_ROLLOVER, "--days", "7300")
    assert "intermediate-g2 expires with root-g1 on " in result.stderr
    answer = ca.answer("ca", "rollover", "--days", "7300", "--confirm", "intermediate-g3")
    assert [each["rule"] for each in answer["findings"]] == ["authority.ends-early"]


def test_it_has_to_be_confirmed(ca: CommandLine) -> None:
    assert ca.rule("ca", "rollover", code=2) == "confirmation.missing"
    assert ca.rule("ca", "rollover", "--confirm", "intermediate-g1", code=2) == "confirmation.missing"
    assert len(ca.answer("ca", "show")["authorities"]) == 2


@pytest.mark.parametrize(
    ("command", "consequence"),
    [
        (("ca", "rollover"), "intermediate-g2 signs the next certificates, and intermediate-g1 none any more."),
        (("crl", "revoke-authority", "intermediate-g1", "--reason", "superseded"), "become invalid on every node"),
    ],
)
def test_without_a_terminal_the_consequences_are_shown_and_scripts_get_the_error_alone(
    ca: CommandLine, command: tuple[str, ...], consequence: str
) -> None:
    result = ca(*command)
    assert (result.exit_code, consequence in result.stderr) == (2, True)
    assert consequence not in ca(*command, "--json").stderr


@pytest.mark.parametrize("wrong", [(), ("--confirm", "intermediate-g1")])
def test_without_a_terminal_the_error_comes_with_the_consequences_that_it_names(
    ca: CommandLine, wrong: tuple[str, ...]
) -> None:
    said = ca("ca", "rollover", *wrong).stderr
    assert said.count("intermediate-g2 signs the next certificates, and intermediate-g1 none any more.") == 1
    assert "Read the consequences" in said


def test_the_help_says_whose_key_certifies_and_which_name_confirms(ca: CommandLine) -> None:
    text = " ".join(ca("ca", "rollover", "--help").stdout.split())
    assert "Private key of the authority above, usually the root" in text
    assert "The next intermediate, such as intermediate-g2." in text


def test_a_terminal_shows_what_changes_and_asks(ca: CommandLine) -> None:
    result = ca("ca", "rollover", data=Keyboard(b"intermediate-g2\n"))
    assert result.exit_code == 0
    assert "its board and its bundle have this upload then" in result.stderr
    assert result.stderr.count("intermediate-g2 signs the next certificates, and intermediate-g1 none any more.") == 1


def test_after_a_revocation_show_names_it_and_it_mends_the_state(ca: CommandLine, csr: Path) -> None:
    ca("crl", "revoke-authority", "intermediate-g1", "--reason", "cACompromise", "--confirm", "intermediate-g1")
    assert "ca-service ca rollover" in ca("ca", "show").stdout
    assert "ca-service ca rollover" in ca("sign", csr).stderr
    assert ca(*_ROLLOVER).exit_code == 0
    assert ca("ca", "show").exit_code == 0
    assert ca("sign", csr).exit_code == 0


def test_a_revocation_says_what_comes_next(ca: CommandLine, csr: Path) -> None:
    revoke = (
        "crl",
        "revoke-authority",
        "intermediate-g{0}",
        "--reason",
        "superseded",
        "--confirm",
        "intermediate-g{0}",
    )
    ca("sign", csr)
    ca(*_ROLLOVER)
    before = ca(*(word.format(1) for word in revoke)).stderr
    which = "sign new CSRs of the nodes that have its certificates:"
    listing = f"{which} ca-service list 'issuer=intermediate-g{{}} status:active'"
    assert f"Next: {listing.format(1)}" in before
    assert "rollover" not in before
    assert "uccx1.example.com" in ca("list", "issuer=intermediate-g1 status:active").stdout
    after = ca(*(word.format(2) for word in revoke)).stderr
    assert "Next: create the next intermediate, which signs instead: ca-service ca rollover" in after
    assert f"Then {listing.format(2)}" in after


def test_show_says_which_intermediate_is_revoked_also_after_the_rollover(ca: CommandLine) -> None:
    ca("crl", "revoke-authority", "intermediate-g1", "--reason", "cACompromise", "--confirm", "intermediate-g1")
    assert "intermediate-g1: Example Lab (revoked or on hold)" in ca("ca", "show").stdout
    ca(*_ROLLOVER)
    text = ca("ca", "show").stdout
    assert "intermediate-g1: Example Lab (revoked or on hold)" in text
    assert "intermediate-g2: Example Lab (issues)" in text
    shown = ca.answer("ca", "show")
    assert [each["is_revoked"] for each in shown["authorities"]] == [False, True, False]


def test_after_the_rollover_nothing_asks_for_another_one(ca: CommandLine) -> None:
    serial = ca.answer("sign", "-", data=UCCX_PUBLISHER.data)["certificates"][0]["serial_number"]
    ca(*_ROLLOVER)
    revoke = ("crl", "revoke-authority", "intermediate-g1", "--reason", "cACompromise")
    condition = "if there is none yet, create it"
    assert condition in ca(*revoke, data=Keyboard(b"intermediate-g1\n")).stderr
    assert condition in ca("show", serial, "--format", "zip").stderr


def test_a_cluster_below_a_revoked_intermediate_says_what_comes_next(ca: CommandLine, csr: Path) -> None:
    ca("cluster", "create", "Lab", "--node", "uccx1.example.com", "uccx", "11.5", "publisher")
    ca("cluster", "sign", "Lab", csr)
    assert "Generate a new CSR" not in ca("cluster", "show", "Lab").stdout
    ca("crl", "revoke-authority", "intermediate-g1", "--reason", "cACompromise", "--confirm", "intermediate-g1")
    text = ca("cluster", "show", "Lab").stdout
    assert "Next for uccx1.example.com: The certificate, or the authority above it, is revoked or on hold." in text
    assert "Generate a new CSR" in text
    assert "ca-service cluster add 1 FILE" in text


def test_a_second_authority_is_refused_with_both_ways_to_the_next_intermediate(ca: CommandLine) -> None:
    fix = ca("ca", "request").stderr
    assert "`ca-service ca rollover`" in fix
    assert "`ca-service ca request --next`" in fix


def test_an_offline_root_certifies_with_its_copy(ca: CommandLine, here: Path, csr: Path) -> None:
    (here / "passphrase").write_text("correct horse battery\n")
    ca("ca", "root-key", "export", "--out", "root.key", *_FILE)
    ca("ca", "root-key", "remove", "root.key", *_FILE)
    assert ca.rule(*_ROLLOVER, code=4) == "authority.key-above-offline"
    assert ca(*_ROLLOVER, "--key", "root.key", *_FILE).exit_code == 0
    assert ca("sign", csr).exit_code == 0
    assert ca.answer("ca", "show")["authorities"][0]["has_key"] is False


def test_with_an_offline_root_it_asks_for_the_crl_to_which_the_next_intermediate_points(
    new_ca: CommandLine, here: Path
) -> None:
    new_ca = CommandLine(new_ca.folder, {"CA_SERVICE_WEB__BASE_URL": "http://ca.example.com"})
    (here / "passphrase").write_text("correct horse battery\n")
    new_ca("init")
    new_ca("ca", "root-key", "export", "--out", "root.key", *_FILE)
    assert "crl.not-signed" in new_ca("ca", "root-key", "remove", "root.key", *_FILE).stderr
    result = new_ca(*_ROLLOVER, "--key", "root.key", *_FILE)
    assert "http://ca.example.com/ca/root-g1.crl" in result.stderr
    assert "ca-service crl sign-root --key FILE" in result.stderr
    new_ca("crl", "sign-root", "--key", "root.key", *_FILE)
    assert "crl.not-signed" not in new_ca("crl", "publish").stderr


def test_an_external_root_certifies_the_next_while_the_one_before_signs(
    new_ca: CommandLine, csr: Path, openssl: OpenSSL
) -> None:
    make_root(openssl)
    new_ca("ca", "request", "--name", "Example Lab", "--out", "first.csr")
    certify(openssl, "first.csr", "first.pem")
    assert "from now on" not in new_ca("ca", "install", "first.pem", "root.pem").stderr
    assert new_ca("ca", "request", "--next", "--out", "next.csr").exit_code == 0
    shown = new_ca("ca", "show")
    assert shown.exit_code == 0
    assert "intermediate-g2: Example Lab (waits for its certificate)" in shown.stdout
    assert new_ca("sign", csr).exit_code == 0
    certify(openssl, "next.csr", "next.pem")
    installed = new_ca("ca", "install", "next.pem", "root.pem")
    assert installed.stdout == "Installed intermediate: Example Lab EC Intermediate CA G2\n"
    assert "intermediate-g2 signs from now on, and intermediate-g1 no more." in installed.stderr
    assert new_ca("sign", csr, *_SIGN, "chain.pem").exit_code == 0
    assert "chain.pem: OK" in openssl("verify", "-CAfile", "root.pem", "-untrusted", "chain.pem", "chain.pem")


def test_the_csr_of_one_that_waits_is_written_again_and_not_with_another_name(new_ca: CommandLine) -> None:
    elsewhere = CommandLine(new_ca.folder, {"CA_SERVICE_AUTHORITY__NAME": "Example Lab"})
    elsewhere("ca", "request", "--name", "Voice", "--curve", "P-256", "--out", "first.csr")
    assert elsewhere("ca", "request", "--out", "again.csr").exit_code == 0
    assert elsewhere.rule("ca", "request", "--name", "Other", "--out", "x.csr", code=1) == "authority.requested"


@pytest.mark.parametrize("command", [("request", "--next"), ("rollover", "--confirm", "intermediate-g2")])
def test_the_next_intermediate_needs_one_before_it(new_ca: CommandLine, command: tuple[str, ...]) -> None:
    new_ca("db", "upgrade")
    assert new_ca.rule("ca", *command, code=1) == "authority.missing"
