"""The whole walk, by the functions of the domain, with a name that nobody has typed into every field that takes free text."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import changes, files, links
from app.cases.changes import NewAct, NewIncident, NewPerson
from app.cases.importing import import_published, published
from app.errors import NamedError
from app.findings import approvals, review
from app.findings.records import open_finding
from app.findings.review import Assessment
from app.ledger.append import Actor
from app.members import change, invite
from app.members.chain import ChainKeeper
from app.members.passphrase import code_at
from app.reports import letters, queue, triage
from app.reports.records import open_all
from app.store.cases import CaseState, FindingState, Person
from app.store.reports import Report, ReportState
from app.vault.encoding import sha256
from tests.conftest import Instance, Source

TEAM: Final = ("Ruth", "Nigora", "Timur")
NOTE: Final = "Both accounts come from one house."
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
    "origin": "one",
    "household": None,
}
STRONG: Final = {**GRADING, "credibility": 2, "first_hand": True, "detailed": True}


@dataclass
class Walk:
    """Who acts, and what they typed."""

    instance: Instance
    typed: dict[str, tuple[str, ...]] = field(default_factory=dict)  # what was typed into which field
    actors: dict[str, Actor] = field(default_factory=dict)
    sessions: dict[str, bytes] = field(default_factory=dict)
    reports: dict[str, UUID] = field(default_factory=dict)
    case: UUID = field(default_factory=uuid4)
    acts: dict[str, UUID] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.instance.clock.now

    def name(self, what: str) -> str:
        """Make a name up for one field, in Latin and in Cyrillic letters, and remember it."""
        seed = sha256(f"{what} {len(self.typed)}".encode())
        latin = "".join("bdfghkmnprtvz"[byte % 13] + "aeiou"[byte % 5] for byte in seed[:5]).capitalize() + "bek"
        cyrillic = "".join("бдфгжкмнпртвз"[byte % 13] + "аеиоу"[byte % 5] for byte in seed[5:10]).capitalize() + "зода"
        self.typed[what] = (*self.typed.get(what, ()), latin, cyrillic)
        return f"{latin} {cyrillic}"

    def enter(self, *names: str) -> None:
        """Sign members in."""
        for name in names:
            self.actors[name], self.sessions[name] = self.instance.actor(name)

    @contextmanager
    def as_member(self, name: str) -> Iterator[tuple[Session, Actor, bytes]]:
        """Open a transaction in which a member acts."""
        with self.instance.databases[-1].write() as session:
            yield session, self.actors[name], self.sessions[name]

    # reports

    def write_reports(self) -> None:
        """Let sources write: every field of the form, and an addition."""
        source = Source(self.instance.app())
        for key in ("linked", "twin", "spam", "gone", "wrong"):
            lines = {name: self.name(f"{key} {name}") for name in ("who", "exile", "when", "where", "by", "aim")}
            code = source.write(self.name(f"{key} text"), reply="yes", month="9", year="2016", **lines)
            if key == "linked":
                source.open_mailbox(code)
                source.press("/f", ("do", "add"), text=self.name("addition"))
        queue.look(self.instance.databases[-1], self.actors["Nigora"], self.sessions["Nigora"], now=self.now)
        with self.as_member("Nigora") as (session, actor, _):
            firsts = [item for item in open_all(session, actor) if item.summary["kind"] == "first"]
            texts = {item.report.id: triage.open_text(actor, item).answers["text"] for item in firsts}
        for key in ("linked", "twin", "spam", "gone", "wrong"):
            self.reports[key] = next(report for report, text in texts.items() if self.typed[f"{key} text"][0] in text)

    def triage(self, name: str, key: str, act: Any, **values: Any) -> None:
        """Take a step on a report, opened, with its present version."""
        report_id = self.reports[key]
        with self.as_member(name) as (session, actor, sid):
            triage.open_report(session, actor, sid, report_id, now=self.now)
            if "version" in act.__annotations__:
                values["version"] = session.get_one(Report, report_id).version
            act(session, actor, sid, report_id, now=self.now, **values)

    def work_on_reports(self) -> None:
        """Take, mark, describe, note, write to the source, close, withdraw, open again, find twice."""
        for key in self.reports:
            self.triage("Nigora", key, triage.claim)
        self.triage("Nigora", "linked", triage.move, to=ReportState.URGENT)
        self.triage(
            "Nigora",
            "linked",
            triage.describe,
            gist=self.name("gist"),
            summary=self.name("summary"),
            translation=self.name("translation"),
        )
        self.triage("Nigora", "linked", triage.add_note, text=self.name("internal"))
        self.triage("Nigora", "spam", letters.hand_over, text=self.name("letter"), language="en")
        self._letter("Timur", letters.return_letter)
        self.triage("Nigora", "spam", letters.hand_over, text=self.name("second"), language="en")
        self._letter("Ruth", letters.release)
        self.triage("Nigora", "spam", triage.ask_to_close, to=ReportState.SPAM, reason="advertising")
        self.triage("Timur", "spam", triage.keep)
        self.triage("Nigora", "spam", triage.ask_to_close, to=ReportState.OUT_OF_SCOPE, reason="no_event")
        self.triage("Timur", "spam", triage.close)
        self.triage("Ruth", "spam", triage.reopen, reason=self.name("reopening"))
        self.triage("Nigora", "twin", triage.mark_duplicate, of=self.reports["linked"])
        self.triage("Nigora", "gone", links.withdraw, reason=self.name("withdrawing"))

    def _letter(self, name: str, act: Any) -> None:
        with self.as_member(name) as (session, actor, _):
            (waiting,), _lost = letters.list_handed(session, actor)
            act(session, actor, waiting.letter.message.id, version=waiting.letter.message.version, now=self.now)

    # cases

    def make_case(self) -> None:
        """Import what is published; begin a case of our own, with every text it can hold."""
        with self.as_member("Ruth") as (session, actor, _):
            import_published(session, actor, published(), now=self.now)
        with self.as_member("Nigora") as (session, actor, sid):
            exile = NewPerson(forms=(self.name("exile"), self.name("other")), sex="m")
            self.case = changes.create_case(session, actor, sid, title=self.name("title"), exile=exile, now=self.now).id
            place = changes.add_place(session, actor, name=self.name("place"), now=self.now)
            person = changes.add_person(session, actor, sid, self.case, new=NewPerson(forms=(self.name("relative"),)), now=self.now)
            act = NewAct("LIB_DETENTION", victims=(str(person),), when="2016-09", words=self.name("act"))
            incident = changes.add_incident(
                session,
                actor,
                sid,
                self.case,
                new=NewIncident(self.name("incident"), act, when="2016-09", place=str(place), open=(self.name("open"),)),
                now=self.now,
            )
            new = NewAct("SEX_EXAM", other=NewPerson(label=self.name("label")), words=self.name("deed"))
            self.acts["grave"] = changes.add_act(session, actor, sid, self.case, incident, new=new, now=self.now)
            new = NewAct("ECO_BUSINESS", victims=(str(person),), words=self.name("waiting"))
            self.acts["waiting"] = changes.add_act(session, actor, sid, self.case, incident, new=new, now=self.now)
            act = NewAct("THR_HARASS", victims=(str(person),), words=self.name("refuted"))
            apart = NewIncident(self.name("apart"), act)
            changes.add_incident(session, actor, sid, self.case, new=apart, now=self.now)
            file = files.read_case(session, actor, self.case)
            kinds = {act.body.type: act.id for _, act in file.all_acts}
            self.acts |= {"held": kinds["LIB_DETENTION"], "refuted": kinds["THR_HARASS"]}
            other = session.scalars(select(Person.id).where(Person.case_id != self.case)).first()
        steps: tuple[tuple[Any, dict[str, Any]], ...] = (
            (changes.ask, {"text": self.name("question")}),
            (changes.close_question, {"at": 0}),
            (changes.tell_apart, {"person": person, "other": other}),
            (changes.set_priority, {"priority": "high"}),
            (changes.move_case, {"to": CaseState.MONITORING}),
        )
        for step, values in steps:
            with self.as_member("Nigora") as (session, actor, sid):
                version = files.read_case(session, actor, self.case).case.row.version
                step(session, actor, sid, self.case, version=version, now=self.now, **values)

    def link_reports(self) -> None:
        """Link, take back, link again; refuse a suggestion."""
        with self.as_member("Nigora") as (session, actor, sid):
            files.open_case(session, actor, sid, self.case, now=self.now)
            incident = files.read_case(session, actor, self.case).act(self.acts["held"])[0].id
            other = next(line.case.id for line in files.list_cases(session, actor).lines if line.case.id != self.case)
        values: dict[str, Any] = {"case_id": self.case, "incidents": [incident], "certainty": "likely"}
        self.triage("Nigora", "linked", links.link, kind="supports", **values)
        self.triage("Nigora", "linked", links.unlink, incident_id=incident, reason=self.name("unlinking"))
        self.triage("Nigora", "linked", links.link, kind="adds", **values)
        self.triage("Nigora", "wrong", links.refuse, case_id=other)
        self.triage("Timur", "linked", triage.open_report)

    # findings

    def step(self, name: str, key: str, act: Any, **values: Any) -> None:
        """Take a step on the finding of an act, in the opened case."""
        with self.as_member(name) as (session, actor, sid):
            files.open_case(session, actor, sid, self.case, now=self.now)
            finding = open_finding(session, actor, self.acts[key])
            if act is not review.record_refusal:
                values["version"] = finding.row.version if finding else 0
            act(session, actor, sid, self.case, self.acts[key], now=self.now, **values)

    def assessment(self, key: str, grading: dict[str, Any], decision: str = "level") -> Assessment:
        """Fill in every field."""
        statement = {
            "who": self.name(f"{key} who"),
            "how": self.name(f"{key} how"),
            "publication": None,
            "report": None,
            "interest": None,
            "access": None,
            "grading": {**grading, "origin": self.name(f"{key} origin"), "household": self.name(f"{key} household")},
        }
        reading = {
            "about": "when",
            "material": False,
            "treatment": "resolved",
            **{line: self.name(f"{key} {line}") for line in ("reading_a", "source_a", "reading_b", "source_b", "why")},
        }
        return Assessment(
            confirm=self.name(f"{key} confirm"),
            refute=self.name(f"{key} refute"),
            statements=(statement,),
            answers={"plausible": True, "fits_pattern": True, "agency": False},
            contradictions=(reading,),
            speaks_for=self.name(f"{key} for"),
            speaks_against=self.name(f"{key} against"),
            reasoning=self.name(f"{key} reasoning"),
            standard="reasonable_suspicion",
            decision=decision,
        )

    def propose(self, name: str, key: str, grading: dict[str, Any], decision: str = "level", note: str = "") -> None:
        """Take, save and propose."""
        typed = self.assessment(key, grading, decision)
        self.step(name, key, review.take)
        self.step(name, key, review.assess, typed=typed)
        self.step(name, key, review.propose, typed=typed, note=note)

    def ask_for(self, key: str, reviewer: str) -> None:
        """Ask somebody to review, as the lead."""
        self.step("Ruth", key, review.assign, reviewer=self.actors[reviewer].member_id)

    def find(self) -> None:
        """Return and confirm, with a protection officer, with a lead, with a dispute; one is left waiting."""
        self.propose("Nigora", "held", STRONG, note=NOTE)
        self.step("Nigora", "held", review.record_refusal, why="same-person")
        self.ask_for("held", "Timur")
        self.instance.clock.forward(days=3)
        values = {"comment": self.name("returning"), "note": ""}
        with pytest.raises(NamedError):
            self.step("Timur", "held", review.give_back, reason="level_too_high", **{**values, "note": f"Says {self.typed['exile'][0]}."})
        self.step("Timur", "held", review.give_back, reason="level_too_high", **values)
        self.propose("Nigora", "held", GRADING)
        self.ask_for("held", "Timur")
        self.instance.clock.forward(days=4)
        self.step("Timur", "held", review.confirm, comment=self.name("confirming"), note="+1 on the second grade.")
        self.step("Timur", "held", review.dispute, reason="new_information", text=self.name("disputing"))
        self.step("Ruth", "held", review.settle, to=FindingState.CONFIRMED, text=self.name("settling"))
        self.propose("Nigora", "grave", GRADING)
        self._sign_as_protection("grave")
        self.ask_for("grave", "Timur")
        self.step("Timur", "grave", review.confirm, comment="", note="")
        self.step("Ruth", "grave", review.reopen, text=self.name("again"))
        self.propose("Timur", "refuted", GRADING, "refuted")
        self.step("Ruth", "refuted", review.approve)
        self.ask_for("refuted", "Nigora")
        self.step("Nigora", "refuted", review.confirm, comment=self.name("refuting"), note="")
        self.propose("Timur", "waiting", GRADING)
        self.ask_for("waiting", "Ruth")

    def _sign_as_protection(self, key: str) -> None:
        with self.as_member("Salome") as (session, actor, sid):
            finding = open_finding(session, self.actors["Ruth"], self.acts[key])
            assert finding is not None
            approvals.open_for_approval(session, actor, sid, finding.id, now=self.now)
            approvals.sign_as_protection(
                session,
                actor,
                sid,
                finding.id,
                decision="confirm",
                comment=self.name("approving"),
                version=finding.row.version,
                now=self.now,
            )

    # people

    def change_people(self) -> str:
        """Invite, join, grant, remove; return the newcomer's id. Everybody has to sign in anew to act after it."""
        database, secret = self.instance.databases[-1], self.instance.server_secret
        self.enter("Jonas", "Ruth")
        with self.as_member("Jonas") as (session, actor, _):
            code = invite.invite(session, actor, secret, name="Olim", role="caseworker", now=self.now)
        chain = ChainKeeper(database, self.instance.root).current()
        offered = invite.offer(database, code, chain=chain, server_secret=secret, now=self.now)
        second = code_at(base64.b32decode(offered.totp), self.now)
        kept = offered.passphrase
        joined = invite.join(database, code, offered, passphrase=kept, second=second, chain=chain, server_secret=secret, now=self.now)
        with self.as_member("Ruth") as (session, actor, _):
            (invited,) = invite.list_invitations(session, self.instance.root, secret)
            words, epoch = " ".join(joined.words), actor.chain.newest.epoch
            assert change.grant(session, actor, secret, invited.id, typed=words, epoch=epoch, now=self.now)
        self.enter("Ruth")
        with self.as_member("Ruth") as (session, actor, _):
            assert change.remove(session, actor, offered.member_id, epoch=actor.chain.newest.epoch, now=self.now)
        return offered.member_id


def walk(instance: Instance) -> Walk:
    """Walk all of it; the people change last, so that the log holds batches of two audit epochs."""
    made = Walk(instance)
    made.enter(*TEAM, "Salome")
    made.write_reports()
    made.work_on_reports()
    made.make_case()
    made.link_reports()
    made.find()
    made.change_people()
    return made
