"""gettext with types: the only place where Flask-Babel's untyped functions are met."""

from datetime import date
from typing import Any

import flask_babel
from flask_babel import force_locale

__all__ = ["day_text", "force_locale", "gettext", "lazy_gettext", "ngettext"]


def gettext(message: str, **values: Any) -> str:
    """Return a text in the language of the page."""
    return str(flask_babel.gettext(message, **values))


def ngettext(one: str, many: str, number: int, **values: Any) -> str:
    """Return a text whose form depends on `num`."""
    return str(flask_babel.ngettext(one, many, number, **values))


def lazy_gettext(message: str) -> Any:
    """Return a text that is looked up when it is shown."""
    return flask_babel.lazy_gettext(message)


def day_text(day: str, pattern: str = "d MMMM") -> str:
    """Write an ISO day in the language of the page."""
    return str(flask_babel.format_date(date.fromisoformat(day), pattern))
