"""The public-key seal: HPKE base mode with the hybrid KEM MLKEM768-X25519 (RFC 9180; docs/formats.md §2, §3).

What is seized today must stay shut in twenty years; so both a lattice and a curve must fall before it opens.
`Suite` has no associated data: the header and the context go into `info`.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from app.errors import MalformedError, SealError
from app.vault.encoding import Context, length_prefixed, sha256
from app.vault.envelope import KINDS

PUBLIC_BYTES: Final = 1184 + 32
_MAGIC = b"PVH\x01\x01"
_HEADER, _ENC, _TAG = 18, 1120, 16
OVERHEAD: Final = _HEADER + _ENC + _TAG
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class KemKeys:
    """A key pair, expanded from its 32-byte seed."""

    private: hpke.MLKEM768X25519PrivateKey
    public: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> "KemKeys":
        """Expand as X-Wing does: SHAKE256 of the seed, 64 bytes for ML-KEM, 32 for X25519."""
        parts = hashlib.shake_256(seed).digest(96)
        lattice = MLKEM768PrivateKey.from_seed_bytes(parts[:64])
        curve = X25519PrivateKey.from_private_bytes(parts[64:])
        public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        return cls(hpke.MLKEM768X25519PrivateKey(lattice, curve), public)

    def __repr__(self) -> str:
        """Keep the private half out of every traceback."""
        return "KemKeys(…)"


def key_id(public: bytes) -> bytes:
    """Eight bytes that name a public key in headers."""
    return sha256(length_prefixed("paivand/v1 key id", public))[:8]


def seal_to(plaintext: bytes, public: bytes, context: Context) -> bytes:
    """Seal to a public key of 1,216 bytes; 1,154 bytes longer than the plaintext.

    Raises:
        MalformedError: not a public key.
    """
    if len(public) != PUBLIC_BYTES:
        raise MalformedError
    try:
        key = hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:1184]), X25519PublicKey.from_public_bytes(public[1184:])
        )
        header = _header(public, context)
        return header + _SUITE.encrypt(plaintext, key, info=header + context.encode())
    except ValueError:
        raise MalformedError from None


def open_with(sealed: bytes, keys: KemKeys, context: Context) -> bytes:
    """Open what was sealed to these keys in this context.

    Raises:
        SealError: for every cause alike.
    """
    header = _header_or_none(keys.public, context)
    if header is None or len(sealed) < OVERHEAD or sealed[:_HEADER] != header:
        raise SealError
    try:
        return _SUITE.decrypt(sealed[_HEADER:], keys.private, info=header + context.encode())
    except (InvalidTag, ValueError):
        raise SealError from None


def epoch_of(sealed: bytes) -> int:
    """Read the epoch from the header, to know which key to ask for; opening checks it.

    Raises:
        SealError: not an HPKE object of this version.
    """
    if len(sealed) < OVERHEAD or sealed[:5] != _MAGIC:
        raise SealError
    return int.from_bytes(sealed[14:18], "big")


def _header(public: bytes, context: Context) -> bytes:
    # a reply names no key: two replies to one mailbox must have nothing in common
    named = bytes(8) if context.kind == "reply" else key_id(public)
    return _MAGIC + bytes([KINDS[context.kind]]) + named + context.epoch.to_bytes(4, "big")


def _header_or_none(public: bytes, context: Context) -> bytes | None:
    """Return the header; None where a number from a changed column cannot be in any header."""
    try:
        context.encode()
        return _header(public, context)
    except OverflowError:
        return None
