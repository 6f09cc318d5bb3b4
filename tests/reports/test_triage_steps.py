"""Decisions about a report: closing takes two people, duplicates name each other, a withdrawn report stays withdrawn."""

from typing import Final
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from app.cases import links
from app.errors import ConflictError, DamagedError, MalformedError, NoLeaseError, NotWantedError, SamePersonError, TakenError, UnknownError
from app.members import change
from app.reports import letters, queue, triage
from app.reports.letters import MayWrite
from app.reports.queue import Group, View
from app.reports.records import Opened, name_of
from app.reports.states import CLOSINGS
from app.store.reports import Message, Reply
from app.store.reports import ReportState as S
from tests.conftest import Instance, Source
from tests.reports import world as w
from tests.reports.world import LEAD, OWNER, SECOND, World

TODAY: Final = "2026-11-24"


@pytest.fixture
def world(app: Flask, instance: Instance) -> World:
    made = World(app, instance)
    made.bring_to(S.IN_TRIAGE)
    return made


def opened(world: World, name: str = OWNER) -> Opened:
    actor, held = world.people[name]
    with world.database.read() as session:
        return triage.leased(session, actor, held, world.report, now=world.now)


def rows(world: World, view: View, name: str = OWNER) -> set[str]:
    """Return the short codes in a view of the queue."""
    actor, _ = world.people[name]
    with world.database.read() as session:
        found = queue.select_view(queue.read_queue(session, actor, now=world.now), view, actor.member_id)
    return {queue.ref_of(row.report.id) for row in found}


def member(world: World, name: str) -> str:
    return world.people[name][0].member_id


# --- closing


@pytest.mark.parametrize("to", CLOSINGS)
def test_a_closing_records_both_people_and_why(to: S, world: World) -> None:
    """Who asked, who confirmed, as what, why and when; the question itself is gone."""
    world.do(w.ask_to_close(to))
    assert opened(world).work.closing == {"to": to.value, "reason": "a_reason", "by": member(world, OWNER), "day": TODAY}
    assert world.state() is S.IN_TRIAGE

    world.do(w.close, SECOND)

    work = opened(world).work
    assert work.closing is None
    second = member(world, SECOND)
    assert work.closed == {"to": to.value, "reason": "a_reason", "by": member(world, OWNER), "second": second, "day": TODAY}


@pytest.mark.parametrize("to", CLOSINGS)
def test_nobody_closes_what_they_asked_for(to: S, world: World) -> None:
    """Not with another session, not after giving the report back, not after taking it again."""
    world.do(w.ask_to_close(to))

    with pytest.raises(SamePersonError):
        world.do(w.close)
    world.people[OWNER] = world.instance.actor(OWNER)
    world.open()
    with pytest.raises(SamePersonError):
        world.do(w.close)
    world.do(w.leave)
    with pytest.raises(SamePersonError):
        world.do(w.close)
    world.do(w.claim, LEAD)

    assert world.state() is S.IN_TRIAGE
    world.do(w.close, LEAD)  # the new owner did not ask
    assert world.state() is to


def test_a_second_person_keeps_a_report_open(world: World) -> None:
    """Then there is nothing to confirm any more, and it can be asked anew."""
    world.do(w.ask_to_close(S.SPAM))
    with pytest.raises(ConflictError):
        world.do(w.ask_to_close(S.OUT_OF_SCOPE))

    world.do(w.keep, SECOND)

    for name in (OWNER, SECOND):
        with pytest.raises(ConflictError):
            world.do(w.close, name)
    assert opened(world).work.closing is None
    world.do(w.ask_to_close(S.OUT_OF_SCOPE))
    world.do(w.keep)  # the first thinks again
    assert world.entries()["report.kept"] == 2
    assert world.state() is S.IN_TRIAGE


def test_while_a_closing_is_asked_nothing_else_is_decided(world: World) -> None:
    """No link and no duplicate; the source may still withdraw, and then the question is gone."""
    world.do(w.ask_to_close(S.SPAM))

    for step in (w.link, w.repeat):
        with pytest.raises(ConflictError):
            world.do(step)
    world.do(w.withdraw)

    assert opened(world).work.closing is None
    with pytest.raises(ConflictError):
        world.do(w.close, SECOND)
    assert world.state() is S.WITHDRAWN


def test_a_stale_page_closes_nothing(world: World) -> None:
    """Who confirms has seen what is asked now."""
    world.do(w.ask_to_close(S.SPAM))
    actor, held = world.people[SECOND]
    with world.database.read() as session:
        old = world.version(session)
    world.do(w.keep)
    world.do(w.ask_to_close(S.OUT_OF_SCOPE))

    with pytest.raises(ConflictError), world.database.write() as session:
        triage.close(session, actor, held, world.report, version=old, now=world.now)

    assert world.state() is S.IN_TRIAGE


@pytest.mark.parametrize("reason", ["", "no code", "x" * 41, "Я"])
def test_a_reason_to_close_is_a_code(reason: str, world: World) -> None:
    """Free text has no place in the log."""
    actor, held = world.people[OWNER]

    with pytest.raises(MalformedError), world.database.write() as session:
        triage.ask_to_close(session, actor, held, world.report, to=S.SPAM, reason=reason, version=world.version(session), now=world.now)


@pytest.mark.parametrize("name", ["Jonas", "Salome", "Edda"])
def test_who_holds_no_team_secret_is_no_second_person(name: str, world: World) -> None:
    """An administrator, a protection officer and an auditor cannot even open the report, whatever they are allowed to show."""
    world.do(w.ask_to_close(S.SPAM))
    world.people[name] = world.instance.actor(name)
    world.lease()

    with pytest.raises(DamagedError):
        world.do(w.close, name)

    assert world.state() is S.IN_TRIAGE


def test_what_waits_for_a_second_person_is_shown_to_all_but_the_first(world: World) -> None:
    """In a view of its own, until it is confirmed or kept."""
    mine = queue.ref_of(world.report)
    assert mine not in rows(world, View.SECOND, SECOND)

    world.do(w.ask_to_close(S.SPAM))

    assert mine in rows(world, View.SECOND, SECOND)
    assert mine in rows(world, View.SECOND, LEAD)
    assert mine not in rows(world, View.SECOND, OWNER)
    assert mine in rows(world, View.OPEN)
    world.do(w.close, SECOND)
    assert mine not in rows(world, View.SECOND, LEAD)
    assert mine not in rows(world, View.OPEN)
    assert mine not in rows(world, View.MINE)
    assert mine in rows(world, View.CLOSED)


def test_an_accepted_report_stays_its_owners(world: World) -> None:
    """It leaves what is open, and stands among the accepted and among their own."""
    world.do(w.link)
    mine = queue.ref_of(world.report)

    assert [mine in rows(world, view) for view in (View.OPEN, View.ACCEPTED, View.MINE, View.CLOSED)] == [False, True, True, False]


# --- duplicates


def test_duplicates_name_each_other(world: World) -> None:
    """One entry at each end; opened again, the other forgets it."""
    world.do(w.repeat)

    work = opened(world).work
    assert work.same_as == str(world.other)
    assert work.closed == {"to": "duplicate", "reason": "", "by": member(world, OWNER), "second": "", "day": TODAY}
    assert repeats(world) == [str(world.report)]

    world.do(w.reopen, LEAD)

    work = opened(world).work
    assert (work.same_as, work.closed) == ("", None)
    assert [note["text"] for note in work.notes] == ["A mistake."]
    assert repeats(world) == []


def repeats(world: World) -> list[str]:
    actor, held = world.people[OWNER]
    with world.database.write() as session:
        triage.open_report(session, actor, held, world.other, now=world.now)
        return triage.leased(session, actor, held, world.other, now=world.now).work.repeated_by


def test_a_report_repeats_neither_itself_nor_what_is_closed(world: World) -> None:
    """Nor an addition, nor what is not there."""
    mine, other = world.report, world.other
    world.other = mine
    with pytest.raises(UnknownError):
        world.do(w.repeat)
    world.other = no_id()
    with pytest.raises(UnknownError):
        world.do(w.repeat)
    w.add(world)
    world.look()
    world.report, world.other = mine, world.report
    with pytest.raises(UnknownError):
        world.do(w.repeat)
    world.report, world.other = other, mine
    world.open()
    world.do(w.claim)
    world.do(w.repeat)
    world.report, world.other = mine, other
    with pytest.raises(ConflictError):
        world.do(w.repeat)

    assert world.state() is S.IN_TRIAGE


def no_id() -> UUID:
    """Return an id that no report has."""
    return UUID(int=7)


# --- withdrawing, opening again


@pytest.mark.parametrize("state", [S.WITHDRAWN, S.SPAM])
def test_nothing_is_written_to_a_withdrawn_or_spam_report(state: S, app: Flask, instance: Instance) -> None:
    """Whatever its source once allowed."""
    world = World(app, instance)
    world.bring_to(state)
    actor, held = world.people[OWNER]

    assert letters.may_write(opened(world), []) is MayWrite.CLOSED
    with pytest.raises(NotWantedError), world.database.write() as session:
        letters.hand_over(session, actor, held, world.report, text="A question?", language="en", now=world.now)


def test_a_letter_that_waits_is_not_released_after_a_withdrawal(world: World) -> None:
    """It was handed over before; nothing reaches the source, and it can still be returned."""
    author, held = world.people[OWNER]
    with world.database.write() as session:
        letters.hand_over(session, author, held, world.report, text="A question?", language="en", now=world.now)
    world.do(w.withdraw)
    second, _ = world.people[LEAD]
    with world.database.read() as session:
        message = session.scalars(select(Message)).one()

    with pytest.raises(NotWantedError), world.database.write() as session:
        letters.release(session, second, message.id, version=message.version, now=world.now)

    with world.database.write() as session:
        assert session.scalars(select(Reply)).all() == []
        letters.return_letter(session, second, message.id, version=message.version, now=world.now)


@pytest.mark.parametrize("state", [S.DUPLICATE, S.OUT_OF_SCOPE])
def test_a_source_may_be_told_that_a_report_is_closed(state: S, app: Flask, instance: Instance) -> None:
    """A duplicate and what is out of scope came from somebody who may wait for an answer."""
    world = World(app, instance)
    world.bring_to(state)

    assert letters.may_write(opened(world), []) is MayWrite.YES


def test_a_withdrawn_report_is_final(world: World) -> None:
    """Nobody opens it again; who withdrew it is known, and how the source asked for it."""
    world.do(w.withdraw)

    work = opened(world).work
    assert work.closed == {"to": "withdrawn", "reason": "", "by": member(world, OWNER), "second": "", "day": TODAY}
    assert work.notes[-1] == {"by": member(world, OWNER), "day": TODAY, "text": "They wrote so."}
    for step in (w.reopen, w.withdraw, w.link, w.repeat, w.ask_to_close(S.SPAM)):
        with pytest.raises(ConflictError):
            world.do(step)


@pytest.mark.parametrize("reason", ["", " \n", "x" * 2001])
def test_withdrawing_and_opening_again_need_a_reason(reason: str, world: World) -> None:
    """One that fits."""
    actor, held = world.people[OWNER]
    with pytest.raises(MalformedError), world.database.write() as session:
        links.withdraw(session, actor, held, world.report, reason=reason, version=world.version(session), now=world.now)
    world.do(w.repeat)

    with pytest.raises(MalformedError), world.database.write() as session:
        triage.reopen(session, actor, held, world.report, reason=reason, version=world.version(session), now=world.now)

    assert world.state() is S.DUPLICATE


def test_a_closed_report_opened_again_can_be_decided_anew(world: World) -> None:
    """By its owner, in the usual way."""
    world.do(w.close_as(S.SPAM), SECOND)
    world.do(w.reopen, LEAD)

    assert opened(world).work.closed is None
    world.do(w.link)
    assert world.state() is S.ACCEPTED


def test_no_step_without_an_opening(world: World) -> None:
    """An hour later the report has to be opened again."""
    world.instance.clock.forward(minutes=61)

    for step in (w.ask_to_close(S.SPAM), w.close, w.keep, w.repeat, w.withdraw, w.reopen, w.link, w.unlink):
        with pytest.raises(NoLeaseError):
            world.do(step)


def test_only_the_owner_decides(world: World) -> None:
    """A lead neither."""
    for name in (SECOND, LEAD):
        for step in (w.ask_to_close(S.SPAM), w.repeat, w.withdraw, w.link, w.unlink):
            with pytest.raises(TakenError):
                world.do(step, name)


# --- the queue


def test_short_codes_are_read_as_people_type_them() -> None:
    """Any case; the letters that look like digits are digits."""
    assert queue.read_ref(" 7q2f ") == "7Q2F"
    assert queue.read_ref("oOiIlL") == "001111"


def test_what_a_report_may_repeat(world: World) -> None:
    """Open and accepted conversations: not itself, no addition, nothing closed, nothing damaged."""
    mine = world.report
    found = {"accepted": world.other}
    for name in ("open", "closed", "damaged"):
        before = world.ids()
        Source(world.app).write(f"A report that will be {name}.")
        (found[name],) = world.ids() - before
    world.look()
    world.instance.sql("UPDATE report SET week = '2026-W01' WHERE id = ?", found["damaged"])
    for name, step in (("accepted", w.link), ("closed", w.withdraw)):
        world.report = found[name]
        world.open()
        world.do(w.claim)
        world.do(step)
    world.report = mine
    w.add(world)
    world.look()
    actor, _ = world.people[OWNER]

    with world.database.read() as session:
        everything = queue.read_queue(session, actor, now=world.now)

    refs = [queue.ref_of(row.report.id) for row in queue.select_repeatable(everything, mine)]
    assert refs == sorted(queue.ref_of(found[name]) for name in ("accepted", "open"))
    groups = {row.report.id: row.group for row in everything}
    assert [groups[found[name]] for name in ("accepted", "closed", "damaged")] == [Group.ACCEPTED, Group.CLOSED, Group.DAMAGED]
    assert name_of(mine) in {name_of(row.report.id) for row in everything}


def test_a_report_of_somebody_who_left_can_be_taken(world: World) -> None:
    """It stands among nobody's, and its conversation and notes stay with it."""
    lead, _ = world.people[LEAD]
    world.do(w.leave)
    world.do(w.claim, SECOND)
    with world.database.write() as session:
        change.remove(session, lead, member(world, SECOND), epoch=lead.chain.newest.epoch, now=world.now)
    world.instance.clock.forward(minutes=1)
    world.people = {name: world.instance.actor(name) for name in (OWNER, LEAD)}
    world.open()

    assert queue.ref_of(world.report) in rows(world, View.NOBODY)
    world.do(w.claim)
    assert queue.ref_of(world.report) in rows(world, View.MINE)
