"""`products`: what is known of Cisco's products, by version. `matrix`: what agents see, by two signers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from ca_service.cli.console import table
from ca_service.cli.explain import fact_text
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, pass_session
from ca_service.documents.experience import MatrixDocument
from ca_service.documents.knowledge import ProductDocument, ProductsDocument
from ca_service.vos.experience import Signing, find_row, known_of, signing
from ca_service.vos.knowledge import titles
from ca_service.vos.products import EVERY_NODE, Action, Product, Release, get_product, releases_at, unread
from ca_service.vos.products import products as all_products

_KINDS = (
    ("Read first", "cautions"),
    ("Trust everywhere: after the upload to the trust store", "settles"),
    ("Trust everywhere: peers", "peers"),
    ("Certificate: before the upload", "prepare"),
    ("Activate: settings", "switches"),
    ("Activate: restarts, in this order", "restarts"),
    ("Activate: after the restarts", "restore"),
    ("Verify", "checks"),
)
_SIGNERS = ", ".join(Signing)


@declare("products", "ca-service products", "ca-service products uccx", "ca-service products cucm 14SU2 --json")
@click.argument("product", required=False, default="", metavar="[PRODUCT]")
@click.argument("version", required=False, default="", metavar="[VERSION]")
@pass_session
def command(session: Session, product: str, version: str) -> None:
    """Show what is known of Cisco's products.

    Without PRODUCT, the list. With it, switches, restarts, ports and notes by version; VERSION selects one.
    """
    if not product:
        found = tuple(all_products().values())
        session.console.answer(ProductsDocument.of(found), _list_lines(found))
        return
    chosen = get_product(product)
    releases = releases_at(chosen, version)
    session.console.answer(ProductDocument.of(chosen, releases, version), _product_lines(chosen, releases, version))


def _list_lines(found: Sequence[Product]) -> list[str]:
    rows = (
        (each.id, each.name, release.label, release.use.value, ", ".join(each.roles))
        for each in found
        for release in each.releases
    )
    return table(("product", "name", "version", "ECDSA", "roles"), rows)


def _product_lines(product: Product, releases: Sequence[Release], at: str) -> Iterator[str]:
    yield click.style(f"{product.name} ({product.long_name})", bold=True)
    yield f"Roles: {', '.join(product.roles)}"
    yield f"Root and intermediate: {fact_text(product.trust)}"
    if not releases:
        yield str(unread(product, at))
    for release in releases:
        yield from ("", click.style(f"{product.name} {release.label}", bold=True))
        yield from _release_lines(release)


def _release_lines(release: Release) -> Iterator[str]:
    yield fact_text(release.uses)
    yield f"Purposes: {', '.join(each.service for each in release.purposes)}"
    for title, kind in _KINDS:
        actions: tuple[Action, ...] = getattr(release, kind)
        if actions:
            yield f"{title}:"
        for number, action in enumerate(actions, 1):
            yield from _action_lines(number, action)
    if release.ports:
        yield "Where it is presented:"
        yield from (f"  {line}" for line in _port_lines(release))
    if release.warnings:
        yield "Notes:"
        yield from (f"  - {fact_text(each)}" for each in release.warnings)
    yield f"Sources: {'; '.join(titles(_tags(release)))}"


def _action_lines(number: int, action: Action) -> Iterator[str]:
    where = "" if action.on == EVERY_NODE else f" [on the {action.on}]"
    only = f" [{action.purpose}]" if action.purpose else ""
    optional = " [optional]" if action.is_optional else ""
    title = action.title.replace("{node}", "the node")
    yield f"  {number}. {title}: {fact_text(action.fact)}{where}{only}{optional}"
    yield from (f"     {line}" for line in action.commands)
    if action.effect:
        yield f"     Wait until: {fact_text(action.effect.wait)} Users notice: {action.effect.users}"
    if action.undo:
        yield f"     Way back: {action.undo}"


def _port_lines(release: Release) -> list[str]:
    rows = ((str(each.number), each.service, each.presents) for each in release.ports)
    return table(("port", "service", "presents"), rows)


def _tags(release: Release) -> list[str]:
    actions = [each.fact for _, kind in _KINDS for each in getattr(release, kind)]
    facts = (release.uses, *actions, *(each.fact for each in release.ports), *release.warnings)
    return [tag for each in facts for tag in each.sources]


@declare("matrix", "ca-service matrix", "ca-service matrix --tomcat rsa-ca --tomcat-ecdsa self-signed --json")
@click.option(
    "--tomcat",
    default=Signing.RSA_CA.value,
    show_default=True,
    metavar="SIGNER",
    help=f"Signer of tomcat: {_SIGNERS}.",
)
@click.option(
    "--tomcat-ecdsa",
    default=Signing.EC_CA.value,
    show_default=True,
    metavar="SIGNER",
    help=f"Signer of tomcat-ECDSA: {_SIGNERS}.",
)
@pass_session
def matrix(session: Session, tomcat: str, tomcat_ecdsa: str) -> None:
    """Show what agents see, by the signers of tomcat and tomcat-ECDSA.

    The table is Cisco's, for UCCX and SocialMiner 11.5.
    """
    found = signing(tomcat, "/tomcat"), signing(tomcat_ecdsa, "/tomcat-ecdsa")
    session.console.answer(MatrixDocument.of(*found), _matrix_lines(*found))


def _matrix_lines(tomcat: Signing, tomcat_ecdsa: Signing) -> Iterator[str]:
    row = find_row(tomcat, tomcat_ecdsa)
    if row is None:
        yield "Cisco's table leaves this combination out."
        yield from (fact_text(each) for each in known_of(tomcat, tomcat_ecdsa))
        return
    yield click.style(fact_text(row.experience), bold=True)
    yield from table(("where", "agents"), ((each.where, each.outcome.value) for each in row.sights))
    yield ""
    cells = ((each.service.server, each.service.name, each.presented.value) for each in row.cells)
    yield from table(("server", "service", "presents"), cells)
    yield from (f"{number}. {fact_text(each)}" for number, each in enumerate(row.next, 1))
