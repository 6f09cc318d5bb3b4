"""The bytes of a ledger entry: commitment, leaf, signature, sealed record (docs/formats.md §9)."""

import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Any, Final

from app.errors import MalformedError, SealError
from app.vault import padding
from app.vault.encoding import Context, from_b64, from_hex, from_jcs, length_prefixed, sha256, to_b64, to_jcs
from app.vault.envelope import seal, unseal
from app.vault.signing import SigningKeys, is_signed

LEAF_BYTES: Final = 163
_SALT = 32
_OPENING_FIELDS: Final = frozenset(("record", "salt", "signature", "manifest"))
_RECORD_FIELDS: Final = ("v", "index", "day", "kind", "actor", "role", "object", "version", "digest", "details")
_LEAF: Final = re.compile(  # canonical JSON has one way to write it; a whole ledger is read so (docs/performance.md)
    rb'\{"c":"([0-9a-f]{64})","d":"[0-9]{4}-(?:0[1-9]|1[0-2])","t":"([0-9a-f]{64})","v":1\}'
)
_DAY: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-[0-3][0-9]")


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """What one entry stores."""

    leaf: bytes
    tag: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class OpenedEntry:
    """One entry, opened and found to be what its leaf commits to."""

    record: dict[str, Any]
    commitment: bytes
    signature: bytes
    manifest: bytes

    def is_signed_by(self, public: bytes, *, root: bytes, origin: str) -> bool:
        """Whether the actor's key signed this very entry at this very place."""
        message = signed_bytes(root, origin, self.record["index"], self.commitment, self.manifest)
        return is_signed(message, self.signature, public)


def commitment_of(salt: bytes, record: bytes) -> bytes:
    """Commit to a record; the salt is fresh, so equal records look different and a guess proves nothing."""
    return hmac.digest(salt, b"paivand/v1 ledger commitment\n" + record, "sha256")


def tag_of(tag_key: bytes, record: str, version: int) -> bytes:
    """Name a row version so that only the team can look its entry up."""
    return hmac.digest(tag_key, length_prefixed("paivand/v1 tag", record, version), "sha256")


def signed_bytes(root: bytes, origin: str, index: int, commitment: bytes, manifest: bytes) -> bytes:
    """Return the bytes an actor signs."""
    return length_prefixed("paivand/v1 ledger entry", root, origin, index, commitment, manifest)


def leaf_of(commitment: bytes, month: str, tag: bytes) -> bytes:
    """Write a leaf: always 163 bytes, no finer time than the month."""
    return to_jcs({"c": commitment.hex(), "d": month, "t": tag.hex(), "v": 1})


def read_leaf(leaf: bytes) -> tuple[bytes, bytes]:
    """Return (commitment, tag) of a leaf.

    Raises:
        MalformedError: not a leaf of this version.
    """
    found = _LEAF.fullmatch(leaf)
    if found is None:
        raise MalformedError
    return bytes.fromhex(found[1].decode()), bytes.fromhex(found[2].decode())


def seal_entry(
    record: dict[str, Any],
    key: bytes,
    *,
    root: bytes,
    origin: str,
    manifest: bytes,
    epoch: int,
    tag: bytes | None,
    signer: SigningKeys,
) -> SealedEntry:
    """Commit to, sign and seal one record."""
    salt, raw = secrets.token_bytes(_SALT), to_jcs(record)
    commitment = commitment_of(salt, raw)
    tag = tag or secrets.token_bytes(32)
    signature = signer.sign(signed_bytes(root, origin, record["index"], commitment, manifest))
    opening = {
        "record": record,
        "salt": to_b64(salt),
        "signature": to_b64(signature),
        "manifest": manifest.hex(),
    }
    sealed = seal(padding.pad(to_jcs(opening), padding.RECORD), key, _context(root, record["index"], epoch))
    return SealedEntry(leaf_of(commitment, record["day"][:7], tag), tag, sealed)


def open_entry(sealed: bytes, leaf: bytes, key: bytes, *, root: bytes, index: int, epoch: int) -> OpenedEntry:
    """Open a record and hold it against the commitment in its leaf.

    Raises:
        SealError: it does not open, or is not what the leaf commits to.
    """
    try:
        value = from_jcs(padding.unpad(unseal(sealed, key, _context(root, index, epoch)), padding.RECORD))
        commitment, _ = read_leaf(leaf)
        record = value["record"]
        if set(value) != _OPENING_FIELDS or not _is_record(record) or from_jcs(leaf)["d"] != record["day"][:7]:
            raise SealError
        made = commitment_of(from_b64(value["salt"], _SALT), to_jcs(record))
        if not hmac.compare_digest(made, commitment) or record["index"] != index:
            raise SealError
        return OpenedEntry(record, commitment, from_b64(value["signature"], 64), from_hex(value["manifest"], 32))
    except (MalformedError, KeyError, TypeError):
        raise SealError from None


def _is_record(record: object) -> bool:
    if not isinstance(record, dict) or set(record) != set(_RECORD_FIELDS):
        return False
    numbers = (record["v"], record["index"], 0 if record["version"] is None else record["version"])
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers) or record["v"] != 1:
        return False
    if not all(isinstance(record[name], str) for name in ("day", "kind", "actor", "role")) or not isinstance(record["details"], dict):
        return False
    if not all(record[name] is None or isinstance(record[name], str) for name in ("object", "digest")):
        return False
    return _DAY.fullmatch(record["day"]) is not None


def row_digest(*, table: str, record_id: str, version: int, clear: dict[str, Any], sealed: dict[str, bytes], keys: dict[str, str]) -> str:
    """Return the hex digest that binds a stored row version to its entry; `keys` maps part to hex key commitment."""
    value = {
        "table": table,
        "id": record_id,
        "version": version,
        "clear": clear,
        "sealed": {name: sha256(raw).hex() for name, raw in sealed.items()},
        "keys": keys,
    }
    return sha256(length_prefixed("paivand/v1 row"), to_jcs(value)).hex()


def _context(root: bytes, index: int, epoch: int) -> Context:
    return Context(root, "ledger.record", str(index), "record", 1, epoch)
