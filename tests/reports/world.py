"""A report in each of its states, brought there by the calls that the desk makes."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import links
from app.cases.changes import NewAct, NewIncident, NewPerson, add_incident, create_case
from app.ledger.append import Actor
from app.ledger.read import open_as_team
from app.reports import letters, queue, triage
from app.reports.queue import grant_lease
from app.reports.records import name_of
from app.store.database import Database
from app.store.ledger import LedgerEntry, LedgerHead
from app.store.reports import Message, MessageState, Report, ReportState
from tests.conftest import Instance, Source

OWNER: Final = "Nigora"
SECOND: Final = "Timur"
LEAD: Final = "Ruth"
S: Final = ReportState


@dataclass
class World:
    """One instance with three people who are signed in, one report, another one to repeat, and a case with two incidents."""

    app: Flask
    instance: Instance
    database: Database = field(init=False)
    people: dict[str, tuple[Actor, bytes]] = field(init=False)
    report: UUID = field(init=False)
    other: UUID = field(init=False)
    case: UUID = field(init=False)
    incidents: list[UUID] = field(init=False)
    code: str = field(init=False)

    def __post_init__(self) -> None:
        self.people = {name: self.instance.actor(name) for name in (OWNER, SECOND, LEAD)}
        self.database = self.instance.database()
        self.other = self._admitted("Another report.")
        self._begin_case()

    @property
    def now(self) -> datetime:
        return self.instance.clock.now

    def write_report(self) -> None:
        """Send the report; it waits."""
        before = self.ids()
        self.code = Source(self.app).write("They came to the house.", reply="yes")
        (self.report,) = self.ids() - before

    def ids(self) -> set[UUID]:
        with self.database.read() as session:
            return set(session.scalars(select(Report.id)))

    def look(self) -> None:
        actor, held = self.people[OWNER]
        queue.look(self.database, actor, held, now=self.now)

    def open(self) -> None:
        """Open the report for everybody, as the rows stand."""
        with self.database.write() as session:
            for actor, held in self.people.values():
                triage.open_report(session, actor, held, self.report, now=self.now)

    def lease(self) -> None:
        """Let everybody show the report, without the opening that an addition or a waiting report does not get."""
        with self.database.write() as session:
            for _, held in self.people.values():
                grant_lease(session, held, name_of(self.report), self.now)

    def _begin_case(self) -> None:
        actor, held = self.people[OWNER]
        with self.database.write() as session:
            self.case = create_case(session, actor, held, title="A case", exile=NewPerson(label="an exile"), now=self.now).id
            self.incidents = [
                add_incident(session, actor, held, self.case, new=NewIncident(title=title, act=NewAct(type="HUM_MOB_HOME")), now=self.now)
                for title in ("One day", "Another day")
            ]

    def do(self, step: Callable[["World", Session, str], None], name: str = OWNER) -> None:
        """Take a step in a transaction of its own."""
        with self.database.write() as session:
            step(self, session, name)

    def state(self, session: Session | None = None) -> ReportState:
        if session is not None:
            return session.scalars(select(Report.state).where(Report.id == self.report)).one()
        with self.database.read() as fresh:
            return self.state(fresh)

    def version(self, session: Session) -> int:
        return session.scalars(select(Report.version).where(Report.id == self.report)).one()

    def size(self, session: Session) -> int:
        return session.scalars(select(LedgerHead.size)).one()

    def entries(self, session: Session | None = None, *, since: int = 0) -> Counter[str]:
        """Count the entries about this report by kind, from an index on."""
        if session is None:
            with self.database.read() as fresh:
                return self.entries(fresh)
        actor, _ = self.people[OWNER]
        found = session.scalars(select(LedgerEntry).where(LedgerEntry.index >= since))
        records = [open_as_team(session, actor, entry).record for entry in found]
        return Counter(record["kind"] for record in records if record["object"] == name_of(self.report))

    def bring_to(self, state: ReportState) -> None:
        """Write the report and take it to a state."""
        self.write_report()
        for step in WAYS[state]:
            step(self)

    def _admitted(self, text: str) -> UUID:
        before = self.ids()
        Source(self.app).write(text)
        self.look()
        (made,) = self.ids() - before
        return made


# --- steps; each takes the world, a session and the name of who acts


def claim(world: World, session: Session, name: str) -> None:
    actor, held = world.people[name]
    triage.claim(session, actor, held, world.report, version=world.version(session), now=world.now)


def move(to: ReportState) -> Callable[[World, Session, str], None]:
    def step(world: World, session: Session, name: str) -> None:
        actor, held = world.people[name]
        triage.move(session, actor, held, world.report, to=to, version=world.version(session), now=world.now)

    return step


def ask_source(world: World, session: Session, name: str) -> None:
    """Hand a letter over as the owner, and release it as this person."""
    author, author_held = world.people[OWNER]
    letters.hand_over(session, author, author_held, world.report, text="A question?", language="en", now=world.now)
    message = session.scalars(select(Message).where(Message.state == MessageState.HANDED)).one()
    actor, _ = world.people[name]
    letters.release(session, actor, message.id, version=message.version, now=world.now)


def link(world: World, session: Session, name: str, *, at: int = 0, kind: str = "supports") -> None:
    actor, held = world.people[name]
    incidents = [world.incidents[at]]
    version = world.version(session)
    links.link(
        session, actor, held, world.report, world.case, incidents=incidents, kind=kind, certainty="likely", version=version, now=world.now
    )


def unlink(world: World, session: Session, name: str, *, at: int = 0) -> None:
    actor, held = world.people[name]
    incident = world.incidents[at]
    version = world.version(session)
    links.unlink(session, actor, held, world.report, incident, reason="Another street.", version=version, now=world.now)


def repeat(world: World, session: Session, name: str) -> None:
    actor, held = world.people[name]
    triage.mark_duplicate(session, actor, held, world.report, of=world.other, version=world.version(session), now=world.now)


def ask_to_close(to: ReportState) -> Callable[[World, Session, str], None]:
    def step(world: World, session: Session, name: str) -> None:
        actor, held = world.people[name]
        triage.ask_to_close(session, actor, held, world.report, to=to, reason="a_reason", version=world.version(session), now=world.now)

    return step


def close(world: World, session: Session, name: str) -> None:
    actor, held = world.people[name]
    triage.close(session, actor, held, world.report, version=world.version(session), now=world.now)


def keep(world: World, session: Session, name: str) -> None:
    actor, held = world.people[name]
    triage.keep(session, actor, held, world.report, version=world.version(session), now=world.now)


def close_as(to: ReportState) -> Callable[[World, Session, str], None]:
    """Ask as the owner, close as this person."""

    def step(world: World, session: Session, name: str) -> None:
        ask_to_close(to)(world, session, OWNER)
        close(world, session, name)

    return step


def withdraw(world: World, session: Session, name: str) -> None:
    actor, held = world.people[name]
    links.withdraw(session, actor, held, world.report, reason="They wrote so.", version=world.version(session), now=world.now)


def reopen(world: World, session: Session, name: str) -> None:
    actor, held = world.people[name]
    triage.reopen(session, actor, held, world.report, reason="A mistake.", version=world.version(session), now=world.now)


def leave(world: World, session: Session, name: str) -> None:
    actor, held = world.people[name]
    triage.leave(session, actor, held, world.report, version=world.version(session), now=world.now)


# --- the way to each state


def damage(world: World) -> None:
    """Change what the source sent before it is admitted."""
    world.instance.sql("UPDATE report SET body = zeroblob(length(body)) WHERE id = ?", world.report)


def add(world: World) -> None:
    """Let the source add to another conversation: the addition is then the report looked at."""
    world.look()
    before = world.ids()
    source = Source(world.app)
    source.open_mailbox(world.code)
    source.press("/f", ("do", "add"), text="There is more.")
    (world.report,) = world.ids() - before


def doing(step: Callable[[World, Session, str], None], name: str = OWNER) -> Callable[[World], None]:
    return lambda world: world.do(step, name)


_RECEIVED: Final = (World.look, World.open)
_IN_TRIAGE: Final = (*_RECEIVED, doing(claim))
WAYS: Final[dict[ReportState, tuple[Callable[[World], None], ...]]] = {
    S.WAITING: (),
    S.RECEIVED: _RECEIVED,
    S.ADDED: (add, World.look),
    S.DAMAGED: (damage, World.look),
    S.IN_TRIAGE: _IN_TRIAGE,
    S.URGENT: (*_IN_TRIAGE, doing(move(S.URGENT))),
    S.NEEDS_INFORMATION: (*_IN_TRIAGE, doing(ask_source, SECOND)),
    S.ACCEPTED: (*_IN_TRIAGE, doing(link)),
    S.DUPLICATE: (*_IN_TRIAGE, doing(repeat)),
    S.OUT_OF_SCOPE: (*_IN_TRIAGE, doing(close_as(S.OUT_OF_SCOPE), SECOND)),
    S.SPAM: (*_IN_TRIAGE, doing(close_as(S.SPAM), SECOND)),
    S.WITHDRAWN: (*_IN_TRIAGE, doing(withdraw)),
}
