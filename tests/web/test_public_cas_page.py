"""Public CAs: everything that the data says, with its sources; what is in force follows the clock."""

from __future__ import annotations

import pytest
from flask import Flask

from ca_service.authority.access.permissions import Role
from ca_service.vos.knowledge import Fact, titles
from ca_service.vos.public_cas import changes, needs, notices, questions
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.web.visitor import Visitor, sign_in


def facts() -> list[Fact]:
    """Everything that is said."""
    rows = [each.fact for each in needs()] + [each.fact for each in changes()] + [each.fact for each in notices()]
    return rows + [answer.fact for each in questions() for answer in each.answers if answer.fact]


def test_every_row_is_shown_with_its_sources(steady: Visitor) -> None:
    text = steady.page("/public-cas").text
    answers = [answer for each in questions() for answer in each.answers]

    for fact in facts():
        assert fact.text.replace("`", "") in text
        assert "; ".join(titles(fact.sources)) in text
    for words in (
        *(each.connection for each in needs()),
        *(each.question for each in questions()),
        *(each.answer for each in answers),
        *(each.fixed for each in notices()),
    ):
        assert words.replace("`", "") in text


def test_what_is_not_confirmed_is_marked(steady: Visitor) -> None:
    inferred = [each for each in facts() if not each.is_confirmed]
    assert steady.page("/public-cas").text.count("Not confirmed by Cisco\u2019s documents.") == len(inferred)


@pytest.mark.parametrize(("days", "in_force"), [(0, 2), (365, 4), (3 * 365, 5)])
def test_what_is_in_force_follows_the_clock(lab: Lab, lab_app: Flask, days: int, in_force: int) -> None:
    lab.accounts.create(OPERATOR, Role.REQUESTER.value, Role.REQUESTER, PASSWORD)
    lab.clock.advance(days=days)
    text = sign_in(lab_app).page("/public-cas").text
    assert (text.count("in force"), text.count("upcoming")) == (in_force, len(changes()) - in_force)


def test_the_page_is_among_the_tools_and_needs_an_account(steady: Visitor, visitor: Visitor) -> None:
    assert "/public-cas" in steady.page("/products").links
    assert visitor.get("/public-cas").status_code == 302
