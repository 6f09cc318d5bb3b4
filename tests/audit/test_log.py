"""The log as a list: who, what, when, on which grounds, with how many people; choices, pages and the download."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, func, select

from app.audit.choice import Choice, What, case_code, is_a
from app.audit.entries import Entry
from app.audit.log import PAGE, _harmless
from app.errors import SealError
from app.ledger.append import KINDS, append
from app.ledger.read import open_as_auditor, open_many_as_auditor
from app.store.ledger import LedgerEntry
from app.vault.encoding import sha256
from app.web.labels import ENTRIES
from tests.audit.reading import entries
from tests.audit.walk import NOTE, Walk
from tests.conftest import Instance, Member

DETENTION = "arbitrary arrest or detention"


def choose(edda: Member, **typed: str) -> list[list[str]]:
    """Fill in the form; return every row that fits, page by page."""
    edda.get("/audit/log")
    edda.press("/audit/log", **typed)
    return entries(edda.page.text) + turn_back(edda)


def turn_back(edda: Member) -> list[list[str]]:
    """Go on to the last page, by buttons or by links; return the rows on the way."""
    found: list[list[str]] = []
    while True:
        if (button := button_of(edda, "Older")) is not None:
            edda.press("/audit/log", button)
        elif 'rel="next"' in edda.page.text:
            edda.get(edda.page.text.split('" rel="next"')[0].rsplit('href="')[-1])
        else:
            return found
        found += entries(edda.page.text)


def button_of(edda: Member, text: str) -> tuple[str, str] | None:
    """Return the button with this text, as a form sends it."""
    head, found, _rest = edda.page.text.partition(f'">{text}</button>')
    return ("before", head.rsplit('value="', maxsplit=1)[1]) if found else None


def size(walked: Walk) -> int:
    with walked.instance.databases[-1].read() as session:
        return session.scalar(select(func.count()).select_from(LedgerEntry)) or 0


# --- opening many at once


def test_many_open_as_each_alone_does(walked: Walk, instance: Instance) -> None:
    """Batches of several sessions and of two audit epochs; the same records, and the same refusals."""
    instance.clock.forward(seconds=30)
    actor, _ = instance.actor("Edda")
    with instance.database().read() as session:
        rows = list(session.scalars(select(LedgerEntry).order_by(LedgerEntry.index)))
        alone = {row.index: open_as_auditor(session, actor, row) for row in rows}
        assert open_many_as_auditor(session, actor, rows) == alone
        assert open_many_as_auditor(session, actor, []) == {}
    with instance.edit() as sql:
        sql.run(
            "UPDATE key_wrap SET sealed = (SELECT sealed FROM key_wrap WHERE record = 'ledger:7' AND recipient LIKE 'batch:%') "
            "WHERE record = 'ledger:8' AND recipient LIKE 'batch:%'"
        )
        sql.run("DELETE FROM key_wrap WHERE record = 'ledger:9' AND recipient LIKE 'batch:%'")
    with instance.database().read() as session:
        rows = list(session.scalars(select(LedgerEntry).order_by(LedgerEntry.index)))
        opened = open_many_as_auditor(session, actor, rows)
        assert opened == {index: found for index, found in alone.items() if index not in (8, 9)}
        for index in (8, 9):
            with pytest.raises(SealError):
                open_as_auditor(session, actor, rows[index])


def test_a_page_asks_the_database_few_times(edda: Member) -> None:
    """However many entries there are."""
    counted: list[str] = []
    engine = edda.client.application.extensions["paivand"].database.engine

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        counted.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        edda.get("/audit/log")
    finally:
        event.remove(engine, "before_cursor_execute", count)

    assert edda.page.status_code == 200
    assert len(counted) < 25


# --- what a row says


def test_first_page_is_the_newest_fifty_with_the_head(edda: Member, walked: Walk) -> None:
    rows = entries(edda.get("/audit/log").text)

    assert [int(row[0]) for row in rows] == list(range(size(walked) - 1, size(walked) - 1 - PAGE, -1))
    assert f"{size(walked)} entries in all" in edda.page.text
    assert f"\n{size(walked)}\n" in edda.page.text
    assert "Week 49, 2026" in edda.page.text
    assert rows[0][2:4] == ["Auditor signed in", "Edda auditor"]


def test_plain_pages_reach_the_first_entry(edda: Member, walked: Walk) -> None:
    """By addresses, without a form."""
    found = entries(edda.get("/audit/log").text) + turn_back(edda)

    assert [int(row[0]) for row in found] == list(range(size(walked) - 1, -1, -1))
    edda.get(edda.page.text.split('" rel="prev"')[0].rsplit('href="')[-1])
    assert len(entries(edda.page.text)) == PAGE


def test_a_decision_says_who_what_grades_level_reason_and_four_eyes(edda: Member, walked: Walk) -> None:
    act = str(walked.acts["held"])[:8]

    rows = [row[2:] for row in choose(edda, case="C-0013", type="LIB_DETENTION") if row[2].startswith("Finding")][::-1]

    proposed, returned, again, confirmed, disputed = rows
    assert proposed[0] == f"Finding proposed: {DETENTION} 1 origin; reasonable suspicion Note for you: {NOTE}"
    assert proposed[1:] == ["Nigora caseworker", f"C-0013 {act}", "C2 L2 credible", "◐ one of two"]
    assert returned[0] == f"Finding returned: {DETENTION} level too high for its sources"
    assert returned[1:] == ["Timur caseworker", f"C-0013 {act}", "C2 L2 credible", "◐ one of two"]
    assert again[3:] == ["C3 L1 possible", "◐ one of two"]
    assert confirmed[1:] == ["Timur caseworker", f"C-0013 {act}", "C3 L1 possible", "✓ two people"]
    assert disputed[0].endswith("new information")


def test_every_kind_has_words() -> None:
    """No entry is shown by its code."""
    assert set(ENTRIES) == KINDS


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_rows_are_in_the_language_of_the_page(edda: Member, lang: str) -> None:
    """Labels of acts and reasons come from the vocabularies."""
    edda.press("/audit/language", ("l", lang))
    edda.get("/audit/log")
    edda.press("/audit/log", what="refusals")

    label = {"en": DETENTION, "ru": "произвольный арест или задержание"}[lang]
    assert label in entries(edda.page.text)[0][2]


# --- choices


@pytest.mark.parametrize("what", list(What))
def test_each_sort_shows_its_kinds(edda: Member, walked: Walk, what: What) -> None:
    """And the four sorts leave out only what is neither decision, opening, refusal nor about people."""
    shown = {int(row[0]) for row in choose(edda, what=what.value)}

    edda_actor, _ = walked.instance.actor("Edda")
    with walked.instance.databases[-1].read() as session:
        rows = session.scalars(select(LedgerEntry)).all()
        kinds = {index: opened.record["kind"] for index, opened in open_many_as_auditor(session, edda_actor, rows).items()}
    assert shown == {index for index in kinds if is_a(what, kinds[index])} - {max(kinds)}
    assert shown


def test_sorts_do_not_overlap() -> None:
    for kind in KINDS:
        assert sum(is_a(what, kind) for what in What if what is not What.EVERYTHING) <= 1
    assert is_a(What.DECISIONS, "finding.confirmed")
    assert not is_a(What.DECISIONS, "act.created")


@pytest.mark.parametrize(("eyes", "words"), [("both", "✓ two people"), ("half", "◐ one of two"), ("refused", "✕ refused"), ("broken", "")])
def test_four_eyes_can_be_chosen(edda: Member, eyes: str, words: str) -> None:
    found = {row[6] for row in choose(edda, eyes=eyes)}

    assert found == ({words, "✓ three people"} if eyes == "both" else {words} - {""})


def test_member_case_type_and_week_can_be_chosen_together(edda: Member, walked: Walk) -> None:
    nigora = walked.instance.members["Nigora"].id

    rows = choose(edda, member=nigora, case="c-13", type="LIB_DETENTION", week="2026-W48", what="decisions")

    assert {row[3] for row in rows} == {"Nigora caseworker"}
    assert all("C-0013" in row[4] and DETENTION in row[2] for row in rows)
    assert len(rows) >= 4
    later = choose(edda, week="2026-W49")
    assert 0 < len(later) < size(walked)
    assert "Week 49, 2026" in edda.page.text
    assert "Week 48, 2026</h2>" not in edda.page.text


def test_pages_of_a_choice_keep_it(edda: Member, walked: Walk) -> None:
    """Older and Newer carry the choices in the form, not in an address."""
    edda.get("/audit/log")
    edda.press("/audit/log", member=walked.instance.members["Ruth"].id)
    first = entries(edda.page.text)
    button = button_of(edda, "Older")
    assert button is not None

    edda.press("/audit/log", button)

    second = entries(edda.page.text)
    assert {row[3].split(" ")[0] for row in (*first, *second)} == {"Ruth"}
    assert max(int(row[0]) for row in second) < min(int(row[0]) for row in first)
    assert edda.page.request.query_string == b""
    button = button_of(edda, "Newer")
    assert button is not None
    edda.press("/audit/log", button)
    assert entries(edda.page.text) == first


def test_unknown_case_is_said_and_what_was_typed_stays(edda: Member) -> None:
    edda.get("/audit/log")

    edda.press("/audit/log", case="somebody")

    assert edda.page.status_code == 422
    assert "The log knows no such case" in edda.page.text
    assert edda.form("/audit/log").value("case") == "SOMEBODY"
    edda.press("/audit/log", case="C-0777")
    assert edda.page.status_code == 422
    edda.press("/audit/log", case="C-0001", what="refusals")
    assert (edda.page.status_code, "Nothing fits" in edda.page.text) == (200, True)


@pytest.mark.parametrize(
    ("typed", "code"),
    [("C-0002", "C-0002"), (" c-2 ", "C-0002"), ("2", "C-0002"), ("c12345", "C-12345"), ("", ""), ("C-", "C-"), ("٢", "٢")],
)
def test_a_case_may_be_typed_in_several_ways(typed: str, code: str) -> None:
    assert case_code(typed) == code


def test_choices_that_no_form_offers_are_any() -> None:
    assert Choice.read({"what": "x", "eyes": "x", "member": "x", "type": "x", "week": "x", "case": ""}).is_any


def test_choosing_writes_nothing(edda: Member, walked: Walk) -> None:
    before = size(walked)

    choose(edda, what="decisions")

    assert size(walked) == before


# --- the download


def read_file(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


def test_a_download_is_an_entry_that_names_the_file(edda: Member, walked: Walk) -> None:
    edda.get("/audit/log")
    edda.press("/audit/log", what="refusals")
    before = size(walked)

    answer = edda.press("/audit/log.csv")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="log-{before}.csv"'
    assert size(walked) == before + 1
    head, row = read_file(answer.data)
    assert head[0] == "Entry"
    assert row[1:6] == ["2026-11-24", "2026-W48", "Review refused", DETENTION, "same person"]
    assert row[6:8] == ["Nigora", "caseworker"]
    assert row[8:10] == ["C-0013", str(walked.acts["held"])[:8]]
    assert row[12] == "✕ refused"
    assert sha256(answer.data).hex()[:16] in edda.get("/audit/questions").text
    actor, _ = walked.instance.actor("Edda")
    with walked.instance.databases[-1].read() as session:
        record = open_as_auditor(session, actor, session.get_one(LedgerEntry, before)).record
    assert record["kind"] == "log.exported"
    assert record["details"]["entries"] == 1
    assert record["details"]["digest"] == sha256(answer.data).hex()
    assert record["details"]["filter"] == {"what": "refusals", "eyes": "", "member": "", "case": "", "type": "", "week": ""}


def test_a_whole_download_has_the_rows_of_the_list(edda: Member, walked: Walk) -> None:
    """Line by line; where an entry does not open, the file says so."""
    walked.instance.sql("DELETE FROM key_wrap WHERE record = 'ledger:9' AND recipient LIKE 'batch:%'")
    shown = choose(edda)
    edda.get("/audit/log")

    rows = read_file(edda.press("/audit/log.csv").data)[1:]

    assert [row[0] for row in rows] == [row[0] for row in shown]
    assert next(row for row in rows if row[0] == "9")[3] == "Does not open"
    assert {len(row) for row in rows} == {14}


def test_nothing_leaves_when_the_entry_cannot_be_written(edda: Member, walked: Walk) -> None:
    """No entry, no download."""
    edda.get("/audit/log")
    walked.instance.sql("UPDATE ledger_head SET size = size + 1")

    answer = edda.press("/audit/log.csv")

    assert answer.status_code == 409
    assert "text/html" in answer.headers["Content-Type"]


def test_no_text_of_the_auditors_gets_into_the_log(edda: Member, walked: Walk) -> None:
    """What is no code is refused, not recorded."""
    before = size(walked)
    edda.get("/audit/log")

    assert edda.press("/audit/log.csv", case="Somebody’s name").status_code == 422
    assert size(walked) == before


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_a_spreadsheet_computes_nothing(text: str) -> None:
    assert _harmless(text) == f"'{text}"
    assert _harmless("C-0002") == "C-0002"


def test_a_note_that_begins_like_a_formula_is_harmless(edda: Member) -> None:
    edda.get("/audit/log")

    notes = [row[13] for row in read_file(edda.press("/audit/log.csv").data)]

    assert "'+1 on the second grade." in notes
    assert NOTE in notes


# --- entries that somebody made up


NAME = "Qodirbek"


def odd() -> Iterator[tuple[str, dict[str, Any]]]:
    """Entries that our code never writes, with a name in each place."""
    yield "finding.confirmed", {"case": NAME, "act": NAME, "type": NAME, "level": NAME, "grades": [NAME, 1], "reasons": [NAME.lower(), {}]}
    yield "finding.proposed", {"case": "C-0013", "type": 5, "grades": NAME, "origins": NAME, "note": [NAME], "standard": NAME.lower()}
    yield "finding.refused", {"note": NAME, "reasons": [NAME.lower()]}
    yield "finding.assigned", {"case": "C-0013", "reviewer": NAME}
    yield "finding.returned", {"case": "C-0013", "note": f"{NAME}\n{NAME}"}
    yield (
        "report.linked",
        {"case": "C-0013", "type": NAME, "certainty": NAME, "incidents": True, "suggested": [NAME, {"case": NAME, "band": NAME}]},
    )
    yield "report.moved", {"from": NAME, "to": NAME.lower()}
    yield "report.duplicate", {"of": f"report:{NAME}"}
    yield "case.moved", {"case": "C-0013", "to": NAME}
    yield "case.changed", {"case": "C-0013", "what": NAME.lower()}
    yield "person.created", {"role": NAME.lower()}
    yield "reference.created", {"kind": NAME.lower()}
    yield "member.granted", {"role": NAME, "manifest": NAME}
    yield "manifest.proposed", {"member": NAME, "what": NAME.lower(), "manifest": 7}
    yield "log.exported", {"entries": [], "digest": NAME, "filter": NAME}
    yield "act.created", {"case": "C-0013", "type": NAME, "act": NAME}


def test_odd_details_break_no_page_and_pass_no_text_on(edda: Member, walked: Walk) -> None:
    """Whoever can sign an entry can write anything into it; the pages pass codes on and nothing else."""
    walked.enter("Nigora")
    with walked.as_member("Nigora") as (session, actor, _):
        for kind, details in odd():
            for about in (None, f"finding:{NAME}", f"{NAME.lower()}:{walked.case}", f"report:{walked.case}", NAME):
                append(session, actor, kind, now=walked.now, about=about, details=details)

    pages = [edda.get(url) for url in ("/audit/log", "/audit/cases", "/audit/questions", f"/audit/cases/{walked.case}")]
    shown = choose(edda)

    assert [page.status_code for page in pages] == [200] * 4
    assert not any(NAME.casefold() in page.text.casefold() for page in pages)
    assert not any(NAME.casefold() in cell.casefold() for row in shown for cell in row)
    assert NAME.encode().lower() not in edda.press("/audit/log.csv").data.lower()


def test_an_impossible_day_is_left_empty() -> None:
    record = {"index": 1, "day": "2026-02-31", "kind": "queue.viewed", "actor": "x", "role": "lead", "object": None, "details": {}}

    entry = Entry.of(record)

    assert (entry.day, entry.week) == ("", "")
