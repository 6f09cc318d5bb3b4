"""Random people take random steps, legal and illegal, at once and late, on reports, links and findings.

After each step: a refused one changed nothing at all; a granted one left exactly the entries it must; no state is outside the tables;
nothing is confirmed by fewer than two people; no note is lost. At the end the ledger and every row and signature check out.
`make test` runs a few; `pytest tests/test_machine.py --hypothesis-profile=long` runs many.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import files, links
from app.cases.importing import import_published, published
from app.check import check_as_team
from app.errors import PaivandError
from app.findings import approvals, levels, review
from app.findings.records import open_finding
from app.findings.signatures import judge_round
from app.findings.states import SIGNED
from app.findings.states import STEPS as FINDING_STEPS
from app.ledger.append import Actor
from app.ledger.read import open_as_auditor, read_head
from app.reports import letters, queue, records, triage
from app.reports.states import STEPS as REPORT_STEPS
from app.store.cases import Act, Finding, FindingState, Incident
from app.store.database import Database
from app.store.ledger import LedgerEntry
from app.store.reports import Message, Report, ReportState
from tests.conftest import Instance, Source

TEAM: Final = ("Ruth", "Nigora", "Timur")
RIGHT: Final = "whoever it is up to"
ALL: Final = (*TEAM, "Jonas", "Salome", "Edda")
GRADED: Final = {
    "reliability": "C", "credibility": 3, "first_hand": False, "detailed": False, "consistent": True, "documentary": False,
    "authentic": False, "accused": False, "admission": False, "origin": "letter", "household": None,
}  # fmt: skip
STATEMENT: Final = {
    "who": "An open letter",
    "how": "",
    "publication": None,
    "report": None,
    "interest": None,
    "access": None,
    "grading": GRADED,
}
MORE: Final = 6
REACHED: Final = {
    "report.accepted", "report.closing", "report.closed", "report.noted",
    "finding.proposed", "finding.confirmed", "finding.returned", "finding.disputed", "signed by 2", "signed by 3",
}  # fmt: skip
LONG: Final = settings.get_current_profile_name() == "long"


@dataclass
class World:
    """A database with published cases and three reports, everybody signed in; copied for each run."""

    instance: Instance
    actors: dict[str, Actor]
    sessions: dict[str, bytes]
    reports: list[UUID]
    cases: dict[str, UUID]
    acts: list[tuple[UUID, UUID]]
    now: Any
    kinds: list[str] = field(default_factory=list)


@pytest.fixture
def world(instance: Instance) -> World:
    app = instance.app()
    source = Source(app)
    for number in range(3):
        source.write(f"Report number {number}. They came to the house.", reply="yes")
    actors, sessions = {}, {}
    for name in ALL:
        actors[name], sessions[name] = instance.actor(name)
    database, now = instance.database(), instance.clock.now
    with database.write() as session:
        import_published(session, actors["Ruth"], published(), now=now)
    for name in TEAM:
        queue.look(database, actors[name], sessions[name], now=now)
    with database.write() as session:
        reports = sorted(session.scalars(select(Report.id)))
        cases = {line.case.body.key: line.case.id for line in files.list_cases(session, actors["Ruth"]).lines}
        acts = []
        for key in ("E02", "E06"):
            case = files.read_case(session, actors["Ruth"], cases[key])
            acts += [(cases[key], act.id) for _, act in (case.all_acts[0], case.all_acts[-1])]
        for name in TEAM:
            for report in reports:
                triage.open_report(session, actors[name], sessions[name], report, now=now)
            for case_id in cases.values():
                files.open_case(session, actors[name], sessions[name], case_id, now=now)
    instance.let_go()
    return World(instance, actors, sessions, reports, cases, acts, now)


class Team(RuleBasedStateMachine):
    """The people and what they try."""

    world: ClassVar[World]
    granted: ClassVar[Counter[str]] = Counter()
    refused: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.url = self.world.instance.store.copy(self.world.instance.url, self.folder)
        self.database = Database(self.url)
        self.notes: dict[UUID, list[str]] = {report: [] for report in self.world.reports}
        self.count = 0

    def teardown(self) -> None:
        """Everything checks out, with every kind of key; then the copy is deleted."""
        try:
            with self.database.read() as session:
                assert check_as_team(session, self.world.actors["Ruth"]).faults == ()
        finally:
            self.database.close()
            self.world.instance.store.drop(self.url)
            shutil.rmtree(self.folder)

    # what people try

    def step(self, kinds: set[str] | None, act: Callable[[Session], Any]) -> bool:
        """Take one step: refused and nothing changed, or granted with exactly these kinds of entries (None: what a look leaves)."""
        before = self.snapshot()
        try:
            with self.database.write() as session:
                act(session)
        except PaivandError as error:
            self.refused[type(error).__name__] += 1
            assert self.snapshot() == before
            return False
        after = self.snapshot()
        found = self.kinds_since(before["size"])
        if after == before:
            return True  # the same thing twice: nothing to do
        if kinds is not None:
            assert found, "a change without an entry"
            assert {kind for kind in found if kind not in ("incident.changed", "report.updated", "finding.disputed")} <= kinds, found
            assert found[0] in kinds or found[0] == "message.handed", found
        self.check_moves(before, after, found)
        self.granted.update(found)
        if "finding.confirmed" in found:
            self.nothing_is_confirmed_by_one()
        return True

    def snapshot(self) -> dict[str, Any]:
        with self.database.read() as session:
            return {
                "size": read_head(session, self.world.actors["Ruth"].chain.newest.origin).size,
                "reports": _rest(session, Report.id, Report.state, Report.version),
                "findings": _rest(session, Finding.act_id, Finding.state, Finding.version),
                "messages": _rest(session, Message.id, Message.state, Message.version),
                "incidents": _rest(session, Incident.id, Incident.version),
                "acts": _rest(session, Act.id, Act.version),
            }

    def kinds_since(self, size: int) -> list[str]:
        with self.database.read() as session:
            query = select(LedgerEntry).where(LedgerEntry.index >= size).order_by(LedgerEntry.index)
            return [str(open_as_auditor(session, self.world.actors["Edda"], entry).record["kind"]) for entry in session.scalars(query)]

    def check_moves(self, before: dict[str, Any], after: dict[str, Any], found: list[str]) -> None:
        """Each state that changed went along the tables, under one of the entries that were made."""
        versions = 0
        for table in ("reports", "findings", "messages", "incidents", "acts"):
            for key, value in after[table].items():
                versions += value != before[table].get(key)
        with_version = [kind for kind in found if kind not in ("finding.refused", "finding.approved")]
        assert len(with_version) >= versions, "a row changed without an entry of its own"
        for report, (state, _) in after["reports"].items():
            was = before["reports"][report][0]
            if state is not was:
                assert any((item.before, item.after) == (was, state) and item.kind in found for item in REPORT_STEPS), (was, state, found)
        for act, (state, _) in after["findings"].items():
            was = before["findings"].get(act, (FindingState.UNASSESSED,))[0]
            if state is not was:
                assert any((item.before, item.after) == (was, state) and item.kind in found for item in FINDING_STEPS), (was, state, found)

    def version(self, report: UUID, late: int) -> int:
        return int(self.snapshot()["reports"][report][1]) - late

    def finding_version(self, act: UUID, late: int) -> int:
        return int(self.snapshot()["findings"].get(act, (None, 0))[1]) - late

    def right_for(self, report: UUID) -> str:
        """Return the owner, or somebody who could become it."""
        with self.database.read() as session:
            row = session.get(Report, report)
            return next((name for name in TEAM if row and self.world.actors[name].member_id == row.owner), TEAM[0])

    def right_for_act(self, act_id: UUID) -> str:
        """Return the reviewer who was asked, or else the assessor."""
        with self.database.read() as session:
            item = open_finding(session, self.world.actors["Ruth"], act_id)
        wanted = "" if item is None else item.body.reviewer if item.row.state is FindingState.IN_REVIEW else item.body.assessor
        return next((name for name in TEAM if self.world.actors[name].member_id == wanted), TEAM[0])

    who = st.sampled_from((RIGHT, RIGHT, RIGHT, *TEAM, "Jonas", "Salome", "Edda"))
    which = st.integers(0, 1)
    late = st.sampled_from((0, 0, 0, 1))
    one = st.sampled_from((0, 1, 2))  # an act that reports are linked to, one that none is, and one that needs the protection officer

    def on_report(self, name: str, which: int, late: int, kinds: set[str], act: Callable[..., Any], **more: Any) -> bool:
        report = self.world.reports[which]
        name = self.right_for(report) if name == RIGHT else name
        actor, key, version = self.world.actors[name], self.world.sessions[name], self.version(report, late)
        return self.step(kinds, lambda session: act(session, actor, key, report, version=version, now=self.world.now, **more))

    def on_act(self, name: str, one: int, late: int, kinds: set[str], act: Callable[..., Any], **more: Any) -> bool:
        case, act_id = self.world.acts[one]
        name = self.right_for_act(act_id) if name == RIGHT else name
        actor, key, version = self.world.actors[name], self.world.sessions[name], self.finding_version(act_id, late)
        return self.step(kinds, lambda session: act(session, actor, key, case, act_id, version=version, now=self.world.now, **more))

    @rule(name=who, which=which, late=late)
    def claim(self, name: str, which: int, late: int) -> None:
        self.on_report(name, which, late, {"report.claimed"}, triage.claim)

    @rule(name=who, which=which, late=late)
    def leave(self, name: str, which: int, late: int) -> None:
        self.on_report(name, which, late, {"report.left"}, triage.leave)

    @rule(name=who, which=which, late=late, to=st.sampled_from(list(ReportState)))
    def move(self, name: str, which: int, late: int, to: ReportState) -> None:
        self.on_report(name, which, late, {"report.moved"}, triage.move, to=to)

    @rule(name=who, which=which)
    def note(self, name: str, which: int) -> None:
        self.count += 1
        report, text = self.world.reports[which], f"note {self.count}"
        name = self.right_for(report) if name == RIGHT else name
        actor, key = self.world.actors[name], self.world.sessions[name]

        def act(session: Session) -> None:
            triage.add_note(session, actor, key, report, text=text, now=self.world.now)

        if self.step({"report.noted"}, act):
            self.notes[report].append(text)

    @rule(name=who, which=which, late=late, to=st.sampled_from((ReportState.SPAM, ReportState.OUT_OF_SCOPE, ReportState.ACCEPTED)))
    def ask_to_close(self, name: str, which: int, late: int, to: ReportState) -> None:
        self.on_report(name, which, late, {"report.closing"}, triage.ask_to_close, to=to, reason="no_event")

    @rule(name=who, which=which, late=late)
    def close(self, name: str, which: int, late: int) -> None:
        self.on_report(name, which, late, {"report.closed"}, triage.close)

    @rule(name=who, which=which, late=late)
    def keep(self, name: str, which: int, late: int) -> None:
        self.on_report(name, which, late, {"report.kept"}, triage.keep)

    @rule(name=who, which=which, late=late, other=which)
    def duplicate(self, name: str, which: int, late: int, other: int) -> None:
        self.on_report(name, which, late, {"report.duplicate", "report.repeated"}, triage.mark_duplicate, of=self.world.reports[other])

    @rule(name=who, which=which, late=late, reason=st.sampled_from(("They asked us to.", "")))
    def withdraw(self, name: str, which: int, late: int, reason: str) -> None:
        if self.on_report(name, which, late, {"report.withdrawn"}, links.withdraw, reason=reason):
            self.notes[self.world.reports[which]].append(reason)

    @rule(name=st.just("Ruth"), which=which, late=late)
    def reopen_report(self, name: str, which: int, late: int) -> None:
        if self.on_report(name, which, late, {"report.reopened", "report.repeated"}, triage.reopen, reason="A mistake."):
            self.notes[self.world.reports[which]].append("A mistake.")

    @rule(name=who, which=which, late=late, kind=st.sampled_from(("supports", "contradicts", "nonsense")), foreign=st.booleans())
    def link(self, name: str, which: int, late: int, kind: str, *, foreign: bool) -> None:
        case, act_id = self.world.acts[0]
        with self.database.read() as session:
            act = session.get(Act, act_id)
            assert act is not None
            incident = act.incident_id
        target = self.world.cases["E10"] if foreign else case
        report = self.world.reports[which]
        name = self.right_for(report) if name == RIGHT else name
        actor, key = self.world.actors[name], self.world.sessions[name]
        version = self.version(report, late)

        def act_on(session: Session) -> None:
            changed = links.link(
                session,
                actor,
                key,
                report,
                target,
                incidents=[incident],
                kind=kind,
                certainty="likely",
                version=version,
                now=self.world.now,
            )
            if kind == "contradicts":
                file = files.read_case(session, actor, target)
                review.dispute_contradicted(session, actor, file, [item.id for item in changed], now=self.world.now)

        self.step({"report.accepted", "report.linked"}, act_on)

    @rule(name=who, which=which, late=late)
    def unlink(self, name: str, which: int, late: int) -> None:
        with self.database.read() as session:
            act = session.get(Act, self.world.acts[0][1])
            assert act is not None
            incident = act.incident_id
        report = self.world.reports[which]
        name = self.right_for(report) if name == RIGHT else name
        actor, key = self.world.actors[name], self.world.sessions[name]
        version = self.version(report, late)

        def act_on(session: Session) -> None:
            changed = links.unlink(session, actor, key, report, incident, reason="Wrong.", version=version, now=self.world.now)
            review.dispute_withdrawn(session, actor, report, [changed], now=self.world.now)

        self.step({"report.unlinked"}, act_on)

    @rule(name=who, which=which, late=late)
    def refuse(self, name: str, which: int, late: int) -> None:
        report = self.world.reports[which]
        name = self.right_for(report) if name == RIGHT else name
        actor, key = self.world.actors[name], self.world.sessions[name]
        version, case = self.version(report, late), self.world.cases["E10"]
        self.step(
            {"suggestion.refused"}, lambda session: links.refuse(session, actor, key, report, case, version=version, now=self.world.now)
        )

    @rule(name=who, which=which)
    def hand_over(self, name: str, which: int) -> None:
        report = self.world.reports[which]
        name = self.right_for(report) if name == RIGHT else name
        actor, key = self.world.actors[name], self.world.sessions[name]

        def act(session: Session) -> None:
            letters.hand_over(session, actor, key, report, text="A question?", language="en", now=self.world.now)

        self.step({"message.handed"}, act)

    @rule(name=st.sampled_from(TEAM), back=st.booleans())
    def release(self, name: str, *, back: bool) -> None:
        messages = sorted(self.snapshot()["messages"].items())
        if messages:
            message, (_, version) = messages[-1]
            act = letters.return_letter if back else letters.release
            kinds = {"message.returned", "message.released", "report.moved", "report.updated"}
            actor = self.world.actors[name]
            self.step(kinds, lambda session: act(session, actor, message, version=version, now=self.world.now))

    @rule(name=who, one=one, late=late)
    def take(self, name: str, one: int, late: int) -> None:
        self.on_act(name, one, late, {"finding.taken"}, review.take)

    def assessment(self, decision: str, *, whole: bool) -> review.Assessment:
        return review.Assessment(
            confirm="",
            refute="",
            statements=(STATEMENT,),
            answers=dict.fromkeys(("plausible", "fits_pattern", "agency"), True),
            contradictions=(),
            speaks_for="",
            speaks_against="Nobody who was there was heard." if whole else "",
            reasoning="Told once.",
            standard="reasonable_suspicion",
            decision=decision,
        )

    decision = st.sampled_from(("level", "level", "unverifiable", "refuted", "confirmed"))

    @rule(name=who, one=one, late=late, decision=decision, whole=st.booleans())
    def assess(self, name: str, one: int, late: int, decision: str, *, whole: bool) -> None:
        self.on_act(name, one, late, {"finding.assessed"}, review.assess, typed=self.assessment(decision, whole=whole))

    @rule(name=who, one=one, late=late, decision=decision, whole=st.sampled_from((True, True, False)))
    def propose(self, name: str, one: int, late: int, decision: str, *, whole: bool) -> None:
        self.on_act(name, one, late, {"finding.proposed"}, review.propose, typed=self.assessment(decision, whole=whole))

    @rule(one=one, late=late, reviewer=st.sampled_from(ALL))
    def assign(self, one: int, late: int, reviewer: str) -> None:
        self.on_act("Ruth", one, late, {"finding.assigned"}, review.assign, reviewer=self.world.actors[reviewer].member_id)

    @rule(one=one, late=late)
    def approve(self, one: int, late: int) -> None:
        self.on_act("Ruth", one, late, {"finding.approved"}, review.approve)

    @rule(one=one, late=late, decision=st.sampled_from(("confirm", "return", "yes")))
    def protect(self, one: int, late: int, decision: str) -> None:
        act_id, actor, key = self.world.acts[one][1], self.world.actors["Salome"], self.world.sessions["Salome"]
        with self.database.read() as session:
            finding = session.scalars(select(Finding.id).where(Finding.act_id == act_id)).one_or_none()
        if finding is None:
            return
        version = self.finding_version(act_id, late)

        def act(session: Session) -> None:
            approvals.open_for_approval(session, actor, key, finding, now=self.world.now)
            approvals.sign_as_protection(
                session, actor, key, finding, decision=decision, comment="Read.", version=version, now=self.world.now
            )

        self.step({"finding.opened", "finding.approved"}, act)

    @rule(name=who, one=one, late=late)
    def confirm(self, name: str, one: int, late: int) -> None:
        self.on_act(name, one, late, {"finding.confirmed"}, review.confirm, comment="", note="")

    @rule(name=who, one=one, late=late)
    def give_back(self, name: str, one: int, late: int) -> None:
        self.on_act(name, one, late, {"finding.returned"}, review.give_back, reason="level_too_high", comment="Not first-hand.", note="")

    @rule(name=who, one=one, late=late)
    def dispute(self, name: str, one: int, late: int) -> None:
        self.on_act(name, one, late, {"finding.disputed"}, review.dispute, reason="new_information", text="A paper came.")

    @rule(one=one, late=late, to=st.sampled_from(list(FindingState)))
    def settle(self, one: int, late: int, to: FindingState) -> None:
        self.on_act("Ruth", one, late, {"finding.settled"}, review.settle, to=to, text="It does not concern this act.")

    @rule(one=one, late=late)
    def reopen_finding(self, one: int, late: int) -> None:
        self.on_act("Ruth", one, late, {"finding.reopened"}, review.reopen, text="New evidence.")

    @rule(one=one, assessor=st.sampled_from(TEAM), reviewer=st.sampled_from(TEAM))
    def whole_review(self, one: int, assessor: str, reviewer: str) -> None:
        """Try a whole review in one go, so that signed findings are not rare."""
        self.take(assessor, one, 0)
        self.propose(assessor, one, 0, "level", whole=True)
        self.assign(one, 0, reviewer)
        self.protect(one, 0, "confirm")
        self.confirm(reviewer, one, 0)

    @rule(one=one, assessor=st.sampled_from(TEAM), reviewer=st.sampled_from(TEAM))
    def whole_return(self, one: int, assessor: str, reviewer: str) -> None:
        """Try a proposal that is given back, also of what was signed before."""
        self.reopen_finding(one, 0)
        self.take(assessor, one, 0)
        self.propose(assessor, one, 0, "unverifiable", whole=True)
        self.assign(one, 0, reviewer)
        self.give_back(RIGHT, one, 0)

    @rule(one=one, name=st.sampled_from(TEAM))
    def whole_dispute(self, one: int, name: str) -> None:
        """Try a dispute, and what a lead makes of it."""
        self.whole_review(one, "Nigora", "Timur")
        self.dispute(name, one, 0)

    @rule(which=which, kind=st.sampled_from(("supports", "contradicts")))
    def whole_link(self, which: int, kind: str) -> None:
        """Try to take a report and link it."""
        self.claim("Timur", which, 0)
        self.link(RIGHT, which, 0, kind, foreign=False)

    @rule(which=which, second=st.sampled_from(TEAM), to=st.sampled_from((ReportState.SPAM, ReportState.OUT_OF_SCOPE)))
    def whole_closing(self, which: int, second: str, to: ReportState) -> None:
        """Try to close a report, with whoever comes."""
        self.claim("Nigora", which, 0)
        self.ask_to_close(RIGHT, which, 0, to)
        self.close(second, which, 0)

    # what must hold

    def nothing_is_confirmed_by_one(self) -> None:
        """Looked at whenever somebody confirmed; what is signed stays so until an entry says otherwise."""
        actor = self.world.actors["Ruth"]
        with self.database.read() as session:
            for _, act_id in self.world.acts:
                item = open_finding(session, actor, act_id)
                if item is not None and item.row.state in SIGNED:
                    assert item.round is not None
                    verdict = judge_round(actor.chain, item, item.round)
                    assert verdict.state is item.row.state
                    assert verdict.people >= 2 + ("protection" in verdict.signers) + ("lead" in verdict.signers)
                    assert len(set(verdict.signers.values())) == verdict.people
                    self.granted[f"signed by {verdict.people}"] += 1

    @invariant()
    def no_note_is_lost(self) -> None:
        actor = self.world.actors["Ruth"]
        with self.database.read() as session:
            rows = list(session.scalars(select(Report)))
            for report, opened in records.open_reports(session, actor, rows).items():
                assert opened is not None
                assert [note["text"] for note in opened.work.notes] == self.notes[report]


def _rest(session: Session, *columns: Any) -> dict[UUID, tuple[Any, ...]]:
    """Return the other columns of each row by the first one."""
    return {row[0]: tuple(row[1:]) for row in session.execute(select(*columns))}


def test_random_steps_never_leave_the_tables(world: World) -> None:
    """A few runs here, many with the profile `long`. They must have reached what they are about.

    Ids are drawn anew each time, so the same choices lead elsewhere: where a kind of step was never granted, some more runs follow.
    """
    Team.world = world
    few = settings(max_examples=12, stateful_step_count=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    many = settings(few, max_examples=300, stateful_step_count=60, derandomize=False)
    run_state_machine_as_test(Team, settings=many if LONG else few)
    for _ in range(MORE):
        if set(Team.granted) >= REACHED:
            break
        run_state_machine_as_test(Team, settings=settings(few, derandomize=False))

    assert set(Team.granted) >= REACHED, REACHED - set(Team.granted)
    assert {"SamePersonError", "BarredError", "ConflictError"} <= set(Team.refused)


def test_the_level_of_the_machine_is_one_that_can_be_confirmed() -> None:
    """Else the machine would never get to a signature."""
    inputs = {"statements": [GRADED], "contradictions": [], "plausible": True, "fits_pattern": True, "agency": True}
    assert levels.compute(levels.Inputs.from_value(inputs)).level == "L1"
