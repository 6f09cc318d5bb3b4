"""No page and no download of the auditor holds a name or a word that came from a source, a case or a member's text box."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any, Final
from uuid import uuid4

import pytest

from app.cases.importing import published
from app.errors import NamedError
from app.findings import review
from tests.audit.walk import GRADING, NOTE, Walk
from tests.conftest import Member

LANGUAGES: Final = ("en", "ru")
MEMBERS: Final = frozenset({"ruth", "nigora", "timur", "salome", "jonas", "edda", "olim"})
_WORD: Final = re.compile(r"\w+")


def published_names() -> set[str]:
    """Return every form of the name of everybody in the published data, and each part of it that is no member's name."""
    data = published()
    forms = {form for person in data["people"] for form in (person["name"], *person.get("variants", []))}
    forms |= {form for item in data["name_variants"] for form in item["forms"]}
    parts = {part for person in data["people"] if not person.get("name_withheld") and not person.get("group") for part in _named(person)}
    return {form.casefold() for form in forms} | (parts - MEMBERS)


def _named(person: dict[str, Any]) -> set[str]:
    """Return the parts of a name that are names: with a capital letter, and longer than an initial."""
    forms = (person["name"].partition(" (")[0], *person.get("variants", []))
    is_a_name = not re.search(r"\b(of|and|who|in)\b", forms[0])
    return {word.casefold() for form in forms for word in _WORD.findall(form) if is_a_name and word.istitle() and len(word) > 3}


def published_texts() -> set[str]:
    """Return titles, quotations and the names of places and bodies: long enough not to be words of our own."""
    data = published()
    found = {item["title"] for item in data["incidents"]} | {item["quote"] for item in data["incidents"]}
    found |= {item["name"] for block in ("places", "organisations") for item in data[block]}
    return {text.casefold() for text in found if len(text) > 3}


def choices(page: str) -> Iterator[dict[str, str]]:
    """Return every value that each list of the form offers, and every case."""
    for name in ("what", "eyes", "member", "type", "week"):
        options = page.split(f'name="{name}">', maxsplit=1)[1].split("</select>", maxsplit=1)[0]
        for value in re.findall(r'<option value="([^"]*)"', options):
            yield {name: value}
    for number in range(1, 14):
        yield {"case": f"C-{number:04d}"}


def crawl(edda: Member) -> Iterator[tuple[str, str]]:
    """Return (where, text) of every page, choice, page of a choice, and download."""
    seen, waiting = {"/audit/d.css"}, ["/audit/", f"/audit/cases/{uuid4()}"]
    while waiting:
        url = waiting.pop()
        if url not in seen:
            seen.add(url)
            yield url, edda.get(url).text
            waiting += [link for link in re.findall(r'href="([^"#]+)"', edda.page.text) if link.startswith("/audit/")]
    page = edda.get("/audit/log").text
    csrf = edda.form("/audit/log").value("csrf")
    for choice in choices(page):
        before: str | None = ""
        while before is not None:
            text = edda.post("/audit/log", {"csrf": csrf, "before": before, **choice}).text
            yield f"{choice} before {before}", text
            turns = re.findall(r'<button name="before" value="(\d+)">', text)
            before = next((turn for turn in turns if not before or int(turn) < int(before)), None)
        yield f"download of {choice}", edda.post("/audit/log.csv", {"csrf": csrf, **choice}).data.decode("utf-8-sig")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_page_and_no_download_holds_a_name(edda: Member, walked: Walk, lang: str) -> None:
    """Everything that anybody typed on the walk, and everybody in the published data."""
    edda.press("/audit/language", ("l", lang))
    typed = {word.casefold(): field for field, words in walked.typed.items() for word in words}
    names, texts = published_names(), published_texts()
    assert len(typed) > 150
    assert len(names) > 60

    pages, notes = 0, 0
    for where, raw in crawl(edda):
        text = unescape(raw).casefold()
        words = set(_WORD.findall(text))
        assert {field for word, field in typed.items() if word in text} == set(), where
        assert {name for name in names if name in words or (" " in name and name in text)} == set(), where
        assert {piece for piece in texts if piece in text} == set(), where
        pages, notes = pages + 1, notes + (NOTE.casefold() in text)

    assert pages > 120
    assert notes > 10


def test_the_walk_typed_into_every_box(walked: Walk) -> None:
    """What the crawl looks for covers each free text of the records."""
    assert {
        *(f"linked {name}" for name in ("text", "who", "exile", "when", "where", "by", "aim")),
        *("addition", "gist", "summary", "translation", "internal", "letter", "reopening", "withdrawing", "unlinking"),
        *("exile", "other", "title", "place", "relative", "act", "incident", "open", "label", "deed", "question"),
        *(f"held {name}" for name in ("who", "how", "origin", "household", "reading_a", "source_a", "reading_b", "source_b", "why")),
        *(f"held {name}" for name in ("confirm", "refute", "for", "against", "reasoning")),
        *("returning", "confirming", "disputing", "settling", "again", "approving", "refuting"),
    } <= set(walked.typed)


@pytest.mark.parametrize("pattern", ["{}", "He says that {} was held.", "{}.", "({})", "“{}”, again", "see:{}", "{}’s mother"])
@pytest.mark.parametrize("whose", ["exile", "relative"])
@pytest.mark.parametrize("script", [0, 1], ids=["latin", "cyrillic"])
def test_a_note_with_a_name_of_the_case_is_refused(walked: Walk, pattern: str, whose: str, script: int) -> None:
    """In a sentence, with signs around it, and in either script."""
    walked.enter("Ruth")
    walked.step("Ruth", "grave", review.take)
    typed = walked.assessment("grave", GRADING)

    with pytest.raises(NamedError):
        walked.step("Ruth", "grave", review.propose, typed=typed, note=pattern.format(walked.typed[whose][script]))
