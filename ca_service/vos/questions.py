"""Frequent questions and their answers, by topic. They are data: `data/questions.toml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ca_service.vos.knowledge import Fact, fact, table


@dataclass(frozen=True, slots=True)
class Question:
    """A frequent question and its answer."""

    question: str
    answer: Fact


@cache
def questions() -> Mapping[str, tuple[Question, ...]]:
    """Return all questions by their topic, in the order of the data."""
    found = dict[str, list[Question]]()
    for row in table("questions")["question"]:
        found.setdefault(row["topic"], []).append(Question(row["question"], fact(row)))
    return {topic: tuple(each) for topic, each in found.items()}


def find_questions(words: str) -> Mapping[str, tuple[Question, ...]]:
    """Return the questions that have all of these words in topic, question or answer, by topic; all for no words."""
    wanted = words.casefold().split()
    found = {
        topic: tuple(each for each in every if _has(wanted, f"{topic} {each.question} {each.answer.text}"))
        for topic, every in questions().items()
    }
    return {topic: every for topic, every in found.items() if every}


def _has(words: Sequence[str], text: str) -> bool:
    return all(word in text.casefold() for word in words)
