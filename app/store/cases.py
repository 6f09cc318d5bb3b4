"""Cases, incidents, acts, people, what they refer to, and findings: ids, parents and states in clear, everything else sealed."""

from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import NO_ROW_ORDER, Base, enum_column


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    MONITORING = "monitoring"
    CLOSED = "closed"
    REOPENED = "reopened"


class FindingState(StrEnum):
    """Where the finding on one act stands; in clear, and no authority: signatures are."""

    UNASSESSED = "unassessed"
    IN_ASSESSMENT = "in_assessment"
    PROPOSED = "proposed"
    IN_REVIEW = "in_review"
    RETURNED = "returned"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"
    UNVERIFIABLE = "unverifiable"
    REFUTED = "refuted"
    REOPENED = "reopened"


class SealedRow(Base, kw_only=True):
    """A record whose words lie sealed in one body (docs/formats.md §10); `CLEAR` names the columns that the digest binds beside it."""

    __abstract__ = True
    __table_args__ = NO_ROW_ORDER
    CLEAR: ClassVar[tuple[str, ...]] = ()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    body: Mapped[bytes] = mapped_column(default=b"")
    version: Mapped[int]

    @property
    def kind(self) -> str:
        """The kind of its envelope, which is also its table's name."""
        return str(self.__tablename__)

    @property
    def record(self) -> str:
        """Its record name."""
        return f"{self.kind}:{self.id}"

    @property
    def clear(self) -> dict[str, Any]:
        """Its readable columns, as the digest binds them."""
        return {name: value if (value := getattr(self, name)) is None else str(value) for name in self.CLEAR}


class Case(SealedRow, kw_only=True):
    """One exile and what was done because of them."""

    __tablename__ = "case"
    CLEAR = ("state", "owner")

    state: Mapped[CaseState] = mapped_column(enum_column(CaseState, "case_state"), default=CaseState.OPEN)
    owner: Mapped[str | None] = mapped_column(default=None, comment="member id")
    version: Mapped[int] = mapped_column(default=0)
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


class Incident(SealedRow, kw_only=True):
    """Something that happened at one time; holds one or more acts."""

    __tablename__ = "incident"
    CLEAR = ("case_id",)

    case_id: Mapped[UUID] = mapped_column(index=True)
    version: Mapped[int] = mapped_column(default=0)
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


class Act(SealedRow, kw_only=True):
    """One kind of reprisal done to somebody in an incident."""

    __tablename__ = "act"
    CLEAR = ("incident_id",)

    incident_id: Mapped[UUID] = mapped_column(index=True)
    version: Mapped[int] = mapped_column(default=0)
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


class Person(SealedRow, kw_only=True):
    """An exile, a relative or somebody near to them."""

    __tablename__ = "person"
    CLEAR = ("case_id",)

    case_id: Mapped[UUID | None] = mapped_column(default=None, index=True)
    version: Mapped[int] = mapped_column(default=0)
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


class Reference(SealedRow, kw_only=True):
    """A place, organisation, trigger or publication that records refer to."""

    __tablename__ = "reference"
    version: Mapped[int] = mapped_column(default=0)
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


class Finding(SealedRow, kw_only=True):
    """What we say of one act, and who signed it."""

    __tablename__ = "finding"
    CLEAR = ("act_id", "state")

    act_id: Mapped[UUID] = mapped_column(unique=True)
    state: Mapped[FindingState] = mapped_column(enum_column(FindingState, "finding_state"), default=FindingState.UNASSESSED, index=True)
    version: Mapped[int] = mapped_column(default=0)
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


class Approval(Base):
    """A protection officer's signed statement on its way into a finding, sealed to the team (docs/formats.md §11)."""

    __tablename__ = "approval"
    __table_args__ = (NO_ROW_ORDER,)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    finding_id: Mapped[UUID] = mapped_column(index=True)
    sealed: Mapped[bytes]
