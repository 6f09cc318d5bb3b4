"""The public-key seal: only the one key pair, in the one place, opens it (docs/formats.md §2, §3)."""

import hashlib
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MalformedError
from app.vault import envelope, hpke
from app.vault.encoding import Context
from app.vault.hpke import KemKeys
from tests import second_reader as second
from tests.vault.world import context, elsewhere, few, flipped, refused, seed, some

SEED: Final = seed("kem 1")
KEYS: Final = KemKeys.from_seed(SEED)
HERE: Final = context("epoch.secret", id="epoch:team", field="member", version=1)
SEALED: Final = hpke.seal_to(b"an epoch secret", KEYS.public, HERE)


def test_a_seed_gives_the_same_keys_for_ever() -> None:
    """Keys of receipts are made anew at every visit; were the expansion to change, no mailbox would open again."""
    keys = KemKeys.from_seed(bytes(range(32)))
    assert hashlib.sha256(keys.public).hexdigest() == "c9a3565ffde4f72b51661be391ee13e46378d7f06dd5c8bf5af9d2cfb5b8336b"
    assert hpke.key_id(keys.public).hex() == "228ca42018fb4044"
    assert keys.public == KemKeys.from_seed(bytes(range(32))).public
    assert len(keys.public) == hpke.PUBLIC_BYTES == 1216


@given(st.binary(min_size=32, max_size=32))
@some
def test_keys_are_what_the_page_says(raw: bytes) -> None:
    """The expansion by hand gives the same public key and key id; another seed gives another."""
    public = KemKeys.from_seed(raw).public
    assert public == second.kem(raw).public
    assert hpke.key_id(public) == second.key_id(public)
    assert (public == KEYS.public) is (raw == SEED)


@given(st.binary(max_size=200), st.sampled_from(sorted(second.HPKES)), st.integers(0, 2**32 - 1))
@some
def test_both_readers_open_it(plaintext: bytes, kind: str, epoch: int) -> None:
    """The library's HPKE and X-Wing with RFC 9180 written by hand give the same plaintext."""
    here = replace(HERE, kind=kind, epoch=epoch)
    sealed = hpke.seal_to(plaintext, KEYS.public, here)
    where = second.Where(here.root, here.kind, here.id, here.field, here.version, here.epoch)
    assert hpke.open_with(sealed, KEYS, here) == second.open_hpke(sealed, second.kem(SEED), where) == plaintext
    assert len(sealed) == len(plaintext) + hpke.OVERHEAD == len(plaintext) + 1154
    assert hpke.epoch_of(sealed) == epoch


@given(st.integers(0, 8 * len(SEALED) - 1))
@some
def test_no_flipped_bit_opens(bit: int) -> None:
    """Each single bit counts, wherever it is."""
    refused(hpke.open_with, flipped(SEALED, bit), KEYS, HERE)


@pytest.mark.parametrize("byte", [*range(18), *range(1106, len(SEALED))])
def test_no_flipped_bit_of_header_curve_and_ciphertext_opens(byte: int) -> None:
    """Every bit but those of the lattice ciphertext, one after the other: the unused top bit of the curve point counts too."""
    for bit in range(8):
        refused(hpke.open_with, flipped(SEALED, 8 * byte + bit), KEYS, HERE)


@given(st.binary(max_size=1400))
@few
def test_no_bytes_open_by_chance(raw: bytes) -> None:
    """Any bytes, with a right header or without, are refused in the same way."""
    refused(hpke.open_with, raw, KEYS, HERE)
    refused(hpke.open_with, SEALED[:18] + raw, KEYS, HERE)


@pytest.mark.parametrize("length", [0, 1, 17, 18, 1137, 1138, hpke.OVERHEAD - 1, hpke.OVERHEAD, len(SEALED) - 1])
def test_no_part_of_it_opens(length: int) -> None:
    """Cut anywhere it does not open."""
    refused(hpke.open_with, SEALED[:length], KEYS, HERE)


def test_nothing_may_follow_it() -> None:
    """Bytes after the end are refused."""
    refused(hpke.open_with, SEALED + b"\0", KEYS, HERE)


@pytest.mark.parametrize("there", elsewhere(HERE), ids=["root", "kind", "id", "field", "version", "epoch"])
def test_it_opens_nowhere_else(there: Context) -> None:
    """Moved to another instance, kind, record, field, version or epoch it does not open, even with a fitting header."""
    refused(hpke.open_with, SEALED, KEYS, there)
    header = SEALED[:5] + bytes([envelope.KINDS[there.kind]]) + SEALED[6:14] + there.epoch.to_bytes(4, "big")
    refused(hpke.open_with, header + SEALED[18:], KEYS, there)


def test_no_other_key_opens_it() -> None:
    """Another key pair does not open it, even when the header names that pair."""
    other = KemKeys.from_seed(seed("kem 2"))
    refused(hpke.open_with, SEALED, other, HERE)
    refused(hpke.open_with, SEALED[:6] + hpke.key_id(other.public) + SEALED[14:], other, HERE)


def test_half_of_the_key_is_not_enough() -> None:
    """With the right lattice key and another curve key, or the other way round, it does not open."""
    other = KemKeys.from_seed(seed("kem 2"))
    for public in (KEYS.public[:1184] + other.public[1184:], other.public[:1184] + KEYS.public[1184:]):
        sealed = hpke.seal_to(b"half", public, HERE)
        for keys in (KEYS, other):
            refused(hpke.open_with, sealed[:6] + hpke.key_id(keys.public) + sealed[14:], keys, HERE)


def test_parts_of_two_objects_do_not_mix() -> None:
    """The encapsulation of one and the ciphertext of another do not open."""
    other = hpke.seal_to(b"an epoch secret", KEYS.public, HERE)
    for cut in (18 + 1088, 1138):
        refused(hpke.open_with, SEALED[:cut] + other[cut:], KEYS, HERE)


def test_equal_texts_look_different() -> None:
    """Every sealing has its own encapsulation."""
    made = [hpke.seal_to(bytes(16), KEYS.public, HERE) for _ in range(10)]
    for start, end in ((18, 1106), (1106, 1138), (1138, None)):
        assert len({sealed[start:end] for sealed in made}) == 10


@pytest.mark.parametrize("public", [b"", KEYS.public[:-1], KEYS.public + b"\0", b"\xff" * 1216])
def test_what_is_not_a_public_key_is_not_sealed_to(public: bytes) -> None:
    """A key of another length, or a lattice key out of range, is refused before anything is sealed."""
    with pytest.raises(MalformedError):
        hpke.seal_to(b"", public, HERE)


@pytest.mark.parametrize("raw", [b"", SEALED[: hpke.OVERHEAD - 1], b"PVE" + SEALED[3:], flipped(SEALED, 24), flipped(SEALED, 32)])
def test_epoch_of_reads_hpke_objects_only(raw: bytes) -> None:
    """Another magic, version or suite has no epoch to read."""
    refused(hpke.epoch_of, raw)


def test_no_traceback_shows_the_key() -> None:
    """What a log or a traceback prints of a key pair is no part of it."""
    assert repr(KEYS) == str(KEYS) == f"{KEYS}" == "KemKeys(…)"
