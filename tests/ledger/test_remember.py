"""What a process remembers of the ledger: a database put back to an earlier day starts nothing and shows nothing (docs/formats.md §5)."""

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.errors import BusyError, ManifestError
from app.ledger.append import append
from app.ledger.read import Head, read_head
from app.ledger.remember import HeadKeeper
from app.ledger.state import read_state, update_state
from app.members import change
from app.members.chain import ChainKeeper
from config import ConfigError
from tests import second_reader as second
from tests.conftest import SERVER_SECRET, Instance, Member

ORIGIN = "demo.example/log"


@dataclass
class Past:
    """A moment that the ledger of an instance can be put back to."""

    instance: Instance
    head: tuple[Any, ...]

    @classmethod
    def of(cls, instance: Instance) -> "Past":
        return cls(instance, instance.rows("SELECT size, root, frontier FROM ledger_head")[0])

    def return_to(self) -> None:
        """Put the ledger back, as an older copy of the database would: whole, and shorter."""
        with self.instance.edit() as sql:
            sql.run("DELETE FROM ledger_entry WHERE idx >= ?", self.head[0])
            sql.run("UPDATE ledger_head SET size = ?, root = ?, frontier = ?", *self.head)


def grow(instance: Instance, entries: int = 3) -> None:
    """Let the ledger grow past every process that remembers."""
    actor, _ = instance.actor("Edda")
    for _ in range(entries - 1):
        with instance.database().write() as session:
            append(session, actor, "member.signed_in", now=instance.clock.now)


def head_of(instance: Instance) -> Head:
    with instance.database().read() as session:
        return read_head(session, ORIGIN)


def start(instance: Instance, *faces: str, state: Path | None) -> Flask:
    return instance.app(*faces, state=state, server_secret=None if faces == ("intake",) else SERVER_SECRET)


def remembered(state: Path) -> Head | None:
    return HeadKeeper(state).known()


def look(instance: Instance, state: Path | None) -> tuple[Member, Flask]:
    """Start a desk and let somebody sign in, which looks at the queue and so verifies the tree."""
    app = start(instance, "desk", state=state)
    ruth = Member(app, instance, "Ruth")
    ruth.sign_in()
    return ruth, app


def test_a_desk_remembers_the_ledger_that_it_verified(instance: Instance) -> None:
    """Beside the manifests, public things only, for its owner only; the second reader reads it."""
    state = instance.folder / "desk.state"
    grow(instance)
    verified = head_of(instance)

    look(instance, state)

    assert remembered(state) == verified
    assert set(json.loads(state.read_bytes())) == {"manifests", "signatures", "head"}
    assert state.stat().st_mode & 0o777 == 0o600
    assert second.read_state_head(state.read_bytes()) == (verified.origin, verified.size, verified.root)
    assert second.read_state(instance.root, state.read_bytes())
    assert head_of(instance).size == verified.size + 1  # the look itself; the next one verifies it
    assert [path.name for path in instance.folder.glob("desk.state*")] == ["desk.state"]


def test_an_auditor_remembers_it_too(instance: Instance) -> None:
    """When the standard questions were answered."""
    state = instance.folder / "audit.state"
    edda = Member(start(instance, "audit", state=state), instance, "Edda", "/audit/")
    edda.sign_in()
    assert remembered(state) is None

    edda.get("/audit/questions")

    assert remembered(state) == head_of(instance)


@pytest.mark.parametrize("face", ["desk", "audit"])
def test_nothing_starts_on_an_older_database(instance: Instance, face: str) -> None:
    """One line for the operator, which says what to do."""
    past, state = Past.of(instance), instance.folder / "some.state"
    grow(instance)
    look(instance, state)
    size = remembered(state)
    assert size is not None
    past.return_to()

    with pytest.raises(ConfigError) as caught:
        start(instance, face, state=state)

    says = f"ROLLBACK: the earlier head has {size.size} entries, this ledger only {past.head[0]}"
    assert str(caught.value) == f"{says}. Start nothing; docs/operate.md §13 says what to do"
    start(instance, "intake", state=state)  # it reads no ledger, and its keyring is the same


@pytest.mark.parametrize("face", ["desk", "audit"])
def test_nothing_starts_on_a_ledger_that_went_another_way(instance: Instance, face: str) -> None:
    """As long or longer, but with another beginning: somebody worked on the older database."""
    past, state = Past.of(instance), instance.folder / "some.state"
    grow(instance)
    look(instance, state)
    past.return_to()
    grow(instance, 6)

    with pytest.raises(ConfigError, match=r"^FORK: the first [0-9]+ entries are not those of the earlier head\. Start nothing"):
        start(instance, face, state=state)


def test_without_the_state_file_it_starts(instance: Instance) -> None:
    """That is how an older database is accepted: the file is deleted, by somebody who knows why."""
    past, state = Past.of(instance), instance.folder / "desk.state"
    grow(instance)
    look(instance, state)
    past.return_to()
    state.unlink()

    look(instance, state)

    found = remembered(state)
    assert found is not None
    assert found.size == past.head[0]


def test_a_growing_ledger_alarms_nobody(instance: Instance) -> None:
    """Start after start, the head goes on."""
    state, sizes = instance.folder / "desk.state", []
    for _ in range(3):
        look(instance, state)
        grow(instance)
        found = remembered(state)
        sizes.append(found.size if found else 0)

    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("with_file", [True, False])
def test_a_running_desk_shows_no_queue_on_an_older_database(instance: Instance, *, with_file: bool) -> None:
    """At each of its doors; signing in still works. It needs no state file while it runs."""
    past = Past.of(instance)
    grow(instance)
    ruth, app = look(instance, instance.folder / "desk.state" if with_file else None)
    assert ruth.get("/desk/queue").status_code == 200
    past.return_to()
    instance.clock.forward(hours=1)

    nigora = Member(app, instance, "Nigora")
    assert nigora.sign_in().status_code == 200

    csrf = nigora.form("/desk/queue").value("csrf")
    for door in ("/desk/queue", "/desk/cases/look", "/desk/findings/look"):
        page = nigora.post(door, {"csrf": csrf})
        assert page.status_code == 409
        assert "Damaged" in page.text
    assert instance.rows("SELECT count(*) FROM ledger_entry") == [(past.head[0],)]


def test_a_running_audit_names_it(instance: Instance) -> None:
    """On the page of the standard questions."""
    past = Past.of(instance)
    edda = Member(start(instance, "audit", state=None), instance, "Edda", "/audit/")
    edda.sign_in()
    grow(instance)
    instance.clock.forward(minutes=1)
    edda.sign_in()
    assert "ROLLBACK" not in edda.get("/audit/questions").text
    size = head_of(instance).size
    past.return_to()

    page = edda.get("/audit/questions")

    assert f"ROLLBACK: the earlier head has {size} entries, this ledger only {past.head[0]}" in page.text
    assert "The tree of the log does not come out." in page.text


def test_other_damage_stops_no_start(instance: Instance) -> None:
    """It is named where it was named before: by the queue, and by `ledger verify`."""
    state = instance.folder / "desk.state"
    look(instance, state)
    instance.sql("UPDATE ledger_head SET root = ?", bytes(32))

    ruth = Member(start(instance, "desk", state=state), instance, "Ruth")
    ruth.sign_in()

    assert ruth.press("/desk/queue").status_code == 409


def test_a_bad_ledger_is_not_remembered(instance: Instance) -> None:
    """Else it would be the measure of the good one that is put back."""
    heads = HeadKeeper(None)
    instance.sql("UPDATE ledger_head SET root = ?", bytes(32))

    assert not heads.verify(instance.database(), ORIGIN).is_good
    assert heads.known() is None


def test_processes_that_share_a_file_know_the_larger_head(instance: Instance) -> None:
    """Also one that began before; and none takes it back."""
    state, database = instance.folder / "some.state", instance.database()
    ChainKeeper(database, instance.root, state).current()
    early, late = HeadKeeper(state), HeadKeeper(state)
    early.verify(database, ORIGIN)
    past = Past.of(instance)
    grow(instance)
    late.verify(database, ORIGIN)
    seen = head_of(instance)
    past.return_to()

    verdict = early.verify(database, ORIGIN)

    assert verdict.faults[0].startswith("ROLLBACK")
    assert remembered(state) == early.known() == seen
    HeadKeeper(state)._remember(Head(ORIGIN, 1, bytes(32)))  # as if it had verified just before the larger one was written
    assert remembered(state) == seen


def test_head_and_manifests_do_not_overwrite_each_other(instance: Instance) -> None:
    """Each keeper leaves what is not its own; a worker that knows an older keyring does not put it back."""
    state, database = instance.folder / "some.state", instance.database()
    stale = ChainKeeper(database, instance.root, state)
    old = stale.current()
    HeadKeeper(state).verify(database, ORIGIN)
    ruth, _ = instance.actor("Ruth")
    with database.write() as session:
        change.remove(session, ruth, instance.members["Timur"].id, epoch=1, now=instance.clock.now)

    assert ChainKeeper(database, instance.root, state).current().newest.epoch == 2
    after = read_state(state)
    assert len(after["manifests"]) == 2
    assert after["head"]["size"] == 1
    stale._remember(old)
    assert read_state(state) == after


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: {**value, "head": {**value["head"], "size": "3"}},
        lambda value: {**value, "head": {**value["head"], "size": True}},
        lambda value: {**value, "head": {**value["head"], "root": ""}},
        lambda value: {**value, "head": {"origin": ORIGIN}},
        lambda value: {**value, "head": ["origin", "size", "root"]},
    ],
)
def test_a_changed_state_file_is_not_believed(instance: Instance, spoil: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """No start, and no queue while it runs: what is in it cannot be told."""
    state = instance.folder / "desk.state"
    ruth, _ = look(instance, state)
    update_state(state, spoil)

    with pytest.raises(ConfigError, match=r"desk\.state"):
        start(instance, "desk", state=state)
    with pytest.raises(ManifestError):
        HeadKeeper(state).verify(instance.database(), ORIGIN)
    instance.clock.forward(hours=1)
    ruth.sign_in()
    assert ruth.press("/desk/queue").status_code == 503


def test_what_is_no_json_is_no_state_file(instance: Instance) -> None:
    """The same for a file that was cut."""
    state = instance.folder / "desk.state"
    look(instance, state)
    state.write_bytes(state.read_bytes()[:-1])

    with pytest.raises(ConfigError):
        start(instance, "desk", state=state)


def test_a_disk_that_refuses_shows_no_queue(instance: Instance) -> None:
    """What cannot be remembered is not shown; the same request works later."""
    folder = instance.folder / "state"
    folder.mkdir()
    ruth, app = look(instance, folder / "desk.state")
    shutil.rmtree(folder)
    instance.clock.forward(hours=1)
    ruth.sign_in()

    assert ruth.press("/desk/queue").status_code == 503
    with pytest.raises(BusyError):
        HeadKeeper(folder / "desk.state").verify(instance.database(), ORIGIN)

    folder.mkdir()
    ruth.get("/desk/queue")
    assert ruth.press("/desk/queue").status_code == 200
    assert not (folder / "desk.state").exists()  # without its manifests a state file is none; the next start makes one
    assert app.extensions["paivand_heads"].known() is not None


def test_a_part_is_not_left_behind(instance: Instance) -> None:
    """Where the new file cannot take the place of the old one."""
    state = instance.folder / "desk.state"
    state.mkdir()

    with pytest.raises(OSError, match=r"desk\.state"):
        update_state(state, lambda _: {"a": 1})
    assert list(instance.folder.glob("desk.state.*")) == []


def test_no_false_alarm_while_others_write(instance: Instance) -> None:
    """Several threads of a desk verify while the ledger grows: none takes the other's newer head for a rollback."""
    state, database = instance.folder / "some.state", instance.database()
    ChainKeeper(database, instance.root, state).current()
    heads, actor = HeadKeeper(state), instance.actor("Edda")[0]
    faults: list[str] = []

    def verify_often() -> None:
        for _ in range(25):
            faults.extend(heads.verify(database, ORIGIN).faults)

    threads = [threading.Thread(target=verify_often) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(25):
        with database.write() as session:
            append(session, actor, "member.signed_in", now=instance.clock.now)
    for thread in threads:
        thread.join(60)

    heads.verify(database, ORIGIN)
    assert faults == []
    assert heads.known() == head_of(instance) == remembered(state)


def test_production_starts_with_a_state_file(instance: Instance) -> None:
    """At desk and audit as at the intake."""
    for face in ("desk", "audit"):
        state = instance.folder / f"{face}.state"
        app = instance.app(face, production=True, state=state)
        assert app.test_client().get("/-/ready").status_code == 200
        assert state.exists()
