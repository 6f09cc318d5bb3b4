"""The standard questions of an auditor, answered on one page from the entries alone."""

from collections import Counter
from typing import Any, Final

from flask import url_for
from flask.typing import ResponseReturnValue

from app.audit import words
from app.audit.entries import DIGEST, Entry, report_of
from app.audit.pages import Log, bp, missing_alert, read_log, render
from app.audit.story import Eyes, Fault, Finding, read_reviews
from app.members.policy import Permission
from app.reports.queue import ref_of
from app.store.cases import FindingState
from app.web import labels
from app.web.deps import deps
from app.web.gate import allow
from app.web.sessions import head_keeper

_PEOPLE: Final = ("member.granted", "member.removed")
_PERCENT: Final = 100


@bp.get("/questions")
@allow(Permission.READ_LEDGER)
def show_questions() -> ResponseReturnValue:
    """Answer the questions that an auditor always asks."""
    with deps().database.read() as session:
        log = read_log(session)
    verdict = head_keeper().verify(deps().database, log.head.origin)
    findings = sorted(log.findings.values(), key=lambda finding: (finding.cases, finding.act))
    reviews = read_reviews(findings)
    return render(
        "audit/questions.html",
        verdict={"size": verdict.size, "faults": verdict.faults},
        shut=log.shut,
        alone=[_lacking(finding, log) for finding in findings if finding.faults],
        confirmed=sum(one.is_confirmed for finding in findings for one in finding.rounds),
        broken=[words.cells(entry, log) for entry in log.entries if _is_broken(entry, log)],
        refused=[words.cells(entry, log) for entry in reversed(log.entries) if log.sights[entry.index].eyes is Eyes.REFUSED],
        reviews={
            "ended": reviews.ended,
            "returned": reviews.returned,
            "changed": reviews.changed,
            "share": _share(reviews.returned, reviews.ended),
        },
        times=_times(findings, log),
        cases=_opened_cases(log),
        reports=_opened_reports(log),
        people=[words.cells(entry, log) for entry in reversed(log.entries) if entry.kind in _PEOPLE],
        downloads=[
            {**words.cells(entry, log), "digest": entry.word("digest", DIGEST)[:16]}
            for entry in reversed(log.entries)
            if entry.kind == "log.exported"
        ],
        alert=missing_alert(log),
    )


def _share(part: int, whole: int) -> int:
    return round(_PERCENT * part / whole) if whole else 0


def _is_broken(entry: Entry, log: Log) -> bool:
    """Whether it needed two people and the log shows one; findings are listed apart."""
    return log.sights[entry.index].eyes is Eyes.BROKEN and not entry.kind.startswith("finding.")


def _place(finding: Finding, log: Log) -> dict[str, Any]:
    code = finding.cases[0] if finding.cases else ""
    case = log.cases.get(code)
    return {
        "case": code,
        "url": url_for("audit.show_case", case_id=case.id) if case and case.id else None,
        "act": finding.act,
        "type": words.act_text(finding.type),
    }


def _lacking(finding: Finding, log: Log) -> dict[str, Any]:
    return {**_place(finding, log), "faults": [str(words.FAULTS[fault]) for fault in Fault if fault in finding.faults]}


def _times(findings: list[Finding], log: Log) -> dict[str, Any]:
    """Return the days of each finding in each state; only states that occur are columns."""
    today = deps().clock().date()
    days = {finding.record: finding.days(today) for finding in findings}
    columns = [state for state in FindingState if any(state in found for found in days.values())]
    return {
        "columns": [str(labels.FINDINGS[state.value][0]) for state in columns],
        "rows": [{**_place(finding, log), "days": [days[finding.record].get(state) for state in columns]} for finding in findings],
    }


def _opened_cases(log: Log) -> list[dict[str, Any]]:
    return [
        {
            "code": case.code,
            "url": url_for("audit.show_case", case_id=case.id) if case.id else None,
            "count": len(case.openings),
            "people": _people(case.openings, log),
        }
        for case in log.cases.values()
        if case.openings
    ]


def _opened_reports(log: Log) -> list[dict[str, Any]]:
    found: dict[str, list[Entry]] = {}
    for entry in log.entries:
        if entry.kind == "report.opened":
            found.setdefault(entry.record, []).append(entry)
    rows = [
        {"code": ref_of(report), "count": len(entries), "people": _people(entries, log)}
        for record, entries in found.items()
        if (report := report_of(record)) is not None
    ]
    return sorted(rows, key=lambda row: str(row["code"]))


def _people(entries: list[Entry], log: Log) -> str:
    counted = Counter(log.name(entry.actor) for entry in entries)
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))
