"""The API, shown to a person: each operation with a curl line that works here."""

from __future__ import annotations

from typing import Any

from flask import current_app, render_template
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import SCOPES
from ca_service.web.api.operations import OPERATIONS, Operation
from ca_service.web.context import base_url, public
from ca_service.web.pages import blueprint


@blueprint.get("/api")
@public
def api_guide() -> ResponseReturnValue:
    """What scripts can do, and with which scope of a token."""
    scopes = {operation.id: _scopes(operation) for operation in OPERATIONS}
    return render_template("api_guide.html", operations=OPERATIONS, scopes=scopes, base_url=base_url())


def _scopes(operation: Operation) -> tuple[str, ...]:
    """The scopes that open an operation, by what its view declares; none where every token may, or everybody."""
    adapter = current_app.url_map.bind("")
    endpoint, _ = adapter.match(operation.path.replace("{", "").replace("}", ""), method=operation.method)
    view: Any = current_app.view_functions[str(endpoint)]
    return tuple(name for name, scope in SCOPES.items() if view.action in scope.actions)
