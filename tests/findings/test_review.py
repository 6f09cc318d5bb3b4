"""Assess, propose, review with four eyes: who may, what is needed, what is kept, and what the log says of it."""

import json
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from itertools import product
from typing import Any, Final

import pytest
from sqlalchemy import delete, update

from app.cases import links
from app.cases.files import leased_case, record_of
from app.cases.importing import published
from app.cases.records import IncidentItem, save
from app.cases.vocabulary import label
from app.errors import (
    BarredError,
    ConflictError,
    DamagedError,
    IncompleteError,
    MalformedError,
    NamedError,
    NoLeaseError,
    NotYetError,
    PaivandError,
    SamePersonError,
)
from app.findings import review
from app.findings.notes import check_note
from app.findings.records import needs_protection, save_finding
from app.findings.review import MAX_COMMENT, MAX_STATEMENTS, MAX_TEXT, missing_for
from app.reports.queue import grant_lease
from app.store.cases import FindingState as S
from app.store.keys import KeyWrap, Lease
from app.store.reports import Message, Report
from app.web.refusals import REFUSALS
from tests.findings.world import ACT, MINOR, OTHER, SEXUAL, World, a_contradiction, a_statement, an_assessment

MARK: Final = "Zuhursignal"  # a word that stands in every free text below, and must not stand in the log

NO_ANSWERS: Final[tuple[dict[str, Any], ...]] = (
    {"confirm": "x" * (MAX_TEXT + 1)},
    {"refute": "x" * (MAX_TEXT + 1)},
    {"speaks_for": "x" * (MAX_TEXT + 1)},
    {"speaks_against": "x" * (MAX_TEXT + 1)},
    {"reasoning": "x" * (MAX_TEXT + 1)},
    {"decision": "L4"},
    {"standard": "no such"},
    {"statements": (a_statement(),) * (MAX_STATEMENTS + 1)},
    {"contradictions": (a_contradiction(),) * 21},
    {"statements": (a_statement(who="x" * 601),)},
    {"statements": (a_statement(how="x" * 601),)},
    {"statements": (a_statement(origin="x" * 81),)},
    {"statements": (a_statement(household="x" * 81),)},
    {"statements": (a_statement(interest="no such"),)},
    {"statements": (a_statement(access="no such"),)},
    {"statements": (a_statement(reliability="G"),)},
    {"statements": (a_statement(credibility=7),)},
    {"statements": (a_statement(first_hand="yes"),)},
    {"statements": (a_statement(publication="c0ffee"),)},
    {"statements": (a_statement(report="c0ffee"),)},
    {"contradictions": (a_contradiction(about="why"),)},
    {"contradictions": (a_contradiction(treatment="gone"),)},
    {"contradictions": (a_contradiction(material="no"),)},
    {"contradictions": (a_contradiction(reading_a="x" * 601),)},
    {"contradictions": (a_contradiction(why="x" * 601),)},
)
NAMING: Final = (
    "Yaqubov confirmed it",
    "as Yakubov’s letter says",
    "Якубов рассказал сам",
    "по словам Ёқубова",
    "یعقوبوف گفت",
    "ALIJON was held",
    "seen with Alidjon",
    "Алиджон",
    "(Farrukh)",
    "Far-rukh",
    "asked Ilhom/Farrukh",
    "Ilhomjon",
)
PLAIN: Final = (
    "",
    "One origin, and no witness was heard.",
    "  Checked against the article of 2017  ",
    "All of it rests on one letter; the level is low for that.",
    "Уровень низкий: один источник.",
    "Свидетеля нет, документ не проверен",
)


def is_unchanged(world: World, ref: str = ACT) -> tuple[Any, ...]:
    """Return everything that a refusal must leave as it was."""
    item = world.item(ref)
    return item.row.version, item.row.state, item.body, world.size()


# ── four eyes


@pytest.mark.parametrize("ready", ["propose", "review"])
@pytest.mark.parametrize("step", ["confirm", "give_back"])
def test_the_proposer_never_reviews(world: World, ready: str, step: str) -> None:
    """Neither before nor after a lead asked somebody, and whatever version is named; nothing changes."""
    getattr(world, ready)()
    world.open("Nigora")
    kept = is_unchanged(world)

    for version in (world.version(ACT), 99):
        with pytest.raises(SamePersonError):
            world.do("Nigora", step, version=version)

    assert is_unchanged(world) == kept


def test_a_lead_cannot_ask_the_proposer(world: World) -> None:
    """Nor somebody who is not on the team, nor nobody."""
    world.propose()
    world.open("Ruth")
    kept = is_unchanged(world)

    for reviewer in (world.id_of("Nigora"), world.id_of("Jonas"), world.id_of("Salome"), world.id_of("Edda"), "", "Timur"):
        with pytest.raises(BarredError):
            world.do("Ruth", "assign", reviewer=reviewer)

    assert is_unchanged(world) == kept
    assert world.sheet("Ruth").reviewers == sorted([world.id_of("Ruth"), world.id_of("Timur")])


def test_only_who_was_asked_reviews(world: World) -> None:
    """A colleague who could have been asked is refused all the same; when a lead asks anew, the first one is."""
    world.review()
    with pytest.raises(BarredError):
        world.do("Ruth", "confirm")

    world.do("Ruth", "assign", reviewer=world.id_of("Ruth"))

    with pytest.raises(BarredError):
        world.do("Timur", "confirm")
    world.do("Ruth", "confirm")
    assert world.state() is S.CONFIRMED


def test_other_roles_reach_nothing(world: World) -> None:
    """An administrator, a protection officer and an auditor hold no team secret: an opened case would still be closed to them."""
    world.review()
    body = world.item().body
    case_id, _ = world.place(ACT)
    for name in ("Jonas", "Salome", "Edda"):
        world.actor(name)
    for name, step in product(("Jonas", "Salome", "Edda"), ("confirm", "give_back", "take", "dispute", "assign")):
        values = {"dispute": {"reason": "other", "text": "x"}, "assign": {"reviewer": world.id_of(name)}}.get(step, {})
        with world.database.write() as session:
            session.execute(delete(Lease).where(Lease.session_id == world.session_id(name)))
        with pytest.raises(NoLeaseError):
            world.do(name, step, **values)
        with world.database.write() as session:
            grant_lease(session, world.session_id(name), record_of(case_id), world.now)

        with pytest.raises(DamagedError):
            world.do(name, step, **values)

    assert world.item().body == body


def test_a_suspended_member_is_not_offered(world: World) -> None:
    """Whose removal a lead has signed reviews nothing any more."""
    world.propose()
    world.open("Nigora")
    actor = world.actor("Nigora")
    suspended = replace(actor, chain=replace(actor.chain, suspended=frozenset([world.id_of("Timur")])))
    case_id, act_id = world.place(ACT)

    with world.database.read() as session:
        sheet = review.read_sheet(session, suspended, world.session_id("Nigora"), case_id, act_id, now=world.now)

    assert sheet.reviewers == [world.id_of("Ruth")]


def test_who_accepted_a_linked_report_is_barred(world: World) -> None:
    """From being asked, and from signing where the report came after the asking."""
    world.report(accepted_by="Ruth")
    world.propose()

    assert world.sheet("Nigora").barred == {world.id_of("Ruth"): "accepted", world.id_of("Nigora"): "proposer"}
    with pytest.raises(BarredError):
        world.do("Ruth", "assign", reviewer=world.id_of("Ruth"))
    world.do("Ruth", "assign", reviewer=world.id_of("Timur"))
    world.report(accepted_by="Timur")
    with pytest.raises(BarredError):
        world.do("Timur", "confirm")
    assert world.state() is S.IN_REVIEW


def test_who_wrote_to_the_source_is_barred(world: World) -> None:
    """Also where somebody else accepted the report afterwards."""
    world.report(accepted_by="Nigora", written_by="Timur")
    world.propose()

    assert world.sheet("Ruth").barred == {world.id_of("Timur"): "wrote", world.id_of("Nigora"): "proposer"}
    with pytest.raises(BarredError):
        world.do("Ruth", "assign", reviewer=world.id_of("Timur"))


def test_a_report_that_a_statement_cites_bars_too(world: World) -> None:
    """Taking the link back does not free who accepted it, while the proposal stands on that report."""
    report_id = world.report(accepted_by="Timur")
    world.do("Nigora", "take")
    world.do("Nigora", "propose", typed=an_assessment(statements=(a_statement(report=str(report_id)),)))
    _unlink(world, report_id, "Timur")

    barred = world.sheet("Ruth").barred

    assert barred is not None
    assert barred[world.id_of("Timur")] == "accepted"


def _unlink(world: World, report_id: Any, name: str) -> None:
    case_id, act_id = world.place(ACT)
    with world.database.write() as session:
        file = leased_case(session, world.actor(name), world.session_id(name), case_id, now=world.now)
        report = session.get(Report, report_id)
        assert report is not None
        links.unlink(
            session,
            world.actor(name),
            world.session_id(name),
            report_id,
            file.act(act_id)[0].id,
            reason="Another house.",
            version=report.version,
            now=world.now,
        )


@pytest.mark.parametrize("loss", ["report", "key", "letter"])
def test_nobody_reviews_while_it_cannot_be_said_who_may(world: World, loss: str) -> None:
    """A report or letter that would tell is gone or does not open: nobody is asked, nobody signs, and the rest is shown."""
    report_id = world.report(accepted_by="Ruth", written_by="Nigora")
    world.review()
    with world.database.write() as session:
        if loss == "report":
            session.execute(delete(Report).where(Report.id == report_id))
        elif loss == "key":
            session.execute(delete(KeyWrap).where(KeyWrap.record == f"report:{report_id}"))
        else:
            session.execute(delete(Message))

    sheet = world.sheet("Timur")
    assert (sheet.barred, sheet.reviewers, sheet.state) == (None, [], S.IN_REVIEW)
    for name, step, values in (
        ("Timur", "confirm", {}),
        ("Timur", "give_back", {}),
        ("Ruth", "assign", {"reviewer": world.id_of("Timur")}),
    ):
        with pytest.raises(DamagedError):
            world.do(name, step, **values)
    assert world.item().row.state is S.IN_REVIEW


def test_a_report_put_back_to_before_its_link_is_noticed(world: World) -> None:
    """An old version that names nobody who accepted it does not free them."""
    report_id = world.report(accepted_by="Timur")
    world.propose()
    with world.database.write() as session:
        session.execute(update(Report).where(Report.id == report_id).values(owner=None))

    assert world.sheet("Ruth").barred is None


def test_a_refused_review_leaves_an_entry(world: World) -> None:
    """Who, on which act, and why; and nothing that anybody typed."""
    world.review()
    case_id, act_id = world.place(ACT)
    world.open("Nigora")
    size = world.size()

    with world.database.write() as session:
        review.record_refusal(session, world.actor("Nigora"), world.session_id("Nigora"), case_id, act_id, why="same-person", now=world.now)

    (entry,) = world.entries(since=size)
    assert (entry["kind"], entry["actor"], entry["object"]) == ("finding.refused", world.id_of("Nigora"), f"finding:{world.finding_id()}")
    assert entry["details"] == {"case": "C-0002", "act": ACT, "type": "LIB_DETENTION", "reasons": ["same-person"]}


# ── what a decision needs


def test_a_refutation_needs_three_people(world: World) -> None:
    """Proposer, lead and reviewer: none of them twice, and the lead before the reviewer."""
    world.review(decision="refuted")
    with pytest.raises(NotYetError):
        world.do("Timur", "confirm")
    with pytest.raises(SamePersonError):
        world.do("Ruth", "assign", reviewer=world.id_of("Ruth"))
        world.do("Ruth", "approve")
    world.do("Ruth", "assign", reviewer=world.id_of("Timur"))

    world.do("Ruth", "approve")

    with pytest.raises(BarredError):
        world.do("Ruth", "assign", reviewer=world.id_of("Ruth"))
    with pytest.raises(ConflictError):
        world.do("Ruth", "approve")
    assert world.sheet("Ruth").barred == {world.id_of("Nigora"): "proposer", world.id_of("Ruth"): "signed"}
    world.do("Timur", "confirm")
    verdict = world.sheet("Nigora").verdict
    assert verdict is not None
    assert (verdict.state, verdict.people, verdict.level) == (S.REFUTED, 3, "LR")
    (entry,) = [entry for entry in world.entries() if entry["kind"] == "finding.confirmed"]
    assert (entry["details"]["people"], entry["details"]["decision"], entry["details"]["level"]) == (3, "refuted", "LR")


def test_the_lead_who_proposed_cannot_be_its_lead(world: World) -> None:
    """A lead's own refutation waits for another lead."""
    world.do("Ruth", "take")
    world.do("Ruth", "propose", typed=an_assessment(decision="refuted"))

    with pytest.raises(SamePersonError):
        world.do("Ruth", "approve")


def test_unverifiable_needs_two_people_and_no_level(world: World) -> None:
    """Without any statement, and with the reasoning that says what was tried."""
    world.review(decision="unverifiable", statements=(), answers={})
    world.do("Timur", "confirm")

    verdict = world.sheet("Nigora").verdict
    assert verdict is not None
    assert (verdict.state, verdict.people, verdict.level) == (S.UNVERIFIABLE, 2, "LU")


# ── assessing


def test_the_first_taking_begins_a_statement_for_each_publication(world: World) -> None:
    """With what the data says, in the language asked for, and without a grade: nobody has judged yet."""
    world.do("Nigora", "take", "I08·1", lang="ru")
    world.do("Nigora", "take", lang="en")

    (one,) = world.item("I08·1").body.statements
    assert (one["who"], one["how"]) == ("Tajikistan: Abuse of Dissidents' Families, Human Rights Watch", label("basis", "report", "ru"))
    assert (one["grading"]["origin"], one["grading"]["reliability"], one["grading"]["credibility"]) == ("hrw_2016_12", None, None)
    assert [item["grading"]["origin"] for item in world.item().body.statements] == ["exile_account", "fpc_2017_12"]
    assert not any(value is True for item in world.item().body.statements for value in item["grading"].values())
    assert "grades" in missing_for(world.item().body)


def test_a_linked_report_is_begun_without_an_origin(world: World) -> None:
    """Where its source knows it from is for a person to say."""
    report_id = world.report(accepted_by="Ruth")

    world.do("Nigora", "take")

    last = world.item().body.statements[-1]
    assert (last["report"], last["who"], last["grading"]["origin"]) == (str(report_id), "", "")


def test_taking_again_keeps_the_work(world: World) -> None:
    """A returned finding goes on where it was, with whoever takes it; the round stays."""
    world.review()
    world.do("Timur", "give_back", reason="facts_wrong", comment="Which day?", note="")

    world.do("Timur", "take")

    body = world.item().body
    assert (body.assessor, body.reasoning, len(body.rounds)) == (world.id_of("Timur"), "Told once, by one voice, and retold.", 1)
    assert [(item["by"], item["text"], item["reason"]) for item in body.rounds[0].comments] == [
        (world.id_of("Timur"), "Which day?", "facts_wrong")
    ]


def test_only_a_lead_takes_over(world: World) -> None:
    """And then the first one saves no more."""
    world.do("Nigora", "take")
    for name in ("Timur", "Nigora"):
        with pytest.raises(ConflictError):
            world.do(name, "take")

    world.do("Ruth", "take")

    with pytest.raises(ConflictError):
        world.do("Nigora", "assess")
    world.do("Ruth", "assess")
    assert world.item().body.assessor == world.id_of("Ruth")


def test_only_the_assessor_saves(world: World) -> None:
    """Nobody else, not even a lead who has not taken it over."""
    world.do("Nigora", "take")

    for name, step in (("Timur", "assess"), ("Ruth", "assess"), ("Timur", "propose")):
        with pytest.raises(ConflictError):
            world.do(name, step)


def test_unfinished_work_is_kept_and_not_proposed(world: World) -> None:
    """What was typed is stored as it was typed; the refusal names what is missing and stores nothing."""
    world.do("Nigora", "take")
    typed = an_assessment(
        statements=(a_statement(reliability=None, credibility=None, origin=""),),
        answers={"plausible": None, "fits_pattern": False, "agency": None},
        contradictions=(a_contradiction(about=None, material=None, treatment=None),),
        speaks_against=" ",
        standard=None,
    )
    world.do("Nigora", "assess", typed=typed)
    kept = is_unchanged(world)

    with pytest.raises(IncompleteError) as caught:
        world.do("Nigora", "propose", typed=typed)

    assert sorted(caught.value.missing) == sorted(["grades", "contradictions", "speaks_against", "standard", "plausible", "agency"])
    assert is_unchanged(world) == kept
    assert kept[2].statements == list(typed.statements)
    assert kept[2].contradictions == list(typed.contradictions)
    assert kept[2].answers == {"plausible": None, "fits_pattern": False, "agency": None}


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, []),
        ({"statements": ()}, ["statements", "level"]),
        ({"statements": (a_statement(who="  "),)}, ["grades"]),
        ({"statements": (a_statement(origin=""),)}, ["grades"]),
        ({"statements": (a_statement(reliability=None),)}, ["grades"]),
        ({"statements": (a_statement(credibility=None),)}, ["grades"]),
        ({"statements": (a_statement(household="h"), a_statement(household="k"))}, ["household"]),
        ({"statements": (a_statement(household="h", reliability=None), a_statement())}, ["grades", "household"]),
        ({"statements": (a_statement(reliability="F"),)}, ["level"]),
        ({"contradictions": (a_contradiction(about="who", treatment="unresolved"),)}, ["level"]),
        ({"contradictions": (a_contradiction(material=None),)}, ["contradictions"]),
        ({"contradictions": (a_contradiction(treatment=None),)}, ["contradictions"]),
        ({"answers": {"plausible": False, "fits_pattern": True, "agency": True}}, ["level"]),
        ({"answers": {"plausible": True, "fits_pattern": True}}, ["agency"]),
        ({"speaks_against": "\n"}, ["speaks_against"]),
        ({"reasoning": ""}, ["reasoning"]),
        ({"standard": None}, ["standard"]),
        ({"speaks_for": "", "confirm": "", "refute": ""}, []),
        ({"decision": "unverifiable", "statements": (), "answers": {}}, []),
        ({"decision": "refuted", "statements": (a_statement(reliability=None),)}, ["grades"]),
        ({"decision": "refuted", "standard": None, "reasoning": ""}, ["reasoning", "standard"]),
    ],
)
def test_what_a_proposal_lacks(changes: dict[str, Any], missing: list[str]) -> None:
    """Each thing by its own code; a level of L0 is nothing to sign."""
    assert sorted(missing_for(an_assessment(**changes))) == sorted(missing)


def test_what_is_no_answer_is_not_saved(world: World) -> None:
    """A code that there is not, and a text that is too long."""
    world.do("Nigora", "take")
    kept = is_unchanged(world)

    for changes in NO_ANSWERS:
        with pytest.raises(MalformedError):
            world.do("Nigora", "assess", typed=an_assessment(**changes))
        assert is_unchanged(world) == kept, changes


def test_a_statement_cites_only_what_belongs_here(world: World) -> None:
    """A publication of this case, a report of this incident; what is stored stays citable."""
    world.do("Nigora", "take")
    own, elsewhere = (world.sheet("Nigora", ref).incident.body.publications[0] for ref in (ACT, SEXUAL))

    world.do("Nigora", "assess", typed=an_assessment(statements=(a_statement(publication=own),)))

    assert world.item().body.statements[0]["publication"] == own
    with pytest.raises(MalformedError):
        world.do("Nigora", "assess", typed=an_assessment(statements=(a_statement(publication=elsewhere),)))
    publications, reports = review.citable(world.sheet("Nigora"))
    assert publications[0] == own
    assert elsewhere not in publications
    assert reports == []


def test_a_finding_that_grew_too_large_is_not_proposed(world: World) -> None:
    """Before its last signature would no longer fit: it stays in assessment, and nothing is lost."""
    heavy: dict[str, Any] = dict.fromkeys(("confirm", "refute", "speaks_for", "speaks_against", "reasoning"), "я" * MAX_TEXT)
    heavy["statements"] = (a_statement(who="я" * 600, how="я" * 600),) * MAX_STATEMENTS
    world.do("Nigora", "take")
    world.do("Nigora", "assess", typed=an_assessment(**heavy))

    with pytest.raises(MalformedError):
        world.do("Nigora", "propose", typed=an_assessment(**heavy))

    assert world.state() is S.IN_ASSESSMENT
    world.do("Nigora", "propose", typed=an_assessment())
    assert world.state() is S.PROPOSED


# ── two people at once


@pytest.mark.parametrize(
    ("ready", "name", "step", "values"),
    [
        ("take", "Nigora", "assess", {}),
        ("take", "Nigora", "propose", {}),
        ("propose", "Ruth", "assign", {"reviewer": "Timur"}),
        ("review", "Timur", "confirm", {}),
        ("review", "Timur", "give_back", {}),
        ("confirm", "Nigora", "dispute", {"reason": "other", "text": "x"}),
        ("confirm", "Ruth", "reopen", {"text": "x"}),
    ],
)
def test_an_old_page_changes_nothing(world: World, ready: str, name: str, step: str, values: dict[str, Any]) -> None:
    """Somebody saved after the page was made: the later one is told, and what the earlier one wrote stands."""
    if ready == "take":
        world.do("Nigora", "take")
    else:
        getattr(world, ready)()
    world.open(name)
    kept = is_unchanged(world)
    values = {**values, **({"reviewer": world.id_of("Timur")} if "reviewer" in values else {})}

    for version in (world.version(ACT) - 1, world.version(ACT) + 1, -1):
        with pytest.raises(ConflictError):
            world.do(name, step, version=version, **values)

    assert is_unchanged(world) == kept


def test_two_people_take_one_act(world: World) -> None:
    """Both pages said that nobody had it; one of them has it."""
    world.do("Nigora", "take", version=0)

    with pytest.raises(ConflictError):
        world.do("Timur", "take", version=0)

    assert world.item().body.assessor == world.id_of("Nigora")


def test_two_tabs_save_one_assessment(world: World) -> None:
    """The later one is refused; the first one's words stand."""
    world.do("Nigora", "take")
    version = world.version(ACT)
    world.do("Nigora", "assess", typed=an_assessment(reasoning="First."), version=version)

    with pytest.raises(ConflictError):
        world.do("Nigora", "assess", typed=an_assessment(reasoning="Second."), version=version)

    assert world.item().body.reasoning == "First."


def _change_incident(world: World, ref: str, **changes: Any) -> None:
    case_id, act_id = world.place(ref)
    nigora = world.actor("Nigora")
    with world.database.write() as session:
        file = leased_case(session, nigora, world.session_id("Nigora"), case_id, now=world.now)
        incident: IncidentItem = file.act(act_id)[0]
        for name, value in changes.items():
            setattr(incident.body, name, value)
        save(session, nigora, incident.row, incident.body, "incident.changed", now=world.now)


def test_records_that_changed_after_the_proposal_are_not_confirmed(world: World) -> None:
    """The signers saw something else; it is returned, and the next round has it."""
    world.review()
    assert not world.sheet("Timur").is_stale
    _change_incident(world, ACT, when="2016-10")
    assert world.sheet("Timur").is_stale

    with pytest.raises(ConflictError):
        world.do("Timur", "confirm")

    world.do("Timur", "give_back", reason="facts_wrong", comment="The date changed.")
    world.do("Nigora", "take")
    world.do("Nigora", "propose")
    assert world.item().body.rounds[1].seen["act"]["when"] == "2016-10"


def test_an_act_that_came_to_need_a_protection_officer_is_not_confirmed_without(world: World) -> None:
    """Found to be sexual violence after the proposal: two people do not do."""
    world.review()
    _change_incident(world, ACT, sensitive="sexual_violence")

    with pytest.raises(ConflictError):
        world.do("Timur", "confirm")


# ── rounds, disputes, openings


def test_the_second_round_stands_beside_the_first(world: World) -> None:
    """Who returned signs that; the next proposal is a round of its own; both are kept with what was said."""
    world.review(reasoning="Too short.")
    world.do("Timur", "give_back", reason="not_readable", comment="Say how you know.")
    assert world.state() is S.RETURNED
    returned = world.sheet("Nigora").verdict
    assert returned is not None
    assert (returned.returned, returned.state, returned.people) == (True, None, 2)

    world.do("Nigora", "take")
    world.do("Nigora", "propose", typed=an_assessment(reasoning="Long enough."))
    assert world.item().body.reviewer == ""
    world.do("Ruth", "assign", reviewer=world.id_of("Ruth"))
    world.do("Ruth", "confirm", comment="Clear now.")

    first, second = world.item().body.rounds
    assert (first.seen["reasoning"], second.seen["reasoning"]) == ("Too short.", "Long enough.")
    assert [item["text"] for item in (*first.comments, *second.comments)] == ["Say how you know.", "Clear now."]
    verdict = world.sheet("Nigora").verdict
    assert verdict is not None
    assert verdict.signers == {"proposer": world.id_of("Nigora"), "reviewer": world.id_of("Ruth")}


def test_who_returned_may_propose_and_then_not_review(world: World) -> None:
    """Four eyes hold over all rounds: who ever assessed it does not review it, also when somebody else proposed the same words."""
    world.review()
    world.do("Timur", "give_back")
    world.do("Timur", "take")
    world.do("Timur", "propose")

    for name in ("Timur", "Nigora"):
        with pytest.raises(BarredError):
            world.do("Ruth", "assign", reviewer=world.id_of(name))
    world.do("Ruth", "assign", reviewer=world.id_of("Ruth"))
    world.do("Ruth", "confirm")
    assert world.state() is S.CONFIRMED


def test_who_worked_on_an_assessment_that_a_lead_took_over_does_not_review_it(world: World) -> None:
    """Else one person writes everything, another signs it as a proposal, and the first one confirms."""
    world.do("Nigora", "take")
    world.do("Nigora", "assess")
    world.do("Ruth", "take")
    world.do("Ruth", "propose")

    with pytest.raises(BarredError):
        world.do("Ruth", "assign", reviewer=world.id_of("Nigora"))
    assert world.sheet("Timur").barred == {world.id_of("Nigora"): "assessed", world.id_of("Ruth"): "proposer"}


def test_a_return_says_why(world: World) -> None:
    """A reason from the vocabulary, and words of one's own; a comment that is too long is refused, not cut."""
    world.review()
    long = "x" * (MAX_COMMENT + 1)

    for reason, comment in (("", "Say more."), ("no such", "Say more."), ("unknown", "x"), ("other", " \n"), ("other", long)):
        with pytest.raises(MalformedError):
            world.do("Timur", "give_back", reason=reason, comment=comment)
    with pytest.raises(MalformedError):
        world.do("Timur", "confirm", comment=long)

    assert world.state() is S.IN_REVIEW


def test_a_dispute_says_why(world: World) -> None:
    """A reason from the vocabulary, and words of one's own."""
    world.confirm()

    for reason, text in (("", "x"), ("no such", "x"), ("other", " "), ("other", "x" * (MAX_COMMENT + 1))):
        with pytest.raises(MalformedError):
            world.do("Nigora", "dispute", reason=reason, text=text)
    for step, values in (("reopen", {}), ("settle", {"to": S.CONFIRMED})):
        with pytest.raises(MalformedError):
            world.do("Ruth", step, text=" ", **values)

    assert world.state() is S.CONFIRMED


def test_a_dispute_is_settled_and_its_words_stay(world: World) -> None:
    """It stands after the lead says so, with the same signatures; or it is assessed again, and a new round confirms."""
    world.confirm()
    before = world.item().body.rounds
    world.do("Timur", "dispute", reason="facts_wrong", text="Another day.")
    world.do("Ruth", "settle", to=S.CONFIRMED, text="The day does not matter.")
    assert world.state() is S.CONFIRMED
    assert world.item().body.rounds == before

    world.do("Timur", "dispute", reason="other", text="Once more.")
    world.do("Ruth", "settle", to=S.IN_ASSESSMENT, text="Look again.")
    world.do("Nigora", "propose")
    world.do("Ruth", "assign", reviewer=world.id_of("Timur"))
    world.do("Timur", "confirm")

    item = world.item()
    assert (len(item.body.rounds), item.row.state) == (2, S.CONFIRMED)
    assert [(entry["what"], entry["text"], entry["reason"]) for entry in item.body.trail] == [
        ("taken", "", ""),
        ("disputed", "Another day.", "facts_wrong"),
        ("settled_confirmed", "The day does not matter.", ""),
        ("disputed", "Once more.", "other"),
        ("settled_in_assessment", "Look again.", ""),
    ]


def test_a_report_that_contradicts_disputes_what_is_confirmed(world: World) -> None:
    """On these incidents only, and nothing that nobody confirmed."""
    world.confirm(ACT)
    world.confirm("I07·2")
    world.propose("I07·3")
    world.confirm(OTHER)
    size = world.size()
    nigora, case_id = world.actor("Nigora"), world.place(ACT)[0]

    with world.database.write() as session:
        file = leased_case(session, nigora, world.session_id("Nigora"), case_id, now=world.now)
        incident = file.act(world.place(ACT)[1])[0]
        count = review.dispute_contradicted(session, nigora, file, [incident.id], now=world.now)

    assert count == 2
    assert [world.state(ref) for ref in (ACT, "I07·2", "I07·3", OTHER)] == [S.DISPUTED, S.DISPUTED, S.PROPOSED, S.CONFIRMED]
    own = [entry for entry in world.entries(since=size) if entry["kind"] == "finding.disputed"]
    assert [entry["details"]["reasons"] for entry in own] == [["new_information"]] * 2


def test_a_forged_confirmation_is_not_disputed_into_being(world: World) -> None:
    """What its signatures do not bear stays damaged, instead of becoming a dispute of something confirmed."""
    world.review()
    with world.forging("Nigora") as (session, row, item):
        row.state = S.CONFIRMED
        save_finding(session, world.actor("Nigora"), row, item.body, "finding.confirmed", now=world.now, details={})
    nigora, (case_id, act_id) = world.actor("Nigora"), world.place(ACT)

    with world.database.write() as session:
        file = leased_case(session, nigora, world.session_id("Nigora"), case_id, now=world.now)
        assert review.dispute_contradicted(session, nigora, file, [file.act(act_id)[0].id], now=world.now) == 0


# ── the log


def _whole_story(world: World) -> list[tuple[str, str]]:
    """Take every kind of step, with a marked word in every free text; return (kind, who) in order."""
    told: dict[str, Any] = dict.fromkeys(("confirm", "refute", "speaks_for", "speaks_against", "reasoning"), f"{MARK} told.")
    statement = a_statement(who=f"{MARK} paper", how=MARK, origin=MARK.lower(), household=MARK)
    readings = dict.fromkeys(("reading_a", "source_a", "reading_b", "source_b", "why"), MARK)
    typed = an_assessment(statements=(statement,), contradictions=(a_contradiction(**readings),), **told)
    lr = replace(typed, decision="refuted")
    timur = world.id_of("Timur")
    story: list[tuple[str, str, str, dict[str, Any]]] = [
        ("finding.taken", "Nigora", "take", {}),
        ("finding.taken", "Ruth", "take", {}),
        ("finding.assessed", "Ruth", "assess", {"typed": typed}),
        ("finding.proposed", "Ruth", "propose", {"typed": typed}),
        ("finding.assigned", "Ruth", "assign", {"reviewer": timur}),
        ("finding.returned", "Timur", "give_back", {"reason": "other", "comment": MARK}),
        ("finding.taken", "Nigora", "take", {}),
        ("finding.proposed", "Nigora", "propose", {"typed": lr}),
        ("finding.assigned", "Ruth", "assign", {"reviewer": timur}),
        ("finding.approved", "Ruth", "approve", {}),
        ("finding.confirmed", "Timur", "confirm", {"comment": MARK}),
        ("finding.reopened", "Ruth", "reopen", {"text": MARK}),
        ("finding.taken", "Nigora", "take", {}),
        ("finding.proposed", "Nigora", "propose", {"typed": typed}),
        ("finding.assigned", "Ruth", "assign", {"reviewer": timur}),
        ("finding.confirmed", "Timur", "confirm", {"comment": MARK}),
        ("finding.disputed", "Timur", "dispute", {"reason": "facts_wrong", "text": MARK}),
        ("finding.settled", "Ruth", "settle", {"to": S.CONFIRMED, "text": MARK}),
    ]
    for _kind, name, step, values in story:
        world.do(name, step, **values)
    return [(kind, world.id_of(name)) for kind, name, _step, _values in story]


def test_each_step_is_one_entry_and_no_entry_holds_a_word(world: World) -> None:
    """In the order of the steps, each with the next version; codes and numbers only. The sealed rows hold the words."""
    told = _whole_story(world)

    entries = [entry for entry in world.entries() if entry["kind"].startswith("finding.")]
    assert [(entry["kind"], entry["actor"]) for entry in entries] == told
    assert [entry["version"] for entry in entries] == list(range(1, len(told) + 1))
    everything = json.dumps([entry["details"] for entry in world.entries()], ensure_ascii=False)
    assert MARK.casefold() not in everything.casefold()
    assert MARK in repr(world.item().body)
    names = {part for form in world.sheet("Nigora").file.own_names() for part in form.split() if len(part) > 3}
    assert not [name for name in names if name in everything]
    keys = Counter(key for entry in entries for key in entry["details"])
    assert set(keys) == {
        *("case", "act", "type", "from", "to", "level", "rule", "standard", "grades", "origins", "decision", "people", "seal"),
        *("reviewer", "reasons"),
    }
    assert {type(value) for entry in entries for value in entry["details"].values()} <= {str, int, list, type(None)}


def test_people_in_an_entry_are_counted_from_signatures(world: World) -> None:
    """A proposal has one, a return and a confirmation two."""
    world.review()
    world.do("Timur", "give_back")

    counted = {entry["kind"]: entry["details"]["people"] for entry in world.entries() if "people" in entry["details"]}
    assert {kind: count for kind, count in counted.items() if kind.startswith("finding.")} == {"finding.proposed": 1, "finding.returned": 2}


# ── the note for the auditor


def test_a_note_holds_no_name_of_the_case(world: World) -> None:
    """In no spelling, case, script or punctuation."""
    file = world.sheet("Nigora").file

    for note in NAMING:
        with pytest.raises(NamedError):
            check_note(note, file)


def test_an_ordinary_note_passes(world: World) -> None:
    """The check does not refuse what people write."""
    file = world.sheet("Nigora").file

    assert [check_note(note, file) for note in PLAIN] == [note.strip() for note in PLAIN]


def test_a_note_is_one_plain_line(world: World) -> None:
    """Nothing that would look otherwise on the auditor's page."""
    file = world.sheet("Nigora").file

    for note in ("x" * 301, "two\nlines", "a\u2028b", "tab\there", "\u202eturned"):
        with pytest.raises(MalformedError):
            check_note(note, file)


def test_a_named_note_stops_every_signature(world: World) -> None:
    """Propose, confirm and return; nothing is saved. A good one is in the entry."""
    world.do("Nigora", "take")
    with pytest.raises(NamedError):
        world.do("Nigora", "propose", note="Alijon was held")
    world.do("Nigora", "propose", note=" One origin. ")
    world.do("Ruth", "assign", reviewer=world.id_of("Timur"))
    for step in ("confirm", "give_back"):
        with pytest.raises(NamedError):
            world.do("Timur", step, note="ask Farrukh")
    world.do("Timur", "confirm", note="Read both.")

    notes = {entry["kind"]: entry["details"]["note"] for entry in world.entries() if "note" in entry["details"]}
    assert notes == {"finding.proposed": "One origin.", "finding.confirmed": "Read both."}


def test_every_refusal_is_a_known_one() -> None:
    """Each error that a step raises has a page."""
    raised = (SamePersonError, BarredError, NotYetError, NamedError, IncompleteError, ConflictError, DamagedError, MalformedError)
    assert all(kind in REFUSALS and issubclass(kind, PaivandError) for kind in raised)


def test_minors_and_sexual_violence_are_found_in_the_records(world: World) -> None:
    """Of all acts of the data set, those with a protection officer are the ones counted by hand from its fields."""
    data = published()
    people = {person["id"]: person for person in data["people"]}
    expected = {
        f"{incident['id']}·{number}"
        for incident in data["incidents"]
        for number, act in enumerate(incident["acts"], start=1)
        if act["type"].startswith("SEX_")
        or incident.get("sensitive")
        or any(people[key].get("minor") for key in act["victims"])
        or incident.get("contains_minor")
    }
    world.place(ACT)

    found = set()
    for ref in world.places:
        sheet = world.sheet("Nigora", ref)
        if needs_protection(sheet.file, sheet.incident, sheet.act):
            found.add(ref)

    assert found == expected
    assert {SEXUAL, MINOR} <= found
    assert ACT not in found


def test_a_victim_whose_record_is_damaged_may_be_a_minor(world: World) -> None:
    """What cannot be read is not taken for an adult."""
    sheet = world.sheet("Nigora")
    assert not needs_protection(sheet.file, sheet.incident, sheet.act)

    without = replace(sheet.file, people={key: item for key, item in sheet.file.people.items() if key != sheet.act.body.victims[0]})

    assert needs_protection(without, sheet.incident, sheet.act)


def test_an_incident_without_a_minor_needs_no_officer(world: World) -> None:
    """`no` is an answer and no minor; `probable` is one."""
    sheet = world.sheet("Nigora")
    act = replace(sheet.act, body=replace(sheet.act.body, victims=[]))
    for minor, expected in (("no", False), (None, False), ("unknown", False), ("yes", True), ("probable", True)):
        incident = deepcopy(sheet.incident.body)
        incident.minor = minor
        assert needs_protection(sheet.file, replace(sheet.incident, body=incident), act) is expected


def test_a_contradiction_that_came_after_the_proposal_stands_in_its_way(world: World) -> None:
    """A report that contradicts and is not among the statements: the proposal can only be returned."""
    world.review()
    report_id = world.report(accepted_by="Ruth")
    _unlink(world, report_id, "Ruth")
    _link_again(world, report_id, "Ruth", "contradicts")

    assert world.sheet("Timur").is_stale
    with pytest.raises(ConflictError):
        world.do("Timur", "confirm")
    world.do("Timur", "give_back")
    assert world.state() is S.RETURNED


def test_a_link_taken_back_still_bars_its_maker(world: World) -> None:
    """Else one takes it back, reviews, and links again."""
    report_id = world.report(accepted_by="Timur")
    _unlink(world, report_id, "Timur")
    world.propose()

    with pytest.raises(BarredError):
        world.do("Ruth", "assign", reviewer=world.id_of("Timur"))


def test_what_stands_on_a_withdrawn_report_is_disputed(world: World) -> None:
    """Its links end at both ends, and it can be cited no more."""
    report_id = world.report(accepted_by="Nigora")
    world.do("Nigora", "take")
    world.do("Nigora", "propose", typed=an_assessment(statements=(a_statement(report=str(report_id)),)))
    world.do("Ruth", "assign", reviewer=world.id_of("Timur"))
    world.do("Timur", "confirm")
    nigora, held = world.actor("Nigora"), world.session_id("Nigora")

    with world.database.write() as session:
        report = session.get(Report, report_id)
        assert report is not None
        ended = links.withdraw(session, nigora, held, report_id, reason="They wrote so.", version=report.version, now=world.now)
        count = review.dispute_withdrawn(session, nigora, report_id, ended, now=world.now)

    assert (count, world.state()) == (1, S.DISPUTED)
    sheet = world.sheet("Ruth")
    assert sheet.incident.body.reports == []
    world.do("Ruth", "settle", to=S.IN_ASSESSMENT, text="Its source took it back.")
    with pytest.raises(IncompleteError) as refused:
        world.do("Nigora", "propose", typed=an_assessment(statements=(a_statement(report=str(report_id)),)))
    assert refused.value.missing == ["unlinked"]


def _link_again(world: World, report_id: Any, name: str, kind: str) -> None:
    case_id, act_id = world.place(ACT)
    with world.database.write() as session:
        file = leased_case(session, world.actor(name), world.session_id(name), case_id, now=world.now)
        report = session.get(Report, report_id)
        assert report is not None
        links.link(
            session,
            world.actor(name),
            world.session_id(name),
            report_id,
            case_id,
            incidents=[file.act(act_id)[0].id],
            kind=kind,
            certainty="certain",
            version=report.version,
            now=world.now,
        )
