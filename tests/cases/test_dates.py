"""Fuzzy dates: one spelling for each, nothing guessed, and intervals that sort, meet and are measured as intervals."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cases.dates import FuzzyDate, Parts, Point, days_between, order_of, parse, parts
from app.errors import MalformedError

some = settings(max_examples=150, deadline=None, database=None)
DAYS: Final = st.dates(date(1990, 1, 1), date(2030, 12, 31))
NEAR: Final = st.dates(date(2016, 1, 1), date(2016, 12, 31))


@st.composite
def points(draw: st.DrawFn, days: st.SearchStrategy[date] = DAYS) -> str:
    """Draw a day, month or year as text."""
    return draw(days).isoformat()[: draw(st.sampled_from([4, 7, 10]))]


@st.composite
def spellings(draw: st.DrawFn, days: st.SearchStrategy[date] = DAYS) -> str:
    """Draw any text that is a date."""
    first, last = draw(points(days)), draw(points(days))
    if read(first).sort_key > read(last).sort_key:
        first, last = last, first
    text = draw(st.sampled_from([first, f"{first}/{last}", f"../{last}", f"..{last}", f"{first}/..", f"{first}.."]))
    return text + ("" if text.endswith("..") else draw(st.sampled_from(["", "~"])))


def read(text: str) -> FuzzyDate:
    """Read what is a date."""
    found = parse(text)
    assert found is not None
    return found


WHEN: Final = spellings().map(read)
CLOSE: Final = spellings(NEAR).map(read)


@pytest.mark.parametrize(
    ("text", "canonical", "precision", "earliest", "latest"),
    [
        ("2016-09-22", "2016-09-22", "day", date(2016, 9, 22), date(2016, 9, 22)),
        ("2016-09", "2016-09", "month", date(2016, 9, 1), date(2016, 9, 30)),
        ("2016-02", "2016-02", "month", date(2016, 2, 1), date(2016, 2, 29)),
        ("2016", "2016", "year", date(2016, 1, 1), date(2016, 12, 31)),
        ("9999", "9999", "year", date(9999, 1, 1), date(9999, 12, 31)),
        ("2016-09-23/2016-12-20", "2016-09-23/2016-12-20", "between", date(2016, 9, 23), date(2016, 12, 20)),
        ("2016-06/2016-12-20", "2016-06/2016-12-20", "between", date(2016, 6, 1), date(2016, 12, 20)),
        ("2016/2016", "2016", "year", date(2016, 1, 1), date(2016, 12, 31)),
        ("..2015", "../2015", "before", None, date(2015, 12, 31)),
        ("../2015-09-15", "../2015-09-15", "before", None, date(2015, 9, 15)),
        ("2007..", "2007/..", "after", date(2007, 1, 1), None),
        ("2016-09-22/..", "2016-09-22/..", "after", date(2016, 9, 22), None),
        ("2016-09~", "2016-09~", "month", date(2016, 9, 1), date(2016, 9, 30)),
    ],
)
def test_date_is_read(text: str, canonical: str, precision: str, earliest: date | None, latest: date | None) -> None:
    """Each form has one spelling, a precision and the days it can mean."""
    when = read(text)

    assert (when.text, when.precision, when.earliest, when.latest) == (canonical, precision, earliest, latest)
    assert when.about is text.endswith("~")


@pytest.mark.parametrize("text", [None, ""])
def test_absence_is_not_stated(text: str | None) -> None:
    """Nothing written is no date, and no error."""
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "16",
        "2016-9",
        "2016-13",
        "2016-00",
        "2016-02-30",
        "2015-02-29",
        "2016-09-00",
        "0000",
        "0000-01",
        "20160922",
        "2016/09",
        "2017/2016",
        "2016-09-23/2016-09-22",
        "2016-10/2016-09-30",
        "..",
        "../..",
        "/..",
        "../",
        "/2016",
        "2016/",
        "/",
        "~",
        "..~",
        "2007..~",
        "2007/..~",
        "2016~/2017",
        "~2016",
        "2016~~",
        "2016?",
        "2016%",
        "201X",
        "2016-XX",
        "2016-21",
        "2015/2016/2017",
        "...2015",
        "2015...",
        "..2015..",
        "../2015..",
        " 2016",
        "2016 ",
        "2016\n",
        "2016-09-22T10:00",
        "-2016",
        "+2016",
        "y20160",
        "٢٠١٦",
        "unknown",
        "September 2016",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """Another form, an impossible day, an end before its start: never a guess."""
    with pytest.raises(MalformedError):
        parse(text)


@given(spellings())
@some
def test_spelling_goes_round(text: str) -> None:
    """What is stored reads back as the same date, with the same spelling."""
    when = read(text)

    assert parse(when.text) == when
    assert read(when.text).text == when.text
    assert ("/" in when.text) is (when.precision in {"before", "after", "between"})


@given(points(), st.sampled_from(["", "~"]))
@some
def test_short_forms_are_the_long_ones(point: str, about: str) -> None:
    """`..X` is `../X`, and `X..` is `X/..`."""
    assert parse(f"..{point}{about}") == parse(f"../{point}{about}")
    assert parse(f"{point}..") == parse(f"{point}/..")


@given(WHEN)
@some
def test_bounds_are_in_order(when: FuzzyDate) -> None:
    """At least one bound is known, and no interval runs backwards."""
    assert when.earliest or when.latest
    if when.earliest and when.latest:
        assert when.earliest <= when.latest
        assert (when.earliest == when.latest) or when.precision != "day"


@given(st.lists(st.none() | CLOSE, max_size=8))
@some
def test_lists_sort_as_intervals(found: list[FuzzyDate | None]) -> None:
    """Open starts first, then by earliest and by latest day, open ends after, not stated last."""
    ordered = sorted(found, key=order_of)
    stated = [when for when in ordered if when is not None]
    starts = [when.earliest for when in stated]

    assert ordered == [*stated, *[None] * (len(found) - len(stated))]
    assert starts == sorted(starts, key=lambda day: day or date.min)
    for one, other in pairwise(stated):
        if one.earliest == other.earliest:
            assert (one.latest or date.max) <= (other.latest or date.max)
    assert [when.sort_key for when in stated] == sorted(when.sort_key for when in stated)


def test_order_of_the_known_cases() -> None:
    """The order that a case page shows."""
    texts = ["../2015", "../2016-09", "2015", "2016-09-22", "2016-09-22/2016-12-20", "2016-09-22/..", "2016-09-23", ""]

    backwards = texts[::-1]

    assert sorted(backwards, key=lambda text: order_of(parse(text))) == texts


@given(CLOSE, CLOSE, st.integers(0, 40))
@some
def test_overlap_is_symmetric_and_grows_with_slack(one: FuzzyDate, other: FuzzyDate, slack: int) -> None:
    """Neither side is special, more slack never parts two dates, and a date meets itself."""
    assert one.overlaps(other, slack) is other.overlaps(one, slack)
    assert not one.overlaps(other, slack) or one.overlaps(other, slack + 1)
    assert one.overlaps(one)


@given(CLOSE, CLOSE, st.integers(0, 40))
@some
def test_overlap_is_what_the_days_say(one: FuzzyDate, other: FuzzyDate, slack: int) -> None:
    """Two dates overlap when some day of the one lies within the slack of some day of the other."""
    begin, end = date(2015, 1, 1), date(2018, 1, 1)
    first, last = max(one.earliest or begin, other.earliest or begin), min(one.latest or end, other.latest or end)

    assert one.overlaps(other, slack) is (first - last <= timedelta(days=slack))


@pytest.mark.parametrize(
    ("one", "other", "slack", "expected"),
    [
        ("2016-09-22", "2016-09-23", 0, False),
        ("2016-09-22", "2016-09-23", 1, True),
        ("2016-09", "2016-09-23", 0, True),
        ("../2015", "2016-01-01", 0, False),
        ("../2015", "2016-01-01", 1, True),
        ("2007/..", "../2007-01-01", 0, True),
        ("2008/..", "../2007", 0, False),
        ("2008/..", "../2007", 1, True),
        ("../2015", "../1999", 0, True),
    ],
)
def test_overlap_of_known_cases(one: str, other: str, slack: int, *, expected: bool) -> None:
    """Consecutive days are apart, and open ends reach as far as they can."""
    assert read(one).overlaps(read(other), slack) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("2016-09-22", "2016-09-23", (1, 1)),
        ("2016-09-23", "2016-09-22", (-1, -1)),
        ("2016-09", "2016-09-22", (-8, 21)),
        ("2017-07", "2017-07-10", (-21, 9)),
        ("../2015", "2016", None),
        ("2016", "2007/..", None),
        ("2016", "", None),
        ("", "2016", None),
    ],
)
def test_days_between_known_dates(one: str, other: str, expected: tuple[int, int] | None) -> None:
    """Fewest and most days; no number where a bound is missing."""
    assert days_between(parse(one), parse(other)) == expected


@given(WHEN, WHEN)
@some
def test_days_between_turn_round(one: FuzzyDate, other: FuzzyDate) -> None:
    """From there to here is from here to there, counted backwards."""
    there, back = days_between(one, other), days_between(other, one)

    assert (there is None) is (back is None) is (None in (one.earliest, one.latest, other.earliest, other.latest))
    if there and back:
        assert there == (-back[1], -back[0])
        assert one.overlaps(other) is (there[0] <= 0 <= there[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Parts("not_stated")),
        ("2016-09-22", Parts("on", None, (2016, 9, 22))),
        ("2016-09~", Parts("on", None, (2016, 9, None), about=True)),
        ("2016", Parts("on", None, (2016, None, None))),
        ("..2015-09", Parts("before", None, (2015, 9, None))),
        ("2007..", Parts("after", (2007, None, None), None)),
        ("2016-09-23/2016-12-20", Parts("between", (None, 9, 23), (2016, 12, 20))),
        ("2016-09-22/2016-09-23", Parts("between", (None, None, 22), (2016, 9, 23))),
        ("2016-09/2016-09-23", Parts("between", (None, 9, None), (2016, 9, 23))),
        ("2015-09-22/2016-09-23", Parts("between", (2015, 9, 22), (2016, 9, 23))),
        ("2016/2016-09-23", Parts("between", (2016, None, None), (2016, 9, 23))),
        ("2016-09/2016-12", Parts("between", (None, 9, None), (2016, 12, None))),
    ],
)
def test_parts_to_show(text: str, expected: Parts) -> None:
    """A page says what is known, and no year or month twice."""
    assert parts(parse(text)) == expected


@given(WHEN)
@some
def test_parts_hide_nothing(when: FuzzyDate) -> None:
    """From the parts alone the date can be written again."""
    shown = parts(when)
    last = Point(*shown.last) if shown.last else None
    first = last
    if shown.frame != "on":
        first = None
    if shown.first:
        year, month, day = shown.first
        first = Point(year or (last.year if last else 0), month or (last.month if last and not year else None), day)

    assert FuzzyDate(first, last, about=shown.about) == when
