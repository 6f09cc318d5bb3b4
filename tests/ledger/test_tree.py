"""The tree against published roots, against a second way of computing, and against mistakes others made."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ledger.tree import EMPTY_ROOT, Frontier, leaf_hash, node_hash

# RFC 6962 test inputs and roots, as published with Certificate Transparency
LEAVES = [
    bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
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


def grow(leaves: list[bytes]) -> Frontier:
    """Append one by one."""
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier


def slow_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(slow_root(leaves[:half]), slow_root(leaves[half:]))


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    """Our roots are those of every other RFC 6962 program."""
    assert grow(LEAVES[:size]).root.hex() == ROOTS[size - 1]


def test_empty_tree() -> None:
    """No entries: the hash of nothing."""
    assert grow([]).root == EMPTY_ROOT == hashlib.sha256(b"").digest()


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_frontier_equals_the_definition(leaves: list[bytes]) -> None:
    """Appending one by one and defining recursively agree."""
    assert grow(leaves).root == slow_root(leaves)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40))
def test_last_leaf_is_never_doubled(leaves: list[bytes]) -> None:
    """A tree with its last entry repeated is another tree (the Bitcoin mistake)."""
    assert grow([*leaves, leaves[-1]]).root != grow(leaves).root


@given(st.lists(st.binary(max_size=8), max_size=40), st.binary(max_size=8))
def test_head_row_goes_on_where_it_stood(leaves: list[bytes], more: bytes) -> None:
    """The stored subtree roots are all that the next append needs."""
    stored = grow(leaves)

    read = Frontier.decode(stored.size, stored.encode())

    assert read.append(more).root == slow_root([*leaves, more])


@pytest.mark.parametrize("cut", [-1, 1, 32])
def test_head_row_of_another_size_is_refused(cut: int) -> None:
    """A head with too few or too many hashes is no head."""
    raw = grow(LEAVES[:5]).encode()
    with pytest.raises(ValueError, match=r"^$"):
        Frontier.decode(5, raw[:cut] if cut < 0 else raw + bytes(cut))
