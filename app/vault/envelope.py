"""The symmetric seal: AES-256-GCM under a derived, committed key (docs/formats.md §3).

GCM alone lets one ciphertext open under two keys; the commitment, compared first, rules that out (docs/adr/0002).
"""

import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import SealError
from app.vault.encoding import Context

KINDS: Final = {
    "report.body": 1,
    "report.bundle": 2,
    "report.summary": 3,
    "report.work": 4,
    "message": 5,
    "reply": 6,
    "key.wrap": 7,
    "epoch.secret": 8,
    "epoch.prev": 9,
    "member.blob": 10,
    "member.name": 11,
    "session": 12,
    "form.token": 13,
    "ledger.record": 14,
    "ledger.batch": 15,
    "seen": 16,
    "backup": 21,
    "case": 32,
    "incident": 33,
    "act": 34,
    "person": 35,
    "reference": 36,
    "finding": 37,
    "approval": 38,
    "record.wrap": 39,
    "invitation": 40,
}

KEY_BYTES: Final = 32
_MAGIC = b"PVE\x01\x01"
_NONCE = bytes(12)  # every derived key is used once: the salt is fresh
_HEADER, _SALT, _COMMITMENT, _TAG = 10, 24, 32, 16
OVERHEAD: Final = _HEADER + _SALT + _COMMITMENT + _TAG


def new_key() -> bytes:
    """Return 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(key)


def key_commitment(key: bytes) -> bytes:
    """Name a key without telling it."""
    return hmac.digest(key, b"paivand/v1 key commitment", "sha256")


def seal(plaintext: bytes, key: bytes, context: Context) -> bytes:
    """Seal under a 32-byte key, bound to the context; 82 bytes longer than the plaintext."""
    header, salt = _header(context), secrets.token_bytes(_SALT)
    aes, commitment = _derive(key, salt, header, context)
    return header + salt + commitment + AESGCM(aes).encrypt(_NONCE, plaintext, None)


def unseal(sealed: bytes, key: bytes, context: Context) -> bytes:
    """Open what `seal` made under the same key and context.

    Raises:
        SealError: for every cause alike.
    """
    header = _header_or_none(context)
    if header is None or len(sealed) < OVERHEAD or sealed[:_HEADER] != header or len(key) != KEY_BYTES:
        raise SealError
    salt, rest = sealed[_HEADER : _HEADER + _SALT], sealed[_HEADER + _SALT :]
    aes, commitment = _derive(key, salt, header, context)
    if not hmac.compare_digest(rest[:_COMMITMENT], commitment):
        raise SealError
    try:
        return AESGCM(aes).decrypt(_NONCE, rest[_COMMITMENT:], None)
    except InvalidTag:
        raise SealError from None


def epoch_of(sealed: bytes) -> int:
    """Read the epoch from the header, to know which key to ask for; opening checks it.

    Raises:
        SealError: not an envelope of this version.
    """
    if len(sealed) < OVERHEAD or sealed[:5] != _MAGIC:
        raise SealError
    return int.from_bytes(sealed[6:10], "big")


def _header(context: Context) -> bytes:
    return _MAGIC + bytes([KINDS[context.kind]]) + context.epoch.to_bytes(4, "big")


def _header_or_none(context: Context) -> bytes | None:
    """Return the header; None where a number from a changed column cannot be in any header."""
    try:
        context.encode()
        return _header(context)
    except OverflowError:
        return None


def _derive(key: bytes, salt: bytes, header: bytes, context: Context) -> tuple[bytes, bytes]:
    derived = hkdf(key, salt, header + context.encode(), 64)
    return derived[:32], derived[32:]
