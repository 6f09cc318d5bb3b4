"""Words for what a report may belong to: suggestions with their reasons, links, and one comparison."""

from collections.abc import Iterable
from typing import Any, Final

from flask import g

from app.cases.links import BANDS, Compared, Link, Suggested
from app.cases.records import CaseItem
from app.cases.vocabulary import Term, label, vocabulary
from app.desk import labels
from app.desk.dates import when_text
from app.i18n.text import day_text, ngettext
from app.i18n.text import gettext as _
from app.i18n.text import lazy_gettext as _l
from app.matching.suggest import Code, Reason

REASONS: Final[dict[tuple[Code, str], Any]] = {
    (Code.NAME_EXILE, "="): _l("The exile’s name agrees"),
    (Code.NAME_EXILE, "≠"): _l("Another person abroad is named"),
    (Code.NAME_RELATIVE, "="): _l("A relative’s name agrees"),
    (Code.NAME_FAMILY_ONLY, "?"): _l("Only a family name is in both"),
    (Code.NAME_GIVEN_ONLY, "?"): _l("Only a first name is in both"),
    (Code.SAME_NAME_OTHER_PERSON, "≠"): _l("The same name is another person’s in another case"),
    (Code.NO_NAME, "?"): _l("No name of this case is in the report"),
    (Code.PLACE, "="): _l("Same place"),
    (Code.TIME, "="): _l("Same time"),
    (Code.RELATION, "="): _l("Same relation to the person abroad"),
    (Code.ACTS, "="): _l("Same kind of pressure"),
    (Code.AFFILIATION, "="): _l("Same group"),
}
COMPARED: Final[dict[str, Any]] = {
    "exile": _l("Exile"),
    "people": _l("People"),
    "place": _l("Place"),
    "time": _l("Time"),
    "acts": _l("Acts"),
    "relation": _l("Relation"),
}
VERDICTS: Final[dict[str, tuple[str, Any]]] = {
    "agrees": ("=", _l("agrees")),
    "differs": ("≠", _l("differs")),
    "open": ("?", _l("cannot be told")),
    "missing": ("?", _l("nothing said")),
}
_BANDS: Final[dict[str, Any]] = {"likely": _l("Likely"), "possible": _l("Possible"), "look": _l("Worth a look")}
_KINDS: Final = {"=": "ok", "≠": "over", "?": ""}


def suggestion_groups(found: Iterable[Suggested], links: Iterable[Link], names: dict[str, str]) -> list[dict[str, Any]]:
    """Return suggestions under their bands, bands without one left out."""
    linked = {link.case.id for link in links}
    rows = {
        band: [_suggestion(item, names, is_linked=item.case.id in linked) for item in found if item.suggestion.band == band]
        for band in BANDS
    }
    return [{"title": str(_BANDS[band]), "cases": rows[band]} for band in BANDS if rows[band]]


def link_rows(links: Iterable[Link], names: dict[str, str]) -> list[dict[str, Any]]:
    """Return the live links of a report in words."""
    return [
        {
            "incident": link.incident.id,
            "case": link.case.body.code,
            "title": link.incident.body.title,
            "when": when_text(link.incident.body.when),
            "type": label("link_type", link.type, g.lang),
            "certainty": label("certainty", link.certainty, g.lang),
            "by": names.get(link.by, ""),
            "day": day_text(link.day),
        }
        for link in links
    ]


def comparison_rows(rows: Iterable[Compared]) -> list[dict[str, Any]]:
    """Return a comparison in words: what the report says is the source's own, but for chosen answers and dates."""
    return [
        {
            "what": str(COMPARED[row.what]),
            "verdict": str(VERDICTS[row.verdict][1]),
            "sign": VERDICTS[row.verdict][0],
            "kind": _KINDS[VERDICTS[row.verdict][0]],
            "report": _report_words(row),
            "own": row.what in ("exile", "people", "place"),
            "case": _case_words(row),
        }
        for row in rows
    ]


def counts_text(incidents: int, acts: int) -> str:
    """Say how much a case holds."""
    return f"{ngettext('%(num)d incident', '%(num)d incidents', incidents)}, {ngettext('%(num)d act', '%(num)d acts', acts)}"


def choices(name: str) -> list[tuple[str, str]]:
    """Return (code, words) of a vocabulary, as a form offers it."""
    return [(term.code, _words(term)) for term in vocabulary(name).active]


def grouped(name: str, groups: Iterable[tuple[str, str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return (title, choices) of a vocabulary whose terms stand in groups; `groups` are (code, title)."""
    return [(title, [(term.code, _words(term)) for term in vocabulary(name).active if term.group == code]) for code, title in groups]


def case_choices(found: Iterable[CaseItem]) -> list[tuple[str, str]]:
    """Return (id, code and title) of cases."""
    return [(str(item.id), f"{item.body.code} – {item.body.title}") for item in found]


def act_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return all kinds of acts in their groups."""
    return grouped("act", choices("act_group"))


def _words(term: Term) -> str:
    return term.label.get(g.lang) or term.label["en"]


def _suggestion(item: Suggested, names: dict[str, str], *, is_linked: bool) -> dict[str, Any]:
    refused = item.refused
    return {
        "id": item.case.id,
        "code": item.case.body.code,
        "title": item.case.body.title,
        "counts": counts_text(item.incidents, item.acts),
        "reasons": [_reason(reason) for reason in item.suggestion.reasons],
        "different": ", ".join(item.different),
        "refused": _("%(name)s, %(day)s", name=names.get(refused["by"], ""), day=day_text(refused["day"])) if refused else None,
        "linked": is_linked,
    }


def _reason(reason: Reason) -> dict[str, Any]:
    detail, is_own = reason.detail, False
    match reason.code:
        case Code.RELATION:
            detail = labels.choice_text("rel", reason.detail)
        case Code.ACTS:
            detail = labels.choice_text("kind", reason.detail.split(", "))
        case Code.TIME:
            detail = when_text(reason.detail)
        case _:
            is_own = True
    text = str(REASONS[reason.code, reason.sign])
    is_namesake = reason.code is Code.SAME_NAME_OTHER_PERSON
    return {"sign": reason.sign, "kind": _KINDS[reason.sign], "text": text, "detail": detail, "own": is_own, "namesake": is_namesake}


def _report_words(row: Compared) -> str:
    match row.what:
        case "relation":
            return labels.choice_text("rel", list(row.report))
        case "acts":
            return labels.choice_text("kind", list(row.report))
        case "time":
            return ", ".join(map(when_text, row.report))
        case _:
            return ", ".join(row.report)


def _case_words(row: Compared) -> str:
    match row.what:
        case "relation":
            return ", ".join(label("relation", code, g.lang) for code in row.case)
        case "acts":
            known = labels.CHOICES["kind"]  # the words of the form where it has them, so that both sides read alike
            return "; ".join(str(known[code]) if code in known else label("act_group", code, g.lang) for code in row.case)
        case "time":
            return "; ".join(map(when_text, row.case))
        case _:
            return ", ".join(row.case)
