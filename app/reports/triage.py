"""Triage: open, claim, mark, describe, note. Each is an entry in the transaction that makes the change."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.errors import ConflictError, DamagedError, MalformedError, NoLeaseError, SealError, TakenError, UnknownError
from app.ledger.append import Actor, RowVersion, append
from app.ledger.read import check_row
from app.reports.calendar import day_of
from app.reports.queue import grant_lease, has_lease, mark_seen, read_openings, read_seen
from app.reports.records import Opened, head_of, name_of, open_all, open_body, open_reports, save_report
from app.store.reports import Report, ReportState
from app.vault.mailbox import ReportBody

MAX_GIST: Final = 160
MAX_SUMMARY: Final = 12_000
MAX_TRANSLATION: Final = 60_000
MAX_NOTE: Final = 4_000
MAX_NAMED: Final = 20
MOVES: Final = {
    (ReportState.IN_TRIAGE, ReportState.URGENT),
    (ReportState.NEEDS_INFORMATION, ReportState.URGENT),
    (ReportState.URGENT, ReportState.IN_TRIAGE),
    (ReportState.NEEDS_INFORMATION, ReportState.IN_TRIAGE),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing the source sent, in a conversation."""

    report_id: UUID
    body: ReportBody
    is_new: bool
    place: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """A report as its reader sees it: the first text, what was added, and the team's work."""

    opened: Opened
    body: ReportBody
    additions: tuple[Item, ...]
    damaged_additions: int
    new_items: int
    arrived: int
    related: tuple[UUID, ...]
    openings: tuple[tuple[str, str], ...]


def open_report(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, now: datetime) -> None:
    """Open a report for an hour: one entry per member, record and opening; what came since needs an entry of its own.

    Raises:
        UnknownError: no such report.
        DamagedError: it does not match its seal or its entry; nothing is shown.
    """
    opened = _opened(session, actor, report_id)
    thread = _thread(session, actor, opened)
    if head_of(thread).report.id != report_id:  # an addition is read, and answered, with the text it belongs to
        raise UnknownError
    items = frozenset(str(item.report.id) for item in thread)
    fresh = items - read_seen(session, actor, report_id).now
    mark_seen(session, actor, report_id, items, day=day_of(now))
    if fresh or not has_lease(session, session_id, name_of(report_id), now):
        grant_lease(session, session_id, name_of(report_id), now)
        details = {"new": sorted(fresh)[:MAX_NAMED], "items": len(items)}
        append(session, actor, "report.opened", now=now, about=name_of(report_id), details=details)


def read_conversation(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, now: datetime) -> Conversation:
    """Read an opened report.

    Raises:
        UnknownError: no such report.
        NoLeaseError: it was not opened within the hour by this session.
        DamagedError: it does not match its seal or its entry.
    """
    opened = leased(session, actor, session_id, report_id, now=now)
    mark = read_seen(session, actor, report_id)
    additions, damaged, arrived = [], 0, 0
    for item in _thread(session, actor, opened):
        if item.report.id == report_id:
            continue
        if not mark.covers(item.report.id):
            arrived += 1  # came while the report was open: shown after the next opening, which is an entry
            continue
        try:
            place = check_row(session, actor, item.row)
            additions.append(Item(item.report.id, open_body(actor, item), str(item.report.id) not in mark.before, place))
        except (SealError, DamagedError):
            damaged += 1
    additions.sort(key=lambda item: item.place)
    new = sum(item.is_new for item in additions) if mark.before else 0
    try:
        body = open_body(actor, opened)
    except SealError:
        raise DamagedError from None
    return Conversation(
        opened=opened,
        body=body,
        additions=tuple(additions),
        damaged_additions=damaged,
        new_items=new,
        arrived=arrived,
        related=_related(session, actor, opened),
        openings=tuple(read_openings(session, actor, report_id)),
    )


def leased(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, now: datetime) -> Opened:
    """Return a report that this session has opened within the hour, proven against the ledger.

    Raises:
        UnknownError, NoLeaseError, DamagedError: as `read_conversation`.
    """
    if session.get(Report, report_id) is None:
        raise UnknownError
    if not has_lease(session, session_id, name_of(report_id), now):
        raise NoLeaseError
    return _opened(session, actor, report_id)


def claim(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, version: int, now: datetime) -> None:
    """Take a report that nobody owns.

    Raises:
        TakenError: somebody else owns it.
        ConflictError: it changed since the page was shown.
    """
    opened = leased(session, actor, session_id, report_id, now=now)
    report = opened.report
    if report.owner == actor.member_id:
        return
    if report.owner is not None:
        raise TakenError
    _expect(report, version)
    report.owner = actor.member_id
    if report.state is ReportState.RECEIVED:
        report.state = ReportState.IN_TRIAGE
    _save(session, actor, opened, "report.claimed", now, {"state": report.state.value})


def leave(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, version: int, now: datetime) -> None:
    """Give a report back, so that somebody else can take it."""
    opened = _owned(session, actor, session_id, report_id, version, now)
    opened.report.owner = None
    _save(session, actor, opened, "report.left", now, {"state": opened.report.state.value})


def move(
    session: Session,
    actor: Actor,
    session_id: bytes,
    report_id: UUID,
    *,
    to: ReportState,
    version: int,
    now: datetime,
) -> None:
    """Move a report to another state; `MOVES` lists the steps a person can take.

    Raises:
        ConflictError: the step is not in `MOVES`, or the report changed meanwhile.
    """
    opened = _owned(session, actor, session_id, report_id, version, now)
    report = opened.report
    if (report.state, to) not in MOVES:
        raise ConflictError
    details = {"from": report.state.value, "to": to.value}
    report.state = to
    _save(session, actor, opened, "report.moved", now, details)


def describe(
    session: Session,
    actor: Actor,
    session_id: bytes,
    report_id: UUID,
    *,
    gist: str,
    summary: str,
    translation: str,
    version: int,
    now: datetime,
) -> None:
    """Save gist, summary and translation. The source's own words are never edited.

    Raises:
        MalformedError: one of them is too long.
        ConflictError: somebody saved meanwhile; nothing is written.
    """
    if len(gist) > MAX_GIST or "\n" in gist or len(summary) > MAX_SUMMARY or len(translation) > MAX_TRANSLATION:
        raise MalformedError
    opened = _owned(session, actor, session_id, report_id, version, now)
    work = opened.work
    changed = [name for name, value in (("gist", gist), ("summary", summary), ("translation", translation)) if getattr(work, name) != value]
    if not changed:
        return
    work.gist, work.summary, work.translation = gist, summary, translation
    _save(session, actor, opened, "report.described", now, {"fields": changed})


def add_note(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, text: str, now: datetime) -> None:
    """Add an internal note; two people's notes at once are both kept.

    Raises:
        MalformedError: empty or too long.
    """
    if not text.strip() or len(text) > MAX_NOTE:
        raise MalformedError
    opened = leased(session, actor, session_id, report_id, now=now)
    note = {"by": actor.member_id, "day": day_of(now), "text": text}
    if opened.work.notes[-1:] == [note]:  # sent twice: a double click, or a page loaded again
        return
    opened.work.notes.append(note)
    _save(session, actor, opened, "report.noted", now, {})


def owned(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, now: datetime) -> Opened:
    """Return an opened report that this member owns.

    Raises:
        TakenError: it is not theirs.
    """
    opened = leased(session, actor, session_id, report_id, now=now)
    if opened.report.owner != actor.member_id:
        raise TakenError
    return opened


def save_work(session: Session, actor: Actor, opened: Opened) -> RowVersion:
    """Store changed work or state as the next version; the caller appends the entry that carries it.

    Raises:
        MalformedError: the work has grown beyond the largest size.
    """
    return save_report(session, actor, opened.report, opened.work, opened.body_key)


def count_items(session: Session, actor: Actor, opened: Opened) -> int:
    """Count what the source has sent in this conversation, as far as it was admitted."""
    return len(_thread(session, actor, opened))


def opened_for_release(session: Session, actor: Actor, report_id: UUID) -> Opened:
    """Return a report for the release of a letter: its keys are needed, its words are not shown.

    Raises:
        UnknownError, DamagedError: as `read_conversation`.
    """
    return _opened(session, actor, report_id)


def _owned(session: Session, actor: Actor, session_id: bytes, report_id: UUID, version: int, now: datetime) -> Opened:
    opened = owned(session, actor, session_id, report_id, now=now)
    _expect(opened.report, version)
    return opened


def _opened(session: Session, actor: Actor, report_id: UUID) -> Opened:
    report = session.get(Report, report_id)
    if report is None or report.version == 0:
        raise UnknownError
    opened = open_reports(session, actor, [report])[report_id]
    if opened is None:
        raise DamagedError
    check_row(session, actor, opened.row)
    return opened


def _thread(session: Session, actor: Actor, opened: Opened) -> list[Opened]:
    thread = opened.summary["thread"]
    return [item for item in open_all(session, actor) if item.summary["thread"] == thread]


def _related(session: Session, actor: Actor, opened: Opened) -> tuple[UUID, ...]:
    """Return the reports that were sent with the same form, before or after this one."""
    mine = opened.summary
    return tuple(
        sorted(
            item.report.id
            for item in open_all(session, actor)
            if item.summary["thread"] == mine["first"] or item.summary["first"] == mine["thread"]
        )
    )


def _expect(report: Report, version: int) -> None:
    if report.version != version:
        raise ConflictError


def _save(session: Session, actor: Actor, opened: Opened, kind: str, now: datetime, details: dict[str, Any]) -> None:
    append(session, actor, kind, now=now, row=save_work(session, actor, opened), details=details)
