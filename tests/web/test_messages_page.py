"""Error messages: a message is pasted, its cause and the next steps are read, and the address passed on."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings

from ca_service.vos.messages import Kind, Message, all_messages, explain
from ca_service.web.pages.reference import MAX_LENGTH
from tests.web.html import read
from tests.web.test_any_input import fields
from tests.web.visitor import Visitor

SAN = "CSR SAN and Certificate SAN does not match"


def answers(source: str) -> list[str]:
    """The parts of the page that explain what was pasted."""
    return [part.split("</article>")[0] for part in source.split('<article class="card answer"')[1:]]


@pytest.mark.parametrize("message", all_messages(), ids=lambda message: message.id)
def test_a_message_is_answered_with_cause_steps_and_sources(steady: Visitor, message: Message) -> None:
    (answer,) = answers(steady.get(f"/messages?message={quote(message.printed[0])}").text)
    text = read(f"<div {answer}</div>").text

    assert message.title in text
    assert message.cause.text in text
    assert all(step.text in text for step in message.next)
    assert "Source" in text


def test_every_page_that_a_message_names_is_there(steady: Visitor) -> None:
    texts = [fact.text for message in all_messages() for fact in (message.cause, *message.next)]
    named = {name for text in texts for name in re.findall(r"the page “([^”]+)”", text)}
    source = steady.get("/messages").text

    assert len(named) == 3
    assert [name for name in named if f">{name}</a>" not in source] == []


def test_several_messages_are_answered_in_the_order_of_how_well_they_match(steady: Visitor) -> None:
    text = f"HSTS, and {SAN}"

    found = answers(steady.get(f"/messages?message={quote(text)}").text)

    assert [title in part for title, part in zip(("names of certificate", "who signed"), found, strict=True)] == [
        True
    ] * 2
    assert [each.message.id for each in explain(text)] == ["san-mismatch", "firefox-issuer"]


def test_what_was_pasted_stays_in_the_field(steady: Visitor) -> None:
    assert f">{SAN}</textarea>" in steady.get(f"/messages?message={quote(SAN)}").text


def test_markup_that_is_pasted_stays_text(steady: Visitor) -> None:
    source = steady.get(f"/messages?message={quote('</textarea><script>x</script>')}").text

    assert "<script>x" not in source
    assert "&lt;script&gt;x" in source


def test_other_parts_by_which_a_message_is_known_are_shown(steady: Visitor) -> None:
    (answer,) = answers(steady.get("/messages?message=HSTS").text)

    assert "Also shown as" in answer
    assert "<code>HSTS</code>" in answer


@pytest.mark.parametrize(
    ("message", "link"),
    [
        ("CAA1015", "pages.fit"),
        ("HSTS", "pages.agents"),
        ("Certificate Uploaded", "pages.products"),
        ("CAA1017", "pages.new"),
    ],
)
def test_each_answer_leads_to_where_it_goes_on(steady: Visitor, app: Any, message: str, link: str) -> None:
    (answer,) = answers(steady.get(f"/messages?message={quote(message)}").text)
    with app.test_request_context():
        target = app.url_for(link, _external=False)

    assert f'<a class="button" href="{target}">' in answer


def test_an_answer_that_needs_no_other_page_has_no_button(steady: Visitor) -> None:
    (answer,) = answers(steady.get("/messages?message=CMPlatform+Realm").text)

    assert "button" not in answer


def test_what_is_inferred_is_marked(steady: Visitor) -> None:
    (answer,) = answers(steady.get(f"/messages?message={quote(SAN)}").text)

    assert answer.count("Not confirmed by Cisco\u2019s documents.") == 1


def test_an_unknown_message_is_admitted_and_leads_to_the_list_and_the_check(steady: Visitor) -> None:
    page = steady.page("/messages?message=the+network+is+down")

    assert "This text contains no known message." in page.text
    assert f"All known messages {len(all_messages())}" in page.text


def test_an_empty_field_says_nothing_about_it(steady: Visitor) -> None:
    for path in ("/messages", "/messages?message=", "/messages?message=+%0D%0A"):
        assert "Nothing in this text" not in steady.page(path).text


def test_the_list_holds_every_message(steady: Visitor) -> None:
    text = steady.page("/messages").text

    for message in all_messages():
        assert f"{message.printed[0]} {message.title}" in text


def test_the_list_can_be_searched(steady: Visitor) -> None:
    page = steady.page("/messages?q=Chrome+58")

    assert f"1 / {len(all_messages())}" in page.text
    assert "NET::ERR_CERT_COMMON_NAME_INVALID" in page.text
    assert "CAA1015" not in page.text
    assert "/messages#all" in page.links


def test_a_search_that_finds_nothing_says_so(steady: Visitor) -> None:
    assert "No message matches." in steady.page("/messages?q=no+such+words").text


def test_a_text_of_the_longest_length_is_looked_at_whatever_its_line_ends(steady: Visitor) -> None:
    text = f"{SAN}\r\n" + "x" * (MAX_LENGTH - len(SAN) - 1)

    assert len(answers(steady.get("/messages", query_string={"message": text}).text)) == 1


def test_a_longer_text_is_refused_with_what_to_do_and_stays_to_be_shortened(steady: Visitor) -> None:
    answer = steady.get("/messages", query_string={"message": SAN + "x" * MAX_LENGTH})

    page = read(answer.text)
    assert answer.status_code == 400
    assert page.blocking == ["message.too-long"]
    assert "Give only the lines with the message." in page.text
    assert f">{SAN}xxx" in answer.text
    assert "Nothing in this text" not in page.text
    assert answers(answer.text) == []


def test_nobody_looks_without_an_account(visitor: Visitor) -> None:
    assert visitor.get("/messages").status_code == 302


@settings(max_examples=60)
@given(fields("message", "q"))
def test_the_address_takes_anything(steady: Visitor, query: dict[str, Any]) -> None:
    answer = steady.get("/messages", query_string=query)

    assert answer.status_code == 200
    read(answer.text)


def test_a_search_opens_the_kinds_that_have_what_it_finds(steady: Visitor) -> None:
    assert steady.get("/messages").text.count('<details class="card fold">') == len(Kind)
    assert steady.get("/messages?q=CAA1018").text.count('<details class="card fold" open>') == 1
