"""Read the forms of a page as a browser without script would."""

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser


@dataclass
class Form:
    """One form: where it goes, what it would send, which buttons it has."""

    action: str
    id: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    elsewhere: list[tuple[str, str, str]] = field(default_factory=list)  # buttons with an action of their own

    def towards(self, action: str) -> "Form | None":
        """Return the form as it is sent to an action that ends so, or None where no button leads there."""
        for target, name, value in [(self.action, "", ""), *self.elsewhere]:
            if target.split("#", maxsplit=1)[0].endswith(action):
                return replace(self, action=target, fields=[*self.fields, *([(name, value)] if name else [])])
        return None

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
        self.owner: Form | None = None
        self.text = ""
        self.select: str | None = None
        self.chooser: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        flags = {name for name, _ in attrs}
        if tag == "form":
            self.open = Form(found.get("action", ""), found.get("id", ""))
            self.forms.append(self.open)
        if tag == "option" and self.select and self.chooser and "selected" in flags:
            self.chooser.fields.append((self.select, found.get("value", "")))
        owner = next((form for form in self.forms if form.id == found["form"]), None) if "form" in found else self.open
        if owner is None:
            return
        name = found.get("name", "")
        if tag == "input" and name:
            kind = found.get("type", "text")
            if kind not in ("radio", "checkbox") or "checked" in flags:
                owner.fields.append((name, found.get("value", "")))
        elif tag == "textarea":
            self.area, self.text, self.owner = name, "", owner
        elif tag == "button" and "formaction" in found:
            owner.elsewhere.append((found["formaction"], name, found.get("value", "")))
        elif tag == "button" and name:
            owner.buttons.append((name, found.get("value", "")))
        elif tag == "select":
            self.select, self.chooser = name, owner

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.area is not None and self.owner is not None:
            # a browser drops the first line end after <textarea>
            self.owner.fields.append((self.area, self.text.removeprefix("\n")))
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
