"""Write reports into the public form over HTTP, as a person with an old browser would."""

import http.client
import json
import urllib.parse
from html.parser import HTMLParser
from importlib import resources
from typing import Any, Final

_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_CREATED: Final = 201


class WriteError(Exception):
    """The form did not take a demonstration report."""


class _Page(HTMLParser):
    """Finds the hidden token and the shown code."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.code, self._in_code = "", "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("name") == "token":
            self.token = found.get("value") or ""
        if tag == "p" and found.get("class") == "code":
            self._in_code = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "p":
            self._in_code = False

    def handle_data(self, data: str) -> None:
        if self._in_code:
            self.code += data + " "


def demo_reports() -> list[dict[str, Any]]:
    """Return the reports: language and fields each."""
    text = resources.files("app.demo").joinpath("reports.json").read_text("utf-8")
    reports: list[dict[str, Any]] = json.loads(text)["reports"]
    return reports


def write_report(port: int, language: str, fields: dict[str, Any]) -> str:
    """Open the form, fill it, send it; return the code.

    Raises:
        WriteError: the form answered anything but a code.
    """
    form = _post(port, [("l", language), ("go", "write")])
    pairs = [(name, item) for name, value in fields.items() for item in (value if isinstance(value, list) else [value])]
    answer = _post(port, [("token", form.token), ("l", language), *pairs, ("do", "send")], expect=_CREATED)
    return " ".join(answer.code.split())


def _post(port: int, pairs: list[tuple[str, str]], expect: int = 200) -> _Page:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/f", urllib.parse.urlencode(pairs), _HEADERS)
        response = connection.getresponse()
        page = _Page()
        page.feed(response.read().decode())
        if response.status != expect:
            raise WriteError(f"the form answered {response.status}")
        return page
    finally:
        connection.close()
