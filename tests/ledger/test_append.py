"""Append: contiguous whatever happens, in the transaction of the decision, and provable afterwards."""

import multiprocessing
import os
import secrets
import signal
import time

import pytest
from sqlalchemy import func, select

from app.demo.commands import ORIGIN
from app.errors import BusyError, DamagedError
from app.ledger.append import Actor, RowVersion, append
from app.ledger.read import check_row, read_head
from app.ledger.verify import Verdict, read_head_file, verify, write_head
from app.store.database import Database
from app.store.ledger import LedgerEntry
from app.store.reports import SourceRequest
from tests.conftest import START, Instance

WORKERS = 4
DIGEST = "0" * 64


def verdict(database: Database, earlier: str | None = None) -> Verdict:
    with database.read() as session:
        return verify(session, ORIGIN, read_head_file(earlier) if earlier else None)


def head_of(database: Database) -> str:
    with database.read() as session:
        return write_head(read_head(session, ORIGIN))


def note(database: Database, actor: Actor, version: int) -> None:
    with database.write() as session:
        append(session, actor, "report.noted", now=START, row=RowVersion("report:x", version, DIGEST))


def test_founding_is_entry_zero(instance: Instance) -> None:
    """A new ledger holds its founding and verifies."""
    found = verdict(instance.database())

    assert found.is_good
    assert found.size == 1


def test_rolled_back_decision_leaves_no_entry(instance: Instance) -> None:
    """No decision without an entry, no entry without its decision."""
    actor, _ = instance.actor("Nigora")
    database = instance.database()
    before = head_of(database)

    with pytest.raises(ZeroDivisionError), database.write() as session:
        session.add(SourceRequest(id=b"x" * 16))
        append(session, actor, "report.noted", now=START, row=RowVersion("report:x", 1, DIGEST))
        raise ZeroDivisionError

    assert head_of(database) == before
    assert verdict(database).is_good
    with database.read() as session:
        assert session.get(SourceRequest, b"x" * 16) is None


def test_newest_version_is_proven_and_an_old_one_refused(instance: Instance) -> None:
    """An old row put back, or a row with another digest, is noticed."""
    actor, _ = instance.actor("Nigora")
    database = instance.database()
    note(database, actor, 1)
    note(database, actor, 2)

    with database.read() as session:
        check_row(session, actor, RowVersion("report:x", 2, DIGEST))
        for wrong in (RowVersion("report:x", 1, DIGEST), RowVersion("report:x", 2, "1" * 64), RowVersion("report:y", 2, DIGEST)):
            with pytest.raises(DamagedError):
                check_row(session, actor, wrong)


def test_one_version_has_one_entry(instance: Instance) -> None:
    """Two entries for one row version cannot both exist."""
    actor, _ = instance.actor("Nigora")
    database = instance.database()
    note(database, actor, 1)
    before = head_of(database)

    with pytest.raises(BusyError):
        note(database, actor, 1)

    assert head_of(database) == before


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE ledger_entry SET leaf = CAST(replace(CAST(leaf AS TEXT), '2026-11', '2026-10') AS BLOB) WHERE idx = 2", "differs"),
        ("DELETE FROM ledger_entry WHERE idx = 2", "entry 2 is missing"),
        ("DELETE FROM ledger_entry WHERE idx = 3", "differs"),
        ("UPDATE ledger_entry SET tag = randomblob(32) WHERE idx = 2", "search tag"),
        ("UPDATE ledger_entry SET leaf = x'00' WHERE idx = 2", "not a leaf"),
        ("UPDATE ledger_head SET size = 3", "differs"),
        ("UPDATE ledger_head SET root = zeroblob(32)", "differs"),
        ("DELETE FROM ledger_head", "head is missing"),
        ("UPDATE ledger_entry SET idx = 9 - idx WHERE idx IN (2, 3)", "missing"),
    ],
)
def test_edited_rows_are_named(instance: Instance, statement: str, fault: str) -> None:
    """Whatever is edited, `verify` says where."""
    actor, _ = instance.actor("Nigora")
    database = instance.database()
    for version in (1, 2, 3):
        note(database, actor, version)
    assert verdict(database).is_good

    instance.sql(statement)

    assert any(fault in text for text in verdict(database).faults)


def test_a_head_written_down_earlier_holds_or_names_the_crime(instance: Instance) -> None:
    """The tree may only grow: a rewrite is a fork, a cut is a rollback."""
    actor, _ = instance.actor("Nigora")
    database = instance.database()
    note(database, actor, 1)
    early, size = head_of(database), verdict(database).size
    note(database, actor, 2)
    late = head_of(database)

    assert verdict(database, early).is_good
    assert verdict(database, late).is_good
    forged = early.splitlines()
    forged[2] = late.splitlines()[2]
    assert any("FORK" in text for text in verdict(database, "\n".join([*forged, ""])).faults)
    further = late.replace(f"\n{size + 1}\n", f"\n{size + 5}\n")
    assert any("ROLLBACK" in text for text in verdict(database, further).faults)
    assert any("another ledger" in text for text in verdict(database, late.replace(ORIGIN, "other.example/log")).faults)


def test_append_refuses_to_grow_a_broken_head(instance: Instance) -> None:
    """A head that does not fit its subtrees takes no further entry."""
    actor, _ = instance.actor("Nigora")
    instance.sql("UPDATE ledger_head SET root = zeroblob(32)")
    with pytest.raises(DamagedError):
        note(instance.database(), actor, 1)

    instance.sql("DELETE FROM ledger_head")
    with pytest.raises(BusyError):
        note(instance.database(), actor, 1)


def test_the_database_itself_refuses_to_change_an_entry(instance: Instance) -> None:
    """Hygiene, not evidence: an UPDATE or DELETE by accident fails."""
    database = instance.database()
    for statement in ("UPDATE ledger_entry SET leaf = sealed", "DELETE FROM ledger_entry"):
        with pytest.raises(Exception, match="an entry is final"), database.write() as session:
            session.connection().exec_driver_sql(statement)


def _work(url: str, actor: Actor, worker: int) -> None:
    database = Database(url)
    for number in range(10_000):
        try:
            with database.write() as session:
                session.add(SourceRequest(id=secrets.token_bytes(16)))
                append(session, actor, "report.noted", now=START, row=RowVersion(f"report:{worker}", number, DIGEST))
                if number % 7 == 3:
                    raise KeyError
        except (KeyError, BusyError):
            continue


def test_killed_workers_leave_no_gap(instance: Instance) -> None:
    """Four processes append and roll back and are killed with -9: the tree is contiguous, each decision has one entry."""
    actor, _ = instance.actor("Nigora")
    database = instance.database()
    before = verdict(database).size
    database.close()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_work, args=(instance.url, actor, at), daemon=True) for at in range(WORKERS)]
    for worker in workers:
        worker.start()
    time.sleep(2)
    for worker in workers:
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()

    found = verdict(database)

    with database.read() as session:
        decisions = session.scalar(select(func.count()).select_from(SourceRequest))
        entries = session.scalar(select(func.count()).select_from(LedgerEntry))
    assert found.is_good, found.faults
    assert entries == found.size
    assert decisions == found.size - before
    assert found.size > before + WORKERS
