"""`cluster` and `probe` with --server: they ask the API of a real server, and answer as on its machine."""

from __future__ import annotations

from pathlib import Path

from ca_service.cli.failures import ExitCode
from tests.cli.desk import Desk
from tests.support.ports import free_port

NODES = (
    *("--node", "uccx1.example.com", "uccx", "11.5", "publisher"),
    *("--node", "uccx2.example.com", "uccx", "11.5", "subscriber"),
    *("--node", "sm1.example.com", "socialminer", "11.5", "single server"),
)


def test_a_cluster_is_created_filled_signed_marked_and_removed(at: Desk, folder: Path, here: Path) -> None:
    made = at.there("cluster", "create", "Lab", *NODES)
    assert made.exit_code == 0, made.output
    at.both("cluster", "create", "Lab", *NODES)
    at.both("cluster", "list")
    at.both("cluster", "list", "--limit", "1", "--search", "uccx1")
    at.both("cluster", "show", "lab")
    at.both("cluster", "show", "7")
    at.both("cluster", "show", "Nowhere")
    at.both("cluster", "add", "Lab", folder, "--preview")
    assert at.there("cluster", "add", "Lab", folder).stdout.endswith("Sign them: ca-service cluster sign 1\n")
    assert at.there("cluster", "sign", "LAB", folder).exit_code == 0
    at.both("cluster", "sign", "Lab", folder)
    at.both("cluster", "show", "1")
    step = at.there.answer("cluster", "show", "1")["slots"][0]["upload_step"]
    at.there.answer("cluster", "mark", "Lab", step)
    at.both("cluster", "mark", "Lab", step)
    at.both("cluster", "mark", "Lab", step, "--undo")
    at.both("cluster", "mark", "Lab", "nothing")
    at.both("cluster", "runbook", "Lab")
    at.there.answer("cluster", "bundle", "Lab", "--out", "there.zip")
    at.here.answer("cluster", "bundle", "Lab", "--out", "here.zip")
    assert (here / "here.zip").read_bytes() == (here / "there.zip").read_bytes()
    at.both("revoke", "--cluster", "1", "--reason", "superseded", "--dry-run")
    at.both("cluster", "remove", "Lab", "--confirm", "Labs")
    assert at.there.answer("cluster", "remove", "Lab", "--confirm", "Lab") == {"removed": "Lab"}
    assert at.here.answer("cluster", "list")["clusters"] == []


def test_a_cluster_without_certificates_has_none_to_revoke(at: Desk) -> None:
    at.there.answer("cluster", "create", "Lab", *NODES)
    at.both("revoke", "--cluster", "1", "--reason", "superseded", "--dry-run")


def test_csrs_of_a_cluster_that_wait_are_pending(waiting: Desk, folder: Path) -> None:
    waiting.there.answer("cluster", "create", "Lab", *NODES)
    result = waiting.there("cluster", "sign", "Lab", folder)
    assert result.exit_code == ExitCode.PENDING
    assert "An approver has to decide: ca-service requests show 1" in result.stdout


def test_probes_are_made_by_the_server(at: Desk) -> None:
    result = at.both("probe", f"localhost:{free_port()}")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "Nothing listens on this port." in result.stdout
    at.there.answer("cluster", "create", "Lab", *NODES[:5])
    assert at.both("cluster", "probe", "Lab").exit_code != ExitCode.OK
