"""Backup and restore: every row into one sealed file, and back into an empty database (docs/formats.md §12, docs/adr/0013).

Both work on the tables as the database has them, so that a backup of an older schema can be taken and restored as well. Both
stream: neither the rows nor the file are ever in memory as a whole.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import UUID, uuid4

from sqlalchemy import CHAR, Column, MetaData, Table, Uuid, event, func, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from app.errors import BackupError, BusyError, ManifestError, RollbackError, SealError
from app.ledger.read import Head
from app.ledger.verify import verify
from app.store import migrate
from app.store.database import Database
from app.store.keys import ManifestRow, Member
from app.vault import backup
from app.vault.backup import Contents, Header, Value
from app.vault.envelope import new_key
from app.vault.keyring import ServerSecret
from app.vault.manifest import Chain, SignedManifest, verify_chain

BOOKKEEPING: Final = "alembic_version"
LEFT_OUT: Final = frozenset({"member_session", "lease", "dedupe"})  # they hold minutes and hours, and name sessions that are over
_FETCHED: Final = 50  # rows at a time from the database; the largest has about 330,000 bytes, and PostgreSQL spells them out
_BATCH_ROWS: Final = 500
_BATCH_BYTES: Final = 1_000_000
_UUID_DIGITS: Final = 32
_NOT_WHOLE: Final = "the words do not open this file, or the file is not whole; nothing was restored"


@dataclass(frozen=True, slots=True)
class BackedUp:
    """One finished backup: its id, the ledger's head in it, and its length in bytes."""

    id: UUID
    head: Head
    size: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: which backup, of which day and schema, the ledger's head, how many rows."""

    id: UUID
    day: str
    revision: str
    head: Head
    rows: int


# --- backup


def back_up(database: Database, root: bytes, file: Path, *, server_secret: bytes | None, now: datetime) -> BackedUp:
    """Write a backup of one moment; nobody who works meanwhile waits for it.

    Args:
        database: of any schema that this program knows.
        root: the pinned instance root.
        file: where to; FILE.part beside it is written, and renamed when it is whole and on the disk.
        server_secret: taken along, if given.
        now: aware UTC time; its day is recorded, sealed.

    Raises:
        BackupError: the file exists, or there is nothing here that could be restored.
        ManifestError: the keyring does not lead back to the root: the backup would be sealed to somebody unknown.
        BusyError: not now; the schema is being upgraded.
    """
    part = file.with_name(f"{file.name}.part")
    if file.exists():
        raise BackupError(f"{file} exists already; a backup never replaces another")
    tables, revision = _schema(database)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BackupError(f"{part} exists: another backup is being written, or one was cut short; then delete it") from None
    except OSError as error:
        raise BackupError(f"{part} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as stream, database.read() as session:
            _hold(session, tables, revision)
            done = _write(session, stream, tables, root, revision, server_secret, now)
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(file)
        _sync_folder(file.parent)
    except OSError as error:
        raise BackupError(f"{file} cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return BackedUp(done[0], done[1], file.stat().st_size)


def _write(
    session: Session, stream: BinaryIO, tables: list[Table], root: bytes, revision: str, server_secret: bytes | None, now: datetime
) -> tuple[UUID, Head]:
    chain = _chain(session, root)
    verdict = verify(session, chain.newest.origin)
    if not verdict.is_good:
        raise BackupError(f"the ledger does not verify, so a backup of it could not be restored: {verdict.faults[0]}")
    if server_secret is not None and not _is_theirs(session, server_secret):
        raise BackupError("PAIVAND_SERVER_SECRET_FILE is not the secret that the accounts were made with")
    head = Head(chain.newest.origin, verdict.size, verdict.root)
    contents = Contents(
        root=root,
        revision=revision,
        manifest=chain.newest.epoch,
        head_origin=head.origin,
        head_size=head.size,
        head_root=head.root,
        tables={table.name: backup.Table(tuple(table.columns.keys()), _count(session, table)) for table in tables},
        day=now.date().isoformat(),
        server_secret=server_secret,
    )
    key, backup_id = new_key(), uuid4()
    header = backup.seal_key(key, backup_id, root=root, recovery=chain.newest.recovery_kem, epoch=chain.newest.epoch)
    stream.write(header.encode())
    writer = backup.Writer(stream, key, backup_id, root=root)
    writer.add(contents.encode())
    for place, table in enumerate(tables):
        with closing(session.execute(_sorted(table))) as rows:
            for row in rows:
                writer.add(backup.encode_row(place, row))
    writer.finish()
    return backup_id, head


def _sorted(table: Table) -> Any:
    """Select all rows by primary key, so that their order tells nothing, a few at a time."""
    return select(table).order_by(*table.primary_key).execution_options(yield_per=_FETCHED)


def _hold(session: Session, tables: list[Table], revision: str) -> None:
    """Keep the tables as they are until the end of the transaction.

    PostgreSQL's `sweep` empties and fills tables, and who looked before that would find them empty: so they are locked against
    it before the first look. SQLite keeps what a transaction sees by itself.
    """
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        quote = connection.dialect.identifier_preparer.quote
        names = ", ".join(quote(name) for name in [BOOKKEEPING, *(table.name for table in tables)])
        connection.exec_driver_sql("LOCK TABLE " + names + " IN ACCESS SHARE MODE")
    if session.scalar(_REVISION) != revision:
        raise BusyError


_REVISION: Final = text("SELECT version_num FROM alembic_version")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- restore


def need_empty(database: Database) -> None:
    """Refuse a database that somebody uses.

    Raises:
        BackupError: it holds rows.
    """
    if migrate.current(database) is None:
        return
    with database.read() as session:
        _need_empty(session, _tables(session, left_out=frozenset()))


def restore(
    database: Database,
    root: bytes,
    file: Path,
    key: bytes,
    *,
    earlier: Head | None = None,
    accept_rollback: bool = False,
    server_secret: bytes | None = None,
    keep_secret: Callable[[bytes], None] | None = None,
) -> Restored:
    """Fill an empty database from a backup, in one transaction: whatever is wrong with the file, nothing of it stays.

    A backup of an older schema is restored as it was and then upgraded; a restore that was cut before that is ended by `upgrade`.

    Args:
        database: empty; its schema is made here.
        root: the pinned instance root.
        file: the backup.
        key: what its 24 words say.
        earlier: a head written down before; a backup that does not contain it is refused.
        accept_rollback: restore it all the same if it is older than `earlier`.
        server_secret: the secret that is here already; the backup's must be the same.
        keep_secret: called with the backup's secret where none is here, before anything counts.

    Raises:
        BackupError: the words or the file are not right, or the database is not empty.
        RollbackError: the backup is older than `earlier`, and that was not accepted.
        BusyError: the database did not take it; nothing of it stays.
    """
    try:
        with file.open("rb") as stream:
            header = Header.read(stream)
            records = backup.read_records(stream, key, header.id, root=root)
            contents = Contents.decode(next(records, b""))
            head = Head(contents.head_origin, contents.head_size, contents.head_root)
            if contents.root != root:
                raise SealError
            _check_age(head, earlier, accept_rollback=accept_rollback)
            _check_secret(contents, server_secret)
            _prepare(database, contents.revision)
            with database.write() as session:
                tables = _tables(session, left_out=frozenset())
                _need_empty(session, tables)
                _fill(session, [table for table in tables if table.name not in LEFT_OUT], contents, records)
                _check_rows(session, root, contents, earlier if earlier and earlier.size <= head.size else None)
                if contents.server_secret is not None and server_secret is None and keep_secret is not None:
                    keep_secret(contents.server_secret)
    except (SealError, ManifestError):
        raise BackupError(_NOT_WHOLE) from None
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror}") from None
    migrate.upgrade(database)
    return Restored(header.id, contents.day, contents.revision, head, sum(table.rows for table in contents.tables.values()))


def _check_age(head: Head, earlier: Head | None, *, accept_rollback: bool) -> None:
    """Compare with a head that was written down. Whether an older ledger led to it nobody can tell."""
    if earlier is None:
        return
    if earlier.origin != head.origin:
        raise BackupError(f"the head is of another ledger: {earlier.origin}; nothing was restored")
    if earlier.size > head.size and not accept_rollback:
        raise RollbackError(rollback_text(head, earlier))


def rollback_text(head: Head, earlier: Head) -> str:
    """Say how much is missing."""
    return f"ROLLBACK: the earlier head has {earlier.size} entries, the ledger in this backup only {head.size}"


def _check_secret(contents: Contents, server_secret: bytes | None) -> None:
    if contents.server_secret is not None and server_secret is not None and contents.server_secret != server_secret:
        raise BackupError("PAIVAND_SERVER_SECRET_FILE holds another secret than the backup; nothing was restored")


def _prepare(database: Database, revision: str) -> None:
    """Give an empty database the schema of the backup."""
    if revision not in migrate.revisions():
        raise BackupError(f"the backup has schema {revision}, which this program does not know: restore it with the newer program")
    need_empty(database)
    if migrate.current(database) in migrate.revisions() - {revision}:
        migrate.downgrade(database, "base")
    migrate.upgrade(database, revision)


def _fill(session: Session, tables: list[Table], contents: Contents, records: Iterator[bytes]) -> None:
    """Insert the rows as they come, in batches; every table gets as many as the first record says."""
    if {table.name: set(table.columns.keys()) for table in tables} != {name: set(held.columns) for name, held in contents.tables.items()}:
        raise SealError
    columns = [[table.columns[name] for name in contents.tables[table.name].columns] for table in tables]
    found, batch, waiting, size = [0] * len(tables), list[dict[str, Value]](), 0, 0
    for record in records:
        place, values = backup.decode_row(record)
        if place >= len(tables):
            raise SealError
        if place != waiting or len(batch) == _BATCH_ROWS or size >= _BATCH_BYTES:
            _insert(session, tables[waiting], batch)
            batch, waiting, size = [], place, 0
        batch.append(_row(columns[place], values))
        found[place], size = found[place] + 1, size + len(record)
    _insert(session, tables[waiting], batch)
    if found != [held.rows for held in contents.tables.values()]:
        raise SealError


def _insert(session: Session, table: Table, batch: list[dict[str, Value]]) -> None:
    try:
        if batch:
            session.execute(insert(table), batch)
    except (IntegrityError, DataError):  # a row twice, or one that the schema refuses
        raise SealError from None


def _row(columns: list[Column[Any]], values: list[Value]) -> dict[str, Value]:
    if len(columns) != len(values):
        raise SealError
    for column, value in zip(columns, values, strict=True):
        if not isinstance(value, column.type.python_type) and not (value is None and column.nullable):
            raise SealError
    return {column.name: value for column, value in zip(columns, values, strict=True)}


def _check_rows(session: Session, root: bytes, contents: Contents, earlier: Head | None) -> None:
    """Hold what was filled in against the pinned root, and against what the first record says."""
    newest = _chain(session, root).newest
    if (newest.epoch, newest.origin) != (contents.manifest, contents.head_origin):
        raise SealError
    verdict = verify(session, newest.origin, earlier)
    forked = [fault for fault in verdict.faults if fault.startswith("FORK")]
    if forked:
        raise BackupError(f"{forked[0]}; nothing was restored")
    if not verdict.is_good or (verdict.size, verdict.root) != (contents.head_size, contents.head_root):
        raise SealError
    if contents.server_secret is not None and not _is_theirs(session, contents.server_secret):
        raise SealError


# --- both


def _schema(database: Database) -> tuple[list[Table], str]:
    """Return the tables of a backup, sorted by name, and the revision of the schema."""
    revision = migrate.current(database)
    if revision is None:
        raise BackupError("there is no instance in this database")
    if revision not in migrate.revisions():
        raise migrate.OtherVersionError(f"the database has schema {revision}, which this program does not know: run the newer program")
    with database.read() as session:
        return _tables(session, left_out=LEFT_OUT), revision


def _tables(session: Session, *, left_out: frozenset[str]) -> list[Table]:
    """Read the tables that there are, sorted by name; SQLite knows no UUID, there they are 32 characters."""
    found = MetaData()

    @event.listens_for(found, "column_reflect")
    def _read_type(_inspector: object, _table: object, column: dict[str, Any]) -> None:
        if isinstance(column["type"], CHAR) and column["type"].length == _UUID_DIGITS:
            column["type"] = Uuid()

    found.reflect(session.connection())
    return [found.tables[name] for name in sorted(set(found.tables) - left_out - {BOOKKEEPING})]


def _need_empty(session: Session, tables: list[Table]) -> None:
    for table in tables:
        if session.execute(select(*table.primary_key).limit(1)).first() is not None:
            raise BackupError("the database is not empty: a backup is restored into a new one only")


def _count(session: Session, table: Table) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def _chain(session: Session, root: bytes) -> Chain:
    rows = session.execute(select(ManifestRow.body, ManifestRow.signatures).order_by(ManifestRow.epoch))
    return verify_chain(root, [SignedManifest(body, signatures) for body, signatures in rows])


def _is_theirs(session: Session, secret: bytes) -> bool:
    """Whether accounts were made with this server secret."""
    return ServerSecret(secret).id in set(session.scalars(select(Member.server_secret)))
