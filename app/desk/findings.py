"""Findings: the list without a name, and one act with everything that is said of it, assessed, signed and disputed.

A GET never writes. Nothing typed is lost: what is refused comes back in its boxes, or goes through the opening of a case that is shut.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from flask import g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.cases import files
from app.cases.files import CaseLine, list_cases
from app.cases.records import ActItem, IncidentItem, PersonItem, open_table
from app.desk import finding_form as forms
from app.desk import finding_labels as words
from app.desk import finding_page as pages
from app.desk.case_labels import begin, say
from app.desk.case_names import names_of
from app.desk.finding_page import Speech
from app.desk.pages import bp, number, render
from app.desk.suggestions import choices
from app.errors import (
    BarredError,
    BusyError,
    ConflictError,
    IncompleteError,
    MalformedError,
    NoLeaseError,
    PaivandError,
    RefusedError,
    SamePersonError,
)
from app.findings import review
from app.findings.records import FindingItem, all_findings, inputs_of, outcome_of, ref_of
from app.findings.review import Assessment, Sheet
from app.findings.signatures import LEAD, Verdict, is_borne, judge_round
from app.findings.states import DECISIONS, SIGNED, WAITING
from app.i18n.text import gettext as _
from app.i18n.text import lazy_gettext as _l
from app.i18n.text import ngettext
from app.members.policy import Permission, may
from app.reports import queue
from app.reports.answers import tidy
from app.reports.queue import ref_of as ref_of_record
from app.store.cases import FindingState as S
from app.store.cases import Person
from app.web.deps import deps
from app.web.gate import allow
from app.web.refusals import refusal_for
from app.web.sessions import actor, head_keeper, signed_in
from app.web.staff import member_names

Words = Mapping[type[PaivandError], str]

GROUPS: Final[dict[str, Any]] = {
    "sign": _l("Waits for your signature"),
    "mine": _l("Yours in assessment"),
    "returned": _l("Returned to you"),
    "proposed": _l("Proposed: a lead assigns a review"),
    "review": _l("In review"),
    "disputed": _l("Disputed"),
    "free": _l("Opened again: to be taken"),
    "others": _l("With colleagues"),
    "confirmed": _l("Confirmed"),
    "closed": _l("Unverifiable or refuted"),
    "damaged": _l("Damaged"),
}
_BOXES: Final = (
    *("comment", "note", "objection", "read", "reviewer"),
    *("dispute_reason", "dispute_text", "settle_text", "settle_to", "reopen_text"),
)


@bp.get("/findings")
@allow(Permission.VIEW_FINDINGS)
def show_findings() -> ResponseReturnValue:
    """Show every finding as a line, without a name, to a session that looked at the queue within the hour."""
    here, me = deps(), actor()
    with here.database.read() as session:
        if not queue.has_lease(session, signed_in().keys.id, queue.QUEUE, here.clock()):
            return render("desk/findings.html", looked=False, groups=[])
        cases = list_cases(session, me)
        found, damaged = all_findings(session, me)
        names = member_names(session)
    rows = list(_rows(cases.lines, found, damaged, names))
    acts = {act.id for line in cases.lines for act in line.acts}
    return render(
        "desk/findings.html",
        looked=True,
        groups=[{"title": str(title), "rows": [row for row in rows if row["group"] == name]} for name, title in GROUPS.items()],
        many=len(rows),
        free=len(acts) - len(rows),
    )


@bp.post("/findings/look")
@allow(Permission.VIEW_FINDINGS)
def look_findings() -> ResponseReturnValue:
    """Begin an hour of looking, as at the queue."""
    here = deps()
    queue.look(here.database, actor(), signed_in().keys.id, now=here.clock(), heads=head_keeper())
    return redirect(url_for("desk.show_findings"), 303)


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/open")
@allow(Permission.VIEW_FINDINGS)
def open_finding(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Open the case of an act for an hour; the opening is an entry. What was typed when the last hour was over comes back."""
    here = deps()
    try:
        with here.database.write() as session:
            files.open_case(session, actor(), signed_in().keys.id, case_id, now=here.clock())
    except (RefusedError, BusyError) as error:
        return _refuse(case_id, act_id, error, {})
    if any(map(_is_typed, request.form)):
        return _page(case_id, act_id, is_typed=True, alert={"kind": "note", "text": _("What you typed is still here, not saved yet.")})
    return redirect(url_for("desk.show_finding", case_id=case_id, act_id=act_id, names=_off()), 303)


@bp.get("/cases/<uuid:case_id>/acts/<uuid:act_id>")
@allow(Permission.VIEW_FINDINGS)
def show_finding(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Show the finding on an act of an opened case; with `?names=off`, codes and relations instead of names."""
    try:
        return _page(case_id, act_id)
    except NoLeaseError:
        return _shut(case_id, act_id), 403


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/take")
@allow(Permission.ASSESS)
def take_act(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Take an act for assessment."""
    return _do(case_id, act_id, review.take, lang=g.lang)


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/assessment")
@allow(Permission.ASSESS)
def save_assessment(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Save an assessment, finished or not."""
    return _do(case_id, act_id, review.assess, typed=forms.read(request.form), words=_assessing_words())


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/proposal")
@allow(Permission.ASSESS)
def propose_finding(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Sign an assessment as a proposal."""
    return _do(case_id, act_id, review.propose, typed=forms.read(request.form), note=_typed("note"), words=_assessing_words())


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/reviewer")
@allow(Permission.LEAD_FINDINGS)
def assign_review(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Ask somebody to review."""
    said: Words = {BarredError: _("Not assigned. Choose somebody from the list: whoever is not in it may not review this.")}
    return _do(case_id, act_id, review.assign, reviewer=_typed("reviewer"), words=said)


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/approval")
@allow(Permission.LEAD_FINDINGS)
def approve_finding(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Sign as the lead whom a refutation needs."""
    return _do(case_id, act_id, review.approve, words=_signing_words())


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/confirmation")
@allow(Permission.REVIEW)
def confirm_finding(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Sign as the reviewer who read the sources."""
    said: Words = {**_signing_words(), MalformedError: _("Not signed. Your comment or your note is too long.")}
    if _typed("read") != "1":
        said = {**_signing_words(), MalformedError: _("Not signed. First read the sources themselves, then tick that you did.")}
        return _do(case_id, act_id, _refuse_unread, words=said)
    return _do(case_id, act_id, review.confirm, comment=_typed("comment"), note=_typed("note"), words=said)


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/return")
@allow(Permission.REVIEW)
def return_finding(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Return a proposal with a reason and a comment."""
    said: Words = {**_signing_words(), MalformedError: _("Not returned. Choose a reason and say in your comment what has to change.")}
    values = {"reason": _typed("objection"), "comment": _typed("comment"), "note": _typed("note")}
    return _do(case_id, act_id, review.give_back, **values, words=said)


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/dispute")
@allow(Permission.ASSESS)
def dispute_finding(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Dispute a confirmed finding."""
    said: Words = {MalformedError: _("Not disputed. Choose a reason and say what speaks against it.")}
    return _do(case_id, act_id, review.dispute, reason=_typed("dispute_reason"), text=_typed("dispute_text"), words=said)


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/settlement")
@allow(Permission.LEAD_FINDINGS)
def settle_dispute(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Settle a dispute."""
    wanted = _typed("settle_to")
    said: Words = {MalformedError: _("Not settled. Say why.")}
    to = S(wanted) if wanted in set(S) else S.UNASSESSED  # which no step leads to
    return _do(case_id, act_id, review.settle, to=to, text=_typed("settle_text"), words=said)


@bp.post("/cases/<uuid:case_id>/acts/<uuid:act_id>/reopening")
@allow(Permission.LEAD_FINDINGS)
def reopen_finding(case_id: UUID, act_id: UUID) -> ResponseReturnValue:
    """Open a signed finding again."""
    said: Words = {MalformedError: _("Not opened again. Say why.")}
    return _do(case_id, act_id, review.reopen, text=_typed("reopen_text"), words=said)


def _do(case_id: UUID, act_id: UUID, step: Callable[..., None], *, words: Words | None = None, **values: Any) -> ResponseReturnValue:
    """Take one step in one transaction; after a refusal everything typed comes back, and a refused review leaves an entry."""
    here, me, session_id = deps(), actor(), signed_in().keys.id
    try:
        with here.database.write() as session:
            step(session, me, session_id, case_id, act_id, version=number("version"), now=here.clock(), **values)
    except (RefusedError, MalformedError, BusyError) as error:
        if not (isinstance(error, ConflictError) and _is_signed_already(case_id, act_id)):
            return _refuse(case_id, act_id, _record_refusal(case_id, act_id, error), words or {})
    return redirect(url_for("desk.show_finding", case_id=case_id, act_id=act_id), 303)


def _is_signed_already(case_id: UUID, act_id: UUID) -> bool:
    """Whether the same form came twice: its first copy signed, and the finding stands as that left it."""
    here = deps()
    try:
        with here.database.read() as session:
            item = review.read_sheet(session, actor(), signed_in().keys.id, case_id, act_id, now=here.clock()).finding
    except RefusedError:
        return False
    signed = item.round.signatures if item and item.round else []
    return bool(item and signed and signed[-1]["by"] == actor().member_id and item.row.version == number("version") + 1)


def _record_refusal(case_id: UUID, act_id: UUID, error: PaivandError) -> PaivandError:
    """Leave an entry of a review that was refused; return what to tell: that, or why there could be no entry."""
    if not isinstance(error, SamePersonError | BarredError):
        return error
    here = deps()
    try:
        with here.database.write() as session:
            review.record_refusal(session, actor(), signed_in().keys.id, case_id, act_id, why=error.code, now=here.clock())
    except PaivandError as other:
        return other
    return error


def _refuse_unread(session: Session, me: Any, session_id: bytes, case_id: UUID, act_id: UUID, *, version: int, now: Any) -> None:
    """Refuse a reviewer who did not say that they read the sources; whoever may not review at all is told that instead."""
    review.check_reviewer(session, me, session_id, case_id, act_id, version=version, now=now)
    raise MalformedError


def _refuse(case_id: UUID, act_id: UUID, error: PaivandError, said: Words) -> ResponseReturnValue:
    """Show what was refused with everything that was typed, wherever that can be shown."""
    refusal = refusal_for(error)
    text = said.get(type(error)) or f"{refusal.title}. {refusal.text} {refusal.todo}"
    if isinstance(error, IncompleteError):
        missing = "; ".join(str(words.MISSING[code]) for code in error.missing)
        text = _("Not proposed, and nothing was saved. Missing: %(what)s.", what=missing)
    try:
        return _page(case_id, act_id, is_typed=True, alert={"kind": "warn", "text": text}), refusal.status
    except NoLeaseError:
        return _shut(case_id, act_id), 403
    except RefusedError:
        kept = _kept_text()
        if not kept:
            raise error from None
        values = {"title": refusal.title, "text": refusal.text, "todo": refusal.todo, "kept": kept}
        return render("staff/refusal.html", **values, back=url_for("desk.show_findings")), refusal.status


def _assessing_words() -> Words:
    return {
        MalformedError: _("Not saved. Something is too long: a text takes 4000 signs, who and how 600, an origin or a household 80."),
        ConflictError: _(
            "Not saved. This finding was changed elsewhere after your page was made. What you typed is still here; look again."
        ),
    }


def _signing_words() -> Words:
    return {
        SamePersonError: _("Not signed. You signed this in another part already; somebody else has to. The attempt is in the log."),
        BarredError: _(
            "Not signed. Only the person whom a lead asked reviews this, and nobody who accepted its report or wrote to its source."
            " The attempt is in the log."
        ),
        ConflictError: _("Not signed. This finding or its act changed after your page was made. Look at it again."),
    }


def _off() -> str | None:
    """Whether names are hidden, as the address says it: whoever works in the open stays there through an opening."""
    return "off" if request.args.get("names") == "off" else None


def _typed(name: str) -> str:
    return tidy(request.form.get(name, "")).strip()


def _is_typed(name: str) -> bool:
    return name in _BOXES or forms.is_field(name)


def _kept_text(may: Mapping[str, Any] | None = None, *, has_form: bool = False) -> str:
    """Return what somebody wrote by hand for a form that the page does not have, or no longer has."""
    may = may or {}
    boxes = {"comment": may.get("review"), "note": may.get("review") or has_form}
    boxes |= {f"{name}_text": may.get(name) for name in ("dispute", "settle", "reopen")}
    texts = [_typed(name) for name, is_there in boxes.items() if not is_there]
    return "\n\n".join(filter(None, (*texts, "" if has_form else forms.typed_text(request.form))))


def _shut(case_id: UUID, act_id: UUID) -> str:
    """Render the page of a case that is not open; what was typed goes through the opening."""
    kept = [(name, text) for name, text in request.form.items() if text and _is_typed(name)]
    return render(
        "desk/approval_shut.html",
        here="findings",
        title=_("This case is not open"),
        text=_("Opening a case is an entry in the log. It stays open for an hour."),
        action=url_for("desk.open_finding", case_id=case_id, act_id=act_id, names=_off()),
        back=url_for("desk.show_findings"),
        back_title=_("Findings"),
        kept=kept,
    )


def _page(case_id: UUID, act_id: UUID, *, is_typed: bool = False, alert: dict[str, str] | None = None) -> str:
    """Render an act; `is_typed` shows what the request brought instead of what is stored."""
    here, me = deps(), actor()
    shown = is_typed or _off() is None
    with here.database.read() as session:
        sheet = review.read_sheet(session, me, signed_in().keys.id, case_id, act_id, now=here.clock())
        everybody: list[PersonItem] = [] if shown else open_table(session, me, Person)
        names = member_names(session)
    speech = Speech(shown, names_of(sheet.file, everybody, shown=shown).text, names)
    is_mine = sheet.state is S.IN_ASSESSMENT and sheet.finding is not None and sheet.finding.body.assessor == me.member_id
    given = forms.read(request.form) if is_typed and forms.is_form(request.form) else None
    may_here = _may(sheet, speech)
    return render(
        "desk/finding.html",
        alert=alert,
        off=_off() if not shown else None,
        t={name: _typed(name) for name in _BOXES} if is_typed else {},
        kept=_kept_text(may_here, has_form=is_mine) if is_typed else "",
        f=_finding_values(sheet, speech, given if is_mine else None),
        form=_form_values(sheet, given, speech) if is_mine and shown else None,
        may=may_here,
        objections=choices("objection"),
    )


def _finding_values(sheet: Sheet, speech: Speech, given: Assessment | None) -> dict[str, Any]:
    me, item = actor(), sheet.finding
    one = item.round if item else None
    verdict = sheet.verdict
    is_frozen = sheet.state in (*WAITING, *SIGNED, S.DISPUTED, S.RETURNED)
    seen = one.seen if one and is_frozen else pages.preview(sheet)
    values = pages.seen_values(seen, speech)
    if given is not None:
        values["level"] = pages.level_values(inputs_of(given), decision=given.decision if given.decision in DECISIONS else "level")
    trail = pages.trail_rows(item, speech) if item else []
    earlier = range(len(item.body.rounds) - (1 if is_frozen else 0), 0, -1) if item else range(0)
    return {
        **values,
        "case": {"id": sheet.file.case.id, "code": sheet.file.body.code},
        "act": sheet.act.id,
        "ref": ref_of(sheet.incident, sheet.act),
        "version": sheet.version,
        "state": pages.state_values(sheet.state),
        "taken": item is not None,
        "frozen": is_frozen,
        "steps": pages.steps_of(sheet.state),
        "missing": pages.missing_text(sheet, me.member_id, speech, given),
        "damaged": sheet.file.damaged,
        "assessor": speech.member(item.body.assessor) if item else "",
        "round": len(item.body.rounds) if item else 0,
        "signatures": pages.signature_rows(me.chain, item, one, speech, sheet.approvals) if item and one and is_frozen else [],
        "people": verdict.people if verdict else 0,
        "came": [{"name": speech.member(each.signed.member), "lines": pages.lines(each.comment, speech)} for each in sheet.approvals],
        "comments": pages.comment_rows(one, speech) if one else [],
        "returned": bool(verdict and verdict.returned and sheet.state in (S.RETURNED, S.IN_ASSESSMENT)),
        "rounds": [pages.round_values(me.chain, item, at, speech) for at in earlier] if item else [],
        "trail": trail,
        "open_now": trail[-1:] if sheet.state in (S.DISPUTED, S.REOPENED) else [],
    }


def _form_values(sheet: Sheet, given: Assessment | None, speech: Speech) -> dict[str, Any]:
    """Return what the form of an assessment shows and offers."""
    body = sheet.finding.body if sheet.finding else None
    if given is None and body is not None:
        given = Assessment(**{name: getattr(body, name) for name in Assessment.__dataclass_fields__})
    if given is None:
        return {}
    publications, reports = review.citable(sheet)
    details = [sheet.file.references[key].body.details for key in publications if key in sheet.file.references]
    return {
        "given": given,
        "statements": forms.statement_rows(given),
        "contradictions": forms.contradiction_rows(given),
        "cites": [(f"p:{key}", sheet.file.name_of(key)) for key in publications]
        + [(f"r:{key}", _("Report %(ref)s", ref=ref_of_record(UUID(key)))) for key in reports],
        "origins": sorted({str(each["origin"]) for each in details if each.get("origin")}),
        "interests": choices("interest"),
        "accesses": choices("access"),
        "reliabilities": forms.graded("reliability"),
        "credibilities": forms.graded("credibility"),
        "questions": words.QUESTIONS,
        "answers": words.ANSWERS,
        "abouts": choices("contradiction"),
        "treatments": choices("treatment"),
        "standards": choices("standard_of_proof"),
        "decisions": words.DECISIONS,
        "is_stored": body is not None,
        "whom": [speech.member(one) for one in sheet.reviewers],
    }


def _may(sheet: Sheet, speech: Speech) -> dict[str, Any]:
    """Return what this member may do here now; with names hidden nothing is changed."""
    me, item, state = actor(), sheet.finding, sheet.state
    if not speech.shown:
        return {}
    is_lead = may(me.roles, Permission.LEAD_FINDINGS)
    is_mine = item is not None and item.body.assessor == me.member_id
    is_reviewer = item is not None and state in WAITING and item.body.reviewer == me.member_id and me.member_id not in (sheet.barred or {})
    signers = set(sheet.verdict.signers.values()) if sheet.verdict else set()
    needs_lead = state in WAITING and sheet.verdict is not None and LEAD in sheet.verdict.missing
    reviewers = [(one, speech.member(one)) for one in sheet.reviewers] if state in WAITING and is_lead else []
    level = pages.badge(sheet.verdict.level) if sheet.verdict and sheet.verdict.level else None
    return {
        "take": state in (S.UNASSESSED, S.RETURNED, S.REOPENED),
        "take_over": state is S.IN_ASSESSMENT and is_lead and not is_mine,
        "assign": reviewers,
        "reviewer": item.body.reviewer if item else "",
        "approve": needs_lead and is_lead and me.member_id not in signers and item is not None and item.body.reviewer != me.member_id,
        "review": is_reviewer and sheet.barred is not None,
        "confirm": is_reviewer and not sheet.is_stale and _is_ready(sheet),
        "level": (level["code"] or level["word"]) if level else "",
        "dispute": state is S.CONFIRMED,
        "settle": state is S.DISPUTED and is_lead,
        "reopen": state in SIGNED and is_lead,
    }


def _is_ready(sheet: Sheet) -> bool:
    """Whether only the reviewer's signature is missing."""
    came = {"protection"} if sheet.approvals and not sheet.approvals[0].is_return else set()
    return sheet.verdict is not None and set(sheet.verdict.missing) - came == {"reviewer"}


def _rows(
    lines: Iterable[CaseLine], found: Mapping[UUID, FindingItem], damaged: set[UUID], names: Mapping[str, str]
) -> Iterable[dict[str, Any]]:
    """Return each finding under the case that its incident belongs to, without a name of that case."""
    for line in lines:
        incidents = {item.id: item for item in line.incidents if item.row.case_id == line.case.id}
        for act in line.acts:
            incident = incidents.get(act.row.incident_id)
            if incident is None or not (act.id in found or act.id in damaged):
                continue
            yield _row(line, incident, act, found.get(act.id), names)


def _row(line: CaseLine, incident: IncidentItem, act: ActItem, item: FindingItem | None, names: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "case": line.case.id,
        "act": act.id,
        "code": line.case.body.code,
        "ref": ref_of(incident, act),
        "title": begin(say("act", act.body.type)),
        "who": "",
        "badge": None,
        "signed": "",
    }
    chain = actor().chain
    if item is None or not is_borne(chain, item):
        return row | {"group": "damaged", "state": {"text": _("Damaged"), "kind": "hot"}}
    state, verdict = item.row.state, judge_round(chain, item, item.round) if item.round else None
    group = _group(item, verdict)
    level = verdict.level if verdict and state in (*WAITING, *SIGNED, S.DISPUTED) else None
    outcome = outcome_of(item.body) if level is None and group == "mine" else None
    many = len(verdict.signers) + len(verdict.missing) if verdict else 0
    return row | {
        "group": group,
        "state": pages.state_values(state),
        "who": names.get(item.body.reviewer if state in WAITING and item.body.reviewer else item.body.assessor, ""),
        "badge": pages.badge(level) if level else None,
        "so_far": pages.badge(outcome.level) if outcome else None,
        "signed": _("%(num)d of %(many)d signed", num=len(verdict.signers), many=many) if verdict and state in WAITING else "",
        "people": ngettext("%(num)d person", "%(num)d people", verdict.people) if verdict and state in SIGNED else "",
    }


def _group(item: FindingItem, verdict: Verdict | None) -> str:
    me, state = actor(), item.row.state
    is_mine = item.body.assessor == me.member_id
    if state is S.IN_REVIEW and item.body.reviewer == me.member_id:
        return "sign"
    waits_for_lead = state in WAITING and verdict is not None and LEAD in verdict.missing and may(me.roles, Permission.LEAD_FINDINGS)
    if waits_for_lead and verdict and me.member_id not in verdict.signers.values() and item.body.reviewer != me.member_id:
        return "sign"
    match state:
        case S.IN_ASSESSMENT:
            return "mine" if is_mine else "others"
        case S.RETURNED:
            return "returned" if is_mine else "others"
        case S.PROPOSED:
            return "proposed"
        case S.IN_REVIEW:
            return "review"
        case S.DISPUTED:
            return "disputed"
        case S.REOPENED:
            return "free"
        case S.CONFIRMED:
            return "confirmed"
        case _:
            return "closed"
