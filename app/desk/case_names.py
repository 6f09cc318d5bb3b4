"""How a page speaks of people: by their names, or by codes and relations only, for work in the open."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from app.cases.files import CaseFile
from app.cases.records import PersonItem
from app.desk.case_labels import relation_text
from app.i18n.text import gettext as _
from app.matching.names import Part, alike, part
from app.reports.queue import ref_of

SHORTEST: Final = 3  # a shorter part of a name is an initial or a particle
_LIKE: Final = 0.75  # with a large letter, this is near enough to a name of the case to be hidden
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’ʻʼ-][^\W\d_]+)*")
_TWICE: Final = re.compile(r"\b(\w+)(?:[\s,]+\1\b)+")


@dataclass(frozen=True, slots=True)
class Names:
    """The people of one page; `names_of` makes it.

    Attributes:
        shown: whether names are shown.
        exile: whose case it is.
        people: everybody whom the page can speak of.
        codes: part of a name, folded → code; filled where names are hidden.
        own: the same for the people of the case, read for comparison across spellings and scripts.
    """

    shown: bool
    exile: str
    people: Mapping[str, PersonItem]
    codes: Mapping[str, str]
    own: tuple[tuple[Part, str], ...]

    def who(self, key: str) -> dict[str, str]:
        """Return name, relation and code of a person. A minor is never named; where no name is shown, the relation stands for it."""
        item = self.people.get(key)
        if item is None:
            return {"name": _("damaged record"), "relation": "", "code": ""}
        body, relation = item.body, self.kin(item)
        if self.shown and body.forms and body.minor not in ("yes", "probable"):
            return {"name": body.forms[0], "relation": relation, "code": code_of(item)}
        return {"name": (body.label if self.shown else "") or relation, "relation": "", "code": code_of(item)}

    def kin(self, item: PersonItem) -> str:
        """Say what somebody is to the exile of this case; of a relative of another exile, whose they are."""
        relation, whose = relation_text(item.body), item.body.relation_to
        if whose is None or whose == self.exile:
            return relation
        other = self.people.get(whose)
        return _("%(relation)s of %(code)s", relation=relation, code=code_of(other)) if other else relation

    def text(self, text: str) -> str:
        """Return a text as it is, or with every known name in it replaced by the code of its person."""
        if self.shown:
            return text
        hidden = _WORD.sub(lambda found: self._hide(found[0]), text)
        return _TWICE.sub(lambda found: found[1] if found[1] in self.codes.values() else found[0], hidden)

    def _hide(self, word: str) -> str:
        known = next((self.codes[token] for token in _tokens(word) if token in self.codes), None)
        if known or word[0].islower() or len(word) <= SHORTEST:  # “All” is no Alijon: short words are more frequent than short names
            return known or word
        heard = part(word)
        return next((code for name, code in self.own if alike(heard, name) >= _LIKE), word)


def names_of(file: CaseFile, everybody: Iterable[PersonItem], *, shown: bool) -> Names:
    """Make the names of a page; the people of the case come before others of the same name."""
    others = {str(item.id): item for item in everybody}
    codes: dict[str, str] = {}
    own: list[tuple[Part, str]] = []
    if not shown:
        for item in (*others.values(), *file.people.values()):
            codes.update((token, code_of(item)) for form in item.body.forms for token in _tokens(form))
        own = [(part(token), code_of(item)) for item in file.people.values() for form in item.body.forms for token in _tokens(form)]
    return Names(shown, file.body.exile, {**others, **file.people}, codes, tuple(own))


def code_of(item: PersonItem) -> str:
    """Return the short code that stands for a person."""
    return item.body.key or ref_of(item.id)


def _tokens(form: str) -> list[str]:
    """Return the parts of a name, alone and joined as written, without what is too short to be one."""
    found = [word.casefold() for word in _WORD.findall(form)]
    pieces = [piece for word in found for piece in re.split("['’ʻʼ-]", word)]
    return [token for token in dict.fromkeys((*found, *pieces)) if len(token) >= SHORTEST]
