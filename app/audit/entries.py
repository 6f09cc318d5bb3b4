"""One opened entry as the pages read it. Whoever can write an entry can write odd details: only what has the form of a code is passed on.

So no page of the auditor shows a word that a member typed, but for the note that was written for them. Nothing here knows HTTP.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from app.cases.vocabulary import vocabulary

CODE: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
CASE: Final = re.compile(r"C-[0-9]{4,9}")
ACT: Final = re.compile(r"[A-Z]{1,3}[0-9]{1,4}·[0-9]{1,3}|[0-9a-f]{8}")
GRADE: Final = re.compile(r"[A-F][1-6]")
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RECORD: Final = re.compile(rf"(report|message|case|incident|act|person|reference|finding|invitation|member):{ID.pattern}")
_MAX_NOTE: Final = 300
_NOTED: Final = frozenset({"finding.proposed", "finding.confirmed", "finding.returned"})


@dataclass(frozen=True, slots=True)
class Entry:
    """What one entry says; the signature of `actor` on it was checked when it was opened."""

    index: int
    day: str
    kind: str
    actor: str
    roles: tuple[str, ...]
    record: str
    details: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Entry":
        """Read the record of an opened entry; a day that no calendar has is left empty."""
        try:
            day = date.fromisoformat(record["day"]).isoformat()
        except ValueError:
            day = ""
        roles = tuple(record["role"].split(",")) if record["role"] else ()
        return cls(record["index"], day, record["kind"], record["actor"], roles, record["object"] or "", record["details"])

    def word(self, name: str, form: re.Pattern[str] = CODE) -> str:
        """Return a detail that has the form of a code, or an empty text."""
        value = self.details.get(name)
        return value if isinstance(value, str) and form.fullmatch(value) else ""

    def words(self, name: str, form: re.Pattern[str] = CODE) -> tuple[str, ...]:
        """Return the codes of a list."""
        values = self.details.get(name)
        return tuple(item for item in values if isinstance(item, str) and form.fullmatch(item)) if isinstance(values, list) else ()

    def number(self, name: str) -> int | None:
        """Return a number."""
        value = self.details.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def rows(self, name: str) -> list[Mapping[str, Any]]:
        """Return the objects of a list."""
        values = self.details.get(name)
        return [item for item in values if isinstance(item, dict)] if isinstance(values, list) else []

    @property
    def week(self) -> str:
        """The ISO week of its day, `2026-W48`."""
        if not self.day:
            return ""
        year, week, _ = date.fromisoformat(self.day).isocalendar()
        return f"{year}-W{week:02d}"

    @property
    def case(self) -> str:
        """The code of the case that it is about."""
        return self.word("case", CASE)

    @property
    def act(self) -> str:
        """The short name of the act that it is about."""
        if self.kind == "act.created" and "act" not in self.details:
            return self.record_id[:8]
        return self.word("act", ACT)

    @property
    def type(self) -> str:
        """The type of that act."""
        value = self.details.get("type")
        is_of_act = self.kind.startswith(("act.", "finding."))
        return value if is_of_act and isinstance(value, str) and value in vocabulary("act").by_code else ""

    @property
    def level(self) -> str:
        """The level of a finding."""
        value = self.details.get("level")
        return value if isinstance(value, str) and value in vocabulary("level").by_code else ""

    @property
    def grades(self) -> tuple[str, ...]:
        """Reliability and credibility of each statement."""
        return self.words("grades", GRADE)

    @property
    def note(self) -> str:
        """What a decider wrote for the auditor; checked against the names of its case when it was written."""
        value = self.details.get("note")
        return value if self.kind in _NOTED and isinstance(value, str) and len(value) <= _MAX_NOTE and value.isprintable() else ""

    @property
    def record_kind(self) -> str:
        """What kind of record it is about, where that has an id."""
        return self.record.partition(":")[0] if RECORD.fullmatch(self.record) else ""

    @property
    def record_id(self) -> str:
        """The id of that record."""
        return self.record.partition(":")[2] if RECORD.fullmatch(self.record) else ""


def report_of(name: str) -> UUID | None:
    """Return the id in the record name of a report."""
    kind, _, record_id = name.partition(":")
    return UUID(record_id) if kind == "report" and ID.fullmatch(record_id) else None
