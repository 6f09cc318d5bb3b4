"""Cases: the list without a name, one case after an opening, and the forms that change it. A GET never writes."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.cases import changes, files
from app.cases.changes import NewAct, NewIncident, NewPerson
from app.cases.dates import order_of, parse
from app.cases.files import CaseLine, leased_case
from app.cases.records import PersonItem, open_table
from app.desk import case_labels as labels
from app.desk.case_labels import begin, non_answer, say
from app.desk.case_names import code_of
from app.desk.case_page import choices_of, is_confirmed, look_at, values_of
from app.desk.dates import when_text
from app.desk.pages import bp, number, render
from app.errors import BusyError, MalformedError, NoLeaseError, PaivandError, RefusedError
from app.findings.records import FindingItem, all_findings
from app.findings.signatures import is_borne
from app.findings.states import WAITING
from app.i18n.text import gettext as _
from app.i18n.text import ngettext
from app.members.policy import Permission
from app.reports import answers, queue
from app.store.cases import Case, CaseState, Person
from app.web.deps import deps
from app.web.gate import allow
from app.web.refusals import refusal_for
from app.web.sessions import actor, head_keeper, signed_in
from app.web.staff import member_names

Typed = dict[str, Any]  # field → text, or texts where several can be chosen

_PERSON: Final = ("names", "label", "relation", "sex", "minor", "whereabouts")
_NEW: Final = tuple(f"new_{field}" for field in _PERSON)
_ACT: Final = ("type", "when", "victim", *_NEW, "by", "words", "ended")
# The page of a case is one form, so that no button loses what stands in another box: each part has its own prefix.
PARTS: Final[dict[str, tuple[str, ...]]] = {
    "incident": tuple(f"i_{field}" for field in ("title", "place", "new_place", *_ACT, "demand", "minor", "open")),
    "act": ("incident", *(f"a_{field}" for field in _ACT)),
    "person": tuple(f"p_{field}" for field in _PERSON),
    "question": ("question",),
    "apart": ("pair",),
}
CASE: Final = ("title", "names", "label", "category", "affiliation_status", "sex")
_MANY: Final = ("i_victim", "a_victim")
_VOCABULARIES: Final = {
    "relation": "relation",
    "sex": "sex",
    "minor": "yes_no",
    "whereabouts": "whereabouts",
    "by": "perpetrator",
    "ended": "outcome_relative",
    "demand": "leverage_demand",
    "category": "exile_category",
    "affiliation_status": "affiliation_status",
}


@bp.get("/cases")
@allow(Permission.VIEW_CASES)
def show_cases() -> ResponseReturnValue:
    """Show every case as a line, without a name, to a session that looked at the queue within the hour."""
    return _list_page()


@bp.post("/cases/look")
@allow(Permission.VIEW_CASES)
def look_cases() -> ResponseReturnValue:
    """Begin an hour of looking, as at the queue."""
    here = deps()
    queue.look(here.database, actor(), signed_in().keys.id, now=here.clock(), heads=head_keeper())
    return redirect(url_for("desk.show_cases"), 303)


@bp.post("/cases")
@allow(Permission.CHANGE_CASES)
def create_case() -> ResponseReturnValue:
    """Begin a case; the same form sent twice begins one."""
    typed = _typed(CASE)
    faults = _case_faults(typed)
    if faults:
        return _list_page(typed=typed, faults=faults, alert=_unsaved()), 422
    exile = NewPerson(
        forms=_lines(typed["names"]),
        label=typed["label"],
        category=typed["category"] or None,
        affiliation_status=typed["affiliation_status"] or None,
        sex=typed["sex"] or None,
    )
    here = deps()
    try:
        with here.database.write() as session:
            case = changes.create_case(
                session, actor(), signed_in().keys.id, title=typed["title"], exile=exile, now=here.clock(), case_id=_new_id(typed)
            )
    except (RefusedError, MalformedError, BusyError) as error:
        return _list_page(typed=typed, alert=_alert(error)), refusal_for(error).status
    return redirect(url_for("desk.show_case", case_id=case.id), 303)


@bp.post("/cases/<uuid:case_id>/open")
@allow(Permission.VIEW_CASES)
def open_case(case_id: UUID) -> ResponseReturnValue:
    """Open a case for an hour; the opening is an entry. What was typed when the last hour was over comes back."""
    here, typed = deps(), _typed(*PARTS.values())
    try:
        with here.database.write() as session:
            files.open_case(session, actor(), signed_in().keys.id, case_id, now=here.clock())
    except (RefusedError, BusyError) as error:
        return _refused(case_id, typed, error)
    if any(typed.values()):
        return _page(case_id, typed=typed, alert={"kind": "note", "text": _("What you typed is still here, not saved yet.")})
    return redirect(url_for("desk.show_case", case_id=case_id), 303)


@bp.get("/cases/<uuid:case_id>")
@allow(Permission.VIEW_CASES)
def show_case(case_id: UUID) -> ResponseReturnValue:
    """Show a case that this session has opened; with `?names=off`, codes and relations instead of names."""
    try:
        return _page(case_id)
    except NoLeaseError:
        return _shut(case_id, {}), 403


@bp.post("/cases/<uuid:case_id>/incidents")
@allow(Permission.CHANGE_CASES)
def add_incident(case_id: UUID) -> ResponseReturnValue:
    """Record an incident with its first act."""
    typed = _typed(PARTS["incident"])
    faults = _act_faults(typed, "i_")
    if not typed["i_title"].strip():
        faults["i_title"] = _("Say in a few words what happened.")
    if typed["i_place"] and typed["i_new_place"].strip():
        faults["i_new_place"] = _("Choose a place or name a new one, not both.")

    def act(session: Session) -> None:
        new = NewIncident(
            title=typed["i_title"],
            act=_new_act(typed, "i_"),
            id=_new_id(typed),
            when=typed["i_when"].strip() or None,
            place=typed["i_place"] or None,
            new_place=typed["i_new_place"],
            demand=typed["i_demand"] or None,
            minor=typed["i_minor"] or None,
            open=_lines(typed["i_open"]),
        )
        changes.add_incident(session, actor(), signed_in().keys.id, case_id, new=new, now=deps().clock())

    return _do(case_id, act, "incident", faults)


@bp.post("/cases/<uuid:case_id>/acts")
@allow(Permission.CHANGE_CASES)
def add_act(case_id: UUID) -> ResponseReturnValue:
    """Record a further act of an incident."""
    typed = _typed(PARTS["act"])
    faults = _act_faults(typed, "a_")
    incident = _uuid(typed["incident"])
    if incident is None:
        faults["incident"] = _("Choose the incident that it belongs to.")

    def act(session: Session) -> None:
        new = _new_act(typed, "a_", is_first=False)
        changes.add_act(session, actor(), signed_in().keys.id, case_id, incident or case_id, new=new, now=deps().clock())

    return _do(case_id, act, "act", faults)


@bp.post("/cases/<uuid:case_id>/people")
@allow(Permission.CHANGE_CASES)
def add_person(case_id: UUID) -> ResponseReturnValue:
    """Record a relative, or somebody near to the exile."""
    typed = _typed(PARTS["person"])
    faults = _person_faults(typed, "p_")
    if not any(typed[f"p_{field}"].strip() for field in ("names", "label", "relation")):
        faults["p_names"] = _("Give a name, a few words, or what they are to the exile.")

    def act(session: Session) -> None:
        new = _new_person(typed, "p_", _new_id(typed))
        changes.add_person(session, actor(), signed_in().keys.id, case_id, new=new, now=deps().clock())

    return _do(case_id, act, "person", faults)


@bp.post("/cases/<uuid:case_id>/questions")
@allow(Permission.CHANGE_CASES)
def ask_question(case_id: UUID) -> ResponseReturnValue:
    """Write down what is not known yet."""
    typed = _typed(PARTS["question"])
    faults = {} if typed["question"].strip() else {"question": _("Write the question.")}

    def act(session: Session) -> None:
        changes.ask(session, actor(), signed_in().keys.id, case_id, text=typed["question"], version=number("version"), now=deps().clock())

    return _do(case_id, act, "question", faults)


@bp.post("/cases/<uuid:case_id>/questions/close")
@allow(Permission.CHANGE_CASES)
def close_question(case_id: UUID) -> ResponseReturnValue:
    """Close a question that has its answer; it stays readable."""

    def act(session: Session) -> None:
        changes.close_question(
            session, actor(), signed_in().keys.id, case_id, at=number("at"), version=number("version"), now=deps().clock()
        )

    return _do(case_id, act)


@bp.post("/cases/<uuid:case_id>/state")
@allow(Permission.CHANGE_CASES)
def move_case(case_id: UUID) -> ResponseReturnValue:
    """Move a case to another state."""
    wanted = request.form.get("to", "")
    if wanted not in set(CaseState):
        raise MalformedError

    def act(session: Session) -> None:
        changes.move_case(
            session, actor(), signed_in().keys.id, case_id, to=CaseState(wanted), version=number("version"), now=deps().clock()
        )

    return _do(case_id, act)


@bp.post("/cases/<uuid:case_id>/priority")
@allow(Permission.CHANGE_CASES)
def set_priority(case_id: UUID) -> ResponseReturnValue:
    """Set how pressing a case is, or take it back."""

    def act(session: Session) -> None:
        wanted = request.form.get("priority", "")
        changes.set_priority(session, actor(), signed_in().keys.id, case_id, priority=wanted, version=number("version"), now=deps().clock())

    return _do(case_id, act)


@bp.post("/cases/<uuid:case_id>/distinct")
@allow(Permission.CHANGE_CASES)
def tell_apart(case_id: UUID) -> ResponseReturnValue:
    """Record that two people who share a given name are two."""
    mine, _space, theirs = _typed(PARTS["apart"])["pair"].partition(" ")
    person, other = _uuid(mine), _uuid(theirs)
    faults = {} if person and other else {"pair": _("Choose two people.")}

    def act(session: Session) -> None:
        changes.tell_apart(
            session,
            actor(),
            signed_in().keys.id,
            case_id,
            person=person or case_id,
            other=other or case_id,
            version=number("version"),
            now=deps().clock(),
        )

    return _do(case_id, act, "apart", faults)


def _do(case_id: UUID, act: Callable[[Session], None], part: str = "", faults: dict[str, str] | None = None) -> ResponseReturnValue:
    """Act in one transaction. The page is one form: whatever else was typed comes back, after a refusal all of it."""
    typed = _typed(*PARTS.values())
    try:
        if faults:
            return _page(case_id, typed=typed, faults=faults, alert=_unsaved()), 422
        with deps().database.write() as session:
            case = session.get(Case, case_id)
            is_stale = case is not None and case.version != number("version")
            act(session)
    except (RefusedError, MalformedError, BusyError) as error:
        return _refused(case_id, typed, error)
    others = {name: value for name, value in typed.items() if name not in PARTS.get(part, ())}
    if any(others.values()):
        with suppress(PaivandError):  # it is done: whatever cannot be shown now must not say otherwise
            alert = {"kind": "note", "text": _("Done. What you typed elsewhere on this page is still here, not saved yet.")}
            return _page(case_id, typed=others, alert=alert, version=number("version") if is_stale else None)
    return redirect(url_for("desk.show_case", case_id=case_id), 303)


def _refused(case_id: UUID, typed: Typed, error: PaivandError) -> ResponseReturnValue:
    """Show what was refused, with all that was typed: on the page of the case, or on that of a case which is not open."""
    status = refusal_for(error).status
    try:
        return _page(case_id, typed=typed, alert=_alert(error)), status
    except RefusedError:
        if isinstance(error, NoLeaseError):
            return _shut(case_id, typed), status
        if not any(typed.values()):
            raise error from None
        return _shut(case_id, typed, _alert(error)), status


def _page(
    case_id: UUID,
    *,
    typed: Typed | None = None,
    faults: dict[str, str] | None = None,
    alert: dict[str, str] | None = None,
    version: int | None = None,
) -> str:
    """Render a case; with an older `version` where its boxes were filled before somebody else saved."""
    here, shown = deps(), request.method == "POST" or request.args.get("names") != "off"
    with here.database.read() as session:
        file = leased_case(session, actor(), signed_in().keys.id, case_id, now=here.clock())
        sight = look_at(session, actor(), file, member_names(session), shown=shown)
    case = values_of(sight)
    t = typed or {}
    return render(
        "desk/case.html",
        c=case | ({} if version is None else {"version": version}),
        off=None if shown else "off",
        t=t,
        faults=faults or {},
        alert=alert,
        unfolded={part for part, fields in PARTS.items() if any(t.get(field) for field in fields)},
        offers=_offers(t, *PARTS.values()) | (choices_of(sight) if shown else {}),
        priorities=[
            one for one in labels.options("priority", file.body.priority or "", _("Not set")) if one["value"] not in ("unknown", "unsaid")
        ],
        new=uuid4(),
    )


def _shut(case_id: UUID, typed: Typed, alert: dict[str, str] | None = None) -> str:
    """Render the page of a case that is not open; what was typed goes through the opening."""
    kept = [(name, text) for name, value in typed.items() for text in (value if isinstance(value, list) else [value]) if text]
    return render("desk/case_shut.html", case_id=case_id, kept=kept, alert=alert)


def _list_page(*, typed: Typed | None = None, faults: dict[str, str] | None = None, alert: dict[str, str] | None = None) -> str:
    here, t = deps(), typed or {}
    values: dict[str, Any] = {"t": t, "faults": faults or {}, "alert": alert, "new": uuid4(), "offers": _offers(t, CASE), "looked": False}
    with here.database.read() as session:
        if not queue.has_lease(session, signed_in().keys.id, queue.QUEUE, here.clock()):
            return render("desk/cases.html", **values)
        found = files.list_cases(session, actor())
        findings, lost = all_findings(session, actor())
        people: list[PersonItem] = open_table(session, actor(), Person)
        names = member_names(session)
    alone = [_alone(item) for item in found.people]
    return render(
        "desk/cases.html",
        **values
        | {
            "looked": True,
            "totals": _totals(len(found.lines), found.incidents, found.acts, found.consequences, len(people), len(alone)),
            "rows": [_row(line, findings, names) for line in found.lines],
            "alone": alone,
            "damaged": found.damaged + len(lost),
        },
    )


def _row(line: CaseLine, findings: dict[UUID, FindingItem], names: dict[str, str]) -> dict[str, Any]:
    row, body = line.case.row, line.case.body
    own = [findings[act.id] for act in line.acts if act.id in findings]
    chain = actor().chain
    dates = sorted((date for item in line.incidents if (date := item.body.date)), key=order_of)
    first = when_text(dates[0].text) if dates else non_answer(None)
    last = when_text(max(dates, key=lambda date: date.sort_key[::-1]).text) if dates else first
    return {
        "id": row.id,
        "code": body.code,
        "title": body.title,
        "state": {"text": begin(say("case_state", row.state.value)), "kind": labels.STATES[row.state]},
        "priority": say("priority", body.priority) if body.priority else "",
        "owner": names.get(row.owner) if row.owner else None,
        "incidents": len(line.incidents),
        "acts": len(line.acts),
        "confirmed": sum(is_confirmed(chain, item) for item in own),
        "waiting": sum(item.row.state in WAITING and is_borne(chain, item) for item in own),
        "first": first,
        "last": "" if last == first else last,
    }


def _totals(cases: int, incidents: int, acts: int, consequences: int, people: int, alone: int) -> list[str]:
    counts = [
        ngettext("%(num)d case", "%(num)d cases", cases),
        ngettext("%(num)d incident", "%(num)d incidents", incidents),
        ngettext("%(num)d act", "%(num)d acts", acts),
    ]
    after = ngettext("%(num)d of them is a consequence, counted apart", "%(num)d of them are consequences, counted apart", consequences)
    without = ngettext("%(num)d of them is named without a case", "%(num)d of them are named without a case", alone)
    return [
        f"{', '.join(counts)}; {after}." if consequences else f"{', '.join(counts)}.",
        f"{ngettext('%(num)d person', '%(num)d people', people)}; {without}." if alone else "",
    ]


def _alone(item: PersonItem) -> dict[str, str]:
    """Describe somebody who has no case, without a name."""
    hosts = ", ".join(labels.country_text(host) for host in item.body.host) or non_answer(None)
    return {"code": code_of(item), "sex": say("sex", item.body.sex), "kind": say("exile_category", item.body.category), "host": hosts}


def _typed(*parts: tuple[str, ...]) -> Typed:
    """Return what was sent of these fields, with nothing changed but line ends."""
    return {
        name: [answers.tidy(value) for value in request.form.getlist(name)] if name in _MANY else answers.tidy(request.form.get(name, ""))
        for part in parts
        for name in part
    }


def _offers(t: Typed, *parts: tuple[str, ...]) -> dict[str, Any]:
    """Return the choices of every select of these parts."""
    offers: dict[str, Any] = {}
    for name in (name for part in parts for name in part):
        field = name.removeprefix("i_").removeprefix("a_").removeprefix("p_").removeprefix("new_")
        if field in _VOCABULARIES:
            offers[name] = labels.options(_VOCABULARIES[field], t.get(name, ""))
        elif field == "type":
            offers[name] = labels.act_options(t.get(name, ""))
    return offers


def _new_id(typed: Typed) -> UUID:
    """Make the id of a new record from the page's own number and what was typed: sent twice it is one record, changed it is another."""
    return uuid5(_uuid(request.form.get("new", "")) or uuid4(), repr(sorted(typed.items())))


def _new_act(typed: Typed, prefix: str, *, is_first: bool = True) -> NewAct:
    is_new = any(typed[f"{prefix}{field}"].strip() for field in _NEW)
    return NewAct(
        type=typed[f"{prefix}type"],
        id=uuid4() if is_first else _new_id(typed),
        victims=tuple(typed[f"{prefix}victim"]),
        other=_new_person(typed, f"{prefix}new_", uuid4()) if is_new else None,
        by=typed[f"{prefix}by"] or None,
        when=None if is_first else typed[f"{prefix}when"].strip() or None,
        words=typed[f"{prefix}words"],
        ended=typed[f"{prefix}ended"] or None,
    )


def _new_person(typed: Typed, prefix: str, person_id: UUID) -> NewPerson:
    chosen = {name: typed[f"{prefix}{name}"] or None for name in ("relation", "sex", "minor", "whereabouts")}
    return NewPerson(id=person_id, forms=_lines(typed[f"{prefix}names"]), label=typed[f"{prefix}label"], **chosen)


def _act_faults(typed: Typed, prefix: str) -> dict[str, str]:
    faults = _person_faults(typed, f"{prefix}new_")
    if not typed[f"{prefix}type"]:
        faults[f"{prefix}type"] = _("Choose what was done.")
    try:
        parse(typed[f"{prefix}when"].strip())
    except MalformedError:
        faults[f"{prefix}when"] = _("This is not one of the ways to write a date below. Leave it empty where nobody said when.")
    is_new = any(typed[f"{prefix}{field}"].strip() for field in _NEW)
    if is_new and not any(typed[f"{prefix}new_{field}"].strip() for field in ("names", "label", "relation")):
        faults[f"{prefix}new_names"] = _("Give a name, a few words, or what they are to the exile.")
    return faults


def _person_faults(typed: Typed, prefix: str) -> dict[str, str]:
    if typed[f"{prefix}minor"] in ("yes", "probable") and typed[f"{prefix}names"].strip():
        return {f"{prefix}names": _("A minor is never named: empty this box and say what they are to the exile.")}
    return {}


def _case_faults(typed: Typed) -> dict[str, str]:
    faults, names = {}, _lines(typed["names"])
    if not typed["title"].strip():
        faults["title"] = _("Give the case a title.")
    elif changes.names_in(typed["title"], names):
        faults["title"] = _("The title names the exile. Every list shows it: say it without the name.")
    if not names and not typed["label"].strip():
        faults["names"] = _("Give a name, or a few words below.")
    return faults


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.split("\n") if line.strip())


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _unsaved() -> dict[str, str]:
    return {"kind": "warn", "text": _("Nothing was saved yet. Look at what is marked below.")}


def _alert(error: Exception) -> dict[str, str]:
    refusal = refusal_for(error)
    return {"kind": "warn", "text": f"{refusal.title}. {refusal.text} {refusal.todo}"}
