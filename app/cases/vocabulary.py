"""The controlled words of a case: one data file per vocabulary, read once and checked (docs/vocabularies.md).

Labels are data with their translations beside them; they do not go through gettext.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from app.errors import MalformedError

FOLDER: Final = Path(__file__).parent / "vocabularies"
NAMES: Final = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
LANGUAGES: Final = ("en", "ru", "tg")

# Three answers that are no term and never the same thing: nobody said, they said they do not know, they prefer not to say.
NOT_STATED: Final = None
UNKNOWN: Final = "unknown"
UNSAID: Final = "unsaid"
WORDS: Final[Mapping[str | None, Mapping[str, str]]] = MappingProxyType(
    {
        NOT_STATED: {"en": "not stated", "ru": "не указано", "tg": "зикр нашудааст"},
        UNKNOWN: {"en": "not known", "ru": "неизвестно", "tg": "номаълум"},
        UNSAID: {"en": "prefers not to say", "ru": "предпочитает не говорить", "tg": "гуфтан намехоҳад"},
    }
)

_CODE: Final = re.compile(r"[A-Za-z0-9_]+")
_RESERVED: Final = frozenset({UNSAID, "not_stated", "none_stated"})
_REQUIRED: Final = frozenset({"code", "label", "definition", "example", "huridocs", "active"})
_FLAGS: Final = frozenset({"consequence", "sexual", "involvement"})
_MARKS: Final = frozenset({"group", "level"})


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a vocabulary.

    Attributes:
        code: what records store; never given to anything else again.
        label: language → words that can stand inside a sentence; English is always there.
        definition: one English sentence.
        example: from the published article, with the number of its incident; empty where the article has none.
        huridocs: codes of the HURIDOCS micro-thesauri, as `MT4 030101`.
        active: whether it is still offered; a retired code stays readable.
        group: for acts their `act_group`, for measures their stage, for closing reasons the state they lead to.
        level: for standards of proof, the level of ours that compares.
        consequence: an act that nobody did: counted apart.
        sexual: an act that needs the protection officer.
        involvement: HURIDOCS counts it as a part somebody had, not as an act.
    """

    code: str
    label: Mapping[str, str]
    definition: str
    example: str
    huridocs: tuple[str, ...]
    active: bool
    group: str | None = None
    level: str | None = None
    consequence: bool = False
    sexual: bool = False
    involvement: bool = False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words for one question; `imports` says which of our codes a foreign word stands for."""

    name: str
    note: str
    by_code: Mapping[str, Term]
    imports: Mapping[str, str | None]

    @property
    def terms(self) -> tuple[Term, ...]:
        """Return all terms in the file's order, retired ones too."""
        return tuple(self.by_code.values())

    @property
    def active(self) -> tuple[Term, ...]:
        """Return the terms that a form offers."""
        return tuple(term for term in self.terms if term.active)

    def term(self, code: str) -> Term:
        """Return one term.

        Raises:
            MalformedError: no such code.
        """
        try:
            return self.by_code[code]
        except KeyError:
            raise MalformedError(f"{self.name} has no term {code!r}") from None

    def accepts(self, code: str | None) -> bool:
        """Whether a record may hold this: a code, retired or not, or one of the three answers that are no term."""
        return code in WORDS or code in self.by_code

    def read(self, word: str | None) -> str | None:
        """Return our code for a word of imported data: the code itself, or what `imports` says.

        Raises:
            MalformedError: neither; the importer must ask a person instead of guessing.
        """
        if word is not None and word in self.imports:
            return self.imports[word]
        if not self.accepts(word):
            raise MalformedError(f"{self.name} does not know {word!r}")
        return word


@cache
def vocabulary(name: str) -> Vocabulary:
    """Return a vocabulary by the name of its file.

    Raises:
        MalformedError: no such vocabulary, or a fault in its file.
    """
    if name not in NAMES:
        raise MalformedError(f"there is no vocabulary {name!r}")
    return parse(name, (FOLDER / f"{name}.json").read_text("utf-8"))


def label(name: str, code: str | None, lang: str) -> str:
    """Return the words for a stored value, in English where the language has none.

    Raises:
        MalformedError: a value that the vocabulary does not accept.
    """
    found = vocabulary(name)
    words = WORDS[code] if code in WORDS else found.term(str(code)).label
    return words.get(lang) or words["en"]


def parse(name: str, text: str) -> Vocabulary:
    """Read the text of a vocabulary file.

    Raises:
        MalformedError: not JSON, another name inside, a term with too little or too much, a code twice, an import of no code.
    """
    try:
        data = json.loads(text, object_pairs_hook=_no_key_twice)
    except ValueError:
        raise MalformedError(f"{name}: not JSON") from None
    if not isinstance(data, dict) or data.keys() - {"imports"} != {"vocabulary", "note", "terms"} or data["vocabulary"] != name:
        raise MalformedError(f"{name}: not the file of this vocabulary")
    by_code: dict[str, Term] = {}
    for raw in data["terms"]:
        term = _read_term(name, raw)
        if term.code in by_code:
            raise MalformedError(f"{name}: {term.code} twice")
        by_code[term.code] = term
    imports: dict[str, str | None] = data.get("imports", {})
    for word, code in imports.items():
        if word in by_code or (code is not NOT_STATED and code not in by_code):
            raise MalformedError(f"{name}: import of {word!r}")
    return Vocabulary(name, data["note"], MappingProxyType(by_code), MappingProxyType(imports))


def _read_term(name: str, raw: dict[str, Any]) -> Term:
    if raw.keys() - _FLAGS - _MARKS != _REQUIRED:
        raise MalformedError(f"{name}: keys of {raw.get('code')!r}")
    code, words = raw["code"], raw["label"]
    if not _CODE.fullmatch(code) or code in _RESERVED:
        raise MalformedError(f"{name}: code {code!r}")
    if words.keys() != set(LANGUAGES) or not all(text.strip() for text in words.values()):
        raise MalformedError(f"{name}: label of {code}")
    if not raw["definition"].strip().endswith("."):
        raise MalformedError(f"{name}: definition of {code}")
    if any(type(raw[flag]) is not bool for flag in (_FLAGS | {"active"}) & raw.keys()):
        raise MalformedError(f"{name}: flags of {code}")
    return Term(**{**raw, "label": MappingProxyType(words), "huridocs": tuple(raw["huridocs"])})


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
