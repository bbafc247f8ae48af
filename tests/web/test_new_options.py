"""The options of the form for new certificates: profile, lifetime, host name."""

from __future__ import annotations

import pytest

from ca_service.authority.installation import Installation
from ca_service.authority.records import CertificateQuery, CertificateRecord
from tests.support.factories import OPERATOR
from tests.support.requests import BLANK_PARENT_DOMAIN, SOCIALMINER, UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import Visitor, upload


def stored(installation: Installation) -> tuple[CertificateRecord, ...]:
    return installation.issuance.list_certificates(OPERATOR, CertificateQuery()).items


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
    assert read(answer.text).blocking == ["option.value"]


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
