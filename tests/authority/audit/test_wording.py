"""Every event has its words: a category, a sentence, what it is about."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest

from ca_service.authority.audit.events import Event
from ca_service.authority.audit.wording import (
    WORDING,
    About,
    Category,
    events_about,
    events_of,
    sentence_of,
    wording_of,
)
from tests.support.factories import event
from tests.support.record import recorded


def test_every_event_has_its_words_and_nothing_else_has() -> None:
    assert {str(name) for name in WORDING} == {each.value for each in Event}


@pytest.mark.parametrize("name", Event)
def test_a_sentence_is_one_and_speaks_of_the_event_and_not_of_who_did_it(name: Event) -> None:
    sentence = WORDING[name].sentence
    assert sentence.endswith((".", "…"))
    fields = {field for _, field, _, _ in string.Formatter().parse(sentence) if field}
    assert all(field.isidentifier() for field in fields)
    assert "actor" not in fields


@pytest.mark.parametrize("category", Category)
def test_every_category_has_events_and_every_event_one_category(category: Category) -> None:
    assert events_of(category)
    assert sum((events_of(each) for each in Category), ()) == tuple(
        str(name) for each in Category for name in WORDING if WORDING[name].category is each
    )
    assert sorted(sum((events_about(each) for each in About), ())) == sorted(each.value for each in Event)


def test_a_sentence_is_filled_in_after_it_was_translated() -> None:
    said = sentence_of(recorded(event("vera", Event.SIGNED_IN), 1))
    assert said == "vera signed in."
    assert said.translated(lambda text: text.replace("signed in", "kam")) == "vera kam."


def test_what_an_event_does_not_tell_is_left_open() -> None:
    assert sentence_of(recorded(event("1f", Event.CERTIFICATE_ISSUED), 1)) == "A certificate for ? was issued."


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"role": "administrator"}, "The role of anna was changed to administrator."),
        ({"access": "disabled"}, "The account anna was disabled."),
        ({}, "The account anna was changed."),
    ],
)
def test_a_change_of_an_account_says_what_was_changed(details: dict[str, str], said: str) -> None:
    changed = replace(recorded(event("anna", Event.ACCOUNT_CHANGED), 1), details=details)
    assert sentence_of(changed) == said
    assert wording_of(changed).about is About.ACCOUNT


def test_an_event_that_this_program_does_not_know_can_be_shown() -> None:
    strange = replace(recorded(event("x"), 1), event="of.tomorrow")
    assert "does not know: x" in sentence_of(strange)
    assert wording_of(strange).about is About.NOTHING
