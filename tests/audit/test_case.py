"""Cases and standard questions: four eyes are counted from who signed the entries, whatever the entries say of themselves."""

from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.audit.entries import Entry
from app.audit.story import Eyes, Fault, read_cases, read_findings, read_reviews, read_sights
from app.ledger.append import append
from app.store.cases import CaseState, FindingState
from tests.audit.reading import table, tables
from tests.audit.walk import NOTE, Walk
from tests.conftest import Instance, Member

NIGORA, TIMUR, RUTH, SALOME = (str(UUID(int=number, version=4)) for number in range(4))
FINDING = f"finding:{UUID(int=9, version=4)}"
ABOUT = {"case": "C-0001", "act": "I07·1", "type": "LIB_DETENTION"}
DETENTION = "arbitrary arrest or detention"
CONFIRMED: dict[str, Any] = {**ABOUT, "decision": "level", "level": "L1", "people": 2}


class Story:
    """Write entries down, one a line."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.places: Iterator[int] = count()

    def tell(self, kind: str, actor: str, *, record: str = FINDING, day: str = "2026-11-24", **details: Any) -> Entry:
        entry = Entry(next(self.places), day, kind, actor, ("caseworker",), record, details)
        self.entries.append(entry)
        return entry

    @property
    def faults(self) -> tuple[Fault, ...]:
        return read_findings(self.entries)[FINDING].faults

    @property
    def eyes(self) -> list[Eyes]:
        sights = read_sights(self.entries)
        return [sights[entry.index].eyes for entry in self.entries]


def test_two_people_are_two_people() -> None:
    story = Story()
    story.tell("finding.proposed", NIGORA, **ABOUT, level="L1")
    story.tell("finding.assigned", RUTH, **ABOUT, reviewer=TIMUR)
    story.tell("finding.confirmed", TIMUR, **CONFIRMED)

    assert story.eyes == [Eyes.HALF, Eyes.NONE, Eyes.BOTH]
    assert story.faults == ()
    assert read_sights(story.entries)[2].people == 2


def test_one_person_is_not_two_whatever_the_entry_says() -> None:
    """`people` says 2; the signers say 1."""
    story = Story()
    story.tell("finding.proposed", NIGORA, **ABOUT)
    story.tell("finding.confirmed", NIGORA, **CONFIRMED)

    assert story.eyes == [Eyes.HALF, Eyes.BROKEN]
    assert story.faults == (Fault.ALONE, Fault.COUNT)


def test_another_persons_returned_proposal_is_no_proposal_of_this_round() -> None:
    """Timur proposed before, Nigora proposes and confirms now: his signature of then does not help her."""
    story = Story()
    story.tell("finding.proposed", TIMUR, **ABOUT)
    story.tell("finding.returned", RUTH, **ABOUT)
    story.tell("finding.proposed", NIGORA, **ABOUT)
    story.tell("finding.confirmed", NIGORA, **CONFIRMED)

    assert story.eyes[-1] is Eyes.BROKEN


def test_proposal_of_another_finding_does_not_count() -> None:
    story = Story()
    story.tell("finding.proposed", NIGORA, record=f"finding:{uuid4()}", **ABOUT)
    story.tell("finding.confirmed", TIMUR, **CONFIRMED)

    assert story.eyes[-1] is Eyes.BROKEN
    assert Fault.ALONE in story.faults


def test_second_confirmation_of_one_proposal_does_not_count() -> None:
    """A proposal is used up by its confirmation."""
    story = Story()
    story.tell("finding.proposed", NIGORA, **ABOUT)
    story.tell("finding.confirmed", TIMUR, **CONFIRMED)
    story.tell("finding.confirmed", TIMUR, **CONFIRMED)

    assert story.eyes[1:] == [Eyes.BOTH, Eyes.BROKEN]


@pytest.mark.parametrize(
    ("says", "faults"), [(2, (Fault.COUNT,)), (3, ()), (4, (Fault.COUNT,)), (True, (Fault.COUNT,)), ("3", (Fault.COUNT,))]
)
def test_number_in_the_entry_is_held_against_the_signers(says: Any, faults: tuple[Fault, ...]) -> None:
    """Three signed: proposer, protection officer, reviewer."""
    story, about = Story(), {**ABOUT, "type": "SEX_EXAM"}
    story.tell("finding.proposed", NIGORA, **about)
    story.tell("finding.approved", SALOME, **about, approval="ab" * 32, decision="confirm")
    story.tell("finding.confirmed", TIMUR, **{**CONFIRMED, **about, "people": says})

    assert story.faults == faults
    assert read_sights(story.entries)[2].people == 3


def test_sexual_violence_needs_the_protection_officer() -> None:
    story, about = Story(), {**ABOUT, "type": "SEX_EXAM"}
    story.tell("finding.proposed", NIGORA, **about)
    story.tell("finding.confirmed", TIMUR, **{**CONFIRMED, **about})

    assert story.faults == (Fault.PROTECTION,)


def test_refutation_needs_a_lead_who_is_not_the_protection_officer() -> None:
    story, about = Story(), {**ABOUT, "decision": "refuted", "level": "LR"}
    story.tell("finding.proposed", NIGORA, **about)
    story.tell("finding.approved", SALOME, **{**about, "decision": "confirm"}, approval="ab" * 32)
    story.tell("finding.confirmed", TIMUR, **about, people=3)

    assert story.faults == (Fault.LEAD,)


@pytest.mark.parametrize(
    ("kinds", "record", "people", "eyes"),
    [
        (("report.closing", "report.closed"), f"report:{uuid4()}", (NIGORA, TIMUR), Eyes.BOTH),
        (("report.closing", "report.closed"), f"report:{uuid4()}", (NIGORA, NIGORA), Eyes.BROKEN),
        (("report.closing", "report.kept", "report.closed"), f"report:{uuid4()}", (NIGORA, TIMUR, TIMUR), Eyes.BROKEN),
        (("message.handed", "message.released"), f"message:{uuid4()}", (NIGORA, RUTH), Eyes.BOTH),
        (("message.handed", "message.released"), f"message:{uuid4()}", (RUTH, RUTH), Eyes.BROKEN),
        (("message.released",), f"message:{uuid4()}", (RUTH,), Eyes.BROKEN),
    ],
    ids=range(6),
)
def test_second_person_is_compared_with_the_first(kinds: tuple[str, ...], record: str, people: tuple[str, ...], eyes: Eyes) -> None:
    """For reports and messages, too, the signers count."""
    story = Story()
    for kind, person in zip(kinds, people, strict=True):
        story.tell(kind, person, record=record, asked=NIGORA)

    assert story.eyes[-1] is eyes


@pytest.mark.parametrize(("inviter", "granter", "eyes"), [(RUTH, TIMUR, Eyes.BOTH), (RUTH, RUTH, Eyes.BROKEN)])
def test_who_invites_does_not_grant(inviter: str, granter: str, eyes: Eyes) -> None:
    story, invitation, member = Story(), uuid4(), f"member:{uuid4()}"
    story.tell("member.invited", inviter, record=f"invitation:{invitation}", role="caseworker")
    story.tell("member.joined", granter, record=member, invitation=str(invitation))
    story.tell("member.granted", granter, record=member, manifest="cd" * 32, role="caseworker")

    assert story.eyes == [Eyes.NONE, Eyes.NONE, eyes]


@pytest.mark.parametrize(
    ("signs", "digest", "eyes"), [(TIMUR, "cd" * 32, Eyes.BOTH), (RUTH, "cd" * 32, Eyes.BROKEN), (TIMUR, "ef" * 32, Eyes.BROKEN)]
)
def test_manifest_is_signed_by_another_than_its_proposer(signs: str, digest: str, eyes: Eyes) -> None:
    """And it is the same manifest."""
    story = Story()
    story.tell("manifest.proposed", RUTH, record="manifest:draft", manifest="cd" * 32, what="remove")
    story.tell("manifest.signed", signs, record="manifest:draft", manifest=digest)

    assert story.eyes == [Eyes.HALF, eyes]


def test_one_hand_is_enough_to_remove_where_one_lead_is() -> None:
    story = Story()
    story.tell("member.removed", RUTH, record=f"member:{TIMUR}", manifest="cd" * 32)

    assert story.eyes == [Eyes.NONE]


def test_days_in_each_state_add_up_to_today() -> None:
    story = Story()
    story.tell("finding.taken", NIGORA, day="2026-11-01", **ABOUT)
    story.tell("finding.assessed", NIGORA, day="2026-11-02", **ABOUT)
    story.tell("finding.proposed", NIGORA, day="2026-11-04", **ABOUT)
    story.tell("finding.assigned", RUTH, day="2026-11-05", **ABOUT, reviewer=TIMUR)
    story.tell("finding.assigned", RUTH, day="2026-11-06", **ABOUT, reviewer=SALOME)
    story.tell("finding.returned", TIMUR, day="2026-11-10", **ABOUT)
    story.tell("finding.taken", NIGORA, day="2026-11-11", **ABOUT)

    days = read_findings(story.entries)[FINDING].days(date(2026, 11, 20))

    assert days == {FindingState.IN_ASSESSMENT: 3 + 9, FindingState.PROPOSED: 1, FindingState.IN_REVIEW: 5, FindingState.RETURNED: 1}
    assert sum(days.values()) == 19


@pytest.mark.parametrize(
    ("decision", "state"),
    [("level", FindingState.CONFIRMED), ("unverifiable", FindingState.UNVERIFIABLE), ("refuted", FindingState.REFUTED)],
)
def test_state_follows_the_decision(decision: str, state: FindingState) -> None:
    """And a dispute, its settlement and a reopening follow each other."""
    story = Story()
    story.tell("finding.confirmed", TIMUR, **{**CONFIRMED, "decision": decision})
    states = [read_findings(story.entries)[FINDING].state]
    for kind, details in (
        ("finding.disputed", {}),
        ("finding.settled", {"to": "confirmed"}),
        ("finding.settled", {"to": "in_assessment"}),
        ("finding.reopened", {}),
    ):
        story.tell(kind, RUTH, **ABOUT, **details)
        states.append(read_findings(story.entries)[FINDING].state)

    assert states == [state, FindingState.DISPUTED, FindingState.CONFIRMED, FindingState.IN_ASSESSMENT, FindingState.REOPENED]


def test_returns_and_changed_levels_are_counted() -> None:
    """Two of three reviews ended with a return; after one of them the level was another."""
    story = Story()
    for level, end in (("L2", "finding.returned"), ("L1", "finding.returned"), ("L1", "finding.confirmed")):
        story.tell("finding.proposed", NIGORA, **ABOUT, level=level)
        story.tell(end, TIMUR, **ABOUT, level=level)

    reviews = read_reviews(read_findings(story.entries).values())

    assert (reviews.ended, reviews.returned, reviews.changed) == (3, 2, 1)


def test_case_is_put_together_by_its_code() -> None:
    """A hand-made act has no short name in its entry; it goes by the first letters of its id, as its finding does."""
    story, case, act = Story(), uuid4(), uuid4()
    story.tell("case.created", NIGORA, record=f"case:{case}", case="C-0003")
    story.tell("incident.created", NIGORA, record=f"incident:{uuid4()}", case="C-0003")
    story.tell("act.created", NIGORA, record=f"act:{act}", case="C-0003", type="ECO_JOB")
    story.tell("act.created", NIGORA, record=f"act:{uuid4()}", case="C-0003", type="ECO_JOB")
    story.tell("finding.taken", NIGORA, case="C-0003", act=str(act)[:8], type="ECO_JOB")
    story.tell("case.opened", TIMUR, record=f"case:{case}", case="C-0003")
    story.tell("case.moved", TIMUR, record=f"case:{case}", case="C-0003", to="closed")
    story.tell("report.linked", TIMUR, record=f"report:{uuid4()}", case="C-0004", suggested=[{"case": "C-0003", "band": "likely"}])

    found = read_cases(story.entries, read_findings(story.entries))

    assert list(found) == ["C-0003", "C-0004"]
    made = found["C-0003"]
    assert (made.id, made.state, made.incidents, len(made.acts), len(made.openings)) == (case, CaseState.CLOSED, 1, 2, 1)
    assert made.states == {FindingState.IN_ASSESSMENT: 1, FindingState.UNASSESSED: 1}
    assert len(made.links) == 1


# --- the pages


def test_case_page_tells_who_decided_what(edda: Member, walked: Walk) -> None:
    page = edda.get(f"/audit/cases/{walked.case}").text

    rows = {row[0]: row[1:] for row in table(page, "Findings of this case")}
    named = {key: next(name for name in rows if str(act)[:8] in name) for key, act in walked.acts.items()}
    assert rows[named["held"]] == ["Confirmed", "L1 possible", "Nigora", "Timur", "4", "✓ two people"]
    assert rows[named["grave"]] == ["Reopened", "L1 possible", "Nigora", "Timur protection officer: Salome", "0", "✓ three people"]
    assert rows[named["refuted"]] == ["Refuted", "LR refuted", "Timur", "Nigora lead: Ruth", "0", "✓ three people"]
    assert rows[named["waiting"]] == ["In review", "L1 possible", "Timur", "Ruth, not yet", "0", "◐ one of two"]
    assert "C-0013: 4 acts, 3 signed, each by at least two people" in page
    assert NOTE in page
    assert "level too high for its sources" in page
    assert "same person" in page
    assert 'class="note risk"' not in page


def test_case_page_tells_who_opened_it_and_which_reports_belong_to_it(edda: Member, walked: Walk) -> None:
    page = edda.get(f"/audit/cases/{walked.case}").text

    openings = {row[0]: row[1:3] for row in table(page, "Openings of this case")}
    assert set(openings) == {"Nigora", "Timur", "Ruth", "Salome"}
    assert openings["Salome"] == ["1", "0"]
    assert int(openings["Nigora"][1]) > 0
    assert openings["Timur"][1] == "1"
    links = [row[1] for row in table(page, "Reports that were linked")]
    assert [text.split(" ")[0:2] for text in links] == [["Report", "accepted"], ["Link", "taken"], ["Report", "accepted"]]
    assert "adds to it; likely; 1 incident" in links[0]
    assert "from open to monitoring" in page


def test_refused_suggestion_stands_in_the_case_it_was_suggested_for(edda: Member, walked: Walk) -> None:
    edda.get("/audit/cases")
    codes = [row[0] for row in table(edda.page.text, "Cases that the log knows")]
    assert codes == [f"C-{number:04d}" for number in range(1, 14)]
    first = next(url for url in _links(edda.page.text))

    page = edda.get(first).text

    assert "Recorded: not the same person" in page


def _links(page: str) -> Iterator[str]:
    for part in page.split('href="')[1:]:
        url = part.split('"', maxsplit=1)[0]
        if url.startswith("/audit/cases/"):
            yield url


def test_cases_are_numbers_and_codes(edda: Member, walked: Walk) -> None:
    row = table(edda.get("/audit/cases").text, "Cases that the log knows")[-1]

    assert row[:4] == ["C-0013", "monitoring", "2", "4"]
    assert row[4] == "In review 1, Confirmed 1, Refuted 1, Reopened 1"
    assert row[5] == "✓ 3 of 3"
    assert int(row[6]) > 5


def test_standard_questions_are_answered(edda: Member, walked: Walk) -> None:
    page = edda.get("/audit/questions").text

    assert "None. 3 confirmations, each signed by at least two people." in page
    assert [row[2] for row in table(page, "Refusals")] == [f"✕ Review refused: {DETENTION} same person"]
    assert "1 of 4 reviews ended with a return (25 in a hundred)." in page
    assert "After 1 return the next proposal named another level." in page
    assert [row[2] for row in table(page, "Grants and removals")] == ["Member removed", "Role granted caseworker"]
    assert [row[4] for row in table(page, "Grants and removals")] == ["Olim", "Olim"]
    assert [row[5] for row in table(page, "Grants and removals")] == ["not needed", "✓ two people"]
    assert "There is no export of cases and no publishing in this version" in page
    assert "Every entry opens" in page
    assert "fits its head" in page
    assert "Steps without two people" not in page
    days = next(found for found in tables(page) if found.caption.startswith("Days of each finding"))
    held = next(row for row in days.rows if str(walked.acts["held"])[:8] in row[0])
    assert held[days.rows[0].index("In review")] == "7"


def test_a_forged_second_signature_is_named(edda: Member, walked: Walk, instance: Instance) -> None:
    """Somebody who holds the team's secret writes entries that say two people; the pages count the signers."""
    walked.enter("Nigora")
    about = {"case": "C-0013", "act": str(walked.acts["held"])[:8], "type": "LIB_DETENTION", "level": "L4", "decision": "level"}
    record = f"finding:{uuid4()}"
    with walked.as_member("Nigora") as (session, actor, _):
        append(session, actor, "finding.proposed", now=walked.now, about=record, details={**about, "people": 1})
        append(session, actor, "finding.confirmed", now=walked.now, about=record, details={**about, "people": 2})

    case, questions = edda.get(f"/audit/cases/{walked.case}").text, edda.get("/audit/questions").text

    assert "✕ not two people" in case
    assert "The entries do not show two different people." in case
    assert "The entry names another number of people than signed." in case
    assert "not each by two people" in case
    assert "The entries do not show two different people." in questions
    assert "✕ 3 of 4" in edda.get("/audit/cases").text


def test_unknown_case_is_not_there(edda: Member) -> None:
    assert edda.get(f"/audit/cases/{uuid4()}").status_code == 404


def test_pages_say_when_a_part_of_the_log_does_not_open(edda: Member, walked: Walk) -> None:
    """What is worked out from the whole log says that a part is missing, and which."""
    walked.instance.sql("DELETE FROM key_wrap WHERE record = 'ledger:5' AND recipient LIKE 'batch:%'")

    for url in ("/audit/cases", f"/audit/cases/{walked.case}", "/audit/questions"):
        assert "1 entry of the log does not open" in edda.get(url).text
    assert '<p class="ref">5</p>' in edda.page.text
