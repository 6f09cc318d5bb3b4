"""Encodings: one meaning, one spelling (docs/formats.md §1)."""

import sys
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MalformedError
from app.vault import encoding
from app.vault.encoding import Context, from_b64, from_hex, from_jcs, from_url_text, length_prefixed, to_b64, to_jcs, to_url_text
from tests import second_reader as second
from tests.vault.world import context, elsewhere, some

ASCII: Final = st.text(st.characters(max_codepoint=127), max_size=6)
SAFE: Final = st.integers(0, 2**53 - 1)
TEXT: Final = st.text(max_size=12)
VALUES: Final = st.recursive(
    st.none() | st.booleans() | SAFE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ASCII, inner, max_size=4),
    max_leaves=12,
)
OBJECTS: Final = st.dictionaries(ASCII, VALUES, max_size=5)
PARTS: Final = st.lists(st.binary(max_size=9), max_size=5)


@given(PARTS, PARTS)
@some
def test_other_parts_are_other_bytes(one: list[bytes], other: list[bytes]) -> None:
    """Where one part ends and the next begins cannot be read in two ways."""
    assert (length_prefixed(*one) == length_prefixed(*other)) is (one == other)


def test_moved_boundary_is_other_bytes() -> None:
    """The same letters, cut elsewhere, are another list."""
    lists: list[list[str]] = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"]]
    assert len({length_prefixed(*parts) for parts in lists}) == len(lists)


@given(st.lists(st.binary(max_size=9) | TEXT | st.integers(0, 2**64 - 1), max_size=5))
@some
def test_parts_are_what_the_page_says(parts: list[bytes | str | int]) -> None:
    """Text is UTF-8 and a number is its u64."""
    assert length_prefixed(*parts) == second.lp(*parts)


@given(st.binary(min_size=32, max_size=32), TEXT, TEXT, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
@some
def test_context_is_what_the_page_says(root: bytes, identity: str, field: str, version: int, epoch: int) -> None:
    """A context is the page's list, in the page's order."""
    made = Context(root, "report.work", identity, field, version, epoch)
    assert made.encode() == second.Where(root, "report.work", identity, field, version, epoch).encode()


def test_contexts_differ_in_every_part() -> None:
    """A neighbour in any one part is another context."""
    here = context()
    assert len({here.encode(), *(there.encode() for there in elsewhere(here))}) == 7
    assert replace(here).encode() == here.encode()


@given(OBJECTS)
@some
def test_objects_come_back(value: dict[str, Any]) -> None:
    """What was written is read, and the second reader spells it alike."""
    raw = to_jcs(value)
    assert from_jcs(raw) == value == second.read_jcs(raw)
    assert raw == second.jcs(value)


@given(OBJECTS, st.data())
@some
def test_a_changed_byte_never_says_the_same(value: dict[str, Any], data: st.DataObject) -> None:
    """Two byte strings never read as one object."""
    raw = bytearray(to_jcs(value))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(raw)
    try:
        found = from_jcs(changed)
    except MalformedError:
        with pytest.raises(second.MalformedError):
            second.read_jcs(changed)
    else:
        assert to_jcs(found) == changed
        assert second.read_jcs(changed) == found


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"1",
        b'"a"',
        b"[]",
        b"{}\n",
        b" {}",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'{"a":\xff}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":1.5}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\/"}',
        b'{"a":"\\u007f"}',
        b'{"a":"\\u001F"}',
        b'{"a":"\t"}',
        b'{"a":"\\udc00\\ud800"}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":1,"b":{"c":1,"c":2}}',
        b'{"a":' * 100_000,
    ],
    ids=lambda raw: raw[:16].hex() or "empty",
)
def test_other_spellings_are_refused(raw: bytes) -> None:
    """A reader takes the one canonical spelling of an object and nothing else."""
    with pytest.raises(MalformedError):
        from_jcs(raw)
    with pytest.raises(second.MalformedError):
        second.read_jcs(raw)


@pytest.mark.parametrize("value", [1.0, -1, 2**53, b"a", (1,), {1}, {1: 2}, {"ё": 1}, "\ud800", {"a": [{"b": 0.5}]}, float("nan")])
def test_what_has_no_spelling_is_not_written(value: object) -> None:
    """A writer refuses what a reader would refuse."""
    with pytest.raises(MalformedError):
        to_jcs({"a": value} if not isinstance(value, dict) else value)


def test_any_depth_is_read_or_refused() -> None:
    """However deep bytes are nested, the answer is an object or the one refusal, never a crash."""
    for depth in range(sys.getrecursionlimit() - 300, sys.getrecursionlimit()):
        for raw in (b'{"a":' * depth + b"1" + b"}" * depth, b'{"a":' + b"[" * depth + b"]" * depth + b"}"):
            try:
                assert to_jcs(from_jcs(raw)) == raw
            except MalformedError:
                continue


@given(st.binary(max_size=40))
@some
def test_bytes_come_back_from_text(raw: bytes) -> None:
    """Each text form gives its bytes back, and takes the size it is told."""
    assert from_b64(to_b64(raw)) == from_b64(to_b64(raw), len(raw)) == second.b64(to_b64(raw)) == raw
    assert from_url_text(to_url_text(raw)) == second.unbase64url(to_url_text(raw)) == raw
    assert from_hex(raw.hex(), len(raw)) == second.unhex(raw.hex(), len(raw)) == raw


@given(st.text(st.sampled_from("AQgw-_+/= \n=abcdef0"), max_size=9) | st.text(max_size=6))
@some
def test_text_that_reads_is_canonical(text: str) -> None:
    """No two texts read as the same bytes."""
    for read, write in ((from_b64, to_b64), (from_url_text, to_url_text)):
        try:
            raw = read(text)
        except MalformedError:
            continue
        assert write(raw) == text
    for size in range(4):
        try:
            raw = from_hex(text, size)
        except MalformedError:
            continue
        assert (raw.hex(), len(raw)) == (text, size)


@pytest.mark.parametrize("text", [None, 1, b"AA==", "AA", "AA=", "AB==", "A A=", "AA==\n", "-_==", "é==="])
def test_base64_has_one_spelling(text: object) -> None:
    """Missing padding, spare bits, other alphabets and other types are refused."""
    with pytest.raises(MalformedError):
        from_b64(text)
    with pytest.raises(second.MalformedError):
        second.b64(text)


def test_sizes_are_exact() -> None:
    """Bytes of another size than the field has are refused."""
    for size in (31, 33):
        with pytest.raises(MalformedError):
            from_b64(to_b64(bytes(size)), 32)
        with pytest.raises(MalformedError):
            from_hex(bytes(size).hex(), 32)


@pytest.mark.parametrize("text", [None, 1, "AB", "0 a", "ab ", "0x", "zz", "٠a"])
def test_hex_has_one_spelling(text: object) -> None:
    """Capitals, spaces and other digits are refused."""
    with pytest.raises(MalformedError):
        from_hex(text, 1)


@pytest.mark.parametrize("text", ["AB", "AA==", "A", "é", "A A", "AA+/"])
def test_url_text_has_one_spelling(text: str) -> None:
    """Padding, spare bits and the other alphabet are refused."""
    with pytest.raises(MalformedError):
        from_url_text(text)


def test_the_same_name_folds_alike() -> None:
    """Capitals, wide letters and composed accents are the same name."""
    assert encoding.folded(" Ｎigora") == encoding.folded("nIGORA") == "nigora"
    assert encoding.folded("e\u0301") == encoding.folded("É")
    assert encoding.folded("Nigora") != encoding.folded("Nigara")
