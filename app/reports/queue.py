"""The queue: what waits for the team, most urgent first, without a name."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import DamagedError, MalformedError, SealError
from app.ledger.append import Actor, append
from app.ledger.read import find_changed
from app.ledger.remember import HeadKeeper
from app.members.sessions import minutes
from app.reports.admit import admit_waiting
from app.reports.calendar import days_between
from app.reports.overview import Clear, Known, forget_all, head_of, overview
from app.reports.records import Opened, open_reports
from app.reports.states import CLOSED
from app.store.database import Database
from app.store.keys import Lease
from app.store.reports import Report, ReportState, Seen
from app.vault import envelope, padding
from app.vault.encoding import Context, from_jcs, to_jcs
from app.vault.manifest import Chain

QUEUE: Final = "queue"
LEASE_MINUTES: Final = 60
TARGET_DAYS: Final = {"now": 1, "soon": 3, "urgent": 3, "other": 14}
_KEPT: Final = 3_000  # what fits
_SALTED: Final = 34  # bytes of an envelope up to the end of its salt (docs/formats.md §2)
_MANY: Final = 400  # marks in one query
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no letter that reads as another


class View(StrEnum):
    """The ways to look at the queue."""

    OPEN = "open"
    MINE = "mine"
    NEW = "new"
    URGENT = "urgent"
    NOBODY = "nobody"
    WAITS = "waits"
    SECOND = "second"
    ACCEPTED = "accepted"
    CLOSED = "closed"


class Group(StrEnum):
    """How rows are grouped."""

    URGENT = "urgent"
    IN_TIME = "in-time"
    LATE = "late"
    ACCEPTED = "accepted"
    CLOSED = "closed"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Mark:
    """What one member has seen of a conversation: before the last news, by now, and the day of the last opening."""

    before: frozenset[str] = frozenset()
    now: frozenset[str] = frozenset()
    opened: str = ""
    has_all: bool = False  # too many to name: everything counts as seen

    def covers(self, report_id: UUID) -> bool:
        """Whether this thing was there at the last opening."""
        return self.has_all or str(report_id) in self.now


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One conversation in the queue; `known` is None where its text is damaged."""

    report: Clear
    known: Known | None
    unread: int
    is_new: bool
    is_answered: bool
    days_left: int | None
    target: int
    group: Group
    owner: str | None = None


def ref_of(report_id: UUID) -> str:
    """Return the short code that people say aloud; the id stays the authority."""
    number = report_id.int >> 108
    return "".join(_ALPHABET[number >> shift & 31] for shift in (15, 10, 5, 0))


def read_ref(text: str) -> str:
    """Read a short code as people type it: any case, and letters that look like digits."""
    return text.strip().upper().replace("O", "0").replace("I", "1").replace("L", "1")


def look(database: Database, actor: Actor, session_id: bytes, *, now: datetime, heads: HeadKeeper | None = None) -> int:
    """Take waiting reports in and note, once an hour and session, that the queue was looked at; returns how many came in.

    Before an hour of looking the whole tree is recomputed, without keeping writers waiting: nothing is shown on an edited ledger,
    nor on one that falls short of what was seen before.

    Raises:
        DamagedError: the ledger does not verify.
        BusyError: not now; nothing was changed.
    """
    with database.read() as session:
        is_new_hour = not has_lease(session, session_id, QUEUE, now)
    if is_new_hour and not (heads or HeadKeeper(None)).verify(database, actor.chain.newest.origin).is_good:
        raise DamagedError
    with database.read() as session:
        if is_new_hour:
            forget_all(actor)
        overview(session, actor)  # before the lock is taken: with many reports this takes long
    with database.write() as session:
        admitted = admit_waiting(session, actor, now=now)
        if is_new_hour:
            grant_lease(session, session_id, QUEUE, now)
            append(session, actor, "queue.viewed", now=now)
    return admitted


def has_lease(session: Session, session_id: bytes, record: str, now: datetime) -> bool:
    """Whether this session may show the record now."""
    lease = session.get(Lease, (session_id, record))
    return lease is not None and lease.expires > minutes(now)


def grant_lease(session: Session, session_id: bytes, record: str, now: datetime) -> None:
    """Let this session show the record for an hour."""
    session.merge(Lease(session_id=session_id, record=record, expires=minutes(now) + LEASE_MINUTES))


def read_queue(session: Session, actor: Actor, *, now: datetime) -> list[QueueRow]:
    """Return every open conversation, sorted: urgent, then in time, late, damaged; unread first, then least time left."""
    everything = overview(session, actor)
    threads: dict[str, list[Known]] = defaultdict(list)
    for item in everything.known.values():
        threads[item.thread].append(item)
    seen = _all_seen(session, actor)
    rows = [_damaged_row(report) for report in everything.damaged]  # a state set by hand must not hide a report
    rows += [_row(head_of(thread), thread, seen, actor.chain, now) for thread in threads.values()]
    order = list(Group)
    return sorted(
        rows,
        key=lambda row: (
            order.index(row.group),
            not row.unread,
            row.days_left if row.days_left is not None else 0,
            row.report.id.hex,
        ),
    )


def open_rows(session: Session, actor: Actor, rows: Sequence[QueueRow]) -> dict[UUID, Opened]:
    """Open the rows of one page, with what the team wrote; one that is damaged is missing."""
    ids = [row.report.id for row in rows if row.known is not None]
    reports = session.scalars(select(Report).where(Report.id.in_(ids))).all()
    opened = [item for item in open_reports(session, actor, reports).values() if item is not None]
    changed = find_changed(session, actor, [item.row for item in opened])
    return {item.report.id: item for item in opened if item.row.record not in changed}


def select_view(rows: list[QueueRow], view: View, member_id: str) -> list[QueueRow]:
    """Return the rows of one view."""
    tests: dict[View, Callable[[QueueRow], bool]] = {
        View.OPEN: lambda row: row.group not in (Group.ACCEPTED, Group.CLOSED),
        View.MINE: lambda row: row.owner == member_id and row.group is not Group.CLOSED,
        View.NEW: lambda row: row.unread > 0,
        View.URGENT: lambda row: row.group is Group.URGENT,
        View.NOBODY: lambda row: row.owner is None and row.known is not None and row.group is not Group.CLOSED,
        View.SECOND: lambda row: _waits_for_second(row, member_id),
        View.ACCEPTED: lambda row: row.group is Group.ACCEPTED,
        View.CLOSED: lambda row: row.group is Group.CLOSED,
        View.WAITS: lambda row: row.report.state is ReportState.NEEDS_INFORMATION and not row.is_answered,
    }
    return [row for row in rows if tests[view](row)]


def select_repeatable(rows: list[QueueRow], report_id: UUID) -> list[QueueRow]:
    """Return the conversations that a report may be a duplicate of, by their short codes: open or accepted, and not itself."""
    found = [
        row
        for row in rows
        if row.known is not None and row.known.kind == "first" and row.group is not Group.CLOSED and row.report.id != report_id
    ]
    return sorted(found, key=lambda row: (ref_of(row.report.id), row.report.id.hex))


def read_seen(session: Session, actor: Actor, report_id: UUID) -> Mark:
    """Return what this member has seen of one conversation."""
    row = session.get(Seen, (report_id, actor.member_id))
    return _open_mark(actor, row) if row else Mark()


def read_openings(session: Session, actor: Actor, report_id: UUID) -> list[tuple[str, str]]:
    """Return (member id, day of the last opening) of everybody who opened a report; the ledger holds every opening."""
    rows = session.scalars(select(Seen).where(Seen.report_id == report_id))
    marks = [(row.member_id, _open_mark(actor, row).opened) for row in rows]
    return sorted(((member, day) for member, day in marks if day), key=lambda item: item[1], reverse=True)


def mark_seen(session: Session, actor: Actor, report_id: UUID, items: frozenset[str], *, day: str) -> None:
    """Note what this member has now seen, and on which day; a second look at the same things keeps what was new."""
    mark = read_seen(session, actor, report_id)
    before = mark.before if mark.now >= items else mark.now
    has_all = len(items) > _KEPT
    named = {"before": [], "now": []} if has_all else {"before": sorted(before), "now": sorted(items)}
    value = {"v": 1, **named, "opened": day, "all": has_all}
    team = actor.team
    context = Context(actor.root, "seen", str(report_id), actor.member_id, 0, team.epoch)
    sealed = envelope.seal(padding.pad(to_jcs(value), padding.WORK), team.wrap_key, context)
    session.merge(Seen(report_id=report_id, member_id=actor.member_id, sealed=sealed))


def time_left(item: Known, now: datetime) -> tuple[int, int]:
    """Return (days left, days meant) for a report; the target depends on danger and urgency."""
    danger, urgent = item.danger, item.clear.state is ReportState.URGENT
    target = TARGET_DAYS["now" if danger == "now" else "urgent" if urgent else "soon" if danger == "soon" else "other"]
    return target - days_between(item.day, now), target


def is_answered(item: Known, items: int) -> bool:
    """Whether something came since the last question; read from sealed counts, so that no clear state changes when an answer comes."""
    return item.clear.state is ReportState.NEEDS_INFORMATION and items > item.asked


def _all_seen(session: Session, actor: Actor) -> dict[UUID, Mark]:
    """Return every mark of this member; one that this session has opened is known by its salt, which no other seal has."""
    columns = select(Seen.report_id, func.substr(Seen.sealed, 1, _SALTED)).where(Seen.member_id == actor.member_id)
    rows = {report_id: bytes(salt) for report_id, salt in session.execute(columns)}
    kept: dict[UUID, tuple[bytes, Mark]] = actor.memory.get("marks", {})
    marks = {report_id: kept[report_id] for report_id, salt in rows.items() if report_id in kept and kept[report_id][0] == salt}
    fresh = [report_id for report_id in rows if report_id not in marks]
    for at in range(0, len(fresh), _MANY):
        of_them = select(Seen).where(Seen.member_id == actor.member_id, Seen.report_id.in_(fresh[at : at + _MANY]))
        marks |= {row.report_id: (rows[row.report_id], _open_mark(actor, row)) for row in session.scalars(of_them)}
    actor.memory["marks"] = marks
    return {report_id: mark for report_id, (_, mark) in marks.items()}


def _open_mark(actor: Actor, row: Seen) -> Mark:
    try:
        epoch = envelope.epoch_of(row.sealed)
        context = Context(actor.root, "seen", str(row.report_id), row.member_id, 0, epoch)
        raw = envelope.unseal(row.sealed, actor.keys.team_epoch(epoch).wrap_key, context)
        value = from_jcs(padding.unpad(raw, padding.WORK))
        return Mark(frozenset(value["before"]), frozenset(value["now"]), value["opened"], has_all=value["all"])
    except (SealError, MalformedError, KeyError):
        return Mark()  # a damaged mark shows everything as new: nothing is hidden by it


def _damaged_row(report: Clear) -> QueueRow:
    return QueueRow(report, None, 0, is_new=False, is_answered=False, days_left=None, target=0, group=Group.DAMAGED)


def owner_of(report: Report | Clear, chain: Chain) -> str | None:
    """Return who owns a report; nobody, where its owner has left the team: somebody else can take it."""
    return report.owner if report.owner is not None and chain.active(report.owner) else None


def _row(head: Known, thread: list[Known], seen: dict[UUID, Mark], chain: Chain, now: datetime) -> QueueRow:
    mark = seen.get(head.id, Mark())
    left, target = time_left(head, now)
    state = head.clear.state
    is_urgent = state is ReportState.URGENT or head.danger == "now"
    group = Group.URGENT if is_urgent else Group.LATE if left < 0 else Group.IN_TIME
    if state is ReportState.ACCEPTED:
        group = Group.ACCEPTED
    elif state in CLOSED:
        group = Group.CLOSED
    return QueueRow(
        head.clear,
        head,
        sum(not mark.covers(item.id) for item in thread),
        is_new=not mark.opened,
        is_answered=is_answered(head, len(thread)),
        days_left=None if group in (Group.ACCEPTED, Group.CLOSED) else left,
        target=target,
        group=group,
        owner=owner_of(head.clear, chain),
    )


def _waits_for_second(row: QueueRow, member_id: str) -> bool:
    return row.known is not None and row.known.closing_by is not None and row.known.closing_by != member_id
