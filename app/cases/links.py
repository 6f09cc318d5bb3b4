"""Link reports to incidents: suggestions with reasons, a person decides; each link is sealed at both ends (docs/formats.md §10)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.changes import NewIncident, NewPerson, add_incident, create_case, names_in
from app.cases.dates import FuzzyDate, parse
from app.cases.files import CaseFile, case_of_incident, leased_case
from app.cases.records import CaseItem, IncidentItem, PersonItem, ReferenceBody, open_items, open_one, open_table, save
from app.cases.vocabulary import vocabulary
from app.errors import ConflictError, MalformedError, NamedError, UnknownError
from app.ledger.append import Actor, append
from app.matching.suggest import Clues, Code, Person, Profile, Suggestion, suggest
from app.reports import triage
from app.reports.calendar import day_of
from app.reports.records import Opened
from app.reports.states import IN_WORK, may_go
from app.store import cases
from app.store.reports import ReportState
from app.vault.mailbox import ReportBody

BANDS: Final = ("likely", "possible", "look")
SAME_EVENT: Final = "supports"
CERTAIN: Final = "certain"
Verdict = Literal["agrees", "differs", "open", "missing"]
_SHOWN: Final = 8
_NO_TOWN: Final = ("country", "facility")
_NO_RELATION: Final = ("unknown", "unsaid", "same")
_OPEN_ENDED: Final = ("before", "after")
_ROLES: Final[dict[str, Literal["exile", "relative"]]] = {"exile": "exile", "relative": "relative"}


@dataclass(frozen=True, slots=True)
class Suggested:
    """A case that a report may belong to.

    Attributes:
        case: the case.
        suggestion: why; `suggestion.different` are ids.
        incidents: how many it holds.
        acts: how many acts.
        different: codes of the cases in which the same words are another person's name.
        refused: who recorded that it is about somebody else, and on which day; None where nobody did.
    """

    case: CaseItem
    suggestion: Suggestion
    incidents: int
    acts: int
    different: tuple[str, ...]
    refused: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that a report and a case both may say: `open` where both say something and nothing follows from it.

    The values are words and codes as stored: names, places and dates as text, `relation` and `acts` as codes.
    """

    what: Literal["exile", "people", "place", "time", "acts", "relation"]
    verdict: Verdict
    report: tuple[str, ...]
    case: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A live link of a report."""

    case: CaseItem
    incident: IncidentItem
    type: str
    certainty: str
    by: str
    day: str


def suggestions_for(session: Session, actor: Actor, opened: Opened, body: ReportBody) -> list[Suggested]:
    """Return the cases that an opened report may belong to, best first, each with its reasons. Nothing is linked by this."""
    found = {str(item.id): item for item in open_table(session, actor, cases.Case)}
    profiles = _profiles(session, actor, found)
    counts = _counts(session)
    refused = {item["case"]: item for item in opened.work.refused}
    return [
        Suggested(
            found[item.case_id],
            item,
            *counts.get(item.case_id, (0, 0)),
            different=tuple(sorted(found[other].body.code for other in item.different)),
            refused=refused.get(item.case_id),
        )
        for item in suggest(clues_of(body), profiles)[:_SHOWN]
    ]


def all_cases(session: Session, actor: Actor) -> list[CaseItem]:
    """Return every case by its number: a person may know better than the matcher."""
    return sorted(open_table(session, actor, cases.Case), key=lambda item: int(item.body.number))


def compare(body: ReportBody, file: CaseFile) -> list[Compared]:
    """Hold a report beside a case. A difference is claimed only where it can be told: a town can lie in a named country."""
    clues, when = clues_of(body), _when(body.answers)
    (profile,) = profiles_of([file])
    reasons = [reason for found in suggest(clues, [profile]) for reason in found.reasons]
    words: dict[tuple[Code, str], tuple[str, ...]] = {}
    for reason in reasons:
        words[reason.code, reason.sign] = (*words.get((reason.code, reason.sign), ()), reason.detail)
    exile = tuple(form for person in profile.people if person.role == "exile" for form in person.forms)
    others = [item.body for item in file.people.values() if item.body.role != "exile"]
    dates = [date for item in file.incidents if (date := item.body.date)]
    places = tuple(dict.fromkeys(file.name_of(place) for item in file.incidents for place in item.body.places if place in file.references))
    relation = clues.relation if clues.relation not in _NO_RELATION else None
    relations = tuple(sorted({person.relation for person in others if person.relation}))
    groups, acts = tuple(sorted(clues.groups)), tuple(sorted(profile.acts))

    def row(
        what: Literal["exile", "people", "place", "time", "acts", "relation"],
        report: Iterable[str],
        case: Iterable[str],
        *,
        same: bool,
        other: bool = False,
    ) -> Compared:
        mine, theirs = tuple(filter(None, report)), tuple(filter(None, case))
        verdict: Verdict = "agrees" if same else "missing" if not mine or not theirs else "differs" if other else "open"
        return Compared(what, verdict, mine, theirs)

    return [
        row(
            "exile",
            [clues.exile] if clues.exile else words.get((Code.NAME_EXILE, "="), ()),
            exile or [file.person_name(file.body.exile)],
            same=(Code.NAME_EXILE, "=") in words,
            other=(Code.NAME_EXILE, "≠") in words,
        ),
        row(
            "people",
            [clues.who] if clues.who else words.get((Code.NAME_RELATIVE, "="), ()),
            [person.name for person in others],
            same=(Code.NAME_RELATIVE, "=") in words,
        ),
        row(
            "place",
            [clues.where] if clues.where else words.get((Code.PLACE, "="), ()),
            places,
            same=(Code.PLACE, "=") in words,
        ),
        row(
            "time",
            [when.text] if when else [],
            dict.fromkeys(date.text for date in dates),
            same=when is not None and any(_is_bounded(date) and date.overlaps(when) for date in dates),
            other=when is not None and not any(date.overlaps(when) for date in dates),
        ),
        row("acts", groups, acts, same=bool(set(groups) & set(acts)), other=True),
        row(
            "relation",
            [relation] if relation else [],
            relations,
            same=(Code.RELATION, "=") in words,
            other=bool(reasons),
        ),
    ]


def clues_of(body: ReportBody) -> Clues:
    """Return what a report says that a case may also say."""
    given = body.answers
    return Clues(
        texts=tuple(str(given[field]) for field in ("text", "when", "by", "aim") if field in given),
        exile=str(given.get("exile", "")),
        who=str(given.get("who", "")),
        where=str(given.get("where", "")),
        relation=given.get("rel"),
        span=(when.earliest, when.latest) if (when := _when(given)) else None,
        groups=frozenset(given.get("kind", [])) - {"unsaid"},
    )


def links_of(session: Session, actor: Actor, opened: Opened) -> tuple[list[Link], int]:
    """Return the live links of a report, and how many more are damaged at their other end."""
    live = [item for item in opened.work.links if item["ended"] is None]
    rows = list(session.scalars(select(cases.Incident).where(cases.Incident.id.in_([UUID(item["incident"]) for item in live]))))
    incidents = {str(item.id): item for item in open_items(session, actor, cases.Incident, rows)[0]}
    homes = {row.case_id for row in rows}
    files = {item.id: item for item in open_items(session, actor, cases.Case, _cases(session, homes))[0]}
    found = [
        Link(files[incident.row.case_id], incident, item["type"], item["certainty"], item["by"], item["day"])
        for item in live
        if (incident := incidents.get(item["incident"])) and incident.row.case_id in files
    ]
    return found, len(live) - len(found)


def link(
    session: Session,
    actor: Actor,
    session_id: bytes,
    report_id: UUID,
    case_id: UUID,
    *,
    incidents: list[UUID],
    kind: str,
    certainty: str,
    version: int,
    now: datetime,
) -> list[IncidentItem]:
    """Link an opened report to incidents of an opened case; a report in work is accepted by its first link.

    What was suggested, with bands and scores, goes into the entry, also where it was not taken.

    Args:
        session: an open write transaction.
        actor: the owner of the report.
        session_id: the session that opened report and case.
        report_id: the report.
        case_id: the case.
        incidents: at least one of this case.
        kind: a code of `link_type`.
        certainty: a code of `certainty`.
        version: of the report, as the page showed it.
        now: aware UTC time.

    Returns:
        The incidents as they are now.

    Raises:
        MalformedError: no incident, or a code that does not exist.
        UnknownError: an incident is not in this case.
        ConflictError: already linked, the report is closed, or it changed meanwhile.
        TakenError, NoLeaseError, DamagedError: as elsewhere.
    """
    opened = _owned(session, actor, session_id, report_id, version, now)
    file = leased_case(session, actor, session_id, case_id, now=now)
    known = {item.id: item for item in file.incidents}
    incidents = list(dict.fromkeys(incidents))
    if not incidents or not vocabulary("link_type").accepts(kind) or not vocabulary("certainty").accepts(certainty):
        raise MalformedError
    if set(incidents) - set(known):
        raise UnknownError
    report, work = opened.report, opened.work
    live = {item["incident"] for item in work.links if item["ended"] is None}
    if live & {str(item) for item in incidents} or report.state not in (*IN_WORK, ReportState.ACCEPTED) or work.closing:
        raise ConflictError
    shown = suggestions_for(session, actor, opened, triage.open_text(actor, opened))
    band = next((item.suggestion.band for item in shown if item.case.id == case_id), None)
    for incident in incidents:
        entry = {"incident": str(incident), "type": kind, "certainty": certainty, "by": actor.member_id, "day": day_of(now)}
        work.links.append({**entry, "suggested": band, "ended": None})
    before, report.state, work.accepted_by = report.state, ReportState.ACCEPTED, work.accepted_by or actor.member_id
    details: dict[str, Any] = {
        "case": file.body.code,
        "incidents": len(incidents),
        "type": kind,
        "certainty": certainty,
        "suggested": [
            {"case": item.case.body.code, "band": item.suggestion.band, "score": item.suggestion.score, "refused": item.refused is not None}
            for item in shown
        ],
    }
    kind_of_entry = "report.linked"
    if may_go(before, ReportState.ACCEPTED, "report.accepted"):
        kind_of_entry, details["from"] = "report.accepted", before.value
    append(session, actor, kind_of_entry, now=now, row=triage.save_work(session, actor, opened), details=details)
    told = {"case": file.body.code, "what": "linked", "type": kind}
    for incident in incidents:
        item = known[incident]
        item.body.reports.append({"report": str(report_id), "type": kind, "certainty": certainty})
        save(session, actor, item.row, item.body, "incident.changed", now=now, details=told)
    return [known[incident] for incident in incidents]


def link_new_case(
    session: Session,
    actor: Actor,
    session_id: bytes,
    report_id: UUID,
    *,
    title: str,
    exile: NewPerson,
    incident: NewIncident,
    version: int,
    now: datetime,
) -> UUID:
    """Begin a case with what a report tells, and link the report to its first incident; returns the case's id.

    Args:
        session: an open write transaction.
        actor: the owner of the report.
        session_id: the session that opened the report; the case is open to it afterwards.
        report_id: the report.
        title: of the case; it is shown in lists and holds no name.
        exile: the person abroad.
        incident: what happened, with its first act.
        version: of the report, as the page showed it.
        now: aware UTC time.

    Raises:
        NamedError: the title holds a name that is typed beside it.
        MalformedError, ConflictError, TakenError, NoLeaseError, DamagedError: as `create_case`, `add_incident` and `link`.
    """
    if incident.act.other is not None and names_in(title, incident.act.other.forms):
        raise NamedError
    case_id = create_case(session, actor, session_id, title=title, exile=exile, now=now).id
    first = add_incident(session, actor, session_id, case_id, new=incident, now=now)
    link(
        session,
        actor,
        session_id,
        report_id,
        case_id,
        incidents=[first],
        kind=SAME_EVENT,
        certainty=CERTAIN,
        version=version,
        now=now,
    )
    return case_id


def unlink(
    session: Session, actor: Actor, session_id: bytes, report_id: UUID, incident_id: UUID, *, reason: str, version: int, now: datetime
) -> IncidentItem:
    """Take a link back, with a reason; the report keeps the trace, and goes back to triage when it was the last one.

    Returns:
        The incident as it is now.

    Raises:
        MalformedError: no reason, or too long.
        ConflictError: there is no such live link, or the report changed meanwhile.
        TakenError, NoLeaseError, DamagedError: as elsewhere.
    """
    if not reason.strip() or len(reason) > triage.MAX_REASON:
        raise MalformedError
    opened = _owned(session, actor, session_id, report_id, version, now)
    work, report = opened.work, opened.report
    one = next((item for item in work.links if item["incident"] == str(incident_id) and item["ended"] is None), None)
    if one is None or report.state is not ReportState.ACCEPTED:
        raise ConflictError
    one["ended"] = {"by": actor.member_id, "day": day_of(now), "reason": reason}
    if all(item["ended"] for item in work.links):
        report.state, work.accepted_by = ReportState.IN_TRIAGE, ""
    incident: IncidentItem = open_one(session, actor, cases.Incident, incident_id)
    code = case_of_incident(session, actor, incident_id).body.code
    details = {"case": code, "to": report.state.value}
    append(session, actor, "report.unlinked", now=now, row=triage.save_work(session, actor, opened), details=details)
    incident.body.reports = [item for item in incident.body.reports if item["report"] != str(report_id)]
    save(session, actor, incident.row, incident.body, "incident.changed", now=now, details={"case": code, "what": "unlinked"})
    return incident


def withdraw(
    session: Session, actor: Actor, session_id: bytes, report_id: UUID, *, reason: str, version: int, now: datetime
) -> list[IncidentItem]:
    """Withdraw a report for its source, and end its links at both ends.

    Returns:
        The incidents it was linked to, as they are now.

    Raises:
        MalformedError, ConflictError, TakenError, NoLeaseError, DamagedError: as `app.reports.triage.withdraw`.
    """
    found = []
    for incident_id in triage.withdraw(session, actor, session_id, report_id, reason=reason, version=version, now=now):
        incident: IncidentItem = open_one(session, actor, cases.Incident, incident_id)
        code = case_of_incident(session, actor, incident_id).body.code
        incident.body.reports = [item for item in incident.body.reports if item["report"] != str(report_id)]
        save(session, actor, incident.row, incident.body, "incident.changed", now=now, details={"case": code, "what": "unlinked"})
        found.append(incident)
    return found


def refuse(session: Session, actor: Actor, session_id: bytes, report_id: UUID, case_id: UUID, *, version: int, now: datetime) -> None:
    """Record that a suggested case is about somebody else.

    Raises:
        ConflictError: it is recorded or linked already, or the report changed meanwhile.
        UnknownError: no such case.
        TakenError, NoLeaseError, DamagedError: as elsewhere.
    """
    opened = _owned(session, actor, session_id, report_id, version, now)
    case: CaseItem = open_one(session, actor, cases.Case, case_id)
    if any(item["case"] == str(case_id) for item in opened.work.refused):
        raise ConflictError
    if any(item.case.id == case_id for item in links_of(session, actor, opened)[0]):
        raise ConflictError
    shown = suggestions_for(session, actor, opened, triage.open_text(actor, opened))
    one = next((item.suggestion for item in shown if item.case.id == case_id), None)
    band, score = (one.band, one.score) if one else ("", 0)
    opened.work.refused.append({"case": str(case_id), "band": band, "by": actor.member_id, "day": day_of(now)})
    details = {"case": case.body.code, "band": band, "score": score}
    append(session, actor, "suggestion.refused", now=now, row=triage.save_work(session, actor, opened), details=details)


def profiles_of(files: list[CaseFile]) -> list[Profile]:
    """Return what the matcher may know of these cases."""
    return [
        _profile(
            file.case,
            file.people.values(),
            file.incidents,
            {act.body.type[:3] for _, act in file.all_acts},
            {key: item.body for key, item in file.references.items()},
        )
        for file in files
    ]


def _profiles(session: Session, actor: Actor, found: dict[str, CaseItem]) -> list[Profile]:
    people: dict[str, list[PersonItem]] = {}
    for person in open_table(session, actor, cases.Person):
        people.setdefault(str(person.row.case_id), []).append(person)
    references = {str(item.id): item.body for item in open_table(session, actor, cases.Reference)}
    incidents: dict[str, list[IncidentItem]] = {}
    home = {}
    for incident in open_table(session, actor, cases.Incident):
        incidents.setdefault(str(incident.row.case_id), []).append(incident)
        home[incident.id] = str(incident.row.case_id)
    groups: dict[str, set[str]] = {}
    for act in open_table(session, actor, cases.Act):
        groups.setdefault(home.get(act.row.incident_id, ""), set()).add(act.body.type[:3])
    return [_profile(case, people.get(key, []), incidents.get(key, []), groups.get(key, set()), references) for key, case in found.items()]


def _profile(
    case: CaseItem,
    people: Iterable[PersonItem],
    incidents: Iterable[IncidentItem],
    groups: set[str],
    references: Mapping[str, ReferenceBody],
) -> Profile:
    people, incidents = list(people), list(incidents)
    dates = [when for item in incidents if (when := item.body.date)]
    places = {place for item in incidents for place in item.body.places}
    parties = {party for item in people if item.body.role == "exile" for party in item.body.affiliation}
    towns = [key for key in places if key in references and references[key].details.get("kind") not in _NO_TOWN]
    return Profile(
        case_id=str(case.id),
        code=case.body.code,
        people=tuple(
            Person(str(item.id), tuple(item.body.forms), _ROLES.get(item.body.role, "other"), item.body.relation) for item in people
        ),
        places=_spellings(references, towns),
        spans=tuple((when.earliest, when.latest) for when in dates),
        acts=frozenset(groups),
        affiliations=_spellings(references, parties),
    )


def _spellings(references: Mapping[str, ReferenceBody], keys: Iterable[str]) -> tuple[str, ...]:
    """Return all names of some references, without what a data set adds in brackets."""
    found = [references[key] for key in keys if key in references]
    return tuple(sorted({form.partition(" (")[0] for item in found for form in (item.name, *item.variants)}))


def _counts(session: Session) -> dict[str, tuple[int, int]]:
    home, counts = {}, dict[str, tuple[int, int]]()
    for incident_id, case_id in session.execute(select(cases.Incident.id, cases.Incident.case_id)):
        home[incident_id] = str(case_id)
        incidents, acts = counts.get(str(case_id), (0, 0))
        counts[str(case_id)] = (incidents + 1, acts)
    for incident_id in session.scalars(select(cases.Act.incident_id)):
        incidents, acts = counts.get(home.get(incident_id, ""), (0, 0))
        counts[home.get(incident_id, "")] = (incidents, acts + 1)
    return counts


def _cases(session: Session, ids: set[UUID]) -> list[cases.Case]:
    return list(session.scalars(select(cases.Case).where(cases.Case.id.in_(ids))))


def _owned(session: Session, actor: Actor, session_id: bytes, report_id: UUID, version: int, now: datetime) -> Opened:
    opened = triage.owned(session, actor, session_id, report_id, now=now)
    if opened.report.version != version:
        raise ConflictError
    return opened


def _when(given: dict[str, Any]) -> FuzzyDate | None:
    parts = [str(given[name]).strip().zfill(width) for name, width in (("year", 4), ("month", 2), ("day", 2)) if name in given]
    try:
        return parse("-".join(parts)) if "year" in given else None
    except MalformedError:
        return None


def _is_bounded(when: FuzzyDate) -> bool:
    return when.precision not in _OPEN_ENDED
