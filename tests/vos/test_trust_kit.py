"""The trust kit: its files carry the name of the authority, its steps cover every system, and both are repeatable."""

from __future__ import annotations

import plistlib
import re
import subprocess
import zipfile
from io import BytesIO

import pytest
from cryptography.hazmat.primitives import hashes

from ca_service.pki import encodings
from ca_service.vos import trust_kit
from ca_service.vos.knowledge import sources, table
from ca_service.vos.trust_files import CONTENT_TYPES, TrustFile, stem
from ca_service.vos.trust_kit import System, TrustKit, list_systems
from tests.support import certificates
from tests.support.certificates import Authority

SYSTEMS = pytest.mark.parametrize("system", list_systems(), ids=lambda system: system.id)
URL = "http://ca.example.com/ca/kit/"


def kit_of(*authorities: Authority) -> TrustKit:
    """The kit of this chain, root last."""
    return TrustKit(tuple(each.certificate for each in authorities))


@pytest.fixture(scope="module")
def kit() -> TrustKit:
    """The kit of a lab."""
    return kit_of(certificates.intermediate(), certificates.root())


def named(kit: TrustKit, kind: str) -> TrustFile:
    """The only file of a kind."""
    [file] = [file for file in kit.files if file.kind == kind]
    return file


def commands(system: System, kit: TrustKit) -> list[str]:
    """All commands of a system, on the page and in the text."""
    return [
        line
        for base_url in (URL, "")
        for sections in (trust_kit.install_steps, trust_kit.undo_steps)
        for section in sections(system, kit.places(base_url))
        for step in section.steps
        for line in step.terminal
    ]


# Files


def test_every_file_is_named_after_its_authority(kit: TrustKit) -> None:
    root, intermediate = stem(kit.root), stem(kit.chain[0])

    assert root == "example-lab-ec-root-ca-g1"
    assert kit.name == f"{root}-trust-kit.zip"
    assert all(file.name.startswith((root, intermediate)) for file in kit.files)


def test_the_files_of_two_authorities_have_different_names() -> None:
    one, other = (kit_of(certificates.root(name=name)) for name in ("Lab One Root CA G1", "Lab Two Root CA G1"))

    assert not {file.name for file in one.files} & {file.name for file in other.files}
    assert one.name != other.name


def test_names_without_ascii_letters_are_told_apart_by_their_fingerprints() -> None:
    one, other = (certificates.root(name=name).certificate for name in ("\u041f\u043e\u043b", "\u0421\u043e\u043b"))

    assert stem(one) == f"host-{encodings.fingerprint(one)[:8]}"
    assert stem(one) != stem(other)


def test_the_same_chain_makes_the_same_bytes(kit: TrustKit) -> None:
    again = TrustKit(kit.chain)

    assert [file.data for file in again.files] == [file.data for file in kit.files]
    assert again.to_zip() == kit.to_zip()


def test_the_zip_has_exactly_the_files_of_the_kit(kit: TrustKit) -> None:
    with zipfile.ZipFile(BytesIO(kit.to_zip())) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {f.name: f.data for f in kit.files}


def test_a_file_is_found_by_its_name_the_zip_included(kit: TrustKit) -> None:
    for file in kit.files:
        assert kit.find_file(file.name) == file
    assert kit.find_file(kit.name) == TrustFile("zip", kit.name, kit.to_zip())
    assert kit.find_file("other.cer") is None


def test_every_file_has_a_content_type(kit: TrustKit) -> None:
    assert {file.kind for file in kit.files} | {"zip"} == set(CONTENT_TYPES)


def test_the_uuids_of_the_profile_belong_to_the_certificate(kit: TrustKit) -> None:
    def uuids(kit: TrustKit) -> list[str]:
        profile = plistlib.loads(named(kit, "mobileconfig").data)
        return [profile["PayloadUUID"], profile["PayloadContent"][0]["PayloadUUID"]]

    other = kit_of(certificates.root("P-256"))  # a root of the same name

    assert uuids(kit) == uuids(TrustKit(kit.chain))
    assert len({*uuids(kit), *uuids(other)}) == 4


def test_without_a_good_intermediate_no_file_and_no_step_has_one() -> None:
    kit = kit_of(certificates.root())
    cisco = trust_kit.find_system("cisco")
    assert cisco

    [section] = trust_kit.install_steps(cisco, kit.places(URL))
    assert [file for step in section.steps for file in step.files] == [named(kit, "pem").name]
    assert "Do the same" not in section.steps[-1].title
    assert [file.kind for file in kit.files].count("intermediates") == 0


@pytest.mark.parametrize("id", ["cisco", "expressway"])
def test_nodes_and_expressway_get_the_intermediate_after_the_root(id: str, kit: TrustKit) -> None:
    system = trust_kit.find_system(id)
    assert system

    [way] = trust_kit.install_steps(system, kit.places(URL))
    assert "Do the same with" in way.steps[-1].title
    assert [file for step in way.steps for file in step.files] == [
        file.name for kind in ("pem", "intermediates") for file in kit.files if file.kind == kind
    ]


# Steps


@SYSTEMS
def test_each_system_says_how_to_install_and_how_to_undo(system: System, kit: TrustKit) -> None:
    for sections in (trust_kit.install_steps, trust_kit.undo_steps):
        found = sections(system, kit.places(URL))
        assert found
        assert all(section.title and section.steps for section in found)
        assert not found[0].is_folded


@SYSTEMS
def test_every_source_is_listed(system: System) -> None:
    assert system.sources
    assert set(system.sources) <= set(sources())


def test_a_row_has_known_fields_only() -> None:
    fields = {"id", "name", "group", "agent", "has_sha1", "sources", "install", "undo"}
    rows = table("trust")["system"]

    assert all(set(row) <= fields for row in rows)
    ways = [way for row in rows for way in (*row["install"], *row["undo"])]
    assert all({"title", "steps"} <= set(way) <= {"title", "steps", "is_folded"} for way in ways)
    steps = [step for way in ways for step in way["steps"]]
    kinds = ({"file"}, {"fetch"}, {"fetch", "shell"}, {"do"}, {"do", "run"}, {"do", "needs"})
    assert all(set(step) in kinds for step in steps)
    assert {row["group"] for row in rows} == {trust_kit.PEOPLE, "servers"}


@SYSTEMS
def test_no_command_has_a_part_that_must_be_typed(system: System, kit: TrustKit) -> None:
    for command in commands(system, kit):
        assert not re.search(r"<[^|]*>|\bFOLDER\b|\bFILE\b|\.\.\.|\{[a-z]+\}", command), command


@SYSTEMS
def test_a_shell_can_read_every_command(system: System, kit: TrustKit) -> None:
    for command in commands(system, kit):
        if system.id == "windows" or command.startswith(("$to", "New-Item", "Copy-Item")):
            continue  # PowerShell
        assert subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False).returncode == 0, command


@SYSTEMS
def test_every_file_that_a_step_names_is_in_the_kit(system: System, kit: TrustKit) -> None:
    names = {file.name for file in kit.files}
    for section in trust_kit.install_steps(system, kit.places(URL)):
        text = " ".join(part for step in section.steps for part in (step.title, *step.terminal))
        found = re.findall(r"[\w-]+\.(?:cer|crt|pem|mobileconfig|json)\b", text)
        assert set(found) - {"policies.json"} <= names


def test_the_undo_of_windows_names_the_thumbprint_of_the_root(kit: TrustKit) -> None:
    windows = trust_kit.system_of("")
    thumbprint = kit.root.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - it names certificates on Windows

    assert f"Remove-Item Cert:\\LocalMachine\\Root\\{thumbprint}" in commands(windows, kit)


def test_the_text_has_the_steps_of_all_systems_and_no_address(kit: TrustKit) -> None:
    text = named(kit, "readme").data.decode()

    assert all(f"\n{system.name}\n" in text for system in list_systems())
    assert text.count("\nUndo: ") >= len(list_systems())
    assert encodings.fingerprint_text(kit.root) in text
    assert encodings.fingerprint_text(kit.root, "sha1") in text
    assert "://" not in text


# Detection

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "id"),
    [
        (WINDOWS, "windows"),
        (f"{WINDOWS} Edg/140.0", "windows"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15", "macos"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "ios"),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/140.0 Mobile/15E148", "ios"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "android"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "android"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "chrome"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "firefox"),
        ("curl/8.5.0", "windows"),
        ("", "windows"),
    ],
)
def test_the_system_is_that_of_the_browser(user_agent: str, id: str) -> None:
    assert trust_kit.system_of(user_agent).id == id
    assert [each.id for each in list_systems() if each.agent and re.search(each.agent, user_agent)] in ([id], [])
