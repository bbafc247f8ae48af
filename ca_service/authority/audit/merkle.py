"""Hash trees as in Certificate Transparency (RFC 6962, 2.1): root, path of a leaf, verification of a path.

Leaves and inner nodes are hashed with different first bytes, so that neither can be passed off as the other.
Each level pairs neighbours; a node without a neighbour moves up, which gives the tree of the RFC.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 of 0x00 and its bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


class Tree:
    """The tree over at least one leaf hash."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if not leaves:
            raise ValueError("a tree needs at least one leaf")
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_paired(self._levels[-1]))

    @property
    def root(self) -> bytes:
        """The hash over all leaves."""
        return self._levels[-1][0]

    def path(self, position: int) -> tuple[bytes, ...]:
        """Return the neighbours on the path from this leaf (counted from 0) to the root."""
        found = []
        for level in self._levels[:-1]:
            if position ^ 1 < len(level):
                found.append(level[position ^ 1])
            position >>= 1
        return tuple(found)


def root_of(leaf: bytes, position: int, count: int, path: Sequence[bytes]) -> bytes:
    """Return the root that this path gives for the leaf at `position` of `count`.

    Raises ValueError for a path that is too long or too short, or a position outside the tree.
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
