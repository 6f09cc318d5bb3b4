"""Ledger entries: the leaf says nothing, the record is the one committed to, at the place it was signed for (docs/formats.md §9)."""

import re
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MalformedError
from app.vault import entries, envelope, padding
from app.vault.encoding import Context, from_jcs, sha256, to_b64, to_jcs
from app.vault.entries import SealedEntry, leaf_of, open_entry, read_leaf, row_digest, seal_entry, tag_of
from tests import second_reader as second
from tests.vault import world
from tests.vault.world import CHAIN, DAY, NIGORA, ORIGIN, OTHER_ROOT, REPORT, ROOT, RUTH, TEAM, few, flipped, refused, seed

KEY: Final = seed("key")
NAME: Final = f"report:{REPORT}"
RECORD: Final[dict[str, Any]] = {
    "v": 1,
    "index": 7,
    "day": DAY,
    "kind": "report.noted",
    "actor": NIGORA.id,
    "role": "caseworker",
    "object": NAME,
    "version": 2,
    "digest": sha256(b"row").hex(),
    "details": {},
}
PLACE: Final[dict[str, Any]] = {"root": ROOT, "index": 7, "epoch": 1}


def write(**changes: Any) -> SealedEntry:
    """Seal one record."""
    values: dict[str, Any] = {"root": ROOT, "origin": ORIGIN, "manifest": CHAIN.newest.digest, "epoch": 1}
    values |= {"tag": tag_of(TEAM.tag_key, NAME, 2), "signer": NIGORA.sign}
    return seal_entry({**RECORD, **changes.pop("record", {})}, changes.pop("key", KEY), **{**values, **changes})


ENTRY: Final = write()


@given(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9) | st.text("xyz", max_size=4)), st.integers(0, 2**40))
@few
def test_an_entry_opens(details: dict[str, Any], index: int) -> None:
    """The record comes back, for both readers, signed by its actor for this place."""
    made = write(record={"details": details, "index": index})
    found = open_entry(made.sealed, made.leaf, KEY, root=ROOT, index=index, epoch=1)
    assert found.record == {**RECORD, "details": details, "index": index}
    assert found.manifest == CHAIN.newest.digest
    assert found.is_signed_by(NIGORA.sign.public, root=ROOT, origin=ORIGIN)
    named: dict[str, Any] = {"root": ROOT, "index": index, "epoch": 1, "origin": ORIGIN, "actor": NIGORA.sign.public}
    assert second.open_entry(made.sealed, made.leaf, KEY, **named) == found.record
    assert len(made.sealed) in {1024 + envelope.OVERHEAD, 4096 + envelope.OVERHEAD}


def test_a_signature_is_of_one_person_and_one_place() -> None:
    """Another member, instance or ledger, and it is not signed."""
    found = open_entry(ENTRY.sealed, ENTRY.leaf, KEY, **PLACE)
    assert found.is_signed_by(NIGORA.sign.public, root=ROOT, origin=ORIGIN)
    assert not found.is_signed_by(RUTH.sign.public, root=ROOT, origin=ORIGIN)
    assert not found.is_signed_by(NIGORA.sign.public, root=OTHER_ROOT, origin=ORIGIN)
    assert not found.is_signed_by(NIGORA.sign.public, root=ROOT, origin=f"{ORIGIN}2")


@pytest.mark.parametrize("change", [{"root": OTHER_ROOT}, {"index": 8}, {"epoch": 2}], ids=str)
def test_an_entry_has_one_place(change: dict[str, Any]) -> None:
    """Moved to another instance, index or epoch it does not open."""
    refused(open_entry, ENTRY.sealed, ENTRY.leaf, KEY, **{**PLACE, **change})


def test_an_entry_opens_with_its_key() -> None:
    """Another entry's key opens nothing."""
    refused(open_entry, ENTRY.sealed, ENTRY.leaf, seed("other"), **PLACE)


def test_the_record_is_the_one_committed_to() -> None:
    """Beside another leaf, even of the same record sealed a second time, it is refused."""
    again = write()
    assert open_entry(again.sealed, again.leaf, KEY, **PLACE).record == RECORD
    refused(open_entry, ENTRY.sealed, again.leaf, KEY, **PLACE)
    for leaf in (b"", b"{}", ENTRY.leaf[:-1], flipped(ENTRY.leaf, 60)):
        refused(open_entry, ENTRY.sealed, leaf, KEY, **PLACE)


@given(st.integers(0, 8 * len(ENTRY.sealed) - 1))
@few
def test_no_flipped_bit_of_an_entry_opens(bit: int) -> None:
    """Each bit counts."""
    refused(open_entry, flipped(ENTRY.sealed, bit), ENTRY.leaf, KEY, **PLACE)


def by_hand(record: object = RECORD, salt: bytes = KEY, change: dict[str, Any] | None = None) -> tuple[bytes, bytes]:
    """Seal an entry of any form; return (sealed, leaf that commits to it)."""
    commitment = entries.commitment_of(salt, to_jcs(record))
    signature = NIGORA.sign.sign(entries.signed_bytes(ROOT, ORIGIN, 7, commitment, CHAIN.newest.digest))
    value: dict[str, Any] = {"record": record, "salt": to_b64(salt), "signature": to_b64(signature), "manifest": "00" * 32}
    value = {**value, **(change or {})}
    value = {name: item for name, item in value.items() if item != "missing"}
    where = Context(ROOT, "ledger.record", "7", "record", 1, 1)
    return envelope.seal(padding.pad(to_jcs(value), padding.RECORD), KEY, where), leaf_of(commitment, DAY[:7], bytes(32))


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_salt_has_32_bytes(size: int) -> None:
    """A short salt could be tried, and HMAC fills it with zeros: 31 bytes and the same with a zero would commit alike."""
    assert open_entry(*by_hand(), KEY, **PLACE).record == RECORD
    refused(open_entry, *by_hand(salt=bytes(size)), KEY, **PLACE)


@pytest.mark.parametrize(
    "change",
    [
        {"record": "missing"},
        {"salt": "missing"},
        {"signature": "missing"},
        {"manifest": "missing"},
        {"signature": to_b64(bytes(63))},
        {"manifest": "00"},
        {"salt": None},
    ],
    ids=str,
)
def test_other_openings_are_refused(change: dict[str, Any]) -> None:
    """Record, salt, signature and manifest, each of its form."""
    sealed, leaf = by_hand()
    assert open_entry(sealed, leaf, KEY, **PLACE).record == RECORD
    refused(open_entry, by_hand(change=change)[0], leaf, KEY, **PLACE)


@pytest.mark.parametrize("record", [{**RECORD, "index": 8}, {}, [], "record", None, {**RECORD, "index": "7"}], ids=str)
def test_the_record_names_its_place(record: object) -> None:
    """A record without an index, or with that of another place, is refused though its leaf commits to it."""
    refused(open_entry, *by_hand(record), KEY, **PLACE)


@pytest.mark.parametrize("record", [{**RECORD, "v": 2}, {**RECORD, "more": 1}, {**RECORD, "day": "2026-10-24"}, {"index": 7}], ids=str)
def test_records_have_the_fields_of_the_page(record: dict[str, Any]) -> None:
    """Another version, an unknown field, or a day outside the leaf's month is refused."""
    sealed, leaf = by_hand(record)
    with pytest.raises(second.ClosedError):
        second.open_entry(sealed, leaf, KEY, origin=ORIGIN, actor=NIGORA.sign.public, **PLACE)
    refused(open_entry, sealed, leaf, KEY, **PLACE)


# leaves and tags


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.integers(1, 12))
@few
def test_a_leaf_is_163_bytes(commitment: bytes, tag: bytes, month: int) -> None:
    """One length, whatever it is about, and both readers read the same from it."""
    leaf = leaf_of(commitment, f"2026-{month:02d}", tag)
    assert len(leaf) == entries.LEAF_BYTES == 163
    assert read_leaf(leaf) == (commitment, tag)
    assert second.read_leaf(leaf) == (commitment, f"2026-{month:02d}", tag)


def test_a_leaf_shows_no_day_and_no_kind() -> None:
    """Two entries of one month differ in random-looking bytes alone."""
    other = write(record={"kind": "report.opened", "day": "2026-11-01"}, tag=None)
    shape = re.compile(rb'\{"c":"[0-9a-f]{64}","d":"2026-11","t":"[0-9a-f]{64}","v":1\}')
    for made in (ENTRY, other):
        assert shape.fullmatch(made.leaf)
    assert len({made.tag for made in [other, *(write(tag=None) for _ in range(20))]}) == 21


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"w": 1}, {"c": "00" * 31}, {"t": "00" * 33}, {"c": "AB" * 32}, {"d": "2026-11-24"}, {"c": None}, {"t": 1}],
    ids=str,
)
def test_other_leaves_are_malformed(change: dict[str, Any]) -> None:
    """A leaf has four fields of exact forms."""
    assert read_leaf(world.changed(ENTRY.leaf))
    with pytest.raises(MalformedError):
        read_leaf(world.changed(ENTRY.leaf, **change))


@pytest.mark.parametrize("change", [{"d": "2026-13"}, {"d": "0000000"}, {"d": "2026", "v": True}], ids=str)
def test_a_leaf_has_a_month(change: dict[str, Any]) -> None:
    """`YYYY-MM` and version 1."""
    raw = world.changed(ENTRY.leaf, **change)
    with pytest.raises(second.MalformedError):
        second.read_leaf(raw)
    with pytest.raises(MalformedError):
        read_leaf(raw)


@given(st.text(max_size=30), st.integers(0, 2**63))
@few
def test_tags_are_what_the_page_says(name: str, version: int) -> None:
    """Both readers name a row version alike; another version, record or epoch has another tag."""
    tag = tag_of(TEAM.tag_key, name, version)
    assert tag == second.tag_of(TEAM.tag_key, name, version)
    others = {tag_of(TEAM.tag_key, name, version + 1), tag_of(TEAM.tag_key, f"{name}0", version), tag_of(KEY, name, version)}
    assert len({tag, *others}) == 4


def test_signed_bytes_are_what_the_page_says() -> None:
    """The page's list, in the page's order."""
    made = entries.signed_bytes(ROOT, ORIGIN, 7, KEY, bytes(32))
    assert made == second.lp("paivand/v1 ledger entry", ROOT, ORIGIN, 7, KEY, bytes(32))


# row digests

ROW: Final[dict[str, Any]] = {
    "table": "report",
    "record_id": REPORT,
    "version": 2,
    "clear": {"week": "2026-W48", "state": "triage", "owner": None},
    "sealed": {"body": b"body", "summary": b"summary", "work": b"work"},
    "keys": {"body": "00" * 32, "row": "11" * 32},
}


def test_a_row_digest_is_what_the_page_says() -> None:
    """Both readers bind a row alike."""
    value = {"table": "report", "id": REPORT, "version": 2, "clear": ROW["clear"], "keys": ROW["keys"]}
    assert row_digest(**ROW) == second.row_digest(value, ROW["sealed"]).hex()


@pytest.mark.parametrize(
    "change",
    [
        {"table": "message"},
        {"record_id": world.BATCH},
        {"version": 3},
        {"clear": {**ROW["clear"], "state": "closed"}},
        {"clear": {**ROW["clear"], "owner": NIGORA.id}},
        {"sealed": {**ROW["sealed"], "work": b"worn"}},
        {"sealed": {"body": b"summary", "summary": b"body", "work": b"work"}},
        {"sealed": {"body": b"body", "summary": b"summary"}},
        {"keys": {**ROW["keys"], "row": "12" * 32}},
        {"keys": {}},
    ],
    ids=str,
)
def test_a_row_digest_binds_every_column(change: dict[str, Any]) -> None:
    """A change of any column, clear or sealed, or of a key is another digest."""
    assert row_digest(**{**ROW, **change}) != row_digest(**ROW)
    assert from_jcs(to_jcs(ROW["clear"])) == ROW["clear"]
