"""The options of the form for new certificates: profile, lifetime, host name."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Final

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from tests.support import pkcs10
from tests.support.factories import OPERATOR
from tests.support.requests import BLANK_PARENT_DOMAIN, SOCIALMINER, UCCX_PUBLISHER, Request, node
from tests.web.html import read
from tests.web.visitor import Visitor, upload

WILD_WITH_THE_SAME_KEY: Final = Request("wild", pkcs10.pem(node("uccx1-EC.example.com", "*.example.com").der()))


def stored(installation: Installation) -> tuple[CertificateRecord, ...]:
    return installation.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates


def test_the_options_hold_for_all_requests_and_stay_in_the_form(requester: Visitor, installation: Installation) -> None:
    options = {"profile": "server", "validity_days": "30", "add_host_name": "true"}
    review = read(requester.check(upload(UCCX_PUBLISHER), **options).text)
    assert {name: review.values(name) for name in options} == {name: [value] for name, value in options.items()}

    requester.sign(review)

    record = stored(installation)[0]
    assert record.profile == "server"
    assert (record.not_after - record.not_before).days in (29, 30)


def test_the_host_name_is_added_where_that_is_asked(requester: Visitor, installation: Installation) -> None:
    assert read(requester.check(upload(BLANK_PARENT_DOMAIN)).text).blocking == ["san.missing"]

    requester.issue(BLANK_PARENT_DOMAIN, add_host_name="true")

    assert stored(installation)[0].names == ("DNS:fin1.example.com",)


@pytest.mark.parametrize("days", ["soon", "-1", "1.5", "\u0661\u0662", "9999999", "0x10", "1 2"])
def test_a_lifetime_that_is_no_number_is_refused(requester: Visitor, days: str) -> None:
    answer = requester.check(upload(UCCX_PUBLISHER), validity_days=days)

    assert answer.status_code == 400
    assert read(answer.text).blocking == ["validity.number"]


@pytest.mark.parametrize("days", ["0", "826", "999999"])
def test_a_lifetime_that_is_not_granted_is_refused_at_every_request(requester: Visitor, days: str) -> None:
    page = read(requester.check(upload(UCCX_PUBLISHER), upload(SOCIALMINER), validity_days=days).text)

    assert page.blocking == ["validity.range", "validity.range"]


@pytest.mark.parametrize("profile", ["root", "intermediate", "nonsense", ""])
def test_a_profile_that_is_not_for_leaves_is_refused(requester: Visitor, profile: str) -> None:
    answer = requester.check(upload(UCCX_PUBLISHER), profile=profile)

    assert answer.status_code == 400
    assert read(answer.text).blocking == ["profile.unknown"]


def test_wrong_options_are_refused_when_signing_too(requester: Visitor, installation: Installation) -> None:
    review = read(requester.check(upload(UCCX_PUBLISHER)).text)

    refused = {"profile": "root", "validity_days": "soon"}
    for name, value in refused.items():
        assert requester.sign(review, **{name: value}).status_code == 400
    assert requester.sign(review, validity_days="826").status_code == 422
    assert not stored(installation)


def test_the_curl_line_of_the_result_asks_for_the_same(requester: Visitor) -> None:
    review = read(requester.check(upload(BLANK_PARENT_DOMAIN), add_host_name="true", validity_days="30").text)
    result = requester.get(requester.sign(review).headers["Location"])

    line = re.search(r"curl -fsS [^<]+", html.unescape(result.text))
    assert line is not None
    assert "format=zip&validity_days=30&add_host_name=true" in line[0]
    assert "-OJ" in line[0]


@pytest.mark.parametrize("days", ["x%22", "99999", "-1", "\u0663"])
def test_what_else_stands_in_the_address_of_the_result_is_not_repeated(requester: Visitor, days: str) -> None:
    review = read(requester.check(upload(UCCX_PUBLISHER)).text)
    address = requester.sign(review).headers["Location"]

    assert "validity_days" not in requester.get(f"{address}&validity_days={days}&new=maybe").text


def test_the_options_open_where_the_host_name_could_be_added(requester: Visitor) -> None:
    assert "<details open>" in requester.check(upload(BLANK_PARENT_DOMAIN)).text
    assert "<details open>" not in requester.check(upload(UCCX_PUBLISHER)).text


def test_who_may_not_sign_is_not_offered_to(signed_in: Callable[[Role], Visitor]) -> None:
    assert 'formaction="/sign"' in signed_in(Role.REQUESTER).check(upload(UCCX_PUBLISHER)).text
    assert 'formaction="/sign"' not in signed_in(Role.AUDITOR).check(upload(UCCX_PUBLISHER)).text


def test_a_refused_request_does_not_take_a_good_one_with_the_same_key_down(requester: Visitor) -> None:
    both = requester.check(upload(UCCX_PUBLISHER), upload(WILD_WITH_THE_SAME_KEY))

    assert read(both.text).blocking == ["san.wildcard"]
