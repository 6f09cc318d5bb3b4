"""What is decided about a report: link it, begin a case with it, mark it as a duplicate, close it, withdraw it, open it again."""

from collections import Counter
from typing import Any, Final
from uuid import UUID

from flask import g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.cases import links
from app.cases.changes import NewAct, NewIncident, NewPerson, add_incident
from app.cases.dates import parse
from app.cases.files import CaseFile, leased_case, open_case
from app.cases.records import IncidentItem
from app.cases.vocabulary import label, vocabulary
from app.desk import suggestions
from app.desk.dates import when_text
from app.desk.pages import bp, number, paragraphs, render
from app.desk.queue import state_of
from app.desk.report import NEW_CASE, NEW_INCIDENT, act_on, typed
from app.errors import BusyError, MalformedError, NamedError, NoLeaseError, PaivandError, RefusedError, SamePersonError, UnknownError
from app.findings import review
from app.findings.records import open_findings
from app.i18n.text import gettext as _
from app.i18n.text import ngettext
from app.members.policy import Permission
from app.reports import answers, queue, triage
from app.reports.records import name_of
from app.reports.states import IN_WORK
from app.store.cases import FindingState
from app.store.reports import ReportState
from app.web.deps import deps
from app.web.gate import allow
from app.web.refusals import refusal_for
from app.web.sessions import actor, signed_in
from app.web.staff import member_names

CONTRADICTS: Final = "contradicts"
_BOXES: Final = ("incident", "new", "victim", *NEW_INCIDENT, "type", "certainty")


@bp.post("/reports/<uuid:report_id>/compare")
@allow(Permission.LINK)
def compare_other_case(report_id: UUID) -> ResponseReturnValue:
    """Open a case that was chosen from the list beside a report."""
    try:
        case_id = UUID(typed("other_case"))
    except ValueError:
        return act_on(report_id, _refuse_form, words={MalformedError: _("Choose a case first.")})
    return _compare(report_id, case_id)


@bp.post("/reports/<uuid:report_id>/compare/<uuid:case_id>")
@allow(Permission.LINK)
def compare_case(report_id: UUID, case_id: UUID) -> ResponseReturnValue:
    """Open a suggested case beside a report; the opening is an entry."""
    return _compare(report_id, case_id)


@bp.get("/reports/<uuid:report_id>/link/<uuid:case_id>")
@allow(Permission.LINK)
def show_link(report_id: UUID, case_id: UUID) -> ResponseReturnValue:
    """Show a report beside a case, both opened by this session."""
    here = deps()
    try:
        return _page(report_id, case_id)
    except NoLeaseError:
        with here.database.read() as session:
            if not queue.has_lease(session, signed_in().keys.id, name_of(report_id), here.clock()):
                return render("desk/closed.html", report_id=report_id, ref=queue.ref_of(report_id)), 403
        return render("desk/link.html", shut=True, r={"id": report_id, "ref": queue.ref_of(report_id)}, case={"id": case_id}), 403


@bp.post("/reports/<uuid:report_id>/link/<uuid:case_id>")
@allow(Permission.LINK)
def link_report(report_id: UUID, case_id: UUID) -> ResponseReturnValue:
    """Link a report to incidents of an opened case, one of which may be new; what it contradicts becomes disputed."""
    boxes: dict[str, Any] = {**{name: typed(name) for name in _BOXES}, "incident": request.form.getlist("incident")}
    problem = _faults_of_link(boxes)
    try:
        if problem:
            raise MalformedError
        with deps().database.write() as session:
            _link(session, report_id, case_id, _ids(boxes["incident"]), is_new=boxes["new"] == "1")
    except (RefusedError, MalformedError, BusyError) as error:
        refusal = refusal_for(error)
        said = " ".join((_("Not linked."), problem)) if problem else f"{refusal.title}. {refusal.text} {refusal.todo}"
        try:
            return _page(report_id, case_id, boxes=boxes, alert={"kind": "warn", "text": said}), refusal.status
        except RefusedError:
            raise error from None
    return redirect(url_for("desk.show_report", report_id=report_id), 303)


@bp.post("/reports/<uuid:report_id>/refuse/<uuid:case_id>")
@allow(Permission.LINK)
def refuse_suggestion(report_id: UUID, case_id: UUID) -> ResponseReturnValue:
    """Record that a suggested case is about somebody else."""

    def act(session: Session) -> None:
        links.refuse(session, actor(), signed_in().keys.id, report_id, case_id, version=number("version"), now=deps().clock())

    return act_on(report_id, act)


@bp.post("/reports/<uuid:report_id>/unlink/<uuid:incident_id>")
@allow(Permission.LINK)
def unlink_report(report_id: UUID, incident_id: UUID) -> ResponseReturnValue:
    """Take a link back, with a reason."""

    def act(session: Session) -> None:
        incident = links.unlink(
            session,
            actor(),
            signed_in().keys.id,
            report_id,
            incident_id,
            reason=typed("unlink_reason"),
            version=number("version"),
            now=deps().clock(),
        )
        review.dispute_withdrawn(session, actor(), report_id, [incident], now=deps().clock())

    return act_on(report_id, act, "unlink_reason", words={MalformedError: _("Not taken back. Say why, in at most 2,000 characters.")})


@bp.post("/reports/<uuid:report_id>/newcase")
@allow(Permission.LINK)
def link_new_case(report_id: UUID) -> ResponseReturnValue:
    """Begin a case with what a report tells."""
    problem = _faults_of_case()

    def act(session: Session) -> None:
        if problem:
            raise MalformedError
        links.link_new_case(
            session,
            actor(),
            signed_in().keys.id,
            report_id,
            title=typed("case_title"),
            exile=NewPerson(forms=tuple(typed("exile_names").split("\n")), label=typed("exile_label")),
            incident=_incident(),
            version=number("version"),
            now=deps().clock(),
        )

    words: dict[type[PaivandError], str] = {
        NamedError: _("The title holds a name that stands beside it. It is shown in lists: say it without names.")
    }
    if problem:
        words[MalformedError] = " ".join((_("No case was begun."), problem))
    return act_on(report_id, act, *NEW_CASE, words=words)


@bp.post("/reports/<uuid:report_id>/duplicate")
@allow(Permission.CLOSE_REPORT)
def mark_duplicate(report_id: UUID) -> ResponseReturnValue:
    """Mark a report as a duplicate of a chosen one, or of the one whose code was typed."""

    def act(session: Session) -> None:
        triage.leased(session, actor(), signed_in().keys.id, report_id, now=deps().clock())
        triage.mark_duplicate(
            session,
            actor(),
            signed_in().keys.id,
            report_id,
            of=_first_report(session, report_id),
            version=number("version"),
            now=deps().clock(),
        )

    words: dict[type[PaivandError], str] = {
        MalformedError: _("Not marked. Choose one report, or type the code of one."),
        UnknownError: _("Not marked. No other report that is open or accepted has this code."),
    }
    return act_on(report_id, act, "duplicate_of", "duplicate_ref", words=words)


@bp.post("/reports/<uuid:report_id>/closing")
@allow(Permission.CLOSE_REPORT)
def ask_to_close(report_id: UUID) -> ResponseReturnValue:
    """Ask for a report to be closed; the reason says whether it is spam or out of scope."""
    reason = vocabulary("closing_reason").by_code.get(typed("closing_reason"))

    def act(session: Session) -> None:
        if reason is None or reason.group is None:
            raise MalformedError
        triage.ask_to_close(
            session,
            actor(),
            signed_in().keys.id,
            report_id,
            to=ReportState(reason.group),
            reason=reason.code,
            version=number("version"),
            now=deps().clock(),
        )

    return act_on(report_id, act, "closing_reason", words={MalformedError: _("Nothing was asked. Choose a reason.")})


@bp.post("/reports/<uuid:report_id>/close")
@allow(Permission.CLOSE_REPORT)
def close_report(report_id: UUID) -> ResponseReturnValue:
    """Close a report as the second person."""

    def act(session: Session) -> None:
        triage.close(session, actor(), signed_in().keys.id, report_id, version=number("version"), now=deps().clock())

    return act_on(report_id, act, words={SamePersonError: _("You asked for this yourself. A second person confirms it.")})


@bp.post("/reports/<uuid:report_id>/keep")
@allow(Permission.CLOSE_REPORT)
def keep_report(report_id: UUID) -> ResponseReturnValue:
    """Leave a report open that somebody asked to close."""

    def act(session: Session) -> None:
        triage.keep(session, actor(), signed_in().keys.id, report_id, version=number("version"), now=deps().clock())

    return act_on(report_id, act)


@bp.post("/reports/<uuid:report_id>/withdraw")
@allow(Permission.CLOSE_REPORT)
def withdraw_report(report_id: UUID) -> ResponseReturnValue:
    """Withdraw a report for its source."""

    def act(session: Session) -> None:
        incidents = links.withdraw(
            session,
            actor(),
            signed_in().keys.id,
            report_id,
            reason=typed("withdraw_reason"),
            version=number("version"),
            now=deps().clock(),
        )
        review.dispute_withdrawn(session, actor(), report_id, incidents, now=deps().clock())

    return act_on(report_id, act, "withdraw_reason", words={MalformedError: _("Not withdrawn. Say how the source asked for it.")})


@bp.post("/reports/<uuid:report_id>/reopen")
@allow(Permission.REOPEN_REPORT)
def reopen_report(report_id: UUID) -> ResponseReturnValue:
    """Open a closed report again, as a lead."""

    def act(session: Session) -> None:
        triage.reopen(
            session,
            actor(),
            signed_in().keys.id,
            report_id,
            reason=typed("reopen_reason"),
            version=number("version"),
            now=deps().clock(),
        )

    return act_on(report_id, act, "reopen_reason", words={MalformedError: _("Not opened again. Say why.")})


def _compare(report_id: UUID, case_id: UUID) -> ResponseReturnValue:
    def act(session: Session) -> None:
        me, held, now = actor(), signed_in().keys.id, deps().clock()
        triage.leased(session, me, held, report_id, now=now)
        open_case(session, me, held, case_id, now=now)

    then = url_for("desk.show_link", report_id=report_id, case_id=case_id)
    return act_on(report_id, act, "other_case", then=then)


def _refuse_form(_session: Session) -> None:
    raise MalformedError


def _link(session: Session, report_id: UUID, case_id: UUID, chosen: list[UUID], *, is_new: bool) -> None:
    me, held, now = actor(), signed_in().keys.id, deps().clock()
    triage.owned(session, me, held, report_id, now=now)
    if is_new:
        chosen = [*chosen, add_incident(session, me, held, case_id, new=_incident(), now=now)]
    links.link(
        session,
        me,
        held,
        report_id,
        case_id,
        incidents=chosen,
        kind=typed("type"),
        certainty=typed("certainty"),
        version=number("version"),
        now=now,
    )
    if typed("type") == CONTRADICTS:
        review.dispute_contradicted(session, me, leased_case(session, me, held, case_id, now=now), chosen, now=now)


def _incident() -> NewIncident:
    other = NewPerson(
        forms=(typed("victim_name"),),
        relation=typed("victim_relation") or None,
        minor=typed("victim_minor") or None,
    )
    is_said = typed("victim_name").strip() or other.relation or other.minor
    act = NewAct(
        type=typed("act_type"),
        victims=(typed("victim"),) if typed("victim") else (),
        other=other if is_said else None,
    )
    when = typed("incident_when").strip() or None
    return NewIncident(title=typed("incident_title"), act=act, when=when, new_place=typed("incident_place"))


def _ids(texts: list[str]) -> list[UUID]:
    try:
        return [UUID(text) for text in texts]
    except ValueError:
        raise MalformedError from None


def _faults_of_link(boxes: dict[str, Any]) -> str:
    """Say what a link lacks."""
    faults = []
    if boxes["new"] == "1":
        faults.append(_faults_of_incident())
    elif not boxes["incident"]:
        faults.append(_("Choose at least one incident, or record a new one."))
    if not boxes["type"] or not boxes["certainty"]:
        faults.append(_("Say what the report does to them, and how sure you are."))
    return " ".join(filter(None, faults))


def _faults_of_case() -> str:
    """Say what a new case lacks."""
    faults = []
    if not typed("case_title").strip():
        faults.append(_("Give the case a title without names."))
    if not typed("exile_names").strip() and not typed("exile_label").strip():
        faults.append(_("Name the person abroad, or say who they are."))
    return " ".join([*faults, *filter(None, [_faults_of_incident()])])


def _faults_of_incident() -> str:
    """Say what a new incident lacks."""
    faults = []
    if not typed("incident_title").strip():
        faults.append(_("Give the incident a title."))
    try:
        parse(typed("incident_when").strip())
    except MalformedError:
        faults.append(_("Write the date as in the examples."))
    if not typed("act_type"):
        faults.append(_("Choose what was done."))
    if typed("victim_minor") in ("yes", "probable") and typed("victim_name").strip():
        faults.append(_("A minor is never named: leave the name empty."))
    elif typed("victim_minor") and not typed("victim_relation") and not typed("victim_name").strip():
        faults.append(_("Say who the person was to the exile."))
    return " ".join(faults)


def _first_report(session: Session, report_id: UUID) -> UUID:
    """Return the report that another one repeats, as chosen or as typed.

    Raises:
        MalformedError: neither, or both and they differ.
        UnknownError: no other open or accepted report has this code, or two have it.
    """
    chosen, code = typed("duplicate_of"), queue.read_ref(typed("duplicate_ref"))
    rows = queue.select_repeatable(queue.read_queue(session, actor(), now=deps().clock()), report_id)
    ids = [row.report.id for row in rows if str(row.report.id) == chosen or (not chosen and queue.ref_of(row.report.id) == code)]
    if not chosen and not code:
        raise MalformedError
    if len(ids) != 1:
        raise UnknownError
    if code and queue.ref_of(ids[0]) != code:
        raise MalformedError
    return ids[0]


def _page(report_id: UUID, case_id: UUID, *, boxes: dict[str, Any] | None = None, alert: dict[str, str] | None = None) -> str:
    here, me, held = deps(), actor(), signed_in().keys.id
    with here.database.read() as session:
        opened = triage.leased(session, me, held, report_id, now=here.clock())
        body = triage.open_text(me, opened)
        file = leased_case(session, me, held, case_id, now=here.clock())
        confirmed = _confirmed(session, file)
        names = member_names(session)
    report, work = opened.report, opened.work
    state, kind = state_of(opened)
    linked = {item["incident"] for item in work.links if item["ended"] is None}
    is_mine = report.owner == me.member_id
    return render(
        "desk/link.html",
        shut=False,
        t=boxes or {},
        alert=alert,
        r={
            "id": report.id,
            "ref": queue.ref_of(report.id),
            "version": report.version,
            "title": work.gist or _("No gist yet"),
            "state": {"text": state, "kind": kind},
            "summary": work.summary,
            "paragraphs": paragraphs(str(body.answers[answers.TEXT])),
            "lang": opened.summary["language"],
            "owner": names.get(report.owner) if report.owner else None,
            "mine": is_mine,
            "may_link": is_mine and report.state in (*IN_WORK, ReportState.ACCEPTED) and work.closing is None,
            "accepted": report.state is ReportState.ACCEPTED,
        },
        case={
            "id": file.case.id,
            "code": file.body.code,
            "title": file.body.title,
            "counts": suggestions.counts_text(len(file.incidents), len(file.all_acts)),
            "damaged": file.damaged,
            "incidents": [_incident_row(item, confirmed, linked) for item in file.incidents],
            "people": [(key, _person_words(file, key)) for key in file.people],
        },
        rows=suggestions.comparison_rows(links.compare(body, file)),
        types=suggestions.choices("link_type"),
        certainties=suggestions.choices("certainty"),
        act_types=suggestions.act_choices(),
        relations=suggestions.choices("relation"),
        minors=suggestions.choices("yes_no"),
    )


def _confirmed(session: Session, file: CaseFile) -> dict[UUID, int]:
    """Count the confirmed findings on each incident: a report that contradicts it disputes them."""
    acts = {act.id: incident.id for incident, act in file.all_acts}
    found, _damaged = open_findings(session, actor(), list(acts))
    count: Counter[UUID] = Counter()
    for act_id, item in found.items():
        count[acts[act_id]] += item.row.state is FindingState.CONFIRMED
    return count


def _incident_row(item: IncidentItem, confirmed: dict[UUID, int], linked: set[str]) -> dict[str, Any]:
    count = confirmed.get(item.id, 0)
    return {
        "id": str(item.id),
        "title": f"{item.body.key} {item.body.title}".strip(),
        "when": when_text(item.body.when),
        "linked": str(item.id) in linked,
        "confirmed": ngettext("%(num)d confirmed finding", "%(num)d confirmed findings", count) if count else "",
    }


def _person_words(file: CaseFile, key: str) -> str:
    person = file.people[key].body
    relation = label("relation", person.relation, g.lang) if person.relation else ""
    return f"{person.name} ({relation})" if relation and person.name else person.name or relation
