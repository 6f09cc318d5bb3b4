"""The connection: the same promises on SQLite and on PostgreSQL (docs/adr/0012).

Who decides something writes alone. On SQLite a write transaction takes the file's lock when it begins; on PostgreSQL it locks
the ledger's head row, which only desk and audit may change: a stranger in the intake cannot hold it. The intake only adds
rows, and there waits for nobody.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.errors import BusyError, ConflictError
from app.store import cases, keys, ledger, reports  # noqa: F401 - importing them puts their tables into METADATA
from app.store.base import Base, is_unordered

BUSY_SECONDS: Final = 5
ONLY_READS: Final = "paivand_only_reads"  # in the info of a session whose rows are all committed
METADATA: Final = Base.metadata
_SQLITE: Final = "sqlite"
_NOT_NOW: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN")
_SETTINGS: Final = (
    "synchronous_commit=on",  # acknowledged means durable, whatever the server's default is
    f"lock_timeout={BUSY_SECONDS}s",
    "idle_in_transaction_session_timeout=60s",  # a process that was stopped half-way keeps no lock
    "timezone=UTC",
)


class Database:
    """Opens transactions; a `with` block is the transaction and commits at its end."""

    def __init__(self, url: str) -> None:
        """Prepare an engine; nothing is opened yet."""
        address = make_url(url)
        self.is_sqlite = address.get_backend_name() == _SQLITE
        self.revision: str | None = None
        self.engine = _sqlite_engine(url) if self.is_sqlite else _postgresql_engine(url)
        self._reading = self.engine if self.is_sqlite else self.engine.execution_options(**_ONE_VIEW)
        self._writing = self.engine.execution_options(paivand_write=True)
        self._emptier: sqlite3.Connection | None = None
        self._emptying = Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that only reads, and sees one moment."""
        with _typed_errors(), Session(self._reading, info={ONLY_READS: True}) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction of somebody who decides: no other one runs beside it.

        Raises:
            BusyError: the lock was not free in time, or the disk refused.
            ConflictError: a row was changed by somebody else since it was read.
        """
        with self.insert() as session:
            if not self.is_sqlite:
                session.execute(_LOCK_HEAD)
            yield session

    @contextmanager
    def insert(self) -> Iterator[Session]:
        """Open a transaction that adds rows and changes none; on PostgreSQL many run at once.

        SQLite takes the write lock at once: a deferred begin upgrades late and fails.

        Raises:
            BusyError: as for `write`.
        """
        with _typed_errors(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            self._check_revision(session)
            yield session
        self.empty_wal()

    def _check_revision(self, session: Session) -> None:
        """Refuse to write with an older program while or after a newer one upgrades the schema."""
        if self.revision is not None and session.scalar(_REVISION) != self.revision:
            raise BusyError

    def empty_wal(self) -> None:
        """Empty SQLite's write-ahead log: its history would tell which rows were written together. Waits for nobody."""
        if self.path is None:
            return
        # what was committed stays committed: if somebody reads just now, the next write empties it
        with self._emptying, suppress(sqlite3.Error):
            if self._emptier is None:  # a connection of its own, kept: opening one costs as much as a report's sealing (measured)
                self._emptier = sqlite3.connect(self.path, timeout=0, check_same_thread=False)
            self._emptier.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()

    def shuffle(self) -> None:
        """Store all rows anew in the order of their random ids, so that no place or transaction number tells when one was written.

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
        else:
            for table in filter(is_unordered, METADATA.sorted_tables):
                with _typed_errors(), self.engine.begin() as connection:
                    _rewrite(connection, table.name, [column.name for column in table.primary_key])
                with _typed_errors(), self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.exec_driver_sql(f'VACUUM "{table.name}"')  # what was there before goes

    @property
    def path(self) -> Path | None:
        """The database file, where there is one."""
        name = self.engine.url.database
        return Path(name) if name and self.is_sqlite else None

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        with self._emptying:
            if self._emptier is not None:
                self._emptier.close()
                self._emptier = None


_ONE_VIEW: Final[dict[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_LOCK_HEAD: Final = text("SELECT 1 FROM ledger_head FOR UPDATE")
_REVISION: Final = text("SELECT version_num FROM alembic_version")


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise BusyError from error
    except DBAPIError as error:
        if not _is_for_later(error):
            raise
        raise BusyError from error
    except StaleDataError as error:
        raise ConflictError from error


def _is_for_later(error: DBAPIError) -> bool:
    """Whether the store refused for now: locked, full, stopped, or gone away."""
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return getattr(error.orig, "sqlstate", None) == _READ_ONLY
    return getattr(error.orig, "sqlite_errorname", _NOT_NOW[0]).startswith(_NOT_NOW)


_READ_ONLY: Final = "25006"  # a standby that was not promoted


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql_engine(url: str) -> Engine:
    options = {"options": " ".join(f"-c {setting}" for setting in _SETTINGS), "connect_timeout": BUSY_SECONDS}
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        connect_args=options,
        pool_size=10,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,  # a server that was started anew costs nobody an error
    )


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


def _rewrite(connection: Connection, table: str, order: Sequence[str]) -> None:
    """Write a table of PostgreSQL anew: one transaction number for all rows, one order, fresh places for long values.

    VACUUM and CLUSTER would keep the transaction numbers, and the rising numbers of values stored out of line.
    """
    by = ", ".join(f'"{name}"' for name in order)
    for statement in (
        "SET LOCAL lock_timeout = '1s'",  # who waits for a table makes all others wait behind it: during a backup, say
        f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE',
        f'CREATE TEMPORARY TABLE rewritten ON COMMIT DROP AS SELECT * FROM "{table}"',  # noqa: S608 - our own table names
        f'DELETE FROM "{table}"',  # noqa: S608 - the same; TRUNCATE would show an empty table to whoever began to read before
        f'INSERT INTO "{table}" SELECT * FROM rewritten ORDER BY {by}',  # noqa: S608 - the same
    ):
        connection.exec_driver_sql(statement)
