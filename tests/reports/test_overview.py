"""What a session remembers of the reports: codes only, opened anew as soon as something in clear differs, gone with the session."""

from collections.abc import Sequence
from typing import Any, Final

import pytest
from flask import Flask

from app.desk.queue import PAGE
from app.reports import overview as module
from app.reports import queue
from app.reports.overview import Known, overview
from app.reports.records import open_reports
from app.web.memories import Memories
from tests.conftest import Instance, Member, Source

WORDS: Final = "A house on Rudaki street"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how many reports are opened for the overview, while it does its work."""
    counts: list[int] = []

    def count(session: Any, actor: Any, reports: Sequence[Any]) -> Any:
        counts.append(len(reports))
        return open_reports(session, actor, reports)

    monkeypatch.setattr(module, "open_reports", count)
    return counts


@pytest.fixture
def looked(source: Source, nigora: Member) -> Member:
    """Somebody who has three reports before them, and has read and described one."""
    for number in range(3):
        source.write(f"{WORDS} {number}", danger="now")
    nigora.sign_in()
    nigora.open_first()
    nigora.press("/claim")
    nigora.press("/description", gist=f"{WORDS}, the gist")
    nigora.get("/desk/queue")
    return nigora


def memories_of(app: Flask) -> Memories:
    made: Memories = app.extensions["paivand"].memories
    return made


def test_nothing_is_opened_twice(looked: Member, opened: list[int]) -> None:
    """A second look opens nothing but the rows of its page; the gist is there all the same."""
    page = looked.get("/desk/queue").text

    assert opened == []
    assert f"{WORDS}, the gist" in page


def test_changed_row_is_opened_again(looked: Member, timur: Member, opened: list[int], source: Source) -> None:
    """What somebody else took, and what came in since, is opened; the other rows are not."""
    source.write("A fourth one.")
    timur.sign_in()
    opened.clear()

    looked.get("/desk/queue")

    assert sum(opened) == 1


def test_no_word_is_remembered(looked: Member, app: Flask) -> None:
    """Neither what a source wrote nor what the team wrote about it, and no key."""
    kept = [memory for _, memory in memories_of(app)._kept.values()]

    assert kept
    assert {name for memory in kept for name in memory} == {"reports", "marks"}
    assert all(isinstance(item, Known) for memory in kept for _, item in memory["reports"].values())
    assert sum(len(memory["reports"]) for memory in kept) == 3
    assert WORDS not in repr(kept)
    assert "bytes" not in {type(value).__name__ for memory in kept for _, item in memory["reports"].values() for value in _fields(item)}


def _fields(item: Known) -> list[Any]:
    return [getattr(item, name) for name in Known.__slots__]


def test_lock_forgets(looked: Member, app: Flask) -> None:
    """Locking ends the memory with the session."""
    assert memories_of(app)._kept

    looked.press("/lock")

    assert not memories_of(app)._kept


def test_idle_session_is_forgotten(looked: Member, timur: Member, app: Flask, instance: Instance) -> None:
    """The first request of anybody after fifteen idle minutes lets go of it."""
    (mine,) = memories_of(app)._kept
    instance.clock.forward(minutes=16)

    timur.sign_in()
    timur.get("/desk/queue")

    assert mine not in memories_of(app)._kept
    assert len(memories_of(app)._kept) == 1


def test_what_is_taken_back_is_not_remembered(instance: Instance, source: Source) -> None:
    """A transaction that decides sees its own rows, and remembers none: it may fail."""
    source.write(WORDS)
    actor, held = instance.actor("Nigora")
    database = instance.database()
    queue.look(database, actor, held, now=instance.clock.now)
    actor.memory.clear()

    with database.write() as session:
        assert len(overview(session, actor).known) == 1
    assert actor.memory == {}

    with database.read() as session:
        assert len(overview(session, actor).known) == 1
    assert len(actor.memory["reports"]) == 1


def test_queue_has_pages(app: Flask, source: Source, nigora: Member) -> None:
    """Fifty rows a page; every report stands on exactly one; a page that is not there is the last one; page 0 is no page."""
    for number in range(PAGE + 3):
        source.write(f"Report {number}")
    nigora.sign_in()
    while "waiting: reports" in nigora.get("/desk/queue").text:
        nigora.take_in()

    pages = [nigora.get(url).text for url in ("/desk/queue", "/desk/queue/open/2", "/desk/queue/open/99")]

    refs = [set(page.split('<span class="ref">')[1:]) for page in pages]
    names = [{ref[:4] for ref in found} for found in refs]
    assert [len(found) for found in names] == [PAGE, 3, 3]
    assert len(names[0] | names[1]) == PAGE + 3
    assert names[1] == names[2]
    assert f"{PAGE + 3} reports" in pages[0]
    assert "Page 2 of 2" in pages[1]
    assert 'href="/desk/queue/open/2"' in pages[0]
    assert 'href="/desk/queue/open/1"' in pages[1]
    assert nigora.get("/desk/queue/open/0").status_code == 404
    assert nigora.get("/desk/queue/nothing/1").status_code == 404
