"""The words for what is wrong with a form: what it is, and that nothing is lost. Never a reproach."""

from typing import Any, Final

from app.i18n.text import gettext as _
from app.i18n.text import lazy_gettext as _l

_UNDERSTOOD_NOT: Final = _l("One answer was not understood. Please choose again")
_PROBLEMS: Final[dict[str, Any]] = {
    "empty": _l("The large box is still empty. A few words are enough"),
    "long": _l("One answer is too long. Please put the rest into the large box"),
    "long text": _l("The text is too long for one message. Please send it in two parts"),
    "number day": _l("The day “%(typed)s” has something else than digits in it"),
    "number year": _l("The year “%(typed)s” has something else than digits in it"),
    "a-code": _l("This looks like a code. It was not sent. A code only opens messages"),
    "words": _l("We do not know these words: %(typed)s. Please look at them once more"),
    "mistyped": _l("There is a slip in this code: a wrong digit, or two words swapped. Please compare it with your note"),
    "code": _l("This is not a whole code. It has 27 digits or eight words"),
    "no-code": _l("Please enter your code"),
}


def notice_old() -> str:
    """The token was too old; the new page carries a new one."""
    return _("This page was open for a long time. Please press the button again.")


def notice_strange() -> str:
    """A field that no page of ours has, or one that came twice."""
    return _("This page was changed on its way. Please press the button again.")


def problem(fault: str, field: str, typed: str | list[str]) -> str:
    """Return the sentence for a fault code."""
    sentence = _PROBLEMS.get(f"{fault} {field}") or _PROBLEMS.get(fault, _UNDERSTOOD_NOT)
    text = str(sentence)
    return text % {"typed": ", ".join(typed) if isinstance(typed, list) else typed} if "%(typed)s" in text else text
