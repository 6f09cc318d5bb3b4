"""Which cases a report may belong to, best first, each with its reasons. Nothing is linked or merged here: a person decides.

The questions are the same whatever answers them: does the report name somebody of the case, and do place, time, acts, relation and
group agree? The detail of a reason is always the report's own words or codes, so that a page can show it without opening the case.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import product
from typing import Final, Literal, NamedTuple

from app.matching.names import SAME, Part, alike, blocks, compare_parts, in_text, is_family, is_it, is_long, parts, tokens

Span = tuple[date | None, date | None]
Band = Literal["likely", "possible", "look"]
Kind = Literal["full", "family", "given"]


class Code(StrEnum):
    """What a reason is about. The list is closed: a page has a sentence for each."""

    NAME_EXILE = "name-exile"
    NAME_RELATIVE = "name-relative"
    NAME_FAMILY_ONLY = "name-family-only"
    NAME_GIVEN_ONLY = "name-given-only"
    SAME_NAME_OTHER_PERSON = "same-name-other-person"
    NO_NAME = "no-name"
    PLACE = "place"
    TIME = "time"
    RELATION = "relation"
    ACTS = "acts"
    AFFILIATION = "affiliation"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a case. `forms` are spellings of the name and nothing else; `relation` is what they are to the exile."""

    id: str
    forms: tuple[str, ...]
    role: Literal["exile", "relative", "other"]
    relation: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a case: its people, towns or districts with old and foreign spellings (no countries), when, what, which groups."""

    case_id: str
    code: str
    people: tuple[Person, ...]
    places: tuple[str, ...]
    spans: tuple[Span, ...]
    acts: frozenset[str]
    affiliations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clues:
    """What a report says: free text in any script, and what was typed into the fields; `relation` is what the exile is to the victim."""

    texts: tuple[str, ...]
    exile: str
    who: str
    where: str
    relation: str | None
    span: Span | None
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that agrees (=), contradicts (≠) or stays open (?), with the report's own words."""

    code: Code
    sign: Literal["=", "≠", "?"]
    detail: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A case to look at. `different` names the cases in which the same words are another person's name."""

    case_id: str
    band: Band
    score: int
    reasons: tuple[Reason, ...]
    different: tuple[str, ...]


_BANDS: Final = ("likely", "possible", "look")
_KINDS: Final = ("full", "family", "given")
_EXILE: Final = {"full": 60, "family": 25, "given": 12}
_RELATIVE: Final = {"full": 40, "family": 20, "given": 12}
_ALSO, _MAX_ALSO = 6, 3  # for each further person
_PLACE, _TIME, _ROUGH_TIME, _RELATION, _ACT, _AFFILIATION = 10, 10, 4, 6, 2, 4

_IN_TEXT, _IN_FIELD = 0.72, 0.5  # how alike a part must be: in free text thousands of words have their chance
_MIN_BONES: Final = 3  # consonants of a place, where only they can be compared
_WINDOW: Final = 3
_MAX_WINDOWS: Final = 16  # of one spelling: a text of nothing but names must not take minutes
_SHORT: Final = 92  # days
_AROUND: Final = frozenset({Code.PLACE, Code.TIME})
_EXILE_IS: Final = {  # relation of a person of the case → what the exile is to them, in the words of the form
    "parent": "child",
    "child": "parent",
    "sibling": "sibling",
    "spouse": "spouse",
    "friend": "friend",
    **dict.fromkeys(["grandparent", "grandchild", "uncle_aunt", "nephew_niece", "cousin", "other_relative"], "other"),
    **dict.fromkeys(["parent_in_law", "child_in_law", "sibling_in_law"], "other"),
}

_ONE_VOWEL: Final = str.maketrans("oe", "ai", "yw")
_LONG: Final = {"a": "ao", "w": "uov", "y": "iyea"}  # what a long vowel of Persian may be written as elsewhere
_SHOWN: Final = {"v": "w", "y": "y"}  # and what Persian never leaves out
_CONSONANTS: Final = str.maketrans("qgGhZ", "kkkxj", "aeiouywv")
_CONSONANT: Final = re.compile("[^aeiouywv]")
_NO_VOWEL: Final = str.maketrans("", "", "aeiouywv")


class _Word(NamedTuple):
    """A word of the report in all readings: typed into a field or from free text; written as names are, large or in caseless letters."""

    part: Part
    typed: bool
    large: bool


class _Found(NamedTuple):
    """A person found in the report: how much of the name, how well, and in which words."""

    kind: Kind
    score: float
    words: tuple[str, ...]


class _Report:
    """The words of a report, each once, and every run of up to three of them."""

    def __init__(self, clues: Clues) -> None:
        self.sources = [(text, False) for text in clues.texts] + [(line, True) for line in (clues.exile, clues.who, clues.where)]
        self.words: list[_Word] = []
        self.runs: set[tuple[int, ...]] = set()
        numbers: dict[tuple[str, bool], int] = {}
        for text, typed in self.sources:
            line = []
            for token in tokens(text):
                if (token, typed) not in numbers:
                    numbers[token, typed] = len(self.words)
                    self.words.append(_word(token, typed=typed))
                line.append(numbers[token, typed])
            self.runs.update(tuple(line[at : at + size]) for size in range(2, _WINDOW + 1) for at in range(len(line) - size + 1))

    def text(self, run: Iterable[int]) -> tuple[str, ...]:
        """Return words as the report has them."""
        return tuple(self.words[number].part.text for number in run)


def _word(token: str, *, typed: bool) -> _Word:
    return _Word(in_text(token), typed, token[0].isupper() or token.lower() == token.upper())


# ── who is named ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _find_people(report: _Report, people: Iterable[Person]) -> dict[tuple[str, ...], _Found]:
    """Return whom the report names, by their forms."""
    forms = {person.forms: [form for form in map(parts, person.forms) if form] for person in people}
    keys: dict[str, dict[str, Part]] = defaultdict(dict)
    for one in {one.text: one for spelled in forms.values() for form in spelled for one in form}.values():
        for key in blocks(one, loose=True):
            keys[key][one.text] = one
    hits: dict[str, dict[int, float]] = defaultdict(dict)
    for number, word in enumerate(report.words):
        for one in {text: one for key in blocks(word.part, loose=word.typed) for text, one in keys.get(key, {}).items()}.values():
            score = alike(word.part, one)
            if score >= (_IN_FIELD if word.typed else _IN_TEXT) and (word.typed or _is_no_chance(word.part, one)):
                hits[one.text][number] = score
    runs = _by_word(report, {number for scores in hits.values() for number in scores})
    found = {names: [one for form in spelled for one in _find(report, form, hits, runs)] for names, spelled in forms.items()}
    return {names: min(some, key=_rank) for names, some in found.items() if some}


def _rank(found: _Found) -> tuple[int, float, int, tuple[str, ...]]:
    return _KINDS.index(found.kind), -found.score, len(found.words), found.words


def _by_word(report: _Report, hit: set[int]) -> dict[int, list[tuple[int, ...]]]:
    """Return word → the runs in which it stands beside another word that may be a name."""
    found: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for run in report.runs:
        mine = hit.intersection(run)
        for number in mine if len(mine) > 1 else ():
            found[number].append(run)
    return found


def _find(
    report: _Report,
    form: Sequence[Part],
    hits: Mapping[str, Mapping[int, float]],
    runs: Mapping[int, list[tuple[int, ...]]],
) -> list[_Found]:
    """Look for one spelling: two of its parts close together, or a part that stands alone."""
    near: dict[tuple[int, ...], dict[str, float]] = defaultdict(dict)
    for one in form if len(form) > 1 else ():
        for number, score in hits.get(one.text, {}).items():
            for run in runs.get(number, ()):
                near[run][one.text] = max(score, near[run].get(one.text, 0.0))
    free = {run: not report.words[run[0]].typed for run in near}
    best = sorted((free[run], -sum(scores.values()), len(run), run) for run, scores in near.items() if len(scores) > 1)
    for _, _, _, run in best[:_MAX_WINDOWS]:
        score = compare_parts([report.words[number].part for number in run], form)
        if score >= SAME:
            return [_Found("full", score, report.text(run))]
    found = []
    for at, one in enumerate(form):
        if one.stems[0].ending == "patronymic":
            continue
        kind: Kind = "family" if is_family(form, at) else "given"
        for number, score in hits.get(one.text, {}).items():
            word = report.words[number]
            if (word.typed or word.large) and is_it(word.part, one):
                found.append(_Found(kind, score, report.text([number])))
    return found


def _is_no_chance(word: Part, one: Part) -> bool:
    """Tell whether a word of free text may be this part, and is no common word that sounds a little like it.

    Short ones must sound the same. A word in Persian letters must have the name's long vowels; short ones it need not have.
    """
    if word.silent != one.silent:
        written, spoken = (word, one) if word.silent else (one, word)
        return any(_reads_as(a.root, b.root) for a, b in product(written.stems, spoken.stems))
    exact = not {stem.root for stem in word.stems}.isdisjoint(stem.root for stem in one.stems)
    return exact or (not one.silent and is_long(word) and is_long(one))


def _reads_as(written: str, spoken: str) -> bool:
    if written.translate(_CONSONANTS) != spoken.translate(_CONSONANTS):
        return False
    gaps = zip(_CONSONANT.split(written.removeprefix("a")), _CONSONANT.split(spoken), strict=True)
    return all(
        all(set(_LONG.get(sign, sign)) & set(heard) for sign in long) and all(_SHOWN[sign] in long for sign in set(heard) & set(_SHOWN))
        for long, heard in gaps
    )


# ── what else agrees ────────────────────────────────────────────────────────────────────────────────────────────────────


def _place_keys(one: Part) -> set[str]:
    """Return the keys of a place: with vowels, o as a and e as i; or consonants only, for it to meet a script without vowels."""
    bones = {f"-{key}" for sound in one.sounds if len(key := sound.translate(_NO_VOWEL)) >= _MIN_BONES}
    return bones if one.silent else bones | {sound.translate(_ONE_VOWEL) for sound in one.sounds}


def _same_place(word: Part, one: Part) -> bool:
    shared = _place_keys(word) & _place_keys(one)
    return any(not key.startswith("-") or word.silent or one.silent for key in shared)


def _find_places(report: _Report, places: Iterable[str]) -> dict[str, str]:
    """Return place → the report's words for it."""
    keys: dict[str, list[int]] = defaultdict(list)
    for number, word in enumerate(report.words):
        if word.typed or word.large:
            for key in _place_keys(word.part):
                keys[key].append(number)
    found = {}
    for place in sorted(places):
        name = parts(place)
        starts = {number for key in (_place_keys(name[0]) if name else ()) for number in keys.get(key, ())}
        runs = {(number,) for number in starts} | {run for run in report.runs if run[0] in starts}
        same = [
            " ".join(report.text(run))
            for run in runs
            if len(run) == len(name) and all(_same_place(report.words[number].part, one) for number, one in zip(run, name, strict=True))
        ]
        if same:
            found[place] = min(same)
    return found


def _find_groups(report: _Report, groups: Iterable[str]) -> dict[str, str]:
    """Return group → the report's words for it; in the group's own spellings only."""
    found = {}
    for text, _ in report.sources:
        words = re.findall(r"\w+", text)
        folded = [word.casefold() for word in words]
        starts: dict[str, list[int]] = defaultdict(list)
        for at, word in enumerate(folded):
            starts[word].append(at)
        for group in groups:
            wanted = re.findall(r"\w+", group.casefold())
            for at in starts.get(wanted[0], ()) if wanted and group not in found else ():
                if folded[at : at + len(wanted)] == wanted:
                    found[group] = " ".join(words[at : at + len(wanted)])
                    break
    return found


def _time(span: Span | None, known: Iterable[Span]) -> int:
    """Return the points for a time that overlaps; where either has an open end, everything would."""
    if span is None or span[0] is None or span[1] is None:
        return 0
    start, end = span[0], span[1]
    points = 0
    for first, last in known:
        if first and last and start <= last and first <= end:
            short = max((end - start).days, (last - first).days) <= _SHORT
            points = max(points, _TIME if short else _ROUGH_TIME)
    return points


# ── how it adds up ──────────────────────────────────────────────────────────────────────────────────────────────────────


class _Seen(NamedTuple):
    """What the report was found to hold, of all cases; `owners`: words → the cases and people of that name."""

    people: Mapping[tuple[str, ...], _Found]
    owners: Mapping[tuple[str, ...], set[tuple[str, str]]]
    places: Mapping[str, str]
    groups: Mapping[str, str]
    exile: str


def suggest(clues: Clues, profiles: Sequence[Profile]) -> tuple[Suggestion, ...]:
    """Return the cases worth a look, best first; the order of the profiles does not matter.

    *likely*: the exile's name agrees in two parts or more, or a relative's does and something else with it. *possible*: less of a name,
    and something else. *look*: a name shared by chance perhaps, or no name at all where place, time and acts agree.
    """
    report = _Report(clues)
    people = _find_people(report, [person for profile in profiles for person in profile.people])
    owners: dict[tuple[str, ...], set[tuple[str, str]]] = defaultdict(set)
    for profile in profiles:
        for person in profile.people:
            if person.forms in people:
                owners[people[person.forms].words].add((profile.case_id, person.id))
    seen = _Seen(
        people=people,
        owners=owners,
        places=_find_places(report, {place for profile in profiles for place in profile.places}),
        groups=_find_groups(report, {group for profile in profiles for group in profile.affiliations}),
        exile=_named_exile(clues.exile),
    )
    made = [one for profile in profiles if (one := _weigh(clues, profile, seen))]
    return tuple(sorted(made, key=lambda one: (_BANDS.index(one.band), -one.score, one.case_id)))


def _named_exile(line: str) -> str:
    """Return the name in the exile's field if it is one: two parts, both written large or one with a family's ending."""
    name = parts(line)
    large = sum(one.text[0].isupper() for one in name)
    return " ".join(tokens(line)) if len(name) > 1 and (large > 1 or any(is_family(name, at) for at in range(len(name)))) else ""


def _weigh(clues: Clues, profile: Profile, seen: _Seen) -> Suggestion | None:
    named = _named(profile, seen)
    kinds = {found.kind for _, found in named}
    exile = next((found.kind for person, found in named if person.role == "exile"), None)
    forms = any(person.forms for person in profile.people if person.role == "exile")
    other_exile = seen.exile if exile != "full" and forms else ""

    reasons = [_name_reason(person, found, exile) for person, found in named]
    if not named:
        reasons.append(Reason(Code.NO_NAME, "?", ""))
    if other_exile:
        reasons.append(Reason(Code.NAME_EXILE, "≠", other_exile))
    different = _namesakes(profile, named, seen)
    if different:
        reasons.append(Reason(Code.SAME_NAME_OTHER_PERSON, "≠", " ".join(named[0][1].words)))
    facts = _facts(clues, profile, seen)
    band = _band(kinds, exile, len(named), {reason.code for _, reason in facts}, contradicted=bool(other_exile))
    if band is None:
        return None
    points = sum(points for points, _ in facts) + min(len(named) - 1, _MAX_ALSO) * _ALSO
    if named:
        person, found = named[0]
        points += round(found.score * (_EXILE if person.role == "exile" else _RELATIVE)[found.kind])
    return Suggestion(profile.case_id, band, min(100, points), (*reasons, *(reason for _, reason in facts)), different)


def _named(profile: Profile, seen: _Seen) -> list[tuple[Person, _Found]]:
    """Return the people of a case whom the report names, the surest first; words that are one's full name are not another's as well."""
    named = sorted(
        ((person, seen.people[person.forms]) for person in profile.people if person.forms in seen.people),
        key=lambda one: (_KINDS.index(one[1].kind), one[0].role != "exile", _rank(one[1]), one[0].id),
    )
    kept: list[tuple[Person, _Found]] = []
    taken: set[str] = set()
    for person, found in named:
        if taken.isdisjoint(found.words):
            kept.append((person, found))
            taken.update(found.words)
    return kept


def _name_reason(person: Person, found: _Found, exile: Kind | None) -> Reason:
    words = " ".join(found.words)
    if person.role == "exile" and found.kind == "full":
        return Reason(Code.NAME_EXILE, "=", words)
    if person.role != "exile" and (found.kind == "full" or exile in ("full", "family")):
        return Reason(Code.NAME_RELATIVE, "=", words)
    return Reason(Code.NAME_FAMILY_ONLY if found.kind == "family" else Code.NAME_GIVEN_ONLY, "?", words)


def _namesakes(profile: Profile, named: Sequence[tuple[Person, _Found]], seen: _Seen) -> tuple[str, ...]:
    """Return the cases in which what names this case best is the name of another person."""
    if not named:
        return ()
    person, found = named[0]
    return tuple(sorted({case for case, owner in seen.owners[found.words] if case != profile.case_id and owner != person.id}))


def _facts(clues: Clues, profile: Profile, seen: _Seen) -> list[tuple[int, Reason]]:
    """Return what agrees beside names, each with its points."""
    facts: list[tuple[int, Reason]] = []
    places = sorted({seen.places[place] for place in profile.places if place in seen.places})
    if places:
        facts.append((_PLACE, Reason(Code.PLACE, "=", places[0])))
    if clues.span and (points := _time(clues.span, profile.spans)):
        first, last = clues.span
        facts.append((points, Reason(Code.TIME, "=", f"{first}" if first == last else f"{first}/{last}")))
    if clues.relation and clues.relation in {_EXILE_IS.get(person.relation or "") for person in profile.people}:
        facts.append((_RELATION, Reason(Code.RELATION, "=", clues.relation)))
    acts = sorted(clues.groups & profile.acts)
    if acts:
        facts.append((min(_ACT * len(acts), 4 * _ACT), Reason(Code.ACTS, "=", ", ".join(acts))))
    groups = sorted({seen.groups[group] for group in profile.affiliations if group in seen.groups})
    if groups:
        facts.append((_AFFILIATION, Reason(Code.AFFILIATION, "=", groups[0])))
    return facts


def _band(kinds: set[Kind], exile: Kind | None, named: int, facts: set[Code], *, contradicted: bool) -> Band | None:
    around = len(facts & _AROUND)
    if exile == "full":
        return "likely"
    if "full" in kinds:
        return "likely" if (around or Code.RELATION in facts) and not contradicted else "possible"
    if named:
        needed = 2 - ("family" in kinds) - (named > 1)
        return "possible" if around >= needed and not contradicted else "look"
    return "look" if around == len(_AROUND) and facts & {Code.ACTS, Code.RELATION} else None
