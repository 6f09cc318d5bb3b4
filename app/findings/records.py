"""What a finding holds, how it is opened and saved, and what its signers see (docs/formats.md §11)."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.files import CaseFile
from app.cases.records import ActItem, IncidentItem, PersonItem, read_body
from app.cases.vocabulary import vocabulary
from app.errors import DamagedError, MalformedError
from app.findings import levels
from app.findings.states import LEVEL
from app.ledger.append import Actor, RowVersion, append
from app.ledger.read import check_row, find_changed
from app.ledger.rows import OpenedRow, open_rows, save_row
from app.reports.queue import ref_of as ref_of_record
from app.store.cases import Finding
from app.vault.encoding import from_b64, from_jcs, to_b64, to_jcs
from app.vault.statement import snapshot_digest

ANSWERS: Final = ("plausible", "fits_pattern", "agency")
_READ_BY_LEVEL: Final = ("about", "material", "treatment")
_SALT: Final = 32
_MINOR: Final = ("yes", "probable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a level follows from: as it was typed, or as signers saw it.

    A statement is {`who`, `how`, `publication`, `report`, `interest`, `access`, `grading`}; its `grading` has the fields of
    `levels.Statement`, where reliability and credibility may still be None and origin empty. A contradiction is {`about`, `reading_a`,
    `source_a`, `reading_b`, `source_b`, `material`, `treatment`, `why`}; about, material and treatment may still be None. So may answers.
    """

    statements: Sequence[dict[str, Any]]
    answers: Mapping[str, bool | None]
    contradictions: Sequence[dict[str, Any]]


@dataclass(slots=True)
class Round:
    """One proposal and what was said to it; `snapshot` is exactly what its signers saw.

    A comment is {`by`, `day`, `text`, `reason`}; a review signs a digest of its text.
    """

    snapshot: str
    salt: str
    signatures: list[dict[str, str]] = field(default_factory=list)
    comments: list[dict[str, str]] = field(default_factory=list)

    @property
    def seen(self) -> dict[str, Any]:
        """What the signers saw."""
        return from_jcs(from_b64(self.snapshot))

    @property
    def digest(self) -> str:
        """The commitment that the signed bytes carry."""
        return snapshot_digest(from_b64(self.salt, _SALT), from_b64(self.snapshot))


@dataclass(slots=True)
class FindingBody:
    """The work on one act: statements, answers, what speaks for and against, and every round of signatures."""

    assessor: str
    confirm: str = ""
    refute: str = ""
    statements: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, bool | None] = field(default_factory=lambda: dict.fromkeys(ANSWERS))
    contradictions: list[dict[str, Any]] = field(default_factory=list)
    speaks_for: str = ""
    speaks_against: str = ""
    reasoning: str = ""
    standard: str | None = None
    decision: str = LEVEL
    reviewer: str = ""
    rounds: list[Round] = field(default_factory=list)
    trail: list[dict[str, str]] = field(default_factory=list)


Answered: TypeAlias = Given | FindingBody


@dataclass(frozen=True, slots=True)
class FindingItem:
    """An opened finding."""

    row: Finding
    body: FindingBody
    version: RowVersion

    @property
    def id(self) -> UUID:
        """Its id."""
        return self.row.id

    @property
    def round(self) -> Round | None:
        """The newest round."""
        return self.body.rounds[-1] if self.body.rounds else None


def open_findings(session: Session, actor: Actor, act_ids: Sequence[UUID]) -> tuple[dict[UUID, FindingItem], set[UUID]]:
    """Return the findings of many acts, and the acts whose finding is damaged."""
    rows = list(session.scalars(select(Finding).where(Finding.act_id.in_(act_ids))))
    opened = open_rows(session, actor, rows)
    changed = find_changed(session, actor, [item.version for item in opened.values() if item is not None])
    found, damaged = dict[UUID, FindingItem](), set[UUID]()
    for row in rows:
        item = opened[row.id]
        made = None if item is None or item.version.record in changed else _item_or_none(row, item)
        if made is None:
            damaged.add(row.act_id)
        else:
            found[row.act_id] = made
    return found, damaged


def all_findings(session: Session, actor: Actor) -> tuple[dict[UUID, FindingItem], set[UUID]]:
    """Return every finding by its act, and the acts whose finding is damaged."""
    return open_findings(session, actor, list(session.scalars(select(Finding.act_id))))


def open_finding(session: Session, actor: Actor, act_id: UUID) -> FindingItem | None:
    """Return the finding on an act, proven against the ledger; None while nobody took the act.

    Raises:
        DamagedError: it does not match its seal or its entry.
    """
    row = session.scalars(select(Finding).where(Finding.act_id == act_id)).one_or_none()
    if row is None:
        return None
    opened = open_rows(session, actor, [row])[row.id]
    item = _item_or_none(row, opened) if opened else None
    if item is None:
        raise DamagedError
    check_row(session, actor, item.version)
    return item


def item_of(opened: OpenedRow, row: Finding) -> FindingItem:
    """Make a finding of an opened row.

    Raises:
        DamagedError: it holds something else.
    """
    item = _item_or_none(row, opened)
    if item is None:
        raise DamagedError
    return item


def save_finding(
    session: Session, actor: Actor, row: Finding, body: FindingBody, kind: str, *, now: datetime, details: dict[str, Any]
) -> RowVersion:
    """Save a finding as its next version with its entry.

    Raises:
        MalformedError: it has grown beyond the largest size.
    """
    version = save_row(session, actor, row, asdict(body))
    append(session, actor, kind, now=now, row=version, details=details)
    return version


def is_graded(statement: Mapping[str, Any]) -> bool:
    """Whether a statement says who speaks, from where they know it, and how it is graded."""
    grading = statement["grading"]
    return bool(statement["who"].strip() and grading["origin"] and grading["reliability"] and grading["credibility"])


def is_treated(contradiction: Mapping[str, Any]) -> bool:
    """Whether a contradiction says what it is about, whether it matters, and what was done about it."""
    return all(contradiction[name] is not None for name in _READ_BY_LEVEL)


def inputs_of(given: Answered) -> levels.Inputs | None:
    """Return what the level is computed from; None while something is missing, or one origin has two households."""
    is_whole = all(map(is_graded, given.statements)) and all(map(is_treated, given.contradictions))
    if not is_whole or any(given.answers.get(name) is None for name in ANSWERS):
        return None
    try:
        return levels.Inputs.from_value(
            {
                "statements": [item["grading"] for item in given.statements],
                "contradictions": [{name: item[name] for name in _READ_BY_LEVEL} for item in given.contradictions],
                **{name: given.answers[name] for name in ANSWERS},
            }
        )
    except MalformedError:
        return None


def given_of(seen: Mapping[str, Any]) -> Given:
    """Return what the level of a snapshot follows from."""
    return Given(statements=seen["statements"], answers=seen["answers"], contradictions=seen["contradictions"])


def outcome_of(given: Answered) -> levels.Outcome | None:
    """Return the computed level; None while it cannot be computed."""
    inputs = inputs_of(given)
    return levels.compute(inputs) if inputs else None


def torn_origins(statements: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Return the origins that have two households, among statements of which some may lack a grade."""
    known = [item["grading"] for item in statements if item["grading"]["origin"]]
    ungraded = {"reliability": levels.RELIABILITIES[-1], "credibility": levels.CREDIBILITIES[-1]}
    return levels.torn_origins(levels.Statement(**{**grading, **ungraded}) for grading in known)


def needs_protection(file: CaseFile, incident: IncidentItem, act: ActItem) -> bool:
    """Whether a protection officer has to sign: sexual violence, or somebody who is or may be a minor."""
    return is_protected(facts_of(file, incident, act))


def is_protected(facts: Mapping[str, Any]) -> bool:
    """Whether these facts of an act need a protection officer; a person whose record is damaged may be a minor.

    Where a minor was there, somebody whose age is not stated may be that minor; only *no* for each victim says otherwise.
    """
    term = vocabulary("act").by_code.get(facts["type"])
    is_sexual = term is None or term.sexual or facts["sensitive"] is not None
    minors = [person["minor"] for person in facts["victims"]]
    was_there = facts["incident_minor"] in _MINOR and not (minors and all(minor == "no" for minor in minors))
    return is_sexual or was_there or any(minor in _MINOR for minor in minors)


def ref_of(incident: IncidentItem, act: ActItem) -> str:
    """Return the short name of an act that people say aloud."""
    if incident.body.key and act.body.key:
        return f"{incident.body.key}·{act.body.key}"
    return f"{act.id}"[:8]


def facts_of(file: CaseFile, incident: IncidentItem, act: ActItem) -> dict[str, Any]:
    """Return what the records say of an act, in words and codes that can be read without them."""
    return {
        "id": str(act.id),
        "ref": ref_of(incident, act),
        "type": act.body.type,
        "when": act.body.when or incident.body.when,
        "when_basis": "" if act.body.when else incident.body.when_basis,
        "places": [file.name_of(place) for place in incident.body.places],
        "incident": incident.body.title,
        "incident_minor": incident.body.minor,
        "sensitive": incident.body.sensitive,
        "victims": [_person(file.people.get(key)) for key in act.body.victims],
        "perpetrators": [file.name_of(item) for item in act.body.perpetrators],
        "by": act.body.by,
        "words": act.body.words,
        "consequence": act.body.consequence,
        "details": act.body.details,
        "open": incident.body.open,
    }


def take_snapshot(file: CaseFile, incident: IncidentItem, act: ActItem, body: FindingBody, *, level: str | None, rule: str | None) -> Round:
    """Freeze everything that the signers will see."""
    facts = facts_of(file, incident, act)
    seen = {
        "case": file.body.code,
        "act": facts,
        "confirm": body.confirm,
        "refute": body.refute,
        "statements": [{**item, "cites": _cites(file, item)} for item in body.statements],
        "answers": {name: body.answers.get(name) for name in ANSWERS},
        "contradictions": body.contradictions,
        "speaks_for": body.speaks_for,
        "speaks_against": body.speaks_against,
        "reasoning": body.reasoning,
        "standard": body.standard,
        "decision": body.decision,
        "level": level,
        "rule": rule,
        "protection": is_protected(facts),
    }
    return Round(snapshot=to_b64(to_jcs(seen)), salt=to_b64(secrets.token_bytes(_SALT)))


def grades_of(given: Answered) -> list[str]:
    """Return the Admiralty pairs of the statements that have one, such as `C3`."""
    return [f"{item['grading']['reliability']}{item['grading']['credibility']}" for item in given.statements if is_graded(item)]


def _person(item: PersonItem | None) -> dict[str, Any]:
    if item is None:
        return {"code": "", "name": "", "relation": None, "sex": None, "minor": _MINOR[-1], "group": False}
    body = item.body
    return {
        "code": body.key or ref_of_record(item.id),
        "name": body.label if body.minor in _MINOR else body.name,
        "relation": body.relation,
        "sex": body.sex,
        "minor": body.minor,
        "group": body.group,
    }


def _cites(file: CaseFile, statement: Mapping[str, Any]) -> dict[str, str] | None:
    """Return which publication or report a statement is found in, in words."""
    if statement["report"]:
        return {"report": ref_of_record(UUID(statement["report"]))}
    item = file.references.get(statement["publication"] or "")
    if item is None:
        return None
    details = item.body.details
    return {
        "key": item.body.key,
        "title": item.body.name,
        "publisher": str(details.get("publisher", "")),
        "date": str(details.get("date") or ""),
    }


def _item_or_none(row: Finding, item: OpenedRow) -> FindingItem | None:
    try:
        body = read_body(FindingBody, item.value)
        body.rounds = [Round(**one) for one in item.value["rounds"]]
    except (MalformedError, TypeError):
        return None
    return FindingItem(row, body, item.version)
