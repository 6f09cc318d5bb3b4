"""Reports, letters to sources, and the replies that wait for them."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import NO_ROW_ORDER, Base, enum_column


class ReportState(StrEnum):
    """Where a report stands; in clear (docs/threat-model.md lists it among what a thief learns)."""

    WAITING = "waiting"
    RECEIVED = "received"
    ADDED = "added"
    IN_TRIAGE = "in_triage"
    URGENT = "urgent"
    NEEDS_INFORMATION = "needs_information"
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    OUT_OF_SCOPE = "out_of_scope"
    SPAM = "spam"
    WITHDRAWN = "withdrawn"
    DAMAGED = "damaged"


class MessageState(StrEnum):
    """Where a letter to a source stands."""

    HANDED = "handed"
    RETURNED = "returned"
    RELEASED = "released"


class Report(Base):
    """One source object. All that its writer or the team wrote is sealed."""

    __tablename__ = "report"
    __table_args__ = (CheckConstraint("length(week) = 8", name="report_week"), NO_ROW_ORDER)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    week: Mapped[str] = mapped_column(comment="ISO week of arrival; never the day")
    body: Mapped[bytes] = mapped_column(comment="kind 1, never re-sealed")
    state: Mapped[ReportState] = mapped_column(enum_column(ReportState, "report_state"), default=ReportState.WAITING, index=True)
    owner: Mapped[str | None] = mapped_column(default=None, comment="member id")
    summary: Mapped[bytes | None] = mapped_column(default=None, comment="kind 3")
    work: Mapped[bytes | None] = mapped_column(default=None, comment="kind 4")
    version: Mapped[int] = mapped_column(default=0, comment="0 until admitted")

    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


class Message(Base):
    """A letter of the team to a source, from hand-over to release."""

    __tablename__ = "message"
    __table_args__ = (CheckConstraint("length(week) = 8", name="message_week"), NO_ROW_ORDER)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    week: Mapped[str]
    author: Mapped[str] = mapped_column(comment="member id")
    letter: Mapped[bytes] = mapped_column(comment="kind 5; which report it belongs to is inside")
    releaser: Mapped[str | None] = mapped_column(default=None, comment="member id")
    state: Mapped[MessageState] = mapped_column(enum_column(MessageState, "message_state"), default=MessageState.HANDED, index=True)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


class Reply(Base):
    """A released letter under an address that only source and team can work out."""

    __tablename__ = "reply"
    __table_args__ = (CheckConstraint("length(address) = 32", name="reply_address"), NO_ROW_ORDER)

    address: Mapped[bytes] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(comment="kind 6")


class SourceRequest(Base):
    """The random id of an admitted source object, so that none is admitted twice; linked to nothing."""

    __tablename__ = "source_request"
    __table_args__ = (NO_ROW_ORDER,)

    id: Mapped[bytes] = mapped_column(primary_key=True)


class Dedupe(Base):
    """The mark of a form that was used within the last hours, and then deleted."""

    __tablename__ = "dedupe"
    __table_args__ = NO_ROW_ORDER

    tag: Mapped[bytes] = mapped_column(primary_key=True)
    hour: Mapped[int] = mapped_column(index=True, comment="hours since 1970, of arrival")


class Seen(Base):
    """What one member has seen of one report's conversation."""

    __tablename__ = "seen"
    __table_args__ = (NO_ROW_ORDER,)

    report_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(comment="kind 16")
