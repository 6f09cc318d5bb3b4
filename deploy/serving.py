"""What every face's gunicorn has in common: no access log, no control socket, no Server line, no forged proxy headers.

The settings of a face are `deploy/FACE.conf.py`. Forged headers and lost circuits were measured: docs/threat-model.md.
"""

from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import wsgi

workers = 1
preload_app = True  # workers share the hourly form keys and the host's in-memory secret
accesslog = None
loglevel = "warning"
control_socket_disable = True
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
limit_request_fields = 40
limit_request_field_size = 4096
limit_request_line = 2048
timeout = 60
umask = 0o007  # the front or Tor reaches a socket as a member of the group, nobody else does
graceful_timeout = 10


class BlindLogger(Logger):  # type: ignore[misc]
    """Says what the master says about itself, and nothing that a worker says: that may hold an address or a header (T5)."""

    hushed = False

    def _say(self, level: str, message: object, *arguments: Any, **options: Any) -> None:
        if self.hushed:
            message, arguments, options = f"a worker reports: {level}", (), {}
        getattr(super(), level)(message, *arguments, **options)

    def critical(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log without what a worker saw."""
        self._say("critical", msg, *args, **kwargs)

    def error(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log without what a worker saw."""
        self._say("error", msg, *args, **kwargs)

    def warning(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log without what a worker saw."""
        self._say("warning", msg, *args, **kwargs)

    def exception(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log without what a worker saw, and without its traceback."""
        self._say("error" if self.hushed else "exception", msg, *args, **kwargs)

    def info(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log without what a worker saw."""
        if not self.hushed:
            super().info(msg, *args, **kwargs)

    def debug(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log without what a worker saw."""
        if not self.hushed:
            super().debug(msg, *args, **kwargs)


logger_class = BlindLogger


def post_fork(_server: Any, worker: Any) -> None:
    """From here on the process meets sources."""
    worker.log.hushed = True


_default_headers = wsgi.Response.default_headers


def _without_server(self: wsgi.Response) -> list[str]:
    return [line for line in _default_headers(self) if not line.lower().startswith("server:")]


wsgi.Response.default_headers = _without_server
