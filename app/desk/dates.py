"""Dates in words, in the language of the page: a day, a month, a year, a bound, or *not stated*."""

from datetime import date
from typing import Final

from app.cases.dates import parse, parts
from app.desk.labels import NOT_STATED
from app.i18n.text import day_text
from app.i18n.text import gettext as _

_Numbers = tuple[int | None, int | None, int | None]
_ANY_YEAR: Final = 2000  # where the year is not said; it has every day that a month can have


def when_text(edtf: str | None) -> str:
    """Say a date as far as it is known: “22 September 2016”, “by 15 September 2015”, “from 2007”, “not stated”.

    Args:
        edtf: as records store it (docs/formats.md §10); None or empty is not stated.

    Raises:
        MalformedError: another form.
    """
    when = parts(parse(edtf))
    if when.frame == "not_stated":
        return str(NOT_STATED)
    if when.frame == "before" and when.last:
        text = _("by %(day)s", day=_say(when.last))
    elif when.frame == "after" and when.first:
        text = _("from %(day)s", day=_say(when.first))
    elif when.first and when.last:
        text = _("some time between %(first)s and %(last)s", first=_say(when.first), last=_say(when.last, alone=True))
    else:
        text = _say(when.last or when.first or (None, None, None), alone=True)
    return _("%(when)s, not sure", when=text) if when.about else text


def _say(numbers: _Numbers, *, alone: bool = False) -> str:
    """Write what is known of a day; `alone` takes the form that stands by itself, where the language has two (сентябрь, сентября)."""
    year, month, day = numbers
    if month is None and day is None:
        return str(year)
    pattern = " ".join(part for part, known in (("d", day), ("LLLL" if alone and day is None else "MMMM", month), ("y", year)) if known)
    return day_text(date(year or _ANY_YEAR, month or 1, day or 1).isoformat(), pattern)
