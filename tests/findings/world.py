"""The published cases before people who work on their findings. Grades and answers are made up for the tests; no finding is meant."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import links
from app.cases.files import open_case
from app.cases.importing import import_published, published
from app.cases.records import open_table
from app.findings import approvals, review
from app.findings.records import FindingItem, open_finding
from app.findings.review import Assessment, Sheet
from app.ledger.append import Actor
from app.ledger.read import open_as_auditor
from app.reports import letters, queue, triage
from app.store.cases import Act, Approval, Finding, FindingState, Incident
from app.store.database import Database
from app.store.ledger import LedgerEntry
from app.store.reports import Report
from tests.conftest import Instance, Source, Template

ACT: Final = "I07·1"
SEXUAL: Final = "I17·1"
MINOR: Final = "I01·1"
OTHER: Final = "I05·1"
WORDS: Final = "Told once, by one voice, and retold."
GRADING: Final = {
    "reliability": "C",
    "credibility": 3,
    "first_hand": False,
    "detailed": False,
    "consistent": True,
    "documentary": False,
    "authentic": False,
    "accused": False,
    "admission": False,
    "origin": "exile",
    "household": None,
}


def a_statement(**changes: Any) -> dict[str, Any]:
    """Return a statement of an exile who was not there; what is no field of it is an answer of its grading."""
    base = {"who": "Open letter", "how": "says so", "publication": None, "report": None, "interest": "family", "access": "was_told"}
    grading = {**GRADING, **{name: value for name, value in changes.items() if name in GRADING}}
    return {**base, **{name: value for name, value in changes.items() if name in base}, "grading": grading}


def a_contradiction(**changes: Any) -> dict[str, Any]:
    """Return a contradiction that somebody resolved."""
    base = {"about": "when", "material": True, "treatment": "resolved", "why": "a slip"}
    return {**base, "reading_a": "15 June", "source_a": "one", "reading_b": "15 July", "source_b": "other", **changes}


def an_assessment(**changes: Any) -> Assessment:
    """Return a complete assessment that gives L1."""
    base: dict[str, Any] = {
        "confirm": "A witness.",
        "refute": "A paper of the same day.",
        "statements": (a_statement(),),
        "answers": {"plausible": True, "fits_pattern": True, "agency": False},
        "contradictions": (),
        "speaks_for": "It fits the week.",
        "speaks_against": "Nobody who was there was heard.",
        "reasoning": WORDS,
        "standard": "reasonable_suspicion",
        "decision": "level",
    }
    return Assessment(**{**base, **changes})


@dataclass
class World:
    """One instance with the published cases; members sign in when they first act."""

    instance: Instance
    database: Database
    actors: dict[str, tuple[Actor, bytes]] = field(default_factory=dict)
    places: dict[str, tuple[UUID, UUID]] = field(default_factory=dict)

    def actor(self, name: str) -> Actor:
        return self._signed_in(name)[0]

    def session_id(self, name: str) -> bytes:
        return self._signed_in(name)[1]

    def _signed_in(self, name: str) -> tuple[Actor, bytes]:
        if name not in self.actors:
            self.actors[name] = self.instance.actor(name)
        return self.actors[name]

    @property
    def now(self) -> Any:
        return self.instance.clock.now

    def id_of(self, name: str) -> str:
        return self.instance.members[name].id

    def place(self, ref: str) -> tuple[UUID, UUID]:
        """Return case and act of a short name such as I07·1."""
        if not self.places:
            with self.database.read() as session:
                incidents = {item.id: item for item in open_table(session, self.actor("Nigora"), Incident)}
                for act in open_table(session, self.actor("Nigora"), Act):
                    incident = incidents[act.row.incident_id]
                    self.places[f"{incident.body.key}·{act.body.key}"] = (incident.row.case_id, act.id)
        return self.places[ref]

    def fork(self, folder: Path) -> "World":
        """Copy everything as it stands, so that several things can be tried from here."""
        folder.mkdir(exist_ok=True)
        self.instance.let_go()
        url = self.instance.store.copy(self.instance.url, folder)
        self.instance.copies.append(url)
        instance = Instance(folder, self.instance.template, url, self.instance.clock, self.instance.databases)
        return World(instance, instance.database(), dict(self.actors), self.places)

    def version(self, ref: str) -> int:
        with self.database.read() as session:
            return session.scalars(select(Finding.version).where(Finding.act_id == self.place(ref)[1])).one_or_none() or 0

    def finding_id(self, ref: str = ACT) -> UUID:
        with self.database.read() as session:
            return session.scalars(select(Finding.id).where(Finding.act_id == self.place(ref)[1])).one()

    def state(self, ref: str = ACT) -> FindingState:
        return self.sheet("Nigora", ref).state

    def item(self, ref: str = ACT, name: str = "Nigora") -> FindingItem:
        with self.database.read() as session:
            found = open_finding(session, self.actor(name), self.place(ref)[1])
        assert found is not None
        return found

    def sheet(self, name: str, ref: str = ACT) -> Sheet:
        self.open(name, ref)
        case_id, act_id = self.place(ref)
        with self.database.read() as session:
            return review.read_sheet(session, self.actor(name), self.session_id(name), case_id, act_id, now=self.now)

    def open(self, name: str, ref: str = ACT) -> None:
        """Open the case of an act."""
        (case_id, _), actor, session_id = self.place(ref), self.actor(name), self.session_id(name)
        with self.database.write() as session:
            open_case(session, actor, session_id, case_id, now=self.now)

    def do(self, name: str, what: str, ref: str = ACT, **values: Any) -> Any:
        """Let somebody take a step on an opened case, with the present version if none is given."""
        case_id, act_id = self.place(ref)
        if self.actor(name).keys.team:
            self.open(name, ref)
        if what == "give_back":
            values = {"reason": "not_readable", "comment": "Say more.", "note": "", **values}
        if what == "confirm":
            values = {"comment": "", "note": "", **values}
        if what in ("assess", "propose"):
            values.setdefault("typed", an_assessment())
        values.setdefault("version", self.version(ref))
        actor, session_id = self.actor(name), self.session_id(name)
        with self.database.write() as session:
            return getattr(review, what)(session, actor, session_id, case_id, act_id, now=self.now, **values)

    def approve(self, ref: str, *, decision: str = "confirm", comment: str = "", name: str = "Salome") -> None:
        """Let the protection officer open a proposal and sign it."""
        finding_id = self.finding_id(ref)
        actor, session_id = self.actor(name), self.session_id(name)
        with self.database.write() as session:
            approvals.open_for_approval(session, actor, session_id, finding_id, now=self.now)
        with self.database.write() as session:
            approvals.sign_as_protection(
                session, actor, session_id, finding_id, decision=decision, comment=comment, version=self.version(ref), now=self.now
            )

    def propose(self, ref: str = ACT, **changes: Any) -> None:
        """Let Nigora take an act and propose."""
        self.do("Nigora", "take", ref)
        self.do("Nigora", "propose", ref, typed=an_assessment(**changes))

    def review(self, ref: str = ACT, **changes: Any) -> None:
        """Let Nigora propose and Ruth ask Timur."""
        self.propose(ref, **changes)
        self.do("Ruth", "assign", ref, reviewer=self.id_of("Timur"))

    def confirm(self, ref: str = ACT, **changes: Any) -> None:
        """Let two people sign."""
        self.review(ref, **changes)
        self.do("Timur", "confirm", ref)

    def entries(self, *, since: int = 0) -> list[dict[str, Any]]:
        """Return the records of the log as the auditor opens them, but for the auditor's own."""
        edda = self.actor("Edda")
        with self.database.read() as session:
            rows = session.scalars(select(LedgerEntry).where(LedgerEntry.index >= since).order_by(LedgerEntry.index))
            records = [open_as_auditor(session, edda, row).record for row in rows]
        return [record for record in records if record["actor"] != edda.member_id]

    def size(self) -> int:
        with self.database.read() as session:
            return len(session.scalars(select(LedgerEntry.index)).all())

    def approvals(self) -> list[tuple[UUID, UUID, bytes]]:
        with self.database.read() as session:
            return [(row.id, row.finding_id, row.sealed) for row in session.scalars(select(Approval))]

    def report(self, ref: str = ACT, *, accepted_by: str, written_by: str = "") -> UUID:
        """Let a source write, somebody answer, and somebody link the report to the incident of an act; returns the report's id."""
        with self.database.read() as session:
            known = set(session.scalars(select(Report.id)))
        Source(self.instance.app("intake")).write("They came to the house.", reply="yes")
        queue.look(self.database, self.actor(accepted_by), self.session_id(accepted_by), now=self.now)
        with self.database.read() as session:
            (report_id,) = set(session.scalars(select(Report.id))) - known
        for name in filter(None, (written_by, accepted_by)):
            actor, session_id = self.actor(name), self.session_id(name)
            self.open(name, ref)
            with self.database.write() as session:
                triage.open_report(session, actor, session_id, report_id, now=self.now)
                triage.claim(session, actor, session_id, report_id, version=self._report(session, report_id).version, now=self.now)
                if name == written_by:
                    letters.hand_over(session, actor, session_id, report_id, text="When was it?", language="en", now=self.now)
                    version = self._report(session, report_id).version
                    triage.leave(session, actor, session_id, report_id, version=version, now=self.now)
        self.link(report_id, ref, accepted_by)
        return report_id

    def link(self, report_id: UUID, ref: str, name: str) -> None:
        """Link a report that somebody owns to the incident of an act."""
        case_id, act_id = self.place(ref)
        with self.database.write() as session:
            act = session.get(Act, act_id)
            assert act is not None
            links.link(
                session,
                self.actor(name),
                self.session_id(name),
                report_id,
                case_id,
                incidents=[act.incident_id],
                kind="supports",
                certainty="certain",
                version=self._report(session, report_id).version,
                now=self.now,
            )

    def _report(self, session: Session, report_id: UUID) -> Report:
        report = session.get(Report, report_id)
        assert report is not None
        return report

    @contextmanager
    def forging(self, name: str, ref: str = ACT) -> Iterator[tuple[Session, Finding, FindingItem]]:
        """Let an insider with the team's secret write a finding past the rules: open it, change it in the block, save it by hand."""
        actor, (_, act_id) = self.actor(name), self.place(ref)
        with self.database.write() as session:
            found = open_finding(session, actor, act_id)
            assert found is not None
            yield session, found.row, found


def make_published(template: Template, folder: Path) -> str:
    """Write a founded database that holds the published cases; return its URL."""
    made = Instance(folder, template, template.store.copy(template.url, folder))
    actor, _ = made.actor("Ruth")
    database = made.database()
    with database.write() as session:
        import_published(session, actor, published(), now=made.clock.now)
    made.let_go()
    return made.url


def open_world(template: Template, source: str, folder: Path) -> World:
    """Copy the published cases for one test."""
    instance = Instance(folder, template, template.store.copy(source, folder))
    instance.clock.now += timedelta(hours=1)  # every code that the import used is older
    return World(instance, instance.database())


def changed(item: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a deep copy of a record with changes."""
    return {**deepcopy(item), **changes}
