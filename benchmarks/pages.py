"""What a source's browser fetches without script: bytes and requests of each public page in each language, beside the bare text."""

import gzip
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from typing import Any, Final

from flask.testing import FlaskClient

from app.factory import create_app
from app.i18n.languages import Languages
from app.web.deps import attach
from benchmarks.client import TEXT
from benchmarks.core import Bench
from benchmarks.instance import Instance

_PADDING: Final = re.compile(rb"<!--\.*-->\Z")
_TOKEN: Final = re.compile(r'name="token" value="([^"]+)"')
_CODE: Final = re.compile(r'class="code">(.*?)</p>', re.DOTALL)
_OK: Final = 300
_FETCHED: Final = {"link": "href", "script": "src", "img": "src", "source": "src", "iframe": "src", "embed": "src"}
_KEPT: Final = {  # what a bare page cannot do without, so that it still works
    "form": ("method", "action"),
    "input": ("type", "name", "value"),
    "button": ("name", "value"),
    "textarea": ("name",),
    "select": ("name",),
    "option": ("value",),
    "a": ("href",),
}
_LEFT_OUT: Final = frozenset({"link", "meta", "div", "span", "section", "header", "main", "bdi", "hr"})
_VOID: Final = frozenset({"input", "br"})


class Page(HTMLParser):
    """Reads a page: what it makes a browser fetch, and its text as bare HTML without style, names for style, or padding."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.fetched: set[str] = set()
        self.bare = "<!doctype html>"
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag, if a bare page needs it, and what it makes a browser fetch."""
        found = dict(attrs)
        if address := found.get(_FETCHED.get(tag, "")):
            self.fetched.add(address)
        if tag not in _LEFT_OUT:
            kept = "".join(f' {name}="{escape(found[name] or "")}"' for name in _KEPT.get(tag, ()) if name in found)
            self.bare += f"<{tag}{kept}>"

    def handle_endtag(self, tag: str) -> None:
        """Close what was kept."""
        if tag not in _LEFT_OUT and tag not in _VOID:
            self.bare += f"</{tag}>"

    def handle_data(self, data: str) -> None:
        """Keep the text, with single spaces."""
        self.bare += escape(re.sub(r"\s+", " ", data), quote=False)


def measure(bench: Bench) -> None:
    """Measure every public page in every language the program has, signed off or not."""
    folder = bench.folder / "pages"
    folder.mkdir()
    app = create_app(Instance.found(folder).config(), faces=("intake",))
    made = app.extensions["paivand"]
    languages = Languages(only_reviewed=False)
    attach(app, replace(made, languages=languages))
    client = app.test_client()
    for language in languages.codes:
        for name, body in _walk(client, language).items():
            _say(bench, client, name, language, body)


def _walk(client: FlaskClient, language: str) -> dict[str, bytes]:
    """Write a report and come back with its code, as a source does."""

    def post(path: str, **fields: str) -> bytes:
        answer = client.post(path, data={"l": language, **fields})
        if answer.status_code >= _OK:
            raise RuntimeError(f"{path}: {answer.status_code}")
        return bytes(answer.data)

    first, form = post("/"), post("/f", go="write")
    receipt = post("/f", do="send", token=_token(form), text=TEXT)
    code = post("/f", go="code")
    shown = _CODE.search(receipt.decode())
    digits = re.sub(r"<[^>]*>", " ", shown[1] if shown else "")
    mailbox = post("/f", do="open", token=_token(code), code=digits)
    return {"first": first, "form": form, "receipt": receipt, "code": code, "mailbox": mailbox}


def _token(page: bytes) -> str:
    found = _TOKEN.search(page.decode())
    if found is None:
        raise RuntimeError("a form without its token")
    return found[1]


def _say(bench: Bench, client: FlaskClient, name: str, language: str, body: bytes) -> None:
    page, unpadded = Page(body.decode()), _PADDING.sub(b"", body)
    bare, others = page.bare.encode(), {address: client.get(address).data for address in sorted(page.fetched)}
    more: dict[str, Any] = {
        "page": name,
        "language": language,
        "unpadded": len(unpadded),
        "unpadded_ratio": round(len(unpadded) / len(bare), 3),
        "gzip": len(gzip.compress(unpadded, 9)),  # never sent: a compressed page tells its text by its length
        "requests": 1 + len(others),
        "others": {address: len(data) for address, data in others.items()},
    }
    bench.say("page", "bytes", len(body), len(bare), **more)
