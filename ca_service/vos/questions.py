"""Frequent questions and their answers, by topic. They are data: `data/questions.toml`."""

from __future__ import annotations

from collections.abc import Mapping
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
