"""What the records of a case hold, and how they are opened and saved (docs/formats.md §10)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.dates import FuzzyDate, parse
from app.errors import DamagedError, MalformedError, UnknownError
from app.ledger.append import Actor, RowVersion, append
from app.ledger.read import check_row, find_changed
from app.ledger.rows import OpenedRow, open_rows, save_row
from app.store.cases import Act, Case, Incident, Person, Reference, SealedRow

Row = TypeVar("Row", bound=SealedRow)
Body = TypeVar("Body")


@dataclass(slots=True)
class CaseBody:
    """One exile's case; `also` names incidents whose home is another case."""

    number: int
    title: str
    exile: str
    key: str = ""
    also: list[str] = field(default_factory=list)
    priority: str | None = None
    distinct: list[dict[str, str]] = field(default_factory=list)
    questions: list[dict[str, str]] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The case's public number."""
        return f"C-{self.number:04d}"


@dataclass(slots=True)
class IncidentBody:
    """What happened at one time. None is *not stated*; `unknown` and `unsaid` are answers."""

    title: str
    key: str = ""
    when: str | None = None
    when_basis: str = ""
    places: list[str] = field(default_factory=list)
    trigger: str | None = None
    also_triggers: list[str] = field(default_factory=list)
    trigger_link: str | None = None
    demand: str | None = None
    outcome: str | None = None
    outcome_detail: str = ""
    publications: list[str] = field(default_factory=list)
    basis: str | None = None
    follows: str | None = None
    minor: str | None = None
    sensitive: str | None = None
    open: list[str] = field(default_factory=list)
    quote: str = ""
    reports: list[dict[str, str]] = field(default_factory=list)

    @property
    def date(self) -> FuzzyDate | None:
        """When, as an interval."""
        return parse(self.when)


@dataclass(slots=True)
class ActBody:
    """One kind of reprisal done to somebody."""

    type: str
    key: str = ""
    victims: list[str] = field(default_factory=list)
    organisation: str | None = None
    perpetrators: list[str] = field(default_factory=list)
    by: str | None = None
    when: str | None = None
    consequence: bool = False
    words: str = ""
    details: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class PersonBody:
    """An exile, a relative or somebody near to them; minors are never named."""

    role: str
    label: str
    key: str = ""
    forms: list[str] = field(default_factory=list)
    sex: str | None = None
    relation: str | None = None
    relation_to: str | None = None
    minor: str | None = None
    group: bool = False
    age: str = ""
    affiliation: list[str] = field(default_factory=list)
    affiliation_status: str | None = None
    category: str | None = None
    host: list[str] = field(default_factory=list)
    reason: str = ""
    occupation: str = ""
    whereabouts: str | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """The preferred name, or the words that stand for it."""
        return self.forms[0] if self.forms else self.label


@dataclass(slots=True)
class ReferenceBody:
    """A place, organisation, trigger, publication, event abroad or pattern that records refer to."""

    kind: str
    name: str
    key: str = ""
    variants: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


BODIES: Final[dict[type[SealedRow], Any]] = {
    Case: CaseBody,
    Incident: IncidentBody,
    Act: ActBody,
    Person: PersonBody,
    Reference: ReferenceBody,
}


@dataclass(frozen=True, slots=True)
class Item(Generic[Row, Body]):
    """An opened record."""

    row: Row
    body: Body
    version: RowVersion

    @property
    def id(self) -> UUID:
        """Its id."""
        return self.row.id


CaseItem = Item[Case, CaseBody]
IncidentItem = Item[Incident, IncidentBody]
ActItem = Item[Act, ActBody]
PersonItem = Item[Person, PersonBody]
ReferenceItem = Item[Reference, ReferenceBody]


def read_body(kind: type[Body], value: dict[str, Any]) -> Body:
    """Make a body of what a seal held.

    Raises:
        MalformedError: not the fields of this kind.
    """
    names = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    if set(value) != names:
        raise MalformedError
    return kind(**value)


def open_items(session: Session, actor: Actor, table: type[Row], rows: Sequence[Row]) -> tuple[list[Item[Row, Any]], list[UUID]]:
    """Open records and hold them against the ledger, many at once.

    Returns:
        (opened, ids of those that are damaged)
    """
    opened = {row_id: item for row_id, item in open_rows(session, actor, rows).items() if item is not None}
    changed = find_changed(session, actor, [item.version for item in opened.values()])
    good: list[Item[Row, Any]] = []
    damaged: list[UUID] = []
    for row in rows:
        item = opened.get(row.id)
        body = None if item is None or item.version.record in changed else _body_or_none(table, item)
        if item is None or body is None:
            damaged.append(row.id)
        else:
            good.append(Item(row, body, item.version))
    return good, damaged


def open_one(session: Session, actor: Actor, table: type[Row], row_id: UUID) -> Item[Row, Any]:
    """Open one record and prove that it is the newest version the ledger knows.

    Raises:
        UnknownError: there is none.
        DamagedError: it does not match its seal or its entry.
    """
    row = session.get(table, row_id)
    if row is None:
        raise UnknownError
    opened = open_rows(session, actor, [row])[row_id]
    body = _body_or_none(table, opened) if opened else None
    if opened is None or body is None:
        raise DamagedError
    check_row(session, actor, opened.version)
    return Item(row, body, opened.version)


def open_table(session: Session, actor: Actor, table: type[Row]) -> list[Item[Row, Any]]:
    """Open every record of a table that is not damaged."""
    return open_items(session, actor, table, list(session.scalars(select(table))))[0]


def save(
    session: Session, actor: Actor, row: SealedRow, body: Any, kind: str, *, now: datetime, details: dict[str, Any] | None = None
) -> RowVersion:
    """Save a record as its next version with its entry.

    Raises:
        MalformedError: it does not fit.
    """
    version = save_row(session, actor, row, asdict(body))
    append(session, actor, kind, now=now, row=version, details=details)
    return version


def _body_or_none(table: type[SealedRow], item: OpenedRow) -> Any:
    try:
        return read_body(BODIES[table], item.value)
    except (MalformedError, TypeError):
        return None
