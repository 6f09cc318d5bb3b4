"""Read the forms of a page as a browser without script would."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    """One form: where it goes, what it would send, which buttons it has."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def data(self, button: tuple[str, str] | None = None, **typed: object) -> dict[str, list[str]]:
        """Return what a browser sends when the button is pressed, with these fields filled in."""
        values: dict[str, list[str]] = {}
        for name, value in self.fields:
            if name not in typed:
                values.setdefault(name, []).append(value)
        for name, given in typed.items():
            values[name] = [str(item) for item in given] if isinstance(given, list) else [str(given)]
        if button is not None:
            assert button in self.buttons, f"{button} is not among {self.buttons}"
            values[button[0]] = [button[1]]
        return values

    def value(self, name: str) -> str:
        """Return what stands in a field."""
        return next((value for found, value in self.fields if found == name), "")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.open: Form | None = None
        self.area: str | None = None
        self.text = ""
        self.select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        flags = {name for name, _ in attrs}
        if tag == "form":
            self.open = Form(found.get("action", ""))
            self.forms.append(self.open)
        if self.open is None:
            return
        name = found.get("name", "")
        if tag == "input" and name:
            kind = found.get("type", "text")
            if kind not in ("radio", "checkbox") or "checked" in flags:
                self.open.fields.append((name, found.get("value", "")))
        elif tag == "textarea":
            self.area, self.text = name, ""
        elif tag == "button" and name:
            self.open.buttons.append((name, found.get("value", "")))
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in flags:
            self.open.fields.append((self.select, found.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.area is not None and self.open is not None:
            # a browser drops the first line end after <textarea>
            self.open.fields.append((self.area, self.text.removeprefix("\n")))
            self.area = None
        elif tag == "select":
            self.select = None
        elif tag == "form":
            self.open = None


def read_form(page: str) -> list[Form]:
    """Return the forms of a page in order."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms
