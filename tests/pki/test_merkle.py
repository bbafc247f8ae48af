"""Hash trees: those of RFC 6962, and no path but the right one leads to the root."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from ca_service.authority.audit.merkle import Tree, leaf_hash, root_of

#: The inputs and roots that implementations of Certificate Transparency test one another with.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"leaf %d" % number) for number in range(count)]


def as_the_rfc_says(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word: split at the largest power of two below the number of leaves."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + as_the_rfc_says(hashes[:half]) + as_the_rfc_says(hashes[half:])).digest()


@pytest.mark.parametrize("count", range(1, 9))
def test_the_roots_are_those_of_certificate_transparency(count: int) -> None:
    given = [leaf_hash(bytes.fromhex(each)) for each in INPUTS[:count]]
    assert Tree(given).root.hex() == ROOTS[count - 1]


@pytest.mark.parametrize("count", [*range(1, 40), 255, 256, 257])
def test_the_tree_is_that_of_the_rfc_and_every_path_leads_to_its_root(count: int) -> None:
    given = leaves(count)
    tree = Tree(given)
    assert tree.root == as_the_rfc_says(given)
    for position in range(count):
        assert root_of(given[position], position, count, tree.path(position)) == tree.root


@pytest.mark.parametrize("count", [2, 3, 7, 8])
def test_a_leaf_leads_to_the_root_from_its_own_place_only(count: int) -> None:
    given = leaves(count)
    tree = Tree(given)
    for position in range(count):
        for other in set(range(count)) - {position}:
            try:
                found = root_of(given[position], other, count, tree.path(position))
            except ValueError:
                continue
            assert found != tree.root


@pytest.mark.parametrize(("position", "count", "spare"), [(0, 5, 1), (0, 5, -1), (5, 5, 0), (-1, 5, 0), (0, 0, 0)])
def test_a_path_of_another_length_or_a_place_that_there_is_not_is_refused(
    position: int, count: int, spare: int
) -> None:
    path = Tree(leaves(5)).path(0)
    path = (*path, b"x" * 32) if spare > 0 else path[: len(path) + spare]
    with pytest.raises(ValueError, match=r"path|leaf"):
        root_of(leaves(5)[0], position, count, path)


def test_a_node_does_not_pass_for_a_leaf() -> None:
    one, other = leaves(2)
    assert leaf_hash(one + other) != Tree([one, other]).root


def test_there_is_no_tree_without_leaves() -> None:
    with pytest.raises(ValueError, match="leaf"):
        Tree([])
