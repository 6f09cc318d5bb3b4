"""The texts: the catalogue is whole, the words are the agreed ones, the public sentences are short."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from configparser import RawConfigParser
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from app.i18n.languages import CATALOGUES, ENDONYMS, SOURCE, Languages

ROOT = Path(__file__).parents[1]
CODES = sorted(folder.name for folder in CATALOGUES.iterdir() if folder.is_dir())
TRANSLATED = [code for code in CODES if code != SOURCE]
PUBLIC_FOLDER = "app/intake/"
REFUSALS = "app/web/refusals.py"  # its words may stand on a page of either side
NEUTRAL = "There is a question for you. You can answer here, or leave it. Only if it is safe for you."
LONG_ALLOWED: frozenset[str] = frozenset()
MOST_WORDS = 20
NEVER = re.compile(
    r"\b(password|login|username|complaints?|testimony|encrypt\w*|victims?|regime|torture\w*|investigators?"
    r"|emergency|escape|exiles?|dissidents?|terms|rescue|why)\b",
    re.IGNORECASE,
)
NEVER_RU = re.compile(
    r"\b(парол|логин|жалоб|показани|зашифров|жертв|режим|пытк|пыток|следовател|экстренн|изгнанни|диссидент|заявител|заявлени"
    r"|спасени|просьба|необходимо|гарантир|сама?\b)",
    re.IGNORECASE,
)

Forms = tuple[str, ...]


def forms(text: object) -> Forms:
    """Return a text as its forms: one, or one for each number."""
    return tuple(str(form) for form in text) if isinstance(text, list | tuple) else (str(text),)


@cache
def texts() -> dict[Forms, frozenset[str]]:
    """Return each source text with the files that use it, as `make messages` collects them."""
    cfg = RawConfigParser()
    cfg.read(ROOT / "app/i18n/babel.cfg", "utf-8")
    methods = [(pattern, kind) for kind, pattern in (section.split(": ") for section in cfg.sections())]
    found: dict[Forms, frozenset[str]] = {}
    for file, _line, message, _comments, _context in extract_from_dir(ROOT, methods, keywords={**DEFAULT_KEYWORDS, "_l": None}):
        found[forms(message)] = found.get(forms(message), frozenset()) | {file}
    return found


def test_no_text_hides_in_a_formatted_string() -> None:
    """Babel does not look into them, so such a text would stay English on every page."""
    hidden = re.compile(r"""f(['"]).*\{_\(""")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "app").rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if hidden.search(line)
    ]
    assert found == []


@cache
def catalogue(code: str) -> Catalog:
    """Return the catalogue of a language, by what its own header says."""
    with (CATALOGUES / code / "LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file)


def pairs(code: str) -> Iterator[tuple[Forms, Forms]]:
    """Return each source text with its translation."""
    return ((forms(message.id), forms(message.string)) for message in catalogue(code) if message.id)


def public() -> list[Forms]:
    """Return the source texts that a source may read."""
    return [
        text
        for text, files in texts().items()
        if text == (NEUTRAL,) or any(file.startswith(PUBLIC_FOLDER) or file == REFUSALS for file in files)
    ]


def placeholders(text: str) -> Counter[str]:
    return Counter(re.findall(r"%\(\w+\)[sd]|%", text))


def test_texts_are_found() -> None:
    assert len(public()) > 150
    assert (NEUTRAL,) in texts()
    assert ("%(num)d report", "%(num)d reports") in texts()


@pytest.mark.parametrize("code", TRANSLATED)
def test_header_names_language_and_plurals(code: str) -> None:
    assert str(catalogue(code).locale) == code
    assert (catalogue(code).charset or "").casefold() == "utf-8"
    assert code != "ru" or catalogue(code).num_plurals == 3


@pytest.mark.parametrize("code", TRANSLATED)
def test_catalogue_is_what_the_code_says(code: str) -> None:
    known = {source for source, _ in pairs(code)}
    assert texts().keys() - known == set(), "missing"
    assert known - texts().keys() == set(), "unused"
    assert not catalogue(code).obsolete
    assert [message.id for message in catalogue(code) if message.id and message.fuzzy] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated(code: str) -> None:
    assert [source for source, own in pairs(code) if not all(form.strip() for form in own)] == []
    plurals = catalogue(code).num_plurals
    assert [source for source, own in pairs(code) if len(own) != (1 if len(source) == 1 else plurals)] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_placeholders_agree(code: str) -> None:
    wrong = [(source, form) for source, own in pairs(code) for form in own if placeholders(form) != placeholders(source[-1])]
    assert wrong == []


def test_nothing_looks_like_markup() -> None:
    """Jinja marks translations safe: a text that needs escaping must not exist."""
    shown = [form for text in texts() for form in text]
    shown += [form for code in TRANSLATED for _, own in pairs(code) for form in own]
    assert [form for form in shown if re.search("[<>&]", form)] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_translations_are_not_much_longer(code: str) -> None:
    long = {form for source, own in pairs(code) for form in own if len(form) > 1.8 * max(map(len, source)) + 20}
    assert long == LONG_ALLOWED


@pytest.mark.parametrize("code", TRANSLATED)
def test_ends_agree(code: str) -> None:
    """A question stays a question, a label gets no full stop."""
    ends = [(source[0][-1:], form[-1:]) for source, own in pairs(code) for form in own]
    assert [pair for pair in ends if (pair[0] == ".") != (pair[1] == ".")] == []
    assert [pair for pair in ends if pair[0] == ":" != pair[1]] == []


def test_public_texts_avoid_words() -> None:
    assert [form for text in public() for form in text if NEVER.search(form)] == []


def test_public_russian_avoids_words() -> None:
    """No word that alarms or blames, no word that takes the reader for a man or a woman, no capital Вы."""
    readable = [form for source, own in pairs("ru") if source in public() for form in own]
    assert [form for form in readable if NEVER_RU.search(form) or "!" in form] == []
    assert [form for form in readable if re.search(r"[\w,] (Вы|Вам|Вас|Ваш\w*)\b", form)] == []


def test_public_sentences_are_short() -> None:
    sentences = [sentence for text in public() for form in text for sentence in re.split(r"[.?!:] ", form)]
    assert [sentence for sentence in sentences if len(sentence.split()) > MOST_WORDS] == []


@pytest.mark.parametrize("code", CODES)
def test_language_says_whether_it_is_reviewed(code: str) -> None:
    status = tomllib.loads((CATALOGUES / code / "status.toml").read_text("utf-8"))
    reviewed = status["reviewed_by_native_speaker"]
    assert isinstance(reviewed, bool)
    assert code in ENDONYMS
    every, only = Languages(only_reviewed=False), Languages(only_reviewed=True)
    assert code in every.codes
    assert (code in only.codes) is reviewed
    assert only.choose(code) == (code if reviewed else SOURCE)
    assert [button.reviewed for button in every.buttons(SOURCE) if button.code == code] == [reviewed]


def test_only_languages_with_texts_are_offered() -> None:
    assert sorted(Languages(only_reviewed=False).codes) == CODES
    assert SOURCE in Languages(only_reviewed=True).codes
