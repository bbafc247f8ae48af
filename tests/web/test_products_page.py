"""Products: all at a glance, one in full, and an honest answer where nothing is known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from ca_service.vos.products import products
from tests.vos.test_products import actions_of
from tests.web.html import read
from tests.web.test_any_input import fields
from tests.web.visitor import Visitor


def test_the_overview_has_each_product_and_version(steady: Visitor) -> None:
    page = steady.page("/products")

    for product in products().values():
        assert f"/products?product={product.id}" in page.links
        for release in product.releases:
            assert release.label in page.text
        anchors = [link for link in page.links if link.startswith(f"/products?product={product.id}#release-")]
        assert len(anchors) == len(product.releases)
        ids = steady.page(f"/products?product={product.id}").ids
        assert {link.partition("#")[2] for link in anchors} <= set(ids)


@pytest.mark.parametrize("product", products().values(), ids=lambda product: product.id)
def test_a_product_is_told_in_full_with_its_sources(steady: Visitor, product: Any) -> None:
    text = steady.page(f"/products?product={product.id}").text

    for release in product.releases:
        facts = (release.uses, *release.warnings, *(port.fact for port in release.ports))
        actions = (*actions_of(release), *release.cautions)
        for fact in (*facts, *(action.fact for action in actions)):
            assert " ".join(fact.text.replace("`", "").split()) in text
        for action in actions:
            assert action.title.replace("{node}", "the node") in text
            assert not action.effect or " ".join(action.effect.users.replace("`", "").split()) in text
        for line in (line for action in actions for line in action.commands):
            assert line in text
    assert "Source" in text


def test_a_version_shows_what_holds_for_it_alone(steady: Visitor) -> None:
    text = steady.page("/products?product=uccx&version=12.5(1)SU3").text

    assert "This leaf will not be used on UCCX 11.6 to 12.5" in text
    assert "set tls server cert_type ecdsa reboots" not in text
    assert "UCCX 15.0" not in text.replace("documented for UCCX 15.0", "")


def test_what_is_inferred_is_marked(steady: Visitor) -> None:
    assert "Not confirmed by Cisco\u2019s documents." in steady.page("/products?product=cer").text


def test_a_version_that_nothing_is_known_of_is_answered_honestly(steady: Visitor) -> None:
    text = steady.page("/products?product=uccx&version=10.6").text

    assert "do not cover UCCX 10.6" in text
    assert "Try one node first." in text
    newer = steady.page("/products?product=uccx&version=99").text
    assert "UCCX 99 is newer than what was read (15.0). Assumed for it:" in newer


@pytest.mark.parametrize(
    ("query", "rule"), [("product=pbx", "product.unknown"), ("product=uccx&version=new", "version.unknown")]
)
def test_what_is_none_is_refused_with_what_there_is(steady: Visitor, query: str, rule: str) -> None:
    answer = steady.get(f"/products?{query}")

    assert (answer.status_code, read(answer.text).blocking) == (400, [rule])


def test_nobody_looks_without_an_account(visitor: Visitor) -> None:
    assert visitor.get("/products").status_code == 302


@settings(max_examples=40)
@given(fields("product", "version"))
def test_the_address_takes_anything(steady: Visitor, query: dict[str, Any]) -> None:
    assert steady.get("/products", query_string=query).status_code in (200, 400)
