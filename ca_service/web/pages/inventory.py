"""The list of certificates: its filters, its pages, and all of it as CSV."""

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
    """A filter that is often wanted; `text` is what the search is once it is pressed: with it, or without."""

    name: str
    is_on: bool
    text: str


@blueprint.get("/certificates")
@needs(Action.READ)
def certificates() -> ResponseReturnValue:
    """The list, page by page; a filter that cannot be read is shown as it was typed, with what is wrong."""
    text = typed()
    query = CertificateQuery(
        text=text, sort=_sort(text), cursor=request.args.get("cursor", "")[:1000], limit=_PAGE_SIZE
    )
    try:
        return _list_page(query, installation().inventory.list_certificates(actor(), query))
    except InvalidInput as error:
        return _list_page(query, _NOTHING, error.findings), status_of(error)


def typed() -> str:
    """What was typed as a filter; a character more than there may be, so that too much is told and not cut off."""
    return request.args.get("q", "")[: MAX_LENGTH + 1]


def _sort(text: str) -> Sort:
    """As asked; who looks for ends wants the first of them first."""
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
    """The chips above a list that is searched for this."""
    return [_chip(name, text) for name in _CHIPS]


def _chip(name: str, text: str) -> Chip:
    """Pressing one takes another that it would contradict away."""
    words, own = text.split(), _CHIPS[name]
    is_on = set(own) <= set(words) and (name != "active" or not set(_CHIPS["soon"]) <= set(words))
    kinds = {word.partition(":")[0] for word in own}
    rest = [word for word in words if word not in own and (is_on or word.partition(":")[0] not in kinds)]
    return Chip(name, is_on, " ".join(rest if is_on else (*rest, *own)))


@blueprint.get("/certificates.csv")
@needs(Action.READ)
def certificates_csv() -> Response:
    """All of the list, in one file."""
    text = typed()
    items = installation().inventory.export(actor(), text, _sort(text))
    lines = csv_lines(items, installation().clock())
    headers = {"Content-Disposition": 'attachment; filename="certificates.csv"'}
    return Response(stream_with_context(lines), content_type="text/csv; charset=utf-8; header=present", headers=headers)
