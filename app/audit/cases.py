"""Cases as the log knows them: codes, findings, signatures, openings. Titles and names are sealed to the team."""

from collections import Counter
from typing import Any, Final
from uuid import UUID

from flask import g
from flask.typing import ResponseReturnValue

from app.audit import words
from app.audit.entries import Entry
from app.audit.pages import Log, bp, missing_alert, read_log, render
from app.audit.story import SUGGESTED, Case, Fault, Finding, Round, days_between
from app.cases import vocabulary
from app.errors import UnknownError
from app.i18n.text import gettext as _
from app.i18n.text import ngettext
from app.members.policy import Permission
from app.store.cases import CaseState, FindingState
from app.web import labels
from app.web.deps import deps
from app.web.gate import allow

_SHAPES: Final = {CaseState.OPEN: "half", CaseState.MONITORING: "half", CaseState.CLOSED: "full", CaseState.REOPENED: "half"}


@bp.get("/cases")
@allow(Permission.READ_LEDGER)
def show_cases() -> ResponseReturnValue:
    """Show every case that the log knows, in numbers."""
    with deps().database.read() as session:
        log = read_log(session)
    return render("audit/cases.html", cases=[_line(case) for case in log.cases.values()], alert=missing_alert(log))


@bp.get("/cases/<uuid:case_id>")
@allow(Permission.READ_LEDGER)
def show_case(case_id: UUID) -> ResponseReturnValue:
    """Show who decided what in one case, and who opened it."""
    with deps().database.read() as session:
        log = read_log(session)
    case = next((case for case in log.cases.values() if case.id == case_id), None)
    if case is None:
        raise UnknownError
    findings = sorted(case.findings, key=lambda finding: finding.act)
    return render(
        "audit/case.html",
        case=_line(case),
        title=_title(case),
        findings=[_finding(finding, log) for finding in findings],
        untaken=[{"ref": act, "type": words.act_text(type_)} for act, type_ in sorted(case.acts.items()) if act not in _taken(case)],
        faults=[{"act": finding.act, "text": str(words.FAULTS[fault])} for finding in findings for fault in finding.faults],
        stories=[_story(finding, log) for finding in findings],
        openings=_openings(case, log),
        links=[_link(entry, case, log) for entry in reversed(case.links)],
        moves=[words.cells(entry, log) for entry in reversed(case.moves)],
        alert=missing_alert(log),
    )


def _line(case: Case) -> dict[str, Any]:
    states = case.states
    return {
        "code": case.code,
        "id": case.id,
        "state": {"text": vocabulary.label("case_state", case.state.value, g.lang), "kind": _SHAPES[case.state]},
        "incidents": case.incidents,
        "acts": len(set(case.acts) | _taken(case)),
        "states": [
            {"text": str(labels.FINDINGS[state.value][0]), "kind": labels.FINDINGS[state.value][1], "count": states[state]}
            for state in FindingState
            if states[state]
        ],
        "signed": len(case.signed),
        "by_two": case.by_two,
        "openings": len(case.openings),
    }


def _title(case: Case) -> str:
    """Say in one line what an auditor came for."""
    acts, signed = len(set(case.acts) | _taken(case)), len(case.signed)
    told = ngettext("%(num)d act", "%(num)d acts", acts)
    if not signed:
        return _("%(code)s: %(acts)s, none signed yet", code=case.code, acts=told)
    if case.by_two == signed:
        return _("%(code)s: %(acts)s, %(signed)d signed, each by at least two people", code=case.code, acts=told, signed=signed)
    return _("%(code)s: %(acts)s, %(signed)d signed, not each by two people", code=case.code, acts=told, signed=signed)


def _taken(case: Case) -> set[str]:
    return {finding.act for finding in case.findings}


def _finding(finding: Finding, log: Log) -> dict[str, Any]:
    one = finding.round
    text, kind = labels.FINDINGS[finding.state.value]
    return {
        "ref": finding.act,
        "type": words.act_text(finding.type),
        "state": {"text": str(text), "kind": kind},
        "level": words.level_words(one.level) if one else None,
        "proposed": log.name(one.proposed.actor) if one and one.proposed else "",
        "reviewed": _reviewer(one, log) if one else "",
        "days": _days(one) if one else None,
        "eyes": words.finding_eyes(finding),
        "further": _further(one, log) if one else [],
    }


def _reviewer(one: Round, log: Log) -> str:
    if one.ended is not None:
        return log.name(one.ended.actor)
    return _("%(name)s, not yet", name=log.name(one.reviewer)) if one.reviewer else ""


def _days(one: Round) -> int | None:
    """Return the days from the proposal to the review, or until today."""
    if one.proposed is None:
        return None
    until = one.ended.day if one.ended else deps().clock().date().isoformat()
    return days_between(one.proposed.day, until)


def _further(one: Round, log: Log) -> list[str]:
    """Return the signatures of the protection officer and of a lead, given or missing."""
    given = {Fault.PROTECTION: one.protection, Fault.LEAD: one.lead}
    open_yet = _("not yet")
    titles = {Fault.PROTECTION: _("protection officer"), Fault.LEAD: _("lead")}
    return [
        f"{titles[part]}: {log.name(entry.actor) if entry else open_yet}"
        for part, entry in given.items()
        if entry is not None or part in one.needed
    ]


def _story(finding: Finding, log: Log) -> dict[str, Any]:
    return {
        "ref": finding.act,
        "type": words.act_text(finding.type),
        "entries": [words.cells(entry, log) for entry in reversed(finding.entries)],
    }


def _openings(case: Case, log: Log) -> list[dict[str, Any]]:
    reports = {entry.record for entry in case.links if entry.case == case.code and entry.kind in SUGGESTED}
    of_case: Counter[str] = Counter(entry.actor for entry in case.openings)
    of_reports: Counter[str] = Counter()
    last: dict[str, Entry] = {entry.actor: entry for entry in case.openings}
    for entry in log.entries:
        if entry.kind == "report.opened" and entry.record in reports:
            of_reports[entry.actor] += 1
            last[entry.actor] = max(entry, last.get(entry.actor, entry), key=lambda item: item.index)
    return [
        {"name": log.name(member), "case": of_case[member], "reports": of_reports[member], "last": words.date_text(entry)}
        for member, entry in sorted(last.items(), key=lambda item: item[1].index, reverse=True)
    ]


def _link(entry: Entry, case: Case, log: Log) -> dict[str, Any]:
    """Return what one entry says of a report and this case; where it names another case, this one was suggested and not taken."""
    row = words.cells(entry, log)
    if entry.case != case.code:
        where = {"code": entry.case, "url": row["url"]}
        return {**row, "kind": _("Suggested, linked elsewhere"), "more": [], "band": _band(entry, case), "elsewhere": where}
    return {**row, "band": _band(entry, case), "elsewhere": None}


def _band(entry: Entry, case: Case) -> str:
    """Return how this case was suggested for the report."""
    if entry.kind == "suggestion.refused":
        return words.choice_word(words.BANDS, entry.word("band"))
    if entry.kind not in SUGGESTED:
        return ""
    bands = [str(row.get("band")) for row in entry.rows("suggested") if row.get("case") == case.code]
    return words.choice_word(words.BANDS, bands[0]) if bands else _("not suggested")
