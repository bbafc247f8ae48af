"""The API, shown to a person: each operation with a curl line that works here."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from ca_service.web.api.operations import OPERATIONS
from ca_service.web.context import base_url, public
from ca_service.web.pages import blueprint


@blueprint.get("/api")
@public
def api_guide() -> ResponseReturnValue:
    """What scripts can do."""
    return render_template("api_guide.html", operations=OPERATIONS, base_url=base_url())
