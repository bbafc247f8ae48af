"""Cisco's products, read from the data: release numbers, and by version and role, what a certificate meets there.

Adding a product is adding a row to `data/products.toml`. A row says nothing that no source says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from ca_service.errors import InvalidInput, Rule
from ca_service.vos.knowledge import Fact, fact, table
from ca_service.vos.purposes import PURPOSES, Purpose

VERSION_UNKNOWN: Final = Rule(
    "version.unknown",
    "\u201c{text}\u201d is not how Cisco numbers a release.",
    "Write it as on the node\u2019s page or as `show version active` says it: 11.5, 12.5(1)SU6, 14SU2.",
)

Version = tuple[int, int, int, int]  # major, minor, maintenance, service update
_VERSION: Final = re.compile(r"(\d{1,2})(?:\.(\d{1,2}))?(?:\((\d{1,2})\))?(?:\.?\s*SU\s*(\d{1,2}))?", re.IGNORECASE)
PRODUCT_UNKNOWN: Final = Rule(
    "product.unknown",
    "There is no product \u201c{product}\u201d here.",
    "Use one of: {known}.",
)
EVERY_NODE: Final = "every node"


def find_version(text: str) -> Version | None:
    """Return the release that a text names; None if it names none. What is not said counts as 0."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return None
    major, minor, maintenance, update = (int(part or 0) for part in found.groups())
    return major, minor, maintenance, update


def version(text: str, pointer: str = "/version") -> Version:
    """Return the release that a text names; raises InvalidInput if it names none."""
    found = find_version(text)
    if found is None:
        raise InvalidInput(VERSION_UNKNOWN.at(pointer, text=text[:40]))
    return found


class Use(StrEnum):
    """Whether a node presents an EC certificate to those who connect."""

    DEFAULT = "default"  # immediately, after the restart
    SWITCH = "switch"  # once something is switched on
    NEVER = "never"  # Cisco has removed it
    UNKNOWN = "unknown"  # no document says it


@dataclass(frozen=True, slots=True)
class Action:
    """An action on nodes: a sentence, the lines to paste into their command line, if there are any.

    `title` is empty where the kind of action says it. `on` is a role, or EVERY_NODE. `purpose` is the only purpose
    for which it is needed, `beside` the id of a product without which it is not; both may be empty.
    """

    fact: Fact
    title: str = ""
    commands: tuple[str, ...] = ()
    on: str = EVERY_NODE
    purpose: str = ""
    beside: str = ""
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """A port that shows a certificate. `presents` says which: ECDSA, RSA, or "as switched"."""

    number: int
    service: str
    presents: str
    fact: Fact
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A product in a range of versions, from `first` (included) to `end` (not included, None for open).

    `interfaces` are the ways to upload a certificate: GUI, CLI, API; `multi_server_interfaces` those for one of several
    nodes. `prepare` comes before the uploads; after them come the `switches` that put the certificate into use and the
    `restarts`, in their order; then `restore` undoes the preparation; at the end, `peers` is for the other nodes.
    """

    first: Version
    end: Version | None
    label: str
    purposes: tuple[Purpose, ...]
    use: Use
    uses: Fact
    interfaces: tuple[str, ...]
    multi_server_interfaces: tuple[str, ...]
    prepare: tuple[Action, ...]
    restore: tuple[Action, ...]
    switches: tuple[Action, ...]
    restarts: tuple[Action, ...]
    peers: tuple[Action, ...]
    ports: tuple[Port, ...]
    warnings: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """A product. Its roles come in the order in which nodes are treated; `trust_roles` are those on
    which root and intermediate are uploaded, as `trust` explains; the others receive them from there."""

    id: str
    name: str
    long_name: str
    roles: tuple[str, ...]
    trust_roles: tuple[str, ...]
    trust: Fact
    releases: tuple[Release, ...]

    @property
    def purposes(self) -> tuple[Purpose, ...]:
        """Return the purposes that it has in some version."""
        return tuple(dict.fromkeys(purpose for release in self.releases for purpose in release.purposes))

    def find_release(self, at: Version) -> Release | None:
        """Return what is known of this version, or None."""
        return next((each for each in self.releases if each.first <= at and (each.end is None or at < each.end)), None)


@cache
def products() -> Mapping[str, Product]:
    """Return all products by their id, in the order of the data."""
    return {row["id"]: _product(row) for row in table("products")["product"]}


def get_product(product_id: str) -> Product:
    """Return the product of this id; raises InvalidInput if there is none."""
    if product_id not in products():
        raise InvalidInput(PRODUCT_UNKNOWN.at("/product", product=product_id[:40], known=", ".join(products())))
    return products()[product_id]


def _product(row: Mapping[str, Any]) -> Product:
    return Product(
        id=row["id"],
        name=row["name"],
        long_name=row["long_name"],
        roles=tuple(row["roles"]),
        trust_roles=tuple(row["trust_roles"]),
        trust=fact(row["trust"]),
        releases=tuple(map(_release, row["release"])),
    )


def _release(row: Mapping[str, Any]) -> Release:
    end = row.get("before")
    return Release(
        first=version(row["from"]),
        end=version(end) if end else None,
        label=row["label"],
        purposes=tuple(PURPOSES[service] for service in row["purposes"]),
        use=Use(row["use"]),
        uses=fact(row["uses"]),
        interfaces=tuple(row["interfaces"]),
        multi_server_interfaces=tuple(row.get("multi_server_interfaces", row["interfaces"])),
        prepare=tuple(map(_action, row.get("prepare", ()))),
        restore=tuple(map(_action, row.get("restore", ()))),
        switches=tuple(map(_action, row.get("switch", ()))),
        restarts=tuple(map(_action, row.get("restart", ()))),
        peers=tuple(map(_action, row.get("peer", ()))),
        ports=tuple(map(_port, row.get("port", ()))),
        warnings=tuple(map(fact, row.get("warning", ()))),
    )


def _action(row: Mapping[str, Any]) -> Action:
    return Action(
        fact(row),
        title=row.get("title", ""),
        commands=tuple(row.get("commands", ())),
        on=row.get("on", EVERY_NODE),
        purpose=row.get("purpose", ""),
        beside=row.get("beside", ""),
        is_optional=row.get("optional", False),
    )


def _port(row: Mapping[str, Any]) -> Port:
    return Port(row["number"], row["service"], row["presents"], fact(row), row.get("purpose", ""))
