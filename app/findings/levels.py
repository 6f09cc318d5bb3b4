"""The level of a finding, computed from what people answered: the table is levels.json, its reasons are in docs/levels.md.

Pure: the same answers give the same level, at any time and in any order of the statements.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from app.errors import MalformedError

RELIABILITIES: Final = ("A", "B", "C", "D", "E", "F")
CREDIBILITIES: Final = (1, 2, 3, 4, 5, 6)
ABOUT: Final = ("who", "what", "when", "where", "other")
TREATMENTS: Final = ("unresolved", "resolved", "kept_open")
LEVELS: Final = ("L0", "L1", "L2", "L3", "L4")

STRONG: Final = "strong"
COUNTS: Final = "counts"
LOW: Final = "low"
CANNOT_JUDGE: Final = "cannot-judge"
ACCUSED: Final = "accused"

_RELIABLE: Final = ("A", "B", "C")
_CONFIRMED: Final = 1
_PROBABLE: Final = 2
_POSSIBLE: Final = 3
_MANY: Final = 3  # origins from which on their number makes no difference

When: TypeAlias = Mapping[str, Sequence[bool | int]]


def _check_answers(answers: "Statement | Contradiction | Inputs") -> None:
    """Refuse anything but true and false where the answer is yes or no; 1 and 0 equal them in Python and are no answers."""
    if not all(isinstance(getattr(answers, field.name), bool) for field in fields(answers) if field.type is bool):
        raise MalformedError


def _members(value: object, kind: type) -> dict[str, Any]:
    """Return an object's members when they are the fields of the class, no more and no less."""
    if not isinstance(value, dict) or set(value) != {field.name for field in fields(kind)}:
        raise MalformedError
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one source says about one act, graded (docs/levels.md §2).

    Raises:
        MalformedError: a grade, answer or id that there is not.
    """

    reliability: str
    credibility: int
    first_hand: bool
    detailed: bool
    consistent: bool
    documentary: bool
    authentic: bool
    accused: bool
    admission: bool
    origin: str
    household: str | None

    def __post_init__(self) -> None:
        _check_answers(self)
        if self.reliability not in RELIABILITIES or type(self.credibility) is not int or self.credibility not in CREDIBILITIES:
            raise MalformedError
        if not all(isinstance(name, str) and name for name in (self.origin, "none" if self.household is None else self.household)):
            raise MalformedError

    @property
    def standing(self) -> str:
        """`strong` or `counts`; or why it does not count: `cannot-judge`, `low`, `accused`."""
        if self.reliability == RELIABILITIES[-1] or self.credibility == CREDIBILITIES[-1]:
            return CANNOT_JUDGE
        if self.reliability not in _RELIABLE or self.credibility > _POSSIBLE:
            return LOW
        if self.accused and not self.admission:
            return ACCUSED
        witnessed = (self.first_hand or self.documentary) and self.detailed and self.consistent
        return STRONG if witnessed and self.credibility <= _PROBABLE else COUNTS

    @property
    def counts(self) -> bool:
        """Whether it adds to the level."""
        return self.standing in (STRONG, COUNTS)

    @property
    def voice(self) -> tuple[str, str]:
        """What it is counted under: statements of one household, or else of one origin, are one origin, however it is spelt."""
        return ("origin", _folded(self.origin)) if self.household is None else ("household", _folded(self.household))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two readings of one thing, as a person recorded and treated them.

    Raises:
        MalformedError: a word or answer that there is not.
    """

    about: str
    material: bool
    treatment: str

    def __post_init__(self) -> None:
        _check_answers(self)
        if self.about not in ABOUT or self.treatment not in TREATMENTS:
            raise MalformedError

    def is_unresolved_on(self, *about: str) -> bool:
        """Whether it matters, is unresolved, and is about one of these."""
        return self.material and self.treatment == "unresolved" and self.about in about


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that a level follows from; nothing in it is computed.

    Raises:
        MalformedError: an answer that there is not, or statements of one origin that name different households.
    """

    statements: tuple[Statement, ...]
    plausible: bool
    fits_pattern: bool
    agency: bool
    contradictions: tuple[Contradiction, ...]

    def __post_init__(self) -> None:
        _check_answers(self)
        if torn_origins(self.statements):
            raise MalformedError

    @classmethod
    def from_value(cls, value: object) -> Self:
        """Read what `to_value` wrote.

        Raises:
            MalformedError: anything else, by one key or one type.
        """
        members = _members(value, cls)
        if not isinstance(members["statements"], list) or not isinstance(members["contradictions"], list):
            raise MalformedError
        statements = tuple(Statement(**_members(each, Statement)) for each in members["statements"])
        contradictions = tuple(Contradiction(**_members(each, Contradiction)) for each in members["contradictions"])
        return cls(**{**members, "statements": statements, "contradictions": contradictions})

    def to_value(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        value = asdict(self)
        return {**value, "statements": list(value["statements"]), "contradictions": list(value["contradictions"])}


def _folded(word: str) -> str:
    """Return what stands for every spelling of a word: a capital, a space or another hyphen is no second origin."""
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", word).casefold()).strip()


def torn_origins(statements: Iterable[Statement]) -> tuple[str, ...]:
    """Return the origins whose statements name different households: how many voices they are could not be said."""
    households: dict[str, set[str | None]] = {}
    given = tuple(statements)
    for statement in given:
        households.setdefault(_folded(statement.origin), set()).add(statement.household and _folded(statement.household))
    return tuple(dict.fromkeys(item.origin for item in given if len(households[_folded(item.origin)]) > 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the table looks at; `origins` is 0, 1, 2, or 3 for three and more."""

    origins: int
    strong: bool
    document: bool
    plausible: bool
    pattern: bool
    agency: bool
    who_what_unresolved: bool
    when_unresolved: bool

    def fit(self, when: When) -> bool:
        """Whether each feature named has one of its values."""
        return all(getattr(self, name) in values for name, values in when.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the table: under these features this level, in this sentence; `raises` names the needs that may be missing."""

    id: str
    level: str
    when: When
    sentence: str
    raises: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that a level needs, met in any of these ways; its sentence says what would raise the level."""

    id: str
    level: str
    ways: tuple[When, ...]
    sentence: str

    def is_met(self, features: Features) -> bool:
        """Whether the features meet it."""
        return any(features.fit(way) for way in self.ways)


_TABLE: Final = json.loads(Path(__file__).with_name("levels.json").read_text("utf-8"))
RULES: Final = tuple(
    Rule(id=each["id"], level=each["level"], when=each["when"], sentence=each["sentence"], raises=tuple(each["raise"]))
    for each in _TABLE["rules"]
)
NEEDS: Final = tuple(
    Need(id=each["id"], level=each["level"], ways=tuple(each["any"]), sentence=each["sentence"]) for each in _TABLE["needs"]
)
_SENTENCES: Final = {**{rule.id: rule.sentence for rule in RULES}, **{need.id: need.sentence for need in NEEDS}}


@dataclass(frozen=True, slots=True)
class Step:
    """A higher level, and the ids of the needs that are missing for it beside those of the steps before."""

    level: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The level, the rule that gave it, what the rule looked at, and what would raise it, lowest level first."""

    level: str
    rule: str
    features: Features
    raises: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a page says beside the level.

    `standings` follows the order of the statements; `origins` is their full number; `best` is the best grade that counts, or None;
    `one_read_as_two` says that a 1 counted as 2, because nothing of another origin confirms it.
    """

    standings: tuple[str, ...]
    origins: int
    best: str | None
    one_read_as_two: bool


def sentence(name: str) -> str:
    """Return the English sentence of a rule or need."""
    return _SENTENCES[name]


def explain(inputs: Inputs) -> Facts:
    """Say which statements count, how many origins they have, and the best grade among them."""
    counting = [statement for statement in inputs.statements if statement.counts]
    origins = len({statement.voice for statement in counting})
    lowest = _CONFIRMED if origins > 1 else _PROBABLE
    grades = [(max(statement.credibility, lowest), statement.reliability) for statement in counting]
    best = min(grades, default=None)
    return Facts(
        standings=tuple(statement.standing for statement in inputs.statements),
        origins=origins,
        best=None if best is None else f"{best[1]}{best[0]}",
        one_read_as_two=any(statement.credibility < lowest for statement in counting),
    )


def derive(inputs: Inputs) -> Features:
    """Reduce the answers to what the table looks at (docs/levels.md §4)."""
    facts = explain(inputs)
    return Features(
        origins=min(facts.origins, _MANY),
        strong=STRONG in facts.standings,
        document=any(statement.counts and statement.documentary and statement.authentic for statement in inputs.statements),
        plausible=inputs.plausible,
        pattern=inputs.fits_pattern,
        agency=inputs.agency,
        who_what_unresolved=any(each.is_unresolved_on("who", "what") for each in inputs.contradictions),
        when_unresolved=any(each.is_unresolved_on("when") for each in inputs.contradictions),
    )


def judge(features: Features) -> Outcome:
    """Return what the first rule that fits says; the table has one for every combination."""
    rule = next(rule for rule in RULES if features.fit(rule.when))
    return Outcome(level=rule.level, rule=rule.id, features=features, raises=_steps_from(rule.level, features))


def compute(inputs: Inputs) -> Outcome:
    """Return the level of a finding with these answers."""
    return judge(derive(inputs))


def _steps_from(level: str, features: Features) -> tuple[Step, ...]:
    steps: list[Step] = []
    for higher in LEVELS[LEVELS.index(level) + 1 :]:
        missing = tuple(need.id for need in NEEDS if need.level == higher and not need.is_met(features))
        if missing:
            steps.append(Step(higher, missing))
        else:
            steps[-1] = Step(higher, steps[-1].missing)  # nothing more is missing: the step before leads here at once
    return tuple(steps)
