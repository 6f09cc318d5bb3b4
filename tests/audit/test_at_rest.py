"""After the whole walk nothing that anybody typed, and no name that was published, lies readable in the database or its log."""

import re

from app.cases.importing import published
from app.store.cases import CaseState, FindingState
from app.store.database import METADATA
from app.store.reports import MessageState, ReportState
from tests.audit.walk import NOTE, Walk
from tests.test_invariants import files_of, variants

PUBLISHED = [form for person in published()["people"] for form in (person["name"], *person.get("variants", [])) if len(form) > 5]


def test_no_word_of_a_case_lies_in_clear(walked: Walk) -> None:
    """Names, places, titles, reasons, statements, notes for the auditor, and every form of a published name."""
    typed = [text for texts in walked.typed.values() for text in texts]
    words = [*typed, *PUBLISHED, NOTE, *(item["title"] for item in published()["incidents"]), "LIB_DETENTION", "THR_HARASS", "2016-09-22"]
    assert len(typed) > 60

    for name, raw in files_of(walked.instance).items():
        found = [word for word in words for needle in variants(word) if needle in raw]
        assert found == [], f"{name}: {found[:3]}"


def test_readable_columns_hold_ids_weeks_states_and_numbers(walked: Walk) -> None:
    """In every table, the new ones too; none of them is empty after the walk but the one whose rows live for an hour only."""
    uuid = "[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
    states = "|".join(state.value for enum in (ReportState, MessageState, CaseState, FindingState) for state in enum)
    record = "report|message|batch|member|case|incident|act|person|reference|finding|manifest"
    plain = "team|audit|recovery|body|row|key|secret|prev|queue|manifest:draft|000[0-9]"
    known = re.compile(rf"({uuid}|20\d\d-W\d\d|{states}|{plain}|({record}):{uuid}|ledger:\d+|epoch:(team|audit))")
    filled = set()
    for table in METADATA.sorted_tables:
        for row in walked.instance.rows(f'SELECT * FROM "{table.name}"'):  # noqa: S608 - our own table names
            filled.add(table.name)
            assert [value for value in row if isinstance(value, str) and not known.fullmatch(value)] == [], table.name
    assert {"case", "incident", "act", "person", "reference", "finding"} <= filled
