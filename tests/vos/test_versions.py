"""How Cisco numbers its releases, and how facts and phrases are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.errors import InvalidInput
from ca_service.vos.knowledge import Fact, fact, titles
from ca_service.vos.phrases import phrase, sentences
from ca_service.vos.products import find_version, version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("11.5", (11, 5, 1, 0)),
        (" 12.5(1)SU6 ", (12, 5, 1, 6)),
        ("14SU2", (14, 0, 1, 2)),
        ("14.0(1)SU2", (14, 0, 1, 2)),
        ("14 su 2", (14, 0, 1, 2)),
        ("15.0(1)", (15, 0, 1, 0)),
        ("12.5(1).SU3", (12, 5, 1, 3)),
        ("15", (15, 0, 1, 0)),
    ],
)
def test_a_release_is_read(text: str, expected: tuple[int, ...]) -> None:
    assert version(text) == expected


@pytest.mark.parametrize(
    "text", ["", "eleven", "11.5.1.10000-61", "v14", "14SU", "1234", "11.5 beta", "\u0661\u0661.5x"]
)
def test_what_is_no_release_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInput, match="14SU2") as caught:
        version(text)
    assert caught.value.rule == ("version.unknown" if text else "version.missing")


def test_releases_are_in_order() -> None:
    texts = ["11.5", "11.6", "12.5", "12.5(1)", "12.5(1)SU1", "12.6", "14", "14SU1", "14SU2", "15", "15SU1"]

    assert [version(text) for text in texts] == sorted(version(text) for text in texts)


@given(st.text(max_size=30))
def test_any_text_is_a_release_or_none(text: str) -> None:
    found = find_version(text)

    assert found is None or len(found) == 4


def test_a_fact_is_confirmed_unless_it_is_marked() -> None:
    assert fact({"text": "So.", "sources": ["ADM"]}) == Fact("So.", ("ADM",))
    assert not fact({"text": "So.", "sources": ["ADM"], "inferred": True}).is_confirmed


def test_titles_come_once_each_and_only_of_sources_that_are_listed() -> None:
    assert titles(["ADM", "PORTS", "ADM"]) == (
        "CUCM Administration Guide, Manage Certificates",
        "UCCX Port Utilization Guide",
    )
    with pytest.raises(KeyError):
        titles(["hearsay"])


def test_a_phrase_is_its_english_text_and_is_translated_before_it_is_filled_in() -> None:
    found = sentences(phrase("Upload {file}.", file="a{b}.pem"), phrase("Then wait."))

    assert found == "Upload a{b}.pem. Then wait."
    assert found.translated(lambda text: text.replace("Upload", "Lade")) == ("Lade a{b}.pem. Then wait.")
