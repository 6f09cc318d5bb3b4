"""An upgrade that is killed at any statement changed nothing, and is simply run again; an old process does not write beside it."""

import multiprocessing
import os
import signal
import threading
from typing import Any

import pytest
from sqlalchemy import event

from app.errors import BusyError
from app.store import migrate
from app.store.database import Database
from tests.conftest import Instance
from tests.test_migrations import dump, make_use_of

FROM = "0001"
STEP = 3  # every third statement: the one between is no other kind of moment


def _upgrade_and_die(url: str, at: int) -> None:
    """Upgrade, and die by kill -9 just before statement number `at`."""
    database, count = Database(url), 0

    def before(*_arguments: Any) -> None:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "before_cursor_execute", before)
    migrate.upgrade(database)
    os._exit(count % 256)


def _in_a_process(url: str, at: int) -> int:
    process = multiprocessing.get_context("fork").Process(target=_upgrade_and_die, args=(url, at))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def test_killed_upgrade_is_run_again(instance: Instance) -> None:
    """At every third statement of the way from the first schema to today's, on a database in use: as before, then whole."""
    make_use_of(instance)
    database = instance.database()
    migrate.downgrade(database, FROM)
    before = revision_and_rows(database)
    kills = 0
    for at in range(2, 1000, STEP):
        database.close()
        if _in_a_process(instance.url, at) >= 0:
            break
        kills += 1
        assert revision_and_rows(database) == before
    assert kills >= 5

    assert migrate.is_current(database)
    assert dump(database)["report"]


def revision_and_rows(database: Database) -> tuple[str | None, list[Any]]:
    """Return the revision, and the rows of the tables that every revision has."""
    with database.engine.connect() as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql("SELECT id, week, body, state, version FROM report ORDER BY id")]
        rows += [tuple(row) for row in connection.exec_driver_sql("SELECT idx, leaf, sealed FROM ledger_entry ORDER BY idx")]
    return migrate.current(database), rows


def test_upgrade_waits_for_who_is_writing(instance: Instance) -> None:
    """A transaction that was begun before is finished first; the one after it meets the new schema and refuses."""
    database, other = instance.database(), instance.database()
    migrate.downgrade(database, FROM)
    other.revision = FROM
    done = threading.Event()

    def upgrade() -> None:
        migrate.upgrade(database)
        done.set()

    thread = threading.Thread(target=upgrade)
    with other.insert() as session:
        session.connection().exec_driver_sql("DELETE FROM dedupe")
        thread.start()
        assert not done.wait(0.5)
    thread.join(30)

    assert done.is_set()
    with pytest.raises(BusyError), other.insert():
        pass
