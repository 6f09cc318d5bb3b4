"""Fill an instance fast: the rows that admission, triage and the ledger would leave, made with the program's own seals.

Sealing runs in one process per core; one process writes. A filled report has one entry where people would leave five or six, and
comes into its last state at once; every seal, wrap, digest, signature and leaf is the real one, and `python -m app check` accepts it.
"""

import multiprocessing
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.ledger.append import Actor, RowVersion
from app.ledger.rows import ROW, team_wrap
from app.ledger.tree import Frontier
from app.reports.admit import summarise
from app.reports.calendar import day_of, week_of
from app.reports.records import BODY, Work, name_of, seal_summary
from app.store.database import Database
from app.store.keys import KeyWrap
from app.store.ledger import LedgerEntry, LedgerHead
from app.store.reports import Report, ReportState, Seen, SourceRequest
from app.vault import entries, envelope, keyring, padding
from app.vault.encoding import Context, sha256, to_jcs
from app.vault.hpke import KemKeys
from app.vault.mailbox import body_context, read_body, seal_report
from app.vault.receipt import Receipt
from app.vault.signing import SigningKeys
from benchmarks.client import TEXT

OPEN: Final = 50  # conversations that still need somebody
_BATCH: Final = 500
_ADDITION: Final = 10  # every tenth report continues the conversation before it
_YEARS: Final = 3 * 365
Row = dict[str, Any]
Made = TypeVar("Made")


@dataclass(frozen=True)
class _Plan:
    """What the sealing processes know."""

    actor: Actor
    readers: tuple[str, ...]
    now: datetime
    start: int
    reports: int
    seed: bytes


@dataclass(frozen=True)
class _Batch:
    """Rows of one transaction, in the order of the ledger."""

    rows: dict[type[Any], list[Row]]
    leaves: list[bytes]


def fill_reports(database: Database, actor: Actor, count: int, now: datetime) -> list[UUID]:
    """Add admitted reports: the newest 50 conversations open, all older ones read and closed, every tenth report an addition.

    Args:
        database: of an instance on which nobody else works.
        actor: a signed-in member who holds the team secret; their batch key is stored already.
        count: reports; several hundred or more.
        now: aware UTC time; the reports came in over the three years before it.

    Returns:
        The open conversations' first reports.
    """
    team = [member.id for member in actor.chain.newest.members.values() if member.roles & {"lead", "caseworker"}]
    _write_all(database, actor, count, now, tuple(sorted(team)), _make_reports)
    with database.read() as session:
        return list(session.scalars(select(Report.id).where(Report.state == ReportState.RECEIVED)))


def fill_entries(database: Database, actor: Actor, count: int, now: datetime) -> None:
    """Add entries to the ledger alone: openings, signed and sealed, without the wraps that reading them would need."""
    _write_all(database, actor, count, now, (), _make_entries)


def _write_all(
    database: Database,
    actor: Actor,
    count: int,
    now: datetime,
    readers: tuple[str, ...],
    make: Callable[[range], _Batch],
) -> None:
    with database.read() as session:
        start = session.scalars(select(LedgerHead.size)).one()
    plan = _Plan(actor, readers, now, start, count, secrets.token_bytes(32))
    steps = [range(at, min(at + _BATCH, count)) for at in range(0, count, _BATCH)]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("fork"), _prepare, (plan,)) as makers:
        for batch in _in_order(makers, make, steps):
            with database.write() as session:
                _write(session, batch)


def _in_order(makers: ProcessPoolExecutor, make: Callable[[range], Made], steps: list[range]) -> Iterator[Made]:
    """Yield what was made in order, a few steps ahead: finished batches must not fill the memory."""
    waiting: deque[Future[Made]] = deque()
    for step in steps:
        waiting.append(makers.submit(make, step))
        if len(waiting) > 2 * (os.cpu_count() or 1):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _write(session: Session, batch: _Batch) -> None:
    for table, rows in batch.rows.items():
        if rows:
            session.execute(insert(table), rows)
    head = session.get_one(LedgerHead, 1)
    frontier = Frontier.decode(head.size, head.frontier)
    for leaf in batch.leaves:
        frontier = frontier.append(leaf)
    head.size, head.root, head.frontier = frontier.size, frontier.root, frontier.encode()


# --- in the sealing processes

_plans: list[_Plan] = []


def _prepare(plan: _Plan) -> None:
    _plans.append(plan)


def _make_reports(numbers: range) -> _Batch:
    plan = _plans[-1]
    batch = _Batch({table: [] for table in (Report, SourceRequest, LedgerEntry, KeyWrap, Seen)}, [])
    for number in numbers:
        _make_report(plan, number, batch)
    return batch


def _make_entries(numbers: range) -> _Batch:
    plan, batch = _plans[-1], _Batch({LedgerEntry: []}, [])
    for number in numbers:
        _make_entry(plan, number, batch, "report.opened", about=name_of(uuid4()), details={"new": [], "items": 1})
    return batch


def _make_report(plan: _Plan, number: int, batch: _Batch) -> None:
    actor, team = plan.actor, plan.actor.team
    is_addition = number % _ADDITION == _ADDITION - 1
    additions = plan.reports // _ADDITION - number // _ADDITION  # from here to the newest
    is_open = plan.reports - number - additions <= OPEN
    day = plan.now - timedelta(days=_YEARS * (plan.reports - 1 - number) // plan.reports)
    receipt = _receipt(plan.seed, number - is_addition)
    report = Report(id=_id(plan, number), week=week_of(day), body=b"")
    sealed = seal_report(
        receipt,
        root=actor.root,
        team=actor.chain.newest.team,
        report_id=str(report.id),
        kind="addition" if is_addition else "first",
        form="mailbox-1" if is_addition else "short-1",
        language="en",
        consent=None,
        day=day_of(day),
        week=report.week,
        answers={"text": TEXT} if is_addition else {"text": TEXT, "danger": "no", "kind": ["LIB", "THR"], "reply": "yes"},
    )
    report.body = sealed.body
    padded = keyring.open_bundle(sealed.bundle, team, root=actor.root, report_id=str(report.id))
    key, digest = keyring.read_bundle(padded)
    body = read_body(actor.root, envelope.unseal(report.body, key, body_context(actor.root, str(report.id), team.epoch)))
    report.summary = seal_summary(actor, report, summarise(body, len(report.body)), key)
    work, report.version = Work(), 1
    if is_addition:
        report.state = ReportState.ADDED
    elif is_open:
        report.state = ReportState.RECEIVED
    else:
        report.state, report.owner = ReportState.OUT_OF_SCOPE, plan.readers[number % len(plan.readers)]
        work.gist = "A visit at night; a brother asked for"
        work.closed = {
            "to": report.state.value,
            "reason": "no_link",
            "by": report.owner,
            "second": plan.readers[(number + 1) % len(plan.readers)],
            "day": day_of(day),
        }
        is_continued = number % _ADDITION == _ADDITION - 2
        items = [report.id, _id(plan, number + 1)] if is_continued else [report.id]
        batch.rows[Seen].append(_seen(plan, report, items, day_of(day)))
    row_key = envelope.new_key()
    context = Context(actor.root, "report.work", str(report.id), "work", report.version, team.epoch)
    report.work = envelope.seal(padding.pad(to_jcs({"v": 1, **asdict(work)}), padding.WORK), row_key, context)
    wraps = [team_wrap(actor, name_of(report.id), BODY, 1, padded), team_wrap(actor, name_of(report.id), ROW, 1, row_key)]
    batch.rows[Report].append(_values(report))
    batch.rows[SourceRequest].append({"id": bytes.fromhex(body.request)})
    batch.rows[KeyWrap] += [_values(wrap) for wrap in wraps]
    details = {"kind": body.kind, "body": digest.hex(), "content": body.commitment.hex(), "week": report.week}
    row = RowVersion(name_of(report.id), 1, _digest(report, {BODY: key, ROW: row_key}))
    _make_entry(plan, number, batch, "report.admitted", row=row, details=details)


def _receipt(seed: bytes, conversation: int) -> Receipt:
    """Draw the keys of a conversation; without the derivation, which only keeps codes from being guessed."""
    drawn = [sha256(seed, conversation.to_bytes(8, "big"), bytes([part])) for part in range(4)]
    return Receipt(KemKeys.from_seed(drawn[0]), SigningKeys.from_seed(drawn[1]), drawn[2], drawn[3])


def _digest(report: Report, keys: dict[str, bytes]) -> str:
    return entries.row_digest(
        table="report",
        record_id=str(report.id),
        version=report.version,
        clear={"week": report.week, "state": report.state.value, "owner": report.owner},
        sealed={"body": report.body, "summary": report.summary or b"", "work": report.work or b""},
        keys={part: envelope.key_commitment(key).hex() for part, key in keys.items()},
    )


def _id(plan: _Plan, number: int) -> UUID:
    return UUID(bytes=sha256(plan.seed, b"id", number.to_bytes(8, "big"))[:16], version=4)


def _seen(plan: _Plan, report: Report, items: list[UUID], day: str) -> Row:
    """Seal the mark that a closed report's owner leaves, as `app.reports.queue.mark_seen` does."""
    actor, team, owner = plan.actor, plan.actor.team, report.owner or ""
    value = {"v": 1, "before": [], "now": sorted(map(str, items)), "opened": day, "all": False}
    context = Context(actor.root, "seen", str(report.id), owner, 0, team.epoch)
    sealed = envelope.seal(padding.pad(to_jcs(value), padding.WORK), team.wrap_key, context)
    return {"report_id": report.id, "member_id": owner, "sealed": sealed}


def _make_entry(
    plan: _Plan,
    number: int,
    batch: _Batch,
    kind: str,
    *,
    row: RowVersion | None = None,
    about: str | None = None,
    details: Row,
) -> None:
    """Seal the entry that `app.ledger.append` would append at this place."""
    actor, team, index = plan.actor, plan.actor.team, plan.start + number
    newest, key = actor.chain.newest, envelope.new_key()
    record = {
        "v": 1,
        "index": index,
        "day": day_of(plan.now),
        "kind": kind,
        "actor": actor.member_id,
        "role": ",".join(sorted(actor.roles)),
        "object": row.record if row else about,
        "version": row.version if row else None,
        "digest": row.digest if row else None,
        "details": details,
    }
    entry = entries.seal_entry(
        record,
        key,
        root=actor.root,
        origin=newest.origin,
        manifest=newest.digest,
        epoch=newest.team.epoch,
        tag=entries.tag_of(team.tag_key, row.record, row.version) if row else None,
        signer=actor.keys.signing,
    )
    batch.rows[LedgerEntry].append({"index": index, "tag": entry.tag, "leaf": entry.leaf, "sealed": entry.sealed})
    batch.leaves.append(entry.leaf)
    if KeyWrap in batch.rows:
        keys = actor.keys
        name = f"ledger:{index}"
        batch.rows[KeyWrap].append(_values(team_wrap(actor, name, "key", 1, key)))
        recipient = f"batch:{keys.batch_id}"
        sealed = keyring.wrap_key(key, keys.batch_key, root=actor.root, record=f"{name}/key", recipient=recipient, version=1, epoch=0)
        batch.rows[KeyWrap].append(
            {
                "record": name,
                "part": "key",
                "version": 1,
                "recipient": recipient,
                "epoch": 0,
                "sealed": sealed,
                "wrapper": None,
                "signature": None,
            }
        )


def _values(row: Any) -> Row:
    return {name: getattr(row, name) for name in row.__mapper__.columns.keys()}  # noqa: SIM118 - a collection of columns, not a dict
