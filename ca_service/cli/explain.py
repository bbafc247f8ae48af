"""`explain`: known messages of nodes and tools, with their fix. `questions`: frequent questions and their answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from ca_service.cli.grammar import declare
from ca_service.cli.inputs import STANDARD, is_terminal, read_file
from ca_service.cli.session import Session, pass_session
from ca_service.documents.knowledge import ExplanationsDocument, QuestionsDocument
from ca_service.pki.visible_text import visible
from ca_service.vos.knowledge import NOT_CONFIRMED, Fact, titles
from ca_service.vos.messages import Explained, Message, explain, require_length
from ca_service.vos.questions import Question, find_questions

_UNKNOWN = (
    "This text contains no known message. Give one line of it, as it is printed; "
    "`fit` checks a certificate with its CSR."
)


@declare(
    "explain",
    "ca-service explain 'CSR SAN and Certificate SAN does not match'",
    "ca-service explain --json < upload.log",
)
@click.argument("text", nargs=-1, metavar="[TEXT]...")
@pass_session
def command(session: Session, text: tuple[str, ...]) -> None:
    """Explain error messages of nodes, tools and browsers.

    TEXT is the message, or any text that contains it; without TEXT, or with `-`, it is read from standard input.
    Nothing is stored.
    """
    if not text and is_terminal():
        raise click.UsageError("Give the message, or pipe it in.")
    is_piped = text in ((), (STANDARD,))
    given = read_file(STANDARD).decode("utf-8", "replace") if is_piped else " ".join(text)
    require_length(given, "/text")
    found = explain(given)
    session.console.answer(ExplanationsDocument.of(found), _lines(found))


def _lines(found: tuple[Explained, ...]) -> Iterator[str]:
    if not found:
        yield _UNKNOWN
    for number, each in enumerate(found):
        yield from ("",) if number else ()
        yield from _message_lines(each.message)


def _message_lines(message: Message) -> Iterator[str]:
    yield click.style(message.title, bold=True)
    yield f"  {visible(message.printed[0])}"
    yield f"  {fact_text(message.cause)}"
    for number, step in enumerate(message.next, 1):
        yield f"  {number}. {fact_text(step)}"
    yield f"  Sources: {'; '.join(titles(message.sources))}"


@declare("questions", "ca-service questions", "ca-service questions single sign-on", "ca-service questions COP --json")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@pass_session
def questions(session: Session, words: tuple[str, ...]) -> None:
    """Answer frequent questions about certificates of nodes.

    With WORD, only the questions with all of these words in question, answer or topic.
    """
    found = find_questions(" ".join(words))
    session.console.answer(QuestionsDocument.of(found), _question_lines(found))


def _question_lines(found: Mapping[str, Sequence[Question]]) -> Iterator[str]:
    if not found:
        yield "No question has these words."
    for number, (topic, every) in enumerate(found.items()):
        yield from ("",) if number else ()
        yield click.style(topic, bold=True)
        for each in every:
            yield from ("", f"  {each.question}", f"    {fact_text(each.answer)}")
            yield f"    Sources: {'; '.join(titles(each.answer.sources))}"


def fact_text(fact: Fact) -> str:
    """Return the sentence of a fact, and whether it is confirmed."""
    return fact.text if fact.is_confirmed else f"{fact.text} ({NOT_CONFIRMED})"
