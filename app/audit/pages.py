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
from app.store.keys import KeyWrap
from app.store.ledger import LedgerEntry
from app.vault import manifest
from app.web.deps import deps
from app.web.sessions import actor
from app.web.staff import Place, Staff, member_names

_PART: Final = 400  # entries in one query
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


@dataclass(slots=True)
class _Memory:
    """What this session has opened: the entry, beside a name of the very bytes that it was opened from."""

    entries: dict[int, tuple[int, Entry]]
    log: Log | None = None


def read_log(session: Session) -> Log:
    """Open every entry that this session has not opened yet: what an entry means for the four eyes may stand far before it.

    An entry whose bytes have changed since is opened, and refused, anew.
    """
    head, names = read_head(session, deps().chain.current().newest.origin), member_names(session)
    found = _names_of_bytes(session)
    memory: _Memory = actor().memory.setdefault("log", _Memory({}))
    kept = {index: item for index, item in memory.entries.items() if item[0] == found.get(index)}
    fresh = [index for index in found if index not in kept]
    if memory.log is not None and not fresh and len(kept) == len(memory.entries) and (head, names) == (memory.log.head, memory.log.names):
        return memory.log
    for at in range(0, len(fresh), _PART):
        rows = session.scalars(select(LedgerEntry).where(LedgerEntry.index.in_(fresh[at : at + _PART]))).all()
        opened = open_many_as_auditor(session, actor(), rows)
        kept |= {index: (found[index], Entry.of(item.record)) for index, item in opened.items()}
    memory.entries = kept
    memory.log = Log(
        head=head,
        entries=tuple(kept[index][1] for index in found if index in kept),
        shut=tuple(index for index in found if index not in kept),
        names=names,
    )
    return memory.log


def _names_of_bytes(session: Session) -> dict[int, int]:
    """Return for each place what names the bytes that an auditor opens there: the entry, its wraps and their batch keys."""
    batches = {
        record: hash((epoch, sealed))
        for record, epoch, sealed in session.execute(
            select(KeyWrap.record, KeyWrap.epoch, KeyWrap.sealed).where(KeyWrap.recipient == manifest.AUDIT)
        )
    }
    wraps: dict[str, int] = {}
    own = select(KeyWrap.record, KeyWrap.recipient, KeyWrap.sealed)
    for record, recipient, sealed in session.execute(
        own.where(KeyWrap.record.startswith("ledger:"), KeyWrap.recipient.startswith("batch:"))
    ):
        wraps[record] = wraps.get(record, 0) ^ hash((recipient, sealed, batches.get(recipient)))
    columns = select(LedgerEntry.index, LedgerEntry.tag, LedgerEntry.leaf, LedgerEntry.sealed).order_by(LedgerEntry.index)
    return {index: hash((tag, leaf, sealed, wraps.get(f"ledger:{index}"))) for index, tag, leaf, sealed in session.execute(columns)}


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
