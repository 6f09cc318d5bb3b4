"""A decider's note for the auditor: one line, and no name of the case in it, in any spelling or script."""

import re
from typing import Final

from app.cases.files import CaseFile
from app.errors import MalformedError, NamedError
from app.matching.names import same_name

MAX_NOTE: Final = 300
_SHORTEST: Final = 3  # a shorter part of a name is an initial or a particle
_JOINS: Final = re.compile(r"(?<=\w)[-‐‑–_.](?=\w)")  # a name written in pieces


def check_note(note: str, file: CaseFile) -> str:
    """Return a note without the space around it.

    Raises:
        NamedError: it holds a part of a name of the case.
        MalformedError: too long, or not one line of plain signs.
    """
    tidy = note.strip()
    if len(tidy) > MAX_NOTE or not tidy.isprintable():
        raise MalformedError
    words = [*tidy.split(), *_JOINS.sub("", tidy).split()]
    parts = {part for name in file.own_names() for part in re.split(r"[\s-]+", name) if len(part) >= _SHORTEST}
    if any(same_name(word, part) for word in words for part in parts):
        raise NamedError
    return tidy
