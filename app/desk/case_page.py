"""What the page of a case shows, made of its records: nothing is guessed, and what nobody stated is said to be not stated."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.cases.changes import STATES as STEPS
from app.cases.dates import order_of, parse, parts
from app.cases.files import PLACE, CaseFile
from app.cases.records import ActItem, CaseItem, IncidentBody, IncidentItem, PersonItem, open_table
from app.cases.vocabulary import WORDS, vocabulary
from app.desk import case_labels as labels
from app.desk import drawings
from app.desk.case_labels import begin, non_answer, say, still_open
from app.desk.case_names import Names, code_of, names_of
from app.desk.dates import when_text
from app.findings.records import FindingItem, open_findings, ref_of
from app.findings.signatures import is_borne, judge_round
from app.findings.states import SIGNED, WAITING
from app.i18n.text import day_text, ngettext
from app.i18n.text import gettext as _
from app.ledger.append import Actor
from app.matching.names import blocks, same_given_only
from app.matching.names import parts as name_parts
from app.reports.queue import ref_of as record_ref
from app.store.cases import Case, FindingState, Person
from app.vault.manifest import Chain

_HAS_LEVEL: Final = frozenset({*SIGNED, *WAITING, FindingState.DISPUTED})
_MINOR: Final = ("yes", "probable")


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that one showing of a case needs.

    Attributes:
        file: the case.
        names: how to speak of people.
        findings: act → state of its finding; None where it is damaged. An act that nobody took has none.
        cells: act → how its finding is shown.
        cases: all cases by their ids.
        members: member id → display name.
    """

    file: CaseFile
    names: Names
    findings: Mapping[UUID, FindingState | None]
    cells: Mapping[UUID, dict[str, Any]]
    cases: Mapping[UUID, CaseItem]
    members: Mapping[str, str]

    @property
    def acts(self) -> list[tuple[IncidentItem, ActItem]]:
        """Every act with its incident."""
        return self.file.all_acts

    def ref(self, incident: IncidentItem) -> str:
        """Return the short name of an incident."""
        return incident.body.key or record_ref(incident.id)

    def refs(self, incidents: Iterable[IncidentItem]) -> str:
        """Return the short names of several."""
        return ", ".join(sorted({self.ref(item) for item in incidents}))

    def reference(self, key: str) -> str:
        """Return the name of what a record refers to, or the words for a non-answer."""
        if key in WORDS:
            return non_answer(key)
        item = self.file.references.get(key)
        return self.names.text(item.body.name) if item else _("damaged record")


def look_at(session: Session, actor: Actor, file: CaseFile, members: Mapping[str, str], *, shown: bool) -> Sight:
    """Gather what belongs to the showing of an opened case."""
    acts = [act.id for _, act in file.all_acts]
    opened, lost = open_findings(session, actor, acts)
    findings = {key: item.row.state if is_borne(actor.chain, item) else None for key, item in opened.items()} | dict.fromkeys(lost)
    cells = {key: _cell(actor.chain, opened.get(key), findings.get(key, FindingState.UNASSESSED)) for key in acts}
    cases: list[CaseItem] = open_table(session, actor, Case)
    everybody: list[PersonItem] = open_table(session, actor, Person)
    names = names_of(file, everybody, shown=shown)
    return Sight(file, names, findings, cells, {item.id: item for item in cases}, members)


def values_of(sight: Sight) -> dict[str, Any]:
    """Return what the template shows."""
    file, row = sight.file, sight.file.case.row
    people = [_person_row(sight, key, item) for key, item in file.people.items()]
    return {
        "id": row.id,
        "version": row.version,
        "code": file.body.code,
        "title": sight.names.text(file.body.title),
        "state": {"text": begin(say("case_state", row.state.value)), "kind": labels.STATES[row.state]},
        "priority": say("priority", file.body.priority) if file.body.priority else _("not set"),
        "urgent": file.body.priority == "urgent",
        "owner": sight.members.get(row.owner) if row.owner else None,
        "chips": _chips(sight),
        "counts": _counts(sight),
        "damaged": file.damaged + sum(state is None for state in sight.findings.values()),
        "stakes": _stakes(sight),
        "facts": _facts(sight),
        "time": _timeline(sight),
        "people": people,
        "graph": _graph(people),
        "apart": _apart(sight),
        "questions": _questions(sight),
        "publications": _publications(sight),
        "basis": _basis(sight),
        "reports": _reports(sight),
        "findings": _tally(sight),
        "acts": len(sight.acts),
        "moves": [{"to": to.value, "text": str(labels.MOVES[to])} for before, to in STEPS if before is row.state],
    }


def choices_of(sight: Sight) -> dict[str, list[dict[str, str]]]:
    """Return what the forms offer beside the vocabularies: people, incidents and places of the records, and pairs of one given name."""
    file = sight.file
    places = sorted((item for item in file.references.values() if item.body.kind == PLACE), key=lambda item: item.body.name)
    return {
        "people": [{"value": key, **sight.names.who(key)} for key in file.people],
        "incidents": [{"value": str(item.id), "text": f"{sight.ref(item)}: {item.body.title}"} for item in file.incidents],
        "places": [{"value": str(item.id), "text": item.body.name} for item in places],
        "pairs": _pairs(sight),
    }


def is_confirmed(chain: Chain, item: FindingItem) -> bool:
    """Whether two people signed a level and nobody took it back."""
    return item.row.state is FindingState.CONFIRMED and is_borne(chain, item)


def _cell(chain: Chain, item: FindingItem | None, state: FindingState | None) -> dict[str, Any]:
    """Say where the finding on an act stands; what its signatures do not bear is damaged."""
    if state is None:
        return {"text": _("damaged"), "kind": "hot", "level": None}
    text, kind = labels.FINDINGS[state]
    if item is None or item.round is None or state not in _HAS_LEVEL:
        return {"text": str(text), "kind": kind, "level": None}
    verdict = judge_round(chain, item, item.round)
    if state in WAITING:
        many = len(verdict.signers) + len(verdict.missing)
        words = _("%(state)s, %(num)d of %(many)d signed", state=text, num=len(verdict.signers), many=many)
    else:
        words = ngettext("%(state)s, %(num)d person", "%(state)s, %(num)d people", verdict.people, state=text)
    return {"text": words, "kind": kind, "level": verdict.level, "words": say("level", verdict.level)}


def _chips(sight: Sight) -> list[dict[str, str]]:
    kinds = {labels.STAKES[act.body.type][0] for _, act in sight.acts if _open_for(sight, act)}
    people = [item.body for item in sight.file.people.values()]
    is_minor = any(person.minor in _MINOR for person in people) or any(item.body.minor in _MINOR for item in sight.file.incidents)
    is_sexual = any(vocabulary("act").term(act.body.type).sexual for _, act in sight.acts) or any(
        item.body.sensitive for item in sight.file.incidents
    )
    found = [
        (labels.MISSING in kinds, _("Missing"), "risk"),
        (labels.HELD in kinds, _("Held"), "care"),
        (is_sexual, _("Sexual violence"), "care"),
        (is_minor, _("Minor"), "care"),
    ]
    return [{"text": text, "kind": kind} for is_so, text, kind in found if is_so]


def _counts(sight: Sight) -> str:
    acts = [act for _, act in sight.acts]
    after = sum(act.body.consequence for act in acts)
    found = [
        ngettext("%(num)d incident", "%(num)d incidents", len(sight.file.incidents)),
        ngettext("%(num)d act", "%(num)d acts", len(acts)),
        ngettext("%(num)d person", "%(num)d people", len(sight.file.people)),
    ]
    if after:
        found.append(ngettext("%(num)d act is a consequence", "%(num)d acts are consequences", after))
    return ", ".join(found)


def _open_for(sight: Sight, act: ActItem) -> list[str]:
    """Return the victims for whom nothing says that an act has ended; `""` where nobody is named and no end is stated."""
    ended = act.body.details.get("ended")
    people = [(key, sight.file.people.get(key)) for key in act.body.victims]
    open_to = [key for key, item in people if still_open(act.body.type, ended, item.body.whereabouts if item else None)]
    return open_to if people else [""] * still_open(act.body.type, ended, None)


def _stakes(sight: Sight) -> list[dict[str, Any]]:
    """Say what acts began and nothing ended; the missing first. Acts that say the same of the same people are said once."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for incident, act in sight.acts:
        victims = _open_for(sight, act)
        if not victims:
            continue
        kind, words = labels.STAKES[act.body.type]
        when = act.body.when or incident.body.when
        one = {
            "kind": kind,
            "who": [sight.names.who(key) for key in victims if key],
            "body": sight.reference(act.body.organisation) if act.body.organisation else "",
            "text": str(words),
            "when": when_text(when),
            "ref": sight.ref(incident),
            "by_nobody": not act.body.perpetrators and act.body.by is None,
        }
        found.setdefault((kind, words, tuple(victims), act.body.organisation, when, incident.id), one)
    order = [labels.MISSING, labels.HELD]
    return sorted(found.values(), key=lambda one: order.index(one["kind"]) if one["kind"] in order else len(order))


def _facts(sight: Sight) -> list[dict[str, Any]]:
    file = sight.file
    item = file.people.get(file.body.exile)
    if item is None:
        return [{"label": _("Who"), "lines": [_("damaged record")], "who": None}]
    exile = item.body
    groups = [sight.reference(key) for key in exile.affiliation]
    if groups:
        groups[-1] += f" ({say('affiliation_status', exile.affiliation_status)})"
    about = [say("sex", exile.sex), say("exile_category", exile.category), *([exile.occupation] if exile.occupation else [])]
    demands = [(say("leverage_demand", one.body.demand), one) for one in file.incidents if one.body.demand is not None]
    outcomes = [
        (say("outcome_exile", one.body.outcome) + (f": {one.body.outcome_detail}" if one.body.outcome_detail else ""), one)
        for one in file.incidents
        if one.body.outcome is not None
    ]
    rows = [
        (_("Belongs to"), groups),
        (_("Lives in"), [labels.country_text(host) for host in exile.host]),
        (_("Reason for leaving"), [sight.names.text(exile.reason)] if exile.reason else []),
        (_("Wanted of them"), _by_words(sight, demands)),
        (_("Trigger"), [f"{one['short']} ({one['note']})" for one in _triggers(sight)]),
        (_("Outcome"), [sight.names.text(line) for line in _by_words(sight, outcomes)]),
    ]
    who = {"label": _("Who"), "lines": [sight.names.text("; ".join(about))], "who": sight.names.who(file.body.exile)}
    return [who, *({"label": label, "lines": lines or [non_answer(None)], "who": None} for label, lines in rows)]


def _by_words(sight: Sight, pairs: Iterable[tuple[str, IncidentItem]]) -> list[str]:
    """Return each text once, with the incidents that say it."""
    found: dict[str, list[IncidentItem]] = {}
    for words, incident in pairs:
        found.setdefault(words, []).append(incident)
    return [f"{words} ({sight.refs(incidents)})" for words, incidents in found.items()]


def _timeline(sight: Sight) -> dict[str, Any]:
    """Lay incidents, triggers and the outcome along one axis."""
    triggers = _triggers(sight)
    groups = [*triggers, *(group for incident in sight.file.incidents for group in _incident_groups(sight, incident))]
    groups.sort(key=lambda group: (*order_of(group["date"]), group["kind"] == "incident"))
    axis = drawings.axis_for(group["date"] for group in groups)
    groups.append(_outcome(sight))
    for group in groups:
        group["mark"] = drawings.mark(axis, group["date"]) if axis else None
        group["when"] = when_text(group["date"].text if group["date"] else None)
    shaded = drawings.bands(axis, [group["date"] for group in triggers]) if axis else ""
    return {"axis": _axis(axis, shaded) if axis else None, "groups": groups}


def _axis(axis: drawings.Axis, bands: str) -> dict[str, Any]:
    is_monthly = axis.step < drawings.STEPS[3]
    ticks = zip(axis.ticks, drawings.label_years(axis.ticks), strict=True)
    return {
        "ticks": [
            {"month": day_text(tick.isoformat(), "LLL") if is_monthly else "", "year": str(tick.year) if says or not is_monthly else ""}
            for tick, says in ticks
        ],
        "grid": axis.grid,
        "bands": bands,
        "first": day_text(axis.ticks[0].isoformat(), "LLLL y"),
        "last": day_text(axis.end.isoformat(), "LLLL y"),
    }


def _triggers(sight: Sight) -> list[dict[str, Any]]:
    found: dict[str, list[IncidentItem]] = {}
    for incident in sight.file.incidents:
        for key in (*([incident.body.trigger] if incident.body.trigger else []), *incident.body.also_triggers):
            found.setdefault(key, []).append(incident)
    groups: list[dict[str, Any]] = []
    for key, incidents in found.items():
        item = sight.file.references.get(key)
        details: Mapping[str, Any] = item.body.details if item else {}
        what = [say("trigger", details.get("kind"))] if item else [_("damaged record")]
        links = [say("trigger_link", one.body.trigger_link) for one in incidents if one.body.trigger == key]
        groups.append(
            {
                "kind": "trigger",
                "date": parse(details.get("date")),
                "short": ", ".join(what + ([when_text(details["date"])] if "date" in details else [])),
                "title": sight.reference(key),
                "ref": item.body.key if item else "",
                "note": "; ".join(dict.fromkeys(links)) or _("named beside another trigger"),
                "refs": sight.refs(incidents),
                "rows": [],
            }
        )
    return groups


def _outcome(sight: Sight) -> dict[str, Any]:
    pairs = [(say("outcome_exile", one.body.outcome), one) for one in sight.file.incidents if one.body.outcome is not None]
    return {"kind": "outcome", "date": None, "title": _("Outcome for the exile"), "note": "; ".join(_by_words(sight, pairs)), "rows": []}


def _incident_groups(sight: Sight, incident: IncidentItem) -> list[dict[str, Any]]:
    """Return one group per date: acts mostly have that of their incident."""
    body, file = incident.body, sight.file
    homes = {item.body.code for item in sight.cases.values() if item.id == incident.row.case_id or str(incident.id) in item.body.also}
    earlier = next((item for item in file.incidents if str(item.id) == body.follows), None)
    common = {
        "kind": "incident",
        "title": sight.names.text(body.title),
        "ref": sight.ref(incident),
        "places": [sight.reference(place) for place in body.places] or [_("place not stated")],
        "follows": sight.ref(earlier) if earlier else "",
        "also": sorted(homes - {file.body.code}),
    }
    acts = file.acts.get(incident.id, ())
    if not acts:
        return [{**common, "date": body.date, "basis": _basis_of_date(sight, body, body.when), "rows": []}]
    return [
        {
            **common,
            "date": parse(when),
            "basis": _basis_of_date(sight, body, when),
            "rows": [_act_row(sight, incident, act) for act in group],
        }
        for when, group in groupby(acts, key=lambda act: act.body.when or body.when)
    ]


def _basis_of_date(sight: Sight, body: IncidentBody, when: str | None) -> str:
    """Say why a date is no more exact; of a day or month that is known it is left to the finding."""
    return sight.names.text(body.when_basis) if when == body.when and parts(parse(when)).frame != "on" else ""


def _act_row(sight: Sight, incident: IncidentItem, act: ActItem) -> dict[str, Any]:
    body = act.body
    by = [sight.reference(key) for key in body.perpetrators] or [say("perpetrator", body.by)]
    return {
        "id": act.id,
        "label": begin(say("act", body.type)),
        "consequence": body.consequence,
        "words": sight.names.text(body.words),
        "ref": ref_of(incident, act),
        "whom": [sight.names.who(key) for key in body.victims],
        "body": sight.reference(body.organisation) if body.organisation else "",
        "by": "; ".join(by),
        "details": [
            (str(labels.DETAILS.get(name, name.replace("_", " "))), _detail(sight, name, value))
            for name, value in body.details.items()
            if value
        ],
        "finding": sight.cells[act.id],
    }


def _detail(sight: Sight, name: str, value: str) -> str:
    return say("outcome_relative", value) if name == "ended" else sight.names.text(value)


def _person_row(sight: Sight, key: str, item: PersonItem) -> dict[str, Any]:
    body = item.body
    now = [] if body.whereabouts is None else [say("whereabouts", body.whereabouts)]
    for _incident, act in sight.acts:
        if key in _open_for(sight, act):
            now.append(str(labels.STAKES[act.body.type][1]))
        elif key in act.body.victims and act.body.type == "CON_FLIGHT" and body.whereabouts is None:
            now.append(say("whereabouts", "fled"))
    notes = [body.occupation, body.age and _("age: %(age)s", age=body.age), body.note]
    who, kin = sight.names.who(key), sight.names.kin(item)
    return {
        **who,
        "short": who["name"] if body.forms or body.group or not body.relation else kin,
        "exile": body.role == "exile",
        "kin": kin,
        "minor": say("yes_no", body.minor) if body.minor in _MINOR else "",
        "forms": body.forms[1:] if sight.names.shown and body.minor not in _MINOR else [],
        "now": "; ".join(dict.fromkeys(now)) or non_answer(None),
        "missing": any(act.body.type == "LIB_DISAPPEAR" and key in _open_for(sight, act) for _incident, act in sight.acts),
        "note": sight.names.text("; ".join(filter(None, notes))),
    }


def _graph(people: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Draw up to a dozen people; of more the table says it better."""
    exile = next((one for one in people if one["exile"]), None)
    others = [one for one in people if one is not exile]
    if exile is None or not 0 < len(others) <= drawings.MOST_PEOPLE:
        return None
    made = drawings.tree(len(others))
    boxes = [
        {
            "top": leaf.top,
            "edge": leaf.edge,
            "head": f"{drawings.clip(begin(one['short']), drawings.MOST_LETTERS - len(one['code']) - 3)} ({one['code']})",
            "foot": drawings.clip(f"{one['relation']}; {one['now']}" if one["relation"] else one["now"], drawings.MOST_SMALL),
            "missing": one["missing"],
        }
        for leaf, one in zip(made.leaves, others, strict=True)
    ]
    return {"height": made.height, "root": made.root, "boxes": boxes, "code": exile["code"]}


def _apart(sight: Sight) -> list[dict[str, Any]]:
    """Return the records that two people of one name are two, kept here or in the other case."""
    own = sight.file.people
    found: dict[frozenset[str], dict[str, Any]] = {}
    for case in sorted(sight.cases.values(), key=lambda item: item.id != sight.file.case.id):
        for entry in case.body.distinct:
            pair = (entry["person"], entry["other"]) if entry["person"] in own else (entry["other"], entry["person"])
            if pair[0] in own:
                by, day = sight.members.get(entry["by"], ""), day_text(entry["day"])
                found.setdefault(frozenset(pair), {"mine": sight.names.who(pair[0]), "other": _other(sight, pair[1]), "by": by, "day": day})
    return list(found.values())


def _pairs(sight: Sight) -> list[dict[str, str]]:
    """Return who of this case shares a given name, and nothing else, with somebody elsewhere, and is not recorded to be another person."""
    told = {frozenset((one["person"], one["other"])) for case in sight.cases.values() for one in case.body.distinct}
    own = {key: (item, _sounds(item)) for key, item in sight.file.people.items()}
    found = []
    for other, theirs in sight.names.people.items():
        heard = _sounds(theirs) if other not in own else frozenset()
        for mine, (item, sounds) in own.items():
            if not sounds & heard or frozenset((mine, other)) in told:
                continue
            if any(same_given_only(one, two) for one in item.body.forms for two in theirs.body.forms):
                text = f"{sight.names.who(mine)['name']} ({code_of(item)}) ≠ {_other(sight, other)}"
                found.append({"value": f"{mine} {other}", "text": text})
    return found


def _sounds(item: PersonItem) -> frozenset[str]:
    """Return the keys under which the parts of somebody's names are looked up: most pairs need no closer comparison."""
    return frozenset(key for form in item.body.forms for part in name_parts(form) for key in blocks(part, loose=True))


def _other(sight: Sight, key: str) -> str:
    """Say who somebody of another case is, without a name."""
    item = sight.names.people.get(key)
    if item is None:
        return _("damaged record")
    case = sight.cases.get(item.row.case_id) if item.row.case_id else None
    home = case.body.code if case else _("no case")
    return f"{code_of(item)}, {labels.relation_text(item.body)}, {home}"


def _questions(sight: Sight) -> dict[str, Any]:
    left = [
        {"text": sight.names.text(begin(text)), "ref": sight.ref(incident)}
        for incident in sight.file.incidents
        for text in incident.body.open
    ]
    own = [
        {
            "at": at,
            "text": sight.names.text(item["text"]),
            "by": sight.members.get(item["by"], ""),
            "day": day_text(item["day"]),
            "closed": day_text(item["closed"]) if item["closed"] else "",
        }
        for at, item in enumerate(sight.file.body.questions)
    ]
    asked = [item for item in own if not item["closed"]]
    return {"left": left, "asked": asked, "closed": [item for item in own if item["closed"]], "many": len(left) + len(asked)}


def _publications(sight: Sight) -> dict[str, Any]:
    """Return what was published, its origin and what it speaks to. A title leads to a name, so it is hidden with the names."""
    found: dict[str, list[IncidentItem]] = {}
    for incident in sight.file.incidents:
        for key in incident.body.publications:
            found.setdefault(key, []).append(incident)
    rows = []
    for key, incidents in found.items():
        item = sight.file.references.get(key)
        details: Mapping[str, Any] = item.body.details if item else {}
        origin = str(details.get("origin", ""))
        title = item.body.name if item else _("damaged record")
        rows.append(
            {
                "title": title if sight.names.shown else begin(say("source_material", _material(details.get("kind")))),
                "ref": item.body.key if item else "",
                "publisher": str(details.get("publisher", "")),
                "when": when_text(details["date"]) if details.get("date") else "",
                "origin": str(labels.ORIGINS.get(origin) or details.get("publisher") or origin or non_answer(None)),
                "from": origin or key,
                "speaks": sight.refs(incidents),
            }
        )
    return {"rows": rows, "origins": len({row["from"] for row in rows})}


def _material(kind: Any) -> str | None:
    words = vocabulary("source_material")
    return words.imports.get(str(kind), str(kind)) if str(kind) in {*words.imports, *words.by_code} else None


def _basis(sight: Sight) -> list[str]:
    return _by_words(sight, ((say("basis", incident.body.basis), incident) for incident in sight.file.incidents))


def _reports(sight: Sight) -> list[dict[str, Any]]:
    """Return the reports that are linked, one row per report and way of linking."""
    found: dict[tuple[str, str, str], list[IncidentItem]] = {}
    for incident in sight.file.incidents:
        for link in incident.body.reports:
            found.setdefault((link["report"], link["type"], link["certainty"]), []).append(incident)
    return [
        {
            "id": UUID(report),
            "ref": record_ref(UUID(report)),
            "type": say("link_type", kind),
            "certainty": say("certainty", certainty),
            "speaks": sight.refs(incidents),
        }
        for (report, kind, certainty), incidents in found.items()
    ]


def _tally(sight: Sight) -> str:
    """Count the acts by the state of their findings, in the order in which work goes on."""
    states = Counter(sight.findings.get(act.id, FindingState.UNASSESSED) for _, act in sight.acts)
    found = [f"{states[state]} {words}" for state, (words, _kind) in labels.FINDINGS.items() if states[state]]
    return ", ".join([*found, *([_("%(num)d damaged", num=states[None])] if states[None] else [])])
