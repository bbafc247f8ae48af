"""Cisco's products, read from the data: release numbers, and by version and role, what a certificate meets there.

Adding a product is adding a row to `data/products.toml`. A row says nothing that no source says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from ca_service.errors import InvalidInput, Rule
from ca_service.pki.visible_text import visible
from ca_service.vos.knowledge import Fact, fact, table
from ca_service.vos.phrases import Phrase, phrase, sentences
from ca_service.vos.purposes import PURPOSES, Purpose

VERSION_UNKNOWN: Final = Rule(
    "version.unknown",
    "\u201c{text}\u201d is not how Cisco numbers a release.",
    "Write it as on the node\u2019s page or as `show version active` says it: 11.5, 12.5(1)SU6, 14SU2.",
)
VERSION_MISSING: Final = Rule(
    "version.missing",
    "The version is missing.",
    VERSION_UNKNOWN.remedy,
)

Version = tuple[int, int, int, int]  # major, minor, maintenance, service update
_VERSION: Final = re.compile(r"(\d{1,2})(?:\.(\d{1,2}))?(?:\((\d{1,2})\))?(?:\.?\s*SU\s*(\d{1,2}))?", re.IGNORECASE)
PRODUCT_UNKNOWN: Final = Rule(
    "product.unknown",
    "There is no product \u201c{product}\u201d here.",
    "Use one of: {known}.",
)
PRODUCT_MISSING: Final = Rule(
    "product.missing",
    "The product is missing.",
    PRODUCT_UNKNOWN.remedy,
)
_ASSUMED: Final = (
    "Assumed for it: root, intermediate and certificate are uploaded as in the versions that were read, on the page of "
    "the node or at its command line. Its switches, restarts and ports are not known."
)
EVERY_NODE: Final = "every node"


def find_version(text: str) -> Version | None:
    """Return the release that a text names; None if it names none.

    The first maintenance release is the one that has no number elsewhere: 14SU2 is 14.0(1)SU2, 11.5 is 11.5(1).
    """
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return None
    major, minor, maintenance, update = found.groups()
    return int(major), int(minor or 0), int(maintenance or 1), int(update or 0)


def version(text: str, pointer: str = "/version") -> Version:
    """Return the release that a text names; raises InvalidInput if it names none."""
    found = find_version(text)
    if found is None:
        rule = VERSION_UNKNOWN if text.strip() else VERSION_MISSING
        raise InvalidInput(rule.at(pointer, text=text[:40]))
    return found


class Use(StrEnum):
    """Whether a node presents an EC certificate to those who connect."""

    DEFAULT = "default"  # immediately, after the restart
    SWITCH = "switch"  # once something is switched on
    NEVER = "never"  # Cisco has removed it
    UNKNOWN = "unknown"  # no document says it


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a restart: how to see that it is over, about how many minutes it takes, what users notice."""

    minutes: int
    wait: Fact
    users: str


@dataclass(frozen=True, slots=True)
class Action:
    """An action on nodes: one verb, its object, and lines to paste into their command line, if there are any.

    `title` has {node} in place of the node, `why` is the reason, `undo` the way back, both may be empty. `on` is a
    role, or EVERY_NODE. `purpose` is the only purpose for which it is needed, empty for all. A peer in a cluster has
    the id of its `product`, and the trust `store` that root and intermediate go to; what settles a node may be for one
    `store` alone. A switch stays as it is set, unless
    it is needed each time that the certificate changes.
    """

    fact: Fact
    title: str
    why: str = ""
    undo: str = ""
    commands: tuple[str, ...] = ()
    effect: Effect | None = None
    on: str = EVERY_NODE
    purpose: str = ""
    product: str = ""
    store: str = ""
    is_optional: bool = False
    is_each_time: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """A port that shows a certificate. `presents` says which: ECDSA, RSA, "as switched", "both" (the client chooses).

    `starttls` is the protocol that asks for TLS on this port, as openssl names it; empty if TLS begins the connection.
    """

    number: int
    service: str
    presents: str
    fact: Fact
    purpose: str = ""
    starttls: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A product in a range of versions, from `first` (included) to `end` (not included).

    `interfaces` are the ways to upload a certificate: GUI, CLI, API; `multi_server_interfaces` those for one of several
    nodes. `asks_ou`: `set csr gen` asks whether to include the OU. The actions are in the order of the phases:
    `settles` on nodes that received the authorities, and `peers`; `prepare` before the leaf; `switches` that put it
    into use, `restarts`, and `restore`, which ends the preparation; `checks`. `cautions` are read before, `accesses`
    are what the administrator needs beside the nodes themselves.
    """

    first: Version
    end: Version
    label: str
    purposes: tuple[Purpose, ...]
    use: Use
    uses: Fact
    interfaces: tuple[str, ...]
    multi_server_interfaces: tuple[str, ...]
    asks_ou: bool
    accesses: tuple[Fact, ...]
    cautions: tuple[Action, ...]
    settles: tuple[Action, ...]
    peers: tuple[Action, ...]
    prepare: tuple[Action, ...]
    switches: tuple[Action, ...]
    restarts: tuple[Action, ...]
    restore: tuple[Action, ...]
    checks: tuple[Action, ...]
    ports: tuple[Port, ...]
    warnings: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """A product. Its roles come in the order in which nodes are treated; `trust_roles` are those on
    which root and intermediate are uploaded, as `trust` explains; the others receive them from there.
    `newest` is the last version that its sources know."""

    id: str
    name: str
    long_name: str
    roles: tuple[str, ...]
    trust_roles: tuple[str, ...]
    newest: str
    trust: Fact
    releases: tuple[Release, ...]

    @property
    def purposes(self) -> tuple[Purpose, ...]:
        """Return the purposes that it has in some version."""
        return tuple(dict.fromkeys(purpose for release in self.releases for purpose in release.purposes))

    def find_release(self, at: Version) -> Release | None:
        """Return what is known of this version, or None."""
        return next((each for each in self.releases if each.first <= at < each.end), None)

    def is_newer(self, at: Version) -> bool:
        """Return whether a version is newer than everything that was read."""
        return at >= max(each.end for each in self.releases)


def unread(product: Product, at: str) -> Phrase:
    """Return what is assumed for a version of which nothing is known. Raises InvalidInput if the text names none."""
    values = {"product": product.name, "version": visible(at), "newest": product.newest}
    if product.is_newer(version(at)):
        said = phrase("{product} {version} is newer than what was read ({newest}).", **values)
    else:
        said = phrase("Our Cisco sources do not cover {product} {version}.", **values)
    return sentences(said, phrase(_ASSUMED), phrase("Try one node first."))


@cache
def products() -> Mapping[str, Product]:
    """Return all products by their id, in the order of the data."""
    return {row["id"]: _product(row) for row in table("products")["product"]}


def get_product(product_id: str) -> Product:
    """Return the product of this id; raises InvalidInput if there is none."""
    if product_id not in products():
        rule = PRODUCT_UNKNOWN if product_id else PRODUCT_MISSING
        raise InvalidInput(rule.at("/product", product=product_id[:40], known=", ".join(products())))
    return products()[product_id]


def releases_at(product: Product, at: str) -> tuple[Release, ...]:
    """Return what is known of this version, which may be nothing; all releases for an empty text.

    Raises InvalidInput if the text names no version.
    """
    if not at:
        return product.releases
    found = product.find_release(version(at))
    return (found,) if found else ()


def _product(row: Mapping[str, Any]) -> Product:
    return Product(
        id=row["id"],
        name=row["name"],
        long_name=row["long_name"],
        roles=tuple(row["roles"]),
        trust_roles=tuple(row["trust_roles"]),
        newest=row["newest"],
        trust=fact(row["trust"]),
        releases=tuple(_release(row, each) for each in row["release"]),
    )


def _release(product: Mapping[str, Any], row: Mapping[str, Any]) -> Release:
    first = version(row["from"])

    def actions(kind: str) -> tuple[Action, ...]:
        return tuple(map(_action, _rows_at(product, kind, first)))

    return Release(
        first=first,
        end=version(row["before"]),
        label=row["label"],
        purposes=tuple(PURPOSES[service] for service in row["purposes"]),
        use=Use(row["use"]),
        uses=fact(row["uses"]),
        interfaces=tuple(row["interfaces"]),
        multi_server_interfaces=tuple(row.get("multi_server_interfaces", row["interfaces"])),
        asks_ou=row.get("asks_ou", False),
        accesses=tuple(map(fact, _rows_at(product, "access", first))),
        cautions=actions("caution"),
        settles=actions("settle"),
        peers=actions("peer"),
        prepare=actions("prepare"),
        switches=actions("switch"),
        restarts=actions("restart"),
        restore=actions("restore"),
        checks=actions("check"),
        ports=tuple(map(_port, _rows_at(product, "port", first))),
        warnings=tuple(map(fact, _rows_at(product, "warning", first))),
    )


def _rows_at(product: Mapping[str, Any], kind: str, first: Version) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of this kind that hold for the release that begins with `first`."""
    for row in product.get(kind, ()):
        is_begun = "from" not in row or version(row["from"]) <= first
        if is_begun and ("before" not in row or first < version(row["before"])):
            yield row


def _action(row: Mapping[str, Any]) -> Action:
    return Action(
        fact(row),
        title=row["title"],
        why=row.get("why", ""),
        undo=row.get("undo", ""),
        commands=tuple(row.get("commands", ())),
        effect=_effects()[row["effect"]] if "effect" in row else None,
        on=row.get("on", EVERY_NODE),
        purpose=row.get("purpose", ""),
        product=row.get("product", ""),
        store=row.get("store", ""),
        is_optional=row.get("optional", False),
        is_each_time=row.get("each_time", False),
    )


@cache
def _effects() -> Mapping[str, Effect]:
    return {
        row["id"]: Effect(row["minutes"], fact(row | {"text": row["wait"]}), row["users"])
        for row in table("effects")["effect"]
    }


def _port(row: Mapping[str, Any]) -> Port:
    return Port(
        row["number"], row["service"], row["presents"], fact(row), row.get("purpose", ""), row.get("starttls", "")
    )
