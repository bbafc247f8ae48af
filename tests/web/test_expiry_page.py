"""The page that shows what expires when."""

from __future__ import annotations

import re

import pytest

from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.web.pages.inventory import scale_of
from tests.support.factories import OPERATOR
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import Visitor

from .test_certificate_list import listed

URL = "/certificates/expiry"


@pytest.fixture
def serials(installation: Installation) -> list[str]:
    """One that ends in ten days, and one that ends after all weeks that are shown."""
    options = [(UCCX_PUBLISHER, Options(validity_days=10)), (SOCIALMINER, Options())]
    return [
        installation.issuance.issue(OPERATOR, [request.data], option).certificates[0].serial_number
        for request, option in options
    ]


def bars(visitor: Visitor, query: str = "") -> list[str]:
    """The addresses to which the bars lead, and below them what is later."""
    links = visitor.page(URL + query).links
    return list(dict.fromkeys(link for link in links if "expires" in link and link.startswith("/certificates?")))


def test_a_bar_leads_to_what_it_counts(requester: Visitor, serials: list[str]) -> None:
    soon, later = bars(requester)
    assert listed(requester, soon.removeprefix("/certificates").replace("&amp;", "&")) == serials[:1]
    assert listed(requester, later.removeprefix("/certificates").replace("&amp;", "&")) == serials[1:]


@pytest.mark.usefixtures("serials")
def test_the_picture_is_told_in_words_as_well(requester: Visitor) -> None:
    text = requester.get(URL).text
    assert re.search(r'<svg[^>]*aria-labelledby="chart-title chart-text"', text)
    assert re.search(r'<a [^>]*aria-label="1 certificate, week of \d{4}-\d\d-\d\d"', text)
    assert len(re.findall(r"<tr><th scope=.row.>", text)) == 27
    assert "style=" not in text


def test_the_next_ones_come_with_what_to_do(requester: Visitor, serials: list[str]) -> None:
    text = requester.get(URL).text
    assert text.index(serials[0]) < text.index(serials[1])
    assert "Create a new CSR on the node" in text
    assert "Example Lab" in text


@pytest.mark.usefixtures("serials")
def test_a_filter_is_kept_in_the_bars(requester: Visitor) -> None:
    (later,) = bars(requester, "?q=host:sm1")
    assert "q=host:sm1+status:active" in later
    assert requester.page(f"{URL}?q=host:sm1").values("q") == ["host:sm1"]


def test_an_empty_board_says_so(requester: Visitor) -> None:
    assert "There are no certificates yet." in requester.page(URL).text
    assert "No matching certificate expires" in requester.page(f"{URL}?q=nowhere").text


@pytest.mark.usefixtures("serials")
def test_a_chart_without_a_bar_is_one_line_with_what_is_later(requester: Visitor) -> None:
    answer = requester.get(f"{URL}?q=host:sm1")
    assert "<svg" not in answer.text.split("<main")[1]
    assert re.search(r"Nothing expires within 26 weeks\. \d{4}-\d\d-\d\d or later: 1 ", read(answer.text).text)
    assert "Nothing expires" not in requester.page(URL).text


def test_a_wrong_filter_is_told_and_stays(requester: Visitor) -> None:
    answer = requester.get(URL, query_string={"q": "state:x"})
    assert (answer.status_code, read(answer.text).blocking, read(answer.text).values("q")) == (
        400,
        ["filter.unknown"],
        ["state:x"],
    )


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 1), (1, 1), (2, 2), (3, 4), (5, 10), (10, 10), (11, 20), (40, 40), (41, 100), (12345, 20000)],
)
def test_the_scale_ends_at_a_round_number_above_the_highest(highest: int, top: int) -> None:
    assert scale_of(highest) == top
