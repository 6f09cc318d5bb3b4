"""Sizes that say little: every plaintext is filled up to one of a few sizes (threat model T2)."""

from typing import Final

from app.errors import MalformedError, SealError

SMALL: Final = (512,)
RECORD: Final = (1024, 4096)
WORK: Final = (1024, 4096, 16384, 65536, 262144)
LETTER: Final = (4096, 16384)
TEXT: Final = (4096, 16384, 65536)

_PREFIX = 4


def pad(data: bytes, sizes: tuple[int, ...]) -> bytes:
    """Length, data, zeros up to the smallest size that holds both.

    Raises:
        MalformedError: the data does not fit into the largest size.
    """
    for size in sizes:
        if len(data) + _PREFIX <= size:
            return (len(data).to_bytes(_PREFIX, "big") + data).ljust(size, b"\0")
    raise MalformedError


def unpad(padded: bytes, sizes: tuple[int, ...]) -> bytes:
    """Take the data back.

    Raises:
        SealError: not one of the sizes, filled with anything but zeros, or larger than needed.
    """
    end = _PREFIX + int.from_bytes(padded[:_PREFIX], "big")
    data = padded[_PREFIX:end]
    if end > len(padded) or len(padded) not in sizes or pad(data, sizes) != padded:
        raise SealError
    return data
