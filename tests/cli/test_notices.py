"""`notices`: what was and will be sent, with a real mail server."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.cli.command_line import CommandLine
from tests.support.ports import free_port


@dataclass  # no slots: aiosmtpd reads every attribute, and Python 3.11.2 (Debian 12) then has one that cannot be read
class Post:
    """A mail server's mind."""

    port: int = 0
    reply: str = "250 OK"
    letters: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802
        """Take a letter, or not."""
        assert isinstance(envelope.content, bytes)
        self.letters += [envelope.content] if self.reply.startswith("250") else []
        return self.reply


@pytest.fixture
def post() -> Iterator[Post]:
    """A mail server."""
    post = Post(free_port())
    controller = Controller(post, hostname="127.0.0.1", port=post.port)
    controller.start()
    yield post
    controller.stop()


@pytest.fixture
def mailing(ca: CommandLine, post: Post) -> CommandLine:
    """The command on an instance that sends mail there."""
    mail = {
        "HOST": "127.0.0.1", "PORT": str(post.port), "SECURITY": "none",
        "SENDER": "ca@example.com", "RECIPIENTS": "voice@example.com",
    }  # fmt: skip
    return CommandLine(ca.folder, {f"CA_SERVICE_MAIL__{name}": value for name, value in mail.items()})


def test_a_certificate_that_ends_is_announced_and_mailed_once_by_the_jobs(
    mailing: CommandLine, csr: Path, post: Post
) -> None:
    mailing("sign", csr, "--days", "14")
    assert mailing.answer("jobs", "run", "notices")["count"] == 0  # it has begun within the last fourteen days
    with contextlib.closing(sqlite3.connect(mailing.folder / "ca.sqlite3")) as connection, connection:
        connection.execute("UPDATE certificate SET not_before = '2020-01-01 00:00:00'")

    counts = [mailing.answer("jobs", "run", name)["count"] for name in ("notices", "outbox") * 2]

    assert counts == [1, 1, 0, 0]
    [letter] = post.letters
    assert b"Subject: uccx1.example.com: certificate expires in 14 days" in letter
    assert b"Generate a new CSR on uccx1.example.com" in letter


def test_what_comes_is_listed(mailing: CommandLine, csr: Path) -> None:
    mailing("sign", csr, "--days", "31")

    [coming] = mailing.answer("notices", "list", "--coming")["coming"]

    assert (coming["name"], coming["kind"]) == ("uccx1.example.com", "leaf")
    assert coming["next_notice_at"] < coming["not_after"]
    assert "uccx1.example.com" in mailing("notices", "list", "--coming", "--search", "UCCX1").stdout


def test_a_test_arrives_and_is_listed(mailing: CommandLine, post: Post) -> None:
    [message] = mailing.answer("notices", "test")["messages"]

    assert (message["state"], message["recipient"], message["attempts"]) == ("sent", "voice@example.com", 1)
    assert b"Subject: Test of ca_service" in post.letters[0]
    assert "Test of ca_service" in mailing("notices", "list").stdout
    assert mailing.answer("notices", "list", "--search", "nobody")["messages"] == []


def test_a_test_that_fails_ends_as_unreachable_and_what_is_dead_can_be_retried(
    mailing: CommandLine, post: Post
) -> None:
    post.reply = "554 no"
    result = mailing("notices", "test")
    assert (result.exit_code, "554 no" in result.stdout) == (6, True)
    [message] = mailing.answer("notices", "list", "--state", "dead")["messages"]
    post.reply = "250 OK"

    assert mailing.answer("notices", "retry", str(message["id"])) == {"revived": 1}
    assert mailing.answer("jobs", "run", "outbox")["count"] == 1
    assert len(post.letters) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "rule"),
    [
        (("test",), 1, "notices.no-channel"),
        (("retry", "7"), 1, "message.unknown"),
        (("retry", "0"), 2, "usage"),
        (("retry", "9" * 20), 2, "usage"),
        (("retry",), 2, "usage"),
        (("list", "--state", "gone"), 2, "usage"),
    ],
)
def test_each_refusal_has_its_rule(ca: CommandLine, arguments: tuple[str, ...], code: int, rule: str) -> None:
    assert ca.rule("notices", *arguments, code=code) == rule


def test_empty_lists_say_so(ca: CommandLine) -> None:
    assert ca("notices", "list").stdout == "No messages.\n"
    assert ca("notices", "list", "--coming").stdout == "Nothing expires soon.\n"
