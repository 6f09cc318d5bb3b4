"""Eight words for a newcomer's two public keys, to be compared over a channel that no server can change (docs/formats.md §6).

88 bits: somebody who swaps the keys in the database would have to find another pair with the same eight words, 2^88 tries.
"""

import re
import unicodedata
from typing import Final

from app.vault.encoding import length_prefixed, sha256
from app.vault.receipt import word_list

WORDS: Final = 8
_BITS: Final = 11
_TELLING: Final = 4  # the first four letters decide, as in a receipt


def fingerprint(root: bytes, kem: bytes, sign: bytes) -> tuple[str, ...]:
    """Return the eight English words of a key pair at one instance."""
    number = int.from_bytes(sha256(length_prefixed("paivand/v1 fingerprint", root, kem, sign))[: WORDS * _BITS // 8], "big")
    words, mask = word_list("en"), (1 << _BITS) - 1
    return tuple(words[number >> _BITS * at & mask] for at in reversed(range(WORDS)))


def is_fingerprint(typed: str, words: tuple[str, ...]) -> bool:
    """Whether somebody typed these eight words, in order and with any separators."""
    found = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", typed).casefold())
    return [word[:_TELLING] for word in found] == [word[:_TELLING] for word in words]
