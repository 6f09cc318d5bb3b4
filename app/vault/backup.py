"""A backup: records in one sealed file that opens with a key of its own, shown to people as 24 words (docs/formats.md §12).

Chunks are numbered and the last one is marked, so that nothing can be cut, moved or added. What is read comes out record by
record, before the end of the file was seen: whoever reads must take everything back when an error comes later.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import MalformedError, MistypedError, SealError
from app.vault import hpke, padding
from app.vault.encoding import MAX_SAFE_INTEGER, Context, from_b64, from_hex, from_jcs, is_one, length_prefixed, sha256, to_b64, to_jcs
from app.vault.envelope import KEY_BYTES, hkdf
from app.vault.hpke import KemKeys
from app.vault.receipt import prefixes, tokens_of, word_list

WORDS: Final = 24
CHUNK: Final = 65_536
FEWEST_CHUNKS: Final = 16
MAX_RECORD: Final = 16 * 1024 * 1024  # what a reader keeps in memory
MAX_TABLES: Final = 256
Value = int | str | bytes | UUID | None

_MAGIC = b"PVB\x01\x01"
_ID = 16
_OBJECT = hpke.OVERHEAD + padding.SMALL[0]
_TAG = 16
_LENGTH = 4
_WORD_BITS = 11
_DIGITS = 16
_DAY: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_KEY_FIELDS: Final = frozenset(("v", "key", "root"))
_FIRST_FIELDS: Final = frozenset(("v", "root", "revision", "manifest", "head", "tables", "server_secret", "day"))


# --- the key


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the chunks: which backup this is, and its key, sealed to the recovery key."""

    id: UUID
    sealed_key: bytes

    def encode(self) -> bytes:
        """Return the first bytes of the file."""
        return _MAGIC + self.id.bytes + self.sealed_key

    @classmethod
    def read(cls, file: BinaryIO) -> "Header":
        """Read the first bytes of a file, and leave it at the first chunk.

        Raises:
            SealError: not a backup of this version.
        """
        raw = file.read(len(_MAGIC) + _ID + _OBJECT)
        if len(raw) != len(_MAGIC) + _ID + _OBJECT or not raw.startswith(_MAGIC):
            raise SealError
        return cls(UUID(bytes=raw[len(_MAGIC) : len(_MAGIC) + _ID]), raw[len(_MAGIC) + _ID :])


def seal_key(key: bytes, backup_id: UUID, *, root: bytes, recovery: bytes, epoch: int) -> Header:
    """Seal the key of a new backup.

    Args:
        key: 32 random bytes.
        backup_id: random, of this backup alone.
        root: the instance root.
        recovery: the recovery KEM key of the newest verified manifest.
        epoch: that manifest's.
    """
    plain = padding.pad(to_jcs({"v": 1, "key": to_b64(key), "root": root.hex()}), padding.SMALL)
    return Header(backup_id, hpke.seal_to(plain, recovery, _key_context(root, backup_id, epoch)))


def open_key(header: Header, recovery: KemKeys, *, root: bytes) -> bytes:
    """Open the key of a backup with the recovery key; never on a server.

    Raises:
        SealError: for every cause alike.
    """
    context = _key_context(root, header.id, hpke.epoch_of(header.sealed_key))
    plain = padding.unpad(hpke.open_with(header.sealed_key, recovery, context), padding.SMALL)
    try:
        value = from_jcs(plain)
        if set(value) != _KEY_FIELDS or not is_one(value["v"]) or from_hex(value["root"], len(root)) != root:
            raise SealError
        return from_b64(value["key"], KEY_BYTES)
    except MalformedError:
        raise SealError from None


def to_words(key: bytes) -> tuple[str, ...]:
    """Return the 24 English words of a key; the last one holds the check."""
    number, words, mask = int.from_bytes(key + _check(key), "big"), word_list("en"), (1 << _WORD_BITS) - 1
    return tuple(words[number >> _WORD_BITS * at & mask] for at in reversed(range(WORDS)))


def read_words(text: str) -> bytes:
    """Read the 24 words as people type them; of each the first four letters count.

    Raises:
        MalformedError: not 24 words of the English list.
        MistypedError: the check does not fit.
    """
    tokens, known, number = tokens_of(text), prefixes("en"), 0
    if len(tokens) != WORDS:
        raise MalformedError
    for token in tokens:
        if token[:4] not in known:
            raise MalformedError
        number = number << _WORD_BITS | known[token[:4]]
    raw = number.to_bytes(KEY_BYTES + 1, "big")
    key = raw[:KEY_BYTES]
    if raw[KEY_BYTES:] != _check(key):
        raise MistypedError
    return key


def _check(key: bytes) -> bytes:
    return sha256(b"paivand/v1 backup check", key)[:1]


def _key_context(root: bytes, backup_id: UUID, epoch: int) -> Context:
    return Context(root, "backup", str(backup_id), "key", 1, epoch)


# --- the chunks


class Writer:
    """Seals records as they come; keeps at most one chunk and one record in memory."""

    def __init__(self, file: BinaryIO, key: bytes, backup_id: UUID, *, root: bytes) -> None:
        """Begin at the first chunk; the header stands in the file already."""
        self._file, self._aes = file, _cipher(key, backup_id, root)
        self._waiting, self._number = bytearray(), 0

    def add(self, record: bytes) -> None:
        """Add one record.

        Raises:
            MalformedError: it is empty, or larger than a reader takes.
        """
        if not 0 < len(record) <= MAX_RECORD:
            raise MalformedError
        self._waiting += len(record).to_bytes(_LENGTH, "big") + record
        self._write_whole_chunks()

    def finish(self) -> None:
        """End the records and fill up to one of few sizes."""
        self._waiting += bytes(_LENGTH)
        self._waiting += bytes(-len(self._waiting) % CHUNK)
        needed = self._number + len(self._waiting) // CHUNK
        chunks = max(FEWEST_CHUNKS, padme(needed))
        while self._number < chunks:
            if not self._waiting:
                self._waiting += bytes(CHUNK)
            self._write_chunk(is_last=self._number == chunks - 1)

    def _write_whole_chunks(self) -> None:
        while len(self._waiting) >= CHUNK:
            self._write_chunk(is_last=False)  # the end of the records is still to come

    def _write_chunk(self, *, is_last: bool) -> None:
        self._file.write(self._aes.encrypt(_nonce(self._number, is_last=is_last), bytes(self._waiting[:CHUNK]), None))
        del self._waiting[:CHUNK]
        self._number += 1


def read_records(file: BinaryIO, key: bytes, backup_id: UUID, *, root: bytes) -> Iterator[bytes]:
    """Open the records of a file that stands at its first chunk, one after the other.

    An error may come after many records, also at the very end: then none of them counts.

    Raises:
        SealError: for every cause alike.
    """
    plain = _Plaintext(_open_chunks(file, _cipher(key, backup_id, root)))
    while size := int.from_bytes(plain.take(_LENGTH), "big"):
        if size > MAX_RECORD:
            raise SealError
        yield plain.take(size)
    plain.check_end()


def padme(number: int) -> int:
    """Round a number of chunks up so that it tells little of the true one: at most 12 in a hundred more."""
    exponent = number.bit_length() - 1
    mask = (1 << exponent - exponent.bit_length()) - 1
    return number + mask & ~mask


class _Plaintext:
    """The plaintext of chunks, as far as it was asked for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._chunk, self._at, self._read = chunks, b"", 0, 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        taken = bytearray()
        while len(taken) < size:
            if self._at == len(self._chunk) and not self._go_on():
                raise SealError
            part = self._chunk[self._at : self._at + size - len(taken)]
            self._at += len(part)
            taken += part
        return bytes(taken)

    def check_end(self) -> None:
        """Refuse anything but zeros up to the number of chunks that the records need."""
        needed, rest = self._read, self._chunk[self._at :]
        while rest.count(0) == len(rest):
            if not self._go_on():
                if self._read == max(FEWEST_CHUNKS, padme(needed)):
                    return
                break
            rest = self._chunk
        raise SealError

    def _go_on(self) -> bool:
        self._chunk, self._at = next(self._chunks, b""), 0
        self._read += bool(self._chunk)
        return bool(self._chunk)


def _open_chunks(file: BinaryIO, aes: AESGCM) -> Iterator[bytes]:
    sealed, number = file.read(CHUNK + _TAG), 0
    while len(sealed) == CHUNK + _TAG:
        after = file.read(CHUNK + _TAG)
        try:
            yield aes.decrypt(_nonce(number, is_last=not after), sealed, None)
        except InvalidTag:
            raise SealError from None
        if not after:
            return
        sealed, number = after, number + 1
    raise SealError


def _cipher(key: bytes, backup_id: UUID, root: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise SealError
    return AESGCM(hkdf(key, b"", length_prefixed("paivand/v1 backup", root, str(backup_id)), KEY_BYTES))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


# --- the records


@dataclass(frozen=True, slots=True)
class Table:
    """What a backup holds of one table: the columns of its rows, in their order, and how many rows."""

    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The first record: of what this is a backup.

    `head_origin`, `head_size`, `head_root` are the ledger's head; `tables` are in the order of their names.
    """

    root: bytes
    revision: str
    manifest: int
    head_origin: str
    head_size: int
    head_root: bytes
    tables: dict[str, Table]
    day: str
    server_secret: bytes | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        """Write the record."""
        tables = {name: {"columns": list(table.columns), "rows": table.rows} for name, table in self.tables.items()}
        return to_jcs(
            {
                "v": 1,
                "root": self.root.hex(),
                "revision": self.revision,
                "manifest": self.manifest,
                "head": {"origin": self.head_origin, "size": self.head_size, "root": to_b64(self.head_root)},
                "tables": tables,
                "server_secret": None if self.server_secret is None else to_b64(self.server_secret),
                "day": self.day,
            }
        )

    @classmethod
    def decode(cls, raw: bytes) -> "Contents":
        """Read the record.

        Raises:
            SealError: it is not a first record of this version.
        """
        try:
            value = from_jcs(raw)
            if set(value) != _FIRST_FIELDS or not is_one(value["v"]):
                raise SealError
            head, secret = value["head"], value["server_secret"]
            if set(head) != {"origin", "size", "root"} or not 0 < len(value["tables"]) <= MAX_TABLES or not _DAY.fullmatch(value["day"]):
                raise SealError
            return cls(
                root=from_hex(value["root"], 32),
                revision=_text(value["revision"]),
                manifest=_count(value["manifest"]),
                head_origin=_text(head["origin"]),
                head_size=_count(head["size"]),
                head_root=from_b64(head["root"], 32),
                tables={_text(name): _read_table(value["tables"][name]) for name in sorted(value["tables"])},
                day=value["day"],
                server_secret=None if secret is None else from_b64(secret, KEY_BYTES),
            )
        except (MalformedError, TypeError, AttributeError):
            raise SealError from None


def encode_row(place: int, values: Sequence[Value]) -> bytes:
    """Write a row: the place of its table among the sorted names, then its columns.

    Raises:
        MalformedError: a value of another type, or a number that is not 0 to 2^53 − 1.
    """
    out = bytearray([place])
    for value in values:
        kind, raw = _encode(value)
        out.append(kind)
        if kind:
            out += len(raw).to_bytes(_LENGTH, "big") + raw
    return bytes(out)


def decode_row(record: bytes) -> tuple[int, list[Value]]:
    """Read what `encode_row` wrote.

    Raises:
        SealError: anything else.
    """
    values: list[Value] = []
    at = 1
    while at < len(record):
        kind, at = record[at], at + 1
        if kind == 0:
            values.append(None)
            continue
        size, at = int.from_bytes(record[at : at + _LENGTH], "big"), at + _LENGTH
        if at + size > len(record):
            raise SealError
        values.append(_decode(kind, record[at : at + size]))
        at += size
    return record[0], values


def _encode(value: Value) -> tuple[int, bytes]:
    match value:
        case None:
            return 0, b""
        case int() if 0 <= value <= MAX_SAFE_INTEGER and not isinstance(value, bool):
            return 1, str(value).encode()
        case str():
            return 2, value.encode()
        case bytes():
            return 3, value
        case UUID():
            return 4, value.bytes
    raise MalformedError


def _decode(kind: int, raw: bytes) -> Value:
    try:
        match kind:
            case 1 if raw.isdigit() and len(raw) <= _DIGITS and str(int(raw)).encode() == raw and int(raw) <= MAX_SAFE_INTEGER:
                return int(raw)
            case 2:
                return raw.decode()
            case 3:
                return raw
            case 4 if len(raw) == _ID:
                return UUID(bytes=raw)
    except UnicodeDecodeError:
        pass
    raise SealError


def _read_table(value: dict[str, Any]) -> Table:
    columns = value["columns"] if set(value) == {"columns", "rows"} else None
    if not isinstance(columns, list) or not columns or len(set(columns)) != len(columns):
        raise MalformedError
    return Table(tuple(_text(column) for column in columns), _count(value["rows"]))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise MalformedError
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedError
    return value
