"""Words for the codes of a finding: rules, needs, what is missing, parts, answers. A test holds rules and needs against docs/levels.md."""

from typing import Any, Final

from app.i18n.text import lazy_gettext as _l

RULES: Final[dict[str, Any]] = {
    "nothing-counts": _l("Recorded. No statement counts yet."),
    "not-plausible": _l("Recorded. What is told has not been found plausible."),
    "who-what-unresolved": _l("Recorded. A contradiction on who or what matters here and is not resolved."),
    "three-origins-agency": _l(
        "Three origins or more, a strong statement among them, and no unresolved contradiction on who, what or when."
        " The body that did it is identified."
    ),
    "document-agency": _l(
        "Two origins, a strong statement and an authentic document or recording among them, and no unresolved contradiction"
        " on who, what or when. The body that did it is identified."
    ),
    "three-origins": _l(
        "Three origins or more, a strong statement among them, and no unresolved contradiction on who, what or when."
        " The body that did it is not identified."
    ),
    "document": _l(
        "Two origins, a strong statement and an authentic document or recording among them, and no unresolved contradiction"
        " on who, what or when. The body that did it is not identified."
    ),
    "two-origins": _l("Two origins, a strong statement among them, and no unresolved contradiction on who, what or when."),
    "when-unresolved": _l("Two origins or more, a strong statement among them. A contradiction on when matters here and is not resolved."),
    "one-origin-when-unresolved": _l(
        "One origin with a strong statement, and it fits a known pattern. A contradiction on when matters here and is not resolved."
    ),
    "document-alone": _l(
        "One origin with a strong statement and an authentic document or recording, and it fits a known pattern."
        " Nothing of another origin supports it yet."
    ),
    "one-origin-strong": _l(
        "One origin with a strong statement: first-hand or documentary, graded C2 or better, detailed and consistent."
        " It fits a known pattern."
    ),
    "no-pattern": _l(
        "One origin with a strong statement: first-hand or documentary, graded C2 or better, detailed and consistent."
        " It fits no known pattern."
    ),
    "several-not-strong": _l(
        "Two origins or more, graded C3 or better, plausible and without an unresolved contradiction on who or what."
        " None is strong: first-hand or documentary, graded C2 or better, detailed and consistent."
    ),
    "one-origin": _l("One origin, graded C3 or better, plausible and without an unresolved contradiction on who or what."),
}
NEEDS: Final[dict[str, Any]] = {
    "statement-counts": _l("A statement that counts: graded C3 or better."),
    "plausible": _l("What is told is found plausible."),
    "who-what-resolved": _l("The contradiction on who or what is resolved."),
    "strong-statement": _l(
        "A strong statement: of somebody who was there, or a document or recording; graded C2 or better, detailed and consistent."
    ),
    "known-pattern": _l("It is shown to fit a known pattern, or a second origin is found."),
    "second-origin": _l("A second origin, graded C3 or better."),
    "when-resolved": _l("The contradiction on when is resolved."),
    "third-origin-or-document": _l("A third origin, graded C3 or better, or an authentic document or recording."),
    "agency-identified": _l("The body that did it is identified."),
}
MISSING: Final[dict[str, Any]] = {
    "statements": _l("a statement: who says so, and how they know"),
    "grades": _l("who says so, an origin and a grade for each statement"),
    "household": _l("one household for each origin"),
    "unlinked": _l("no statement from a report that was withdrawn or is no longer linked: take it out"),
    "plausible": _l("whether it is plausible"),
    "fits_pattern": _l("whether it fits a known pattern"),
    "agency": _l("whether the body that did it is identified"),
    "contradictions": _l("for each contradiction: what it is about, whether it matters, and what was done"),
    "speaks_against": _l("what speaks against it"),
    "reasoning": _l("your reasoning"),
    "standard": _l("the standard of proof"),
    "level": _l("a level above L0: so far it is recorded, and there is nothing to sign"),
}
DECISIONS: Final[dict[str, tuple[Any, Any]]] = {
    "level": (_l("The level as computed"), _l("Two people sign.")),
    "unverifiable": (
        _l("Unverifiable: it cannot be taken further"),
        _l("Two people sign. Say in your reasoning what was tried and why it ends here."),
    ),
    "refuted": (
        _l("Refuted: it did not happen so"),
        _l("You, a lead and a reviewer sign, three people. Say on what evidence. Nothing is deleted."),
    ),
}
DECIDED: Final[dict[str, Any]] = {
    "unverifiable": _l("Decided, not computed: it cannot be taken further. Two people sign that."),
    "refuted": _l("Decided, not computed: it did not happen so. Its proposer, a lead and a reviewer sign that. Nothing is deleted."),
}
BARRED: Final[dict[str, Any]] = {
    "proposer": _l("proposed it"),
    "signed": _l("has signed it in another part"),
    "assessed": _l("assessed it, now or in an earlier round"),
    "accepted": _l("accepted a report it stands on"),
    "wrote": _l("wrote to the source of a report"),
}
PARTS: Final[dict[str, Any]] = {
    "proposer": _l("proposer"),
    "protection": _l("protection officer"),
    "lead": _l("lead"),
    "reviewer": _l("reviewer"),
}
SIGNATURES: Final[dict[str, Any]] = {
    "protection": _l("the protection officer’s signature"),
    "lead": _l("a lead’s signature"),
    "reviewer": _l("the reviewer’s signature"),
}
QUESTIONS: Final[dict[str, tuple[Any, Any]]] = {
    "first_hand": (_l("first-hand"), _l("The speaker saw it, or it happened to them.")),
    "detailed": (_l("detailed"), _l("It tells enough to be checked.")),
    "consistent": (_l("consistent"), _l("It does not contradict itself.")),
    "documentary": (
        _l("documentary"),
        _l("It is itself a trace of the act: a document, photograph or recording. An article about the act is not."),
    ),
    "authentic": (_l("authentic"), _l("That trace was checked and is what it seems to be.")),
    "accused": (_l("of the accused body"), _l("Issued by the state or body that is said to have done it.")),
    "admission": (_l("against its own interest"), _l("What the accused body shows here goes against itself.")),
}
ANSWERS: Final[dict[str, tuple[Any, Any]]] = {
    "plausible": (_l("Is it plausible?"), _l("It can have happened as told.")),
    "fits_pattern": (_l("Does it fit a known pattern?"), _l("Of reprisals, as other cases show them.")),
    "agency": (_l("Is the body that did it identified?"), _l("Who did it is known down to the body.")),
}
STANDINGS: Final[dict[str, Any]] = {
    "strong": _l("counts, strong"),
    "counts": _l("counts"),
    "low": _l("does not count: low grade"),
    "cannot-judge": _l("does not count, which does not mean “bad”"),
    "accused": _l("does not count: the accused body speaks only against itself"),
}
TRAIL: Final[dict[str, Any]] = {
    "taken": _l("taken for assessment"),
    "disputed": _l("disputed"),
    "settled_confirmed": _l("settled: it stands"),
    "settled_in_assessment": _l("settled: assessed again"),
    "reopened": _l("opened again"),
}
TRUTH: Final[dict[bool | None, Any]] = {True: _l("yes"), False: _l("no"), None: _l("not answered")}
