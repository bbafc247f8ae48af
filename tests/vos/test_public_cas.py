"""Public CAs: every row has its sources, and the remarks about usages follow product and version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ca_service.vos.knowledge import Fact, sources
from ca_service.vos.products import find_version, products
from ca_service.vos.public_cas import (
    changes,
    client_auth_until,
    find_notice,
    missing_usages,
    needs,
    notices,
    questions,
    separates,
)


def facts() -> Iterator[Fact]:
    """Everything that is said."""
    yield from (each.fact for each in needs())
    yield from (each.fact for each in changes())
    yield from (each.fact for each in notices())
    yield from (answer.fact for each in questions() for answer in each.answers if answer.fact)


def test_every_row_has_sources_that_are_listed() -> None:
    for fact in facts():
        assert fact.sources, fact.text
        assert set(fact.sources) <= set(sources()), fact.text


def test_each_notice_is_its_own_source_and_names_its_first_fixed_release() -> None:
    for notice in notices():
        assert f"FN{notice.number}" in notice.fact.sources
        assert notice.number in sources()[f"FN{notice.number}"].title
        assert notice.fixed
    assert {each.number: each.fixed for each in notices()} == {
        "74345": "15SU5",
        "74382": "15.0(1)SU2",
        "74362": "X15.5",
        "74350": "IOS XE 26.1.1",
    }


def test_a_product_has_one_notice_at_most_and_its_fixed_release_can_be_compared() -> None:
    named = [each for notice in notices() for each in notice.products]
    assert len(named) == len(set(named))
    assert set(named) <= set(products())
    assert {"uccx", "socialminer", "cucm", "imp", "cuc", "cer", "finesse", "cuic"} <= set(named)
    assert all(find_version(notice.fixed) for notice in notices() if notice.products)


def test_the_lifetimes_shrink_from_date_to_date() -> None:
    dates = [each.date for each in changes()]
    assert dates == sorted(dates)
    days = [int(each.title.split()[0]) for each in changes() if each.title[0].isdigit()]
    assert days == [200, 100, 47]
    assert [each.fact.is_confirmed for each in changes() if "47" in each.title] == [False]


def test_each_question_but_the_last_leads_on() -> None:
    leads = [[answer.fact is None for answer in each.answers] for each in questions()]
    assert all(sum(each) == 1 for each in leads[:-1])
    assert not any(leads[-1])


@pytest.mark.parametrize(
    ("product", "version", "expected"),
    [
        ("cucm", "15SU5", True),
        ("cucm", "15SU4", False),
        ("cucm", "14SU5", False),
        ("cucm", "16", True),
        ("uccx", "15.0(1)SU2", True),
        ("uccx", "15.0(1)SU1", False),
        ("uccx", "12.5", False),
        ("uccx", "", False),
        ("cloudconnect", "15SU9", False),
        ("", "15SU9", False),
    ],
)
def test_the_first_fixed_release_has_separate_certificates(product: str, version: str, expected: bool) -> None:
    assert separates(product, version) is expected


def test_without_a_product_every_release_is_named() -> None:
    assert client_auth_until("uccx") == "15.0(1)SU2"
    for text in (client_auth_until(), client_auth_until("pbx")):
        assert "15SU5 (CUCM" in text
        assert "15.0(1)SU2 (UCCX" in text
        assert "X15.5" not in text


@pytest.mark.parametrize(
    ("usages", "expected"),
    [
        ((), []),
        (("serverAuth", "clientAuth"), []),
        (("serverAuth", "clientAuth", "ipsecEndSystem"), []),
        (("serverAuth",), ["usage.client-missing"]),
        (("clientAuth",), ["usage.server-missing"]),
        (("ipsecEndSystem",), ["usage.server-missing", "usage.client-missing"]),
    ],
)
def test_each_usage_that_is_missing_is_a_warning(usages: tuple[str, ...], expected: list[str]) -> None:
    found = list(missing_usages(usages))
    assert [each.rule for each in found] == expected
    assert not any(each.is_error for each in found)


def test_a_release_with_separate_certificates_needs_no_client_auth_but_server_auth() -> None:
    assert list(missing_usages(("serverAuth",), "uccx", "15.0(1)SU2")) == []
    assert [each.rule for each in missing_usages(("clientAuth",), "uccx", "15.0(1)SU2")] == ["usage.server-missing"]
    (found,) = missing_usages(("serverAuth",), "uccx", "12.5")
    assert "before 15.0(1)SU2:" in found.detail


def test_a_notice_is_found_by_the_product() -> None:
    notice = find_notice("imp")
    assert notice is not None
    assert notice.number == "74345"
    assert find_notice("mediasense") is None
