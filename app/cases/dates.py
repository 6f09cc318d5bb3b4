"""Dates as sources give them: a day, a month, a year, or only a bound. The subset of EDTF (ISO 8601-2) that records use.

`2016-09-22`, `2016-09`, `2016` · `2016-09/2016-12-20` some time between · `../2015` not later than · `2007/..` not earlier than ·
`2016-09~` about. Imported data may write `..2015` and `2007..`. Nothing else is read: a guess at a date is worse than none.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from app.errors import MalformedError

Precision = Literal["day", "month", "year", "before", "after", "between"]

_POINT: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_OPEN: Final = ".."
_FIRST: Final = 0  # before and after every ordinal that a date can have
_LAST: Final = date.max.toordinal() + 1


@dataclass(frozen=True, slots=True)
class Point:
    """A day, or a month, or a year: what is not known is None."""

    year: int
    month: int | None = None
    day: int | None = None

    @property
    def earliest(self) -> date:
        """Return the first day it can be."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def latest(self) -> date:
        """Return the last day it can be."""
        month = self.month or 12
        return date(self.year, month, self.day or calendar.monthrange(self.year, month)[1])

    @property
    def precision(self) -> Precision:
        """Return the smallest part that is known."""
        return "day" if self.day else "month" if self.month else "year"

    @property
    def text(self) -> str:
        """Return it as ISO 8601 writes it."""
        numbers = (part for part in (self.month, self.day) if part is not None)
        return "-".join([f"{self.year:04d}", *(f"{number:02d}" for number in numbers)])


@dataclass(frozen=True, slots=True)
class FuzzyDate:
    """When something happened, as far as it is known; `parse` makes it.

    Attributes:
        start: where the time begins; None when only its end is known. Equal to `end` for a single day, month or year.
        end: where it ends; None when only its start is known.
        about: the source was not sure of the last date that stands in it. The bounds are not moved for that.
    """

    start: Point | None
    end: Point | None
    about: bool = False

    @property
    def earliest(self) -> date | None:
        """Return the first day it can have happened on; None when no start is known."""
        return self.start.earliest if self.start else None

    @property
    def latest(self) -> date | None:
        """Return the last day it can have happened on; None when no end is known."""
        return self.end.latest if self.end else None

    @property
    def text(self) -> str:
        """Return the one spelling that records store."""
        first, last = (point.text if point else _OPEN for point in (self.start, self.end))
        return (first if self.start == self.end else f"{first}/{last}") + ("~" if self.about else "")

    @property
    def precision(self) -> Precision:
        """Return what is known: a day, a month, a year, or one or two bounds."""
        if self.start is None:
            return "before"
        if self.end is None:
            return "after"
        return self.start.precision if self.start == self.end else "between"

    @property
    def sort_key(self) -> tuple[int, int]:
        """Return what dates sort by: earliest day, then latest; an open start comes before every day, an open end after."""
        earliest, latest = self.earliest, self.latest
        return earliest.toordinal() if earliest else _FIRST, latest.toordinal() if latest else _LAST

    def overlaps(self, other: "FuzzyDate", slack_days: int = 0) -> bool:
        """Whether both can mean one moment, or moments at most `slack_days` apart."""
        (first, last), (other_first, other_last) = self.sort_key, other.sort_key
        return first - slack_days <= other_last and other_first - slack_days <= last


@dataclass(frozen=True, slots=True)
class Parts:
    """What a page has to say of a date; the words are the page's.

    Attributes:
        frame: `on` one point, `before` (not later than) the last, `after` (not earlier than) the first, some time `between` the two,
            or `not_stated`.
        first: (year, month, day) of the start; in `between`, a year or month that the end repeats is None and need not be said twice.
        last: (year, month, day) of the end, or of the one point there is.
        about: whether to say “about”.
    """

    frame: Literal["on", "before", "after", "between", "not_stated"]
    first: tuple[int | None, int | None, int | None] | None = None
    last: tuple[int, int | None, int | None] | None = None
    about: bool = False


def parse(text: str | None) -> FuzzyDate | None:
    """Read a date; None and the empty text mean not stated.

    Raises:
        MalformedError: another form, a day that no calendar has, an end before its start.
    """
    if not text:
        return None
    body = text.removesuffix("~")
    first, last = _bounds(body)
    when = FuzzyDate(_point(first), _point(last), about=body != text)
    if (when.start is None and when.end is None) or (when.about and last == _OPEN):
        raise MalformedError
    if when.earliest and when.latest and when.earliest > when.latest:
        raise MalformedError
    return when


def order_of(when: FuzzyDate | None) -> tuple[bool, int, int]:
    """Return what lists sort by: `sort_key`, and not stated after everything."""
    return (when is None, *(when.sort_key if when else (_LAST, _LAST)))


def days_between(one: FuzzyDate | None, other: FuzzyDate | None) -> tuple[int, int] | None:
    """Return the fewest and the most days from one date to the other; negative when the other lies before.

    None when a bound is missing, so that no number is made up.
    """
    if one is None or other is None:
        return None
    if one.earliest is None or one.latest is None or other.earliest is None or other.latest is None:
        return None
    return (other.earliest - one.latest).days, (other.latest - one.earliest).days


def parts(when: FuzzyDate | None) -> Parts:
    """Return which parts of a date there are to show."""
    if when is None:
        return Parts("not_stated")
    start, end, about = when.start, when.end, when.about
    last = (end.year, end.month, end.day) if end else None
    if start is None:
        return Parts("before", None, last, about)
    first: tuple[int | None, int | None, int | None] = (start.year, start.month, start.day)
    if end is None:
        return Parts("after", first, None, about)
    if start == end:
        return Parts("on", None, last, about)
    if start.year == end.year and start.month and end.month:
        same_month = start.month == end.month and start.day and end.day
        first = (None, None if same_month else start.month, start.day)
    return Parts("between", first, last, about)


def _bounds(text: str) -> tuple[str, str]:
    if "/" in text:
        first, _, last = text.partition("/")
        return first, last
    if text.startswith(_OPEN):
        return _OPEN, text.removeprefix(_OPEN)
    if text.endswith(_OPEN):
        return text.removesuffix(_OPEN), _OPEN
    return text, text


def _point(text: str) -> Point | None:
    if text == _OPEN:
        return None
    match = _POINT.fullmatch(text)
    if match is None:
        raise MalformedError
    year, month, day = match.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise MalformedError from None
    return Point(int(year), int(month) if month else None, int(day) if day else None)
