"""Drawings: every bound has its place, the scale fits the span, marks say no more than the date does."""

import re
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.cases.dates import FuzzyDate, parse
from app.desk.drawings import (
    HEIGHT,
    MOST_COLUMNS,
    MOST_PEOPLE,
    STEPS,
    WIDTH,
    Axis,
    Mark,
    axis_for,
    bands,
    clip,
    label_years,
    mark,
    tree,
)

some = settings(max_examples=200, deadline=None, database=None)
DAYS: Final = st.dates(date(1900, 1, 1), date(2100, 12, 31))
E02: Final = ("2016-09", "2016-09-22", "2016-09-23", "2016-09-22/..", "2016-09-23/2016-12-20", "2016-09-23/..", None)


def axis_of(*texts: str | None) -> Axis:
    """Return the axis of dates that have a bound."""
    found = axis_for(parse(text) for text in texts)
    assert found is not None
    return found


def numbers(path: str) -> list[float]:
    """Return the numbers of a path."""
    return [float(number) for number in re.findall(r"-?[0-9.]+", path)]


def test_a_few_months_are_drawn_in_months() -> None:
    axis = axis_of(*E02)

    assert (axis.step, axis.columns) == (1, 6)
    assert (axis.ticks[0], axis.ticks[-1]) == (date(2016, 8, 1), date(2017, 1, 1))
    assert label_years(axis.ticks) == [True, False, False, False, False, True]
    assert axis.grid == "M100.0 0v40M200.0 0v40M300.0 0v40M400.0 0v40M500.0 0v40"


@pytest.mark.parametrize(
    ("first", "last", "step"),
    [
        ("2016-09-22", "2016-09-22", 1),
        ("2016-01", "2016-08", 1),
        ("2016-01", "2016-09", 3),
        ("2007", "2007", 3),
        ("2015-09", "2017-07", 6),
        ("2010", "2017", 12),
        ("2007", "2017", 24),
        ("1990", "2020", 60),
        ("1917", "2017", 240),
        ("0001", "9999", 24_000),
    ],
)
def test_a_long_time_gets_a_coarse_scale(first: str, last: str, step: int) -> None:
    axis = axis_of(first, last)

    assert axis.step == step
    assert axis.columns <= MOST_COLUMNS


@some
@given(DAYS, DAYS)
def test_every_day_in_between_has_a_place_with_a_column_to_spare(one: date, other: date) -> None:
    first, last = sorted((one, other))
    axis = axis_of(first.isoformat(), last.isoformat())
    column = WIDTH / axis.columns

    assert axis.columns <= MOST_COLUMNS
    assert axis.step in STEPS
    assert column <= axis.begins(first) < axis.ends(first) <= axis.ends(last) <= WIDTH - column
    assert axis.step == 1 or axis_for_step(axis, STEPS[STEPS.index(axis.step) - 1], first, last) > MOST_COLUMNS


def axis_for_step(axis: Axis, step: int, first: date, last: date) -> int:
    """Return how many columns the next finer scale would need."""
    months = [day.year * 12 + day.month - 1 for day in (first, last)]
    return (months[1] // step) - (months[0] // step) + 3


@some
@given(DAYS)
def test_days_follow_each_other_without_a_gap(day: date) -> None:
    axis = axis_of(day.isoformat(), (day + timedelta(days=40)).isoformat())
    days = [day + timedelta(days=n) for n in range(41)]

    for one, following in pairwise(days):
        assert axis.ends(one) == pytest.approx(axis.begins(following))


@some
@given(DAYS, DAYS)
def test_earlier_is_further_to_the_beginning(one: date, other: date) -> None:
    assume(one < other)
    axis = axis_of(one.isoformat(), other.isoformat())

    assert axis.begins(one) < axis.begins(other)


def test_columns_are_equally_wide_whatever_their_days() -> None:
    """The labels above them are cells of one width."""
    axis = axis_of(*E02)

    assert [axis.begins(tick) for tick in axis.ticks] == [0, 100, 200, 300, 400, 500]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-09-22", Mark(day="M171.7 11v18")),
        ("2016-09", Mark(bar="M100.0 20H200.0")),
        ("2016-09-23/2016-12-20", Mark(bar="M173.3 20H464.5")),
        ("2016-09-22/..", Mark(day="M170.0 14v12", open="M170.0 20H600")),
        ("../2016-09-22", Mark(day="M173.3 14v12", open="M173.3 20H0")),
        (None, Mark(open="M0 20H600")),
    ],
)
def test_a_mark_says_what_is_known(text: str | None, expected: Mark) -> None:
    assert mark(axis_of(*E02), parse(text)) == expected


@some
@given(DAYS, DAYS, st.sampled_from(["{a}", "{a}/{b}", "../{a}", "{a}/.."]))
def test_no_mark_leaves_the_drawing(one: date, other: date, form: str) -> None:
    first, last = sorted((one, other))
    when = parse(form.format(a=first.isoformat(), b=last.isoformat()))
    axis = axis_of(first.isoformat(), last.isoformat())
    made = mark(axis, when)

    assert isinstance(when, FuzzyDate)
    assert made.day or made.bar
    assert bool(made.open) == (when.earliest is None or when.latest is None)
    for path in (made.day, made.bar, made.open):
        assert all(0 <= number <= WIDTH for number in numbers(path))


def test_only_what_has_two_bounds_is_shaded_and_once() -> None:
    axis = axis_of(*E02)

    assert (
        bands(axis, [parse("2016-09"), parse("2016-09"), None, parse("2016-10/.."), parse("../2016-10")])
        == f"M100.0 0H200.0V{HEIGHT}H100.0z"
    )
    assert bands(axis, []) == ""


def test_without_any_bound_there_is_no_axis() -> None:
    assert axis_for([]) is None
    assert axis_for([None, parse(None)]) is None


@pytest.mark.parametrize("people", range(MOST_PEOPLE + 1))
def test_boxes_stand_apart_inside_the_picture(people: int) -> None:
    made = tree(people)
    tops = [leaf.top for leaf in made.leaves]

    assert len(made.leaves) == people
    assert all(top >= 0 and top + 38 <= made.height for top in tops)
    assert all(one + 38 < other for one, other in pairwise(tops))
    assert made.root >= 0
    assert made.root + 48 <= made.height
    for leaf in made.leaves:
        assert leaf.edge.startswith(f"M84 {made.root + 24}C")
        assert leaf.edge.endswith(f" 134 {leaf.top + 19}")


@pytest.mark.parametrize(
    ("text", "shown"), [("short", "short"), ("x" * 29, "x" * 29), ("x" * 30, "x" * 28 + "…"), ("ab  cdef", "ab  cdef")]
)
def test_a_long_line_is_cut(text: str, shown: str) -> None:
    assert clip(text) == shown


def test_a_cut_line_ends_with_a_letter() -> None:
    assert clip("one two three", 9) == "one two…"
