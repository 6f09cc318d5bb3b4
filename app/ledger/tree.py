"""The Merkle tree of RFC 6962 §2.1 (= RFC 9162 §2.1.1), appended in O(log n)."""

import hashlib
from dataclasses import dataclass
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    """Hash an entry; the 0x00 keeps a leaf from ever being a node."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of `size` leaves, kept as the roots of its perfect subtrees, largest first."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> "Frontier":
        """Return the tree with one more entry."""
        roots, rest = [*self.roots, leaf_hash(leaf)], self.size
        while rest & 1:
            right, left = roots.pop(), roots.pop()
            roots.append(node_hash(left, right))
            rest >>= 1
        return Frontier(self.size + 1, tuple(roots))

    @property
    def root(self) -> bytes:
        """The Merkle tree hash; never duplicates a last leaf."""
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root

    def encode(self) -> bytes:
        """Join the subtree roots, for the head row."""
        return b"".join(self.roots)

    @classmethod
    def decode(cls, size: int, raw: bytes) -> "Frontier":
        """Read the head row back.

        Raises:
            ValueError: not as many hashes as the size has one bits.
        """
        if len(raw) != HASH_BYTES * size.bit_count():
            raise ValueError
        return cls(size, tuple(raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)))
