"""`cluster add` and `cluster sign`: CSRs in the slots of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from ca_service.authority.fleet.clusters import NUMBER, Fleet
from ca_service.authority.fleet.matching import Match, match, missing_csrs, unsigned
from ca_service.authority.fleet.records import ClusterRecord
from ca_service.authority.fleet.store import cluster_unknown
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.conflicts import CERTIFICATE_AGAIN
from ca_service.authority.issuance.examination import Options
from ca_service.cli.api import API
from ca_service.cli.console import Console, table
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import LIFETIME_HELP, csr_files, hints, option_query, read_requests
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.fleet import ClustersDocument, PlacementsDocument
from ca_service.vos.destinations import Destination

Placed = tuple[int, PlacementsDocument]  # with the number of the cluster
cluster_argument = click.argument("cluster", metavar="CLUSTER")
_node = click.option("--node", default="", metavar="FQDN", help="Node of all CSRs.  [default: as their names show]")
_purpose = click.option("--purpose", default="", help="Purpose on the node.  [default: as file name and CSR show]")


@declare(
    "add",
    "ca-service cluster add Lab requests/",
    "ca-service cluster add Lab tomcat-ECDSA.csr --node uccx1.example.com",
    "ca-service cluster add Lab requests.zip --preview",
)
@cluster_argument
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_node
@_purpose
@click.option("--preview", is_flag=True, help="Show where they belong, and store nothing.")
@pass_session
def add(session: Session, cluster: str, files: tuple[str, ...], node: str, purpose: str, preview: bool) -> None:
    """Assign CSRs to the nodes of CLUSTER: all of them, or none.

    CLUSTER is a number or a name. FILE is a CSR, a ZIP with CSRs, or a folder with *.csr files; `-` is standard input.
    `sign` signs them later.
    """
    options = Options(destination=Destination(purpose=purpose))
    requests = read_requests(session.console, files)

    def here(installation: Installation) -> Placed:
        fleet, console = installation.fleet, session.console
        found = fleet.get_named(operator(), cluster)
        matches = _matched(console, fleet, found, requests, options, node)
        if not preview:
            fleet.place(operator(), found.id, [each.placement for each in matches], options)
        missing = () if preview else missing_csrs(fleet, operator(), found.id)
        return found.id, PlacementsDocument.of(found, matches, console.sources, is_preview=preview, missing=missing)

    def there(api: API) -> Placed:
        query = option_query(options) | {"node": node, "preview": preview}
        return _placed_there(api, session.console, cluster, requests, query)

    _answer(session.console, *session.ask(here, there))


@declare(
    "sign",
    "ca-service cluster sign Lab",
    "ca-service cluster sign Lab requests/ --days 397",
)
@cluster_argument
@click.argument("files", nargs=-1, metavar="[FILE]...")
@_node
@_purpose
@click.option("--days", type=int, help=LIFETIME_HELP)
@click.option("--new", is_flag=True, help="Issue a new certificate even if one exists.")
@click.option("--add-host-name", is_flag=True, help="Use the host name if the CSR contains no names.")
@pass_session
def sign(
    session: Session,
    cluster: str,
    files: tuple[str, ...],
    *,
    node: str,
    purpose: str,
    days: int | None,
    new: bool,
    add_host_name: bool,
) -> ExitCode:
    """Sign the CSRs of CLUSTER: all of them, or none.

    With FILE, as `add` takes it, these are placed and signed. Without FILE, those in the slots that have no certificate
    yet. `bundle` writes the certificates.
    """
    options = Options(
        validity_days=days, new=new, add_host_name=add_host_name, destination=Destination(purpose=purpose)
    )
    requests = read_requests(session.console, files)
    if not requests:
        session.require_local(f"{click.get_current_context().command_path} without FILE")

    def here(installation: Installation) -> Placed:
        fleet, console = installation.fleet, session.console
        found = fleet.get_named(operator(), cluster)
        if requests:
            matches = _matched(console, fleet, found, requests, options, node)
        else:
            matches = unsigned(fleet, operator(), found.id, options)
            hosts = {each.id: each.fqdn for each in found.nodes}
            console.sources = tuple(f"{hosts[each.placement.node_id]} {each.placement.purpose}" for each in matches)
        issued = fleet.sign(operator(), found.id, [each.placement for each in matches], options)
        names = console.sources if requests else ("",) * len(matches)
        missing = missing_csrs(fleet, operator(), found.id)
        return found.id, PlacementsDocument.of(found, matches, names, issued=issued, missing=missing)

    def there(api: API) -> Placed:
        query = option_query(options) | {"node": node, "sign": True}
        return _placed_there(api, session.console, cluster, requests, query)

    number, document = session.ask(here, there)
    _answer(session.console, number, document)
    return ExitCode.PENDING if document.outcome == "waiting" else ExitCode.OK


def number_here(installation: Installation, cluster: str) -> int:
    """Return the number of the cluster with this number or name. Raises NotFound."""
    return installation.fleet.get_named(operator(), cluster).id


def number_there(api: API, cluster: str) -> int:
    """Return the number of the cluster on a server with this number or name. Raises NotFound."""
    if NUMBER.fullmatch(cluster):
        return int(cluster)
    for page in api.pages(ClustersDocument, "clusters", query={"q": cluster.strip()}):
        for found in page.clusters:
            if found.name.casefold() == cluster.strip().casefold():
                return found.id
    raise cluster_unknown()


def _placed_there(
    api: API, console: Console, cluster: str, requests: Sequence[bytes], query: Mapping[str, object]
) -> Placed:
    number, files = number_there(api, cluster), csr_files(console, requests)
    found = api.post(PlacementsDocument, "clusters", number, "csrs", query=query, files=files)
    csrs = [each.model_copy(update={"file": console.sources[each.number]}) for each in found.csrs]
    return number, found.model_copy(update={"csrs": csrs})


def _matched(
    console: Console, fleet: Fleet, cluster: ClusterRecord, requests: Sequence[bytes], options: Options, node: str
) -> tuple[Match, ...]:
    names = [hint.file_name for hint in hints(console)]
    return match(fleet, operator(), cluster.id, requests, options, names=names, node=node)


def _answer(console: Console, number: int, document: PlacementsDocument) -> None:
    console.answer(document, _lines(console, number, document))


def _lines(console: Console, number: int, document: PlacementsDocument) -> Iterator[str]:
    serials = document.serial_numbers or ("",) * len(document.csrs)
    rows = (
        (each.node or "no node matches", each.purpose, each.file, serial)
        for each, serial in zip(document.csrs, serials, strict=True)
    )
    yield from table(("node", "purpose", "file", "certificate"), rows)
    yield from console.finding_lines(document.findings)
    yield from {
        "preview": ["Nothing was stored."],
        "placed": [_placed(number, document)],
        "signed": [f"Signed. Write the bundle: ca-service cluster bundle {number}"],
        "waiting": [f"An approver has to decide: ca-service requests show {each}" for each in document.request_ids],
    }[document.outcome]


def _placed(number: int, document: PlacementsDocument) -> str:
    """Return the next step: signing is refused where each of them has a certificate already."""
    signed = sum(each.rule == CERTIFICATE_AGAIN.id for each in document.findings)
    if signed == len(document.csrs):
        return f"Placed. They have certificates already: ca-service cluster bundle {number}"
    which = "those without a certificate" if signed else "them"
    return f"Placed. Sign {which}: ca-service cluster sign {number}"
