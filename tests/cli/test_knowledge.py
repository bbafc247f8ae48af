"""`explain`, `products`, `matrix`: what is known, without an installation."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ca_service.cli.failures import ExitCode
from ca_service.documents.knowledge import PHASES
from ca_service.vos.experience import Signing, known_of
from ca_service.vos.knowledge import titles
from ca_service.vos.messages import MAX_LENGTH, all_messages
from ca_service.vos.products import products
from ca_service.vos.questions import questions
from tests.cli.command_line import CommandLine, Keyboard


@pytest.mark.parametrize("message", all_messages(), ids=lambda message: message.id)
def test_every_known_message_is_explained(new_ca: CommandLine, message: Any) -> None:
    shown = new_ca("explain", "--", message.printed[0]).stdout
    assert message.title in shown
    assert message.cause.text in shown
    assert all(step.text in shown for step in message.next)
    assert not new_ca.folder.exists()


def test_a_text_is_read_from_standard_input_too(new_ca: CommandLine) -> None:
    text = all_messages()[0].printed[0]
    piped = new_ca.answer("explain", data=f"12:00 \xff {text}\n".encode("latin-1"))
    assert piped == new_ca.answer("explain", *text.split())
    assert piped == new_ca.answer("explain", "-", data=text.encode())
    assert piped["explanations"][0]["id"] == all_messages()[0].id


def test_a_text_without_a_known_message_is_no_error(new_ca: CommandLine) -> None:
    assert new_ca("explain", "good morning").stdout.startswith("This text contains no known message. Give one line")
    assert new_ca.answer("explain", "good morning") == {"explanations": []}


def test_a_long_text_is_refused(new_ca: CommandLine) -> None:
    data = b"x" * (MAX_LENGTH + 1)
    assert new_ca.rule("explain", data=data, code=ExitCode.USAGE) == "message.too-long"


def test_a_person_at_a_terminal_is_told_to_give_the_message(
    new_ca: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ca_service.cli.explain.is_terminal", lambda: True)
    assert new_ca.rule("explain", data=Keyboard(b""), code=ExitCode.USAGE) == "usage"


def test_the_list_has_every_product_and_version(new_ca: CommandLine) -> None:
    lines = new_ca("products").stdout.splitlines()[1:]
    assert len(lines) == sum(len(each.releases) for each in products().values())
    assert all(role in "".join(lines) for each in products().values() for role in each.roles)
    assert [each["id"] for each in new_ca.answer("products")["products"]] == list(products())


@pytest.mark.parametrize("product", products().values(), ids=lambda product: product.id)
def test_a_product_is_told_in_full(new_ca: CommandLine, product: Any) -> None:
    shown = new_ca("products", product.id).stdout
    for release in product.releases:
        actions = [each for kind in PHASES for each in getattr(release, kind)]
        facts = (release.uses, *(each.fact for each in actions), *release.warnings)
        assert all(each.text in shown for each in facts)
        assert all(line in shown for each in actions for line in each.commands)


def test_a_version_selects_its_release(new_ca: CommandLine) -> None:
    (release,) = new_ca.answer("products", "uccx", "12.5(1)SU3")["releases"]
    assert release["use"] == "never"
    assert "do not cover UCCX 10.6" in new_ca("products", "uccx", "10.6").stdout


def test_a_version_newer_than_what_was_read_is_called_so_with_what_is_assumed(new_ca: CommandLine) -> None:
    lines = new_ca("products", "uccx", "99").stdout.splitlines()
    assert lines[2] == "Root and intermediate: The publisher passes them on to the subscriber."
    assert lines[3].startswith("UCCX 99 is newer than what was read (15.0). Assumed for it: root, intermediate and")
    assert lines[3].endswith("Its switches, restarts and ports are not known. Try one node first.")
    assert new_ca.answer("products", "uccx", "99")["unread"] == lines[3]
    assert new_ca.answer("products", "uccx", "15")["unread"] == ""
    assert "newer" not in new_ca("products", "uccx", "10.6").stdout


def test_every_question_is_answered_with_its_sources(new_ca: CommandLine) -> None:
    shown, found = new_ca("questions").stdout, new_ca.answer("questions")
    assert [each["topic"] for each in found["topics"]] == list(questions())
    for topic, every in questions().items():
        assert f"{topic}\n" in shown
        for each in every:
            assert f"  {each.question}\n    {each.answer.text}" in shown
            assert "; ".join(titles(each.answer.sources)) in shown
    assert not new_ca.folder.exists()


def test_words_select_the_questions_that_have_all_of_them(new_ca: CommandLine) -> None:
    (topic,) = new_ca.answer("questions", "UPGRADE", "self-signed?", "prepare")["topics"]
    assert topic["topic"] == "Before an upgrade"
    assert [each["question"] for each in topic["questions"]] == [
        "How do I prepare an upgrade of UCCX to 11.5 if tomcat is self-signed?"
    ]
    assert new_ca("questions", "upgrade", "nonsense").stdout == "No question has these words.\n"


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("products", "pbx"), "product.unknown"),
        (("products", "uccx", "new"), "version.unknown"),
        (("matrix", "--tomcat", "nobody"), "signing.unknown"),
    ],
)
def test_what_is_none_is_a_usage_error(new_ca: CommandLine, words: tuple[str, ...], rule: str) -> None:
    assert new_ca.rule(*words, code=ExitCode.USAGE) == rule


def test_the_matrix_says_what_agents_see(new_ca: CommandLine) -> None:
    shown = new_ca("matrix").stdout
    assert re.search(r"Live Data gadget +works", shown)
    assert re.search(r"UCCX +SocketIO +ecdsa", shown)
    answer = new_ca.answer("matrix", "--tomcat", "rsa-ca", "--tomcat-ecdsa", "rsa-ca")
    assert "fails" in {each["outcome"] for each in answer["row"]["sights"]}


def test_the_matrix_says_what_is_known_of_other_combinations(new_ca: CommandLine) -> None:
    shown = new_ca("matrix", "--tomcat", "ec-ca").stdout
    assert shown.startswith("Cisco's table leaves this combination out.\n")
    assert all(each.text in shown for each in known_of(Signing.EC_CA, Signing.EC_CA))
