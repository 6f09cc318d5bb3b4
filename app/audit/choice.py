"""Which entries an auditor wants to see: the choices of the form, and whether an entry fits them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.audit.entries import CASE, ID, Entry
from app.audit.story import Eyes, Sight


class What(StrEnum):
    """Kinds of entries."""

    EVERYTHING = "everything"
    DECISIONS = "decisions"
    OPENINGS = "openings"
    REFUSALS = "refusals"
    PEOPLE = "people"


FIELDS: Final = ("what", "eyes", "member", "case", "type", "week")
_FORMS: Final = {"member": ID, "type": re.compile(r"[A-Z_]{1,40}"), "week": re.compile(r"[0-9]{4}-W[0-9]{2}")}
_OPENINGS: Final = frozenset({"queue.viewed", "report.opened", "case.opened", "finding.opened"})
_REFUSALS: Final = frozenset({"finding.refused"})
_PEOPLE: Final = ("member.", "manifest.", "session.", "instance.")
_NO_DECISION: Final = frozenset(
    {
        "report.admitted",
        "report.damaged",
        "report.described",
        "report.noted",
        "report.updated",
        "report.repeated",
        "finding.assessed",
        "dataset.imported",
        "log.exported",
    }
)
_WRITING: Final = (".created", ".changed")


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen; an empty text is any. `week` is the first ISO week to be shown, `case` a code as people type it."""

    what: What = What.EVERYTHING
    eyes: str = ""
    member: str = ""
    case: str = ""
    type: str = ""
    week: str = ""

    @classmethod
    def read(cls, typed: Mapping[str, str]) -> "Choice":
        """Read the form; what is not one of the words of a list is any."""
        what = next((item for item in What if item.value == typed.get("what")), What.EVERYTHING)
        eyes = next((item.value for item in Eyes if item.value == typed.get("eyes")), "")
        rest = {name: value if form.fullmatch(value := typed.get(name, "")) else "" for name, form in _FORMS.items()}
        return cls(what=what, eyes=eyes, case=case_code(typed.get("case", "")), **rest)

    @property
    def is_readable(self) -> bool:
        """Whether what was typed for the case is a case's code."""
        return not self.case or CASE.fullmatch(self.case) is not None

    @property
    def is_any(self) -> bool:
        """Whether nothing was chosen."""
        return self == Choice()

    @property
    def values(self) -> dict[str, str]:
        """The choices as the form has them."""
        return {name: str(getattr(self, name)) for name in FIELDS}

    def fits(self, entry: Entry, sight: Sight) -> bool:
        """Whether an entry is one of those that were chosen."""
        return (
            is_a(self.what, entry.kind)
            and self.eyes in ("", sight.eyes)
            and self.member in ("", entry.actor)
            and self.case in ("", entry.case)
            and self.type in ("", entry.type)
            and (not self.week or entry.week >= self.week)
        )


def is_a(what: What, kind: str) -> bool:
    """Whether entries of this kind are of this sort."""
    is_person = kind.startswith(_PEOPLE)
    match what:
        case What.OPENINGS:
            return kind in _OPENINGS
        case What.REFUSALS:
            return kind in _REFUSALS
        case What.PEOPLE:
            return is_person
        case What.DECISIONS:
            is_other = kind in _OPENINGS | _REFUSALS | _NO_DECISION or kind.endswith(_WRITING)
            return not is_person and not is_other
        case _:
            return True


def case_code(typed: str) -> str:
    """Return a case's code however it was typed: `c-2`, `0002` and `C-0002` are one; anything else stays as it is."""
    tidy = typed.strip().upper()[:40]
    digits = tidy.removeprefix("C").removeprefix("-").strip()
    return f"C-{int(digits):04d}" if digits.isascii() and digits.isdecimal() and len(digits) < 10 else tidy  # noqa: PLR2004
