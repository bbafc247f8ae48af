"""Questions: every answer with its sources, and what is inferred is marked."""

from __future__ import annotations

from ca_service.vos.knowledge import titles
from ca_service.vos.questions import questions
from ca_service.web.i18n import with_code
from tests.web.visitor import Visitor


def test_every_question_is_answered_with_its_sources(steady: Visitor) -> None:
    text = steady.page("/questions").text

    for topic, found in questions().items():
        assert topic in text
        for each in found:
            assert each.question in text
            assert each.answer.text.replace("`", "") in text
            assert "; ".join(titles(each.answer.sources)) in text
    inferred = [each for found in questions().values() for each in found if not each.answer.is_confirmed]
    assert text.count("Not confirmed by Cisco\u2019s documents.") == len(inferred)


def test_what_is_typed_on_a_node_is_shown_as_code_and_no_markup_comes_through(steady: Visitor) -> None:
    assert with_code("`show <all>` & more") == "<code>show &lt;all&gt;</code> &amp; more"
    assert "`" not in steady.page("/questions").text


def test_the_page_is_among_the_tools(steady: Visitor) -> None:
    assert "/questions" in steady.page("/products").links


def test_a_search_shows_the_questions_with_all_its_words(steady: Visitor) -> None:
    text = steady.page("/questions?q=COP+rollback").text

    assert "What does the rollback of a COP file do?" in text
    assert "Why is there a second certificate?" not in text
    assert "No question matches." in steady.page("/questions?q=no+such+words").text
