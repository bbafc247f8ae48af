"""The list of certificates: its order, its search, its pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from itertools import chain

import pytest
from flask import Flask

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.pki.reasons import Reason
from ca_service.web.pages.inventory import chips_of
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
    return serials_in(visitor.page(f"/certificates{query}").links)


def serials_in(links: Sequence[str]) -> list[str]:
    """The serial numbers of the certificates to which these links lead."""
    found = (link.removeprefix("/certificates/") for link in links if link.startswith("/certificates/"))
    return [serial for serial in found if serial != "expiry"]


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
    assert "No matches." in requester.page("/certificates?q=nowhere").text


def test_what_was_searched_for_stays_in_the_form(requester: Visitor) -> None:
    assert requester.page("/certificates?q=%3Cb%3Enode").values("q") == ["<b>node"]


def test_the_list_goes_on_page_by_page_in_every_order(requester: Visitor, installation: Installation) -> None:
    serials = {issue(installation, UCCX_PUBLISHER, new=True)[0] for _ in range(102)}

    faults = []
    for sort in ("newest", "oldest", "expires", "expires-desc", "host", "host-desc"):
        pages = pages_of(requester, f"?sort={sort}&q=uccx1")
        if [len(each) for each in pages] != [50, 50, 2] or {*chain(*pages)} != serials:
            faults.append((sort, pages))
    assert faults == []


def pages_of(visitor: Visitor, query: str) -> list[list[str]]:
    """The serial numbers of each page, from this one to the last."""
    found = []
    while query:
        links = visitor.page(f"/certificates{query}").links
        found.append(serials_in(links))
        query = next((link.removeprefix("/certificates") for link in links if "cursor=" in link), "")
    return found


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


# Filters


def test_a_filter_narrows_the_list_and_puts_the_first_end_first(requester: Visitor, installation: Installation) -> None:
    long = issue(installation, UCCX_PUBLISHER)
    short = (
        installation.issuance.issue(OPERATOR, [SOCIALMINER.data], Options(validity_days=10))
        .certificates[0]
        .serial_number
    )
    assert listed(requester, "?q=expires<30d+status:active") == [short]
    assert listed(requester, "?q=expires>0d") == [short, *long]
    assert listed(requester, "?q=expires>0d&sort=oldest") == [*long, short]
    assert listed(requester, "?q=status:expired") == []


def test_a_wrong_filter_is_told_and_what_was_typed_stays(requester: Visitor) -> None:
    answer = requester.get("/certificates", query_string={"q": "state:active uccx expires<z"})
    page = read(answer.text)
    assert answer.status_code == 400
    assert page.blocking == ["filter.unknown", "filter.expires"]
    assert page.values("q") == ["state:active uccx expires<z"]


def test_a_search_that_is_too_long_is_told_and_not_cut_off_silently(requester: Visitor) -> None:
    answer = requester.get("/certificates", query_string={"q": "x" * 300})
    assert (answer.status_code, read(answer.text).blocking) == (400, ["filter.too-long"])


@pytest.mark.parametrize("text", ["\x00", "'", '"', "%", "\\", "a\x00b", "(", "*"])
def test_no_character_is_a_fault(requester: Visitor, installation: Installation, text: str) -> None:
    issue(installation, UCCX_PUBLISHER)
    assert requester.get("/certificates", query_string={"q": f"{text}{text}{text}"}).status_code == 200


@pytest.mark.parametrize(
    ("text", "chip", "then"),
    [
        ("", "soon", "expires<30d status:active"),
        ("uccx", "active", "uccx status:active"),
        ("uccx status:active", "active", "uccx"),
        ("uccx expires<30d status:active", "soon", "uccx"),
        ("status:active profile:vos", "revoked", "profile:vos status:revoked"),
        ("expires<30d status:active", "vos", "expires<30d status:active profile:vos"),
    ],
)
def test_a_chip_puts_its_filter_into_the_search_or_takes_it_out(text: str, chip: str, then: str) -> None:
    (found,) = (each for each in chips_of(text) if each.name == chip)
    assert found.text == then


def test_a_chip_that_counts_is_marked() -> None:
    assert [each.name for each in chips_of("uccx expires<30d status:active profile:vos") if each.is_on] == [
        "soon",
        "vos",
    ]


def test_what_is_revoked_or_on_hold_is_marked(requester: Visitor, installation: Installation) -> None:
    bad, held = (issue(installation, each)[0] for each in (UCCX_PUBLISHER, SOCIALMINER))
    installation.revocation.revoke(OPERATOR, Selection((bad,)), Reason.SUPERSEDED)
    installation.revocation.revoke(OPERATOR, Selection((held,)), Reason.CERTIFICATE_HOLD)
    text = requester.get("/certificates?q=status:revoked,held&sort=oldest").text
    assert listed(requester, "?q=status:revoked,held&sort=oldest") == [bad, held]
    assert ">revoked</span>" in text
    assert ">on hold</span>" in text


# Heads, names, selections


def test_a_head_sorts_and_says_how_the_list_is_sorted(requester: Visitor, installation: Installation) -> None:
    issue(installation, UCCX_PUBLISHER)
    source = requester.get("/certificates?q=uccx1").text
    assert '<th scope="col" aria-sort="descending"><a href="/certificates?q=uccx1&amp;sort=oldest">Issued' in source
    assert '<th scope="col"><a href="/certificates?q=uccx1&amp;sort=expires">Valid until' in source
    for sort, following, order in (("host", "host-desc", "ascending"), ("host-desc", "host", "descending")):
        source = requester.get(f"/certificates?sort={sort}").text
        assert f'aria-sort="{order}"><a href="/certificates?sort={following}">Host' in source


def test_names_stand_without_their_type_and_without_the_host(requester: Visitor, installation: Installation) -> None:
    issue(installation, CUCM_MULTI)
    text = requester.page("/certificates").text
    assert "DNS:" not in text
    assert "example.com, cucm2.example.com +1" in text


def test_the_filters_are_offered_behind_what_was_typed(requester: Visitor) -> None:
    source = requester.get("/certificates?q=uccx+status:active").text
    assert '<option value="uccx status:active expires&lt;30d">expires within 30 days</option>' in source
    assert "status:active status:active" not in source


@pytest.mark.parametrize(("role", "actions"), [(Role.AUDITOR, 2), (Role.REQUESTER, 3), (Role.ADMINISTRATOR, 4)])
def test_the_selected_ones_can_be_handled_together(
    installation: Installation, signed_in: Callable[[Role], Visitor], role: Role, actions: int
) -> None:
    [serial] = issue(installation, UCCX_PUBLISHER)
    source = signed_in(role).get("/certificates").text
    assert f'name="serial" value="{serial}"' in source
    found = [part.split('"')[0] for part in source.split('formaction="')[1:]]
    assert found == ["/issued/download", "/issued", "/certificates/renew", "/revoke"][:actions]


# CSV


def test_the_list_is_had_as_csv_with_all_its_pages(requester: Visitor, installation: Installation) -> None:
    for _ in range(52):
        issue(installation, UCCX_PUBLISHER, new=True)
    issue(installation, SOCIALMINER)
    answer = requester.get("/certificates.csv?q=host:uccx")
    header, *lines = csv.reader(io.StringIO(answer.text, newline=""))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="certificates.csv"'
    assert header[:3] == ["host", "status", "not_after"]
    assert {(line[0], line[1]) for line in lines} == {("uccx1.example.com", "active")}
    assert len(lines) == 52
    assert "/certificates.csv?q=host:uccx&sort=newest" in requester.page("/certificates?q=host:uccx").links


def test_a_wrong_filter_is_no_csv(requester: Visitor) -> None:
    answer = requester.get("/certificates.csv?q=status:x")
    assert (answer.status_code, read(answer.text).blocking) == (400, ["filter.value"])
