"""Read cases: one as a whole, after an opening that is an entry; all of them as lines."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.cases.dates import order_of
from app.cases.records import (
    ActItem,
    CaseBody,
    CaseItem,
    IncidentItem,
    PersonItem,
    ReferenceItem,
    open_items,
    open_one,
    open_table,
)
from app.errors import NoLeaseError, UnknownError
from app.ledger.append import Actor, append
from app.reports.queue import grant_lease, has_lease
from app.store.cases import Act, Case, Incident, Person, Reference

PLACE: Final = "place"


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One case with everything that belongs to it; `damaged` counts what does not match its seal or the log."""

    case: CaseItem
    incidents: tuple[IncidentItem, ...]
    acts: Mapping[UUID, tuple[ActItem, ...]]
    people: Mapping[str, PersonItem]
    references: Mapping[str, ReferenceItem]
    damaged: int

    @property
    def body(self) -> CaseBody:
        """The case itself."""
        return self.case.body

    @property
    def all_acts(self) -> list[tuple[IncidentItem, ActItem]]:
        """Every act with its incident, in the order of time."""
        return [(incident, act) for incident in self.incidents for act in self.acts.get(incident.id, ())]

    def act(self, act_id: UUID) -> tuple[IncidentItem, ActItem]:
        """Return one act with its incident.

        Raises:
            UnknownError: it is not in this case.
        """
        for incident, act in self.all_acts:
            if act.id == act_id:
                return incident, act
        raise UnknownError

    def name_of(self, reference: str) -> str:
        """Return the name of a place, organisation, trigger or publication; a non-answer stays its code."""
        item = self.references.get(reference)
        return item.body.name if item else reference

    def person_name(self, person: str) -> str:
        """Return a person's preferred name or label."""
        item = self.people.get(person)
        return item.body.name if item else ""

    def own_names(self) -> list[str]:
        """Return every form of every name in the case, for what must not hold one."""
        return [form for person in self.people.values() for form in person.body.forms]


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case in the list, without names."""

    case: CaseItem
    incidents: tuple[IncidentItem, ...]
    acts: tuple[ActItem, ...]


@dataclass(frozen=True, slots=True)
class CaseList:
    """All cases, and the people who are named without a case."""

    lines: tuple[CaseLine, ...]
    people: tuple[PersonItem, ...]
    incidents: int
    acts: int
    consequences: int
    damaged: int


def record_of(case_id: UUID) -> str:
    """Return the record name of a case."""
    return f"case:{case_id}"


def open_case(session: Session, actor: Actor, session_id: bytes, case_id: UUID, *, now: datetime) -> None:
    """Open a case for an hour: one entry per member, case and opening.

    Raises:
        UnknownError: no such case.
        DamagedError: it does not match its seal or its entry.
    """
    case: CaseItem = open_one(session, actor, Case, case_id)
    if not has_lease(session, session_id, case.row.record, now):
        grant_lease(session, session_id, case.row.record, now)
        append(session, actor, "case.opened", now=now, about=case.row.record, details={"case": case.body.code})


def leased_case(session: Session, actor: Actor, session_id: bytes, case_id: UUID, *, now: datetime) -> CaseFile:
    """Return a case that this session has opened within the hour.

    Raises:
        UnknownError, NoLeaseError, DamagedError: as for a report.
    """
    if session.get(Case, case_id) is None:
        raise UnknownError
    if not has_lease(session, session_id, record_of(case_id), now):
        raise NoLeaseError
    return read_case(session, actor, case_id)


def read_case(session: Session, actor: Actor, case_id: UUID) -> CaseFile:
    """Return a case; the caller answers for its opening.

    Raises:
        UnknownError: no such case.
        DamagedError: it does not match its seal or its entry.
    """
    case: CaseItem = open_one(session, actor, Case, case_id)
    also = [UUID(item) for item in case.body.also]
    query = select(Incident).where(or_(Incident.case_id == case_id, Incident.id.in_(also)))
    incidents, lost_incidents = open_items(session, actor, Incident, list(session.scalars(query)))
    act_query = select(Act).where(Act.incident_id.in_([item.id for item in incidents]))
    acts, lost_acts = open_items(session, actor, Act, list(session.scalars(act_query)))
    people, lost_people = _people(session, actor, case_id, incidents, acts)
    references, lost = open_items(session, actor, Reference, list(session.scalars(select(Reference))))
    return CaseFile(
        case=case,
        incidents=tuple(in_time(incidents)),
        acts=_by_incident(acts),
        people={str(item.id): item for item in people},
        references={str(item.id): item for item in references},
        damaged=len(lost_incidents) + len(lost_acts) + lost_people + len(lost),
    )


def case_of_incident(session: Session, actor: Actor, incident_id: UUID) -> CaseItem:
    """Return the home of an incident.

    Raises:
        UnknownError, DamagedError: as `open_one`.
    """
    incident = session.get(Incident, incident_id)
    if incident is None:
        raise UnknownError
    item: CaseItem = open_one(session, actor, Case, incident.case_id)
    return item


def list_cases(session: Session, actor: Actor) -> CaseList:
    """Return every case as a line, by number."""
    cases, lost_cases = open_items(session, actor, Case, list(session.scalars(select(Case))))
    incidents, lost_incidents = open_items(session, actor, Incident, list(session.scalars(select(Incident))))
    acts, lost_acts = open_items(session, actor, Act, list(session.scalars(select(Act))))
    by_incident = _by_incident(acts)
    lines = []
    for case in sorted(cases, key=lambda item: item.body.number):
        own = in_time(item for item in incidents if item.row.case_id == case.id or str(item.id) in case.body.also)
        lines.append(CaseLine(case, tuple(own), tuple(act for item in own for act in by_incident.get(item.id, ()))))
    people = open_items(session, actor, Person, list(session.scalars(select(Person).where(Person.case_id.is_(None)))))
    return CaseList(
        lines=tuple(lines),
        people=tuple(sorted(people[0], key=lambda item: item.body.key)),
        incidents=len(incidents),
        acts=len(acts),
        consequences=sum(act.body.consequence for act in acts),
        damaged=len(lost_cases) + len(lost_incidents) + len(lost_acts) + len(people[1]),
    )


def references_of(session: Session, actor: Actor, kind: str) -> list[ReferenceItem]:
    """Return the references of one kind, by name."""
    found = [item for item in open_table(session, actor, Reference) if item.body.kind == kind]
    return sorted(found, key=lambda item: item.body.name)


def in_time(incidents: Iterable[IncidentItem]) -> list[IncidentItem]:
    """Sort incidents as intervals; those without a date last."""
    return sorted(incidents, key=lambda item: (order_of(item.body.date), item.body.key))


def _by_incident(acts: Iterable[ActItem]) -> dict[UUID, tuple[ActItem, ...]]:
    found: dict[UUID, list[ActItem]] = defaultdict(list)
    for act in acts:
        found[act.row.incident_id].append(act)
    return {incident: tuple(sorted(items, key=lambda item: (item.body.key, item.id.hex))) for incident, items in found.items()}


def _people(
    session: Session, actor: Actor, case_id: UUID, incidents: Iterable[IncidentItem], acts: Iterable[ActItem]
) -> tuple[list[PersonItem], int]:
    named = {UUID(person) for act in acts for person in act.body.victims}
    homes = {incident.row.case_id for incident in incidents} | {case_id}
    query = select(Person).where(or_(Person.case_id.in_(homes), Person.id.in_(named)))
    people, lost = open_items(session, actor, Person, list(session.scalars(query)))
    wanted = [item for item in people if item.row.case_id == case_id or item.id in named]
    return sorted(wanted, key=lambda item: (item.body.role != "exile", item.body.key, item.id.hex)), len(lost)
