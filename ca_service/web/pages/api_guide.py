"""The API guide: each operation with a curl command for this service."""

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
    """Show the operations and the token scopes that they need."""
    scopes = {operation.id: _scopes(operation) for operation in OPERATIONS}
    return render_template("api_guide.html", operations=OPERATIONS, scopes=scopes, base_url=base_url())


def _scopes(operation: Operation) -> tuple[str, ...]:
    """Return the scopes that allow an operation, read from its view. Empty if every token or the public may use it."""
    adapter = current_app.url_map.bind("")
    endpoint, _ = adapter.match(operation.path.replace("{", "").replace("}", ""), method=operation.method)
    view: Any = current_app.view_functions[str(endpoint)]
    return tuple(name for name, scope in SCOPES.items() if view.action in scope.actions)
