"""Passphrases and second-device codes."""

import base64
import secrets
from datetime import datetime
from typing import Final

import pyotp

from app.vault.receipt import word_list

WORDS: Final = 7
DIGITS: Final = 5
STEP_SECONDS: Final = 30


def new_passphrase() -> str:
    """Draw seven words and a five-digit number: 93 bits."""
    words = [secrets.choice(word_list("en")) for _ in range(WORDS)]
    return " ".join([*words, str(secrets.randbelow(10**DIGITS)).zfill(DIGITS)])


def to_base32(secret: bytes) -> str:
    """Write a TOTP secret as authenticator programs read it."""
    return base64.b32encode(secret).decode()


def code_at(secret: bytes, now: datetime) -> str:
    """Return the six-digit code of a moment (RFC 6238, SHA-1, 30 seconds)."""
    return pyotp.TOTP(to_base32(secret)).at(now)


def matching_step(secret: bytes, code: str, now: datetime, *, after: int) -> int | None:
    """Return the time step whose code this is: the present one or a neighbour, and later than `after` (each works once)."""
    digits = "".join(code.split())
    totp, present = pyotp.TOTP(to_base32(secret)), int(now.timestamp()) // STEP_SECONDS
    for step in (present, present - 1, present + 1):
        if step > after and secrets.compare_digest(totp.at(step * STEP_SECONDS).encode(), digits.encode()):
            return step
    return None
