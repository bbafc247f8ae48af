"""The whole loop in a terminal: `python -m tests.demo`, or with `--end` to stop at the end.

Starts the service and three emulated nodes (publisher, subscriber, SocialMiner) in a temporary folder, brings a
certificate to each node with the commands that an administrator types, and leaves the pages open.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = (sys.executable, "-c", "from ca_service.app import main; main()")
PASSWORD: Final = "lab-password"
PUBLISHER: Final = "cucm-pub.localhost"
SUBSCRIBER: Final = "cucm-sub.localhost"
SOCIALMINER: Final = "sm1.localhost"
_CUCM: Final = ("--product", "cucm", "--version-of", "15")
_SOCIALMINER: Final = ("--product", "socialminer", "--version-of", "11.5")


@dataclass(slots=True)
class Demo:
    """One run in a folder of its own."""

    folder: Path
    failures: list[str] = field(default_factory=list)

    def title(self, text: str) -> None:
        """Print the title of a part."""
        say(f"\n## {text}\n")

    def run(self, *arguments: str, data: str = "", code: int = 0, show: bool = True) -> str:
        """Type a command and print its output; remember it if it ends with another code."""
        shown = " ".join(f"'{each}'" if " " in each else each for each in arguments)
        if show:
            say(f"$ ca-service {shown}" + (" < password" if data == PASSWORD else ""))
        ended = subprocess.run(
            (*PROGRAM, *arguments), input=data, capture_output=True, text=True, cwd=self.folder, env=self.environ
        )
        if show:
            say((ended.stderr + ended.stdout).rstrip())
            say(f"[exit code {ended.returncode}]\n" if ended.returncode else "")
        if ended.returncode != code:
            self.failures.append(f"{shown}: {ended.returncode} instead of {code}")
        return ended.stdout

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the commands."""
        return {**os.environ, "CA_SERVICE_INSTANCE_PATH": str(self.folder / "instance")}

    @contextmanager
    def running(self, *arguments: str) -> Iterator[Any]:
        """Start a command that goes on; yield its answer, and end it afterwards."""
        say(f"$ ca-service {' '.join(arguments)} &")
        with subprocess.Popen(
            (*PROGRAM, *arguments, "--json"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            env=self.environ,
            text=True,
        ) as process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{PASSWORD}\n")
            process.stdin.close()
            lines = iter(process.stdout.readline, "")
            try:
                yield json.loads("".join(until(lines, "}\n")))
            finally:
                process.send_signal(signal.SIGTERM)


def until(lines: Iterator[str], last: str) -> Iterator[str]:
    """Yield the lines up to and including this one."""
    for line in lines:
        yield line
        if line == last:
            return


def say(text: str) -> None:
    """Print a text immediately."""
    print(text, flush=True)


def free_port() -> str:
    """Return a port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def typed(port: int, lines: Sequence[str], *, show: bool = True) -> str:
    """Type lines into the command line of a node, and return what it prints."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("".join(f"{line}\n" for line in (*lines, "exit")).encode())
        printed = "".join(iter(lambda: connection.recv(4096).decode(), ""))
    if show:
        say(printed.rstrip())
    return printed


def with_api(demo: Demo, node: dict[str, Any]) -> None:
    """Bring a certificate to a node through its API."""
    place = f"{node['host']}:{node['api']}"
    there = (place, "--user", "administrator", "--password-stdin")
    contact = json.loads(demo.run("node", "plan", *there, "--json", data=PASSWORD, code=3, show=False))
    if node["host"] == PUBLISHER:
        say("The first contact shows a fingerprint, and sends no password:\n")
        demo.run("node", "plan", *there, data=PASSWORD, code=3)
    pin = ("--fingerprint", contact["fingerprint"])
    demo.run("node", "plan", *there, *pin, data=PASSWORD)
    probe = ("--probe-port", str(node["served"]), *_CUCM)
    confirm = ("--confirm", node["host"])
    demo.run("node", "apply", *there, *pin, *confirm, *probe, data=PASSWORD, code=3)
    say(f"$ nc 127.0.0.1 {node['console']}    # on the node: the restart")
    typed(node["console"], ["utils service restart Cisco Tomcat"])
    say("\nThe same command again. The node now presents a certificate from here, so that no fingerprint is needed:\n")
    demo.run("node", "apply", *there, *probe, data=PASSWORD)


def with_lines(demo: Demo, node: dict[str, Any]) -> None:
    """Bring a certificate to a node through its command line."""
    asked = ("node", "lines", node["host"], *_SOCIALMINER)
    demo.run(*asked)
    printed = typed(node["console"], commands(demo, asked))
    (demo.folder / "tomcat-ECDSA.csr").write_text(printed)
    demo.run("sign", "tomcat-ECDSA.csr", *_SOCIALMINER)
    say(f"$ ca-service {' '.join(asked)}    # now root, intermediate, certificate and restarts; pasted into the node:")
    typed(node["console"], commands(demo, asked))
    say("")
    demo.run("probe", f"{node['host']}:{node['served']}")


def commands(demo: Demo, asked: Sequence[str]) -> list[str]:
    """Return the lines of all steps."""
    answer = json.loads(demo.run(*asked, "--json", show=False))
    return [line for step in answer["steps"] for line in step["commands"]]


def main() -> int:
    """Show the loop; return the exit code."""
    stays = "--end" not in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="ca-service-demo-") as folder, ExitStack() as stack:
        demo = Demo(Path(folder))
        demo.title("An authority, its pages, and three emulated nodes")
        demo.run("init", "--name", "Demo Lab")
        service = stack.enter_context(demo.running("serve", "--port", free_port()))
        nodes = ("lab-node", PUBLISHER, SUBSCRIBER, "--port", "0", "--password-stdin")
        publisher, subscriber = stack.enter_context(demo.running(*nodes))["nodes"]
        alone = ("lab-node", SOCIALMINER, "--no-api", "--port", "0", "--password-stdin")
        (socialminer,) = stack.enter_context(demo.running(*alone))["nodes"]

        demo.title("The publisher, through its certificate management API")
        with_api(demo, publisher)
        demo.title("The subscriber: the publisher has replicated root and intermediate")
        time.sleep(3)
        with_api(demo, subscriber)
        demo.title("SocialMiner has no API: lines for its command line")
        with_lines(demo, socialminer)
        demo.title("What the audit log says")
        demo.run("audit", "list", "--limit", "20")

        for failure in demo.failures:
            say(f"FAILED: {failure}")
        say(f"The pages: {service['url']}\nCreate the first administrator: {service['setup_url']}")
        if stays:
            say("Ctrl-C ends the service and the nodes.")
            with suppress(KeyboardInterrupt):
                signal.pause()
        return 1 if demo.failures else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends, too
    sys.exit(main())
