"""Migrations from the first table on."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from app.errors import BusyError
from app.store.database import Database

_FOLDER: Final = Path(__file__).resolve().parents[2] / "migrations"


class OtherVersionError(BusyError):
    """The database was upgraded by a newer program than this one."""


def upgrade(database: Database, to: str = "head") -> None:
    """Bring the schema up to a revision, in one transaction: one that was cut half-way changed nothing and is run again.

    Raises:
        OtherVersionError: a newer program was here; this one would not know what it does.
    """
    if (found := current(database)) not in {None, *revisions()}:
        raise OtherVersionError(f"the database has schema {found}, which this program does not know: run the newer program")
    _run(database, lambda config: command.upgrade(config, to))


def downgrade(database: Database, to: str) -> None:
    """Take the schema back to a revision, in one transaction."""
    _run(database, lambda config: command.downgrade(config, to))


def current(database: Database) -> str | None:
    """Return the revision of the database, None where nothing was ever migrated."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Return the revision that this code needs."""
    return ScriptDirectory(str(_FOLDER)).get_current_head()


def revisions() -> set[str]:
    """Return every revision that this code knows."""
    return {item.revision for item in ScriptDirectory(str(_FOLDER)).walk_revisions()}


def is_current(database: Database) -> bool:
    """Whether the database has the schema that this code needs."""
    return current(database) == newest()


def _run(database: Database, step: Callable[[AlembicConfig], None]) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(_FOLDER))
    with database.engine.execution_options(paivand_write=True).begin() as connection:
        _stop_writers(connection)
        config.attributes["connection"] = connection
        step(config)


def _stop_writers(connection: Connection) -> None:
    """Wait for who is writing, and let nobody begin: every transaction reads the revision first (`Database.insert`)."""
    if connection.dialect.name != "sqlite" and inspect(connection).has_table("alembic_version"):
        connection.exec_driver_sql("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
