"""The explanation of each rule: the address in the `type` of a problem (RFC 9457) leads here."""

from __future__ import annotations

from typing import Final

from flask import render_template
from flask.typing import ResponseReturnValue

from ca_service.errors import NotFound, Rule
from ca_service.web.context import options, public
from ca_service.web.public import blueprint

RULE_UNKNOWN: Final = Rule("rule.unknown", "There is no rule {name}.", "Check the address.")
_MAX_NAME: Final = 60


@blueprint.get("/rules/<name>")
@public
def rule_page(name: str) -> ResponseReturnValue:
    """Explain the rule with this id: what is wrong, and how to fix it."""
    rule = options().rules().get(name)
    if rule is None:
        raise NotFound.because(RULE_UNKNOWN, name=name[:_MAX_NAME])
    return render_template("rule.html", rule=rule)
