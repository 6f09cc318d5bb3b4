"""Read the tables of a page as text."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Table:
    """A table: its caption and its rows, each a list of the texts of its cells."""

    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[Table] = []
        self.words: list[str] | None = None

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in ("td", "th", "caption"):
            self.words = []

    def handle_data(self, data: str) -> None:
        if self.words is not None:
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "caption") and self.words is not None:
            text = re.sub(r"\s+([:,;])", r"\1", re.sub(r"\s+", " ", " ".join(self.words)).strip())
            if tag == "caption":
                self.tables[-1].caption = text
            else:
                self.tables[-1].rows[-1].append(text)
            self.words = None


def tables(page: str) -> list[Table]:
    """Return the tables of a page in order."""
    reader = _Reader()
    reader.feed(page)
    return reader.tables


def entries(page: str) -> list[list[str]]:
    """Return the rows of the log's one table: entry, day, what, by, record, grades and level, four eyes."""
    return [row for found in tables(page) for row in found.rows[1:] if len(row) > 1]


def table(page: str, caption: str) -> list[list[str]]:
    """Return the rows of one table, without its head."""
    return next(found for found in tables(page) if found.caption.startswith(caption)).rows[1:]
