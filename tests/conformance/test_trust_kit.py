"""The files of the trust kit, judged by the programs that read them, with the very commands of the steps."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

from ca_service.pki import encodings
from ca_service.vos import trust_kit
from ca_service.vos.trust_kit import TrustKit
from tests.support import certificates
from tests.support.programs import Tool, find, judged

SCHEMA = Path(__file__).parents[1] / "vectors/firefox-policies.json"
NAME = "example-lab-ec-root-ca-g1"
NOW = int(certificates.NOW.timestamp()) + 3600


@pytest.fixture
def kit() -> TrustKit:
    """The kit of a lab."""
    return TrustKit(certificates.intermediate().chain)


@pytest.fixture
def folder(tmp_path: Path, kit: TrustKit) -> Path:
    """The folder of an administrator, with all files of the kit."""
    folder = tmp_path / "kit"
    folder.mkdir()
    for file in kit.files:
        (folder / file.name).write_bytes(file.data)
    (folder / "intermediate.der").write_bytes(encodings.der(certificates.intermediate().certificate))
    (folder / "leaf.der").write_bytes(encodings.der(certificates.leaf()))
    return folder


def commands(kit: TrustKit, id: str, title: str, kind: str = "install") -> str:
    """The commands of one way, as a person who has the files copies them."""
    system = trust_kit.find_system(id)
    assert system
    sections = {"install": trust_kit.install_steps, "undo": trust_kit.undo_steps}[kind](system, kit.places())
    [section] = [section for section in sections if section.title == title]
    return "\n".join(line for step in section.steps for line in step.terminal)


def run(script: str, folder: Path) -> str:
    """Run the commands in this folder, as the account to which it belongs; what they print."""
    environ = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(
        ["bash", "-euc", script.replace("sudo ", "")],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# NSS: Chrome on Linux, and every other application with a database


def test_nss_trusts_the_root_after_the_steps_for_chrome_and_forgets_it_after_undo(kit: TrustKit, folder: Path) -> None:
    certutil, vfychain = (Tool(find(name), folder) for name in ("certutil", "vfychain"))
    database = ("-d", f"sql:{folder / '.pki/nssdb'}")
    at = ("-b", f"{certificates.NOW:%y%m%d%H%M}Z", "-u", "1", "leaf.der", "intermediate.der")

    printed = run(commands(kit, "chrome", "On Linux"), folder)
    assert encodings.fingerprint_text(kit.root) in printed
    assert [NAME, "C,,"] in [line.split() for line in certutil("-L", *database).splitlines()]
    assert "Chain is good!" in vfychain(*database, *at)

    run(commands(kit, "chrome", "On Linux", "undo"), folder)
    assert NAME not in certutil("-L", *database)
    assert vfychain.run(*database, *at)[0] != 0


def test_nss_trusts_the_root_in_every_database_of_the_account(kit: TrustKit, folder: Path) -> None:
    certutil = Tool(find("certutil"), folder)
    databases = [folder / ".pki/nssdb", folder / ".mozilla/firefox/x1.default esr"]
    for database in databases:
        database.mkdir(parents=True)
        certutil("-N", "-d", f"sql:{database}", "--empty-password")
    title = "In every NSS database of your account"

    run(commands(kit, "nss", title), folder)
    assert all(f"{NAME} " in certutil("-L", "-d", f"sql:{database}") for database in databases)

    run(commands(kit, "nss", title, "undo"), folder)
    assert not any(NAME in certutil("-L", "-d", f"sql:{database}") for database in databases)


# Debian and Ubuntu


def test_debian_trusts_the_root_after_the_steps_and_forgets_it_after_undo(kit: TrustKit, folder: Path) -> None:
    local, etc, shipped = (folder / name for name in ("local", "etc", "shipped"))
    for each in (local, etc, shipped):
        each.mkdir()
    (folder / "ca-certificates.conf").write_text("other.crt\n")
    other = encodings.pem(certificates.root(name="A root of the distribution").certificate)
    (shipped / "other.crt").write_bytes(other)
    update = (
        f"{find('update-ca-certificates')} --certsconf {folder}/ca-certificates.conf --certsdir {shipped} "
        f"--localcertsdir {local} --etccertsdir {etc} --hooksdir {shipped}"
    )

    def steps(kind: str) -> str:
        script = commands(kit, "debian", "In a terminal", kind)
        return script.replace("/usr/local/share/ca-certificates", str(local)).replace("update-ca-certificates", update)

    verify = Tool(find("openssl"), folder)
    (folder / "leaf.pem").write_bytes(encodings.pem(certificates.leaf()))
    (folder / "intermediate.pem").write_bytes(encodings.pem(certificates.intermediate().certificate))
    check = ("verify", "-attime", str(NOW), "-CApath", etc, "-untrusted", "intermediate.pem", "leaf.pem")

    run(steps("install"), folder)
    assert verify(*check) == "leaf.pem: OK\n"
    assert (etc / "ca-certificates.crt").read_bytes() == other + encodings.pem(kit.root)

    run(steps("undo"), folder)
    assert verify.run(*check)[0] != 0
    assert (etc / "ca-certificates.crt").read_bytes() == other


# Java


def test_java_trusts_the_root_after_the_steps_and_forgets_it_after_undo(kit: TrustKit, folder: Path) -> None:
    keytool = Tool(find("keytool"), folder)
    store = ("-keystore", "cacerts", "-storepass", "changeit")

    def steps(title: str, kind: str) -> str:
        return commands(kit, "java", title, kind).replace("-cacerts", "-keystore cacerts")

    printed = run(steps("For all applications of a Java installation", "install"), folder)
    assert encodings.fingerprint_text(kit.root) in printed
    assert f"{NAME}, " in keytool("-list", *store)
    assert "trustedCertEntry" in keytool("-list", *store)

    run(steps("For all applications", "undo"), folder)
    assert NAME not in keytool("-list", *store)


# Windows, Cisco nodes, Red Hat, Android: the certificate in the form that they read


@pytest.mark.parametrize(("ending", "form"), [("cer", "der"), ("crt", "pem"), ("pem", "pem")])
def test_openssl_reads_the_root_in_each_form(kit: TrustKit, folder: Path, ending: str, form: str) -> None:
    printed = judged(f"openssl x509 -in {NAME}.{ending} -inform {form} -noout -fingerprint -sha256", folder)
    assert printed.strip().endswith(encodings.fingerprint_text(kit.root))


# Firefox


def test_the_policies_keep_to_the_schema_of_firefox(folder: Path) -> None:
    policies = json.loads((folder / f"{NAME}-policies.json").read_bytes())
    jsonschema.validate(policies, json.loads(SCHEMA.read_text("utf-8")))
    assert policies["policies"]["Certificates"]["Install"] == [f"{NAME}.crt"]


def test_the_files_for_firefox_are_placed_where_it_looks(kit: TrustKit, folder: Path) -> None:
    script = commands(kit, "firefox", "On many PCs, with policies.json")
    linux = "\n".join(line for line in script.splitlines() if line.startswith("sudo "))
    run(linux.replace(" /", f" {folder}/"), folder)

    installed = json.loads((folder / "etc/firefox/policies/policies.json").read_bytes())
    [name] = installed["policies"]["Certificates"]["Install"]
    assert (folder / "usr/lib/mozilla/certificates" / name).read_bytes() == encodings.pem(kit.root)


# Apple


def test_a_plist_parser_finds_the_root_in_the_profile(kit: TrustKit, folder: Path) -> None:
    profile = plistlib.loads((folder / f"{NAME}.mobileconfig").read_bytes(), fmt=plistlib.FMT_XML)
    [payload] = profile["PayloadContent"]

    assert (profile["PayloadType"], payload["PayloadType"]) == ("Configuration", "com.apple.security.root")
    assert payload["PayloadContent"] == encodings.der(kit.root)
    assert profile["PayloadDisplayName"] == payload["PayloadDisplayName"] == "Example Lab EC Root CA G1"
    assert payload["PayloadCertificateFileName"] == f"{NAME}.cer"


# The ZIP


def test_unzip_and_sha256sum_find_the_zip_whole(kit: TrustKit, folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / kit.name).write_bytes(kit.to_zip())
    judged(f"unzip {kit.name}", folder)
    assert judged(f"sha256sum -c {NAME}-SHA256SUMS", folder).count(": OK") == len(kit.files) - 1
