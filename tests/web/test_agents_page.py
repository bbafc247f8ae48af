"""Agent experience: an address for every combination, which shows its row and says so where there is none."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings

from ca_service.vos.experience import Signing, find_row, rows
from tests.web.html import read
from tests.web.test_any_input import fields
from tests.web.visitor import Visitor

NOT_LISTED = "Cisco\u2019s document does not list this combination."
COMBINATIONS = list(product(Signing, Signing))


def address(tomcat: Signing, tomcat_ecdsa: Signing) -> str:
    """Return the path of a combination."""
    return f"/agents?tomcat={tomcat.value}&tomcat-ecdsa={tomcat_ecdsa.value}"


def chosen(source: str) -> str:
    """Return the part of the page about the selected combination."""
    return source.split('aria-labelledby="seen"')[1].split("</section>\n\n<div")[0]


@pytest.mark.parametrize(("tomcat", "tomcat_ecdsa"), COMBINATIONS)
def test_every_combination_shows_its_row_or_says_that_there_is_none(
    steady: Visitor, tomcat: Signing, tomcat_ecdsa: Signing
) -> None:
    shown = chosen(steady.get(address(tomcat, tomcat_ecdsa)).text)
    row = find_row(tomcat, tomcat_ecdsa)

    if row:
        assert row.experience.text in shown
        assert all(step.text in shown for step in row.next)
        assert [f'class="service {cell.presented.value}"' in shown for cell in row.cells] == [True] * 5
        assert NOT_LISTED not in shown
    else:
        assert NOT_LISTED in shown
        assert "Known facts" in shown
        assert "service " not in shown


@pytest.mark.parametrize(("tomcat", "tomcat_ecdsa"), COMBINATIONS)
def test_the_form_shows_what_was_chosen(steady: Visitor, tomcat: Signing, tomcat_ecdsa: Signing) -> None:
    page = steady.page(address(tomcat, tomcat_ecdsa))

    assert (page.values("tomcat"), page.values("tomcat-ecdsa")) == ([tomcat.value], [tomcat_ecdsa.value])


def test_without_a_choice_the_page_shows_what_this_service_is_there_for(steady: Visitor) -> None:
    page = steady.page("/agents")

    assert (page.values("tomcat"), page.values("tomcat-ecdsa")) == (["rsa-ca"], ["ec-ca"])
    assert "Finesse works, with Live Data and with chat and e-mail." in page.text


def test_what_a_service_presents_is_told_in_words(steady: Visitor) -> None:
    text = steady.page(address(Signing.RSA_CA, Signing.SELF_SIGNED)).text

    assert "SocketIO Self-signed by no authority" in text
    assert "Live Data gadget does not work" in text
    assert "Chat and e-mail gadget asks the agent to accept a certificate" in text
    assert "Cannot be accepted: the browser does not allow it." in text


def test_the_whole_table_stands_below_with_an_address_for_each_row(steady: Visitor) -> None:
    page = steady.page("/agents")

    for row in rows():
        assert address(row.tomcat, row.tomcat_ecdsa) in page.links
        assert row.experience.text in page.text


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.tomcat}-{row.tomcat_ecdsa}")
def test_the_chosen_row_of_the_table_is_marked_and_no_other(steady: Visitor, row: Any) -> None:
    source = steady.get(address(row.tomcat, row.tomcat_ecdsa)).text
    marked = source.split('<tr class="chosen" aria-current="true">')

    assert len(marked) == 2
    assert row.experience.text in marked[1].split("</tr>")[0]
    assert "selected" in marked[1].split("</tr>")[0]


def test_no_row_is_marked_where_the_table_has_none(steady: Visitor) -> None:
    assert "selected" not in steady.page(address(Signing.EC_CA, Signing.EC_CA)).text


@pytest.mark.parametrize(
    ("tomcat_ecdsa", "uccx", "socialminer"),
    [
        (Signing.SELF_SIGNED, "possible for your selection", "possible for your selection"),
        (Signing.RSA_CA, "not needed for your selection", "possible for your selection"),
        (Signing.EC_CA, "not needed for your selection", "not needed for your selection"),
    ],
)
def test_the_cop_files_are_judged_for_the_choice(
    steady: Visitor, tomcat_ecdsa: Signing, uccx: str, socialminer: str
) -> None:
    text = steady.page(address(Signing.RSA_CA, tomcat_ecdsa)).text

    assert f"COP file for UCCX 11.5(1) {uccx}" in text
    assert f"COP file for SocialMiner 11.5(1) {socialminer}" in text


def test_the_cop_files_are_not_judged_where_the_table_has_no_row(steady: Visitor) -> None:
    assert "for your choice" not in steady.page(address(Signing.EC_CA, Signing.RSA_CA)).text


def test_the_page_leads_to_the_questions(steady: Visitor) -> None:
    assert "/questions" in steady.page("/agents").links


def test_what_is_inferred_is_marked(steady: Visitor) -> None:
    shown = chosen(steady.get(address(Signing.EC_CA, Signing.EC_CA)).text)

    assert shown.count("Not confirmed by Cisco\u2019s documents.") == 1


def test_the_next_step_is_always_there(steady: Visitor) -> None:
    for tomcat, tomcat_ecdsa in COMBINATIONS:
        shown = chosen(steady.get(address(tomcat, tomcat_ecdsa)).text)
        assert ">Sign tomcat-ECDSA</a>" in shown
        assert (">Show the difference</a>" in shown) is ((tomcat, tomcat_ecdsa) != (Signing.RSA_CA, Signing.EC_CA))


@pytest.mark.parametrize("name", ["tomcat", "tomcat-ecdsa"])
def test_a_value_that_says_nothing_is_refused_with_what_may_stand_there(steady: Visitor, name: str) -> None:
    answer = steady.get(f"/agents?{name}=nobody")

    assert answer.status_code == 400
    page = read(answer.text)
    assert page.blocking == ["signing.unknown"]
    assert "Use one of: self-signed, rsa-ca, ec-ca." in page.text


def test_nobody_looks_without_an_account(visitor: Visitor) -> None:
    assert visitor.get("/agents").status_code == 302


@settings(max_examples=60)
@given(fields("tomcat", "tomcat-ecdsa"))
def test_the_address_takes_anything(steady: Visitor, query: dict[str, Any]) -> None:
    assert steady.get("/agents", query_string=query).status_code in (200, 400)
