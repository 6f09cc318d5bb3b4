"""Entries in words: what the pages and the download show of each. Codes get their labels from the vocabularies, in the page's language."""

from typing import Any, Final

from flask import g, url_for

from app.audit.choice import What
from app.audit.entries import ID, RECORD, Entry, report_of
from app.audit.pages import Log
from app.audit.story import Eyes, Fault, Finding, Sight, sight_of
from app.cases import vocabulary
from app.i18n.text import day_text, ngettext
from app.i18n.text import gettext as _
from app.i18n.text import lazy_gettext as _l
from app.reports.queue import ref_of
from app.web import labels

WHATS: Final[dict[What, Any]] = {
    What.EVERYTHING: _l("Everything"),
    What.DECISIONS: _l("Decisions"),
    What.OPENINGS: _l("Openings"),
    What.REFUSALS: _l("Refusals"),
    What.PEOPLE: _l("People"),
}
EYES: Final[dict[Eyes, Any]] = {
    Eyes.BOTH: _l("Two people"),
    Eyes.HALF: _l("One of two"),
    Eyes.REFUSED: _l("Refused"),
    Eyes.BROKEN: _l("Not two people"),
}
FAULTS: Final[dict[Fault, Any]] = {
    Fault.ALONE: _l("The entries do not show two different people."),
    Fault.COUNT: _l("The entry names another number of people than signed."),
    Fault.PROTECTION: _l("A protection officer had to sign and did not."),
    Fault.LEAD: _l("A lead had to sign and did not."),
}
_REFERENCES: Final[dict[str, Any]] = {
    "place": _l("a place"),
    "organisation": _l("a body"),
    "trigger": _l("a trigger"),
    "publication": _l("a publication"),
    "stage_event": _l("an event abroad"),
    "pattern": _l("a pattern"),
}
_PERSONS: Final[dict[str, Any]] = {"exile": _l("the exile"), "relative": _l("a relative"), "other": _l("somebody near")}
_CHANGES: Final[dict[str, Any]] = {
    "question": _l("a question asked"),
    "answer": _l("a question closed"),
    "distinct": _l("two people told apart"),
    "priority": _l("priority"),
    "linked": _l("a report linked"),
    "unlinked": _l("a link taken back"),
}
BANDS: Final[dict[str, Any]] = {"likely": _l("likely"), "possible": _l("possible"), "look": _l("worth a look")}
_DRAFTS: Final[dict[str, Any]] = {"grant": _l("a grant"), "remove": _l("a removal")}
_COUNTS: Final[dict[int, Any]] = {2: _l("two people"), 3: _l("three people"), 4: _l("four people")}
_TICKS: Final = ("L0", "L1", "L2", "L3", "L4")


def week_text(week: str) -> str:
    """Return an ISO week in words."""
    return _("Week %(week)d, %(year)s", week=int(week[-2:]), year=week[:4]) if week else _("No week")


def date_text(entry: Entry, pattern: str = "EEE d MMM") -> str:
    """Return an entry's day."""
    return day_text(entry.day, pattern) if entry.day else ""


def act_text(code: str) -> str:
    """Return the words for a type of act."""
    return vocabulary.label("act", code, g.lang) if code else ""


def level_words(code: str) -> dict[str, str] | None:
    """Return a level as its code, its word and the shape of its badge; what was not computed has no ticks."""
    if not code:
        return None
    return {"code": code, "text": vocabulary.label("level", code, g.lang), "shape": code.lower() if code in _TICKS else ""}


def people_text(count: int) -> str:
    """Return how many different people signed."""
    return str(_COUNTS[count]) if count in _COUNTS else ngettext("%(num)d person", "%(num)d people", count)


def eyes_words(sight: Sight) -> dict[str, str]:
    """Return the four eyes in words, with a sign and a shape."""
    match sight.eyes:
        case Eyes.BOTH:
            return {"text": f"✓ {people_text(sight.people)}", "kind": "ok"}
        case Eyes.HALF:
            return {"text": "◐ " + _("one of two"), "kind": "due"}
        case Eyes.BROKEN:
            return {"text": "✕ " + _("not two people"), "kind": "over"}
        case Eyes.REFUSED:
            return {"text": "✕ " + _("refused"), "kind": "over"}
        case _:
            return {"text": _("not needed"), "kind": ""}


def finding_eyes(finding: Finding) -> dict[str, str]:
    """Return the four eyes of a finding's newest round."""
    return eyes_words(sight_of(finding.round)) if finding.round else {"text": _("not proposed"), "kind": ""}


def reasons_text(entry: Entry) -> list[str]:
    """Return the reasons in words; a code of no list is not repeated."""
    return [_reason(code) for code in entry.words("reasons")]


def kind_text(entry: Entry) -> str:
    """Return what an entry records."""
    return labels.entry_text({"kind": entry.kind, "details": entry.details})


def record_text(entry: Entry, log: Log) -> str:
    """Return the short name of a record that has no page of the auditor's."""
    report = report_of(entry.record)
    if report is not None:
        return ref_of(report)
    if entry.record_kind == "member":
        return log.name(entry.record_id)
    return "" if entry.act or entry.case else f"{entry.record_kind} {entry.record_id[:8]}".strip()


def more_texts(entry: Entry, log: Log) -> list[str]:
    """Return what else the details say, in words."""
    return [text for text in (*_steps(entry), *_links(entry), *_subjects(entry, log), *reasons_text(entry)) if text]


def cells(entry: Entry, log: Log) -> dict[str, Any]:
    """Return one row of the list."""
    case = log.cases.get(entry.case)
    return {
        "index": entry.index,
        "day": date_text(entry),
        "week": entry.week,
        "kind": kind_text(entry),
        "type": act_text(entry.type),
        "more": more_texts(entry, log),
        "note": entry.note,
        "actor": log.name(entry.actor),
        "role": labels.roles_text(entry.roles),
        "case": entry.case,
        "url": url_for("audit.show_case", case_id=case.id) if case and case.id else None,
        "act": entry.act,
        "record": record_text(entry, log),
        "grades": " ".join(entry.grades),
        "level": level_words(entry.level),
        "eyes": eyes_words(log.sights[entry.index]),
        "refused": log.sights[entry.index].eyes is Eyes.REFUSED,
    }


def choice_word(known: dict[str, Any], code: str) -> str:
    """Return the words for a code, or nothing."""
    return str(known[code]) if code in known else ""


def state_text(entry: Entry, name: str) -> str:
    """Return a state that an entry names, in words."""
    code = entry.word(name)
    if entry.kind.startswith("case."):
        return vocabulary.label("case_state", code, g.lang) if code in vocabulary.vocabulary("case_state").by_code else ""
    if entry.kind.startswith("finding."):
        return str(labels.FINDINGS[code][0]) if code in labels.FINDINGS else ""
    return choice_word(labels.REPORTS, code)


def _steps(entry: Entry) -> list[str]:
    before, after = state_text(entry, "from"), state_text(entry, "to")
    if before and after:
        return [_("from %(before)s to %(after)s", before=before, after=after)]
    if entry.kind == "finding.taken":
        return [_("taken over")] if entry.word("from") == "in_assessment" else []
    return [text for text in (_("from %(state)s", state=before) if before else "", _("to %(state)s", state=after) if after else "") if text]


def _links(entry: Entry) -> list[str]:
    found = []
    if entry.kind in ("report.linked", "report.accepted"):
        found += [_term("link_type", entry.word("type")), _term("certainty", entry.word("certainty"))]
        count = entry.number("incidents")
        found.append(ngettext("%(num)d incident", "%(num)d incidents", count) if count is not None else "")
    if entry.kind == "suggestion.refused" and entry.word("band"):
        found.append(_("was suggested: %(band)s", band=choice_word(BANDS, entry.word("band"))))
    for name in ("of", "by", "no_longer"):
        report = report_of(entry.word(name, RECORD))
        if report is not None:
            found.append(ref_of(report))
    return found


def _subjects(entry: Entry, log: Log) -> list[str]:
    match entry.kind:
        case "finding.assigned":
            reviewer = entry.word("reviewer", ID)
            return [_("to %(name)s", name=log.name(reviewer))] if reviewer else []
        case "finding.approved":
            is_returned = entry.word("decision") == "return"
            return [_("as protection officer: returned")] if is_returned else []
        case "finding.proposed" | "finding.confirmed":
            origins = entry.number("origins")
            standard = entry.word("standard")
            told = ngettext("%(num)d origin", "%(num)d origins", origins) if origins is not None else ""
            return [told, _term("standard_of_proof", standard)]
        case "member.invited" | "member.granted":
            role = entry.word("role")
            return [labels.roles_text([role])] if role in labels.ROLES else []
        case "manifest.proposed":
            member = entry.word("member", ID)
            taken_back = _("taken back") if "withdrawn" in entry.details else ""
            asked = _("a lead asks to take it back") if "to_withdraw" in entry.details else ""
            return [choice_word(_DRAFTS, entry.word("what")), log.name(member) if member else "", taken_back, asked]
        case "reference.created":
            return [choice_word(_REFERENCES, entry.word("kind"))]
        case "person.created":
            return [choice_word(_PERSONS, entry.word("role"))]
        case "case.changed" | "incident.changed":
            return [choice_word(_CHANGES, entry.word("what"))]
        case "log.exported":
            count = entry.number("entries")
            return [ngettext("%(num)d entry", "%(num)d entries", count)] if count is not None else []
    return []


def _reason(code: str) -> str:
    for name in ("objection", "closing_reason"):
        if code in vocabulary.vocabulary(name).by_code:
            return vocabulary.label(name, code, g.lang)
    return str(labels.REFUSED.get(code, _("another reason")))


def _term(name: str, code: str) -> str:
    return vocabulary.label(name, code, g.lang) if code in vocabulary.vocabulary(name).by_code else ""
