"""Changes at public authorities: clientAuth leaves, lifetimes shrink. The facts are in `data/public_cas.toml`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from ca_service.errors import Finding, Rule, Severity
from ca_service.vos.knowledge import Fact, fact, table
from ca_service.vos.products import find_version

USAGE_SERVER_MISSING: Final = Rule(
    "usage.server-missing",
    "The CSR asks for usages without serverAuth. Browsers and phones refuse such a certificate, in every release.",
    "Create a new CSR with serverAuth and clientAuth.",
    Severity.WARNING,
)
USAGE_CLIENT_MISSING: Final = Rule(
    "usage.client-missing",
    "The CSR asks for usages without clientAuth. A node has one certificate as server and as client before {fixed}: "
    "mutual TLS fails without clientAuth.",
    "Create a new CSR with serverAuth and clientAuth, which this authority issues. The page Public CAs says more.",
    Severity.WARNING,
)

_TABLE: Final = "public_cas"


@dataclass(frozen=True, slots=True)
class Need:
    """A kind of connection, and the extended key usages that the certificate of the node needs for it."""

    connection: str
    usages: tuple[str, ...]
    fact: Fact


@dataclass(frozen=True, slots=True)
class Change:
    """A day from which a rule for public authorities applies."""

    date: date
    title: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question, and what follows from it: None leads to the next question."""

    answer: str
    fact: Fact | None


@dataclass(frozen=True, slots=True)
class Question:
    """A question that leads to what to do."""

    question: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A field notice of Cisco.

    `names` are the products that it names, `products` the ids of those that are known here. `fixed` is the first
    release with separate certificates for server and client. `revision` is empty if it was not read.
    """

    number: str
    revision: str
    names: str
    products: tuple[str, ...]
    fixed: str
    fact: Fact


@cache
def needs() -> tuple[Need, ...]:
    """Return what each kind of connection needs."""
    return tuple(Need(row["connection"], tuple(row["usages"]), fact(row)) for row in table(_TABLE)["need"])


@cache
def changes() -> tuple[Change, ...]:
    """Return the changes by their date."""
    return tuple(Change(date.fromisoformat(row["date"]), row["title"], fact(row)) for row in table(_TABLE)["change"])


@cache
def questions() -> tuple[Question, ...]:
    """Return the questions in their order."""
    return tuple(
        Question(
            row["question"],
            tuple(Answer(each["answer"], fact(each) if "text" in each else None) for each in row["answer"]),
        )
        for row in table(_TABLE)["question"]
    )


@cache
def notices() -> tuple[Notice, ...]:
    """Return the field notices."""
    return tuple(
        Notice(row["number"], row["revision"], row["names"], tuple(row["products"]), row["fixed"], fact(row))
        for row in table(_TABLE)["notice"]
    )


def find_notice(product_id: str) -> Notice | None:
    """Return the field notice about this product, or None."""
    return next((each for each in notices() if product_id in each.products), None)


def separates(product_id: str, version: str) -> bool:
    """Return whether this version has separate certificates for server and client; False if it is not known."""
    notice, at = find_notice(product_id), find_version(version)
    first = find_version(notice.fixed) if notice else None
    return at is not None and first is not None and at >= first


def client_auth_until(product_id: str = "") -> str:
    """Return the release before which a node needs clientAuth for mutual TLS; those of all products for an unknown one.

    The text completes \u201cbefore ...\u201d: `15SU5`, or `15SU5 (CUCM ...) and 15.0(1)SU2 (UCCX ...)`.
    """
    notice = find_notice(product_id)
    if notice:
        return notice.fixed
    return " and ".join(f"{each.fixed} ({each.names})" for each in notices() if each.products)


def missing_usages(extended_key_usage: Sequence[str], product_id: str = "", version: str = "") -> Iterator[Finding]:
    """Yield a warning for each usage that the certificate of a node would lack; none if it asks for none at all.

    Product and version are those of the node, or empty. A version with separate certificates needs no clientAuth here.
    """
    if extended_key_usage and "serverAuth" not in extended_key_usage:
        yield USAGE_SERVER_MISSING.at("/extended_key_usage")
    if extended_key_usage and "clientAuth" not in extended_key_usage and not separates(product_id, version):
        yield USAGE_CLIENT_MISSING.at("/extended_key_usage", fixed=client_auth_until(product_id))
