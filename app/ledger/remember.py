"""The largest ledger that was seen, so that a database put back to an earlier day is noticed (docs/formats.md §5)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from app.errors import BusyError, MalformedError, ManifestError
from app.ledger.read import Head
from app.ledger.state import read_state, update_state
from app.ledger.tree import HASH_BYTES
from app.ledger.verify import Verdict, verify
from app.store.database import Database
from app.vault.encoding import from_b64, to_b64

_HEAD: Final = "head"
_TAKEN_BACK: Final = ("ROLLBACK:", "FORK:")


class HeadKeeper:
    """Knows the largest ledger that was verified: by this process and, with a state file, by those before it and beside it."""

    def __init__(self, state: Path | None) -> None:
        """Prepare; nothing is read yet.

        Args:
            state: the state file of a desk or audit; None: remember until the process ends.
        """
        self._state = state
        self._seen: Head | None = None

    def known(self) -> Head | None:
        """Return the largest head that was seen.

        Raises:
            BusyError: the state file cannot be read.
            ManifestError: the state file was changed.
        """
        with _typed_errors():
            found = head_in(read_state(self._state)) if self._state else None
        if found is not None and (self._seen is None or self._seen.size < found.size):
            self._seen = found
        return self._seen

    def verify(self, database: Database, origin: str) -> Verdict:
        """Recompute the tree, which must contain what was seen before; a good one is remembered.

        It opens a transaction of its own: one that began earlier could be older than what another thread has seen since.

        Raises:
            BusyError: it cannot be remembered just now.
            ManifestError: the state file was changed.
        """
        known = self.known()
        with database.read() as session:
            verdict = verify(session, origin, known)
        if verdict.is_good and (known is None or known.size < verdict.size):
            self._remember(Head(origin, verdict.size, verdict.root))
        return verdict

    def taken_back(self, database: Database) -> str | None:
        """Return in words for the operator how the ledger falls short of what was seen; None where it does not.

        Raises:
            BusyError: the state file cannot be read.
            ManifestError: the state file was changed.
        """
        known = self.known()
        if known is None:
            return None
        with database.read() as session:
            faults = verify(session, known.origin, known).faults
        return next((fault for fault in faults if fault.startswith(_TAKEN_BACK)), None)

    def _remember(self, head: Head) -> None:
        if self._state is not None:
            with _typed_errors():
                update_state(self._state, lambda old: _with_head(old, head))
        self._seen = head


def _with_head(old: dict[str, Any], head: Head) -> dict[str, Any]:
    """Add the head to a file that the keyring's keeper has made, unless another process has seen more."""
    before = head_in(old)
    if not old or (before is not None and before.size >= head.size):
        return old
    return {**old, _HEAD: {"origin": head.origin, "size": head.size, "root": to_b64(head.root)}}


def head_in(state: dict[str, Any]) -> Head | None:
    """Return the head that a state file remembers.

    Raises:
        MalformedError: it is none.
    """
    if _HEAD not in state:
        return None
    value = state[_HEAD]
    if not isinstance(value, dict) or set(value) != {"origin", "size", "root"}:
        raise MalformedError
    origin, size = value["origin"], value["size"]
    if not isinstance(origin, str) or not isinstance(size, int) or isinstance(size, bool):
        raise MalformedError
    return Head(origin, size, from_b64(value["root"], HASH_BYTES))


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except MalformedError:
        raise ManifestError from None
    except OSError as error:
        raise BusyError from error
