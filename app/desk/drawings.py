"""Drawings as SVG path data: when things happened, on one axis, and who belongs to whom. Pure: numbers in, text out.

A table holds the same beside every drawing. The time axis has columns of one width, a month or more each; inside a month days count evenly.
"""

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from app.cases.dates import FuzzyDate

WIDTH: Final = 600
HEIGHT: Final = 40
MOST_COLUMNS: Final = 10
STEPS: Final = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 6000, 24_000)  # months in one column: the first that fits is taken
_FIRST_MONTH: Final = 12  # January of the year 1
_MIDDLE: Final = HEIGHT // 2

MOST_PEOPLE: Final = 12
GRAPH_WIDTH: Final = 350  # legible unscaled on a narrow telephone
BOX: Final = (134, 212, 38)  # where it begins, width, height
ROOT: Final = (4, 80, 48)
_PITCH: Final = 46
_TOP: Final = 8
MOST_LETTERS: Final = 29  # that a line in a box holds
MOST_SMALL: Final = 33


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale of months, counted from the year 0.

    Attributes:
        start: the first month.
        step: months in one column.
        columns: how many columns.
    """

    start: int
    step: int
    columns: int

    @property
    def ticks(self) -> list[date]:
        """Return the day on which each column begins."""
        return [_day(self.start + self.step * at) for at in range(self.columns)]

    @property
    def end(self) -> date:
        """Return the first day of the last month."""
        return _day(self.start + self.step * self.columns - 1)

    @property
    def grid(self) -> str:
        """Return the lines between the columns."""
        return "".join(f"M{_number(WIDTH * at / self.columns)} 0v{HEIGHT}" for at in range(1, self.columns))

    def begins(self, day: date) -> float:
        """Return where a day begins."""
        return self._at(day, day.day - 1)

    def ends(self, day: date) -> float:
        """Return where a day ends."""
        return self._at(day, day.day)

    def _at(self, day: date, days: int) -> float:
        length = calendar.monthrange(day.year, day.month)[1]
        return WIDTH * (_month(day) - self.start + days / length) / (self.step * self.columns)


@dataclass(frozen=True, slots=True)
class Mark:
    """What one row shows: a stroke for a day, a bar for the time within which it was, a dotted line towards an end that is not known."""

    day: str = ""
    bar: str = ""
    open: str = ""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One box of a graph: its top, and the line that leads to it."""

    top: int
    edge: str


@dataclass(frozen=True, slots=True)
class Tree:
    """One box on the side of the exile, one for each of the others."""

    height: int
    root: int
    leaves: tuple[Leaf, ...]


def axis_for(dates: Iterable[FuzzyDate | None]) -> Axis | None:
    """Choose the scale on which all bounds have a place, with a column to spare at each end; None when there is no bound at all."""
    bounds = [day for when in dates if when for day in (when.earliest, when.latest) if day]
    if not bounds:
        return None
    first, last = _month(min(bounds)), _month(max(bounds))
    for step in STEPS:
        start = max(_FIRST_MONTH, first // step * step - step)
        columns = (last // step * step + 2 * step - start + step - 1) // step
        if columns <= MOST_COLUMNS or step == STEPS[-1]:
            return Axis(start, step, columns)
    return None


def mark(axis: Axis, when: FuzzyDate | None) -> Mark:
    """Draw a date; not stated is a dotted line over the whole axis."""
    if when is None:
        return Mark(open=f"M0 {_MIDDLE}H{WIDTH}")
    first, last = when.earliest, when.latest
    if first is None or last is None:
        place = axis.begins(first) if first else axis.ends(last) if last else 0.0
        return Mark(day=f"M{_number(place)} 14v12", open=f"M{_number(place)} {_MIDDLE}H{WIDTH if first else 0}")
    if first == last:
        return Mark(day=f"M{_number((axis.begins(first) + axis.ends(last)) / 2)} 11v18")
    return Mark(bar=f"M{_number(axis.begins(first))} {_MIDDLE}H{_number(axis.ends(last))}")


def bands(axis: Axis, dates: Iterable[FuzzyDate | None]) -> str:
    """Shade the times that have two bounds, from top to bottom of a row."""
    spans = dict.fromkeys((first, last) for when in dates if when and (first := when.earliest) and (last := when.latest))
    ends = [(_number(axis.begins(first)), _number(axis.ends(last))) for first, last in spans]
    return "".join(f"M{first} 0H{last}V{HEIGHT}H{first}z" for first, last in ends)


def tree(people: int) -> Tree:
    """Lay out the exile and this many others."""
    begin, (left, width, _), (_, _, high) = BOX[0], ROOT, BOX
    height = 2 * _TOP + max(ROOT[2], _PITCH * people - (_PITCH - high))
    middle, right = height // 2, left + width
    tops = [_TOP + _PITCH * at for at in range(people)] if people > 1 else [middle - high // 2] * people
    bend = (begin - right) // 2
    leaves = [
        Leaf(top, f"M{right} {middle}C{right + bend} {middle} {begin - bend} {top + high // 2} {begin} {top + high // 2}") for top in tops
    ]
    return Tree(height, middle - ROOT[2] // 2, tuple(leaves))


def clip(text: str, most: int = MOST_LETTERS) -> str:
    """Cut what a box does not hold; the table has all of it."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def label_years(ticks: Sequence[date]) -> list[bool]:
    """Tell which columns have to say their year: the first one, and where a new one begins."""
    return [at == 0 or tick.year != ticks[at - 1].year for at, tick in enumerate(ticks)]


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _day(month: int) -> date:
    """Return the first day of a month; the last year there is stands for what lies after it."""
    return date(min(month // 12, date.max.year), month % 12 + 1, 1)


def _number(value: float) -> str:
    return f"{value:.1f}"
