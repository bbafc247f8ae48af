"""Questions: those that administrators ask have an answer, and it is an honest one."""

from __future__ import annotations

import pytest

from ca_service.vos.knowledge import sources
from ca_service.vos.questions import questions

ANSWERS = {each.question: each.answer for found in questions().values() for each in found}


def test_every_answer_is_a_sentence_with_sources_that_are_listed() -> None:
    for question, answer in ANSWERS.items():
        assert question.endswith("?")
        assert answer.text.endswith(".")
        assert answer.sources
        assert set(answer.sources) <= set(sources())


def test_no_question_comes_twice() -> None:
    assert len(ANSWERS) == sum(map(len, questions().values()))


@pytest.mark.parametrize(
    ("part", "answer"),
    [
        ("if tomcat is signed by an authority", "agents cannot accept it in Live Data"),
        ("11.5 if tomcat is self-signed", "asked to accept one more certificate"),
        ("go wrong with certificates during an upgrade", "generates no CSR"),
        ("stay self-signed", "Beside a signed tomcat it does not work"),
        ("keeps Live Data running", "only the RSA certificate is presented"),
        ("Where are the COP files", "We did not find their addresses"),
        ("rollback of a COP file", "presents ECDSA again"),
        ("all certificates be made ECDSA", "\u201cCurrently not\u201d"),
        ("our authority cannot sign with an EC key", "was not found"),
        ("a second certificate", "tomcat-ECDSA, beside tomcat"),
        ("if a subordinate authority signs", "Two readings exist"),
        ("the root is already on the node", "`show cert list trust`"),
        ("worth signing tomcat-ECDSA for UCCX 11.6 to 12.5", "No. Cisco removed ECDSA"),
        ("customers on the internet", "certificate of a public authority"),
        ("if single sign-on is used", "metadata of the service provider"),
        ("call other HTTPS servers", "then restart the Unified CCX Engine"),
    ],
)
def test_what_administrators_ask_is_answered(part: str, answer: str) -> None:
    [found] = [each.text for question, each in ANSWERS.items() if part in question]

    assert answer in found
