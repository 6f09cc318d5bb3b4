"""Bytes that mean one thing only: length prefixes, contexts, canonical JSON (docs/formats.md §1)."""

import base64
import binascii
import hashlib
import json
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

from app.errors import MalformedError

MAX_SAFE_INTEGER: Final = 2**53 - 1  # RFC 8785 §3.1: beyond it a number is not the same for every reader


def length_prefixed(*parts: bytes | str | int) -> bytes:
    """Join parts so that no other list of parts gives the same bytes; a number is its `u64`."""
    out = bytearray()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part.to_bytes(8, "big") if isinstance(part, int) else part
        out += len(raw).to_bytes(4, "big") + raw
    return bytes(out)


@dataclass(frozen=True, slots=True)
class Context:
    """What a seal is bound to: bytes moved to another record, field, version or epoch do not open."""

    root: bytes
    kind: str
    id: str
    field: str
    version: int
    epoch: int

    def encode(self) -> bytes:
        """Return the bytes that go into HKDF or HPKE `info`."""
        return length_prefixed("paivand/v1", self.root, self.kind, self.id, self.field, self.version, self.epoch)


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the parts, joined."""
    return hashlib.sha256(b"".join(parts)).digest()


def to_jcs(value: object) -> bytes:
    """Encode canonically (RFC 8785, the subset of docs/formats.md).

    Raises:
        MalformedError: a float, a large integer, a key that is not ASCII, or an unpaired surrogate.
    """
    _check(value)
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise MalformedError from None


def from_jcs(raw: bytes) -> dict[str, Any]:
    """Read an object back; only the one canonical spelling is accepted.

    Raises:
        MalformedError: anything else.
    """
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise MalformedError from None
    try:
        if isinstance(value, dict) and to_jcs(value) == raw:
            return value
    except RecursionError:
        pass
    raise MalformedError


def _check(value: object) -> None:
    match value:
        case bool() | None | str():
            return
        case int():
            if not 0 <= value <= MAX_SAFE_INTEGER:
                raise MalformedError
        case list():
            for item in value:
                _check(item)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str) or not key.isascii():
                    raise MalformedError
                _check(item)
        case _:
            raise MalformedError


def is_one(value: object) -> bool:
    """Whether a version field says 1; JSON's `true` equals 1 in Python and is no version."""
    return value == 1 and not isinstance(value, bool)


def to_b64(raw: bytes) -> str:
    """RFC 4648 §4, padded."""
    return base64.b64encode(raw).decode()


def from_b64(text: object, size: int | None = None) -> bytes:
    """Read canonical base64 of exactly `size` bytes (any size where None).

    Raises:
        MalformedError: another alphabet, length or spelling.
    """
    if not isinstance(text, str):
        raise MalformedError
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError from None
    if to_b64(raw) != text or (size is not None and len(raw) != size):
        raise MalformedError
    return raw


def to_url_text(raw: bytes) -> str:
    """URL-safe base64 without padding, for cookies and form tokens."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_url_text(text: str) -> bytes:
    """Read what `to_url_text` wrote.

    Raises:
        MalformedError: any other text.
    """
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise MalformedError from None
    if to_url_text(raw) != text:
        raise MalformedError
    return raw


def from_hex(text: object, size: int) -> bytes:
    """Read lower-case hex of exactly `size` bytes.

    Raises:
        MalformedError: any other text.
    """
    try:
        raw = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        raise MalformedError from None
    if len(raw) != size or raw.hex() != text:
        raise MalformedError
    return raw


def folded(text: str) -> str:
    """NFKC and casefold: what a person means by "the same name"."""
    return unicodedata.normalize("NFKC", text).casefold().strip()
