"""`cluster`: created, filled with CSRs, signed, taken home, marked and removed, by number or by name."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ca_service.authority.installation import Installation
from ca_service.cli.failures import ExitCode
from ca_service.vos.runbook import as_text
from tests.cli.command_line import CommandLine
from tests.support import pkcs10, requests
from tests.support.factories import OPERATOR
from tests.support.requests import CUCM_MULTI, THREE_NODES, UCCX_PUBLISHER

NODES = (
    ("--node", "uccx1.example.com", "uccx", "11.5", "publisher"),
    ("--node", "uccx2.example.com", "uccx", "11.5", "subscriber"),
    ("--node", "sm1.example.com", "socialminer", "11.5", "single server"),
)


@pytest.fixture
def lab(ca: CommandLine) -> CommandLine:
    """The command, with a cluster: number 1."""
    ca.answer("cluster", "create", "Lab", *(word for node in NODES for word in node))
    return ca


@pytest.fixture
def folder(here: Path) -> Path:
    """The CSRs of the three nodes in a folder."""
    folder = here / "requests"
    folder.mkdir()
    for each in THREE_NODES:
        (folder / f"{each.name}.csr").write_bytes(each.data)
    return folder


def states(lab: CommandLine) -> dict[str, str]:
    return {slot["node"]: slot["state"] for slot in lab.answer("cluster", "show", "Lab")["slots"]}


def upload_step(lab: CommandLine) -> str:
    return str(lab.answer("cluster", "show", "Lab")["slots"][0]["upload_step"])


def test_a_cluster_is_created_listed_and_shown_by_number_or_name(lab: CommandLine) -> None:
    (listed,) = lab.answer("cluster", "list", "--search", "sm1")["clusters"]
    assert (listed["id"], listed["name"], listed["links"]) == (1, "Lab", None)
    assert lab.answer("cluster", "show", "1") == lab.answer("cluster", "show", "lab")
    assert list(states(lab).values()) == ["no CSR"] * 3
    assert "uccx1.example.com  tomcat-ECDSA  no CSR" in lab("cluster", "show", "Lab").stdout


def test_the_list_comes_page_by_page(lab: CommandLine) -> None:
    lab.answer("cluster", "create", "Other")
    first = lab.answer("cluster", "list", "--limit", "1")
    second = lab.answer("cluster", "list", "--limit", "1", "--cursor", first["next"])
    assert [each["name"] for page in (first, second) for each in page["clusters"]] == ["Lab", "Other"]
    assert "There are more: --cursor " in lab("cluster", "list", "--limit", "1").stderr


def test_where_there_is_no_cluster_it_says_so(ca: CommandLine) -> None:
    assert ca("cluster", "list").stdout == "There are no clusters.\n"


def test_a_board_names_other_clusters_of_a_node_and_a_certificate_that_its_slot_does_not_have(
    lab: CommandLine, folder: Path
) -> None:
    csr = folder / "sm1.csr"
    signed = lab.answer("sign", csr)["certificates"][0]["serial_number"]
    shown = lab("cluster", "create", "Other", *NODES[2]).stdout
    assert "warning: Node 1 (sm1.example.com): This server is also in the cluster \u201cLab\u201d." in shown
    assert f"sm1.example.com has a valid certificate, signed outside this cluster: {signed}" in shown

    added = lab("cluster", "add", "Other", csr).stdout
    assert "outside this cluster" not in lab("cluster", "show", "Other").stdout, added
    assert "Placed. They have certificates already: ca-service cluster bundle 2\n" in added
    assert lab.answer("cluster", "show", "Other")["slots"][0]["serial_number"] == signed


def test_a_node_that_nobody_could_use_is_a_usage_error(ca: CommandLine) -> None:
    wrong = ("--node", "uccx1", "uccx", "11.5", "publisher")
    assert ca.rule("cluster", "create", "Lab", *wrong, code=ExitCode.USAGE) == "node.fqdn"
    late = ("--node", "uccx1.example.com", "uccx", "", "publisher")
    told = ca("cluster", "create", "Lab", *NODES[0], *late).stderr
    assert "Node 2 (uccx1.example.com): The version is missing." in told


@pytest.mark.parametrize("name", ["Other", "2"])
@pytest.mark.parametrize("verb", ["show", "bundle", "runbook", "probe", "remove"])
def test_an_unknown_cluster_is_an_error(lab: CommandLine, verb: str, name: str) -> None:
    assert lab.rule("cluster", verb, name, code=ExitCode.ERROR) == "cluster.unknown"


def test_csrs_find_their_nodes_and_are_signed_later(lab: CommandLine, folder: Path) -> None:
    shown = lab("cluster", "add", "Lab", folder)
    assert "Placed. Sign them: ca-service cluster sign 1" in shown.stdout
    assert set(states(lab).values()) == {"requested"}
    answer = lab.answer("cluster", "sign", "Lab")
    assert (answer["outcome"], len(answer["serial_numbers"])) == ("signed", 3)
    assert set(states(lab).values()) == {"issued"}
    assert lab.rule("cluster", "sign", "Lab", code=ExitCode.ERROR) == "cluster.all-signed"


@pytest.mark.parametrize("is_signed_later", [False, True])
def test_nodes_without_a_csr_are_named(lab: CommandLine, folder: Path, is_signed_later: bool) -> None:
    first = next(path for path in sorted(folder.glob("*.csr")) if "uccx1" in path.name)
    if is_signed_later:
        lab("cluster", "add", "Lab", first)
    found = lab.answer("cluster", "sign", "Lab", *([] if is_signed_later else [first]))["findings"]
    (missing,) = (each["detail"] for each in found if each["rule"] == "cluster.csr-missing")
    assert missing == "No CSR from 2 of 3 nodes: uccx2.example.com, sm1.example.com."
    others = lab.answer("cluster", "sign", "Lab", folder)["findings"]
    assert "cluster.csr-missing" not in {each["rule"] for each in others}


def test_files_are_placed_and_signed_at_once_and_again_without_a_change(lab: CommandLine, folder: Path) -> None:
    first = lab.answer("cluster", "sign", "Lab", folder, "--days", "30")
    again = lab.answer("cluster", "sign", "Lab", folder, "--days", "30")
    assert first["serial_numbers"] == again["serial_numbers"]
    assert first["csrs"][0]["file"].endswith(".csr")
    shown = lab("cluster", "sign", "Lab", folder).stdout
    assert "Signed. Write the bundle: ca-service cluster bundle 1" in shown
    assert all(serial in shown for serial in first["serial_numbers"])


def test_a_preview_stores_nothing(lab: CommandLine, folder: Path) -> None:
    assert lab.answer("cluster", "add", "Lab", folder, "--preview")["outcome"] == "preview"
    assert "Nothing was stored." in lab("cluster", "add", "Lab", folder, "--preview").stdout
    assert set(states(lab).values()) == {"no CSR"}


def test_node_and_purpose_can_be_named(lab: CommandLine, csr: Path) -> None:
    named = ("--node", "uccx2.example.com", "--purpose", "tomcat-ECDSA")
    assert lab.answer("cluster", "add", "Lab", csr, *named)["csrs"][0]["node"] == "uccx2.example.com"
    assert states(lab)["uccx2.example.com"] == "requested"


@pytest.mark.parametrize(
    ("data", "options", "code", "rule"),
    [
        (CUCM_MULTI.data, (), ExitCode.REFUSED, "node.unmatched"),
        (UCCX_PUBLISHER.data, ("--purpose", "CallManager-ECDSA"), ExitCode.REFUSED, "slot.purpose"),
        (UCCX_PUBLISHER.data, ("--node", "uccx9.example.com"), ExitCode.USAGE, "node.unknown"),
        (b"hello", (), ExitCode.REFUSED, "csr.unreadable"),
    ],
)
@pytest.mark.parametrize("verb", ["add", "sign"])
def test_what_has_no_place_is_refused(
    lab: CommandLine, verb: str, data: bytes, options: tuple[str, ...], code: int, rule: str
) -> None:
    assert lab.rule("cluster", verb, "Lab", "-", *options, data=data, code=code) == rule
    assert set(states(lab).values()) == {"no CSR"}


def test_a_preview_shows_a_csr_without_a_node(lab: CommandLine, here: Path) -> None:
    (here / "cucm.csr").write_bytes(CUCM_MULTI.data)
    assert "no node matches" in lab("cluster", "add", "Lab", "cucm.csr", "--preview").stdout


def test_the_bundle_is_written_once(lab: CommandLine, folder: Path, here: Path) -> None:
    assert lab.rule("cluster", "bundle", "Lab", code=ExitCode.ERROR) == "cluster.no-certificates"
    lab.answer("cluster", "sign", "Lab", folder)
    assert lab.answer("cluster", "bundle", "Lab") == {"file": "lab.zip"}
    with zipfile.ZipFile(here / "lab.zip") as bundle:
        assert {"RUNBOOK.txt", "SHA256SUMS"} <= set(bundle.namelist())
    (here / "lab.zip").write_bytes(b"other")
    assert lab.rule("cluster", "bundle", "Lab", code=ExitCode.ERROR) == "file.exists"
    assert lab("cluster", "bundle", "Lab", "--force").exit_code == ExitCode.OK
    assert lab("cluster", "bundle", "Lab", "--out", "-").stdout_bytes == (here / "lab.zip").read_bytes()


def test_the_runbook_is_that_of_the_page(lab: CommandLine, folder: Path, opened: Installation) -> None:
    lab.answer("cluster", "sign", "Lab", folder)
    runbook = opened.handover.board(OPERATOR, 1).runbook
    answer = lab.answer("cluster", "runbook", "Lab")
    assert [step["key"] for each in answer["sections"] for step in each["steps"]] == [
        each.key for each in runbook.steps
    ]
    assert lab("cluster", "runbook", "Lab").stdout == as_text(runbook)


def test_a_step_is_marked_and_the_mark_undone(lab: CommandLine, folder: Path) -> None:
    lab.answer("cluster", "sign", "Lab", folder)
    step = upload_step(lab)
    assert lab.answer("cluster", "mark", "Lab", step)["slots"][0]["state"] == "uploaded"
    assert lab.answer("cluster", "mark", "Lab", step, "--undo")["slots"][0]["state"] == "issued"
    assert lab.rule("cluster", "mark", "Lab", "upload/x", code=ExitCode.USAGE) == "step.unknown"


def test_the_board_shows_the_command_that_marks_the_next_step(lab: CommandLine, folder: Path) -> None:
    lab.answer("cluster", "sign", "Lab", folder)
    shown = lab("cluster", "show", "Lab").stdout
    assert "Next for uccx1.example.com: " in shown
    (line,) = [each for each in shown.splitlines() if "cluster mark" in each][:1]
    assert lab(*line.partition("ca-service ")[2].split()).exit_code == ExitCode.OK


def test_a_version_without_ecdsa_is_a_warning(ca: CommandLine) -> None:
    shown = ca("cluster", "create", "Old", "--node", "uccx1.example.com", "uccx", "12.5", "publisher").stdout
    assert "warning: uccx1.example.com: UCCX 12.5" in shown


def test_the_ports_of_the_nodes_are_looked_at(ca: CommandLine, here: Path) -> None:
    """No name server knows the host (RFC 6761, 6.4)."""
    ca.answer("cluster", "create", "Here", "--node", "node1.invalid", "socialminer", "11.5", "single server")
    (here / "node1.csr").write_bytes(pkcs10.pem(requests.node("node1-EC.invalid", "node1.invalid").der()))
    ca.answer("cluster", "sign", "Here", "node1.csr")
    result = ca("cluster", "probe", "Here", "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert (result.exit_code, {each["verdict"] for each in found["ports"]}) == (ExitCode.UNREACHABLE, {"unknown-host"})


def test_a_removed_cluster_is_gone(lab: CommandLine) -> None:
    assert lab.rule("cluster", "remove", "Lab", code=ExitCode.USAGE) == "confirmation.missing"
    assert lab.rule("cluster", "remove", "1", "--confirm", "1", code=ExitCode.USAGE) == "confirmation.missing"
    assert lab.answer("cluster", "remove", "1", "--confirm", "Lab") == {"removed": "Lab"}
    assert lab.answer("cluster", "list")["clusters"] == []
