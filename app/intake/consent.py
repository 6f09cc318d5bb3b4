"""The consent texts, as data: what a report stores is the hash of the words that its writer saw."""

from dataclasses import dataclass
from typing import Final

from app.i18n.text import lazy_gettext as _l
from app.vault.encoding import sha256

INTRO: Final = _l(
    "By sending, you agree to one thing: our team reads it. The rest starts as “no”. Tick only what you allow. "
    "If you change your mind, tell us later with your code."
)
MAY: Final = {
    "C2": _l("count it in numbers, without names"),
    "C3": _l("share it without names, for example with the UN"),
    "C4": _l("share it with names, in confidence, after asking you each time"),
    "C5": _l("publish it without names"),
}
NEVER: Final = _l("never publish any of this")


@dataclass(frozen=True, slots=True)
class Consent:
    """The texts in the language of a page."""

    intro: str
    may: list[tuple[str, str]]
    never: str

    @property
    def digest(self) -> str:
        """SHA-256 of the words as shown, hex."""
        return sha256("\n".join([self.intro, *(text for _, text in self.may), self.never]).encode()).hex()


def consent() -> Consent:
    """Return the texts in the present language."""
    return Consent(str(INTRO), [(code, str(text)) for code, text in MAY.items()], str(NEVER))
