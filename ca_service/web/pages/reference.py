"""Reference pages: products, agents, public authorities, questions, messages of nodes, the authority, the API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import SCOPES, Action, may
from ca_service.authority.hierarchy.hierarchy import certificate_of, issues_leaves
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.errors import InvalidInput
from ca_service.vos import experience
from ca_service.vos import public_cas as public_ca_facts
from ca_service.vos.experience import Signing, signing
from ca_service.vos.knowledge import titles
from ca_service.vos.messages import all_messages, explain, find_messages, require_length
from ca_service.vos.products import Product, Release, get_product, releases_at, unread
from ca_service.vos.products import products as all_products
from ca_service.vos.questions import find_questions
from ca_service.web.api.operation import Operation
from ca_service.web.api.operations import OPERATIONS
from ca_service.web.context import actor, base_url, installation, needs, public
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of
from ca_service.web.views import CertificateView, decode

MAX_LENGTH: Final = 2000  # characters, so that the URL with the message can be shared
_MAX_SEARCH: Final = 200


@blueprint.get("/products")
@needs(Action.READ)
def products() -> ResponseReturnValue:
    """Show the overview; `?product=` selects a product, `?version=` one of its versions."""
    wanted, at = request.args.get("product", ""), request.args.get("version", "").strip()
    try:
        product = get_product(wanted) if wanted else None
        releases = releases_at(product, at) if product else ()
    except InvalidInput as error:
        return _products_page(None, (), at, error), status_of(error)
    return _products_page(product, releases, at)


def _products_page(
    product: Product | None, releases: tuple[Release, ...], at: str, error: InvalidInput | None = None
) -> str:
    return render_template(
        "products.html",
        products=tuple(all_products().values()),
        product=product,
        releases=releases,
        wanted_version=at[:40],
        unread="" if releases or product is None else unread(product, at),
        findings=error.findings if error else (),
        titles=titles,
    )


@blueprint.get("/agents")
@needs(Action.READ)
def agents() -> ResponseReturnValue:
    """Show the selected combination; by default the one that this service produces."""
    tomcat = signing(request.args.get("tomcat", Signing.RSA_CA), "/tomcat")
    tomcat_ecdsa = signing(request.args.get("tomcat-ecdsa", Signing.EC_CA), "/tomcat-ecdsa")
    return render_template(
        "agents.html",
        tomcat=tomcat,
        tomcat_ecdsa=tomcat_ecdsa,
        row=experience.find_row(tomcat, tomcat_ecdsa),
        known=experience.known_of(tomcat, tomcat_ecdsa),
        signings=tuple(Signing),
        rows=experience.rows(),
        services=experience.services(),
        holds=experience.holds(),
        cop=experience.cop(),
        titles=titles,
    )


@blueprint.get("/questions")
@needs(Action.READ)
def questions() -> ResponseReturnValue:
    """Show the frequent questions and their answers by topic: all of them, or those that a search finds."""
    searched = request.args.get("q", "")[:_MAX_SEARCH]
    return render_template("questions.html", topics=find_questions(searched), searched=searched, titles=titles)


@blueprint.get("/public-cas")
@needs(Action.READ)
def public_cas() -> ResponseReturnValue:
    """Show what changes at public authorities, whom it concerns, and what to do."""
    return render_template(
        "public_cas.html",
        needs=public_ca_facts.needs(),
        changes=public_ca_facts.changes(),
        questions=public_ca_facts.questions(),
        notices=public_ca_facts.notices(),
        today=installation().clock().date(),
        titles=titles,
    )


@blueprint.get("/messages")
@needs(Action.READ)
def messages() -> ResponseReturnValue:
    """Explain the pasted message and list all known ones."""
    text = request.args.get("message", "").replace("\r\n", "\n").strip()
    searched = request.args.get("q", "")[:_MAX_SEARCH]
    try:
        require_length(text, "/message", MAX_LENGTH)
    except InvalidInput as error:
        return _messages_page(text[:MAX_LENGTH], searched, error), status_of(error)
    return _messages_page(text, searched)


def _messages_page(text: str, searched: str, error: InvalidInput | None = None) -> str:
    return render_template(
        "messages.html",
        text=text,
        max_length=MAX_LENGTH,
        example=all_messages()[0].printed[0],
        findings=error.findings if error else (),
        explained=() if error else explain(text),
        searched=searched,
        listed=find_messages(searched),
        total=len(all_messages()),
        titles=titles,
    )


@blueprint.get("/authority")
@needs(Action.READ)
def authority() -> ResponseReturnValue:
    """Show root and intermediates with fingerprints and downloads; to administrators, that the root key is here."""
    hierarchy = installation().hierarchy
    active, chain, records = hierarchy.active(), installation().trusted.chain(), hierarchy.list_certified()
    root = next(record for record in records if record.role == "root")
    return render_template(
        "authority.html",
        chain=[decode(certificate) for certificate in reversed(chain)],
        earlier=list(_earlier(records)),
        has_revoked=len(chain) < len(active.chain),
        root_is_online=root.key_id is not None and may(actor(), Action.STATUS),
        public_url=f"{base_url()}/ca/",
    )


@dataclass(frozen=True, slots=True)
class _Earlier:
    """An intermediate that issues no more; `is_good` unless it is revoked or on hold."""

    id: str
    view: CertificateView
    is_good: bool


def _earlier(records: Sequence[IssuerRecord]) -> Iterator[_Earlier]:
    """Yield the intermediates that issued leaves before, the newest first, as long as they are valid."""
    for record in reversed(records):
        if record.is_issuing or not issues_leaves(record, records):
            continue
        view = decode(certificate_of(record))
        if view.not_after > installation().clock():
            yield _Earlier(record.id, view, installation().trusted.is_good(record.id))


@blueprint.get("/help")
@needs(Action.READ)
def help() -> ResponseReturnValue:
    """Explain each page and the keys."""
    return render_template("help.html")


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
