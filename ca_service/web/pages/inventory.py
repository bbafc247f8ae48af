"""The list of certificates: filters, pages, CSV export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast, get_args

from flask import Response, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.authority.inventory.csv_export import csv_lines
from ca_service.authority.inventory.language import MAX_LENGTH
from ca_service.authority.inventory.store import CertificateQuery, Page, Sort
from ca_service.errors import Finding, InvalidInput
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

SORTS: Final = get_args(Sort)
_PAGE_SIZE: Final = 50
_NOTHING: Final = Page((), "")
_CHIPS: Final = {
    "soon": ("expires<30d", "status:active"),
    "active": ("status:active",),
    "expired": ("status:expired",),
    "revoked": ("status:revoked",),
    "held": ("status:held",),
    "vos": ("profile:vos",),
    "server": ("profile:server",),
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A common filter. `text` is the search after a click: with the filter, or without it if it was on."""

    name: str
    is_on: bool
    text: str


@blueprint.get("/certificates")
@needs(Action.READ)
def certificates() -> ResponseReturnValue:
    """List the certificates. An invalid filter is shown as entered, with its error."""
    text = typed()
    query = CertificateQuery(
        text=text, sort=_sort(text), cursor=request.args.get("cursor", "")[:1000], limit=_PAGE_SIZE
    )
    try:
        return _list_page(query, installation().inventory.list_certificates(actor(), query))
    except InvalidInput as error:
        return _list_page(query, _NOTHING, error.findings), status_of(error)


def typed() -> str:
    """Return the filter as entered, cut one character above the limit, so that a longer one is reported."""
    return request.args.get("q", "")[: MAX_LENGTH + 1]


def _sort(text: str) -> Sort:
    """Return the requested order. A search for expiry dates starts with the earliest."""
    sort = request.args.get("sort", "expires" if "expires" in text else "newest")
    return cast(Sort, sort) if sort in SORTS else "newest"


def _list_page(query: CertificateQuery, page: Page, findings: tuple[Finding, ...] = ()) -> str:
    return render_template(
        "certificates.html",
        page=page,
        query=query,
        sorts=SORTS,
        chips=chips_of(query.text),
        findings=findings,
        now=installation().clock(),
    )


def chips_of(text: str) -> list[Chip]:
    """Return the common filters, switched on or off by this search."""
    return [_chip(name, text) for name in _CHIPS]


def _chip(name: str, text: str) -> Chip:
    """Return one filter. Switching it on removes filters that contradict it."""
    words, own = text.split(), _CHIPS[name]
    is_on = set(own) <= set(words) and (name != "active" or not set(_CHIPS["soon"]) <= set(words))
    kinds = {word.partition(":")[0] for word in own}
    rest = [word for word in words if word not in own and (is_on or word.partition(":")[0] not in kinds)]
    return Chip(name, is_on, " ".join(rest if is_on else (*rest, *own)))


@blueprint.get("/certificates.csv")
@needs(Action.READ)
def certificates_csv() -> Response:
    """Export the complete list as CSV."""
    text = typed()
    items = installation().inventory.export(actor(), text, _sort(text))
    lines = csv_lines(items, installation().clock())
    headers = {"Content-Disposition": 'attachment; filename="certificates.csv"'}
    return Response(stream_with_context(lines), content_type="text/csv; charset=utf-8; header=present", headers=headers)
