"""The authority page for signed-in users."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.web.context import base_url, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.views import decode


@blueprint.get("/authority")
@needs(Action.READ)
def authority() -> ResponseReturnValue:
    """Show root and intermediate with fingerprints and downloads, and whether the root key is offline."""
    hierarchy = installation().hierarchy
    active = hierarchy.active()
    root = next(record for record in hierarchy.list_issuers() if record.role == "root")
    return render_template(
        "authority.html",
        chain=[decode(certificate) for certificate in reversed(active.chain)],
        root_is_online=root.key_id is not None,
        public_url=f"{base_url()}/ca/",
    )
