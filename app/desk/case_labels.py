"""Words for the codes of a case: states, kin, what is at stake, what a form offers."""

import re
from typing import Any, Final

from babel import Locale
from flask import g

from app.cases.records import PersonBody
from app.cases.vocabulary import UNKNOWN, UNSAID, WORDS, label, vocabulary
from app.i18n.text import gettext as _
from app.i18n.text import lazy_gettext as _l
from app.store.cases import CaseState, FindingState

STATES: Final[dict[CaseState, str]] = {
    CaseState.OPEN: "half",
    CaseState.MONITORING: "stop",
    CaseState.CLOSED: "full",
    CaseState.REOPENED: "half",
}
MOVES: Final[dict[CaseState, Any]] = {
    CaseState.OPEN: _l("Work on it again"),
    CaseState.MONITORING: _l("Only watch it from now on"),
    CaseState.CLOSED: _l("Close the case"),
    CaseState.REOPENED: _l("Open the case again"),
}
FINDINGS: Final[dict[FindingState, tuple[Any, str]]] = {
    FindingState.UNASSESSED: (_l("not assessed"), ""),
    FindingState.IN_ASSESSMENT: (_l("in assessment"), "half"),
    FindingState.PROPOSED: (_l("proposed"), "half"),
    FindingState.IN_REVIEW: (_l("in review"), "half"),
    FindingState.RETURNED: (_l("returned"), "stop"),
    FindingState.CONFIRMED: (_l("confirmed"), "full"),
    FindingState.DISPUTED: (_l("disputed"), "hot"),
    FindingState.UNVERIFIABLE: (_l("unverifiable"), "full"),
    FindingState.REFUTED: (_l("refuted"), "full"),
    FindingState.REOPENED: (_l("reopened"), "half"),
}
KIN: Final[dict[tuple[str, str], Any]] = {
    ("spouse", "f"): _l("wife"),
    ("spouse", "m"): _l("husband"),
    ("former_spouse", "f"): _l("former wife"),
    ("former_spouse", "m"): _l("former husband"),
    ("sibling", "f"): _l("sister"),
    ("sibling", "m"): _l("brother"),
    ("parent", "f"): _l("mother"),
    ("parent", "m"): _l("father"),
    ("child", "f"): _l("daughter"),
    ("child", "m"): _l("son"),
    ("grandparent", "f"): _l("grandmother"),
    ("grandparent", "m"): _l("grandfather"),
    ("grandchild", "f"): _l("granddaughter"),
    ("grandchild", "m"): _l("grandson"),
    ("parent_in_law", "f"): _l("mother-in-law"),
    ("parent_in_law", "m"): _l("father-in-law"),
    ("child_in_law", "f"): _l("daughter-in-law"),
    ("child_in_law", "m"): _l("son-in-law"),
    ("sibling_in_law", "f"): _l("sister-in-law"),
    ("sibling_in_law", "m"): _l("brother-in-law"),
    ("uncle_aunt", "f"): _l("aunt"),
    ("uncle_aunt", "m"): _l("uncle"),
    ("nephew_niece", "f"): _l("niece"),
    ("nephew_niece", "m"): _l("nephew"),
}
DETAILS: Final[dict[str, Any]] = {
    "crowd_estimate": _l("number of people"),
    "severity": _l("how badly"),
    "demand": _l("demand"),
    "property": _l("what was taken"),
    "purpose": _l("purpose"),
    "limit": _l("limit"),
    "route": _l("route"),
    "when": _l("when"),
    "coercion": _l("how"),
    "form": _l("form"),
    "reason_given": _l("reason given"),
    "ended": _l("how it ended"),
}
ORIGINS: Final[dict[str, Any]] = {
    "exile_account": _l("the exile"),
    "authors": _l("interviews by the authors"),
    "fpc_2017_12": _l("the article itself"),
    "authors_cape": _l("data set of the authors"),
}

MISSING: Final = "missing"
HELD: Final = "held"
# What an act says of its victims while no end is stated: code → (kind, words). The rest of the acts leaves nothing open.
STAKES: Final[dict[str, tuple[str, Any]]] = {
    "LIB_DISAPPEAR": (MISSING, _l("missing")),
    "LIB_DETENTION": (HELD, _l("held; release not stated")),
    "PER_SOLITARY": (HELD, _l("in solitary confinement; its end not stated")),
    "ECO_PROPERTY": ("taken", _l("property taken; return not stated")),
    "ECO_BUSINESS": ("taken", _l("business taken; return not stated")),
    "ECO_ACCOUNTS": ("taken", _l("bank accounts frozen; release not stated")),
    "MOV_PASSPORT": ("taken", _l("passport taken; return not stated")),
    "THR_FAMILY": ("threat", _l("threatened")),
    "THR_PROPERTY": ("threat", _l("threatened with the loss of property")),
    "THR_CONDITIONAL": ("threat", _l("threatened with more if a demand is not met")),
    "SEX_RAPE_THREAT": ("threat", _l("threatened with rape")),
}
_ENDED_BY: Final = {  # whereabouts that end it, whatever the act says
    MISSING: frozenset({"home", "detained", "fled", "reunited_abroad"}),
    HELD: frozenset({"home", "fled", "reunited_abroad"}),
}
_NOT_AN_END: Final = frozenset({None, "none", "still_held", "disappeared", UNKNOWN, UNSAID})
_COUNTRY: Final = re.compile(r"[A-Z]{2}\b")


def say(name: str, code: str | None) -> str:
    """Return the words of a vocabulary for a stored value, in the language of the page."""
    return label(name, code, g.lang)


def non_answer(code: str | None) -> str:
    """Return the words for a value that is no answer: not stated, not known, prefers not to say."""
    return WORDS[code].get(g.lang) or WORDS[code]["en"]


def begin(text: str) -> str:
    """Write the first letter large: labels can stand inside a sentence."""
    return text[:1].upper() + text[1:]


def relation_text(person: PersonBody) -> str:
    """Say what somebody is to the exile, as exactly as their sex allows."""
    if person.role == "exile":
        return _("exile")
    word = KIN.get((person.relation or "", person.sex or ""))
    return str(word) if word else say("relation", person.relation)


def country_text(host: str) -> str:
    """Name the country at the beginning of a stored host, as `RU (until summer 2015)`."""
    found = _COUNTRY.match(host)
    name = Locale.parse(g.lang).territories.get(found[0]) if found else None
    return f"{name}{host[2:]}" if name else host


def still_open(act_type: str, ended: str | None, whereabouts: str | None) -> bool:
    """Whether nothing says that what an act began has ended."""
    kind = STAKES[act_type][0] if act_type in STAKES else ""
    return bool(kind) and ended in _NOT_AN_END and whereabouts not in _ENDED_BY.get(kind, frozenset())


def options(name: str, chosen: str = "", first: str = "") -> list[dict[str, Any]]:
    """Return what a form offers for a vocabulary: not stated, not known, prefers not to say, and the terms.

    Args:
        name: the vocabulary.
        chosen: the code that is chosen.
        first: other words for the empty value.
    """
    answers = [("", first or begin(non_answer(None))), (UNKNOWN, begin(non_answer(UNKNOWN))), (UNSAID, begin(non_answer(UNSAID)))]
    terms = [(term.code, begin(say(name, term.code))) for term in vocabulary(name).active if term.code not in WORDS]
    return [{"value": value, "text": text, "chosen": value == chosen} for value, text in (*answers, *terms)]


def act_options(chosen: str = "") -> list[dict[str, Any]]:
    """Return the kinds of acts in their groups."""
    return [
        {
            "group": begin(say("act_group", group.code)),
            "items": [
                {"value": term.code, "text": begin(say("act", term.code)), "chosen": term.code == chosen}
                for term in vocabulary("act").active
                if term.group == group.code
            ],
        }
        for group in vocabulary("act_group").active
    ]
