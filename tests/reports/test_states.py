"""The table of steps is what the program does: each step is taken, and nothing else leads from one state to another."""

from collections.abc import Callable
from typing import Final

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.errors import DamagedError, MalformedError, RefusedError, SamePersonError, TakenError
from app.members.policy import ALLOWED, Permission
from app.reports import queue, triage
from app.reports.queue import Group
from app.reports.states import CLOSED, CLOSINGS, IN_WORK, STEPS, Step, Who, may_go
from app.store.reports import ReportState as S
from tests.conftest import Instance
from tests.reports import world as w
from tests.reports.world import LEAD, OWNER, SECOND, World

Action = Callable[[World, Session, str], None]
ACTIONS: Final[dict[str, Action]] = {
    "claim": w.claim,
    "leave": w.leave,
    **{f"move to {to}": w.move(to) for to in S},
    "ask the source": w.ask_source,
    "link": w.link,
    "unlink": w.unlink,
    "repeat": w.repeat,
    **{f"ask to close as {to}": w.ask_to_close(to) for to in S},
    **{f"close as {to}": w.close_as(to) for to in S},
    "close": w.close,
    "keep": w.keep,
    "withdraw": w.withdraw,
    "reopen": w.reopen,
}
PERSON: Final = {Who.ANYBODY: OWNER, Who.OWNER: OWNER, Who.SECOND: SECOND, Who.LEAD: LEAD}


@pytest.fixture
def world(app: Flask, instance: Instance) -> World:
    return World(app, instance)


def action_of(step: Step) -> Action:
    """Return what takes a step that a person takes."""
    match step.kind:
        case "report.claimed":
            return w.claim
        case "report.moved":
            return w.ask_source if step.who is Who.SECOND else w.move(step.after)
        case "report.accepted":
            return w.link
        case "report.unlinked":
            return w.unlink
        case "report.duplicate":
            return w.repeat
        case "report.closed":
            return w.close_as(step.after)
        case "report.withdrawn":
            return w.withdraw
        case "report.reopened":
            return w.reopen
    raise AssertionError(step)


BY_PEOPLE: Final = [step for step in STEPS if step.who is not Who.SYSTEM]


def name_of(step: Step) -> str:
    return f"{step.before}-{step.after}-{step.kind}"


@pytest.mark.parametrize("step", BY_PEOPLE, ids=name_of)
def test_every_step_is_taken_by_its_person_and_leaves_one_entry(step: Step, world: World) -> None:
    """From the state before to the state after, with exactly one entry of its kind about this report; the wrong person gets nowhere."""
    world.bring_to(step.before)
    assert world.state() is step.before
    before = world.entries()
    wrong = {Who.OWNER: (SECOND, TakenError), Who.SECOND: (OWNER, SamePersonError)}.get(step.who)
    if wrong is not None:
        name, refusal = wrong
        with pytest.raises(refusal):
            world.do(action_of(step), name)
        assert (world.state(), world.entries()) == (step.before, before)

    world.do(action_of(step), PERSON[step.who])

    assert world.state() is step.after
    assert world.entries()[step.kind] - before[step.kind] == 1
    with world.database.read() as session:
        actor, held = world.people[OWNER]
        assert triage.leased(session, actor, held, world.report, now=world.now).report.state is step.after


@pytest.mark.parametrize("step", [step for step in STEPS if step.who is Who.SYSTEM], ids=name_of)
def test_every_step_of_admission_is_taken_by_who_looks_first(step: Step, world: World) -> None:
    """Nobody decides anything there."""
    world.write_report()
    if step.after is S.DAMAGED:
        w.damage(world)
    elif step.after is S.ADDED:
        w.add(world)
    assert world.state() is S.WAITING

    world.look()

    assert world.state() is step.after
    assert world.entries() == {step.kind: 1}


def test_only_a_lead_opens_a_closed_report_again() -> None:
    """The table says a lead; the face asks the policy."""
    assert {step.kind for step in STEPS if step.who is Who.LEAD} == {"report.reopened"}
    assert ALLOWED[Permission.REOPEN_REPORT] == {"lead"}


class _Undo(Exception):  # noqa: N818 - it is no error: it takes a transaction back
    """Ends a transaction without a trace."""


def attempt(world: World, action: Action, name: str) -> tuple[S, set[str]] | None:
    """Try an action and undo it; return the state it led to and the new kinds of entries, None where it was refused."""
    try:
        with world.database.write() as session:
            size = world.size(session)
            action(world, session, name)
            raise _Undo((world.state(session), set(world.entries(session, since=size))))
    except _Undo as undone:
        found: tuple[S, set[str]] = undone.args[0]
        return found
    except (RefusedError, MalformedError):
        return None


@pytest.mark.parametrize("before", S)
def test_nothing_else_leads_from_one_state_to_another(before: S, world: World) -> None:
    """Everybody tries everything from this state: what changes it is a step of the table, and each of them is found."""
    world.bring_to(before)
    world.lease()
    reached = set()
    for name, action in ACTIONS.items():
        for person in (OWNER, SECOND, LEAD):
            found = attempt(world, action, person)
            if found is not None and found[0] is not before:
                after, kinds = found
                steps = {(after, kind) for kind in kinds if may_go(before, after, kind)}
                assert len(steps) == 1, f"{name} by {person}: {before} → {after} with {kinds} is no step"
                reached |= steps

    assert reached == {(step.after, step.kind) for step in BY_PEOPLE if step.before is before}
    assert world.state() is before


@pytest.mark.parametrize("before", [S.ADDED, S.ACCEPTED, *CLOSED])
def test_an_owner_of_an_addition_or_a_closed_report_can_do_no_more(before: S, world: World) -> None:
    """Who claims it still gets nowhere but where the table leads."""
    world.bring_to(before)
    world.lease()
    if before is S.ADDED:
        world.do(w.claim)
    allowed = {step.after for step in BY_PEOPLE if step.before is before} | {before}

    found = {name: attempt(world, action, OWNER) for name, action in ACTIONS.items()}

    assert {result[0] for result in found.values() if result} <= allowed


def test_the_table_names_the_groups_it_is_made_of() -> None:
    """A closing by two people leads to one of two states; each state in work may be decided."""
    closings = {(step.before, step.after) for step in STEPS if step.kind == "report.closed"}
    assert closings == {(before, after) for before in IN_WORK for after in CLOSINGS}
    assert all(step.who is Who.SECOND for step in STEPS if step.after in CLOSINGS)
    assert not [step for step in STEPS if step.before is S.WITHDRAWN]


@pytest.mark.parametrize("to", [*CLOSINGS, S.ACCEPTED, S.WITHDRAWN, S.RECEIVED])
def test_a_state_set_by_hand_is_seen(to: S, world: World) -> None:
    """Who can write the database closes nothing: the report is shown as damaged, and no step is taken from there."""
    world.bring_to(S.IN_TRIAGE)

    world.instance.sql("UPDATE report SET state = ? WHERE id = ?", to.value, world.report)

    assert_damaged(world)


def test_work_put_back_is_seen(world: World) -> None:
    """Work from before the question, with its key and version, does not undo a question; nor does it make a second person of the first."""
    world.bring_to(S.IN_TRIAGE)
    with world.instance.edit() as sql:
        (row,) = sql.rows("SELECT work, version FROM report WHERE id = ?", world.report)
        (key,) = sql.rows("SELECT * FROM key_wrap WHERE record = ? AND part = 'row'", f"report:{world.report}")
    world.do(w.ask_to_close(S.SPAM))

    with world.instance.edit() as sql:
        sql.run("UPDATE report SET work = ?, version = ? WHERE id = ?", *row, world.report)
        sql.run("DELETE FROM key_wrap WHERE record = ? AND part = 'row'", f"report:{world.report}")
        sql.run(f"INSERT INTO key_wrap VALUES ({', '.join('?' * len(key))})", *key)  # noqa: S608 - question marks only

    assert_damaged(world)


def test_changed_work_is_seen(world: World) -> None:
    """One bit is enough."""
    world.bring_to(S.IN_TRIAGE)
    world.do(w.ask_to_close(S.SPAM))

    with world.instance.edit() as sql:
        ((work,),) = sql.rows("SELECT work FROM report WHERE id = ?", world.report)
        sql.run("UPDATE report SET work = ? WHERE id = ?", work[:-1] + bytes([work[-1] ^ 1]), world.report)

    assert_damaged(world)


def assert_damaged(world: World) -> None:
    """Say that the queue shows the report as damaged, and that nobody gets anywhere with it."""
    actor, _ = world.people[SECOND]
    with world.database.read() as session:
        rows = {row.report.id: row for row in queue.read_queue(session, actor, now=world.now)}
    assert rows[world.report].group is Group.DAMAGED
    for name in (OWNER, SECOND, LEAD):
        for action in (w.close, w.keep, w.withdraw, w.reopen, w.link, w.ask_to_close(S.SPAM), w.claim):
            with pytest.raises(DamagedError):
                world.do(action, name)
