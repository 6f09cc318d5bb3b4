"""Padding: a size says little, and one datum has one padded form (docs/formats.md §1)."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MalformedError
from app.vault import padding
from tests import second_reader as second
from tests.vault.world import refused, some

ALL: Final = [padding.SMALL, padding.RECORD, padding.WORK, padding.LETTER, padding.TEXT]


def test_sizes_are_those_of_the_page() -> None:
    """The five lists of the page."""
    assert list(second.SIZES.values()) == [padding.TEXT, padding.WORK, padding.LETTER, padding.SMALL, padding.RECORD]


@given(st.sampled_from(ALL), st.data())
@some
def test_data_comes_back(sizes: tuple[int, ...], data: st.DataObject) -> None:
    """Whatever fits comes back, from the smallest size that holds it."""
    raw = b"\1" * data.draw(st.integers(0, sizes[-1] - 4))
    padded = padding.pad(raw, sizes)
    assert padding.unpad(padded, sizes) == second.unpad(padded, sizes) == raw
    assert len(padded) == min(size for size in sizes if size >= len(raw) + 4)


@pytest.mark.parametrize("sizes", ALL)
def test_edges_of_every_size(sizes: tuple[int, ...]) -> None:
    """The last byte that fits stays in its size; one more goes to the next, or is refused by the largest."""
    for size, following in zip(sizes, [*sizes[1:], None], strict=True):
        assert len(padding.pad(bytes(size - 4), sizes)) == size
        if following is None:
            with pytest.raises(MalformedError):
                padding.pad(bytes(size - 3), sizes)
        else:
            assert len(padding.pad(bytes(size - 3), sizes)) == following


@given(st.binary(max_size=400), st.data())
@some
def test_padding_is_zero(raw: bytes, data: st.DataObject) -> None:
    """One bit set anywhere in the padding is refused."""
    padded = bytearray(padding.pad(raw, padding.SMALL))
    at = data.draw(st.integers(4 + len(raw), 511))
    padded[at] |= 1 << data.draw(st.integers(0, 7))
    refused(padding.unpad, bytes(padded), padding.SMALL)


@given(st.binary(max_size=1100) | st.integers(0, 2**32 - 1).map(lambda length: length.to_bytes(4, "big").ljust(512, b"\0")))
@some
def test_readers_agree_on_any_bytes(raw: bytes) -> None:
    """What one reader refuses the other refuses."""
    try:
        found = second.unpad(raw, padding.SMALL)
    except second.ClosedError:
        refused(padding.unpad, raw, padding.SMALL)
    else:
        assert padding.unpad(raw, padding.SMALL) == found


@pytest.mark.parametrize(("size", "length"), [(4096, 3), (16384, 4092), (65536, 16380)])
def test_a_larger_size_than_needed_is_refused(size: int, length: int) -> None:
    """The size of a padded text follows from the text alone."""
    oversized = length.to_bytes(4, "big").ljust(size, b"\0")
    refused(padding.unpad, oversized, padding.WORK)


@pytest.mark.parametrize("size", [0, 3, 4, 511, 513, 1024])
def test_other_sizes_are_refused(size: int) -> None:
    """A total that is not in the list is refused."""
    refused(padding.unpad, bytes(size), padding.SMALL)


@pytest.mark.parametrize("length", [509, 512, 2**31, 2**32 - 1])
def test_a_length_that_does_not_fit_is_refused(length: int) -> None:
    """A length beyond the bytes is refused."""
    refused(padding.unpad, length.to_bytes(4, "big") + b"\1" * 508, padding.SMALL)
