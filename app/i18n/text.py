"""gettext with types: the only place where Flask-Babel's untyped functions are met."""

from datetime import date
from functools import cache
from typing import Any

import flask_babel
from babel.support import NullTranslations, Translations
from flask import Flask
from flask_babel import force_locale
from flask_babel.speaklater import LazyString

from app.i18n.languages import CATALOGUES

__all__ = ["day_text", "force_locale", "gettext", "install_texts", "lazy_gettext", "ngettext"]


def install_texts(app: Flask) -> None:
    """Let templates take their texts here: Flask-Babel asks for its domain anew with each text, half the cost of a page (measured).

    Jinja puts the values in itself, and escapes them.
    """
    texts: Any = app.jinja_env
    texts.install_gettext_callables(_one, _many, newstyle=True)


def _one(message: str) -> str:
    return str(_catalogue().gettext(message))


def _many(one: str, many: str, number: int) -> str:
    return str(_catalogue().ngettext(one, many, number))


def gettext(message: str, **values: Any) -> str:
    """Return a text in the language of the page."""
    return _one(message) % values if values else _one(message)


def ngettext(one: str, many: str, number: int, **values: Any) -> str:
    """Return a text whose form depends on `num`."""
    return _many(one, many, number) % {"num": number, **values}


def _catalogue() -> NullTranslations:
    return _load(str(flask_babel.get_locale()))


@cache
def _load(locale: str) -> NullTranslations:
    return Translations.load(CATALOGUES, [locale])


def lazy_gettext(message: str) -> Any:
    """Return a text that is looked up when it is shown."""
    return LazyString(gettext, message)


def day_text(day: str, pattern: str = "d MMMM") -> str:
    """Write an ISO day in the language of the page."""
    return str(flask_babel.format_date(date.fromisoformat(day), pattern))
