"""Guess the language a text is written in: people write in any, whatever language the page was in."""

from typing import Final

_TAJIK: Final = frozenset("ғӣқӯҳҷ")
_UZBEK: Final = frozenset("ўғқҳ")
_CYRILLIC_PAGES: Final = frozenset({"ru", "tg"})
_MIN_TAJIK: Final = 2


def language_of(text: str, page: str) -> str:
    """Return a language code by script and letters; the page's own language where the script does not speak against it."""
    letters = [char for char in text.casefold() if char.isalpha()]
    arabic = sum("؀" <= char <= "ۿ" for char in letters)
    cyrillic = sum("Ѐ" <= char <= "ӿ" for char in letters)
    if arabic * 2 > len(letters):
        return "fa"
    if cyrillic * 2 > len(letters):
        marks = [char for char in letters if char in _TAJIK]
        return "tg" if len(marks) >= _MIN_TAJIK and set(marks) - _UZBEK else "ru"
    return "en" if page in _CYRILLIC_PAGES or page == "fa" else page
