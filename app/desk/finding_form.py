"""The form of an assessment: what was typed, read into an `Assessment`, and back into rows. A row that is empty is no row."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask import g

from app.cases.vocabulary import label, vocabulary
from app.desk.finding_labels import QUESTIONS
from app.findings.levels import CREDIBILITIES
from app.findings.records import ANSWERS, is_graded, is_treated, torn_origins
from app.findings.review import MAX_CONTRADICTIONS, MAX_STATEMENTS, Assessment
from app.findings.states import LEVEL
from app.reports.answers import tidy

EMPTY: Final = 2  # rows that wait for more; each save brings new ones
TEXTS: Final = ("confirm", "refute", "speaks_for", "speaks_against", "reasoning")
_SAID: Final = ("who", "how", "origin", "household", "cites", "interest", "access", "reliability", "credibility")
_READINGS: Final = ("reading_a", "source_a", "reading_b", "source_b", "why")
_TREATED: Final = ("about", "material", "treatment")
_FIELD: Final = re.compile(
    rf"(?:{'|'.join((*TEXTS, *ANSWERS, 'standard', 'decision', 'note'))}"
    rf"|s\d\d?-(?:{'|'.join((*_SAID, *QUESTIONS, 'drop'))})|c\d\d?-(?:{'|'.join((*_READINGS, *_TREATED, 'drop'))}))"
)
_TRUTH: Final = {"yes": True, "no": False}
_NUMBERS: Final = tuple(map(str, CREDIBILITIES))


def is_field(name: str) -> bool:
    """Whether the form has a field of this name."""
    return _FIELD.fullmatch(name) is not None


def is_form(form: Mapping[str, str]) -> bool:
    """Whether a request brought an assessment."""
    return "decision" in form


def read(form: Mapping[str, str]) -> Assessment:
    """Read the form. One answer on the household of an origin is enough: statements of it that have none take it."""
    statements = tuple(_statements(form))
    homes = {item["grading"]["origin"]: home for item in statements if (home := item["grading"]["household"])}
    for item in statements:
        grading = item["grading"]
        grading["household"] = grading["household"] or (homes.get(grading["origin"]) if grading["origin"] else None)
    texts = {name: tidy(form.get(name, "")) for name in TEXTS}
    return Assessment(
        statements=statements,
        answers={name: _TRUTH.get(form.get(name, "")) for name in ANSWERS},
        contradictions=tuple(_contradictions(form)),
        standard=form.get("standard") or None,
        decision=form.get("decision", LEVEL),
        **texts,
    )


def typed_text(form: Mapping[str, str]) -> str:
    """Return everything that somebody wrote by hand, to be copied where the form cannot be shown."""
    names = [name for name in form if name in TEXTS or name.partition("-")[2] in ("who", "how", *_READINGS)]
    return "\n\n".join(text for name in names if (text := tidy(form[name]).strip()))


def statement_rows(given: Assessment) -> list[dict[str, Any]]:
    """Return the statements as the form shows them, and empty ones; a row with something open is unfolded."""
    torn = torn_origins(given.statements)
    rows = [
        {
            "title": item["who"],
            "grade": f"{item['grading']['reliability']}{item['grading']['credibility']}" if is_graded(item) else "",
            "values": {**item, **item["grading"], "cites": _cited(item)},
            "is_torn": item["grading"]["origin"] in torn,
            "is_open": not is_graded(item) or item["grading"]["origin"] in torn,
        }
        for item in given.statements
    ]
    spare = min(EMPTY, MAX_STATEMENTS - len(rows))
    return rows + [{"title": "", "grade": "", "values": {}, "is_torn": False, "is_open": False} for _ in range(spare)]


def contradiction_rows(given: Assessment) -> list[dict[str, Any]]:
    """Return the contradictions as the form shows them, and empty ones."""
    rows = [
        {
            "title": " / ".join(filter(None, (item["reading_a"], item["reading_b"]))),
            "values": {**item, "material": {True: "yes", False: "no"}.get(item["material"], "")},
            "is_open": not is_treated(item),
        }
        for item in given.contradictions
    ]
    spare = min(EMPTY, MAX_CONTRADICTIONS - len(rows))
    return rows + [{"title": "", "values": {}, "is_open": False} for _ in range(spare)]


def graded(name: str) -> list[tuple[str, str]]:
    """Return (code, words) of one half of the Admiralty code, as `C – fairly reliable`."""
    return [(term.code, f"{term.code} – {label(name, term.code, g.lang)}") for term in vocabulary(name).active]


def _statements(form: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for at in range(MAX_STATEMENTS + EMPTY):
        said = {name: form.get(f"s{at}-{name}", "").strip() for name in _SAID}
        ticks = {name: form.get(f"s{at}-{name}") == "1" for name in QUESTIONS}
        if form.get(f"s{at}-drop") == "1" or not (any(said.values()) or any(ticks.values())):
            continue
        kind, _, cited = said["cites"].partition(":")
        number = said["credibility"]
        yield {
            "who": tidy(said["who"]),
            "how": tidy(said["how"]),
            "publication": cited if kind == "p" else None,
            "report": cited if kind == "r" else None,
            "interest": said["interest"] or None,
            "access": said["access"] or None,
            "grading": {
                "reliability": said["reliability"] or None,
                "credibility": int(number) if number in _NUMBERS else None,
                **ticks,
                "origin": said["origin"],
                "household": said["household"] or None,
            },
        }


def _contradictions(form: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for at in range(MAX_CONTRADICTIONS + EMPTY):
        texts = {name: tidy(form.get(f"c{at}-{name}", "")).strip() for name in _READINGS}
        codes = {name: form.get(f"c{at}-{name}", "") for name in _TREATED}
        if form.get(f"c{at}-drop") == "1" or not (any(texts.values()) or any(codes.values())):
            continue
        material = _TRUTH.get(codes["material"])
        yield {**texts, "about": codes["about"] or None, "material": material, "treatment": codes["treatment"] or None}


def _cited(item: Mapping[str, Any]) -> str:
    if item["publication"]:
        return f"p:{item['publication']}"
    return f"r:{item['report']}" if item["report"] else ""
