"""Admit waiting reports: the first entitled desk session takes them in, in bounded batches (docs/adr/0003)."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import MalformedError, SealError
from app.ledger.append import Actor, append
from app.reports import answers
from app.reports.language import language_of
from app.reports.overview import overview
from app.reports.records import (
    BODY,
    Work,
    name_of,
    save_report,
    seal_summary,
    wrap_bundle,
)
from app.store.keys import KeyWrap
from app.store.reports import Report, ReportState, SourceRequest
from app.vault import envelope, hpke, keyring
from app.vault.encoding import sha256
from app.vault.mailbox import ReportBody, body_context, read_body

BATCH: Final = 20
_SIZES: Final = ((4096 + envelope.OVERHEAD, "s"), (16384 + envelope.OVERHEAD, "m"))


def count_waiting(session: Session) -> int:
    """Count reports that nobody has taken in yet."""
    query = select(func.count()).select_from(Report).where(Report.version == 0)
    return session.scalar(query) or 0


def admit_waiting(session: Session, actor: Actor, *, now: datetime, limit: int = BATCH) -> int:
    """Open, check, summarise and log up to `limit` waiting reports; returns how many were dealt with.

    A report that does not open or does not certify itself is marked damaged and logged; the others are unharmed.

    Args:
        session: an open write transaction.
        actor: a member who holds the team secret.
        now: aware UTC time.
        limit: reports in this batch.
    """
    waiting = list(session.scalars(select(Report).where(Report.version == 0).limit(limit)))
    opened = [(report, *_try_open(session, actor, report)) for report in waiting]
    # first texts before additions, so that an addition finds the conversation it belongs to
    opened.sort(key=lambda item: item[2].kind != "first" if item[2] else True)
    threads: set[str] = set()
    if any(body and body.kind == "addition" for _, _, body in opened):
        threads = {item.thread for item in overview(session, actor).known.values()}
    for report, padded, body in opened:
        if padded is None or body is None or not _try_admit(session, actor, report, padded, body, threads, now):
            _set_aside(session, actor, report, now)
        else:
            threads.add(body.thread)
    return len(opened)


def _try_admit(session: Session, actor: Actor, report: Report, padded: bytes, body: ReportBody, threads: set[str], now: datetime) -> bool:
    """Admit one report, or leave everything as it was: one bad report must not keep the others out."""
    try:
        with session.begin_nested():
            session.add(SourceRequest(id=bytes.fromhex(body.request)))
            session.flush()
            is_addition = body.kind == "addition" and body.thread in threads
            report.state = ReportState.ADDED if is_addition else ReportState.RECEIVED
            _admit(session, actor, report, padded, body, now)
    except (IntegrityError, MalformedError, SealError):
        session.refresh(report)
        return False
    return True


def summarise(body: ReportBody, sealed_size: int) -> dict[str, Any]:
    """Derive what the queue may know: no word of the text, only what was chosen and how much was written."""
    given = body.answers
    size = next((name for limit, name in _SIZES if sealed_size <= limit), "l")
    flags = ["sexual-violence"] if "SEX" in given.get("kind", []) else []
    return {
        "kind": body.kind,
        "thread": body.thread,
        "day": body.day,
        "language": language_of(str(given.get("text", "")), body.language),
        "danger": given.get("danger"),
        "reply": given.get("reply"),
        "size": size,
        "answered": sorted(given),
        "flags": flags,
        "first": body.first,
    }


def _try_open(session: Session, actor: Actor, report: Report) -> tuple[bytes | None, ReportBody | None]:
    wrap = session.scalars(select(KeyWrap).where(KeyWrap.record == name_of(report.id), KeyWrap.part == BODY)).first()
    if wrap is None:
        return None, None
    try:
        team = actor.keys.team_epoch(hpke.epoch_of(wrap.sealed))
        padded = keyring.open_bundle(wrap.sealed, team, root=actor.root, report_id=str(report.id))
        key, digest = keyring.read_bundle(padded)
        if sha256(report.body) != digest:
            return None, None
        context = body_context(actor.root, str(report.id), envelope.epoch_of(report.body))
        body = read_body(actor.root, envelope.unseal(report.body, key, context))
        return (padded, body) if answers.are_ours(body.answers) else (None, None)
    except SealError:
        return None, None


def _admit(session: Session, actor: Actor, report: Report, padded: bytes, body: ReportBody, now: datetime) -> None:
    key, digest = keyring.read_bundle(padded)
    report.summary = seal_summary(actor, report, summarise(body, len(report.body)), key)
    wrap_bundle(session, actor, report, padded)
    row = save_report(session, actor, report, Work(), key)
    details = {"kind": body.kind, "body": digest.hex(), "content": body.commitment.hex(), "week": report.week}
    append(session, actor, "report.admitted", now=now, row=row, details=details)


def _set_aside(session: Session, actor: Actor, report: Report, now: datetime) -> None:
    report.state = ReportState.DAMAGED
    report.version += 1
    session.flush()
    append(session, actor, "report.damaged", now=now, about=name_of(report.id))
