"""Letters to a source: one member writes, another releases; only then does the mailbox hold it (docs/adr/0006)."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import (
    ConflictError,
    DamagedError,
    MalformedError,
    NotWantedError,
    SamePersonError,
    SealError,
    UnknownError,
)
from app.ledger.append import Actor, append
from app.ledger.read import check_row
from app.reports import records, triage
from app.reports.calendar import day_of, week_of
from app.reports.records import Letter, Opened
from app.store.reports import Message, MessageState, Reply, ReportState
from app.vault.mailbox import MAX_REPLIES, seal_reply

MAX_LETTER: Final = 3_000
NEUTRAL: Final = "neutral"


class MayWrite(StrEnum):
    """What the source's answer to "May we write to you?" allows now; no answer allows one neutral message."""

    YES = "yes"
    NEUTRAL = "neutral"
    NO = "no"
    UNSAFE = "unsafe"
    WAITING = "waiting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A letter that waits for a second person."""

    letter: Letter
    is_mine: bool


def may_write(opened: Opened, letters: list[Letter]) -> MayWrite:
    """Say what may be written now; `letters` are those of this conversation, `opened` is its head.

    Only a first text was asked whether we may write: where it is missing or damaged, its answer could have been "no".
    """
    if opened.summary["kind"] != "first" or opened.work.replies >= MAX_REPLIES:
        return MayWrite.NO
    if opened.report.state in (ReportState.WITHDRAWN, ReportState.SPAM):
        return MayWrite.CLOSED
    if any(letter.message.state is MessageState.HANDED for letter in letters):
        return MayWrite.WAITING
    match opened.summary["reply"]:
        case "yes":
            return MayWrite.YES
        case "no":
            return MayWrite.NO
        case "unsafe":
            return MayWrite.UNSAFE
        case _:
            return MayWrite.NO if opened.work.replies else MayWrite.NEUTRAL


def letters_of(session: Session, actor: Actor, opened: Opened) -> tuple[list[Letter], int]:
    """Return the letters of a report in the order they were written, and how many more are damaged or gone."""
    found: list[Letter] = []
    for message_id in opened.work.messages:
        try:
            found.append(_letter(session, actor, UUID(message_id)))
        except (DamagedError, UnknownError):
            continue
    return found, len(opened.work.messages) - len(found)


def hand_over(
    session: Session,
    actor: Actor,
    session_id: bytes,
    report_id: UUID,
    *,
    text: str,
    language: str,
    now: datetime,
    neutral: bool = False,
) -> None:
    """Hand a letter over for release.

    Args:
        session: an open write transaction.
        actor: the author, who owns the report.
        session_id: the session that opened the report.
        report_id: the report.
        text: the letter.
        language: of the letter.
        now: aware UTC time.
        neutral: whether this is the one neutral message; its text is ours, not the author's.

    Raises:
        MalformedError: empty or too long.
        NotWantedError: the source did not allow it.
        TakenError, NoLeaseError, DamagedError, UnknownError: as elsewhere.
    """
    if not text.strip() or len(text) > MAX_LETTER:
        raise MalformedError
    opened = triage.owned(session, actor, session_id, report_id, now=now)
    allowed = may_write(opened, letters_of(session, actor, opened)[0])
    if allowed is not (MayWrite.NEUTRAL if neutral else MayWrite.YES):
        raise ConflictError if allowed is MayWrite.WAITING else NotWantedError
    message = Message(id=uuid4(), week=week_of(now), author=actor.member_id, letter=b"")
    row = records.save_message(session, actor, message, report_id=report_id, text=text, language=language, day=day_of(now))
    append(session, actor, "message.handed", now=now, row=row)
    opened.work.messages.append(str(message.id))
    append(session, actor, "report.updated", now=now, row=triage.save_work(session, actor, opened))


def count_handed(session: Session, member_id: str) -> int:
    """Count the letters that this member could release: those that somebody else wrote."""
    query = select(func.count()).select_from(Message).where(Message.state == MessageState.HANDED, Message.author != member_id)
    return session.scalar(query) or 0


def list_handed(session: Session, actor: Actor) -> tuple[list[Waiting], int]:
    """Return the letters that wait for release, and how many of them are damaged."""
    waiting, damaged = [], 0
    for message in session.scalars(select(Message).where(Message.state == MessageState.HANDED)):
        try:
            letter = records.open_message(session, actor, message)
            check_row(session, actor, letter.row)
        except (SealError, DamagedError):
            damaged += 1
            continue
        waiting.append(Waiting(letter, message.author == actor.member_id))
    return sorted(waiting, key=lambda item: (item.letter.day, item.letter.message.id.hex)), damaged


def release(session: Session, actor: Actor, message_id: UUID, *, version: int, now: datetime) -> None:
    """Release a letter as a second person: it is signed with the releaser's key and sealed to the mailbox.

    Raises:
        SamePersonError: the author cannot release their own letter.
        NotWantedError: the report was withdrawn or closed as spam meanwhile.
        ConflictError: it was released or returned meanwhile.
        UnknownError, DamagedError: as elsewhere.
    """
    letter = _handed(session, actor, message_id, version)
    if letter.message.author == actor.member_id:
        raise SamePersonError
    opened = triage.opened_for_release(session, actor, letter.report_id)
    if opened.report.state in (ReportState.WITHDRAWN, ReportState.SPAM):
        raise NotWantedError  # it was withdrawn or closed after the letter was handed over
    index = opened.work.replies
    try:
        body = records.open_body(actor, opened)
    except SealError:
        raise DamagedError from None
    address, sealed = seal_reply(
        root=actor.root,
        epoch=actor.chain.newest.epoch,
        to=body,
        index=index,
        text=letter.text,
        language=letter.language,
        day=day_of(now),
        signer=actor.member_id,
        keys=actor.keys.signing,
    )
    session.add(Reply(address=address, sealed=sealed))
    _close(session, actor, letter, MessageState.RELEASED, now)
    opened.work.replies = index + 1
    opened.work.asked = triage.count_items(session, actor, opened)
    report = opened.report
    before = report.state
    if before is ReportState.IN_TRIAGE:
        report.state = ReportState.NEEDS_INFORMATION
    row = triage.save_work(session, actor, opened)
    if report.state is before:
        append(session, actor, "report.updated", now=now, row=row)
    else:
        append(session, actor, "report.moved", now=now, row=row, details={"from": before.value, "to": report.state.value})


def return_letter(session: Session, actor: Actor, message_id: UUID, *, version: int, now: datetime) -> None:
    """Give a letter back unreleased; its author can write another.

    Raises:
        ConflictError, UnknownError, DamagedError: as `release`.
    """
    letter = _handed(session, actor, message_id, version)
    _close(session, actor, letter, MessageState.RETURNED, now)


def _handed(session: Session, actor: Actor, message_id: UUID, version: int) -> Letter:
    letter = _letter(session, actor, message_id)
    if letter.message.state is not MessageState.HANDED or letter.message.version != version:
        raise ConflictError
    return letter


def _letter(session: Session, actor: Actor, message_id: UUID) -> Letter:
    message = session.get(Message, message_id)
    if message is None:
        raise UnknownError
    try:
        letter = records.open_message(session, actor, message)
    except SealError:
        raise DamagedError from None
    return replace(letter, place=check_row(session, actor, letter.row))


def _close(session: Session, actor: Actor, letter: Letter, state: MessageState, now: datetime) -> None:
    message = letter.message
    message.state, message.releaser = state, actor.member_id
    message.version += 1
    row = records.save_message(
        session, actor, message, report_id=letter.report_id, text=letter.text, language=letter.language, day=letter.day
    )
    append(session, actor, f"message.{state.value}", now=now, row=row)
