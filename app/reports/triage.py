"""Triage: open, claim, mark, describe, note. Each is an entry in the transaction that makes the change."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import ConflictError, DamagedError, MalformedError, NoLeaseError, SamePersonError, SealError, TakenError, UnknownError
from app.ledger.append import Actor, RowVersion, append
from app.ledger.read import check_row
from app.reports.calendar import day_of
from app.reports.overview import head_of, overview
from app.reports.queue import grant_lease, has_lease, mark_seen, owner_of, read_openings, read_seen
from app.reports.records import Opened, name_of, open_body, open_reports, save_report
from app.reports.states import CLOSED, may_go
from app.store.reports import Report, ReportState
from app.vault.encoding import to_jcs
from app.vault.mailbox import ReportBody

MAX_GIST: Final = 160
MAX_SUMMARY: Final = 12_000
MAX_TRANSLATION: Final = 60_000
MAX_NOTE: Final = 4_000
MAX_NAMED: Final = 20
MAX_REASON: Final = 2_000
RESERVE: Final = 200_000  # bytes of work up to which notes and descriptions may fill it, so that a withdrawal always fits
_CODE: Final = re.compile(r"[a-z_]{1,40}")


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
    thread = overview(session, actor).of_thread(opened.summary["thread"])
    if head_of(thread).id != report_id:  # an addition is read, and answered, with the text it belongs to
        raise UnknownError
    items = frozenset(str(item.id) for item in thread)
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
    """Take a report that nobody owns, or whose owner has left the team.

    Raises:
        TakenError: somebody else owns it.
        ConflictError: it changed since the page was shown.
    """
    opened = leased(session, actor, session_id, report_id, now=now)
    report = opened.report
    if report.owner == actor.member_id:
        return
    if owner_of(report, actor.chain) is not None:
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
    """Mark a report as urgent, or no longer, or take it up again after a question.

    Raises:
        ConflictError: `app.reports.states` has no such step, or the report changed meanwhile.
    """
    opened = _owned(session, actor, session_id, report_id, version, now)
    report = opened.report
    if not may_go(report.state, to, "report.moved") or to is ReportState.NEEDS_INFORMATION:
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
    _check_room(opened, sum(len(text.encode()) for text in (gist, summary, translation)))
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
    _check_room(opened, len(text.encode()))
    if opened.work.notes[-1:] == [note]:  # sent twice: a double click, or a page loaded again
        return
    opened.work.notes.append(note)
    _save(session, actor, opened, "report.noted", now, {})


def ask_to_close(
    session: Session,
    actor: Actor,
    session_id: bytes,
    report_id: UUID,
    *,
    to: ReportState,
    reason: str,
    version: int,
    now: datetime,
) -> None:
    """Ask for a report to be closed as out of scope or spam; it takes effect only with a second person.

    Args:
        session: an open write transaction.
        actor: the owner.
        session_id: the session that opened the report.
        report_id: the report.
        to: `OUT_OF_SCOPE` or `SPAM`.
        reason: a code of the vocabulary `closing_reason`.
        version: what the page showed.
        now: aware UTC time.

    Raises:
        ConflictError: there is no such step, it was asked already, or the report changed meanwhile.
        MalformedError: no such reason.
    """
    if not _is_code(reason):
        raise MalformedError
    opened = _owned(session, actor, session_id, report_id, version, now)
    if not may_go(opened.report.state, to, "report.closed") or opened.work.closing is not None:
        raise ConflictError
    opened.work.closing = {"to": to.value, "reason": reason, "by": actor.member_id, "day": day_of(now)}
    _save(session, actor, opened, "report.closing", now, {"to": to.value, "reasons": [reason], "people": 1})


def close(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, version: int, now: datetime) -> None:
    """Close a report as the second person.

    Raises:
        SamePersonError: who asked cannot confirm.
        ConflictError: nobody asked, or the report changed meanwhile.
    """
    opened = _asked(session, actor, session_id, report_id, version, now)
    report, work = opened.report, opened.work
    asked = work.closing or {}
    if asked["by"] == actor.member_id:
        raise SamePersonError
    before, to = report.state, ReportState(asked["to"])
    if not may_go(before, to, "report.closed"):
        raise ConflictError
    report.state = to
    work.closing, work.closed = None, {**asked, "second": actor.member_id, "day": day_of(now)}
    details = {"from": before.value, "to": report.state.value, "reasons": [asked["reason"]], "asked": asked["by"], "people": 2}
    _save(session, actor, opened, "report.closed", now, details)


def keep(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, version: int, now: datetime) -> None:
    """Leave a report open that somebody asked to close: the second person says no, or the first thinks again.

    Raises:
        ConflictError: nobody asked, or the report changed meanwhile.
    """
    opened = _asked(session, actor, session_id, report_id, version, now)
    asked, opened.work.closing = opened.work.closing or {}, None
    _save(session, actor, opened, "report.kept", now, {"to": asked["to"], "asked": asked["by"]})


def mark_duplicate(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, of: UUID, version: int, now: datetime) -> None:
    """Mark a report as a duplicate of another; both are kept, each names the other.

    Raises:
        UnknownError: there is no such other report, or it is this one or an addition.
        ConflictError: there is no such step, the other is itself a duplicate, or the report changed meanwhile.
    """
    opened = _owned(session, actor, session_id, report_id, version, now)
    other = _opened(session, actor, of)
    if of == report_id or other.summary["kind"] != "first" or other.report.state is ReportState.ADDED:
        raise UnknownError
    before = opened.report.state
    if not may_go(before, ReportState.DUPLICATE, "report.duplicate") or other.report.state in CLOSED or opened.work.closing:
        raise ConflictError
    opened.report.state, opened.work.same_as = ReportState.DUPLICATE, str(of)
    opened.work.closed = _closed(actor, ReportState.DUPLICATE, now)
    _save(session, actor, opened, "report.duplicate", now, {"from": before.value, "of": name_of(of)})
    other.work.repeated_by.append(str(report_id))
    _save(session, actor, other, "report.repeated", now, {"by": name_of(report_id)})


def withdraw(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, reason: str, version: int, now: datetime) -> list[UUID]:
    """Withdraw a report for its source: nothing more is done with it or written to them, and its links end.

    Returns:
        The incidents whose links ended; their other end is for the caller (`app.cases.links.withdraw`).

    Raises:
        MalformedError: no reason, or too long.
        ConflictError: there is no such step, or the report changed meanwhile.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise MalformedError
    opened = _owned(session, actor, session_id, report_id, version, now)
    report, before = opened.report, opened.report.state
    if not may_go(before, ReportState.WITHDRAWN, "report.withdrawn"):
        raise ConflictError
    report.state, opened.work.closing = ReportState.WITHDRAWN, None
    opened.work.closed = _closed(actor, ReportState.WITHDRAWN, now)
    opened.work.notes.append({"by": actor.member_id, "day": day_of(now), "text": reason})
    live = [item for item in opened.work.links if item["ended"] is None]
    for item in live:
        item["ended"] = {"by": actor.member_id, "day": day_of(now), "reason": reason}
    _save(session, actor, opened, "report.withdrawn", now, {"from": before.value})
    return [UUID(item["incident"]) for item in live]


def reopen(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, reason: str, version: int, now: datetime) -> None:
    """Open a closed report again, as a lead (the policy table says who).

    Raises:
        MalformedError: no reason, or too long.
        ConflictError: there is no such step, or the report changed meanwhile.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise MalformedError
    opened = leased(session, actor, session_id, report_id, now=now)
    _expect(opened.report, version)
    report, before = opened.report, opened.report.state
    if not may_go(before, ReportState.IN_TRIAGE, "report.reopened"):
        raise ConflictError
    other, opened.work.same_as = opened.work.same_as, ""
    report.state, opened.work.closed = ReportState.IN_TRIAGE, None
    opened.work.notes.append({"by": actor.member_id, "day": day_of(now), "text": reason})
    _save(session, actor, opened, "report.reopened", now, {"from": before.value})
    if other:
        first = _opened(session, actor, UUID(other))
        first.work.repeated_by = [item for item in first.work.repeated_by if item != str(report_id)]
        _save(session, actor, first, "report.repeated", now, {"no_longer": name_of(report_id)})


def owned(session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, now: datetime) -> Opened:
    """Return an opened report that this member owns.

    Raises:
        TakenError: it is not theirs.
    """
    opened = leased(session, actor, session_id, report_id, now=now)
    if opened.report.owner != actor.member_id:
        raise TakenError
    return opened


def open_text(actor: Actor, opened: Opened) -> ReportBody:
    """Open what the source wrote, for a report that this session may show.

    Raises:
        DamagedError: it was changed.
    """
    try:
        return open_body(actor, opened)
    except SealError:
        raise DamagedError from None


def save_work(session: Session, actor: Actor, opened: Opened) -> RowVersion:
    """Store changed work or state as the next version; the caller appends the entry that carries it.

    Raises:
        MalformedError: the work has grown beyond the largest size.
    """
    return save_report(session, actor, opened.report, opened.work, opened.body_key)


def count_items(session: Session, actor: Actor, opened: Opened) -> int:
    """Count what the source has sent in this conversation, as far as it was admitted."""
    return len(overview(session, actor).of_thread(opened.summary["thread"]))


def opened_for_release(session: Session, actor: Actor, report_id: UUID) -> Opened:
    """Return a report for the release of a letter: its keys are needed, its words are not shown.

    Raises:
        UnknownError, DamagedError: as `read_conversation`.
    """
    return _opened(session, actor, report_id)


def _check_room(opened: Opened, more: int) -> None:
    """Keep room for what must always be possible.

    Raises:
        MalformedError: the work is full.
    """
    if len(to_jcs(asdict(opened.work))) + more > RESERVE:
        raise MalformedError


def _asked(session: Session, actor: Actor, session_id: bytes, report_id: UUID, version: int, now: datetime) -> Opened:
    opened = leased(session, actor, session_id, report_id, now=now)
    _expect(opened.report, version)
    if opened.work.closing is None:
        raise ConflictError
    return opened


def _closed(actor: Actor, to: ReportState, now: datetime) -> dict[str, str]:
    """Say who closed a report without a second person: as a duplicate, or for its source."""
    return {"to": to.value, "reason": "", "by": actor.member_id, "second": "", "day": day_of(now)}


def _is_code(text: str) -> bool:
    return bool(_CODE.fullmatch(text))


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
    ids = [item.id for item in overview(session, actor).of_thread(opened.summary["thread"])]
    rows = session.scalars(select(Report).where(Report.id.in_(ids))).all()
    return [item for item in open_reports(session, actor, rows).values() if item is not None]


def _related(session: Session, actor: Actor, opened: Opened) -> tuple[UUID, ...]:
    """Return the reports that were sent with the same form, before or after this one."""
    mine = opened.summary
    everything = overview(session, actor).known.values()
    return tuple(sorted(item.id for item in everything if item.thread == mine["first"] or item.first == mine["thread"]))


def _expect(report: Report, version: int) -> None:
    if report.version != version:
        raise ConflictError


def _save(session: Session, actor: Actor, opened: Opened, kind: str, now: datetime, details: dict[str, Any]) -> None:
    append(session, actor, kind, now=now, row=save_work(session, actor, opened), details=details)
