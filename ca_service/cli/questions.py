"""`questions`: frequent questions about certificates of nodes, and their answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from ca_service.cli.explain import fact_text
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, pass_session
from ca_service.documents.knowledge import QuestionsDocument
from ca_service.vos.knowledge import titles
from ca_service.vos.questions import Question, find_questions


@declare("questions", "ca-service questions", "ca-service questions single sign-on", "ca-service questions COP --json")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@pass_session
def command(session: Session, words: tuple[str, ...]) -> None:
    """Answer frequent questions about certificates of nodes.

    With WORD, only the questions with all of these words in question, answer or topic.
    """
    found = find_questions(" ".join(words))
    session.console.answer(QuestionsDocument.of(found), _lines(found))


def _lines(found: Mapping[str, Sequence[Question]]) -> Iterator[str]:
    if not found:
        yield "No question has these words."
    for number, (topic, every) in enumerate(found.items()):
        yield from ("",) if number else ()
        yield click.style(topic, bold=True)
        for each in every:
            yield from ("", f"  {each.question}", f"    {fact_text(each.answer)}")
            yield f"    Sources: {'; '.join(titles(each.answer.sources))}"
