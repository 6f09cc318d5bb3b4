"""Words for codes: states, views, answers."""

from typing import Any, Final

from app.i18n.text import lazy_gettext as _l
from app.reports.queue import Group, View
from app.store.reports import MessageState, ReportState

STATES: Final[dict[ReportState, tuple[Any, str]]] = {
    ReportState.WAITING: (_l("Waiting"), ""),
    ReportState.RECEIVED: (_l("Received"), ""),
    ReportState.ADDED: (_l("Added"), ""),
    ReportState.IN_TRIAGE: (_l("In triage"), "half"),
    ReportState.URGENT: (_l("Urgent"), "hot"),
    ReportState.NEEDS_INFORMATION: (_l("Waits for source"), "stop"),
    ReportState.ACCEPTED: (_l("Accepted"), "full"),
    ReportState.DUPLICATE: (_l("Duplicate"), "full"),
    ReportState.OUT_OF_SCOPE: (_l("Out of scope"), "full"),
    ReportState.SPAM: (_l("Spam"), "full"),
    ReportState.WITHDRAWN: (_l("Withdrawn by the source"), "full"),
    ReportState.DAMAGED: (_l("Damaged"), "hot"),
}
ASKED: Final[dict[ReportState, Any]] = {
    ReportState.OUT_OF_SCOPE: _l("%(name)s, %(role)s, asked on %(day)s to close it as out of scope: %(why)s."),
    ReportState.SPAM: _l("%(name)s, %(role)s, asked on %(day)s to close it as spam: %(why)s."),
}
CONFIRM: Final[dict[ReportState, Any]] = {
    ReportState.OUT_OF_SCOPE: _l("Confirm: close as out of scope"),
    ReportState.SPAM: _l("Confirm: close as spam"),
}
VIEWS: Final[dict[View, Any]] = {
    View.OPEN: _l("All open"),
    View.MINE: _l("Owned by me"),
    View.NEW: _l("New since I looked"),
    View.URGENT: _l("Urgent"),
    View.NOBODY: _l("Nobody’s"),
    View.WAITS: _l("Waiting for the source"),
    View.SECOND: _l("Waiting for a second person"),
    View.ACCEPTED: _l("Accepted"),
    View.CLOSED: _l("Closed"),
}
EMPTY: Final[dict[View, Any]] = {
    View.OPEN: _l("Reports come here when somebody has written to us and the queue was looked at."),
    View.MINE: _l("Reports that you take come here."),
    View.NEW: _l("Reports with something you have not seen come here."),
    View.URGENT: _l("Reports with danger now, or marked as urgent, come here."),
    View.NOBODY: _l("Reports that nobody has taken come here."),
    View.WAITS: _l("Reports whose source was asked a question come here."),
    View.SECOND: _l("Reports that a colleague asked to close come here, until you confirm it or keep them."),
    View.ACCEPTED: _l("Reports that are linked to an incident come here."),
    View.CLOSED: _l("Duplicates, reports that are out of scope or spam, and withdrawn ones come here."),
}
GROUPS: Final[dict[Group, Any]] = {
    Group.URGENT: _l("Urgent"),
    Group.IN_TIME: _l("In time"),
    Group.LATE: _l("Late"),
    Group.ACCEPTED: _l("Accepted"),
    Group.CLOSED: _l("Closed"),
    Group.DAMAGED: _l("Damaged"),
}
LETTERS: Final[dict[MessageState, Any]] = {
    MessageState.HANDED: _l("waits for release"),
    MessageState.RETURNED: _l("returned, not sent"),
    MessageState.RELEASED: _l("released"),
}
LANGUAGES: Final[dict[str, Any]] = {
    "en": _l("English"),
    "ru": _l("Russian"),
    "tg": _l("Tajik"),
    "fa": _l("Persian"),
    "uz": _l("Uzbek"),
    "tr": _l("Turkish"),
    "de": _l("German"),
    "pl": _l("Polish"),
}
SIZES: Final[dict[str, Any]] = {"s": _l("Short text"), "m": _l("Long text"), "l": _l("Very long text")}
NOT_STATED: Final = _l("not stated")
CHOICES: Final[dict[str, dict[str, Any]]] = {
    "danger": {"now": _l("yes, now"), "soon": _l("maybe soon"), "no": _l("no"), "unknown": _l("does not know")},
    "for": {"self": _l("for themselves"), "family": _l("for their family"), "other": _l("for somebody else")},
    "agree": {
        "yes": _l("the family knows and agrees"),
        "knows": _l("the family knows; unsure whether it agrees"),
        "no": _l("the family does not know"),
        "unsafe": _l("it is not safe to ask the family"),
    },
    "rel": {
        "child": _l("son or daughter"),
        "sibling": _l("brother or sister"),
        "spouse": _l("husband or wife"),
        "parent": _l("father or mother"),
        "other": _l("other relative"),
        "friend": _l("friend or colleague"),
        "same": _l("the same person"),
        "unknown": _l("not known to the writer"),
        "unsaid": _l("prefers not to say"),
    },
    "reply": {
        "yes": _l("yes, through the code"),
        "no": _l("no"),
        "unsafe": _l("no: a message could put them in danger"),
    },
    "kind": {
        "LIB": _l("held, or disappeared"),
        "PER": _l("beaten or hurt"),
        "THR": _l("threats, visits, questioning"),
        "HUM": _l("shame in public"),
        "VIO": _l("violence by a crowd"),
        "MOV": _l("passport, travel or contact"),
        "ECO": _l("home, business, work or medical care"),
        "SEX": _l("against body, honour or marriage"),
        "OMI": _l("the police would not help"),
        "CON": _l("fled, fell ill or was parted"),
        "unsaid": _l("something else, or prefers not to say"),
    },
    "may": {
        "C2": _l("anonymous figures"),
        "C3": _l("sharing without names"),
        "C4": _l("sharing with names, asked each time"),
        "C5": _l("publishing without names"),
    },
    "ongoing": {"1": _l("yes")},
    "never": {"1": _l("never publish any of this")},
}
QUESTIONS: Final[dict[str, Any]] = {
    "who": _l("Who was put under pressure"),
    "exile": _l("The person abroad"),
    "rel": _l("The person abroad is their"),
    "day": _l("Day"),
    "month": _l("Month"),
    "year": _l("Year"),
    "when": _l("When, in words"),
    "ongoing": _l("Still going on"),
    "where": _l("Where"),
    "kind": _l("Kind of pressure"),
    "by": _l("Who did it"),
    "aim": _l("What they wanted"),
}


def choice_text(field: str, value: Any) -> str:
    """Return the words for a chosen answer, or for several."""
    words = CHOICES[field]
    return "; ".join(str(words[item]) for item in (value if isinstance(value, list) else [value]))


def language_name(code: str) -> str:
    """Return the name of a language in the reader's own."""
    return str(LANGUAGES.get(code, code))
