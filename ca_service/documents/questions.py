"""Frequent questions and their answers, by topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from ca_service.documents.fields import Document
from ca_service.documents.knowledge import FactDocument
from ca_service.vos.questions import Question


class QuestionDocument(Document):
    """A frequent question and its answer."""

    question: str
    answer: FactDocument


class TopicDocument(Document):
    """The questions of one topic."""

    topic: str
    questions: list[QuestionDocument]


class QuestionsDocument(Document):
    """Frequent questions by topic, in the order of the page."""

    topics: list[TopicDocument]

    @classmethod
    def of(cls, found: Mapping[str, Sequence[Question]]) -> Self:
        """Describe the questions."""
        return cls(
            topics=[
                TopicDocument(
                    topic=topic,
                    questions=[
                        QuestionDocument(question=each.question, answer=FactDocument.of(each.answer)) for each in every
                    ],
                )
                for topic, every in found.items()
            ]
        )
