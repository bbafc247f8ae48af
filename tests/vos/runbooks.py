"""Nodes, clusters and their runbooks, for the tests of runbooks."""

from __future__ import annotations

from typing import Final

import pytest

from ca_service.vos.products import Product, Release, get_product, version
from ca_service.vos.purposes import TOMCAT_ECDSA, Purpose
from ca_service.vos.runbook import (
    Leaf,
    Node,
    Runbook,
    Step,
    cluster_runbook,
)
from tests.support.requests import THREE_NODES
from tests.vos.test_bundle import delivery
from tests.vos.test_products import RELEASES

SIGNED = delivery(THREE_NODES[0])


def node(fqdn: str, product: str = "uccx", at: str = "11.5", role: str = "") -> Node:
    """A node of this product and version; its role is the first one unless it is said."""
    found = get_product(product)
    return Node(fqdn, found, at, role or found.roles[0], found.find_release(version(at)))


CENTRE = (
    node("sm1.example.com", "socialminer"),
    node("uccx2.example.com", role="subscriber"),
    node("uccx1.example.com"),
)
CALLS = (
    node("cucm1.example.com", "cucm", "14SU3"),
    node("cucm2.example.com", "cucm", "14SU3", "subscriber"),
    node("imp1.example.com", "imp", "14SU3"),
)


def runbook(*nodes: Node, leaves: tuple[Leaf, ...] | None = None) -> Runbook:
    """The runbook of these nodes, all of them signed unless something else is said."""
    given = leaves if leaves is not None else tuple(Leaf(each, TOMCAT_ECDSA, SIGNED.leaf) for each in nodes)
    return cluster_runbook("Lab", nodes, given, SIGNED.authorities)


A, B, C, D = PHASES = ("A. Trust everywhere", "B. Certificate", "C. Activate", "D. Verify")
#: How the key of a step begins, in the phase that the step belongs to.
KEYS: Final = {
    A: {"trust", "settle", "peers", "agents"},
    B: {"prepare", "upload"},
    C: {"switch", "restart", "restore"},
    D: {"verify", "checks", "backup"},
}
#: Every release of every product with each of its purposes, and a node in each role.
EVERY: Final = [(product, release, purpose) for product, release in RELEASES for purpose in release.purposes]


each_release = pytest.mark.parametrize(
    ("product", "release", "purpose"),
    EVERY,
    ids=[f"{product.id} {release.label} {purpose.service}" for product, release, purpose in EVERY],
)


def titles(found: Runbook) -> list[str]:
    return [section.title for section in found.sections]


def phase(found: Runbook, title: str) -> tuple[Step, ...]:
    return next((section.steps for section in found.sections if section.title == title), ())


def places(found: Runbook) -> list[tuple[str, str]]:
    """Where the authorities are uploaded: node and trust store."""
    return [(each.nodes[0], each.purpose) for each in found.steps if each.key.startswith("trust/")]


def of_release(product: Product, release: Release, purpose: Purpose) -> Runbook:
    """The runbook of a node in each role, each with its own certificate."""
    major, minor, maintenance, update = release.first
    at = f"{major}.{minor}({maintenance})SU{update}"
    nodes = tuple(Node(f"n{n}.example.com", product, at, role, release) for n, role in enumerate(product.roles, 1))
    leaves = tuple(
        Leaf(each, purpose, delivery(request).leaf) for each, request in zip(nodes, THREE_NODES, strict=False)
    )
    return cluster_runbook("Lab", nodes, leaves, SIGNED.authorities)


def step(found: Runbook, title: str) -> Step:
    [only] = [each for each in found.steps if each.title == title]
    return only
