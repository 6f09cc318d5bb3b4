"""The auditors' blueprint, its door, and the log as all its pages read it: opened once per request, from the entries and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from flask import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.entries import Entry
from app.audit.story import Case, Finding, Sight, read_cases, read_findings, read_sights
from app.i18n.text import lazy_gettext as _l
from app.i18n.text import ngettext
from app.ledger.read import Head, open_many_as_auditor, read_head
from app.members.policy import Permission
from app.store.ledger import LedgerEntry
from app.web.deps import deps
from app.web.sessions import actor
from app.web.staff import Place, Staff, member_names

bp = Blueprint("audit", __name__, url_prefix="/audit", template_folder="templates", static_folder=None)
STAFF: Final = Staff(
    "audit",
    (
        Place("log", _l("Log"), "audit.show_log", Permission.READ_LEDGER),
        Place("cases", _l("Cases"), "audit.show_cases", Permission.READ_LEDGER),
        Place("questions", _l("Standard questions"), "audit.show_questions", Permission.READ_LEDGER),
    ),
)
render = STAFF.render
STAFF.hang_door(bp)


@dataclass(frozen=True)
class Log:
    """The whole log, as far as the audit secret opens it. `names` are those of members, never of a case."""

    head: Head
    entries: tuple[Entry, ...]
    shut: tuple[int, ...]
    names: Mapping[str, str]

    @cached_property
    def sights(self) -> dict[int, Sight]:
        """The four eyes of each entry."""
        return read_sights(self.entries)

    @cached_property
    def findings(self) -> dict[str, Finding]:
        """Every finding by its record."""
        return read_findings(self.entries)

    @cached_property
    def cases(self) -> dict[str, Case]:
        """Every case by its code."""
        return read_cases(self.entries, self.findings)

    def name(self, member: str) -> str:
        """Return a member's name; the first letters of the id where there is none."""
        return self.names.get(member) or member[:4]


def read_log(session: Session) -> Log:
    """Open every entry: what an entry means for the four eyes may stand far before it."""
    head = read_head(session, deps().chain.current().newest.origin)
    rows = session.scalars(select(LedgerEntry).order_by(LedgerEntry.index)).all()
    opened = open_many_as_auditor(session, actor(), rows)
    return Log(
        head=head,
        entries=tuple(Entry.of(opened[row.index].record) for row in rows if row.index in opened),
        shut=tuple(row.index for row in rows if row.index not in opened),
        names=member_names(session),
    )


def missing_alert(log: Log) -> dict[str, Any] | None:
    """Warn on a page that is worked out from the whole log when a part of it does not open."""
    if not log.shut:
        return None
    text = ngettext(
        "%(num)d entry of the log does not open, and no erasure explains it. What it says is missing here.",
        "%(num)d entries of the log do not open, and no erasure explains it. What they say is missing here.",
        len(log.shut),
    )
    return {"kind": "risk", "text": text}
