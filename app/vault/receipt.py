"""The receipt: 80 random bits, eight check bits, two faces, and the keys that follow from it (docs/formats.md §7).

The check is public arithmetic: it tells a slip of the pen from an unknown code without asking any server.
"""

import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from app.errors import MalformedError, MistypedError
from app.vault.encoding import length_prefixed, sha256
from app.vault.envelope import hkdf
from app.vault.hpke import KemKeys
from app.vault.signing import SigningKeys

SECRET_BYTES: Final = 10
DIGITS: Final = 27
WORDS: Final = 8
MAX_CODE: Final = 400  # signs, with any separators
WORD_LANGUAGES: Final = ("en", "ru")
_WORD_BITS = 11
_ARGON2_KIB = 8 * 1024  # the reckoning is in docs/formats.md §7


@dataclass(frozen=True, slots=True)
class Receipt:
    """The keys of one receipt; the secret itself is not kept."""

    kem: KemKeys
    signing: SigningKeys
    address: bytes
    dedupe: bytes

    def __repr__(self) -> str:
        """Keep keys out of every traceback."""
        return "Receipt(…)"

    def dedupe_tag(self, what: bytes) -> bytes:
        """Name a text (or the fact of use) so that only the holder of the secret can recognise it."""
        return hmac.digest(self.dedupe, what, "sha256")


def new_secret() -> bytes:
    """Draw 80 bits."""
    return secrets.token_bytes(SECRET_BYTES)


def next_secret(secret: bytes, tag: bytes) -> bytes:
    """Return the secret for another text sent under a used form: the same text gives the same one."""
    return hkdf(secret, b"", length_prefixed("paivand/v1 receipt again", tag), SECRET_BYTES)


def derive(secret: bytes, root: bytes) -> Receipt:
    """Derive the keys of a receipt; costs 8 MiB and about 5 ms, so never inside a transaction."""
    salt = sha256(b"paivand/v1 receipt", root)[:16]
    master = Argon2id(salt=salt, length=32, iterations=1, lanes=1, memory_cost=_ARGON2_KIB).derive(secret)

    def key(label: str) -> bytes:
        return hkdf(master, b"", length_prefixed("paivand/v1 receipt", label), 32)

    return Receipt(
        kem=KemKeys.from_seed(key("kem")),
        signing=SigningKeys.from_seed(key("sign")),
        address=key("address"),
        dedupe=key("dedupe"),
    )


def to_digits(secret: bytes) -> str:
    """Return 27 digits in nine groups of three."""
    digits = str(_number(secret)).zfill(DIGITS)
    return " ".join(digits[at : at + 3] for at in range(0, DIGITS, 3))


def to_words(secret: bytes, language: str) -> list[str]:
    """Return eight words of the language's list."""
    number, words = _number(secret), word_list(language)
    mask = (1 << _WORD_BITS) - 1
    return [words[number >> _WORD_BITS * at & mask] for at in reversed(range(WORDS))]


def read_code(text: str) -> bytes:
    """Read a code as people write it: digits of any script or words of any list, with any separators.

    Raises:
        MalformedError: neither 27 digits nor eight words of one list.
        MistypedError: the check bits do not fit.
    """
    tokens = tokens_of(text)
    digits = "".join(tokens)
    if digits.isdecimal() and digits.isascii():
        number = int(digits) if len(digits) == DIGITS else None
    else:
        number = _from_words(tokens)
    if number is None or number >> 8 * (SECRET_BYTES + 1):
        raise MalformedError
    raw = number.to_bytes(SECRET_BYTES + 1, "big")
    secret = raw[:SECRET_BYTES]
    if raw[SECRET_BYTES] != _check(secret):
        raise MistypedError
    return secret


def is_code(text: str) -> bool:
    """Whether a text is nothing but a code, rightly or wrongly copied: then it must not be sent as a message."""
    if len(text) > MAX_CODE:
        return False
    try:
        read_code(text)
    except MalformedError:
        return False
    except MistypedError:
        return True
    return True


def unknown_words(text: str) -> list[str]:
    """Return the words that no list has, where somebody has written eight words; to say which ones to look at again."""
    tokens = tokens_of(text)
    if len(tokens) != WORDS or any(token.isdecimal() for token in tokens):
        return []
    misses = [[token for token in tokens if token[:4] not in prefixes(language)] for language in WORD_LANGUAGES]
    return min(misses, key=len)


@cache
def word_list(language: str) -> tuple[str, ...]:
    """Return the 2,048 words of a language, sorted by code point."""
    text = resources.files("app.vault").joinpath("words", f"{language}.txt").read_text("utf-8")
    return tuple(text.split())


@cache
def prefixes(language: str) -> dict[str, int]:
    """Return the first four letters of each word of a list, and its place; they decide."""
    return {_folded(word)[:4]: at for at, word in enumerate(word_list(language))}


def tokens_of(text: str) -> list[str]:
    """Fold a text that somebody typed and split it where a character is neither letter nor digit (docs/formats.md §7)."""
    return "".join(char if char.isalnum() else " " for char in _folded(text)).split()


def _from_words(tokens: list[str]) -> int | None:
    if len(tokens) != WORDS:
        return None
    for language in WORD_LANGUAGES:
        known = prefixes(language)
        at = [known.get(token[:4]) for token in tokens]
        number = 0
        for index in at:
            if index is None:
                break
            number = number << _WORD_BITS | index
        else:
            return number
    return None


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in folded)


def _number(secret: bytes) -> int:
    return int.from_bytes(secret + bytes([_check(secret)]), "big")


def _check(secret: bytes) -> int:
    return sha256(b"paivand/v1 receipt check", secret)[0]
