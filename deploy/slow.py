"""A worker that waits for slow lines, but not for ever: eight stalled sockets stop a worker of threads (measured)."""

import errno
import time
from typing import Any, Final

from gevent.hub import Hub
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

SILENCE_SECONDS: Final = 30  # an onion circuit may hang for long and live
CONNECTION_SECONDS: Final = 330  # the largest body at one kilobyte a second

Hub.exception_stream = None  # gevent would print a traceback with a person's words to the log


class _Deadline:
    """A socket that ends, as if the other side had hung up, after a silence or at its deadline; nothing is logged of it."""

    def __init__(self, client: Any) -> None:
        self._client, self._end = client, time.monotonic() + CONNECTION_SECONDS

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def recv(self, size: int, *flags: int) -> bytes:
        """Receive; nothing after the deadline."""
        try:
            self._wait()
            return bytes(self._client.recv(size, *flags))
        except TimeoutError:
            return b""

    def sendall(self, data: bytes, *flags: int) -> None:
        """Send everything, or find the line broken."""
        try:
            self._wait()
            self._client.sendall(data, *flags)
        except TimeoutError:
            raise BrokenPipeError(errno.EPIPE, "too slow") from None

    def _wait(self) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._client.settimeout(min(left, SILENCE_SECONDS))


class PatientWorker(GeventWorker):  # type: ignore[misc]
    """gunicorn's gevent worker with an end to every connection."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection."""
        AsyncWorker.handle(self, listener, _Deadline(client), addr)
