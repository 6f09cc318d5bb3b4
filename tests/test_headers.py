"""The exact headers of every answer; what a page names, weighs and sets; what a forged request changes: nothing."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.conftest import Browser, Instance, Member, Source

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; object-src 'none'; sandbox allow-forms allow-same-origin"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), microphone=(), geolocation=(), display-capture=(), clipboard-read=(), usb=(), serial=(), hid=(), "
        "bluetooth=(), payment=(), publickey-credentials-get=(), accelerometer=(), gyroscope=(), browsing-topics=()"
    ),
    "Cache-Control": "no-store",
    "X-DNS-Prefetch-Control": "off",
    "X-Robots-Tag": "noindex, noarchive",
}
HSTS: Final = "max-age=63072000; includeSubDomains; preload"
NEVER: Final = ("Server", "X-Powered-By", "ETag", "Last-Modified", "Vary", "Via", "Access-Control-Allow-Origin")
SIZES: Final = {16384, 32768, 65536, 131072, 262144, 524288, 1048576}
ERRORS: Final = (
    ("GET", "/nowhere", 404),
    ("GET", "/desk/nowhere", 404),
    ("GET", "/audit/nowhere", 404),
    ("PUT", "/f", 405),
    ("TRACE", "/", 405),
    ("GET", "/desk", 308),
    ("GET", "/desk/queue", 401),
    ("GET", "/audit/log", 401),
)
TEMPLATES: Final = sorted((Path(__file__).parents[1] / "app").rglob("*.html"))


def url_of(rule: Rule) -> str:
    """Return an address of a route."""
    return re.sub(r"<uuid:\w+>", str(UUID(int=7)), rule.rule).replace("<view>", "open").replace("<int:page>", "1")


def routes(app: Flask) -> list[tuple[str, str]]:
    """Return (method, address) of every route, those last that end a session."""
    found = [
        (method, url_of(rule), rule.endpoint.endswith((".sign_in", ".lock")))
        for rule in app.url_map.iter_rules()
        for method in sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"})
    ]
    return [(method, url) for method, url, _ in sorted(found, key=lambda item: (item[2], item[1], item[0]))]


def ask(client: FlaskClient, method: str, url: str, **options: Any) -> TestResponse:
    """Send one request and read the whole answer."""
    return client.open(url, method=method, buffered=True, **options)


def wrong(answer: TestResponse) -> dict[str, str | None]:
    """Return the headers that are not as they must be."""
    expected = dict(HEADERS)
    if answer.request.path.startswith("/audit/"):
        expected["Content-Security-Policy"] += " allow-downloads"  # the table of the log, and nothing on any other face
    found: dict[str, str | None] = {
        name: answer.headers.get(name) for name, value in expected.items() if answer.headers.getlist(name) != [value]
    }
    return found | {name: answer.headers[name] for name in NEVER if name in answer.headers}


def signed_in(app: Flask, instance: Instance, name: str = "Nigora") -> Member:
    """Return a member at work, with a report open."""
    Source(app).write("A report.", reply="yes")
    member = Member(app, instance, name)
    member.sign_in()
    if name == "Nigora":
        member.open_first()
        member.press("/claim")
    return member


@pytest.mark.parametrize("name", [None, "Nigora", "Edda"])
def test_every_answer_has_the_exact_headers(app: Flask, instance: Instance, name: str | None) -> None:
    """Each route, with and without a session, and each error: these strings, once each, and none of the talkative ones."""
    browser = Browser(app) if name is None else signed_in(app, instance, name)
    csrf = next((form.value("csrf") for form in browser.forms() if form.value("csrf")), "")

    for method, url in routes(app):
        answer = ask(browser.client, method, url, data={"csrf": csrf})
        assert answer.status_code < 500, (method, url)
        assert not wrong(answer), (method, url)
        assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize(("method", "url", "status"), ERRORS)
def test_every_error_has_the_exact_headers(app: Flask, method: str, url: str, status: int) -> None:
    """An answer made by the framework is no exception."""
    answer = ask(app.test_client(), method, url)

    assert answer.status_code == status
    assert not wrong(answer)


@pytest.mark.parametrize("url", ["/", "/f", "/desk/", "/audit/"])
def test_oversized_body_has_the_exact_headers(app: Flask, url: str) -> None:
    """A body over the limit is refused with the same headers, unread."""
    answer = ask(app.test_client(), "POST", url, data={"text": "x" * (1_000_001 if url == "/desk/" else 300_001)})

    assert answer.status_code == 413
    assert not wrong(answer)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1:80@evil.example", ""])
@pytest.mark.parametrize("path", ["/", "/f.css", "/desk/", "/desk/queue", "/audit/", "/nowhere"])
def test_another_host_is_refused(app: Flask, host: str, path: str) -> None:
    """A host that is not configured gets 400, the headers, and none of its own name back."""
    answer = ask(app.test_client(), "GET", path, headers={"Host": host})

    assert answer.status_code == 400
    assert not wrong(answer)
    assert "evil" not in answer.text + str(answer.headers)


def test_configured_hosts_are_served(instance: Instance) -> None:
    """Each of PAIVAND_HOSTS, and no other."""
    client = instance.app(hosts=("one.example", "two.example")).test_client()

    statuses = [ask(client, "GET", "/", headers={"Host": host}).status_code for host in ("one.example", "two.example", "localhost")]

    assert statuses == [200, 200, 400]


@pytest.mark.parametrize(
    ("onion", "scheme", "expected"), [(False, "https", HSTS), (False, "http", None), (True, "https", None), (True, "http", None)]
)
def test_only_https_and_never_an_onion_asks_for_https(instance: Instance, *, onion: bool, scheme: str, expected: str | None) -> None:
    """An onion address is no place for HSTS; plain http must not send it."""
    client = instance.app(onion=onion).test_client()

    for path in ("/", "/f.css", "/nowhere", "/desk/"):
        assert ask(client, "GET", path, base_url=f"{scheme}://localhost").headers.get("Strict-Transport-Security") == expected


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9;host=evil.example;proto=https"},
        {"X-Forwarded-Prefix": "/evil", "X-Script-Name": "/evil", "X-Original-URL": "/desk/queue"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Accept-Language": "ru", "Accept-Encoding": "gzip, br"},
        {"If-Modified-Since": "Wed, 21 Oct 2099 07:28:00 GMT", "If-None-Match": "*"},
        {"Range": "bytes=0-10"},
    ],
    ids=lambda forged: next(iter(forged)),
)
def test_forged_and_curious_headers_change_nothing(app: Flask, forged: dict[str, str]) -> None:
    """Status, headers and bytes are the same as without them (but for what is random in each page)."""
    client = app.test_client()

    for method, url in (
        ("GET", "/"),
        ("GET", "/f.css"),
        ("GET", "/f"),
        ("POST", "/f"),
        ("GET", "/desk/"),
        ("GET", "/desk/d.css"),
        ("GET", "/audit/log"),
    ):
        plain, changed = ask(client, method, url), ask(client, method, url, headers=forged)
        assert changed.status_code == plain.status_code, url
        assert sorted(changed.headers) == sorted(plain.headers), url
        assert without_token(changed.text) == without_token(plain.text), url


def without_token(page: str) -> str:
    """Return a page without its token."""
    return re.sub(r'name="token" value="[^"]+"', "", page)


def public_pages(app: Flask) -> Iterator[TestResponse]:
    """Walk through every page that a source can see."""
    source = Source(app)
    yield source.get("/")
    for language in ("ru", "en"):
        yield source.post("/", {"l": language})
    yield source.press("/f", ("go", "write"))
    yield source.send("")
    yield source.press("/f", ("do", "send"), text="Words.\n" * 3000, danger="now")
    code = source.shown_code()
    yield source.open_mailbox("123")
    yield source.open_mailbox(code)
    yield source.press("/f", ("do", "add"), text="")
    yield source.press("/f", ("do", "add"), text="More words.")
    yield source.post("/f", {"token": "", "do": "add", "text": "Late words."})
    yield source.get("/nowhere")
    yield source.client.get("/f")
    yield source.client.get("/x")
    yield source.client.put("/f")
    yield source.client.post("/f", data={"text": "x" * 300_001})
    yield source.client.get("/", headers={"Host": "evil.example"})


def test_public_page_is_filled_up_to_a_few_sizes(app: Flask) -> None:
    """The length of an answer tells a size class, never the page (threat T2)."""
    for page in public_pages(app):
        assert len(page.data) in SIZES, (page.request.path, len(page.data))
        assert int(page.headers["Content-Length"]) == len(page.data)


def test_public_outcomes_weigh_the_same(app: Flask) -> None:
    """Landing, code page, wrong code and empty mailbox cannot be told apart by their length."""
    source = Source(app)
    code = source.write("Words.")
    lengths = {
        len(source.get("/").data),
        len(source.open_mailbox(code).data),
        len(source.open_mailbox("1" * 27).data),
        len(source.open_mailbox("").data),
    }

    assert lengths == {16384}


def test_public_pages_set_no_cookie(app: Flask) -> None:
    """Nothing links two requests of a source; only leaving sets one, random and for hours, so that Reload shows nothing."""
    for page in public_pages(app):
        cookies = page.headers.getlist("Set-Cookie")
        if page.request.path == "/x":
            (cookie,) = cookies
            assert attributes(cookie) == (
                "__Host-x",
                {"Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=10800", *expires(cookie)},
            )
            assert page.headers["Clear-Site-Data"] == '"cache", "storage"'
            assert page.status_code == 303
        else:
            assert cookies == []


def attributes(cookie: str) -> tuple[str, set[str]]:
    """Return a cookie's name and its attributes."""
    first, *rest = cookie.split("; ")
    return first.split("=")[0], set(rest)


def expires(cookie: str) -> set[str]:
    """Return the Expires attribute that comes with Max-Age, for old browsers."""
    return {part for part in cookie.split("; ") if part.startswith("Expires=")}


@pytest.mark.parametrize(("onion", "name", "secure"), [(False, "__Host-s", {"Secure"}), (True, "s", set[str]())])
@pytest.mark.parametrize(("door", "member"), [("/desk/", "Nigora"), ("/audit/", "Edda")])
def test_session_cookie_has_exactly_these_attributes(
    instance: Instance, *, onion: bool, name: str, secure: set[str], door: str, member: str
) -> None:
    """It ends with the browser; a plain onion origin cannot have Secure; locking takes it back."""
    app = instance.app(onion=onion)
    person = Member(app, instance, member, door)
    person.get(door)
    account = instance.members[member]
    data = {"name": member, "passphrase": account.passphrase, "code": instance.code(member)}

    answer = ask(person.client, "POST", door, data=data)

    assert answer.status_code == 303
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert attributes(cookie) == (name, {"HttpOnly", "SameSite=Strict", "Path=/", *secure})
    person.get(door)
    answer = ask(person.client, "POST", f"{door}lock", data={"csrf": person.form("/lock").value("csrf")})
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert attributes(cookie) == (name, {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=0", *secure, *expires(cookie)})


@pytest.mark.parametrize(("onion", "secure"), [(False, {"Secure"}), (True, set[str]())])
@pytest.mark.parametrize("door", ["/desk/", "/audit/"])
def test_language_cookie_holds_a_language_and_nothing_else(instance: Instance, *, onion: bool, secure: set[str], door: str) -> None:
    """Whatever is sent, one of the offered codes is stored."""
    client = instance.app(onion=onion).test_client()

    for sent, kept in (("ru", "ru"), ("xx; Domain=evil", "en"), ("", "en")):
        (cookie,) = ask(client, "POST", f"{door}language", data={"l": sent}).headers.getlist("Set-Cookie")
        assert cookie.startswith(f"l={kept}; ")
        assert attributes(cookie) == ("l", {"HttpOnly", "SameSite=Strict", "Path=/", *secure})


class Names(HTMLParser):
    """Collects what a page would load, and what it must not hold."""

    BANNED = frozenset({"script", "style", "font", "iframe", "object", "embed", "link-preload", "base", "math", "video", "audio"})
    LOADING = frozenset({"src", "srcset", "poster", "data", "background", "ping", "manifest"})

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.bad: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        self.tags.add(tag)
        if tag in self.BANNED:
            self.bad.append(tag)
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.bad.append(f"{tag} {name}")
            if name in self.LOADING or (tag == "link" and name == "href"):
                self.loads.append(value or "")
            if name in ("href", "action", "formaction") and tag != "link":
                self.links.append(value or "")


def read(page: TestResponse) -> Names:
    """Read a page."""
    names = Names()
    names.feed(page.text)
    return names


def test_public_page_names_one_file_and_nothing_active(app: Flask) -> None:
    """One sheet of our own; no script, style attribute, font, SVG, frame, or address of another site."""
    for page in public_pages(app):
        names = read(page)
        assert names.bad == [], page.request.path
        assert names.loads in ([], ["/f.css"])
        assert "svg" not in names.tags
        assert page.request.path == "/x" or all(link.startswith(("/", "#")) and not link.startswith("//") for link in names.links)


def test_staff_page_names_one_file_and_nothing_active(app: Flask, instance: Instance) -> None:
    """The same at desk and audit, where a chart may be drawn on the server."""
    nigora, edda = signed_in(app, instance), Member(app, instance, "Edda", "/audit/")
    pages = [nigora.page, nigora.get("/desk/queue"), nigora.get("/desk/queue/mine"), nigora.get("/desk/messages"), nigora.get("/desk/none")]
    pages += [edda.get("/audit/"), edda.sign_in(), edda.get("/desk/queue")]

    for page in pages:
        names = read(page)
        assert names.bad == [], page.request.path
        assert names.loads in (["/desk/d.css"], ["/audit/d.css"])
        assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in names.links)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_template_is_escaped_and_inert(template: Path) -> None:
    """No `safe`, no switched-off escaping, no script or style in the text, no unquoted attribute."""
    text = template.read_text("utf-8")

    assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup\(", text)
    assert not re.search(r"<(script|style)\b|\sstyle\s*=|\son[a-z]+\s*=|javascript:", text, re.IGNORECASE)
    assert not re.search(r"=\{\{", text)


def test_sheets_load_nothing(app: Flask) -> None:
    """A sheet of ours names no font, picture or other sheet."""
    for url in ("/f.css", "/desk/d.css", "/audit/d.css"):
        answer = ask(app.test_client(), "GET", url)
        assert answer.mimetype == "text/css"
        assert not re.search(r"url\(|@import|@font-face", answer.text)


def test_pages_are_html_in_utf8(app: Flask) -> None:
    """The type is said exactly, so that nothing is guessed."""
    for page in public_pages(app):
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND"])
def test_other_methods_are_refused_everywhere(app: Flask, instance: Instance, method: str) -> None:
    """Only GET, HEAD and POST exist, signed in or not."""
    nigora = Member(app, instance, "Nigora")
    nigora.sign_in()
    for client in (app.test_client(), nigora.client):
        for url in sorted({url for _, url in routes(app)}):
            assert send(client, method, url).status_code == 405, url


def send(client: FlaskClient, method: str, url: str) -> TestResponse:
    """Send a method exactly as written."""
    return client.open(url, environ_overrides={"REQUEST_METHOD": method}, buffered=True)


def test_head_answers_like_get_without_a_body(app: Flask, instance: Instance) -> None:
    """The same status and headers, and not a byte."""
    for client in (app.test_client(), signed_in(app, instance).client):
        for method, url in routes(app):
            if method == "GET" and url != "/x":
                get, head = ask(client, "GET", url), ask(client, "HEAD", url)
                assert (head.status_code, sorted(head.headers), head.data) == (get.status_code, sorted(get.headers), b""), url
