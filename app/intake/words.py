"""The words for what is wrong with a form: what it is, and that nothing is lost. Never a reproach."""

from app.i18n.text import gettext as _


def notice_old() -> str:
    """The token was too old; the new page carries a new one."""
    return _("This page was open for a long time. Please press the button again.")


def notice_strange() -> str:
    """A field that no page of ours has, or one that came twice."""
    return _("This page was changed on its way. Please press the button again.")


def problem(fault: str, field: str, typed: str | list[str]) -> str:
    """Return the sentence for a fault code."""
    match fault:
        case "empty":
            return _("The large box is still empty. A few words are enough")
        case "long" if field == "text":
            return _("The text is too long for one message. Please send it in two parts")
        case "long":
            return _("One answer is too long. Please put the rest into the large box")
        case "number" if field == "year":
            return _("The year “%(typed)s” is not a number", typed=typed)
        case "number":
            return _("The day “%(typed)s” is not a number", typed=typed)
        case "mistyped":
            return _("There is a slip in this code. Please compare it with your note once more")
        case "code":
            return _("This is not a whole code. It has 27 digits or eight words")
        case "no-code":
            return _("Please enter your code")
        case _:
            return _("One answer was not understood. Please choose again")
