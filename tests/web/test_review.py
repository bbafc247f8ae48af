"""The review of many CSRs: a table, with the refused ones first and what is the same in all once."""

from __future__ import annotations

from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from tests.support.factories import OPERATOR
from tests.support.requests import CUCM_14SU2, JUNK_COUNTRY, SOCIALMINER, THREE_NODES, UCCX_PUBLISHER, UCCX_SUBSCRIBER
from tests.web.html import read
from tests.web.visitor import Visitor, upload

GARBAGE = ("garbage.csr", b"hello")


def test_two_csrs_are_cards_and_three_a_table(requester: Visitor) -> None:
    assert '<table class="stack">' not in requester.check(*map(upload, THREE_NODES[:2])).text
    assert '<table class="stack">' in requester.check(*map(upload, THREE_NODES)).text


def test_the_refused_ones_are_counted_named_and_first(requester: Visitor) -> None:
    answer = requester.check(upload(UCCX_PUBLISHER), GARBAGE, upload(UCCX_SUBSCRIBER), upload(CUCM_14SU2)).text
    page = read(answer)

    assert "2 can be signed , 2 refused : garbage.csr , cucm1.example.com" in page.text
    assert {"#row-0", "#row-1"} <= set(page.links)
    assert answer.index('id="row-1"') < answer.index('value="0" checked')
    assert page.blocking == ["csr.unreadable", "csr.key.p521"]


def test_what_is_the_same_in_all_that_can_be_signed_stands_once(requester: Visitor) -> None:
    answer = requester.check(upload(UCCX_PUBLISHER), upload(UCCX_SUBSCRIBER), upload(CUCM_14SU2)).text
    same = answer[answer.index("The same in all") : answer.index("<thead>")]

    for part in ("Beispiel &amp; Söhne", "EC P-384, SHA-384", "keyAgreement", ">DNS</small> example.com"):
        assert part in same
    assert "uccx1" not in same
    rows = answer[answer.index("<thead>") :]
    assert rows.count("EC P-521, SHA-512") == 1
    assert "EC P-384, SHA-384" not in rows


def test_the_order_of_the_rows_does_not_change_what_is_signed(requester: Visitor, installation: Installation) -> None:
    review = read(requester.check(upload(CUCM_14SU2), upload(UCCX_PUBLISHER), GARBAGE, upload(SOCIALMINER)).text)
    assert review.values("label") == ["cucm1-14su2.csr", "uccx1.csr", "sm1.csr"]

    assert requester.sign(review, include=["2"]).status_code == 303

    found = installation.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates
    assert [each.host for each in found] == ["sm1.example.com"]


def test_a_product_for_all_holds_where_none_is_chosen(requester: Visitor) -> None:
    review = read(requester.check(*map(upload, THREE_NODES)).text)
    fields = dict.fromkeys(("product-all", "version-all")) | {"product-all": "uccx", "version-all": "12.5"}

    again = read(
        requester.post("/", _all(review.fields) | fields | {"product-2": "socialminer", "version-2": "11.5"}).text
    )

    assert [again.values(f"product-{number}") for number in range(3)] == [["uccx"], ["uccx"], ["socialminer"]]
    assert [again.values(f"version-{number}") for number in range(3)] == [["12.5"], ["12.5"], ["11.5"]]


def _all(fields: list[tuple[str, str]]) -> dict[str, list[str]]:
    found = dict[str, list[str]]()
    for name, value in fields:
        if name not in ("csr", "csrf_token"):
            found.setdefault(name, []).append(value)
    return found


def test_many_refused_ones_are_told_in_their_rows_and_fixed_in_their_details(requester: Visitor) -> None:
    files = [(f"{number}.csr", b"request %d" % number) for number in range(6)]
    answer = requester.check(*files, upload(UCCX_PUBLISHER)).text

    assert "1 can be signed" in answer
    assert answer.count('<details class="opened">') == 7
    assert "+1" in answer[answer.index("6 refused") : answer.index("</h2>", answer.index("6 refused"))]


def test_the_button_says_what_it_is_doing(requester: Visitor) -> None:
    answer = requester.check(*map(upload, THREE_NODES), upload(JUNK_COUNTRY)).text

    assert 'data-busy="Signing 4 certificates …"' in answer
