"""What a report page gains: suggestions with reasons, links at two sealed ends, decisions that lose nothing typed."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.files import read_case
from app.cases.links import clues_of, compare, links_of, suggestions_for
from app.cases.records import CaseItem, IncidentItem, open_table
from app.demo.writer import demo_reports
from app.desk.suggestions import REASONS
from app.ledger.read import open_as_team
from app.matching.suggest import Code
from app.reports import queue, triage
from app.reports.records import Opened
from app.store.cases import Act, Case, Incident, Person, Reference
from app.store.database import METADATA
from app.store.ledger import LedgerEntry
from app.store.reports import Report, ReportState
from app.vault.mailbox import ReportBody
from tests.conftest import Instance, Member, Source, Template, copy_of
from tests.findings.world import World as Findings
from tests.findings.world import make_published
from tests.test_invariants import files_of

EXPECTED: Final = json.loads(Path(__file__).with_name("expected_cases.json").read_text("utf-8"))["expected"]
REPORTS: Final = demo_reports()
FARRUKH: Final = "Farrukh told me that they came again."
NEW_CASE: Final = {
    "case_title": "A teacher abroad",
    "exile_names": "Nazira Example\nНазира Example",
    "incident_title": "Visit at a home",
    "incident_when": "2026-10",
    "incident_place": "Kulyab",
    "act_type": "THR_HARASS",
    "victim_relation": "parent",
    "victim_name": "Example Mother",
}


@dataclass
class Desk:
    """An instance with the published cases and one signed-in caseworker, who looks at everything without HTTP."""

    app: Flask
    instance: Instance

    def __post_init__(self) -> None:
        self.actor, self.held = self.instance.actor("Timur")
        self.database = self.instance.database()

    def write(self, text: str, language: str = "en", **answers: Any) -> UUID:
        """Send a report and take it in; return its id."""
        before = self.ids()
        Source(self.app).write(text, language, **answers)
        queue.look(self.database, self.actor, self.held, now=self.instance.clock.now)
        (made,) = self.ids() - before
        return made

    def ids(self) -> set[UUID]:
        with self.database.read() as session:
            return set(session.scalars(select(Report.id)))

    def opened(self, report_id: UUID) -> Opened:
        """Return a report as it is, whoever opened it."""
        with self.database.write() as session:
            triage.open_report(session, self.actor, self.held, report_id, now=self.instance.clock.now)
            return triage.leased(session, self.actor, self.held, report_id, now=self.instance.clock.now)

    def body(self, report_id: UUID) -> ReportBody:
        return triage.open_text(self.actor, self.opened(report_id))

    @contextmanager
    def read(self) -> Iterator[Session]:
        with self.database.read() as session:
            yield session

    def case(self, code: str) -> CaseItem:
        with self.read() as session:
            return next(item for item in open_table(session, self.actor, Case) if item.body.code == code)

    def incident(self, key: str) -> IncidentItem:
        with self.read() as session:
            return next(item for item in open_table(session, self.actor, Incident) if item.body.key == key)

    def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the records of these kinds, oldest first."""
        with self.read() as session:
            query = select(LedgerEntry).order_by(LedgerEntry.index)
            records = [open_as_team(session, self.actor, entry).record for entry in session.scalars(query)]
        return [record for record in records if record["kind"] in kinds]

    def rows(self) -> dict[str, int]:
        """Count what the desk holds of cases, and the log."""
        with self.read() as session:
            return {
                table.__tablename__: len(session.scalars(select(table)).all())
                for table in (Case, Incident, Act, Person, Reference, LedgerEntry)
            }

    def links(self, report_id: UUID) -> list[str]:
        opened = self.opened(report_id)
        with self.read() as session:
            return [link.incident.body.key for link in links_of(session, self.actor, opened)[0]]

    def member(self, name: str = "Nigora") -> Member:
        """Sign somebody in."""
        member = Member(self.app, self.instance, name)
        member.sign_in()
        return member

    def owner(self, report_id: UUID, name: str = "Nigora") -> Member:
        """Sign somebody in who opens and takes a report."""
        member = self.member(name)
        show(member, report_id)
        member.press("/claim")
        return member


def show(member: Member, report_id: UUID) -> None:
    """Open a report from the queue, in whatever view it stands."""
    member.get("/desk/queue")
    csrf = next(form.value("csrf") for form in member.forms() if form.value("csrf"))
    member.post(f"/desk/reports/{report_id}/open", {"csrf": csrf})


def text_of(page: str) -> str:
    """Return the words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.fixture(scope="session")
def published_url(template: Template, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the published cases, never changed."""
    return make_published(template, tmp_path_factory.mktemp("links"))


@pytest.fixture
def instance(template: Template, published_url: str, tmp_path: Path) -> Iterator[Instance]:
    """An instance with the published cases; every code that the import used is older."""
    with copy_of(template, tmp_path, published_url) as made:
        made.clock.forward(hours=1)
        yield made


@pytest.fixture
def desk(app: Flask, instance: Instance) -> Desk:
    return Desk(app, instance)


@pytest.fixture
def farrukh(desk: Desk) -> UUID:
    return desk.write(FARRUKH)


@pytest.fixture
def yaqubov(desk: Desk) -> UUID:
    """The report about the family in Khujand."""
    fields = dict(REPORTS[0]["fields"])
    return desk.write(fields.pop("text"), "ru", **fields)


def press_link(member: Member, report_id: UUID, case: CaseItem, incidents: list[IncidentItem], **typed: str) -> None:
    """Compare with a case and link to some of its incidents."""
    member.get(f"/desk/reports/{report_id}")
    member.press("/compare", other_case=str(case.id))
    assert member.page.request.path.endswith(f"/link/{case.id}"), text_of(member.page.text)
    chosen = {"type": "supports", "certainty": "likely", **typed}
    member.press(f"/link/{case.id}", incident=[str(item.id) for item in incidents], **chosen)


# --- suggestions


@pytest.mark.parametrize("at", range(len(EXPECTED)))
def test_a_demonstration_report_finds_its_case_first(at: int, desk: Desk) -> None:
    """In any script; and every place where the article is retold is one of that case's incidents."""
    expected, report = EXPECTED[at], REPORTS[at]
    assert report["fields"]["exile"] == expected["exile"]
    fields = dict(report["fields"])
    made = desk.write(fields.pop("text"), report["language"], **fields)
    with desk.read() as session:
        found = suggestions_for(session, desk.actor, desk.opened(made), desk.body(made))
    case = desk.case(expected["case"])

    assert found[0].case.body.code == expected["case"]
    assert found[0].suggestion.band == "likely"
    assert {desk.incident(key).row.case_id for key in expected["incidents"]} == {case.id}
    nigora = desk.owner(made)
    page = text_of(nigora.page.text)
    assert page.index("Likely") < page.index(f"Compare with {expected['case']}")


def test_a_shared_first_name_is_a_question(desk: Desk, farrukh: UUID) -> None:
    """Two men of one name in two cases: both are shown, both with the question, and nothing is linked."""
    nigora = desk.owner(farrukh)

    page = nigora.page.text
    assert "Worth a look" in page
    assert "Likely" not in page
    for code, other in (("C-0002", "C-0010"), ("C-0010", "C-0002")):
        box = next(part for part in page.split('class="sugg"')[1:] if f"<b>{code}</b>" in part)
        assert "different people?" in box
        assert f"({other})" in box
        assert "Only a first name is in both" in box
    assert desk.links(farrukh) == []
    assert desk.opened(farrukh).report.state is ReportState.IN_TRIAGE


def test_every_reason_has_words() -> None:
    """The list of reasons is closed: a new one needs its sentence."""
    assert {code for code, _ in REASONS} == set(Code)


def test_a_report_that_names_nobody_gets_no_suggestion(desk: Desk) -> None:
    """The page says so, and another case can be chosen."""
    nigora = desk.owner(desk.write("Something happened somewhere."))

    assert "No case of ours looks alike." in nigora.page.text
    nigora.press("/compare", other_case=str(desk.case("C-0005").id))
    assert "beside C-0005" in text_of(nigora.page.text)
    nigora.get(nigora.page.request.path.split("/link/")[0])
    assert nigora.press("/compare").status_code == 422
    assert "Choose a case first." in nigora.page.text


def test_a_refused_suggestion_stays_and_says_who(desk: Desk, farrukh: UUID) -> None:
    """Band and score of what was refused are in the log."""
    nigora = desk.owner(farrukh)
    case = desk.case("C-0010")

    nigora.press(f"/refuse/{case.id}")

    box = next(part for part in nigora.page.text.split('class="sugg"')[1:] if "<b>C-0010</b>" in part)
    assert "Not the same person:" in box
    assert "Nigora, 24 November" in text_of(box)
    assert f"/refuse/{case.id}" not in box
    (record,) = desk.entries("suggestion.refused")
    assert record["details"] | {"score": 0} == {"case": "C-0010", "band": "look", "score": 0}
    assert record["details"]["score"] > 0


def test_group_and_towns_are_compared_and_countries_are_not(desk: Desk) -> None:
    """A report from Poland is not near every case that has to do with Poland; a variant spelling of a town is a town."""
    fields = dict(REPORTS[3]["fields"])
    made = desk.write(fields.pop("text"), "en", **fields)
    with desk.read() as session:
        found = suggestions_for(session, desk.actor, desk.opened(made), desk.body(made))

    details = {reason.code: reason.detail for reason in found[0].suggestion.reasons}
    assert details[Code.AFFILIATION] == "Group 24"
    assert details[Code.PLACE] == "Kulob"
    abroad = desk.write("She lives in Poland.", where="Poland")
    with desk.read() as session:
        assert suggestions_for(session, desk.actor, desk.opened(abroad), desk.body(abroad)) == []


# --- comparing


def test_comparing_opens_the_case_once(desk: Desk, yaqubov: UUID) -> None:
    """An entry for the first time within the hour; the page itself writes nothing, and needs both openings."""
    nigora = desk.owner(yaqubov)
    case = desk.case("C-0002")
    path = f"/desk/reports/{yaqubov}/link/{case.id}"
    assert nigora.get(path).status_code == 403
    assert "This case is not open" in nigora.page.text

    nigora.press(f"/compare/{case.id}")
    nigora.get(f"/desk/reports/{yaqubov}")
    nigora.press(f"/compare/{case.id}")

    assert nigora.page.request.path == path
    assert [record["details"]["case"] for record in desk.entries("case.opened")] == ["C-0002"]
    before = desk.rows()
    nigora.get(path)
    assert desk.rows() == before
    desk.instance.clock.forward(minutes=61)
    nigora.sign_in()
    assert nigora.get(path).status_code == 403
    assert "Opening a report is an entry" in nigora.page.text


def test_a_case_is_compared_only_with_an_opened_report(desk: Desk, farrukh: UUID) -> None:
    """Nobody opens cases through a report they have not opened, nor what does not exist."""
    nigora = desk.member()
    csrf = next(form.value("csrf") for form in nigora.forms() if form.value("csrf"))
    case = desk.case("C-0002").id

    assert nigora.post(f"/desk/reports/{farrukh}/compare/{case}", {"csrf": csrf}).status_code == 403
    assert nigora.post(f"/desk/reports/{UUID(int=7)}/compare/{case}", {"csrf": csrf}).status_code == 404
    show(nigora, farrukh)
    assert nigora.post(f"/desk/reports/{farrukh}/compare/{UUID(int=7)}", {"csrf": csrf}).status_code == 404
    assert desk.entries("case.opened") == []


def test_what_agrees_and_what_does_not(desk: Desk, yaqubov: UUID) -> None:
    """A difference is claimed only where it can be told."""
    body = desk.body(yaqubov)
    verdicts = {}
    for code in ("C-0002", "C-0010", "C-0001"):
        with desk.read() as session:
            verdicts[code] = {row.what: row.verdict for row in compare(body, read_case(session, desk.actor, desk.case(code).id))}

    assert verdicts["C-0002"] == dict.fromkeys(("exile", "people", "place", "time", "acts", "relation"), "agrees")
    assert verdicts["C-0010"] | {"time": ""} == {
        "exile": "differs",
        "people": "open",
        "place": "open",
        "time": "",
        "acts": "agrees",
        "relation": "agrees",
    }
    assert verdicts["C-0001"]["exile"] in ("open", "differs")


def test_what_a_report_leaves_open_is_missing(desk: Desk, farrukh: UUID) -> None:
    """Not stated is shown in words, never as a difference."""
    nigora = desk.owner(farrukh)
    nigora.press(f"/compare/{desk.case('C-0002').id}")

    page = text_of(nigora.page.text)
    for word in ("Exile", "Place", "Time", "Acts", "Relation"):
        assert f"{word} ? nothing said" in page
    assert "not stated" in page


def test_dates_disagree_only_where_both_are_bounded(desk: Desk) -> None:
    """A date of another year differs from a case whose times are all known; it cannot be told where a case only says since when."""
    made = desk.write("A text.", year="2011", month="3")
    body = desk.body(made)
    assert clues_of(body).span is not None
    found = {}
    with desk.read() as session:
        for case in open_table(session, desk.actor, Case):
            found[case.body.code] = next(row for row in compare(body, read_case(session, desk.actor, case.id)) if row.what == "time")

    assert found["C-0002"].verdict == "differs"
    assert {row.verdict for row in found.values() if not row.case} <= {"missing"}


# --- linking


def test_a_report_is_accepted_by_its_first_link(desk: Desk, yaqubov: UUID) -> None:
    """What was suggested goes into the log beside what was chosen; both ends know of it."""
    nigora = desk.owner(yaqubov)
    first, second = desk.incident("I05"), desk.incident("I07")
    assert "Link and accept" not in nigora.page.text

    press_link(nigora, yaqubov, desk.case("C-0002"), [first, second])

    assert nigora.page.request.path == f"/desk/reports/{yaqubov}"
    page = text_of(nigora.page.text)
    assert "About 200 protesters at the house" in page
    assert "describes the same event, likely · Nigora, 24 November" in page
    assert desk.links(yaqubov) == ["I05", "I07"]
    opened = desk.opened(yaqubov)
    assert opened.report.state is ReportState.ACCEPTED
    assert [entry["report"] for entry in desk.incident("I05").body.reports] == [str(yaqubov)]
    (record,) = desk.entries("report.accepted")
    assert record["details"]["incidents"] == 2
    assert [item["case"] for item in record["details"]["suggested"]][:1] == ["C-0002"]
    assert len(desk.entries("incident.changed")) == 2
    nigora.get("/desk/queue/accepted")
    assert "2 links" in nigora.page.text


def test_a_report_has_several_incidents_and_an_incident_several_reports(desk: Desk, yaqubov: UUID, farrukh: UUID) -> None:
    """Also of two cases; a further link does not accept a second time."""
    nigora = desk.owner(yaqubov)
    press_link(nigora, yaqubov, desk.case("C-0002"), [desk.incident("I05")])
    press_link(nigora, yaqubov, desk.case("C-0002"), [desk.incident("I08")], type="adds", certainty="possible")
    press_link(nigora, yaqubov, desk.case("C-0001"), [desk.incident("I01")], certainty="possible")
    show(nigora, farrukh)
    nigora.press("/claim")
    press_link(nigora, farrukh, desk.case("C-0002"), [desk.incident("I08")])

    assert desk.links(yaqubov) == ["I05", "I08", "I01"]
    assert desk.links(farrukh) == ["I08"]
    assert {entry["report"] for entry in desk.incident("I08").body.reports} == {str(yaqubov), str(farrukh)}
    assert len(desk.entries("report.accepted")) == 2
    assert len(desk.entries("report.linked")) == 2


def test_a_link_taken_back_leaves_its_trace(desk: Desk, yaqubov: UUID) -> None:
    """With a reason; the last one takes the report back to triage, and the same link can be made again."""
    nigora = desk.owner(yaqubov)
    one, two = desk.incident("I05"), desk.incident("I06")
    press_link(nigora, yaqubov, desk.case("C-0002"), [one, two])

    assert nigora.press(f"/unlink/{one.id}").status_code == 422
    assert "Say why" in nigora.page.text
    nigora.press(f"/unlink/{one.id}", unlink_reason="Another house.")

    assert desk.links(yaqubov) == ["I06"]
    assert desk.incident("I05").body.reports == []
    assert desk.opened(yaqubov).report.state is ReportState.ACCEPTED
    ended = next(item for item in desk.opened(yaqubov).work.links if item["incident"] == str(one.id))
    assert (ended["ended"]["reason"], ended["ended"]["day"]) == ("Another house.", "2026-11-24")
    nigora.press(f"/unlink/{two.id}", unlink_reason="That one too.")
    assert desk.opened(yaqubov).report.state is ReportState.IN_TRIAGE
    assert "To accept it" not in nigora.page.text  # a gist is what is missing first
    press_link(nigora, yaqubov, desk.case("C-0002"), [one])
    assert desk.links(yaqubov) == ["I05"]
    assert len(desk.opened(yaqubov).work.links) == 3


def test_no_end_of_a_link_can_be_read_from_the_file(desk: Desk, yaqubov: UUID) -> None:
    """Who takes the database learns which rows there are, and not which of them belong together."""
    nigora = desk.owner(yaqubov)
    incident = desk.incident("I05")
    press_link(nigora, yaqubov, desk.case("C-0002"), [incident])
    desk.database.empty_wal()

    def cells(table: str, row_id: UUID) -> bytes:
        (row,) = desk.instance.rows(f'SELECT * FROM "{table}" WHERE id = ?', row_id)  # noqa: S608 - two names of ours
        return b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in row)

    report_row, incident_row = cells("report", yaqubov), cells("incident", incident.id)
    case_id = desk.case("C-0002").id
    for row, ids in ((report_row, (incident.id, case_id)), (incident_row, (yaqubov,))):
        for found in ids:
            assert str(found).encode() not in row
            assert found.hex.encode() not in row
            assert found.bytes not in row
    assert b"C-0002" not in b"".join(files_of(desk.instance).values())
    for table in METADATA.tables:
        for values in desk.instance.rows(f'SELECT * FROM "{table}"'):  # noqa: S608 - our own table names
            text = " ".join(str(value) for value in values)
            assert not ((yaqubov.hex in text or str(yaqubov) in text) and (incident.id.hex in text or str(incident.id) in text)), table


def test_a_new_incident_is_recorded_with_its_link(desk: Desk, yaqubov: UUID) -> None:
    """In the case that is open, for somebody of it and somebody new, at a place that is known by another spelling."""
    nigora = desk.owner(yaqubov)
    case = desk.case("C-0002")
    before = desk.rows()
    with desk.read() as session:
        people = {item.body.key: str(item.id) for item in open_table(session, desk.actor, Person)}
    new = {
        "new": "1",
        "incident_title": "A second visit",
        "incident_when": "../2017",
        "incident_place": "khudjand",
        "act_type": "THR_HARASS",
        "victim": people["R05"],
        "victim_relation": "child",
        "victim_minor": "probable",
    }

    press_link(nigora, yaqubov, case, [desk.incident("I05")], **new)

    after = desk.rows()
    assert {name: after[name] - before[name] for name in ("case", "incident", "act", "person", "reference")} == {
        "case": 0,
        "incident": 1,
        "act": 1,
        "person": 1,
        "reference": 0,
    }
    assert "A second visit by" in text_of(nigora.page.text) or "A second visit" in nigora.page.text
    assert len(desk.opened(yaqubov).work.links) == 2
    with desk.read() as session:
        made = next(item for item in open_table(session, desk.actor, Incident) if item.body.title == "A second visit")
        act = next(item for item in open_table(session, desk.actor, Act) if item.row.incident_id == made.id)
        child = next(item for item in open_table(session, desk.actor, Person) if str(item.id) in act.body.victims and not item.body.key)
    assert made.row.case_id == case.id
    assert made.body.when == "../2017"
    assert people["R05"] in act.body.victims
    assert (child.body.forms, child.body.relation, child.body.minor) == ([], "child", "probable")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({}, "Choose at least one incident"),
        ({"type": ""}, "Say what the report does"),
        ({"certainty": ""}, "how sure you are"),
        ({"new": "1"}, "Give the incident a title."),
        ({"new": "1", "incident_title": "T"}, "Choose what was done."),
        ({"new": "1", "incident_title": "T", "act_type": "THR_HARASS", "incident_when": "long ago"}, "Write the date as in the examples."),
        (
            {"new": "1", "incident_title": "T", "act_type": "THR_HARASS", "victim_minor": "yes", "victim_name": "A Child"},
            "A minor is never named",
        ),
        ({"new": "1", "incident_title": "T", "act_type": "THR_HARASS", "victim_minor": "yes"}, "Say who the person was"),
        ({"new": "1", "incident_title": "T", "act_type": "NO_SUCH_ACT"}, "Not saved"),
        ({"new": "1", "incident_title": "x" * 201, "act_type": "THR_HARASS"}, "Not saved"),
        ({"incident": "no id"}, "Not saved"),
        ({"incident": str(UUID(int=7))}, "There is nothing here"),
        ({"incident": "I05", "version": "0"}, "Somebody was faster"),
    ],
)
def test_a_refused_link_changes_nothing_and_keeps_everything(typed: dict[str, str], says: str, desk: Desk, farrukh: UUID) -> None:
    """The page comes back with what was chosen and typed."""
    nigora = desk.owner(farrukh)
    case, incident = desk.case("C-0002"), desk.incident("I05")
    nigora.press(f"/compare/{case.id}")
    before = desk.rows()
    chosen = {"type": "adds", "certainty": "certain", "incident_place": "Khujand", **typed}
    if chosen.get("incident") == "I05":
        chosen["incident"] = str(incident.id)

    nigora.press(f"/link/{case.id}", **chosen)

    assert nigora.page.status_code in (404, 409, 422)
    form = nigora.form(f"/link/{case.id}")
    for name, value in chosen.items():
        if name != "version" and value and value != "no id" and value != str(UUID(int=7)) and value != "NO_SUCH_ACT":
            assert form.value(name) == value, name
    assert desk.rows() == before
    assert desk.links(farrukh) == []
    alert = re.search(r'role="alert">(.*?)</p>', nigora.page.text)
    assert alert is not None
    assert says in alert[1]


def test_a_link_typed_after_the_hour_can_be_copied(desk: Desk, farrukh: UUID) -> None:
    """The page cannot be shown any more, what was typed is."""
    nigora = desk.owner(farrukh)
    case = desk.case("C-0002")
    nigora.press(f"/compare/{case.id}")
    form = nigora.form(f"/link/{case.id}")
    desk.instance.clock.forward(minutes=61)
    nigora.sign_in()
    csrf = next(found.value("csrf") for found in nigora.forms() if found.value("csrf"))

    data = form.data(None, new="1", incident_title="A title nobody else typed", type="adds", certainty="likely", act_type="THR_HARASS")
    nigora.post(form.action, data | {"csrf": [csrf]})

    assert nigora.page.status_code == 403
    assert "A title nobody else typed" in nigora.page.text


def test_only_the_owner_links(desk: Desk, yaqubov: UUID) -> None:
    """Others may compare; a lead is no exception."""
    nigora = desk.owner(yaqubov)
    case, incident = desk.case("C-0002"), desk.incident("I05")
    nigora.press(f"/compare/{case.id}")
    form = nigora.form(f"/link/{case.id}")
    ruth = desk.member("Ruth")
    show(ruth, yaqubov)
    ruth.press(f"/compare/{case.id}")
    assert "Only the owner links a report." in ruth.page.text
    csrf = next(found.value("csrf") for found in ruth.forms() if found.value("csrf"))
    data = form.data(None, incident=[str(incident.id)], type="supports", certainty="likely")

    ruth.post(form.action, data | {"csrf": [csrf]})

    assert ruth.page.status_code == 409
    assert desk.links(yaqubov) == []
    assert "Not the same person" not in ruth.get(f"/desk/reports/{yaqubov}").text


def test_one_incident_chosen_twice_is_linked_once(desk: Desk, yaqubov: UUID) -> None:
    """And not a second time while the link lives."""
    nigora = desk.owner(yaqubov)
    incident = desk.incident("I05")
    press_link(nigora, yaqubov, desk.case("C-0002"), [incident, incident])
    assert desk.links(yaqubov) == ["I05"]
    assert len(desk.incident("I05").body.reports) == 1

    press_link(nigora, yaqubov, desk.case("C-0002"), [incident])

    assert nigora.page.status_code == 409
    assert desk.links(yaqubov) == ["I05"]


def test_an_incident_of_another_case_is_not_linked_by_a_forged_form(desk: Desk, yaqubov: UUID) -> None:
    """Only what the opened case shows."""
    nigora = desk.owner(yaqubov)

    press_link(nigora, yaqubov, desk.case("C-0002"), [desk.incident("I01")])

    assert nigora.page.status_code == 404
    assert desk.links(yaqubov) == []


# --- a new case


def test_a_new_case_is_begun_with_its_first_incident(desk: Desk, farrukh: UUID) -> None:
    """Case, exile, incident, act, relative and link at once; a known place is found by a variant of its name."""
    nigora = desk.owner(farrukh)
    before = desk.rows()

    nigora.press("/newcase", **NEW_CASE)

    after = desk.rows()
    assert {name: after[name] - before[name] for name in ("case", "incident", "act", "person", "reference")} == {
        "case": 1,
        "incident": 1,
        "act": 1,
        "person": 2,
        "reference": 0,
    }
    opened = desk.opened(farrukh)
    assert opened.report.state is ReportState.ACCEPTED
    (link,) = opened.work.links
    assert (link["type"], link["certainty"]) == ("supports", "certain")
    page = text_of(nigora.page.text)
    code = f"C-{after['case']:04d}"
    assert f"{code} Visit at a home October 2026" in page
    made = desk.case(code)
    assert made.body.title == "A teacher abroad"
    with desk.read() as session:
        people = {str(item.id): item.body for item in open_table(session, desk.actor, Person)}
    assert people[made.body.exile].forms == ["Nazira Example", "Назира Example"]
    assert [record["kind"] for record in desk.entries("case.created", "report.accepted")][-2:] == ["case.created", "report.accepted"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"case_title": ""}, "Give the case a title without names."),
        ({"exile_names": ""}, "Name the person abroad"),
        ({"incident_title": ""}, "Give the incident a title."),
        ({"incident_when": "2026-13"}, "Write the date as in the examples."),
        ({"act_type": ""}, "Choose what was done."),
        ({"victim_minor": "probable"}, "A minor is never named"),
        ({"case_title": "About Назира"}, "The title holds a name"),
        ({"case_title": "The mother of Example"}, "The title holds a name"),
        ({"victim_relation": "no such"}, "Not saved"),
        ({"exile_names": "\n".join("ABCDEFGHIJKLM")}, "Not saved"),
        ({"version": "0"}, "version"),
    ],
)
def test_a_refused_case_leaves_nothing(typed: dict[str, str], says: str, desk: Desk, farrukh: UUID) -> None:
    """Neither a case without an incident nor an incident without a link; and everything typed comes back."""
    nigora = desk.owner(farrukh)
    before = desk.rows()

    nigora.press("/newcase", **(NEW_CASE | typed))

    assert nigora.page.status_code in (409, 422)
    assert desk.rows() == before
    form = nigora.form("/newcase")
    for name, value in (NEW_CASE | typed).items():
        if name != "version" and value != "no such":
            assert form.value(name) == value, name
    if says != "version":
        assert says in nigora.page.text


def test_a_person_who_is_not_named_can_begin_a_case(desk: Desk, farrukh: UUID) -> None:
    """By words for the exile, and a child by its relation alone."""
    nigora = desk.owner(farrukh)
    typed = {"exile_names": "", "exile_label": "a teacher", "victim_name": "", "victim_minor": "yes", "victim_relation": "child"}

    nigora.press("/newcase", **(NEW_CASE | typed))

    with desk.read() as session:
        made = [item.body for item in open_table(session, desk.actor, Person) if not item.body.key]
    assert sorted((person.role, person.name, person.minor) for person in made) == [("exile", "a teacher", None), ("relative", "", "yes")]


# --- contradicting


def test_what_a_report_contradicts_becomes_disputed(desk: Desk, yaqubov: UUID) -> None:
    """Every confirmed finding on the chosen incidents, in the same transaction; the page says so before."""
    findings = Findings(desk.instance, desk.database)
    for ref in ("I05·1", "I06·1"):
        findings.confirm(ref)
    nigora = desk.owner(yaqubov)
    nigora.press(f"/compare/{desk.case('C-0002').id}")
    page = text_of(nigora.page.text)
    assert "the confirmed findings on it become disputed at once" in page
    assert page.count("1 confirmed finding") == 2

    press_link(nigora, yaqubov, desk.case("C-0002"), [desk.incident("I05")])
    assert [findings.state(ref).value for ref in ("I05·1", "I06·1")] == ["confirmed", "confirmed"]
    nigora.press(f"/unlink/{desk.incident('I05').id}", unlink_reason="It says otherwise.")
    press_link(nigora, yaqubov, desk.case("C-0002"), [desk.incident("I05")], type="contradicts")

    assert [findings.state(ref).value for ref in ("I05·1", "I06·1")] == ["disputed", "confirmed"]
    (record,) = desk.entries("finding.disputed")
    assert record["details"]["reasons"] == ["new_information"]


# --- closing, duplicates, withdrawing


def test_two_people_close_a_report(desk: Desk, farrukh: UUID) -> None:
    """The first sees that a second is needed; the second sees who asked, as what and why; the page then names both."""
    nigora = desk.owner(farrukh)
    nigora.press("/closing", closing_reason="advertising")

    page = text_of(nigora.page.text)
    assert "Nigora, caseworker, asked on 24 November to close it as spam: advertising." in page
    assert "A second person confirms." in page
    assert "Take it back" in page
    assert "Confirm:" not in page
    assert "Link and accept" not in nigora.page.text
    assert "Closing asked: 1 of 2" in nigora.get("/desk/queue").text

    ruth = desk.member("Ruth")
    assert "Closing asked: 1 of 2" in ruth.get("/desk/queue/second").text
    show(ruth, farrukh)
    ruth.press("/close")
    page = text_of(ruth.page.text)
    assert "Nigora asked, Ruth confirmed on 24 November." in page
    assert "Spam : advertising" in page
    assert "Nothing is written to the source of a report that is withdrawn or spam." in page
    assert "Open again" in page
    nigora.get(f"/desk/reports/{farrukh}")
    assert "Open again" not in nigora.page.text
    assert "Does it belong to a case we know?" not in nigora.page.text

    assert ruth.press("/reopen").status_code == 422
    ruth.press("/reopen", reopen_reason="Not spam at all.")
    assert "In triage" in ruth.page.text
    assert "Not spam at all." in ruth.page.text


def test_the_reason_says_what_it_is_closed_as(desk: Desk, farrukh: UUID) -> None:
    """Whatever else a form claims."""
    nigora = desk.owner(farrukh)

    nigora.press("/closing", closing_reason="help_only", to="spam", state="spam", second="x", people="2")

    assert "to close it as out of scope" in nigora.page.text
    assert desk.opened(farrukh).report.state is ReportState.IN_TRIAGE


def test_one_person_closes_nothing_by_any_form(desk: Desk, farrukh: UUID) -> None:
    """Neither with fields of the second person, nor as another state, nor by pressing what is not on the page."""
    nigora = desk.owner(farrukh)
    nigora.press("/closing", closing_reason="test")
    timur = desk.actor.member_id
    url = f"/desk/reports/{farrukh}"
    for path, extra in (
        ("/close", {}),
        ("/close", {"second": timur, "by": timur, "actor": timur, "member": timur, "to": "spam", "people": "2"}),
        ("/state", {"to": "spam"}),
        ("/state", {"to": "out_of_scope"}),
        ("/closing", {"closing_reason": "test", "second": timur}),
        ("/description", {"gist": "g", "state": "spam", "closed": "1", "work": "{}"}),
        ("/close", {"version": "99"}),
    ):
        nigora.get(url)
        form = nigora.form("/description")
        nigora.post(url + path, form.data(None, **extra))
        assert desk.opened(farrukh).report.state is ReportState.IN_TRIAGE, (path, extra)
    nigora.get(url)
    nigora.post(f"{url}/close", nigora.form("/description").data())
    assert nigora.page.status_code == 403
    assert "You asked for this yourself. A second person confirms it." in nigora.page.text


@pytest.mark.parametrize("name", ["Jonas", "Salome", "Edda"])
def test_other_roles_decide_nothing(name: str, desk: Desk, farrukh: UUID) -> None:
    """An administrator is no second person."""
    nigora = desk.owner(farrukh)
    nigora.press("/closing", closing_reason="test")
    other = desk.member(name)
    other.get("/desk/members" if name != "Edda" else "/audit/log")
    csrf = next((form.value("csrf") for form in other.forms() if form.value("csrf")), "")

    for path in ("close", "keep", "reopen", "withdraw", "duplicate", "closing", "newcase", f"compare/{desk.case('C-0001').id}"):
        assert other.post(f"/desk/reports/{farrukh}/{path}", {"csrf": csrf, "version": "3"}).status_code == 403
    assert desk.opened(farrukh).report.state is ReportState.IN_TRIAGE


def test_a_caseworker_opens_nothing_again(desk: Desk, farrukh: UUID) -> None:
    """Only a lead may, whatever the page shows."""
    nigora = desk.owner(farrukh)
    nigora.press("/duplicate", duplicate_ref=queue.ref_of(desk.write("The first report.")))
    assert desk.opened(farrukh).report.state is ReportState.DUPLICATE

    nigora.post(f"/desk/reports/{farrukh}/reopen", nigora.form("/description").data(None, reopen_reason="Please."))

    assert nigora.page.status_code == 403
    assert desk.opened(farrukh).report.state is ReportState.DUPLICATE


def test_a_closing_is_kept_open_by_either(desk: Desk, farrukh: UUID) -> None:
    """By the second person, or taken back by the first."""
    nigora = desk.owner(farrukh)
    nigora.press("/closing", closing_reason="test")
    nigora.press("/keep")
    assert "Closing asked" not in nigora.page.text
    assert "It does not belong here" in nigora.page.text
    nigora.press("/closing", closing_reason="test")
    timur = desk.member("Timur")
    show(timur, farrukh)

    timur.press("/keep")

    assert "Closing asked" not in timur.page.text
    assert [record["details"]["to"] for record in desk.entries("report.kept")] == ["spam", "spam"]


def test_a_duplicate_is_chosen_or_typed(desk: Desk, farrukh: UUID) -> None:
    """By its line in the list, or by its short code as people say it; the list needs the hour of looking at the queue."""
    first = desk.write("The first report.")
    ref = queue.ref_of(first)
    nigora = desk.owner(farrukh)
    assert f'<option value="{first}">{ref} – No gist yet</option>' in nigora.page.text

    for typed, status in (
        ({}, 422),
        ({"duplicate_ref": "ZZZZ" if ref != "ZZZZ" else "YYYY"}, 404),
        ({"duplicate_ref": queue.ref_of(farrukh)}, 404),
        ({"duplicate_of": str(UUID(int=7))}, 404),
        ({"duplicate_of": "no id"}, 404),
        ({"duplicate_of": str(first), "duplicate_ref": queue.ref_of(farrukh)}, 422),
    ):
        assert (
            nigora.press("/duplicate", duplicate_of=typed.get("duplicate_of", ""), duplicate_ref=typed.get("duplicate_ref", "")).status_code
            == status
        )
        assert desk.opened(farrukh).report.state is ReportState.IN_TRIAGE
    nigora.press("/duplicate", duplicate_of="", duplicate_ref=f" {ref.lower()} ")

    assert f"Duplicate of {ref}" in nigora.page.text
    assert f"Duplicate of {ref}" in nigora.get("/desk/queue/closed").text
    show(nigora, first)
    assert "1 other report repeats this one:" in nigora.page.text
    assert f'<span class="ref">{queue.ref_of(farrukh)}</span>' in nigora.page.text


def test_the_list_of_duplicates_needs_a_look_at_the_queue(desk: Desk, farrukh: UUID) -> None:
    """Gists of other reports are the queue's: without its hour a code can still be typed."""
    first = desk.write("The first report.")
    nigora = desk.owner(farrukh)
    desk.instance.clock.forward(minutes=50)
    nigora.sign_in()
    show(nigora, farrukh)
    with desk.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM lease WHERE record = 'queue'")

    nigora.get(f"/desk/reports/{farrukh}")

    assert str(first) not in nigora.page.text
    assert "Code of the report that it repeats" in nigora.page.text
    nigora.press("/duplicate", duplicate_ref=queue.ref_of(first))
    assert desk.opened(farrukh).report.state is ReportState.DUPLICATE


def test_a_report_is_withdrawn_for_its_source(desk: Desk, farrukh: UUID) -> None:
    """With a reason that stays as a note; nothing more can be done."""
    nigora = desk.owner(farrukh)
    assert nigora.press("/withdraw").status_code == 422

    nigora.press("/withdraw", withdraw_reason="They wrote so with their code.")

    page = text_of(nigora.page.text)
    assert "Withdrawn by the source Nigora, 24 November" in page
    assert "Nothing more is done with it." in page
    assert "They wrote so with their code." in page
    assert "It does not belong here" not in page


# --- the page is one form


def test_another_button_loses_nothing(desk: Desk, farrukh: UUID) -> None:
    """Whatever stands in the new boxes comes back when something else is pressed, and is marked as not saved."""
    desk.write("The first report.")
    nigora = desk.owner(farrukh)
    typed = NEW_CASE | {
        "duplicate_ref": "7Q2F",
        "closing_reason": "test",
        "withdraw_reason": "They said so.",
        "victim_minor": "probable",
        "other_case": str(desk.case("C-0003").id),
        "exile_label": "a teacher",
        "message": "",
    }

    nigora.press("/notes", note="A note.", **typed)

    assert "not saved yet" in nigora.page.text
    form = nigora.form("/description")
    assert {name: form.value(name) for name in typed} == typed
    nigora.press(f"/refuse/{desk.case('C-0010').id}")
    form = nigora.form("/description")
    assert {name: form.value(name) for name in typed} == typed
    nigora.press("/duplicate", duplicate_ref="0000")
    assert nigora.page.status_code == 404
    form = nigora.form("/description")
    assert {name: form.value(name) for name in typed} == typed | {"duplicate_ref": "0000"}


def test_comparing_waits_for_what_is_not_saved(desk: Desk, farrukh: UUID) -> None:
    """The case is opened, and the page stays until it is saved or left on purpose."""
    nigora = desk.owner(farrukh)
    case = desk.case("C-0002")

    nigora.press(f"/compare/{case.id}", gist="Half a gist")

    assert nigora.page.request.path.endswith(f"/compare/{case.id}")
    assert nigora.form("/description").value("gist") == "Half a gist"
    assert f'href="/desk/reports/{farrukh}/link/{case.id}"' in nigora.page.text
    assert len(desk.entries("case.opened")) == 1
    assert nigora.get(f"/desk/reports/{farrukh}/link/{case.id}").status_code == 200


def test_reading_what_arrived_loses_nothing(desk: Desk) -> None:
    """Also the button that opens a report once more."""
    before = desk.ids()
    source = Source(desk.app)
    code = source.write("A report.", reply="yes")
    queue.look(desk.database, desk.actor, desk.held, now=desk.instance.clock.now)
    (made,) = desk.ids() - before
    nigora = desk.owner(made)
    source.open_mailbox(code)
    source.press("/f", ("do", "add"), text="There is more to tell.")
    queue.look(desk.database, desk.actor, desk.held, now=desk.instance.clock.now)
    nigora.get(f"/desk/reports/{made}")
    assert "1 message came while this was open." in nigora.page.text

    nigora.press("/open", message="Half a question")

    assert "There is more to tell." in nigora.page.text
    assert nigora.form("/description").value("message") == "Half a question"


def test_boxes_typed_after_the_hour_can_be_copied(desk: Desk, farrukh: UUID) -> None:
    """The page cannot be shown any more, what was typed into its new boxes is."""
    nigora = desk.owner(farrukh)
    form = nigora.form("/newcase")
    desk.instance.clock.forward(minutes=61)
    nigora.sign_in()
    csrf = next(found.value("csrf") for found in nigora.forms() if found.value("csrf"))

    nigora.post(form.action, form.data(None, **NEW_CASE) | {"csrf": [csrf]})

    assert nigora.page.status_code == 403
    for name in ("case_title", "incident_title", "victim_name"):
        assert NEW_CASE[name] in nigora.page.text


def test_steps_say_where_a_report_stands(desk: Desk, farrukh: UUID) -> None:
    """And what it lacks to be accepted, when nothing else is missing."""
    nigora = desk.member()
    show(nigora, farrukh)
    assert steps(nigora) == ["Received*", "In triage", "Accepted"]
    nigora.press("/claim")
    assert steps(nigora) == ["Received", "In triage*", "Accepted"]
    nigora.press("/description", gist="A gist", summary="A summary")
    assert "To accept it: link at least one incident." in nigora.page.text
    nigora.press("/state")
    assert steps(nigora) == ["Received", "Urgent*", "Accepted"]
    press_link(nigora, farrukh, desk.case("C-0002"), [desk.incident("I08")])
    assert steps(nigora) == ["Received", "In triage", "Accepted*"]
    assert "To accept it" not in nigora.page.text
    assert "Mark as urgent" not in nigora.page.text


def steps(member: Member) -> list[str]:
    """Return the words of the step line, the present one marked."""
    line = member.page.text.split('<ol class="steps"')[1].split("</ol>")[0]
    found = re.findall(r"<li([^>]*)>([^<]*)", line)
    return [words + ("*" if "aria-current" in attributes else "") for attributes, words in found]
