"""The connection: SQLite as safe as it can be set, PostgreSQL as it comes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.errors import BusyError, ConflictError
from app.store import cases, keys, ledger, reports  # noqa: F401 - importing them puts their tables into METADATA
from app.store.base import Base

BUSY_SECONDS: Final = 5
_NOT_NOW: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN")
METADATA: Final = Base.metadata


class Database:
    """Opens transactions; a `with` block is the transaction and commits at its end."""

    def __init__(self, url: str) -> None:
        """Prepare an engine; nothing is opened yet."""
        options: dict[str, Any] = {}
        if make_url(url).get_backend_name() == "sqlite":
            options["connect_args"] = {"timeout": BUSY_SECONDS}
        self.engine = create_engine(url, hide_parameters=True, **options)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _set_up_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writing = self.engine.execution_options(paivand_write=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that only reads."""
        with _typed_errors(), Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that takes the write lock at once (SQLite: a deferred begin upgrades late and fails).

        Raises:
            BusyError: the lock was not free in time, or the disk refused.
            ConflictError: a row was changed by somebody else since it was read.
        """
        with _typed_errors(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session
        self.empty_wal()

    def empty_wal(self) -> None:
        """Empty SQLite's write-ahead log: its history would tell which rows were written together. Waits for nobody."""
        if self.path is not None:
            # what was committed stays committed: if somebody reads just now, the next write empties it
            with suppress(sqlite3.Error), closing(sqlite3.connect(self.path, timeout=0)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def shuffle(self) -> None:
        """Rebuild the SQLite file, so that the place of a page no longer tells when it was written.

        Raises:
            BusyError: somebody is writing just now.
        """
        if self.path is not None:
            try:
                with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                    connection.execute("PRAGMA temp_store=MEMORY")  # no copy of the file in a folder of others
                    connection.execute("VACUUM")
            except sqlite3.OperationalError as error:
                raise BusyError from error
            self.empty_wal()

    @property
    def path(self) -> Path | None:
        """The database file, where there is one."""
        name = self.engine.url.database
        return Path(name) if name and self.engine.dialect.name == "sqlite" else None

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if not getattr(error.orig, "sqlite_errorname", "SQLITE_BUSY").startswith(_NOT_NOW):
            raise
        raise BusyError from error
    except StaleDataError as error:
        raise ConflictError from error


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we begin ourselves
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # acknowledged means durable
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
        "trusted_schema=OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("paivand_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
