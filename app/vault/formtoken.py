"""Form tokens without cookies: sealed under hourly keys that live in memory only (docs/formats.md §7).

A token can carry the receipt secret of the page it belongs to. A seized disk holds none of these keys, and after two
hours no memory does either.
"""

import fcntl
import mmap
import os
import secrets
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from app.errors import MalformedError, SealError
from app.vault.encoding import Context, from_url_text, to_url_text
from app.vault.envelope import seal, unseal
from app.vault.receipt import SECRET_BYTES

HOURS_KEPT: Final = 2
NO_SECRET: Final = bytes(SECRET_BYTES)
_SLOTS = HOURS_KEPT + 1
_SLOT = 8 + 32  # hour, key


class HourlyKeys:
    """One random key an hour, in memory shared by the workers forked after construction."""

    def __init__(self) -> None:
        """Reserve the shared memory; nothing is written to disk."""
        self._memory = mmap.mmap(-1, _SLOTS * _SLOT)
        self._threads = Lock()
        self._processes = os.memfd_create("hourly-keys")  # the kernel takes its lock back from a worker that is killed
        weakref.finalize(self, os.close, self._processes)

    def current(self, hour: int) -> bytes:
        """Return the key of this hour, drawing it if it is the first use; older ones are overwritten.

        Args:
            hour: whole hours since 1970, UTC.
        """
        with self._slots(hour):
            at = hour % _SLOTS * _SLOT
            if int.from_bytes(self._memory[at : at + 8], "big") != hour:
                self._memory[at : at + _SLOT] = hour.to_bytes(8, "big") + secrets.token_bytes(32)
            return self._memory[at + 8 : at + _SLOT]

    def of(self, issued: int, hour: int) -> bytes | None:
        """Return the key of the hour a token was issued in, while it is kept."""
        if not hour - HOURS_KEPT <= issued <= hour:
            return None
        with self._slots(hour):
            at = issued % _SLOTS * _SLOT
            if int.from_bytes(self._memory[at : at + 8], "big") != issued:
                return None
            return self._memory[at + 8 : at + _SLOT]

    @contextmanager
    def _slots(self, hour: int) -> Iterator[None]:
        with self._threads:
            fcntl.lockf(self._processes, fcntl.LOCK_EX)
            try:
                for at in range(0, _SLOTS * _SLOT, _SLOT):
                    if int.from_bytes(self._memory[at : at + 8], "big") < hour - HOURS_KEPT:
                        self._memory[at : at + _SLOT] = bytes(_SLOT)
                yield
            finally:
                fcntl.lockf(self._processes, fcntl.LOCK_UN)


def issue(keys: HourlyKeys, *, root: bytes, purpose: str, hour: int, secret: bytes = NO_SECRET) -> str:
    """Seal a token for one page; always of the same length."""
    return to_url_text(seal(secret, keys.current(hour), _context(root, purpose, hour)))


def read(keys: HourlyKeys, token: str, *, root: bytes, purpose: str, hour: int) -> bytes | None:
    """Return the secret inside, or None when the token is too old, made up, or of another page."""
    try:
        raw = from_url_text(token)
        issued = int.from_bytes(raw[6:10], "big")
        key = keys.of(issued, hour)
        return None if key is None else unseal(raw, key, _context(root, purpose, issued))
    except (MalformedError, SealError):
        return None


def _context(root: bytes, purpose: str, hour: int) -> Context:
    return Context(root, "form.token", purpose, "token", 0, hour)
