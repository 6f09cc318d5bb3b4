"""Backups: the key, its words, and a stream in which nothing can be cut, moved, added or changed (docs/formats.md §12)."""

import io
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Final
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import MalformedError, MistypedError, SealError
from app.vault import backup
from app.vault.backup import CHUNK, FEWEST_CHUNKS, MAX_RECORD, Contents, Header, Table, Value
from app.vault.encoding import MAX_SAFE_INTEGER
from app.vault.receipt import word_list
from tests import second_reader as second
from tests.vault.world import DAY, ORIGIN, OTHER_ROOT, RECOVERY, ROOT, STRANGER, few, flipped, refused, seed, some

KEY: Final = seed("backup key")
ID: Final = UUID("b1946ac9-2492-4d23-97c7-235b4d29115e")
OTHER_ID: Final = UUID("591785b7-94c5-4b4d-b5f9-0a4a4e0b1f7c")
SEALED: Final = CHUNK + 16
HEADER: Final = backup.seal_key(KEY, ID, root=ROOT, recovery=RECOVERY[0].public, epoch=2)
CONTENTS: Final = Contents(
    root=ROOT,
    revision="0003",
    manifest=2,
    head_origin=ORIGIN,
    head_size=7,
    head_root=seed("head"),
    tables={"manifest": Table(("epoch",), 2), "report": Table(("id", "body"), 3)},
    day=DAY,
)
VALUES: Final = st.one_of(st.none(), st.integers(0, MAX_SAFE_INTEGER), st.text(), st.binary(), st.uuids())


def chunks_of(records: list[bytes], key: bytes = KEY, backup_id: UUID = ID) -> bytes:
    """Seal records as the program does."""
    file = io.BytesIO()
    writer = backup.Writer(file, key, backup_id, root=ROOT)
    for record in records:
        writer.add(record)
    writer.finish()
    return file.getvalue()


def read(chunks: bytes, key: bytes = KEY, backup_id: UUID = ID, root: bytes = ROOT) -> list[bytes]:
    """Read all records, to the end."""
    return list(backup.read_records(io.BytesIO(chunks), key, backup_id, root=root))


def read_second(chunks: bytes) -> list[bytes]:
    """Read all records with the second reader."""
    return second.open_chunks(chunks, KEY, root=ROOT, backup=str(ID))


def both_refuse(chunks: bytes) -> None:
    """Neither reader takes it."""
    refused(read, chunks)
    with pytest.raises(second.ClosedError):
        read_second(chunks)


def sealed_by_hand(plain: bytes, count: int) -> bytes:
    """Seal whole chunks, whatever they say."""
    return second.seal_chunks(plain.ljust(count * CHUNK, b"\0"), KEY, root=ROOT, backup=str(ID))


def parts(chunks: bytes) -> list[bytes]:
    """Cut a stream at its chunks."""
    return [chunks[at : at + SEALED] for at in range(0, len(chunks), SEALED)]


RECORDS: Final = [CONTENTS.encode(), *(backup.encode_row(1, [number, bytes([number]) * 20_000]) for number in range(60))]
GOOD: Final = chunks_of(RECORDS)


# --- the key and its words


def test_the_recovery_key_opens_the_key() -> None:
    """Both readers open what was sealed to the recovery key, and find the backup's id."""
    raw = HEADER.encode()
    assert len(raw) == 1687
    assert Header.read(io.BytesIO(raw)) == HEADER
    assert backup.open_key(HEADER, RECOVERY[0], root=ROOT) == KEY
    file = second.backup_file(raw + GOOD)
    kem = second.kem(seed("recovery kem"))
    assert (file.id, file.chunks) == (str(ID), GOOD)
    assert second.open_backup_key(file.sealed_key, kem, root=ROOT, backup=file.id) == KEY


@given(st.integers(0, 8 * 1666 - 1))
@few
def test_a_changed_bit_of_the_sealed_key_is_refused(bit: int) -> None:
    """Wherever it is: the words cannot be had from a changed file."""
    refused(backup.open_key, replace(HEADER, sealed_key=flipped(HEADER.sealed_key, bit)), RECOVERY[0], root=ROOT)


def test_the_key_belongs_to_one_backup_of_one_instance() -> None:
    """Neither another id nor another root nor another key opens it."""
    refused(backup.open_key, replace(HEADER, id=OTHER_ID), RECOVERY[0], root=ROOT)
    refused(backup.open_key, HEADER, RECOVERY[0], root=OTHER_ROOT)
    refused(backup.open_key, HEADER, STRANGER.kem, root=ROOT)


@pytest.mark.parametrize("raw", [b"", b"PVB", HEADER.encode()[:-1], b"PVB\x01\x02" + HEADER.encode()[5:], b"PVE" + HEADER.encode()[3:]])
def test_what_does_not_begin_like_a_backup_is_refused(raw: bytes) -> None:
    """Too short, another version, another object."""
    refused(Header.read, io.BytesIO(raw))
    with pytest.raises(second.ClosedError):
        second.backup_file(raw)


@given(st.binary(min_size=32, max_size=32))
@example(bytes(32))
@example(b"\xff" * 32)
@some
def test_24_words_are_the_key(key: bytes) -> None:
    """And the second reader writes and reads the same ones."""
    words = backup.to_words(key)
    assert list(words) == second.backup_words(key, word_list("en"))
    typed = "  ".join(word[:4].upper() for word in words)
    assert backup.read_words(typed) == key == second.read_backup_words(typed, word_list("en"))


@given(st.binary(min_size=32, max_size=32), st.integers(0, 22))
@some
def test_a_slip_is_told_from_a_wrong_list(key: bytes, at: int) -> None:
    """Two neighbours swapped are noticed by the check, but once in 256 times; a word too few is something else."""
    words = list(backup.to_words(key))
    swapped = [*words[:at], words[at + 1], words[at], *words[at + 2 :]]
    try:
        assert (backup.read_words(" ".join(swapped)) == key) == (swapped == words)
    except MistypedError:
        assert swapped != words
    for wrong in (words[1:], [*words, words[0]], [*words[:-1], "paivand"], [*words[:-1], "7"]):
        with pytest.raises(MalformedError):
            backup.read_words(" ".join(wrong))


def test_wrong_words_open_nothing() -> None:
    """Also where the check would fit."""
    refused(read, GOOD, seed("another key"))
    refused(read, GOOD, KEY[:31])


# --- the chunks


def test_both_readers_find_the_records() -> None:
    """In order, whole, and nothing else."""
    assert read(GOOD) == RECORDS == read_second(GOOD)


@given(st.integers(0, 2), st.integers(-9, 9))
@example(0, -8)
@example(1, -8)
@some
def test_records_end_anywhere_in_a_chunk(chunk: int, beside: int) -> None:
    """Also where the end of the records, or the length of one, lies across two chunks."""
    records = [b"first", b"x" * max(1, (chunk + 1) * CHUNK - 9 - 4 + beside)]
    for after in ([], [b"last"]):
        chunks = chunks_of([*records, *after])
        assert read(chunks) == [*records, *after] == read_second(chunks)


@given(st.integers(0, 8 * len(GOOD) - 1))
@example(0)
@example(8 * len(GOOD) - 1)
@some
def test_a_changed_bit_is_refused(bit: int) -> None:
    """In any chunk, also in the zeros at the end."""
    both_refuse(flipped(GOOD, bit))


@given(st.integers(0, len(GOOD) - 1))
@example(0)
@example(len(GOOD) - SEALED)
@example(len(GOOD) - 1)
@few
def test_a_cut_file_is_refused(length: int) -> None:
    """Also where it is cut between two chunks, or before the last one."""
    both_refuse(GOOD[:length])


@pytest.mark.parametrize("more", [b"\0", bytes(16), bytes(SEALED), GOOD[-SEALED:], GOOD])
def test_nothing_may_follow(more: bytes) -> None:
    """Neither a byte nor another chunk nor the file once more."""
    both_refuse(GOOD + more)


def test_chunks_keep_their_order_and_their_file() -> None:
    """Swapped, repeated, left out, or taken from another backup under the same key, none opens."""
    mine = parts(GOOD)
    other = parts(chunks_of(RECORDS, backup_id=OTHER_ID))
    for changed in (
        [mine[1], mine[0], *mine[2:]],
        [mine[0], *mine],
        [mine[0], *mine[2:]],
        [other[0], *mine[1:]],
        [*mine[:3], other[3], *mine[4:]],
        [*mine[:-1], other[-1]],
    ):
        both_refuse(b"".join(changed))


def test_another_key_id_or_root_opens_nothing() -> None:
    """The key of the chunks follows from all three."""
    refused(read, GOOD, KEY, OTHER_ID)
    refused(read, GOOD, KEY, ID, OTHER_ROOT)


def test_what_the_page_does_not_allow_is_refused() -> None:
    """Also where somebody who has the key sealed it."""
    framed = b"".join(len(record).to_bytes(4, "big") + record for record in RECORDS)
    needed = -(-(len(framed) + 4) // CHUNK)
    assert read(sealed_by_hand(framed, backup.padme(needed))) == RECORDS
    both_refuse(sealed_by_hand(framed, backup.padme(needed) + 1))
    both_refuse(sealed_by_hand(framed + bytes(4) + b"\1", backup.padme(needed)))
    last = sealed_by_hand(framed.ljust(backup.padme(needed) * CHUNK - 1, b"\0") + b"\1", backup.padme(needed))
    both_refuse(last)
    both_refuse(sealed_by_hand((16 * CHUNK - 4).to_bytes(4, "big") + b"\1" * (16 * CHUNK - 4), 16))
    both_refuse(b"")


def test_a_record_has_a_largest_size() -> None:
    """So that a reader needs no more memory than that, whoever has made the file."""
    writer = backup.Writer(io.BytesIO(), KEY, ID, root=ROOT)
    for bad in (b"", bytes(MAX_RECORD + 1)):
        with pytest.raises(MalformedError):
            writer.add(bad)
    largest = b"\1" * MAX_RECORD
    assert read(chunks_of([largest])) == [largest]
    plain = (MAX_RECORD + 1).to_bytes(4, "big") + b"\1" * (MAX_RECORD + 1)
    both_refuse(sealed_by_hand(plain, backup.padme(-(-(len(plain) + 4) // CHUNK))))


# --- what a thief learns


@pytest.mark.parametrize(
    ("needed", "has"), [(1, 1), (15, 16), (16, 16), (17, 18), (33, 36), (100, 104), (127, 128), (129, 144), (1000, 1024), (1025, 1088)]
)
def test_few_sizes(needed: int, has: int) -> None:
    """Padmé, by hand."""
    assert backup.padme(needed) == has == second.padme(needed)


@given(st.integers(1, 10**9))
@some
def test_a_size_is_at_most_an_eighth_too_large(needed: int) -> None:
    """Never smaller than needed, the same for both readers, and no other size follows from its own."""
    has = backup.padme(needed)
    assert needed <= has <= needed * 1.125
    assert has == second.padme(needed) == backup.padme(has)


def test_one_size_class_has_one_length() -> None:
    """One record or a hundred, short or long: the smallest file has 16 chunks."""
    one, many = chunks_of([b"x"]), chunks_of([bytes([number + 1]) * 10_000 for number in range(100)])
    assert len(one) == len(many) == FEWEST_CHUNKS * SEALED
    assert len(GOOD) == 20 * SEALED


def test_two_backups_share_nothing_but_whose_they_are() -> None:
    """Of the same rows under fresh keys: the header of the seal names recovery key and manifest, and nothing else is alike."""
    again = backup.seal_key(seed("fresh"), OTHER_ID, root=ROOT, recovery=RECOVERY[0].public, epoch=2)
    assert HEADER.sealed_key[:18] == again.sealed_key[:18]
    mine, other = HEADER.encode() + GOOD, again.encode() + chunks_of(RECORDS, seed("fresh"), OTHER_ID)
    alike = sum(left == right for left, right in zip(mine[39:], other[39:], strict=True))
    assert alike < len(mine) / 200
    assert ROOT not in mine
    assert b"manifest" not in mine


# --- the records


@given(st.integers(0, 255), st.lists(VALUES))
@some
def test_rows_come_back(place: int, values: list[Value]) -> None:
    """Every value keeps its type."""
    assert backup.decode_row(backup.encode_row(place, values)) == (place, values)


@given(st.binary(min_size=1, max_size=60))
@example(b"\0\1\0\0\0\x04\xd9\xa1\xd9\xa2")  # digits of another script
@some
def test_rows_are_read_alike(record: bytes) -> None:
    """What one reader refuses the other one refuses."""
    try:
        place, columns = second.read_backup_row(record)
    except second.ClosedError:
        refused(backup.decode_row, record)
        return
    values: list[Value] = [UUID(bytes=value) if kind == 4 and isinstance(value, bytes) else value for kind, value in columns]
    assert backup.decode_row(record) == (place, values)


@pytest.mark.parametrize("value", [-1, MAX_SAFE_INTEGER + 1, True, 1.5, [], bytearray(b"x")])
def test_other_values_are_not_written(value: object) -> None:
    """A column of a new type must first stand on the page."""
    with pytest.raises(MalformedError):
        backup.encode_row(0, [value])  # type: ignore[list-item]


def test_the_first_record_comes_back() -> None:
    """With and without the server secret, tables sorted by name."""
    for contents in (CONTENTS, replace(CONTENTS, server_secret=seed("server"))):
        assert Contents.decode(contents.encode()) == contents
    turned = replace(CONTENTS, tables=dict(reversed(CONTENTS.tables.items())))
    assert list(Contents.decode(turned.encode()).tables) == ["manifest", "report"]
    refused(Contents.decode, replace(CONTENTS, tables={}).encode())
    refused(Contents.decode, replace(CONTENTS, tables={f"t{at}": Table(("id",), 0) for at in range(257)}).encode())
    refused(Contents.decode, replace(CONTENTS, tables={"": Table(("id",), 0)}).encode())


def test_no_traceback_shows_the_server_secret() -> None:
    """What a log prints of the first record is not the secret."""
    assert repr(seed("server")) not in repr(replace(CONTENTS, server_secret=seed("server")))


# --- memory


class Endless(io.RawIOBase):
    """A file that forgets what was written, but for its length."""

    length = 0

    def write(self, raw: bytes) -> int:  # type: ignore[override]
        self.length += len(raw)
        return len(raw)


class Again(io.RawIOBase):
    """A stream that is sealed while it is read."""

    def __init__(self, count: int) -> None:
        self._chunks, self._left = self._make(count), b""

    def _make(self, count: int) -> Iterator[bytes]:
        aes = second._chunk_key(KEY, ROOT, str(ID))
        record = (CHUNK - 4).to_bytes(4, "big") + b"\1" * (CHUNK - 4)
        for at in range(count):
            plain = record if at < count - 1 else bytes(CHUNK)
            yield aes.encrypt(at.to_bytes(11, "big") + bytes([at == count - 1]), plain, None)

    def read(self, size: int = -1) -> bytes:
        assert size == SEALED
        return next(self._chunks, b"")


def test_writing_and_reading_need_little_memory() -> None:
    """64 MiB go through less than a mebibyte."""
    file, record = Endless(), bytes(30_000) + b"\1"
    tracemalloc.start()
    writer = backup.Writer(file, KEY, ID, root=ROOT)  # type: ignore[arg-type]
    for _ in range(64 * 1024 * 1024 // len(record)):
        writer.add(record)
    writer.finish()
    with closing(Again(1024)) as stream:
        found = sum(len(record) == CHUNK - 4 for record in backup.read_records(stream, KEY, ID, root=ROOT))  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.length > 64 * 1024 * 1024
    assert found == 1023
    assert peak < 1024 * 1024


def test_records_come_before_the_end_was_seen() -> None:
    """That is why the reader's words say that they do not count yet."""
    records = backup.read_records(io.BytesIO(GOOD[:-1]), KEY, ID, root=ROOT)
    assert next(records) == RECORDS[0]
    with pytest.raises(SealError):
        list(records)


def test_ids_are_not_guessed_alike() -> None:
    """Two drawn ids give two keys for the chunks."""
    one, other = uuid4(), uuid4()
    refused(read, chunks_of([b"x"], backup_id=one), KEY, other)
