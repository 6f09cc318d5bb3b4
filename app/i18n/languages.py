"""Which languages exist, how they are written, and whether a native speaker has signed them off."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CATALOGUES: Final = Path(__file__).parent / "catalogues"
SOURCE: Final = "en"
ENDONYMS: Final = {
    "tg": "Тоҷикӣ",
    "ru": "Русский",
    "fa": "فارسی",
    "uz": "Oʻzbekcha",
    "en": "English",
    "tr": "Türkçe",
    "de": "Deutsch",
    "pl": "Polski",
}
RIGHT_TO_LEFT: Final = frozenset({"fa"})


@dataclass(frozen=True, slots=True)
class Language:
    """One language as its button shows it."""

    code: str
    name: str
    reviewed: bool
    current: bool


class Languages:
    """The languages that a process offers."""

    def __init__(self, *, only_reviewed: bool) -> None:
        """Read the status files.

        Args:
            only_reviewed: hide a language whose texts nobody has signed off; production does, the demo shows it with a note.
        """
        self._reviewed = {code: _is_reviewed(code) for code in ENDONYMS if (CATALOGUES / code).is_dir()}
        self.codes = tuple(code for code, reviewed in self._reviewed.items() if reviewed or not only_reviewed)

    def choose(self, asked: str | None) -> str:
        """Return the language asked for, or English; the browser's own wish is never read (it may betray)."""
        return asked if asked in self.codes else SOURCE

    def buttons(self, current: str) -> list[Language]:
        """Return the languages for their buttons."""
        return [Language(code, ENDONYMS[code], reviewed=self._reviewed[code], current=code == current) for code in self.codes]


def direction(code: str) -> str:
    """Return `rtl` or `ltr`."""
    return "rtl" if code in RIGHT_TO_LEFT else "ltr"


def _is_reviewed(code: str) -> bool:
    status = tomllib.loads((CATALOGUES / code / "status.toml").read_text("utf-8"))
    return bool(status["reviewed_by_native_speaker"])
