"""What each live session of this process remembers (`Actor.memory`): kept while it is used, gone when it locks or idles."""

from threading import Lock
from typing import Any, Final

IDLE_MINUTES: Final = 15  # as a session's; this module knows no session, since the intake must not reach their code


class Memories:
    """One dictionary per session, by the session's id."""

    def __init__(self) -> None:
        """Begin empty; nothing here outlives the process."""
        self._lock = Lock()
        self._kept: dict[bytes, tuple[int, dict[str, Any]]] = {}

    def of(self, session_id: bytes, minute: int) -> dict[str, Any]:
        """Return a session's memory, and let go of those that have idled."""
        with self._lock:
            _, memory = self._kept.get(session_id, (minute, {}))
            self._kept = {known: kept for known, kept in self._kept.items() if minute < kept[0] + IDLE_MINUTES}
            self._kept[session_id] = (minute, memory)
            return memory

    def forget(self, session_id: bytes) -> None:
        """Let go of a session that was locked."""
        with self._lock:
            self._kept.pop(session_id, None)
