"""Every admitted report at a glance: codes and counts, never a word that somebody wrote.

Opening a report costs a third of a millisecond. So what was opened and found to be what the ledger says is remembered for
the session (`Actor.memory`), and opened again as soon as a column that stands in clear differs: a state set by hand hides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.ledger.append import Actor
from app.ledger.read import find_changed
from app.reports.records import Opened, open_reports
from app.store.database import ONLY_READS
from app.store.reports import Report, ReportState

_PART: Final = 400  # rows whose bodies are in memory at a time
_NAME: Final = "reports"
_CLEAR: Final = text("SELECT id, version, state, owner, week FROM report WHERE version > 0")


@dataclass(frozen=True, slots=True)
class Clear:
    """The columns of a report that stand in clear."""

    id: UUID
    version: int
    state: ReportState
    owner: str | None
    week: str


@dataclass(frozen=True, slots=True)
class Known:
    """What lists and conversations need to know of a report that opened and matched its newest entry."""

    clear: Clear
    thread: str
    first: str | None
    kind: str
    day: str
    danger: str | None
    asked: int
    closing_by: str | None
    incidents: tuple[str, ...]

    @property
    def id(self) -> UUID:
        """The report's id."""
        return self.clear.id

    @classmethod
    def of(cls, opened: Opened) -> "Known":
        """Keep the codes of an opened report."""
        report, summary, work = opened.report, opened.summary, opened.work
        return cls(
            clear=Clear(report.id, report.version, report.state, report.owner, report.week),
            thread=summary["thread"],
            first=summary["first"],
            kind=summary["kind"],
            day=summary["day"],
            danger=summary["danger"],
            asked=work.asked,
            closing_by=work.closing["by"] if work.closing else None,
            incidents=tuple(link["incident"] for link in work.links),
        )


def head_of(thread: Sequence[Known]) -> Known:
    """Return the text that stands for a conversation: its first one; where that is missing, always the same other one."""
    return min(thread, key=lambda item: (item.kind != "first", item.id.hex))


@dataclass(frozen=True, slots=True)
class Overview:
    """All admitted reports: those in order, those that open and are not what the ledger says, and those that do not open."""

    known: dict[UUID, Known]
    changed: dict[UUID, Known]
    shut: tuple[Clear, ...]

    @property
    def damaged(self) -> list[Clear]:
        """What is shown as damaged."""
        return [*self.shut, *(item.clear for item in self.changed.values())]

    @property
    def opened(self) -> list[Known]:
        """All that open, changed ones among them."""
        return [*self.known.values(), *self.changed.values()]

    def of_thread(self, thread: str) -> list[Known]:
        """Return the texts of one conversation, changed ones among them."""
        return [item for item in self.opened if item.thread == thread]


_Remembered = dict[UUID | str, tuple[tuple[object, ...], Known]]


def overview(session: Session, actor: Actor) -> Overview:
    """Look at every admitted report; what this session knows already is not opened again."""
    only_reads = session.info.get(ONLY_READS, False)
    if only_reads and (done := session.info.get(_NAME)) is not None and done[0] is actor:
        found: Overview = done[1]
        return found
    remembered: _Remembered = actor.memory.get(_NAME, {})
    rows = {row[0]: tuple(row) for row in session.execute(_CLEAR)}  # as the driver has them: nothing is made of what has not changed
    kept = {name: item for name, item in remembered.items() if rows.get(name) == item[0]}
    known = {item.id: item for _, item in kept.values()}
    names, changed = [name for name in rows if name not in kept], dict[UUID, Known]()
    for at in range(0, len(names), _PART):
        part = {_id(name): name for name in names[at : at + _PART]}
        good, bad = _open(session, actor, list(part))
        known |= good
        changed |= bad
        kept |= {part[report_id]: (rows[part[report_id]], item) for report_id, item in good.items()}
    shut = [_id(name) for name in names if name not in kept]
    overview_now = Overview(known, changed, _clear(session, [report_id for report_id in shut if report_id not in changed]))
    if only_reads:  # what a transaction has changed itself may yet be taken back
        actor.memory[_NAME] = kept
        session.info[_NAME] = (actor, overview_now)
    return overview_now


def forget_all(actor: Actor) -> None:
    """Let everything be opened and compared anew."""
    actor.memory.pop(_NAME, None)


def _id(name: UUID | str) -> UUID:
    """Return the id that a driver has as text or as it is."""
    return name if isinstance(name, UUID) else UUID(name)


def _clear(session: Session, ids: Sequence[UUID]) -> tuple[Clear, ...]:
    columns = select(Report.id, Report.version, Report.state, Report.owner, Report.week)
    return tuple(
        Clear(*row) for at in range(0, len(ids), _PART) for row in session.execute(columns.where(Report.id.in_(ids[at : at + _PART])))
    )


def _open(session: Session, actor: Actor, ids: Sequence[UUID]) -> tuple[dict[UUID, Known], dict[UUID, Known]]:
    reports = session.scalars(select(Report).where(Report.id.in_(ids))).all()
    opened = {report_id: item for report_id, item in open_reports(session, actor, reports).items() if item is not None}
    changed = find_changed(session, actor, [item.row for item in opened.values()])
    found = {report_id: Known.of(item) for report_id, item in opened.items()}
    bad = {report_id: item for report_id, item in found.items() if opened[report_id].row.record in changed}
    return {report_id: item for report_id, item in found.items() if report_id not in bad}, bad
