"""The page of a rule, to which the `type` of a problem leads."""

from __future__ import annotations

import pytest
from flask import Flask

from ca_service.app.serving import declared_rules


def test_the_type_of_a_problem_leads_to_the_page_of_its_rule(app: Flask) -> None:
    visitor = app.test_client()
    problem = visitor.get("/api/v1/token").get_json()

    page = visitor.get(problem["type"])
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert problem["errors"][0]["rule"] in page.get_data(as_text=True)


@pytest.mark.parametrize("rule", ["csr.key.rsa", "option.unknown", "json.invalid"])
def test_a_rule_shows_its_problem(app: Flask, rule: str) -> None:
    text = app.test_client().get(f"/rules/{rule}").get_data(as_text=True)
    assert declared_rules()[rule].problem[:20] in text
    assert "{{" not in text


def test_a_rule_that_does_not_exist_is_not_found(app: Flask) -> None:
    assert app.test_client().get("/rules/no.such").status_code == 404


def test_a_finding_on_a_page_links_to_its_rule(app: Flask) -> None:
    assert 'href="/rules/rule.unknown"' in app.test_client().get("/rules/no.such").get_data(as_text=True)
