"""Write cases: create, add people, incidents and acts, ask questions, tell people apart, move. Each is an entry.

What comes from a form may come twice: a new record has its id from the form, and what is already so is not done again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.cases.dates import parse
from app.cases.files import PLACE, CaseFile, leased_case, record_of, references_of
from app.cases.records import (
    ActBody,
    CaseBody,
    CaseItem,
    IncidentBody,
    PersonBody,
    ReferenceBody,
    open_table,
    save,
)
from app.cases.vocabulary import UNKNOWN, UNSAID, vocabulary
from app.errors import ConflictError, MalformedError, NamedError, UnknownError
from app.ledger.append import Actor
from app.matching.names import alike, parts
from app.reports.calendar import day_of
from app.reports.queue import grant_lease
from app.store.cases import Act, Case, CaseState, Incident, Person, Reference, SealedRow

MAX_LINE: Final = 200
MAX_TEXT: Final = 4_000
MAX_FORMS: Final = 12
MAX_OPEN: Final = 20
_LIKE: Final = 0.85  # near enough to be the name; what only may be it (State, Saidov) stays allowed

STATES: Final = (
    (CaseState.OPEN, CaseState.MONITORING),
    (CaseState.OPEN, CaseState.CLOSED),
    (CaseState.MONITORING, CaseState.CLOSED),
    (CaseState.MONITORING, CaseState.OPEN),
    (CaseState.CLOSED, CaseState.REOPENED),
    (CaseState.REOPENED, CaseState.MONITORING),
    (CaseState.REOPENED, CaseState.CLOSED),
)


@dataclass(frozen=True, slots=True)
class NewPerson:
    """What somebody typed about a person; empty is *not stated*. A minor has no forms of a name."""

    id: UUID = field(default_factory=uuid4)
    forms: tuple[str, ...] = ()
    label: str = ""
    relation: str | None = None
    sex: str | None = None
    minor: str | None = None
    affiliation_status: str | None = None
    category: str | None = None
    whereabouts: str | None = None


@dataclass(frozen=True, slots=True)
class NewAct:
    """What somebody typed about an act: `victims` are people of the case, `other` is somebody new.

    `ended`, a code of `outcome_relative`, is kept among its details.
    """

    type: str
    id: UUID = field(default_factory=uuid4)
    victims: tuple[str, ...] = ()
    other: NewPerson | None = None
    by: str | None = None
    when: str | None = None
    words: str = ""
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class NewIncident:
    """What somebody typed about an incident and its first act; `new_place` is the name of a place that may not be recorded yet."""

    title: str
    act: NewAct
    id: UUID = field(default_factory=uuid4)
    when: str | None = None
    place: str | None = None
    new_place: str = ""
    demand: str | None = None
    trigger_link: str | None = None
    minor: str | None = None
    open: tuple[str, ...] = field(default=())


def create_case(
    session: Session, actor: Actor, session_id: bytes, *, title: str, exile: NewPerson, now: datetime, case_id: UUID | None = None
) -> CaseItem:
    """Begin a case for one exile, open to this session; with the id of a case that is there, return that one.

    Raises:
        NamedError: the title holds a name of the exile.
        MalformedError: no title, nobody named or described, or a code that the vocabularies do not hold.
        NoLeaseError, DamagedError: as `leased_case`, when the case is there.
    """
    if case_id is not None and session.get(Case, case_id) is not None:
        return leased_case(session, actor, session_id, case_id, now=now).case
    if names_in(title, exile.forms):
        raise NamedError  # every list shows the title
    numbers = [item.body.number for item in open_table(session, actor, Case)]
    number = max(*numbers, session.scalar(select(func.count()).select_from(Case)) or 0, 0) + 1  # a damaged case keeps its number
    case, person = Case(id=case_id or uuid4(), owner=actor.member_id), Person(id=exile.id)
    person.case_id = case.id
    who = _person(exile, "exile")
    body = CaseBody(number=number, title=line(title), exile=str(person.id))
    save(session, actor, case, body, "case.created", now=now, details={"case": body.code})
    save(session, actor, person, who, "person.created", now=now, details={"case": body.code, "role": "exile"})
    grant_lease(session, session_id, record_of(case.id), now)
    return leased_case(session, actor, session_id, case.id, now=now).case


def add_incident(session: Session, actor: Actor, session_id: bytes, case_id: UUID, *, new: NewIncident, now: datetime) -> UUID:
    """Record an incident with its first act; returns its id.

    Raises:
        MalformedError: no title, an impossible date, an unknown code, or a person of another case.
        UnknownError, NoLeaseError, DamagedError: as `leased_case`.
    """
    file = leased_case(session, actor, session_id, case_id, now=now)
    if _is_there(session, Incident, new.id):
        return new.id
    date, place = parse(new.when), _place(session, actor, file, new, now)
    body = IncidentBody(
        title=line(new.title),
        when=date.text if date else None,
        places=[place] if place else [],
        demand=code("leverage_demand", new.demand),
        trigger_link=code("trigger_link", new.trigger_link),
        minor=code("yes_no", new.minor),
        open=[line(item) for item in new.open if item.strip()],
    )
    if len(body.open) > MAX_OPEN:
        raise MalformedError
    incident = Incident(id=new.id, case_id=case_id)
    save(session, actor, incident, body, "incident.created", now=now, details={"case": file.body.code})
    _add_act(session, actor, file, incident.id, new.act, now)
    return incident.id


def add_act(session: Session, actor: Actor, session_id: bytes, case_id: UUID, incident_id: UUID, *, new: NewAct, now: datetime) -> UUID:
    """Record a further act of an incident; returns its id.

    Raises:
        UnknownError: the incident is not in this case.
        MalformedError, NoLeaseError, DamagedError: as `add_incident`.
    """
    file = leased_case(session, actor, session_id, case_id, now=now)
    if incident_id not in {item.id for item in file.incidents}:
        raise UnknownError
    if _is_there(session, Act, new.id):
        return new.id
    return _add_act(session, actor, file, incident_id, new, now)


def add_person(session: Session, actor: Actor, session_id: bytes, case_id: UUID, *, new: NewPerson, now: datetime) -> UUID:
    """Record a relative or somebody near to the exile; returns their id.

    Raises:
        MalformedError, UnknownError, NoLeaseError, DamagedError: as `add_incident`.
    """
    file = leased_case(session, actor, session_id, case_id, now=now)
    if _is_there(session, Person, new.id):
        return new.id
    return _add_person(session, actor, file, new, now)


def add_place(session: Session, actor: Actor, *, name: str, now: datetime) -> UUID:
    """Record a place by its name; returns its id, or that of a place which has this name or variant already.

    Raises:
        MalformedError: no name, or too long.
    """
    wanted = line(name).casefold()
    for item in references_of(session, actor, PLACE):
        if wanted in (form.casefold() for form in (item.body.name, *item.body.variants)):
            return item.id
    row = Reference(id=uuid4())
    save(session, actor, row, ReferenceBody(PLACE, line(name)), "reference.created", now=now, details={"kind": PLACE})
    return row.id


def ask(session: Session, actor: Actor, session_id: bytes, case_id: UUID, *, text: str, version: int, now: datetime) -> None:
    """Write down an open question; one that is open already is not asked again.

    Raises:
        ConflictError: the case changed meanwhile.
        MalformedError, UnknownError, NoLeaseError, DamagedError: as `add_incident`.
    """
    file, question = leased_case(session, actor, session_id, case_id, now=now), line(text)
    if any(item["text"] == question and not item["closed"] for item in file.body.questions):
        return
    _check_version(file, version)
    file.body.questions.append({"text": question, "by": actor.member_id, "day": day_of(now), "closed": ""})
    _save_case(session, actor, file, "question", now)


def close_question(session: Session, actor: Actor, session_id: bytes, case_id: UUID, *, at: int, version: int, now: datetime) -> None:
    """Close an open question; it stays in the case.

    Raises:
        ConflictError: there is no such question, or the case changed meanwhile.
        UnknownError, NoLeaseError, DamagedError: as `ask`.
    """
    file = leased_case(session, actor, session_id, case_id, now=now)
    if not 0 <= at < len(file.body.questions):
        raise ConflictError
    if file.body.questions[at]["closed"]:
        return
    _check_version(file, version)
    file.body.questions[at]["closed"] = day_of(now)
    _save_case(session, actor, file, "answer", now)


def tell_apart(
    session: Session, actor: Actor, session_id: bytes, case_id: UUID, *, person: UUID, other: UUID, version: int, now: datetime
) -> None:
    """Record that a person of this case and one of another are two people.

    Raises:
        UnknownError: one of them does not exist, the first is not of this case, or the second is.
        ConflictError, NoLeaseError, DamagedError: as `ask`.
    """
    file = leased_case(session, actor, session_id, case_id, now=now)
    if str(person) not in file.people or str(other) in file.people or session.get(Person, other) is None:
        raise UnknownError
    if any((item["person"], item["other"]) == (str(person), str(other)) for item in file.body.distinct):
        return
    _check_version(file, version)
    file.body.distinct.append({"person": str(person), "other": str(other), "by": actor.member_id, "day": day_of(now)})
    _save_case(session, actor, file, "distinct", now)


def move_case(session: Session, actor: Actor, session_id: bytes, case_id: UUID, *, to: CaseState, version: int, now: datetime) -> None:
    """Move a case to another state; `STATES` lists the steps.

    Raises:
        ConflictError: there is no such step, or the case changed meanwhile.
        UnknownError, NoLeaseError, DamagedError: as `leased_case`.
    """
    file = leased_case(session, actor, session_id, case_id, now=now)
    before = file.case.row.state
    if before is to:
        return
    _check_version(file, version)
    if (before, to) not in STATES:
        raise ConflictError
    file.case.row.state = to
    details = {"case": file.body.code, "from": before.value, "to": to.value}
    save(session, actor, file.case.row, file.body, "case.moved", now=now, details=details)


def set_priority(session: Session, actor: Actor, session_id: bytes, case_id: UUID, *, priority: str, version: int, now: datetime) -> None:
    """Set how pressing a case is; the empty text takes it back.

    Raises:
        MalformedError: no such priority.
        ConflictError, UnknownError, NoLeaseError, DamagedError: as `ask`.
    """
    file, wanted = leased_case(session, actor, session_id, case_id, now=now), code("priority", priority)
    if file.body.priority == wanted:
        return
    _check_version(file, version)
    file.body.priority = wanted
    _save_case(session, actor, file, "priority", now)


def names_in(text: str, forms: Iterable[str]) -> bool:
    """Whether a text holds a part of one of these names, in any spelling or script."""
    words = parts(text)
    return any(alike(word, part) >= _LIKE for form in forms for part in parts(form) for word in words)


def line(text: str) -> str:
    """Return one tidy line.

    Raises:
        MalformedError: empty, too long or more than one line.
    """
    tidy = text.strip()
    if len(tidy) > MAX_LINE or len(tidy.splitlines()) != 1:
        raise MalformedError
    return tidy


def code(name: str, value: str | None) -> str | None:
    """Return a code of a vocabulary, or None for *not stated*.

    Raises:
        MalformedError: the vocabulary does not hold it.
    """
    if not value:
        return None
    if not vocabulary(name).accepts(value):
        raise MalformedError
    return value


def _check_version(file: CaseFile, version: int) -> None:
    if file.case.row.version != version:
        raise ConflictError


def _save_case(session: Session, actor: Actor, file: CaseFile, what: str, now: datetime) -> None:
    save(session, actor, file.case.row, file.body, "case.changed", now=now, details={"case": file.body.code, "what": what})


def _is_there(session: Session, table: type[SealedRow], row_id: UUID) -> bool:
    return session.get(table, row_id) is not None


def _place(session: Session, actor: Actor, file: CaseFile, new: NewIncident, now: datetime) -> str | None:
    """Return the chosen or named place, a non-answer, or None for not stated."""
    if new.new_place.strip():
        if new.place:
            raise MalformedError  # two answers to one question
        return str(add_place(session, actor, name=new.new_place, now=now))
    known = file.references.get(new.place or "")
    if new.place and new.place not in (UNKNOWN, UNSAID) and (known is None or known.body.kind != PLACE):
        raise MalformedError
    return new.place


def _add_act(session: Session, actor: Actor, file: CaseFile, incident_id: UUID, new: NewAct, now: datetime) -> UUID:
    term = vocabulary("act").by_code.get(new.type)
    if term is None or set(new.victims) - set(file.people) or len(new.words) > MAX_TEXT:
        raise MalformedError
    victims = list(dict.fromkeys(new.victims))
    if new.other is not None:
        victims.append(str(_add_person(session, actor, file, new.other, now)))
    date, ended = parse(new.when), code("outcome_relative", new.ended)
    body = ActBody(
        type=new.type,
        victims=victims,
        by=code("perpetrator", new.by),
        when=date.text if date else None,
        consequence=term.consequence,
        words=new.words.strip(),
        details={"ended": ended} if ended else {},
    )
    act = Act(id=new.id, incident_id=incident_id)
    save(session, actor, act, body, "act.created", now=now, details={"case": file.body.code, "type": new.type})
    return act.id


def _add_person(session: Session, actor: Actor, file: CaseFile, new: NewPerson, now: datetime) -> UUID:
    person = Person(id=new.id, case_id=file.case.id)
    body = _person(new, "relative")
    body.relation_to = file.body.exile
    save(session, actor, person, body, "person.created", now=now, details={"case": file.body.code, "role": body.role})
    return person.id


def _person(new: NewPerson, role: str) -> PersonBody:
    forms = [line(form) for form in new.forms if form.strip()]
    label = new.label.strip()
    is_minor = new.minor in ("yes", "probable")
    if len(forms) > MAX_FORMS or (not forms and not label and not new.relation) or (is_minor and forms):
        raise MalformedError  # a minor is never named
    return PersonBody(
        role=role,
        label=line(label) if label else "",
        forms=forms,
        sex=code("sex", new.sex),
        relation=code("relation", new.relation),
        minor=code("yes_no", new.minor),
        affiliation_status=code("affiliation_status", new.affiliation_status),
        category=code("exile_category", new.category),
        whereabouts=code("whereabouts", new.whereabouts),
    )
