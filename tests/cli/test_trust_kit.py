"""`trust-kit`: the files of the page in a folder, never over other files unless asked."""

from __future__ import annotations

from pathlib import Path

from ca_service.authority.installation import Installation
from ca_service.pki import encodings
from ca_service.pki.reasons import Reason
from ca_service.vos.trust_kit import TrustKit
from tests.cli.command_line import CommandLine
from tests.support.factories import OPERATOR


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_folder_has_the_files_of_the_kit(ca: CommandLine, here: Path, opened: Installation) -> None:
    answer = ca.answer("trust-kit", "--out", "some/kit")
    kit = TrustKit(opened.trusted.chain())

    assert contents(here / "some/kit") == {file.name: file.data for file in kit.files}
    assert answer["fingerprint"] == encodings.fingerprint(kit.root)
    assert sorted(answer["files"]) == sorted(f"some/kit/{file.name}" for file in kit.files)


def test_a_person_reads_the_files_and_the_fingerprint(ca: CommandLine, opened: Installation) -> None:
    printed = ca("trust-kit").stdout
    root = opened.hierarchy.active().root

    assert "Written: trust-kit/example-lab-ec-root-ca-g1.cer\n" in printed
    assert printed.endswith(f"SHA-256: {encodings.fingerprint_text(root)}\n")


def test_a_second_run_changes_nothing(ca: CommandLine, here: Path) -> None:
    ca.answer("trust-kit")
    before = contents(here / "trust-kit")

    ca.answer("trust-kit")
    assert contents(here / "trust-kit") == before


def test_a_file_with_other_data_is_kept_and_nothing_is_written(ca: CommandLine, here: Path) -> None:
    folder = here / "trust-kit"
    folder.mkdir()
    (folder / "example-lab-ec-root-ca-g1.pem").write_bytes(b"other")

    assert ca.rule("trust-kit", code=1) == "file.exists"
    assert contents(folder) == {"example-lab-ec-root-ca-g1.pem": b"other"}
    ca.answer("trust-kit", "--force")
    assert contents(folder)["example-lab-ec-root-ca-g1.pem"].startswith(b"-----BEGIN CERTIFICATE")


def test_a_folder_that_cannot_be_created_is_explained(ca: CommandLine, here: Path) -> None:
    (here / "file").touch()

    assert ca.rule("trust-kit", "--out", "file/kit", code=2) == "file.unwritable"


def test_a_revoked_intermediate_is_left_out(ca: CommandLine, here: Path, opened: Installation) -> None:
    opened.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
    ca.answer("trust-kit")

    assert [name for name in contents(here / "trust-kit") if "intermediate" in name] == []
