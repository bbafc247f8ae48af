"""The list of certificates: its order, its search, its pages."""

from __future__ import annotations

import pytest
from flask import Flask

from ca_service.authority.installation import Installation
from ca_service.authority.registration import Options
from tests.support.factories import OPERATOR, Lab
from tests.support.requests import CUCM_MULTI, SOCIALMINER, UCCX_PUBLISHER, UCCX_SUBSCRIBER, Request
from tests.web.html import read
from tests.web.visitor import Visitor, visit


def issue(installation: Installation, *requests: Request, new: bool = False) -> list[str]:
    issued = installation.issuance.issue(OPERATOR, [each.data for each in requests], Options(new=new))
    return [record.serial_number for record in issued.certificates]


def test_the_list_is_empty_at_first_and_says_what_to_do(requester: Visitor) -> None:
    assert "Sign the first one" in requester.page("/certificates").text


def listed(visitor: Visitor, query: str) -> list[str]:
    """The serial numbers in the list, in their order."""
    links = visitor.page(f"/certificates{query}").links
    return [link.removeprefix("/certificates/") for link in links if link.startswith("/certificates/")]


def test_the_list_can_be_put_in_order(requester: Visitor, installation: Installation) -> None:
    uccx2, uccx1, sm1 = (issue(installation, each)[0] for each in (UCCX_SUBSCRIBER, UCCX_PUBLISHER, SOCIALMINER))

    assert listed(requester, "") == [sm1, uccx1, uccx2]
    assert listed(requester, "?sort=newest") == [sm1, uccx1, uccx2]
    assert listed(requester, "?sort=oldest") == [uccx2, uccx1, sm1]
    assert listed(requester, "?sort=host") == [sm1, uccx1, uccx2]
    assert listed(requester, "?sort=nonsense") == [sm1, uccx1, uccx2]


def test_the_list_can_be_searched_by_name_and_serial_number(requester: Visitor, installation: Installation) -> None:
    uccx1, sm1, cucm = (issue(installation, each)[0] for each in (UCCX_PUBLISHER, SOCIALMINER, CUCM_MULTI))

    assert listed(requester, "?q=UCCX1") == [uccx1]
    assert listed(requester, "?q=imp1.example") == [cucm]
    assert listed(requester, f"?q={sm1[:12].upper()}") == [sm1]
    assert listed(requester, "?q=%25") == []
    assert "Nothing matches." in requester.page("/certificates?q=nowhere").text


def test_what_was_searched_for_stays_in_the_form(requester: Visitor) -> None:
    assert requester.page("/certificates?q=%3Cb%3Enode").values("q") == ["<b>node"]


@pytest.mark.parametrize("sort", ["newest", "oldest", "expires", "host"])
def test_the_list_goes_on_page_by_page(requester: Visitor, installation: Installation, sort: str) -> None:
    for _ in range(102):
        issue(installation, UCCX_PUBLISHER, new=True)

    query, found = f"?sort={sort}&q=uccx1", list[str]()
    for size in (50, 50, 2):
        page = requester.page(f"/certificates{query}")
        serials = listed(requester, query)
        assert len(serials) == size
        found += serials
        query = next((link.removeprefix("/certificates") for link in page.links if "cursor=" in link), "")
    assert query == ""
    assert len(set(found)) == 102


@pytest.mark.parametrize("cursor", ["forged", "!", "\u00e4", "AAAA", "bmV3ZXN0IC0xIDA", "x" * 2000, "aG9zdCAxIGE"])
def test_a_forged_cursor_is_refused(requester: Visitor, cursor: str) -> None:
    answer = requester.get("/certificates", query_string={"cursor": cursor, "sort": "newest"})

    assert answer.status_code == 400
    assert read(answer.text).blocking == ["list.cursor"]


def test_the_list_warns_of_an_end_that_is_near_or_past(
    lab: Lab, lab_installation: Installation, lab_app: Flask
) -> None:
    issue(lab_installation, UCCX_PUBLISHER)
    lab_installation.accounts.create_first(
        str(lab_installation.accounts.make_setup_link()), "vera", "four random words"
    )
    visitor = visit(lab_app)
    visitor.sign_in("vera", "four random words")

    for days, text in ((0, "396 days left"), (367, "29 days left"), (28, "1 day left"), (2, "expired")):
        lab.clock.advance(days=days)
        assert text in visitor.page("/certificates").text
