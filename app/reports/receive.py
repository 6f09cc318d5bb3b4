"""Receive: what the intake does. It holds public keys only; what it has sealed it cannot open."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import BusyError
from app.reports.calendar import day_of, week_of
from app.store.database import Database
from app.store.keys import KeyWrap
from app.store.reports import Dedupe, Report, ReportState
from app.vault.encoding import sha256, to_jcs
from app.vault.formtoken import HOURS_KEPT
from app.vault.mailbox import seal_report, thread_id
from app.vault.manifest import Chain
from app.vault.receipt import Receipt, derive, next_secret

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Sending:
    """One text on its way: what goes inside the seal, when it came, and the whole hours since 1970 (for its marks)."""

    form: str
    language: str
    consent: str | None
    answers: dict[str, Any]
    now: datetime
    hour: int

    def digest(self, kind: str) -> bytes:
        """Name the text, to recognise the same one sent twice."""
        return sha256(to_jcs({"kind": kind, "answers": self.answers}))


@dataclass(frozen=True, slots=True)
class Received:
    """A stored report: its receipt secret, and whether this request stored it."""

    secret: bytes = field(repr=False)
    is_new: bool


def receive_first(database: Database, chain: Chain, secret: bytes, receipt: Receipt, sending: Sending) -> Received:
    """Store a report once, however often it is sent (docs/adr/0004).

    Args:
        database: the store.
        chain: the verified manifests; the report is sealed to the newest team epoch.
        secret: the receipt secret that came with the form.
        receipt: what `derive` made of it, before and outside any transaction.
        sending: the text.

    Returns:
        The receipt secret whose code is to be shown (the same for the same text, another for another text), and whether it is new.

    Raises:
        BusyError: it could not be stored; nothing was.
    """
    digest = sending.digest("first")
    used, first, again = (receipt.dedupe_tag(what) for what in (b"used", b"first" + digest, b"again" + digest))
    for _ in range(_TRIES):
        with database.read() as session:
            known = set(session.scalars(select(Dedupe.tag).where(Dedupe.tag.in_((used, first, again)))))
        if first in known:
            return Received(secret, is_new=False)
        other = next_secret(secret, again)
        if again in known:
            return Received(other, is_new=False)
        marks, mine, before = ([used, first], receipt, None)
        if used in known:
            marks, mine = [again], derive(other, chain.root)
            before = thread_id(chain.root, receipt.signing.public, receipt.kem.public)
        try:
            with database.insert() as session:
                _mark(session, marks, sending.hour)
                _store(session, chain, mine, "first", sending, before)
        except IntegrityError:  # the same form at the same moment, in another worker: look again
            continue
        return Received(other if used in known else secret, is_new=True)
    raise BusyError


def receive_addition(database: Database, chain: Chain, receipt: Receipt, sending: Sending) -> bool:
    """Store what somebody with a code adds, signed with the code's key; the same text within hours counts once.

    Returns:
        Whether this request stored it.

    Raises:
        BusyError: it could not be stored; nothing was.
    """
    tag = receipt.dedupe_tag(b"added" + sending.digest("addition"))
    for _ in range(_TRIES):
        with database.read() as session:
            if session.get(Dedupe, tag) is not None:
                return False
        try:
            with database.insert() as session:
                _mark(session, [tag], sending.hour)
                _store(session, chain, receipt, "addition", sending, None)
        except IntegrityError:  # the same text at the same moment, in another worker: look again
            continue
        return True
    raise BusyError


def sweep_marks(session: Session, hour: int) -> None:
    """Delete the marks of forms whose hourly key is gone."""
    session.execute(delete(Dedupe).where(Dedupe.hour < hour - HOURS_KEPT))


def _mark(session: Session, tags: list[bytes], hour: int) -> None:
    sweep_marks(session, hour)
    session.connection().execute(insert(Dedupe), [{"tag": tag, "hour": hour} for tag in tags])


def _store(session: Session, chain: Chain, receipt: Receipt, kind: str, sending: Sending, first: bytes | None) -> None:
    report_id, team = uuid4(), chain.newest.team
    sealed = seal_report(
        receipt,
        root=chain.root,
        team=team,
        report_id=str(report_id),
        kind=kind,
        form=sending.form,
        language=sending.language,
        consent=sending.consent,
        day=day_of(sending.now),
        week=week_of(sending.now),
        answers=sending.answers,
        first=first,
    )
    connection = session.connection()  # Core in this one place: the unit of work costs more than all the sealing (docs/performance.md)
    connection.execute(
        insert(Report), {"id": report_id, "week": week_of(sending.now), "body": sealed.body, "state": ReportState.WAITING, "version": 0}
    )
    connection.execute(
        insert(KeyWrap),
        {"record": f"report:{report_id}", "part": "body", "version": 1, "recipient": "team", "epoch": team.epoch, "sealed": sealed.bundle},
    )
