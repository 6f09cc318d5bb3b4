"""The level of a finding: page, data, code and reviewed rows say the same, and no answer works the wrong way round."""

import json
import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import MalformedError
from app.findings import levels
from app.findings.levels import LEVELS, NEEDS, RULES, Contradiction, Features, Inputs, Statement, Step, compute, derive, explain, judge

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/levels.md").read_text("utf-8")
TABLE: Final = json.loads((ROOT / "app/findings/levels.json").read_text("utf-8"))
EXAMPLES: Final = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
ROWS: Final[dict[str, dict[str, Any]]] = {row["id"]: row for row in EXAMPLES["rows"]}
FLAGS: Final = ("first_hand", "detailed", "consistent", "documentary", "authentic", "accused", "admission")
ANSWERS: Final = ("plausible", "fits_pattern", "agency")
VALUES: Final[dict[str, list[Any]]] = {feature["name"]: feature["values"] for feature in TABLE["features"]}
COMBINATIONS: Final = [Features(**dict(zip(VALUES, chosen, strict=True))) for chosen in product(*VALUES.values())]

some = settings(max_examples=300, deadline=None, database=None)


def height(inputs: Inputs) -> int:
    """Return a level as a number."""
    return LEVELS.index(compute(inputs).level)


# --- reading the page


def table_under(title: str) -> list[list[str]]:
    """Return the cells of the first table of a section, without its head."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    text = next(part for part in section if re.match(rf"\d+\. {re.escape(title)}\n", part))
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def listed(cell: str, separator: str = ", ") -> list[str]:
    """Return the items of a cell; a dash is none."""
    return [] if cell == "–" else cell.split(separator)


def value_of(word: str) -> bool | int:
    """Read a feature's value."""
    return int(word) if word.isdecimal() else {"yes": True, "no": False}[word]


def when_of(cell: str) -> dict[str, list[bool | int]]:
    """Read a condition: `origins 2 or 3; strong yes`."""
    return {part.split(" ")[0]: [value_of(word) for word in part.split(" ", 1)[1].split(" or ")] for part in cell.split("; ")}


def statement_of(cell: str) -> dict[str, Any]:
    """Read a statement: `B2, first hand, origin a, household h`."""
    grade, *words = cell.split(", ")
    named = {word.split(" ", 1)[0]: word.split(" ", 1)[1] for word in words if word.startswith(("origin ", "household "))}
    flags = {word.replace(" ", "_") for word in words if not word.startswith(("origin ", "household "))}
    assert flags <= set(FLAGS)
    return {
        "reliability": grade[0],
        "credibility": int(grade[1:]),
        **{flag: flag in flags for flag in FLAGS},
        "origin": named["origin"],
        "household": named.get("household"),
    }


def contradiction_of(cell: str) -> dict[str, Any]:
    """Read a contradiction: `who, not material, kept open`."""
    about, material, treatment = cell.split(", ")
    return {"about": about, "material": {"material": True, "not material": False}[material], "treatment": treatment.replace(" ", "_")}


def row_of(cells: list[str]) -> dict[str, Any]:
    """Read one line of the table of examples."""
    name, title, statements, answers, contradictions, level, rule = cells
    given_answers = [answer.replace(" ", "_") for answer in listed(answers)]
    assert set(given_answers) <= set(ANSWERS)
    inputs = {
        "statements": [statement_of(each) for each in listed(statements, "<br>")],
        **{answer: answer in given_answers for answer in ANSWERS},
        "contradictions": [contradiction_of(each) for each in listed(contradictions, "<br>")],
    }
    return {"id": name, "title": title, "inputs": inputs, "level": level, "rule": rule}


def test_page_and_table_name_the_same_features() -> None:
    """§4 is the list of features, and the code has these and no others."""
    found = [
        {"name": name, "values": [value_of(word) for word in values.split(", ")], "from": how}
        for name, values, how in table_under("What the table looks at")
    ]

    assert found == TABLE["features"]
    assert list(VALUES) == list(Features.__slots__)


def test_page_and_table_have_the_same_rules() -> None:
    """§5 is the rules, in their order and word for word."""
    found = [
        {"id": name, "level": level, "when": when_of(when), "sentence": sentence, "raise": listed(raises)}
        for name, level, when, sentence, raises in table_under("Rules")
    ]

    assert found == TABLE["rules"]


def test_page_and_table_have_the_same_needs() -> None:
    """§6 is the needs, word for word."""
    found = [
        {"id": name, "level": level, "any": [when_of(way) for way in ways.split(", or ")], "sentence": sentence}
        for name, level, ways, sentence in table_under("What each level needs")
    ]

    assert found == TABLE["needs"]


def test_page_and_examples_have_the_same_rows() -> None:
    """§7 is examples.json, every input of it."""
    assert [row_of(cells) for cells in table_under("Examples")] == EXAMPLES["rows"]


def test_page_and_examples_have_the_same_neighbours() -> None:
    """§8 is the pairs, with the levels and rules of their rows."""
    found = [cells[:2] for cells in table_under("Neighbours")]
    rules = [cells[2] for cells in table_under("Neighbours")]

    assert [[cell.split(" ")[0] for cell in pair] for pair in found] == EXAMPLES["neighbours"]
    assert [[cell.split(" ")[1] for cell in pair] for pair in found] == [
        [ROWS[name]["level"] for name in p] for p in EXAMPLES["neighbours"]
    ]
    assert rules == [" → ".join(ROWS[name]["rule"] for name in pair) for pair in EXAMPLES["neighbours"]]


def test_page_lists_the_inputs_of_a_statement() -> None:
    """§2 explains each field of a statement, in the order of the code."""
    assert [cells[0] for cells in table_under("Inputs")] == list(Statement.__slots__)


def test_page_lists_the_levels() -> None:
    """§1 has the computed levels, and the two that people decide."""
    assert [cells[0] for cells in table_under("Levels")] == [*LEVELS, "LU", "LR"]


# --- the reviewed rows


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_reviewed_row(row: dict[str, Any]) -> None:
    """The code gives what a person wrote down before there was code."""
    outcome = compute(Inputs.from_value(row["inputs"]))

    assert (outcome.level, outcome.rule) == (row["level"], row["rule"])


def test_rows_are_many_and_hit_every_rule() -> None:
    """No rule is without an example, and no row is there twice."""
    assert len(EXAMPLES["rows"]) == len(ROWS) >= 48
    assert {row["rule"] for row in ROWS.values()} == {rule.id for rule in RULES}
    assert sum(row["title"].startswith("I") for row in ROWS.values()) >= 24


def differences(one: Any, other: Any) -> int:
    """Count the answers in which two inputs differ; a whole statement or contradiction more is one."""
    if isinstance(one, dict):
        return sum(differences(one[key], other[key]) for key in one)
    if not isinstance(one, list):
        return int(one != other)
    if len(one) == len(other):
        return sum(map(differences, one, other))
    short, long = sorted((one, other), key=len)
    without_one = [long[:at] + long[at + 1 :] for at in range(len(long))]
    return 1 if short in without_one else len(long) + len(short)


@pytest.mark.parametrize("pair", EXAMPLES["neighbours"], ids="-".join)
def test_neighbours_differ_in_one_answer_and_one_level(pair: list[str]) -> None:
    """The edge between two levels is where the rows say."""
    one, other = (ROWS[name] for name in pair)

    assert differences(one["inputs"], other["inputs"]) == 1
    assert abs(LEVELS.index(one["level"]) - LEVELS.index(other["level"])) == 1


def test_every_rule_has_a_neighbour() -> None:
    """Each rule stands on one side of a tested edge."""
    assert {ROWS[pair[0]]["rule"] for pair in EXAMPLES["neighbours"]} == {rule.id for rule in RULES}


# --- the table


def test_every_combination_has_one_level_read_both_ways() -> None:
    """The first rule that fits gives the highest level whose needs, and all below, are met."""
    assert len(COMBINATIONS) == 4 * 2**7
    for features in COMBINATIONS:
        met = [level for level in LEVELS if all(need.is_met(features) for need in NEEDS if need.level <= level)]
        outcome = judge(features)

        assert outcome.level == met[-1], features
        assert [level for level in LEVELS if level <= outcome.level] == met, features


def test_every_rule_is_reached() -> None:
    """No rule is hidden behind another."""
    assert {judge(features).rule for features in COMBINATIONS} == {rule.id for rule in RULES}


def test_rules_above_the_lowest_level_do_not_overlap() -> None:
    """Order matters only for which reason is named first at L0."""
    for features in COMBINATIONS:
        fitting = [rule for rule in RULES if features.fit(rule.when)]
        assert fitting[0].level == "L0" or len(fitting) == 1, features


def test_rules_name_exactly_the_needs_that_can_be_missing() -> None:
    """The column of the page is true for every combination under its rule."""
    found: dict[str, set[str]] = {rule.id: set() for rule in RULES}
    for features in COMBINATIONS:
        outcome = judge(features)
        found[outcome.rule] |= {name for step in outcome.raises for name in step.missing}

    for rule in RULES:
        assert list(rule.raises) == [need.id for need in NEEDS if need.id in found[rule.id]], rule.id


@pytest.mark.parametrize("way", [0, -1], ids=["first-way", "last-way"])
def test_what_would_raise_it_does(way: int) -> None:
    """Meeting what a step and those before it miss gives the level of that step."""
    needs = {need.id: need for need in NEEDS}
    for features in COMBINATIONS:
        changed = features
        outcome = judge(features)
        assert [step.level for step in outcome.raises] == sorted({step.level for step in outcome.raises})
        assert (outcome.raises == ()) is (outcome.level == LEVELS[-1])
        for step in outcome.raises:
            for name in step.missing:
                changes: dict[str, Any] = {feature: values[0] for feature, values in needs[name].ways[way].items()}
                if not needs[name].is_met(changed):
                    changed = replace(changed, **changes)
            # a second way of meeting a need may carry further than the step promises, never less far
            reached = judge(changed).level
            assert reached == step.level if way == 0 else reached >= step.level, (features, step)


def test_sentences_have_their_own_names() -> None:
    """A name stands for one sentence, and each sentence ends."""
    names = [each.id for each in RULES] + [each.id for each in NEEDS]

    assert len(names) == len(set(names))
    assert all(levels.sentence(name).endswith(".") for name in names)
    assert levels.sentence("nothing-counts") == "Recorded. No statement counts yet."


# --- a second computation, from the words of the decisions


def told_apart(statements: list[Statement]) -> int:
    """Count voices by crossing out: who shares an origin or a household with somebody counted is not counted again."""
    left = list(statements)
    count = 0
    while left:
        first, count = left[0], count + 1
        left = [each for each in left if each.origin != first.origin and (each.household is None or each.household != first.household)]
    return count


def by_the_decisions(inputs: Inputs) -> str:
    """Follow docs/levels.md §3 step by step, without a table."""
    counting = [
        each
        for each in inputs.statements
        if each.reliability in "ABC" and each.credibility in (1, 2, 3) and (not each.accused or each.admission)
    ]
    open_about = {each.about for each in inputs.contradictions if each.material and each.treatment == "unresolved"}
    if not counting or not inputs.plausible or open_about & {"who", "what"}:
        return "L0"
    strong = [
        each for each in counting if each.credibility < 3 and each.detailed and each.consistent and (each.first_hand or each.documentary)
    ]
    origins = told_apart(counting)
    if not strong or (origins == 1 and not inputs.fits_pattern):
        return "L1"
    if origins == 1 or "when" in open_about:
        return "L2"
    enough = origins >= 3 or any(each.documentary and each.authentic for each in counting)
    return "L4" if enough and inputs.agency else "L3"


HOMES: Final = {"a": None, "b": "h", "c": "h", "d": "k", "e": None, "f": None}


def statements(origins: str = "abcde", **fixed: Any) -> st.SearchStrategy[Statement]:
    """Draw statements, good grades more often than bad ones; the household follows from the origin."""
    drawn: dict[str, st.SearchStrategy[Any]] = {
        "reliability": st.sampled_from("ABCABCDEF"),
        "credibility": st.sampled_from((1, 2, 3, 1, 2, 3, 4, 5, 6)),
        **{flag: st.booleans() for flag in FLAGS},
        "accused": st.sampled_from((False, False, True)),
        **{name: st.just(value) for name, value in fixed.items()},
    }
    return st.builds(
        lambda origin, **rest: Statement(origin=origin, household=HOMES[origin], **rest),
        origin=st.sampled_from(origins),
        **drawn,
    )


CONTRADICTIONS: Final = st.builds(
    Contradiction,
    about=st.sampled_from(levels.ABOUT),
    material=st.booleans(),
    treatment=st.sampled_from(levels.TREATMENTS),
)
MOSTLY: Final = st.sampled_from((True, True, True, False))
INPUTS: Final = st.builds(
    Inputs,
    statements=st.lists(statements(), max_size=6).map(tuple),
    plausible=MOSTLY,
    fits_pattern=st.booleans(),
    agency=st.booleans(),
    contradictions=st.lists(CONTRADICTIONS, max_size=2).map(tuple),
)
WITH_STATEMENT: Final = INPUTS.filter(lambda inputs: inputs.statements)


def put(inputs: Inputs, at: int, statement: Statement) -> Inputs:
    """Return the inputs with another statement in one place."""
    return replace(inputs, statements=(*inputs.statements[:at], statement, *inputs.statements[at + 1 :]))


def add(inputs: Inputs, statement: Statement) -> Inputs:
    """Return the inputs with one statement more."""
    return replace(inputs, statements=(*inputs.statements, statement))


@given(INPUTS)
@some
def test_the_table_says_what_the_decisions_say(inputs: Inputs) -> None:
    """Two computations that share no line agree."""
    assert compute(inputs).level == by_the_decisions(inputs)


def test_the_second_computation_agrees_with_the_rows() -> None:
    """The reviewed rows, without the table."""
    assert [by_the_decisions(Inputs.from_value(row["inputs"])) for row in ROWS.values()] == [row["level"] for row in ROWS.values()]


@given(INPUTS, statements("f", reliability="C", credibility=3, accused=False))
@some
def test_another_origin_never_lowers(inputs: Inputs, statement: Statement) -> None:
    """A new voice that counts is one origin more, and never less of a finding."""
    more = add(inputs, statement)

    assert explain(more).origins == explain(inputs).origins + 1
    assert height(more) >= height(inputs)


@given(INPUTS, statements())
@some
def test_another_statement_never_lowers(inputs: Inputs, statement: Statement) -> None:
    """Whatever somebody else says, it takes nothing from what is there."""
    assert height(add(inputs, statement)) >= height(inputs)


@given(WITH_STATEMENT, st.data())
@some
def test_a_better_statement_never_lowers(inputs: Inputs, data: st.DataObject) -> None:
    """Each answer that speaks for a statement, a better letter or number, and all of them together, lower nothing."""
    at = data.draw(st.integers(0, len(inputs.statements) - 1))
    statement = inputs.statements[at]
    better: list[dict[str, Any]] = [{flag: True} for flag in FLAGS if flag != "accused"]
    better += [{"accused": False}]
    better += [{"reliability": letter} for letter in levels.RELIABILITIES if letter < statement.reliability]
    better += [{"credibility": number} for number in levels.CREDIBILITIES if number < statement.credibility]
    better += [{"reliability": "C", "credibility": 2, "accused": False, "first_hand": True, "detailed": True, "consistent": True}]
    for changes in better:
        assert height(put(inputs, at, replace(statement, **changes))) >= height(inputs), changes
    assert put(inputs, at, replace(statement, **better[-1])).statements[at].standing == levels.STRONG


@given(INPUTS, st.sampled_from(ANSWERS))
@some
def test_a_yes_for_the_act_never_lowers(inputs: Inputs, answer: str) -> None:
    """The three answers of the act work upwards only."""
    yes: dict[str, Any] = {answer: True}
    no: dict[str, Any] = {answer: False}

    assert height(replace(inputs, **yes)) >= height(replace(inputs, **no))


@given(INPUTS, CONTRADICTIONS)
@some
def test_another_contradiction_never_raises(inputs: Inputs, contradiction: Contradiction) -> None:
    """A contradiction more lowers where it is unresolved and matters, and changes nothing where it is resolved."""
    more = replace(inputs, contradictions=(*inputs.contradictions, contradiction))

    assert height(more) <= height(inputs)
    if not contradiction.is_unresolved_on("who", "what", "when"):
        assert compute(more) == compute(inputs)


@given(INPUTS, statements(reliability="F") | statements(credibility=6), st.integers(0, 6))
@some
def test_what_cannot_be_judged_changes_nothing(inputs: Inputs, statement: Statement, at: int) -> None:
    """F and 6 are not bad: the outcome is the same, and so is the best grade."""
    more = replace(inputs, statements=(*inputs.statements[:at], statement, *inputs.statements[at:]))

    assert compute(more) == compute(inputs)
    assert (explain(more).origins, explain(more).best) == (explain(inputs).origins, explain(inputs).best)


@given(INPUTS, st.data())
@some
def test_order_does_not_matter(inputs: Inputs, data: st.DataObject) -> None:
    """The outcome is the same for every order of statements and contradictions."""
    mixed = data.draw(st.permutations(inputs.statements))
    other = replace(inputs, statements=tuple(mixed), contradictions=inputs.contradictions[::-1])

    assert compute(other) == compute(inputs)
    assert (explain(other).origins, explain(other).best) == (explain(inputs).origins, explain(inputs).best)


@given(INPUTS)
@some
def test_every_level_can_be_drawn_and_explained(inputs: Inputs) -> None:
    """Features stay within the values of the table, and a finding above L0 has a grade to show."""
    features = derive(inputs)

    assert all(getattr(features, name) in values for name, values in VALUES.items())
    assert len(explain(inputs).standings) == len(inputs.statements)
    assert (explain(inputs).best is None) is (explain(inputs).origins == 0)


# --- what a page says beside the level


def facts_of(name: str) -> tuple[tuple[str, ...], int, str | None, bool]:
    """Return the facts of a reviewed row."""
    facts = explain(Inputs.from_value(ROWS[name]["inputs"]))
    return facts.standings, facts.origins, facts.best, facts.one_read_as_two


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("A01", ((), 0, None, False)),
        ("A02", (("low",), 0, None, False)),
        ("A06", (("strong",), 1, "A2", True)),
        ("A07", (("low",), 0, None, False)),
        ("A08", (("cannot-judge",), 0, None, False)),
        ("A15", (("strong", "strong"), 1, "B2", False)),
        ("A24", (("strong", "counts", "counts", "cannot-judge"), 3, "B2", False)),
        ("A38", (("accused", "strong"), 1, "B2", False)),
        ("P05", (("counts", "strong", "strong"), 1, "B2", False)),
        ("P07", (("counts", "counts", "cannot-judge"), 1, "C3", False)),
        ("P28", (("counts", "counts"), 1, "B3", False)),
    ],
)
def test_facts_of_a_row(name: str, facts: tuple[tuple[str, ...], int, str | None, bool]) -> None:
    """Which statements count, how many origins they have, the best grade, and whether a 1 was read as 2."""
    assert facts_of(name) == facts


def test_a_one_stands_once_another_origin_confirms_it() -> None:
    """With a second origin the 1 is shown as it was given; four origins are four, not three."""
    inputs = Inputs.from_value(ROWS["A06"]["inputs"])
    further = [replace(inputs.statements[0], reliability="C", credibility=3, origin=origin) for origin in "bcd"]

    assert explain(add(inputs, further[0])).best == "A1"
    assert not explain(add(inputs, further[0])).one_read_as_two
    assert explain(replace(inputs, statements=(*inputs.statements, *further))).origins == 4


def test_what_would_raise_a_single_account() -> None:
    """The first step is somebody who was there; then, besides, a second origin; a document and the body come last."""
    assert compute(Inputs.from_value(ROWS["P01"]["inputs"])).raises == (
        Step("L2", ("strong-statement",)),
        Step("L3", ("second-origin",)),
        Step("L4", ("third-origin-or-document", "agency-identified")),
    )


def test_a_second_origin_carries_a_lone_document_two_levels() -> None:
    """A step is named by where it leads."""
    assert compute(Inputs.from_value(ROWS["A28"]["inputs"])).raises == (Step("L4", ("second-origin",)),)


# --- stored form


@given(INPUTS)
@some
def test_inputs_come_back(inputs: Inputs) -> None:
    """What is stored as JSON is read as it was."""
    assert Inputs.from_value(json.loads(json.dumps(inputs.to_value()))) == inputs


GOOD: Final = ROWS["P09"]["inputs"]
STATEMENT: Final = GOOD["statements"][0]
CONTRADICTION: Final = GOOD["contradictions"][0]


def wrong(kind: str, **changes: Any) -> dict[str, Any]:
    """Return good inputs with one wrong thing in a statement, a contradiction or beside them."""
    if kind == "statement":
        return {**GOOD, "statements": [{**STATEMENT, **changes}]}
    if kind == "contradiction":
        return {**GOOD, "contradictions": [{**CONTRADICTION, **changes}]}
    return {**GOOD, **changes}


NO_LIST: Final[list[object]] = [None, {}, (), "", [None], [[]]]  # of objects
BAD: Final[list[object]] = [
    *[wrong("statement", reliability=value) for value in ("", "G", "a", "AB", None, 1, ["A"])],
    *[wrong("statement", credibility=value) for value in (0, 7, -1, "2", 2.0, True, None)],
    *[wrong("statement", **{flag: value}) for flag in FLAGS for value in (0, 1, "yes", None)],
    *[wrong("statement", origin=value) for value in ("", None, 1)],
    *[wrong("statement", household=value) for value in ("", 1, False)],
    *[wrong("statement", more=1)],
    *[wrong("contradiction", about=value) for value in ("", "why", None)],
    *[wrong("contradiction", material=value) for value in (0, "no", None)],
    *[wrong("contradiction", treatment=value) for value in ("", "open", "kept open", None)],
    *[wrong("contradiction", more=1)],
    *[wrong("act", **{answer: value}) for answer in ANSWERS for value in (0, 1, "yes", None)],
    *[wrong("act", statements=value) for value in NO_LIST],
    *[wrong("act", contradictions=value) for value in NO_LIST],
    *[wrong("act", more=1)],
    *[{name: value for name, value in GOOD.items() if name != left_out} for left_out in GOOD],
    *[wrong("act", statements=[{name: STATEMENT[name] for name in STATEMENT if name != left_out}]) for left_out in STATEMENT],
    *[
        wrong("act", contradictions=[{name: CONTRADICTION[name] for name in CONTRADICTION if name != left_out}])
        for left_out in CONTRADICTION
    ],
    *[None, [], "", 1],
]


def test_the_good_form_is_read() -> None:
    """What the list below changes is good before it is changed."""
    assert Inputs.from_value(GOOD).to_value() == GOOD


@pytest.mark.parametrize("value", BAD)
def test_any_other_form_is_refused(value: object) -> None:
    """Wrong letters, missing or further keys, and numbers for answers are no inputs."""
    with pytest.raises(MalformedError):
        Inputs.from_value(value)


@pytest.mark.parametrize("households", [("h", None), (None, "h"), ("h", "k")])
def test_one_origin_has_one_household(households: tuple[str | None, str | None]) -> None:
    """A retelling that names another household is refused, whatever its grade: it would change how many voices there are."""
    statements = tuple(Statement(**{**STATEMENT, "origin": "a", "household": household}) for household in households)
    value = wrong("act", statements=[{**STATEMENT, "origin": "a", "household": household} for household in households])

    assert levels.torn_origins(statements) == ("a",)
    with pytest.raises(MalformedError):
        Inputs.from_value(value)
    with pytest.raises(MalformedError):
        replace(Inputs.from_value(GOOD), statements=(statements[0], replace(statements[1], reliability="F")))


def test_a_household_and_an_origin_of_one_name_are_two_voices() -> None:
    """Ids of households and of origins do not meet."""
    one, other = Statement(**{**STATEMENT, "origin": "a"}), Statement(**{**STATEMENT, "origin": "b", "household": "a"})

    assert explain(replace(Inputs.from_value(GOOD), statements=(one, other))).origins == 2


@pytest.mark.parametrize("spelling", ["asia-plus", "Asia\u2011Plus", " Asia  Plus ", "ASIA–PLUS"])
def test_another_spelling_is_no_second_origin(spelling: str) -> None:
    """A capital, a space or another hyphen must not make one source two."""
    one = {
        "reliability": "B", "credibility": 2, "first_hand": True, "detailed": True, "consistent": True, "documentary": False,
        "authentic": False, "accused": False, "admission": False, "origin": "Asia-Plus", "household": None,
    }  # fmt: skip
    given = {"plausible": True, "fits_pattern": True, "agency": True, "contradictions": []}
    twice = Inputs.from_value({**given, "statements": [one, {**one, "origin": spelling}]})
    other = Inputs.from_value({**given, "statements": [one, {**one, "origin": "Ozodi"}]})

    assert (compute(twice).level, compute(other).level) == ("L2", "L3")
