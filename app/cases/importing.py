"""Import published incidents: a cited data set becomes cases, people, incidents and acts, each sealed and with its entry.

What the article leaves open stays open, what it does not state stays *not stated*, and no minor is named.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from app.cases.dates import parse
from app.cases.records import ActBody, CaseBody, IncidentBody, PersonBody, ReferenceBody, open_table, save
from app.cases.vocabulary import vocabulary
from app.errors import ConflictError, MalformedError
from app.ledger.append import Actor, append
from app.store.cases import Act, Case, Incident, Person, Reference, SealedRow

_KINDS: Final = {
    "sources": "publication",
    "places": "place",
    "organisations": "organisation",
    "trigger_events": "trigger",
    "stage_events_against_exiles": "stage_event",
    "patterns_not_incidents": "pattern",
}
_NAMES: Final = ("title", "name", "text", "measure")
_HANDLED: Final = frozenset({"type", "victims", "perpetrators", "is_consequence", "words", "owner"})


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought in."""

    cases: int
    incidents: int
    acts: int
    consequences: int
    people: int
    publications: int


@dataclass(slots=True)
class _Ids:
    """Key of the data set → id of the record."""

    people: dict[str, str] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    cases: dict[str, UUID] = field(default_factory=dict)
    incidents: dict[str, UUID] = field(default_factory=dict)


def published() -> dict[str, Any]:
    """Return the data set that the program carries, with its citation in `about`."""
    data: dict[str, Any] = json.loads(resources.files("app.cases").joinpath("published.json").read_text("utf-8"))
    return data


def import_published(session: Session, actor: Actor, data: Mapping[str, Any], *, now: datetime) -> Imported:
    """Import a data set once, in one transaction.

    Args:
        session: an open write transaction.
        actor: a member who holds the team secret.
        data: of the shape of `published.json`; a block `external_leads` is never looked at.
        now: aware UTC time.

    Raises:
        ConflictError: a case of this data set is there already.
        MalformedError: it names what it does not hold, or a code that the vocabularies do not hold.
    """
    try:
        return _import(session, actor, data, now)
    except (KeyError, TypeError, AttributeError):
        raise MalformedError from None


def _import(session: Session, actor: Actor, data: Mapping[str, Any], now: datetime) -> Imported:
    known = open_table(session, actor, Case)
    exiles = sorted({key for incident in data["incidents"] for key in incident["exile"]})
    if {item.body.key for item in known} & set(exiles):
        raise ConflictError
    ids, first = _Ids(), max((item.body.number for item in known), default=0) + 1
    people = {person["id"]: person for person in data["people"]}
    ids.people = {key: str(uuid4()) for key in people}
    ids.cases = {key: uuid4() for key in exiles}
    ids.incidents = {incident["id"]: uuid4() for incident in data["incidents"]}
    for block, kind in _KINDS.items():
        for item in data[block]:
            _reference(session, actor, ids, kind, item, now)
    codes = {}
    for number, key in enumerate(exiles, start=first):
        also = [str(ids.incidents[item["id"]]) for item in data["incidents"] if key in item["exile"][1:]]
        case = CaseBody(number=number, title=_title(people[key]), exile=ids.people[key], key=key, also=also)
        case.distinct = _distinct(data, people, key, ids, actor, now)
        codes[key] = case.code
        _save(session, actor, Case(id=ids.cases[key], owner=None), case, "case.created", now, {"case": case.code})
    for person in people.values():
        _person(session, actor, ids, person, data, codes, now)
    acts: Counter[bool] = Counter()
    for incident in data["incidents"]:
        acts += _incident(session, actor, ids, incident, codes[incident["exile"][0]], now)
    found = Imported(
        cases=len(exiles),
        incidents=len(data["incidents"]),
        acts=acts.total(),
        consequences=acts[True],
        people=len(people),
        publications=len(data["sources"]),
    )
    details = {"cases": found.cases, "incidents": found.incidents, "acts": found.acts, "people": found.people}
    append(session, actor, "dataset.imported", now=now, details=details)
    return found


def _reference(session: Session, actor: Actor, ids: _Ids, kind: str, item: Mapping[str, Any], now: datetime) -> None:
    row = Reference(id=uuid4())
    ids.references[item["id"]] = str(row.id)
    name = next(str(item[field]) for field in _NAMES if field in item)
    rest = {key: value for key, value in item.items() if key not in ("id", "variants", *_NAMES) and value is not None}
    if kind == "trigger":
        rest["kind"] = _code("trigger", item["kind"])
    body = ReferenceBody(kind, name, key=item["id"], variants=list(item.get("variants", [])), details=_plain(rest))
    _save(session, actor, row, body, "reference.created", now, {"kind": kind})


def _person(
    session: Session,
    actor: Actor,
    ids: _Ids,
    person: Mapping[str, Any],
    data: Mapping[str, Any],
    codes: Mapping[str, str],
    now: datetime,
) -> None:
    key, home = person["id"], person["id"] if person["role"] == "exile" else person.get("relation_to", "")
    minor = {True: "yes", "probable, ages not stated": "probable"}.get(person.get("minor", False))
    is_named = not person.get("name_withheld") and not person.get("group") and not minor
    variants = next((list(item["forms"]) for item in data["name_variants"] if item["person"] == key), [])
    name = _given(person["name"])
    body = PersonBody(
        role=person["role"],
        label=person["name"] if not is_named else "",
        key=key,
        forms=list(dict.fromkeys([name, *variants])) if is_named else [],
        sex=_code("sex", person.get("sex")),
        relation=_code("relation", person.get("relation")),
        relation_to=ids.people[person["relation_to"]] if "relation_to" in person else None,
        minor=minor,
        group=bool(person.get("group")),
        age=str(person.get("age", "")),
        affiliation=[ids.references[item] for item in person.get("affiliation", [])],
        affiliation_status=_code("affiliation_status", person.get("affiliation_status")),
        category=_code("exile_category", person.get("exile_category")),
        host=list(person.get("host", [])),
        reason=person.get("reason", ""),
        occupation=person.get("occupation", person.get("position", "")),
        note="; ".join(str(person[field]) for field in ("legal", "note", "uncertain") if field in person),
    )
    row = Person(id=UUID(ids.people[key]), case_id=ids.cases.get(home))
    details = {"role": body.role} | ({"case": codes[home]} if home in codes else {})
    _save(session, actor, row, body, "person.created", now, details)


def _incident(session: Session, actor: Actor, ids: _Ids, item: Mapping[str, Any], case: str, now: datetime) -> Counter[bool]:
    row = Incident(id=ids.incidents[item["id"]], case_id=ids.cases[item["exile"][0]])
    date = parse(item["date"])
    body = IncidentBody(
        title=item["title"],
        key=item["id"],
        when=date.text if date else None,
        when_basis=item["date_basis"],
        places=[ids.references[place] for place in item["place"]],
        trigger=ids.references[item["trigger"]] if item["trigger"] else None,
        also_triggers=[ids.references[key] for key in item.get("also_triggers", [])],
        trigger_link=_code("trigger_link", item["trigger_link"]),
        demand=_code("leverage_demand", item["leverage_demand"]),
        outcome=_code("outcome_exile", item["outcome_exile"]),
        outcome_detail=item.get("outcome_detail", ""),
        publications=[ids.references[key] for key in item["source_basis"]["sources"]],
        basis=_code("basis", item["source_basis"]["basis"]),
        follows=str(ids.incidents[item["follows"]]) if "follows" in item else None,
        minor="yes" if item.get("contains_minor") else None,
        sensitive=item.get("sensitive"),
        open=list(item["uncertain"]),
        quote=item["quote"],
    )
    _save(session, actor, row, body, "incident.created", now, {"case": case, "incident": item["id"]})
    counted: Counter[bool] = Counter()
    for number, act in enumerate(item["acts"], start=1):
        is_consequence = bool(act.get("is_consequence"))
        made = ActBody(
            type=str(_code("act", act["type"])),
            key=str(number),
            victims=[ids.people[key] for key in act["victims"]],
            organisation=ids.references[act["owner"]] if "owner" in act else None,
            perpetrators=[ids.references[key] for key in act["perpetrators"]],
            when=None,
            consequence=is_consequence,
            words=act.get("words", ""),
            details={key: _words(value, ids) for key, value in act.items() if key not in _HANDLED},
        )
        details = {"case": case, "act": f"{item['id']}·{number}", "type": made.type}
        _save(session, actor, Act(id=uuid4(), incident_id=row.id), made, "act.created", now, details)
        counted[is_consequence] += 1
    return counted


def _distinct(
    data: Mapping[str, Any], people: Mapping[str, Mapping[str, Any]], exile: str, ids: _Ids, actor: Actor, now: datetime
) -> list[dict[str, str]]:
    """Keep what the data set says of people who share a name and are not one person."""
    found = []
    for trap in data.get("dedup_traps", []):
        pair = trap["records"]
        if trap["must"] != "not_merge" or set(pair) - set(people):
            continue
        for mine, other in (pair, pair[::-1]):
            home = mine if people[mine]["role"] == "exile" else people[mine].get("relation_to")
            if home == exile:
                day = now.date().isoformat()
                found.append({"person": ids.people[mine], "other": ids.people[other], "by": actor.member_id, "day": day})
    return found


def _title(exile: Mapping[str, Any]) -> str:
    """Name a case without a name: code, and what is known in codes."""
    category = exile.get("exile_category")
    what = vocabulary("exile_category").term(category).label["en"] if category else ""
    return f"Exile ({exile['id']}){', ' + what[:1].lower() + what[1:] if what else ''}"


def _given(name: str) -> str:
    """Take a name without what the data set adds in brackets."""
    return name.partition(" (")[0]


def _code(name: str, word: str | None) -> str | None:
    """Return our code for a word of the data set; None where it states nothing.

    Raises:
        MalformedError: the vocabulary knows no such word.
    """
    return None if word is None else vocabulary(name).read(word)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, list) and all(isinstance(item, str) for item in value) else str(value)
        for key, value in values.items()
    }


def _words(value: Any, ids: _Ids) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(str(item) for item in value if item not in ids.people)
    return str(value)


def _save(session: Session, actor: Actor, row: SealedRow, body: Any, kind: str, now: datetime, details: dict[str, Any]) -> None:
    save(session, actor, row, body, kind, now=now, details=details)
