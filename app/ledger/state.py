"""The state file of a process: public things that it keeps across restarts (docs/formats.md §5). Knows no key, so the intake may use it."""

import fcntl
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from app.vault.encoding import from_jcs, to_jcs

_MODE: Final = 0o600


def read_state(path: Path) -> dict[str, Any]:
    """Return what a state file holds; nothing where there is none.

    Raises:
        MalformedError: it is no state file.
        OSError: it cannot be read.
    """
    return from_jcs(path.read_bytes()) if path.exists() else {}


def update_state(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Replace a state file by write, fsync, rename, fsync; the workers of a face share one, and do this one after the other.

    Args:
        path: the file, in a folder that can be written.
        change: from what the file holds to what it shall hold; the same: nothing is written.

    Raises:
        MalformedError: what is there is no state file.
        OSError: the disk refused; the old file stays.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        old = read_state(path)
        raw = to_jcs(change(old))
        if raw != to_jcs(old):
            _replace(path, raw)
            os.fsync(folder)
    finally:
        os.close(folder)


def _replace(path: Path, raw: bytes) -> None:
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
