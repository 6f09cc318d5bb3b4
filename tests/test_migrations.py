"""Migrations: from nothing to today's tables, back to nothing, and up again, over a database in use."""

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select

from app.store import migrate
from app.store.database import METADATA, Database
from tests.conftest import Instance, Member, Source
from tests.stores import Store

FOLDER = Path(__file__).parents[1] / "migrations"
BOOKKEEPING = "alembic_version"

Rows = dict[str, list[tuple[Any, ...]]]


def tables_of(database: Database) -> set[str]:
    """Return the names of the tables that there are."""
    with database.engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def dump(database: Database) -> Rows:
    """Return every row of every table."""
    with database.engine.connect() as connection:
        return {table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr) for table in METADATA.sorted_tables}


def make_use_of(instance: Instance) -> None:
    """Put rows into as many tables as a day's work does."""
    app = instance.app()
    source, member = Source(app), Member(app, instance, "Nigora")
    source.write("One report.", reply="yes")
    member.sign_in()
    source.write("Another, not taken in yet.")
    member.open_first()
    member.press("/claim")
    member.press("/messages", message="A question.")
    assert member.page.status_code == 200


def test_migrated_schema_equals_the_models(instance: Instance) -> None:
    """No model was changed without a migration."""
    with instance.database().engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA)

    assert found == []


def test_migrations_are_numbered_without_gap() -> None:
    """0001, 0002, … in one line, and each file begins with its number."""
    revisions = list(ScriptDirectory(str(FOLDER)).walk_revisions())[::-1]

    assert [item.revision for item in revisions] == [f"{number:04d}" for number in range(1, len(revisions) + 1)]
    assert [item.down_revision for item in revisions] == [None, *(item.revision for item in revisions[:-1])]
    assert all(Path(item.path).name.startswith(f"{item.revision}_") for item in revisions)


def test_upgrade_from_nothing_makes_all_tables(store: Store, tmp_path: Path) -> None:
    """An empty database becomes one that this code can use."""
    database = Database(store.create(tmp_path))
    assert not migrate.is_current(database)

    migrate.upgrade(database)

    assert tables_of(database) == {*METADATA.tables, BOOKKEEPING}
    assert migrate.is_current(database)
    database.close()


def test_second_upgrade_changes_nothing(instance: Instance) -> None:
    """`upgrade` can be run again at any time, on a database in use as well."""
    make_use_of(instance)
    database = instance.database()
    before = dump(database)

    migrate.upgrade(database)

    assert dump(database) == before
    assert sum(bool(rows) for rows in before.values()) >= 10


def test_down_and_up_again_on_a_database_in_use(instance: Instance) -> None:
    """Downgrading to nothing leaves no table, index or trigger; upgrading makes the same schema as before."""
    make_use_of(instance)
    database = instance.database()
    schema = schema_of(database)

    migrate.downgrade(database, "base")

    assert tables_of(database) == {BOOKKEEPING}
    assert migrate.current(database) is None
    assert all(name == BOOKKEEPING for _, name, _ in schema_of(database))

    migrate.upgrade(database)

    assert schema_of(database) == schema
    assert not any(dump(database).values())


@pytest.mark.parametrize("revision", [item.revision for item in ScriptDirectory(str(FOLDER)).walk_revisions()])
def test_each_migration_goes_down_and_up_on_a_database_in_use(instance: Instance, revision: str) -> None:
    """Each step back and forth keeps the rows of the tables it does not make."""
    make_use_of(instance)
    database = instance.database()
    before = dump(database)
    below = ScriptDirectory(str(FOLDER)).get_revision(revision).down_revision

    migrate.downgrade(database, str(below or "base"))
    kept = tables_of(database) & set(METADATA.tables)
    migrate.upgrade(database)

    after = dump(database)
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def schema_of(database: Database) -> list[tuple[str, str, str | None]]:
    """Return every table, index and trigger as the database keeps it, but for what SQLite makes itself."""
    with database.engine.connect() as connection:
        return [(kind, table, sql) for kind, table, sql in connection.exec_driver_sql(_SCHEMA[database.engine.dialect.name])]


_SCHEMA = {
    "sqlite": "SELECT type, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name",
    "postgresql": (
        "SELECT 'column', table_name::text, column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns "
        "WHERE table_schema = 'public' "
        "UNION SELECT 'index', tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' "
        "UNION SELECT 'constraint', conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace "
        "UNION SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
        "UNION SELECT 'function', '', pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "ORDER BY 1, 2, 3"
    ),
}
