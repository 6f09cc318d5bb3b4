"""The symmetric seal: it opens where and as it was made, or says nothing (docs/formats.md §3)."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.vault import envelope
from app.vault.encoding import Context
from tests import second_reader as second
from tests.vault.world import context, elsewhere, flipped, refused, seed, some

KEY: Final = seed("key")
HERE: Final = context()
SEALED: Final = envelope.seal(b"somebody's name", KEY, HERE)
KINDS: Final = sorted(envelope.KINDS)


def where(of: Context) -> second.Where:
    """Return the second reader's context."""
    return second.Where(of.root, of.kind, of.id, of.field, of.version, of.epoch)


def test_kinds_are_those_of_the_page() -> None:
    """One number for each kind, as in the page's table."""
    assert {**second.ENVELOPES, **second.HPKES} == envelope.KINDS
    assert sorted(envelope.KINDS.values()) == [*range(1, 17), 21, *range(32, 41)]


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32), st.sampled_from(sorted(second.ENVELOPES)), st.integers(0, 2**32 - 1))
@some
def test_both_readers_open_it(plaintext: bytes, key: bytes, kind: str, epoch: int) -> None:
    """Whatever was sealed opens under the same key and context, 82 bytes longer."""
    here = replace(HERE, kind=kind, epoch=epoch)
    sealed = envelope.seal(plaintext, key, here)
    assert envelope.unseal(sealed, key, here) == second.open_envelope(sealed, key, where(here)) == plaintext
    assert len(sealed) == len(plaintext) + envelope.OVERHEAD == len(plaintext) + 82
    assert envelope.epoch_of(sealed) == epoch


@pytest.mark.parametrize("byte", range(len(SEALED)))
def test_no_flipped_bit_opens(byte: int) -> None:
    """Each single bit of header, salt, commitment, ciphertext and tag counts."""
    for bit in range(8):
        refused(envelope.unseal, flipped(SEALED, 8 * byte + bit), KEY, HERE)


@given(st.binary(max_size=300))
@some
def test_no_bytes_open_by_chance(raw: bytes) -> None:
    """Any bytes, with a right header or without, are refused in the same way."""
    refused(envelope.unseal, raw, KEY, HERE)
    refused(envelope.unseal, SEALED[:10] + raw, KEY, HERE)


def test_no_part_of_it_opens() -> None:
    """Cut at any length, or with bytes after its end, it does not open."""
    for length in range(len(SEALED)):
        refused(envelope.unseal, SEALED[:length], KEY, HERE)
    refused(envelope.unseal, SEALED + b"\0", KEY, HERE)


@pytest.mark.parametrize("there", elsewhere(HERE), ids=["root", "kind", "id", "field", "version", "epoch"])
def test_it_opens_nowhere_else(there: Context) -> None:
    """Moved to another instance, kind, record, field, version or epoch it does not open, even with a fitting header."""
    refused(envelope.unseal, SEALED, KEY, there)
    header = envelope.seal(b"", KEY, there)[:10]
    refused(envelope.unseal, header + SEALED[10:], KEY, there)


@given(st.binary(max_size=40))
@some
def test_no_other_key_opens_it(key: bytes) -> None:
    """A key of another value or length does not open it."""
    refused(envelope.unseal, SEALED, key, HERE)


def test_the_commitment_names_the_key() -> None:
    """With the other key's own commitment put in, GCM still refuses; with the right one, the commitment refuses the other key."""
    other = seed("other")
    derived = second.hkdf(other, SEALED[10:34], SEALED[:10] + HERE.encode(), 64)
    refused(envelope.unseal, SEALED[:34] + derived[32:] + SEALED[66:], other, HERE)
    refused(envelope.unseal, SEALED, other, HERE)


def test_a_ciphertext_of_the_right_key_without_its_commitment_is_refused() -> None:
    """A ciphertext that GCM itself accepts is refused when the commitment is another."""
    refused(envelope.unseal, SEALED[:34] + bytes(32) + SEALED[66:], KEY, HERE)
    assert envelope.unseal(SEALED, KEY, HERE) == b"somebody's name"


def test_parts_of_two_envelopes_do_not_mix() -> None:
    """Salt, commitment and ciphertext of two sealings of the same text cannot be exchanged."""
    other = envelope.seal(b"somebody's name", KEY, HERE)
    for cut in (34, 66):
        refused(envelope.unseal, SEALED[:cut] + other[cut:], KEY, HERE)
    assert envelope.unseal(SEALED[:10] + other[10:], KEY, HERE) == b"somebody's name"


def test_equal_texts_look_different() -> None:
    """Every sealing has its own salt, and so its own key, commitment and ciphertext."""
    made = [envelope.seal(bytes(16), KEY, HERE) for _ in range(50)]
    for start, end in ((10, 34), (34, 66), (66, None)):
        assert len({sealed[start:end] for sealed in made}) == 50


@pytest.mark.parametrize("raw", [b"", SEALED[:81], b"PVH" + SEALED[3:], flipped(SEALED, 24), flipped(SEALED, 32)], ids=range(5))
def test_epoch_of_reads_envelopes_only(raw: bytes) -> None:
    """Another magic, version or suite has no epoch to read."""
    refused(envelope.epoch_of, raw)


@pytest.mark.parametrize(
    "there", [replace(HERE, epoch=2**32), replace(HERE, epoch=-1), replace(HERE, version=-1), replace(HERE, version=2**64)]
)
def test_a_number_that_no_context_has_opens_nothing(there: Context) -> None:
    """A stored version or epoch that was set out of range is refused like any other wrong one."""
    refused(envelope.unseal, SEALED, KEY, there)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.binary(max_size=40), st.integers(1, 100))
@some
def test_hkdf_is_rfc_5869(key: bytes, salt: bytes, info: bytes, length: int) -> None:
    """The library's HKDF and the one written by hand agree."""
    assert envelope.hkdf(key, salt, info, length) == second.hkdf(key, salt, info, length)


def test_key_commitment() -> None:
    """A commitment is the page's HMAC, differs by key and does not show the key."""
    assert envelope.key_commitment(KEY) == second.key_commitment(KEY) != envelope.key_commitment(seed("other"))
    assert len({envelope.new_key() for _ in range(20)}) == 20
    assert len(envelope.new_key()) == envelope.KEY_BYTES
