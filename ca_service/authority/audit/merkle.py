"""Knows hash trees as Certificate Transparency builds them (RFC 6962, 2.1): root, path of a leaf, check of a path.

Leaves and inner nodes are hashed with different first bytes, so that one cannot stand for the other.
Levels are made by pairing neighbours; one that has none moves up, which gives the tree of the RFC.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256 of 0x00 and its bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


class Tree:
    """The tree over at least one leaf hash."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if not leaves:
            raise ValueError("a tree has leaves")
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_paired(self._levels[-1]))

    @property
    def root(self) -> bytes:
        """The hash over all of it."""
        return self._levels[-1][0]

    def path(self, position: int) -> tuple[bytes, ...]:
        """The neighbours on the way from this leaf (counted from 0) up to the root."""
        found = []
        for level in self._levels[:-1]:
            if position ^ 1 < len(level):
                found.append(level[position ^ 1])
            position >>= 1
        return tuple(found)


def root_of(leaf: bytes, position: int, count: int, path: Sequence[bytes]) -> bytes:
    """The root to which this path leads from the leaf at `position` of `count`.

    Raises ValueError for a path that is too long or too short, or a position that there is not.
    """
    if not 0 <= position < count:
        raise ValueError("no such leaf")
    left = list(path)
    while count > 1:
        if position ^ 1 < count:
            if not left:
                raise ValueError("the path is too short")
            other = left.pop(0)
            leaf = _node(other, leaf) if position & 1 else _node(leaf, other)
        position, count = position >> 1, (count + 1) >> 1
    if left:
        raise ValueError("the path is too long")
    return leaf


def _paired(level: Sequence[bytes]) -> list[bytes]:
    pairs = [_node(level[number], level[number + 1]) for number in range(0, len(level) - 1, 2)]
    return pairs + list(level[len(pairs) * 2 :])


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
