"""The experience of agents, by the signers of tomcat and tomcat-ECDSA: Cisco's table for UCCX and SocialMiner 11.5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from ca_service.errors import InvalidInput, Rule
from ca_service.vos.knowledge import Fact, fact, table
from ca_service.vos.products import version
from ca_service.vos.steps import Node

SIGNING_UNKNOWN: Final = Rule(
    "signing.unknown",
    "\u201c{text}\u201d is not a way in which a certificate is signed.",
    "Use one of: {known}.",
)

_TABLE: Final = "experience"
_PRODUCTS: Final = ("uccx", "socialminer")
_VERSION: Final = "11.5"


class Signing(StrEnum):
    """The signer of a certificate."""

    SELF_SIGNED = "self-signed"
    RSA_CA = "rsa-ca"
    EC_CA = "ec-ca"


class Presented(StrEnum):
    """The certificate that a service shows to those who connect."""

    RSA = "rsa"  # tomcat, signed by an authority
    ECDSA = "ecdsa"  # tomcat-ECDSA, signed by an authority
    SELF_SIGNED = "self-signed"


class Outcome(StrEnum):
    """The outcome for an agent."""

    WORKS = "works"
    ASKED = "asked"  # works, once the agent has accepted a certificate
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Service:
    """A part of a server that shows a certificate; `fact` names its purpose."""

    id: str
    server: str
    name: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class Cell:
    """The certificate that one service presents; `note` is there where the table says more."""

    service: Service
    presented: Presented
    note: Fact | None


@dataclass(frozen=True, slots=True)
class Sight:
    """The experience of an agent in one place."""

    where: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Row:
    """A combination of the table: `experience` in a sentence, `sights` place by place, `cells` service by service.

    `footnote` stands where Cisco's table has a star. `next` is what to do, `cops` the ids of the COP
    files that come into question.
    """

    tomcat: Signing
    tomcat_ecdsa: Signing
    experience: Fact
    sights: tuple[Sight, ...]
    cells: tuple[Cell, ...]
    footnote: Fact | None
    next: tuple[Fact, ...]
    cops: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CopFile:
    """A COP file; each of `when` is a case for it."""

    id: str
    name: str
    when: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Cop:
    """The COP files: their effect, which ones exist, when they are not needed, and how to undo them."""

    what: Fact
    files: tuple[CopFile, ...]
    not_when: tuple[Fact, ...]
    rollback: tuple[Fact, ...]


def signing(text: str, pointer: str) -> Signing:
    """Return the signer that an address names; raises InvalidInput for anything else."""
    if text not in tuple(Signing):
        raise InvalidInput(SIGNING_UNKNOWN.at(pointer, text=text[:40], known=", ".join(Signing)))
    return Signing(text)


def covers(node: Node) -> bool:
    """Return whether the table is about this node: UCCX or SocialMiner in the release of 11.5."""
    release = node.product.find_release(version(_VERSION)) if node.product.id in _PRODUCTS else None
    return release is not None and node.release == release


def find_row(tomcat: Signing, tomcat_ecdsa: Signing) -> Row | None:
    """Return the row of the table; None for a combination that the table leaves out."""
    return next((row for row in rows() if (row.tomcat, row.tomcat_ecdsa) == (tomcat, tomcat_ecdsa)), None)


def known_of(tomcat: Signing, tomcat_ecdsa: Signing) -> tuple[Fact, ...]:
    """Return what is known of a combination outside the table: of each certificate, then the advice."""
    given = {"tomcat": tomcat.value, "tomcat_ecdsa": tomcat_ecdsa.value}
    matching = [
        row for row in table(_TABLE)["known"] if all(row.get(key, value) == value for key, value in given.items())
    ]
    return (*map(fact, matching), fact(table(_TABLE)["advice"]))


@cache
def services() -> tuple[Service, ...]:
    """Return the five services of the table, in its order."""
    return tuple(Service(row["id"], row["server"], row["name"], fact(row)) for row in table(_TABLE)["service"])


@cache
def rows() -> tuple[Row, ...]:
    """Return the table, row by row."""
    return tuple(map(_row, table(_TABLE)["row"]))


@cache
def holds() -> tuple[Fact, ...]:
    """For which versions the table holds."""
    return tuple(map(fact, table(_TABLE)["holds"]))


@cache
def cop() -> Cop:
    """Return the COP files."""
    row = table(_TABLE)["cop"]
    return Cop(
        what=fact(row),
        files=tuple(CopFile(each["id"], each["name"], tuple(map(fact, each["when"]))) for each in row["file"]),
        not_when=tuple(map(fact, row["not_when"])),
        rollback=tuple(map(fact, row["rollback"])),
    )


def _row(row: Mapping[str, Any]) -> Row:
    return Row(
        tomcat=Signing(row["tomcat"]),
        tomcat_ecdsa=Signing(row["tomcat_ecdsa"]),
        experience=fact(row["experience"]),
        sights=tuple(Sight(each["where"], Outcome(each["outcome"])) for each in row["sees"]),
        cells=_cells(row),
        footnote=fact(table(_TABLE)["footnote"]) if row["has_star"] else None,
        next=tuple(map(fact, row["next"])),
        cops=tuple(row["cops"]),
    )


def _cells(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    """Return the cells of a row; raises ValueError if they are not as many as the services."""
    notes = row.get("notes", {})
    return tuple(
        Cell(service, Presented(presented), fact(notes[service.id]) if service.id in notes else None)
        for service, presented in zip(services(), row["presents"], strict=True)
    )
