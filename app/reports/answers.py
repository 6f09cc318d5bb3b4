"""What a source may answer: fields, choices and limits, as data; every question but the text may stay empty."""

from collections.abc import Mapping
from typing import Any, Final

TEXT: Final = "text"
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "danger": ("now", "soon", "no", "unknown"),
    "for": ("self", "family", "other"),
    "agree": ("yes", "knows", "no", "unsafe"),
    "rel": ("child", "sibling", "spouse", "parent", "other", "friend", "same", "unknown", "unsaid"),
    "reply": ("yes", "no", "unsafe"),
    "ongoing": ("1",),
    "never": ("1",),
}
MANY: Final[dict[str, tuple[str, ...]]] = {
    "kind": ("LIB", "PER", "THR", "HUM", "VIO", "MOV", "ECO", "SEX", "OMI", "CON", "unsaid"),
    "may": ("C2", "C3", "C4", "C5"),
}
PUBLISH: Final = "C5"
LINES: Final = ("who", "exile", "day", "month", "year", "when", "where", "by", "aim")
NUMBERS: Final = ("day", "year")
FIELDS: Final = (
    *(TEXT, "danger", "for", "agree", "who", "exile", "rel", "day", "month", "year", "when", "ongoing", "where"),
    *("kind", "by", "aim", "reply", "may", "never"),
)

MAX_LINE: Final = 500
MAX_BYTES: Final = 60_000  # of all answers together, so that body and keys fit into 64 KiB


def tidy(text: str) -> str:
    """Take line ends as one sign and leave everything else exactly as typed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def collect(typed: Mapping[str, str | list[str]]) -> dict[str, Any]:
    """Keep what was answered: an empty field is *not stated*, which is not the same as *unknown*; "never publish" wins over "publish"."""
    answers: dict[str, Any] = {}
    for name in FIELDS:
        value = typed.get(name)
        if isinstance(value, list):
            chosen = [choice for choice in MANY.get(name, ()) if choice in value]
            if chosen:
                answers[name] = chosen
        elif value and (name == TEXT or value.strip()):
            answers[name] = tidy(value)
    if "never" in answers and PUBLISH in answers.get("may", []):
        answers["may"] = [purpose for purpose in answers["may"] if purpose != PUBLISH]
        if not answers["may"]:
            del answers["may"]
    return answers


def faults(typed: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Return field → fault code for what cannot be accepted; empty when all is well."""
    found: dict[str, str] = {}
    text = typed.get(TEXT, "")
    if not isinstance(text, str) or not text.strip():
        found[TEXT] = "empty"
    for name, choices in CHOICES.items():
        if typed.get(name, "") not in ("", *choices):
            found[name] = "choice"
    for name, choices in MANY.items():
        if set(typed.get(name, [])) - set(choices):
            found[name] = "choice"
    for name in LINES:
        line = typed.get(name, "")
        if len(line) > MAX_LINE:
            found[name] = "long"
        elif name in NUMBERS and isinstance(line, str) and line.strip() and not line.strip().isdecimal():
            found[name] = "number"
    size = sum(len(str(value).encode(errors="replace")) for value in typed.values())
    if size > MAX_BYTES:
        found[TEXT] = "long"
    return found


def are_ours(answers: Mapping[str, Any]) -> bool:
    """Whether stored answers can have come from a form of ours: anybody can seal to a public key."""
    if set(answers) - set(FIELDS) or any(isinstance(value, list) != (name in MANY) for name, value in answers.items()):
        return False
    return not faults(answers)
