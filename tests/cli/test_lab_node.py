"""`lab-node`: a process with emulated nodes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from ca_service.cli.failures import ExitCode
from tests.cli.answers import require_document
from tests.cli.command_line import CommandLine

PROGRAM: Final = (sys.executable, "-c", "from ca_service.app import main; main()")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Any]:
    """The answer of a process with two nodes on free ports."""
    arguments = ("lab-node", "pub.localhost", "sub.localhost", "--port", "0", "--password-stdin", "--json")
    with subprocess.Popen(
        (*PROGRAM, *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, env={**os.environ}
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"secret\n")
        process.stdin.close()
        text = "".join(iter(lambda: process.stdout.readline().decode() if process.stdout else "", "}\n"))
        answer = json.loads(text + "}")
        require_document(["lab-node"], answer)
        yield answer
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == ExitCode.OK


def test_each_node_has_an_api_a_served_port_and_a_command_line(running: Any, ca: CommandLine) -> None:
    publisher, subscriber = running["nodes"]
    assert (publisher["host"], subscriber["host"]) == ("pub.localhost", "sub.localhost")
    there = f"sub.localhost:{subscriber['api']}"
    contact = json.loads(ca("node", "plan", there, "--user", "x", "--password-stdin", "--json", data=b"x").stdout)
    assert contact["subject"] == "C=DE, O=Lab, CN=sub-EC.localhost"
    with socket.create_connection(("127.0.0.1", publisher["console"]), timeout=10) as connection:
        assert connection.recv(100).startswith(b"Command Line Interface of pub.localhost")


def test_a_port_in_use_is_named_with_the_option_that_changes_it(ca: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = ca("lab-node", "pub.localhost", "--port", str(port))
    assert result.exit_code == ExitCode.ERROR
    assert result.stderr.splitlines()[:3] == [
        "ca-service: The port is in use",
        f"error: Port {port} of this machine is in use by another program.",
        "  fix   Choose another first port with --port: each node takes three from there on. "
        "`--port 0` takes free ones.",
    ]


def test_a_host_that_is_none_is_a_usage_error(ca: CommandLine) -> None:
    assert ca.rule("lab-node", "http://x/", code=ExitCode.USAGE) == "probe.target"
