"""Products: how each one uses certificates, as an overview and in detail."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.errors import InvalidInput
from ca_service.vos.knowledge import titles
from ca_service.vos.products import Product, Release, get_product
from ca_service.vos.products import products as all_products
from ca_service.vos.versions import version
from ca_service.web.context import needs
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of


@blueprint.get("/products")
@needs(Action.READ)
def products() -> ResponseReturnValue:
    """Show the overview; `?product=` selects a product, `?version=` one of its versions."""
    wanted, at = request.args.get("product", ""), request.args.get("version", "").strip()
    try:
        product = get_product(wanted) if wanted else None
        releases = _releases(product, at) if product else ()
    except InvalidInput as error:
        return _page(None, (), at, error), status_of(error)
    return _page(product, releases, at)


def _releases(product: Product, at: str) -> tuple[Release, ...]:
    if not at:
        return product.releases
    found = product.find_release(version(at))
    return (found,) if found else ()


def _page(product: Product | None, releases: tuple[Release, ...], at: str, error: InvalidInput | None = None) -> str:
    return render_template(
        "products.html",
        products=tuple(all_products().values()),
        product=product,
        releases=releases,
        version=at[:40],
        findings=error.findings if error else (),
        titles=titles,
    )
