"""Open and save the rows of the desk: fresh key per version, digest into the ledger, older keys destroyed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.errors import MalformedError, SealError
from app.ledger.append import Actor, RowVersion
from app.ledger.rows import ROW, replace_row_key, team_wrap, unwrap
from app.store.keys import KeyWrap
from app.store.reports import Message, Report
from app.vault import entries, envelope, keyring, manifest, padding
from app.vault.encoding import Context, from_jcs, sha256, to_jcs
from app.vault.mailbox import ReportBody, body_context, read_body

BODY: Final = "body"


@dataclass(slots=True)
class Work:
    """What the team wrote about a report."""

    gist: str = ""
    summary: str = ""
    translation: str = ""
    notes: list[dict[str, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    replies: int = 0
    asked: int = 0
    links: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    closing: dict[str, str] | None = None
    closed: dict[str, str] | None = None
    accepted_by: str = ""
    same_as: str = ""
    repeated_by: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Opened:
    """A report as the queue needs it: the row, what was derived at admission, and the team's work."""

    report: Report
    summary: dict[str, Any]
    work: Work
    body_key: bytes = field(repr=False)
    row: RowVersion


@dataclass(frozen=True, slots=True)
class Letter:
    """An opened letter to a source."""

    message: Message
    report_id: UUID
    text: str
    language: str
    day: str
    row: RowVersion
    place: int = 0


def name_of(report_id: UUID) -> str:
    """Return the record name of a report."""
    return f"report:{report_id}"


def open_reports(session: Session, actor: Actor, reports: Sequence[Report]) -> dict[UUID, Opened | None]:
    """Open summaries and work of many reports with two queries; None where one is damaged."""
    wraps: dict[tuple[str, str], KeyWrap] = {}
    names = [name_of(report.id) for report in reports]
    for at in range(0, len(names), 500):
        query = select(KeyWrap).where(KeyWrap.record.in_(names[at : at + 500]), KeyWrap.recipient == manifest.TEAM)
        wraps.update({(wrap.record, wrap.part): wrap for wrap in session.scalars(query)})
    opened: dict[UUID, Opened | None] = {}
    for report in reports:
        try:
            opened[report.id] = _open(actor, report, wraps)
        except (SealError, MalformedError, KeyError, TypeError):
            opened[report.id] = None
    return opened


def open_all(session: Session, actor: Actor) -> list[Opened]:
    """Open every admitted report that is not damaged."""
    found = open_reports(session, actor, list(session.scalars(select(Report).where(Report.version > 0))))
    return [item for item in found.values() if item is not None]


def open_body(actor: Actor, opened: Opened) -> ReportBody:
    """Open what the source wrote.

    Raises:
        SealError: it was changed.
    """
    report, epoch = opened.report, envelope.epoch_of(opened.report.body)
    plaintext = envelope.unseal(report.body, opened.body_key, body_context(actor.root, str(report.id), epoch))
    return read_body(actor.root, plaintext)


def save_report(session: Session, actor: Actor, report: Report, work: Work, body_key: bytes) -> RowVersion:
    """Seal the work under a fresh key as the next version; the caller appends the entry.

    Raises:
        MalformedError: the work does not fit.
    """
    report.version += 1
    key, epoch = envelope.new_key(), actor.team.epoch
    context = Context(actor.root, "report.work", str(report.id), "work", report.version, epoch)
    report.work = envelope.seal(padding.pad(to_jcs({"v": 1, **asdict(work)}), padding.WORK), key, context)
    replace_row_key(session, actor, name_of(report.id), report.version, key)
    session.flush()
    return _report_version(report, body_key, key)


def seal_summary(actor: Actor, report: Report, summary: dict[str, Any], body_key: bytes) -> bytes:
    """Seal the derived summary, bound to the very body it was derived from."""
    context = _summary_context(actor, report, envelope.epoch_of(report.body))
    return envelope.seal(padding.pad(to_jcs({"v": 1, **summary}), padding.SMALL), body_key, context)


def save_message(session: Session, actor: Actor, message: Message, *, report_id: UUID, text: str, language: str, day: str) -> RowVersion:
    """Seal a letter under a fresh key as its present version; the caller appends the entry.

    Raises:
        MalformedError: the letter does not fit.
    """
    team, key = actor.team, envelope.new_key()
    value = {"v": 1, "report": str(report_id), "text": text, "language": language, "day": day}
    context = Context(actor.root, "message", str(message.id), "letter", message.version, team.epoch)
    message.letter = envelope.seal(padding.pad(to_jcs(value), padding.LETTER), key, context)
    replace_row_key(session, actor, f"message:{message.id}", message.version, key)
    session.add(message)
    session.flush()
    return _message_version(message, key)


def open_message(session: Session, actor: Actor, message: Message) -> Letter:
    """Open a letter.

    Raises:
        SealError: it was changed.
    """
    record = f"message:{message.id}"
    query = select(KeyWrap).where(KeyWrap.record == record, KeyWrap.version == message.version)
    wrap = session.scalars(query).first()
    if wrap is None:
        raise SealError
    key = unwrap(actor, wrap)
    epoch = envelope.epoch_of(message.letter)
    context = Context(actor.root, "message", str(message.id), "letter", message.version, epoch)
    try:
        value = from_jcs(padding.unpad(envelope.unseal(message.letter, key, context), padding.LETTER))
        return Letter(
            message,
            UUID(value["report"]),
            value["text"],
            value["language"],
            value["day"],
            _message_version(message, key),
        )
    except (MalformedError, KeyError, ValueError):
        raise SealError from None


def wrap_bundle(session: Session, actor: Actor, report: Report, padded: bytes) -> None:
    """Replace the border's HPKE wrap by one under the team's wrap key."""
    record = name_of(report.id)
    session.execute(delete(KeyWrap).where(KeyWrap.record == record, KeyWrap.part == BODY))
    session.add(team_wrap(actor, record, BODY, 1, padded))


def _open(actor: Actor, report: Report, wraps: dict[tuple[str, str], KeyWrap]) -> Opened:
    record = name_of(report.id)
    body_key, body_digest = keyring.read_bundle(unwrap(actor, wraps[record, BODY]))
    if sha256(report.body) != body_digest or report.summary is None or report.work is None:
        raise SealError
    context = _summary_context(actor, report, envelope.epoch_of(report.body))
    summary = from_jcs(padding.unpad(envelope.unseal(report.summary, body_key, context), padding.SMALL))
    row_key = unwrap(actor, wraps[record, ROW])
    epoch = envelope.epoch_of(report.work)
    context = Context(actor.root, "report.work", str(report.id), "work", report.version, epoch)
    value = from_jcs(padding.unpad(envelope.unseal(report.work, row_key, context), padding.WORK))
    del value["v"]
    return Opened(report, summary, Work(**value), body_key, _report_version(report, body_key, row_key))


def _report_version(report: Report, body_key: bytes, row_key: bytes) -> RowVersion:
    digest = entries.row_digest(
        table="report",
        record_id=str(report.id),
        version=report.version,
        clear={"week": report.week, "state": report.state.value, "owner": report.owner},
        sealed={"body": report.body, "summary": report.summary or b"", "work": report.work or b""},
        keys=_commitments({BODY: body_key, ROW: row_key}),
    )
    return RowVersion(name_of(report.id), report.version, digest)


def _message_version(message: Message, key: bytes) -> RowVersion:
    digest = entries.row_digest(
        table="message",
        record_id=str(message.id),
        version=message.version,
        clear={
            "week": message.week,
            "state": message.state.value,
            "author": message.author,
            "releaser": message.releaser,
        },
        sealed={"letter": message.letter},
        keys=_commitments({ROW: key}),
    )
    return RowVersion(f"message:{message.id}", message.version, digest)


def _commitments(keys: dict[str, bytes]) -> dict[str, str]:
    return {part: envelope.key_commitment(key).hex() for part, key in keys.items()}


def _summary_context(actor: Actor, report: Report, epoch: int) -> Context:
    return Context(actor.root, "report.summary", str(report.id), sha256(report.body).hex(), 1, epoch)
