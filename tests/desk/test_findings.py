"""Findings at the desk, by forms and without script: assessed, signed by two people, returned, refused; and nothing typed is lost.

Every grade and every answer is made up for the tests; no finding is meant.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import delete, text

from app.cases.files import leased_case
from app.cases.records import open_table, save
from app.cases.vocabulary import vocabulary
from app.desk import finding_labels as words
from app.findings import levels
from app.findings.review import MAX_CONTRADICTIONS, MAX_STATEMENTS
from app.findings.signatures import LEAD, PROTECTION, REVIEWER
from app.findings.states import DECISIONS
from app.store.cases import FindingState as S
from app.store.cases import Person
from app.store.keys import Lease
from app.web.labels import FINDINGS
from tests.conftest import Member, Template
from tests.findings.world import ACT, MINOR, SEXUAL, World, a_contradiction, a_statement, make_published, open_world

HTML: Final = "\"><script>alert(1)</script><b title='"
GRADED: Final = {"s0-reliability": "C", "s0-credibility": "3", "s1-reliability": "F", "s1-credibility": "6", "s1-interest": "research"}
COMPLETE: Final = {
    **GRADED,
    "s0-consistent": "1",
    "plausible": "yes",
    "fits_pattern": "yes",
    "agency": "no",
    "speaks_for": "It fits the week.",
    "speaks_against": "Nobody who was there was heard.\nNo day is stated.",
    "reasoning": "Told once, and retold.",
    "standard": "reasonable_suspicion",
}


@pytest.fixture(scope="module")
def published_url(template: Template, tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_published(template, tmp_path_factory.mktemp("published"))


@pytest.fixture
def world(template: Template, published_url: str, tmp_path: Path) -> Iterator[World]:
    made = open_world(template, published_url, tmp_path)
    yield made
    made.instance.close()


@dataclass
class Desk:
    """The desk, and who sits at it."""

    world: World
    app: Flask
    members: dict[str, Member] = field(default_factory=dict)

    def member(self, name: str) -> Member:
        if name not in self.members:
            self.world.actor(name)  # before the browser: a new session ends the member's other ones
            self.members[name] = Member(self.app, self.world.instance, name)
            self.members[name].sign_in()
        return self.members[name]

    def url(self, ref: str = ACT) -> str:
        case_id, act_id = self.world.place(ref)
        return f"/desk/cases/{case_id}/acts/{act_id}"

    def open(self, name: str, ref: str = ACT) -> str:
        """Let somebody open the case of an act and look at the finding."""
        member = self.member(name)
        member.get(self.url(ref))
        if member.page.status_code == 403:
            member.press("/open")
        assert (member.page.status_code, member.page.request.path) == (200, self.url(ref))
        return said(member)

    def press(self, name: str, action: str, status: int = 200, /, **typed: Any) -> str:
        """Fill the form on somebody's page that leads there, and press its button."""
        member = self.member(name)
        member.press(action, **typed)
        assert member.page.status_code == status, said(member)
        return said(member)

    def send(self, name: str, action: str, data: dict[str, str], ref: str = ACT) -> int:
        """Send what no page offers; returns the status."""
        member = self.member(name)
        csrf = member.form("/lock").value("csrf")
        member.post(f"{self.url(ref)}/{action}", {"csrf": csrf, "version": str(self.world.version(ref)), **data})
        return member.page.status_code

    def propose(self, ref: str = ACT, **typed: Any) -> str:
        self.open("Nigora", ref)
        self.press("Nigora", "/take")
        return self.press("Nigora", "/proposal", **{**COMPLETE, **typed})

    def review(self, ref: str = ACT, **typed: Any) -> str:
        """Let Nigora propose and Ruth ask Timur, who looks at it."""
        self.propose(ref, **typed)
        self.open("Ruth", ref)
        self.press("Ruth", "/reviewer", reviewer=self.world.id_of("Timur"))
        return self.open("Timur", ref)


@pytest.fixture
def desk(world: World) -> Desk:
    world.place(ACT)
    return Desk(world, world.instance.app("desk"))


def said(member: Member) -> str:
    """Return the words of a page."""
    page = re.sub(r"<(script|style|head)\b.*?</\1>", " ", member.page.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def alert(member: Member) -> str:
    """Return what a page tells at its top."""
    found = re.search(r'role="alert">(.*?)</p>', member.page.text, re.DOTALL)
    return unescape(found[1]) if found else ""


def buttons(member: Member) -> set[str]:
    """Return the last part of every address that a form or button of the page leads to."""
    forms = member.forms()
    found = {form.action for form in forms} | {target for form in forms for target, _, _ in form.elsewhere}
    return {action.rsplit("/", 1)[1] for action in found if "/acts/" in action}


# ── the words


def test_every_code_has_words() -> None:
    """Rules and needs say exactly what docs/levels.md says; nothing that a page shows is without a sentence."""
    assert {rule.id: rule.sentence for rule in levels.RULES} == words.RULES
    assert {need.id: need.sentence for need in levels.NEEDS} == words.NEEDS
    assert set(words.DECISIONS) == set(DECISIONS)
    assert set(words.DECIDED) == set(DECISIONS) - {"level"}
    assert set(words.SIGNATURES) == {LEAD, PROTECTION, REVIEWER}
    assert set(words.STANDINGS) == {levels.STRONG, levels.COUNTS, levels.LOW, levels.CANNOT_JUDGE, levels.ACCUSED}
    assert set(FINDINGS) == set(S)
    fields = set(levels.Statement.__dataclass_fields__)
    assert set(words.QUESTIONS) == fields - {"reliability", "credibility", "origin", "household"}
    assert set(words.ANSWERS) == {"plausible", "fits_pattern", "agency"}


# ── the whole way


def test_two_people_sign_by_forms_alone(desk: Desk) -> None:
    """Nigora takes, saves, proposes L1; she cannot confirm; Ruth asks Timur; Timur confirms; the page names both."""
    page = desk.open("Nigora")
    assert "Next: somebody takes this act." in page
    page = desk.press("Nigora", "/take")
    assert "Tajikistan Uses My Family Members as Hostages" in page
    assert "not graded yet" in page
    page = desk.press("Nigora", "/assessment", speaks_for="It fits the week.", **GRADED)
    assert "In assessment" in page
    assert desk.member("Nigora").form("/assessment").value("speaks_for") == "It fits the week."
    assert "what speaks against it; your reasoning; the standard of proof" in page

    page = desk.press("Nigora", "/proposal", **COMPLETE, note="One origin, no witness.")
    assert "Proposed" in page
    assert "L1 possible" in page
    assert str(words.RULES["one-origin"]) in page
    assert "May review it: Ruth, Timur." in page or "May review it: Timur, Ruth." in page
    assert "May not review it: Nigora (proposed it)" in page
    assert buttons(desk.member("Nigora")) == set()
    size = desk.world.size()
    assert desk.send("Nigora", "confirmation", {"read": "1"}) == 403
    assert "You signed this in another part already" in alert(desk.member("Nigora"))
    (entry,) = desk.world.entries(since=size)
    assert (entry["kind"], entry["details"]["reasons"]) == ("finding.refused", ["same-person"])

    desk.open("Ruth")
    page = desk.press("Ruth", "/reviewer", reviewer=desk.world.id_of("Timur"))
    assert "the reviewer’s signature (Timur)" in page
    page = desk.open("Timur")
    assert "You may sign: you did not propose it" in page
    assert "Sign and confirm L1" in page
    page = desk.press("Timur", "/confirmation", read="1", comment="I read both texts.", note="Both read.")

    assert "Confirmed" in page
    assert "Nothing is missing: 2 people signed." in page
    assert "Nigora ✓ Signed , proposer" in page
    assert "Timur ✓ Signed , reviewer" in page
    assert "I read both texts." in page
    assert re.search(r"key [0-9a-f]{4} [0-9a-f]{4}", page)
    assert desk.world.state() is S.CONFIRMED
    notes = [entry["details"].get("note") for entry in desk.world.entries() if entry["kind"] in ("finding.proposed", "finding.confirmed")]
    assert notes == ["One origin, no witness.", "Both read."]


def test_a_returned_finding_comes_back_in_a_second_round(desk: Desk) -> None:
    """The reason and the comment stand at the top until it is proposed again; both rounds stay."""
    desk.review()
    desk.press("Timur", "/return", objection="not_readable", comment="Say how the article knows.")
    page = desk.open("Nigora")
    assert "Round 1 was given back" in page
    assert "Not clear" in page
    assert "Say how the article knows." in page

    page = desk.press("Nigora", "/take")
    assert "Round 1 was given back" in page
    assert desk.member("Nigora").form("/assessment").value("reasoning") == "Told once, and retold."
    page = desk.press("Nigora", "/proposal", reasoning="The article says so and cites nothing.")
    assert "Round 1: L1, given back" in re.sub(r" ([,:])", r"\1", page)
    assert "Told once, and retold." in page
    assert "Timur ↩ Gave it back , reviewer" in page
    assert "The article says so and cites nothing." in page
    desk.open("Ruth")
    desk.press("Ruth", "/reviewer", reviewer=desk.world.id_of("Ruth"))
    page = desk.press("Ruth", "/confirmation", read="1")
    assert "Nothing is missing: 2 people signed." in page


def test_a_refutation_shows_three_people(desk: Desk) -> None:
    """The lead signs beside the reviewer, and the word stands where a level would."""
    desk.review(decision="refuted")
    desk.open("Timur")
    assert "confirmation" in buttons(desk.member("Timur"))  # where the form goes; its button is not there yet
    assert "Sign and confirm" not in said(desk.member("Timur"))
    assert desk.send("Timur", "confirmation", {"read": "1"}) == 409
    desk.open("Ruth")
    page = desk.press("Ruth", "/approval")
    assert "approval" not in buttons(desk.member("Ruth"))
    assert "Ruth ✓ Signed , lead" in page

    desk.open("Timur")
    assert "Sign and confirm refuted" in said(desk.member("Timur"))
    page = desk.press("Timur", "/confirmation", read="1")

    assert "Nothing is missing: 3 people signed." in page
    assert str(words.DECIDED["refuted"]) in page
    assert desk.world.state() is S.REFUTED


def test_an_unverifiable_act_needs_no_answers(desk: Desk) -> None:
    """Two people say that it cannot be taken further; a statement without a grade has to be taken out first."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    typed = {"decision": "unverifiable", "speaks_against": "x", "reasoning": "Everybody was asked.", "standard": "reasonable_suspicion"}
    desk.press("Nigora", "/proposal", 422, **typed)
    assert "grade for each statement" in alert(desk.member("Nigora"))
    desk.press("Nigora", "/proposal", **{**typed, "s0-drop": "1", "s1-drop": "1"})
    desk.open("Ruth")
    desk.press("Ruth", "/reviewer", reviewer=desk.world.id_of("Timur"))
    desk.open("Timur")

    page = desk.press("Timur", "/confirmation", read="1")

    assert desk.world.state() is S.UNVERIFIABLE
    assert "No statement is recorded." in page


def test_disputes_are_settled_at_the_page(desk: Desk) -> None:
    """Anybody disputes, a lead settles, a lead opens again; what was said stands at the top while it is open."""
    desk.review()
    desk.press("Timur", "/confirmation", read="1")
    page = desk.press("Timur", "/dispute", dispute_reason="facts_wrong", dispute_text="It was another day.")
    assert "a lead’s decision. Until then it is not shared." in page
    assert "It was another day." in page
    assert buttons(desk.member("Timur")) == set()
    desk.open("Ruth")
    desk.member("Ruth").press("/settlement", ("settle_to", "confirmed"), settle_text="The day does not matter.")
    assert desk.world.state() is S.CONFIRMED
    page = desk.press("Ruth", "/reopening", reopen_text="A witness wrote.")
    assert "A witness wrote." in page
    assert desk.world.state() is S.REOPENED
    page = desk.press("Ruth", "/take")

    assert "The day does not matter." in page
    assert desk.member("Ruth").form("/assessment").value("reasoning") == "Told once, and retold."


def test_a_lead_takes_over(desk: Desk) -> None:
    """The button says from whom; to the others there is none."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    assert buttons(desk.member("Nigora")) == {"assessment", "proposal"}
    page = desk.open("Timur")
    assert "Nigora assesses this act." in page
    assert buttons(desk.member("Timur")) == set()
    assert "Take it over from Nigora" in desk.open("Ruth")

    desk.press("Ruth", "/take")

    assert buttons(desk.member("Ruth")) == {"assessment", "proposal"}


# ── nothing typed is lost


def typed_everywhere() -> dict[str, str]:
    """Return something for every field of the form, in a new row of each kind too."""
    said = {name: f"{name} {HTML}" for name in ("confirm", "refute", "speaks_for", "speaks_against", "reasoning", "note")}
    said |= {f"s2-{name}": f"{name} {HTML}" for name in ("who", "how")} | {"s2-origin": "mother", "s2-household": "house"}
    said |= {f"c0-{name}": f"{name} {HTML}" for name in ("reading_a", "source_a", "reading_b", "source_b", "why")}
    said |= {"s2-interest": "family", "s2-access": "saw", "s2-reliability": "B", "s2-credibility": "2", "s2-first_hand": "1"}
    said |= {"c0-about": "when", "c0-material": "yes", "c0-treatment": "kept_open"}
    return {**said, "plausible": "yes", "fits_pattern": "no", "agency": "", "standard": "clear_and_convincing", "decision": "unverifiable"}


def assert_is_there(member: Member, typed: dict[str, str]) -> None:
    """Assert that the form holds everything again."""
    form = member.form("/assessment")
    for name, value in typed.items():
        assert form.value(name) == value, name
    assert "<script>alert" not in member.page.text


def test_saved_words_come_back(desk: Desk) -> None:
    """Every field of a saved assessment, to the letter; the note is for the proposal only."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    typed = {name: value for name, value in typed_everywhere().items() if name != "note"}

    desk.press("Nigora", "/assessment", **typed)
    desk.open("Nigora")

    assert_is_there(desk.member("Nigora"), typed)


@pytest.mark.parametrize(
    ("action", "changes", "status", "says"),
    [
        ("/proposal", {}, 422, "Not proposed, and nothing was saved. Missing:"),
        ("/proposal", {"note": "Alijon was held", **GRADED, "standard": "reasonable_suspicion"}, 422, "The note names somebody"),
        ("/assessment", {"version": "1000"}, 409, "changed elsewhere"),
        ("/assessment", {"reasoning": "x" * 4001}, 422, "too long"),
        ("/assessment", {"s2-interest": "no such"}, 422, "Not saved"),
    ],
)
def test_a_refused_form_comes_back_whole(desk: Desk, action: str, changes: dict[str, str], status: int, says: str) -> None:
    """Whatever the reason, every field stands as it was typed, and nothing was saved."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    typed = {**typed_everywhere(), **changes}
    version = desk.world.version(ACT)

    desk.press("Nigora", action, status, **typed)

    assert says in alert(desk.member("Nigora"))
    shown = {name: value for name, value in typed.items() if name != "version" and value != "no such"}
    assert_is_there(desk.member("Nigora"), shown)
    assert desk.world.version(ACT) == version


def test_after_a_conflict_the_same_form_can_be_saved(desk: Desk) -> None:
    """The page tells that there is something newer, and the next press decides."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    desk.press("Nigora", "/assessment", 409, version="99", reasoning="Second.")

    desk.press("Nigora", "/assessment")

    assert desk.world.item().body.reasoning == "Second."


def close(desk: Desk) -> None:
    """Let every hour be over."""
    with desk.world.database.write() as session:
        session.execute(delete(Lease))


def test_words_typed_after_the_hour_go_through_the_opening(desk: Desk) -> None:
    """Save, when the case is shut: a page that opens it, and then the form with all of it, not saved yet."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    typed = typed_everywhere()
    close(desk)

    page = desk.press("Nigora", "/assessment", 403, **typed)
    assert "The hour was over before you saved." in page
    page = desk.press("Nigora", "/open")

    assert "What you typed is still here, not saved yet." in page
    assert_is_there(desk.member("Nigora"), typed)
    desk.press("Nigora", "/assessment")
    assert desk.world.item().body.reasoning == typed["reasoning"]


def test_a_reviewers_words_survive_too(desk: Desk) -> None:
    """Through a refusal, and through the opening of a shut case."""
    desk.review()
    typed = {"comment": f"Comment {HTML}", "note": "A note.", "objection": "other"}
    desk.press("Timur", "/confirmation", 422, **typed)
    assert "First read the sources themselves, then tick that you did." in alert(desk.member("Timur"))
    form = desk.member("Timur").form("/confirmation")
    assert {name: form.value(name) for name in typed} == typed
    assert form.value("read") == ""
    close(desk)
    desk.press("Timur", "/return", 403, **typed)

    desk.press("Timur", "/open")

    form = desk.member("Timur").form("/return")
    assert {name: form.value(name) for name in typed} == typed
    desk.press("Timur", "/return")
    assert desk.world.item().body.rounds[0].comments[0]["text"] == typed["comment"]


def test_somebody_else_has_it_now(desk: Desk) -> None:
    """A lead took it over meanwhile: what was typed stands in a box to copy."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    desk.world.do("Ruth", "take")

    desk.press("Nigora", "/assessment", 409, reasoning=f"Mine {HTML}", **{"s0-how": "By hand."})

    page = desk.member("Nigora").page.text
    assert 'id="kept"' in page
    assert "Mine" in page[page.index('id="kept"') :]
    assert "By hand." in page[page.index('id="kept"') :]
    assert "<script>alert" not in page


def test_somebody_else_reviews_it_now(desk: Desk) -> None:
    """A lead asked another person while the comment was written: it stands in a box to copy."""
    desk.review()
    desk.world.do("Ruth", "assign", reviewer=desk.world.id_of("Ruth"))

    desk.press("Timur", "/return", 403, objection="other", comment=f"Mine {HTML}", note="A note.")

    page = desk.member("Timur").page.text
    assert unescape(page[page.index('id="kept"') :]).startswith('id="kept" rows="8" dir="auto" readonly>\n' + f"Mine {HTML}\n\nA note.")
    assert "<script>alert" not in page


def test_a_damaged_finding_shows_nothing_but_what_was_typed(desk: Desk) -> None:
    """The page cannot be made any more; the words are there to copy."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    with desk.world.database.engine.begin() as connection:
        connection.execute(text("UPDATE finding SET state = 'confirmed'"))

    page = desk.press("Nigora", "/assessment", 409, reasoning="My only copy.")

    assert "This record does not match its seal or the log." in page
    assert "My only copy." in page
    assert desk.member("Nigora").get(desk.url()).status_code == 409
    assert "Confirmed" not in said(desk.member("Nigora"))


# ── the form


def test_an_empty_row_is_no_row_and_each_save_brings_two(desk: Desk) -> None:
    """Rows are added without script, and taken out by a tick."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    desk.press("Nigora", "/assessment", **{"s2-who": "A cousin", "s3-who": "A neighbour", "c1-reading_a": "one day"})
    item = desk.world.item()
    assert [one["who"] for one in item.body.statements][2:] == ["A cousin", "A neighbour"]
    assert len(item.body.contradictions) == 1
    assert desk.member("Nigora").page.text.count("Another statement") == 2

    desk.press("Nigora", "/assessment", **{"s2-drop": "1", "c0-drop": "1"})

    item = desk.world.item()
    assert [one["who"] for one in item.body.statements][2:] == ["A neighbour"]
    assert item.body.contradictions == []


def test_there_is_an_end_to_rows(desk: Desk) -> None:
    """With all rows used no empty one is offered; one more is refused, and comes back."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    rows = {f"s{at}-who": f"Voice {at}" for at in range(MAX_STATEMENTS)}
    rows |= {f"c{at}-reading_a": f"Reading {at}" for at in range(MAX_CONTRADICTIONS)}
    desk.send("Nigora", "assessment", {"decision": "level", **rows})

    page = desk.member("Nigora").page.text
    assert "Another statement" not in page
    assert "Another contradiction" not in page
    assert desk.send("Nigora", "assessment", {"decision": "level", **rows, "s20-who": "One more"}) == 422
    assert desk.member("Nigora").form("/assessment").value("s20-who") == "One more"
    assert len(desk.world.item().body.statements) == MAX_STATEMENTS


def test_one_answer_on_a_household_is_enough(desk: Desk) -> None:
    """Statements of an origin take it; two different ones are named at the fields, saved, and not proposed."""
    desk.open("Nigora")
    desk.press("Nigora", "/take")
    same = {"s0-origin": "brother", "s1-origin": "brother", "s1-household": "house"}
    desk.press("Nigora", "/assessment", **same)
    assert [one["grading"]["household"] for one in desk.world.item().body.statements] == ["house", "house"]

    desk.press("Nigora", "/assessment", **{"s0-household": "another"})

    page = desk.member("Nigora").page.text
    assert page.count("Another statement of “brother” names another.") == 2
    assert page.count('aria-invalid="true"') == 2
    desk.press("Nigora", "/proposal", 422, **{**COMPLETE, **same, "s0-household": "another"})
    assert "one household for each origin" in alert(desk.member("Nigora"))


def test_the_form_offers_what_the_vocabularies_hold(desk: Desk) -> None:
    """Grades with their words, publications of the case, origins that publications state."""
    desk.open("Nigora")
    page = desk.press("Nigora", "/take")

    for name in ("reliability", "credibility"):
        for term in vocabulary(name).active:
            assert f"{term.code} – {term.label['en']}" in page
    for name in ("interest", "access", "contradiction", "treatment", "standard_of_proof"):
        assert all(term.label["en"] in page for term in vocabulary(name).active)
    html = desk.member("Nigora").page.text
    assert re.findall(r'<option value="([a-z_0-9]+)"></option>', html) == ["exile_account", "fpc_2017_12", "hrw_2016_12"]
    assert "virginity" not in html.casefold()


def test_a_level_follows_while_it_is_assessed(desk: Desk) -> None:
    """From what stands in the form, also where that is not saved; nobody can type one."""
    desk.open("Nigora")
    page = desk.press("Nigora", "/take")
    assert "Not computed yet: answers are missing." in page
    page = desk.press("Nigora", "/assessment", **COMPLETE, level="L4", rule="three-origins-agency")
    assert "L1 possible" in page
    assert str(words.NEEDS["strong-statement"]) in page

    strong = {"s0-credibility": "2", "s0-first_hand": "1", "s0-detailed": "1"}
    page = desk.press("Nigora", "/proposal", 422, **strong, reasoning="")

    assert "L2 credible" in page
    assert str(words.RULES["one-origin-strong"]) in page


# ── what a reviewer sees


def test_the_reviewer_sees_the_frozen_snapshot(desk: Desk) -> None:
    """What the records say later is not in it; when they differ it can only be returned."""
    desk.review()
    desk.world.do("Nigora", "take", "I08·1")  # another finding changes nothing here
    assert "Sign and confirm L1" in desk.open("Timur")
    _rename_incident(desk, "Renamed after the proposal")

    page = desk.open("Timur")

    assert "Renamed after the proposal" not in page
    assert "The records of this act changed since it was proposed, so it can only be returned." in page
    assert "Sign and confirm" not in page
    assert desk.send("Timur", "confirmation", {"read": "1"}) == 409


def _rename_incident(desk: Desk, title: str) -> None:
    world = desk.world
    world.open("Nigora")
    case_id, act_id = world.place(ACT)
    with world.database.write() as session:
        file = leased_case(session, world.actor("Nigora"), world.session_id("Nigora"), case_id, now=world.now)
        incident = file.act(act_id)[0]
        incident.body.title = title
        save(session, world.actor("Nigora"), incident.row, incident.body, "incident.changed", now=world.now)


def test_statements_stand_in_groups_of_one_voice(desk: Desk) -> None:
    """With grade and its words, what counts and why not; a household joins its origins."""
    statements = (
        a_statement(who="The elder brother", origin="elder", household="house", reliability="B", credibility=1),
        a_statement(who="The younger brother", origin="younger", household="house"),
        a_statement(who="A neighbour", origin="neighbour", reliability="F", credibility=6),
        a_statement(who="The ministry", origin="ministry", accused=True, documentary=True),
        a_statement(who="A rumour", origin="rumour", reliability="D"),
    )
    contradiction = a_contradiction(about="when", treatment="kept_open", why="Both are told.")
    desk.world.propose(statements=statements, contradictions=(contradiction,))

    page = desk.open("Timur")

    assert "Household house, origin elder, younger counts once" in page
    assert "Origin neighbour" in page
    assert "B1 usually reliable, confirmed by other sources; counts" in page
    assert "A 1 is read as 2 here" in page
    assert f"F6 cannot be judged, cannot be judged; {words.STANDINGS['cannot-judge']}" in page
    assert str(words.STANDINGS["accused"]) in page
    assert str(words.STANDINGS["low"]) in page
    assert "5 statements, 1 origin that counts" in page
    assert "against its own interest : no" in page
    assert "kept open: Both are told." in re.sub(r" ([:;])", r"\1", page)
    assert "not stated" in page


def test_who_may_not_review_is_told_why(desk: Desk) -> None:
    """Who accepted its report, who wrote to its source, who proposed; and nobody where it cannot be said."""
    desk.world.report(accepted_by="Ruth", written_by="Timur")
    desk.world.propose()

    page = desk.open("Ruth")

    assert "Nobody on the team may review it." in page
    for why in ("Nigora (proposed it)", "Ruth (accepted a report it stands on)", "Timur (wrote to the source of a report)"):
        assert why in page
    size = desk.world.size()
    assert desk.send("Ruth", "reviewer", {"reviewer": desk.world.id_of("Timur")}) == 403
    assert [entry["kind"] for entry in desk.world.entries(since=size)] == ["finding.refused"]
    with desk.world.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM message"))
    assert "Who may review it cannot be said" in desk.open("Ruth")


def test_a_colleague_who_was_not_asked_is_refused_with_an_entry(desk: Desk) -> None:
    """The page offers nothing, and what is sent all the same is in the log."""
    desk.review()
    desk.open("Ruth")
    assert not {"confirmation", "return"} & buttons(desk.member("Ruth"))
    size = desk.world.size()

    for action, data in (("confirmation", {"read": "1"}), ("confirmation", {}), ("return", {"objection": "other", "comment": "x"})):
        assert desk.send("Ruth", action, data) == 403
        assert "The attempt is in the log." in alert(desk.member("Ruth"))

    assert [entry["details"]["reasons"] for entry in desk.world.entries(since=size)] == [["barred"]] * 3
    assert desk.world.state() is S.IN_REVIEW


def test_extra_fields_confirm_nothing(desk: Desk) -> None:
    """Neither a state, nor a level, nor another signer, in a form that one may send."""
    desk.propose()
    extra = {"state": "confirmed", "to": "confirmed", "reviewer": desk.world.id_of("Nigora"), "assessor": "", "read": "1"}
    extra |= {"member": desk.world.id_of("Timur"), "as": "reviewer", "level": "L4", "decision": "confirm", "settle_to": "confirmed"}

    for action, status in (("assessment", 409), ("proposal", 409), ("take", 409), ("confirmation", 403), ("return", 403), ("dispute", 422)):
        data = {**extra, "objection": "other", "comment": "x"}
        assert desk.send("Nigora", action, data) == status, action
    for action in ("reviewer", "approval", "settlement", "reopening"):
        assert desk.send("Nigora", action, extra) == 403, action

    assert desk.world.state() is S.PROPOSED
    assert desk.world.item().body.reviewer == ""


@pytest.mark.parametrize("name", ["Jonas", "Edda", "Salome"])
def test_other_roles_have_no_such_page(desk: Desk, name: str) -> None:
    """Administrator, auditor and protection officer are refused at every address of a finding."""
    desk.review()
    member = desk.member(name)
    for url in ("/desk/findings", desk.url()):
        assert member.client.get(url).status_code == 403
    csrf = member.form("/lock").value("csrf") if name != "Edda" else ""
    for action in ("open", "take", "assessment", "proposal", "reviewer", "approval", "confirmation", "return", "dispute", "reopening"):
        assert member.client.post(f"{desk.url()}/{action}", data={"csrf": csrf, "read": "1"}).status_code == 403, action
    assert desk.world.state() is S.IN_REVIEW


# ── names, lists, openings


def test_a_finding_is_shown_only_after_an_opening(desk: Desk) -> None:
    """Without one there is a button; the opening is one entry; looking again writes nothing."""
    nigora = desk.member("Nigora")
    assert nigora.get(desk.url()).status_code == 403
    assert "Alijon" not in said(nigora)
    size = desk.world.size()
    desk.open("Nigora")
    desk.open("Nigora")

    assert [entry["kind"] for entry in desk.world.entries(since=size)] == ["case.opened"]
    case_id = desk.world.place(ACT)[0]
    act_id = desk.world.place(SEXUAL)[1]
    assert nigora.get(f"/desk/cases/{case_id}/acts/{act_id}").status_code == 404


def test_names_can_be_hidden(desk: Desk) -> None:
    """Codes and relations instead, in facts and in free texts that name somebody of the case; and nothing can be changed."""
    desk.review(speaks_for="Alijon Yaqubov was seen.")
    shown = desk.open("Timur")
    assert "Alijon (brother)" in shown
    assert "Alijon Yaqubov was seen." in shown

    desk.member("Timur").get(f"{desk.url()}?names=off")

    hidden = said(desk.member("Timur"))
    assert "brother (R06)" in hidden
    assert "Alijon" not in hidden
    assert "Yaqubov" not in hidden
    assert buttons(desk.member("Timur")) == set()
    assert "Show names" in hidden
    desk.member("Nigora").get(f"{desk.url('I08·1')}?names=off")
    assert buttons(desk.member("Nigora")) == set()


def test_hidden_names_stay_hidden_through_an_opening(desk: Desk) -> None:
    """Whoever works in the open does not see them after a press of *Open*."""
    nigora = desk.member("Nigora")
    nigora.get(f"{desk.url()}?names=off")
    assert nigora.page.status_code == 403

    nigora.press("/open?names=off")

    assert nigora.page.request.path == desk.url()
    assert "Alijon" not in said(nigora)


def test_a_minor_is_called_one_and_not_named(desk: Desk) -> None:
    """The label of the record, and that they are a minor."""
    page = desk.open("Nigora", MINOR)

    assert "a minor" in page
    assert "Protection officer signs" in page


def test_the_list_groups_what_waits_and_names_nobody(desk: Desk) -> None:
    """One line per finding, under what it needs; each member sees their own first."""
    world = desk.world
    world.review("I07·1")
    world.review("I18·1", decision="refuted")
    world.propose("I05·1")
    world.do("Nigora", "take", "I08·1")
    world.confirm("I09·1", decision="unverifiable")
    world.confirm("I06·1")
    world.confirm("I12·1")
    world.do("Ruth", "dispute", "I12·1", reason="other", text="x")
    world.review("I13·1")
    world.do("Timur", "give_back", "I13·1")
    world.confirm("I13·2")
    world.do("Ruth", "reopen", "I13·2", text="x")
    world.confirm("I21·1")
    with world.database.engine.begin() as connection:
        connection.execute(text("UPDATE finding SET state = 'refuted' WHERE act_id = :act"), {"act": world.place("I21·1")[1].hex})

    def groups(name: str) -> dict[str, list[str]]:
        desk.member(name).get("/desk/findings")
        html = desk.member(name).page.text
        parts = re.split(r"<h2>(.*?) <small>", html)[1:]
        return {unescape(title): re.findall(r'class="ref">(I\d\d·\d)<', rows) for title, rows in zip(parts[::2], parts[1::2], strict=True)}

    assert groups("Timur") == {
        "Waits for your signature": ["I07·1", "I18·1"],
        "Proposed: a lead assigns a review": ["I05·1"],
        "Disputed": ["I12·1"],
        "Opened again: to be taken": ["I13·2"],
        "With colleagues": ["I08·1", "I13·1"],
        "Confirmed": ["I06·1"],
        "Unverifiable or refuted": ["I09·1"],
        "Damaged": ["I21·1"],
    }
    mine = groups("Nigora")
    assert (mine["Waits for your signature"], mine["Yours in assessment"], mine["Returned to you"]) == ([], ["I08·1"], ["I13·1"])
    assert "Nothing waits for your signature." in said(desk.member("Nigora"))
    assert mine["In review"] == ["I07·1", "I18·1"]
    assert groups("Ruth")["Waits for your signature"] == ["I18·1"]
    page = said(desk.member("Ruth"))
    assert "37 acts are not assessed yet." in page
    with world.database.read() as session:
        forms = {form for item in open_table(session, world.actor("Nigora"), Person) for form in item.body.forms}
    assert not [form for form in forms if form in page]


def test_the_list_needs_a_look(desk: Desk) -> None:
    """As the queue does; and it says when there is nothing yet."""
    nigora = desk.member("Nigora")
    nigora.get("/desk/findings")
    assert "No findings yet" in said(nigora)
    close(desk)
    nigora.get("/desk/findings")
    assert "Looking at the findings is an entry in the log" in said(nigora)
    size = desk.world.size()

    nigora.press("/findings/look")

    assert nigora.page.request.path == "/desk/findings"
    assert "No findings yet" in said(nigora)
    assert [entry["kind"] for entry in desk.world.entries(since=size)] == ["queue.viewed"]


def test_a_line_of_the_list_opens_its_case(desk: Desk) -> None:
    """The title is a button, because the opening is an entry."""
    desk.world.propose()
    desk.member("Timur").get("/desk/findings")

    desk.press("Timur", f"{desk.url()}/open")

    assert desk.member("Timur").page.request.path == desk.url()


# ── the protection officer


def test_an_officer_signs_by_forms_alone(desk: Desk) -> None:
    """From the list to the frozen snapshot to the signature; the reviewer waits for it and then shows all three."""
    desk.world.review(SEXUAL)
    page = desk.open("Timur", SEXUAL)
    assert "the protection officer’s signature; the reviewer’s signature (Timur)" in page
    assert "Sign and confirm" not in page
    assert desk.send("Timur", "confirmation", {"read": "1"}, SEXUAL) == 409
    salome = desk.member("Salome")
    salome.get("/desk/approvals")
    assert "Coerced intimate examination" in said(salome)
    assert "Haramgul" not in said(salome)

    salome.press("/open")
    assert "Haramgul Qodir (friend)" in said(salome)
    assert "This is the proposal exactly as its proposer signed it, round 1." in said(salome)
    salome.press(f"/approvals/{desk.world.finding_id(SEXUAL)}", ("decision", "confirm"), comment="Leave out the hospital.")

    assert salome.page.request.path == "/desk/approvals"
    assert "Nothing waits for your signature" in said(salome)
    page = desk.open("Timur", SEXUAL)
    assert "Salome ✓ Signed , protection officer" in page
    assert "Leave out the hospital." in page
    page = desk.press("Timur", "/confirmation", read="1")
    assert "Nothing is missing: 3 people signed." in page
    assert salome.get(f"/desk/approvals/{desk.world.finding_id(SEXUAL)}").status_code == 404


def test_an_officer_gives_back_with_words(desk: Desk) -> None:
    """Without any it is refused, with what was typed; then the reviewer can only return it."""
    desk.world.review(MINOR)
    url = f"/desk/approvals/{desk.world.finding_id(MINOR)}"
    salome = desk.member("Salome")
    assert salome.get(url).status_code == 403
    salome.press("/open")
    salome.press(url, ("decision", "return"))
    assert salome.page.status_code == 422
    assert "Whoever gives it back says why" in alert(salome)
    salome.press(url, ("decision", "return"), comment=f"The school tells who it is. {HTML}")
    assert salome.page.status_code == 200

    page = desk.open("Timur", MINOR)

    assert "The protection officer gave it back, so it can only be returned." in page
    assert "The school tells who it is." in page
    assert "<script>alert" not in desk.member("Timur").page.text
    assert "Sign and confirm" not in page
    desk.press("Timur", "/return", objection="other", comment="As the officer says.")
    page = desk.open("Nigora", MINOR)
    assert "The school tells who it is." in page
    assert "Salome ↩ Gave it back , protection officer" in page


def test_an_officers_words_survive_the_hour(desk: Desk) -> None:
    """They go through the opening, as everybody's."""
    desk.world.review(SEXUAL)
    url = f"/desk/approvals/{desk.world.finding_id(SEXUAL)}"
    salome = desk.member("Salome")
    salome.get(url)
    salome.press("/open")
    close(desk)
    salome.press(url, ("decision", "confirm"), comment="Leave out the hospital.")
    assert salome.page.status_code == 403
    assert "The hour was over before you saved." in said(salome)

    salome.press("/open")

    assert salome.form(url).value("comment") == "Leave out the hospital."
    assert "not saved yet" in alert(salome)
    assert desk.world.approvals() == []


def test_an_old_page_of_an_officer_signs_nothing(desk: Desk) -> None:
    """The proposal was assigned meanwhile: the comment comes back; the second press counts, and a third does not."""
    desk.world.propose(SEXUAL)
    url = f"/desk/approvals/{desk.world.finding_id(SEXUAL)}"
    salome = desk.member("Salome")
    salome.get(url)
    salome.press("/open")
    desk.world.do("Ruth", "assign", SEXUAL, reviewer=desk.world.id_of("Timur"))

    salome.press(url, ("decision", "confirm"), comment="Mine.")
    assert salome.page.status_code == 409
    assert salome.form(url).value("comment") == "Mine."
    form = salome.form(url)
    salome.press(url, ("decision", "confirm"))
    assert len(desk.world.approvals()) == 1

    salome.post(form.action, form.data(("decision", "confirm")))
    assert salome.page.status_code == 409
    assert "A protection officer has signed." in said(salome)


def test_an_officer_loses_no_word_when_the_round_is_over(desk: Desk) -> None:
    """The reviewer returned it meanwhile: nothing is left to sign, and the comment is there to copy."""
    desk.world.review(SEXUAL)
    url = f"/desk/approvals/{desk.world.finding_id(SEXUAL)}"
    salome = desk.member("Salome")
    salome.get(url)
    salome.press("/open")
    form = salome.form(url)
    desk.world.do("Timur", "give_back", SEXUAL)

    for action in (form.action, f"{url}/open"):
        salome.post(action, form.data(("decision", "confirm"), comment="My only copy."))
        assert salome.page.status_code == 404
        assert "My only copy." in said(salome)


def test_only_an_officer_has_the_pages_of_one(desk: Desk) -> None:
    """Lead, caseworker, administrator and auditor are refused at each."""
    desk.world.review(SEXUAL)
    url = f"/desk/approvals/{desk.world.finding_id(SEXUAL)}"

    for name in ("Ruth", "Nigora", "Jonas"):
        member = desk.member(name)
        assert member.client.get("/desk/approvals").status_code == 403
        assert member.client.get(url).status_code == 403
        csrf = member.form("/lock").value("csrf")
        for action in (url, f"{url}/open"):
            assert member.client.post(action, data={"csrf": csrf, "decision": "confirm"}).status_code == 403
    assert desk.world.approvals() == []


def test_signing_twice_with_one_page_is_signing_once(desk: Desk) -> None:
    """A double click: the second copy of the form is told what the first one did, not that nothing was signed."""
    desk.review()
    page, version = desk.member("Timur"), str(desk.world.version(ACT))
    csrf, data = page.form("/lock").value("csrf"), {"read": "1", "comment": "", "note": ""}
    before = desk.world.size()

    for _ in range(2):
        page.post(f"{desk.url()}/confirmation", {"csrf": csrf, "version": version, **data})
        assert page.page.status_code == 200
        assert "Not signed" not in said(page)

    assert [entry["kind"] for entry in desk.world.entries(since=before)] == ["finding.confirmed"]
    assert desk.world.state() is S.CONFIRMED
