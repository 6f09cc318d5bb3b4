"""Each fault, each abuse: what it answers, that no typed word is lost, that rows stay as they were, that no log says who."""

import html
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any, Final, NoReturn, TypeVar
from uuid import UUID, uuid4

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import delete, func, insert, select, update
from werkzeug.test import TestResponse

from app.i18n.text import force_locale, gettext
from app.members.policy import Permission
from app.store.database import METADATA
from app.store.keys import KeyWrap, Lease, ManifestRow, MemberSession
from app.store.ledger import LedgerHead
from app.store.reports import Message, Report
from app.vault import receipt
from app.web.gate import allow
from tests.conftest import Browser, Instance, Member, Source
from tests.forms import read_form

LANGUAGES: Final = ("en", "ru")
AGENT, ADDRESS = "CanaryAgent/7.1", "203.0.113.77"
NASTY: Final = (
    "\n \t first \"double\" 'single' “curly” <b>&amp;</b> </textarea> <!-- \n\nҷавоб: ӯ, ҳ, қ, ғ, ӣ\n"
    "پاسخ ۱۲۳؟ \u202eevil\u202c \u200f\u2066x\u2069 🕊️ \u00a0\ttail \t \n  "
)
LINE: Final = NASTY.replace("\n", "")
CANARIES: Final = ("curly", "canary", "ҷавоб", "پاسخ", AGENT, ADDRESS)
STORY: Final = "Ворона принесла письмо.\n\nShe said a canary word."
BELLS: Final = "\x07" * 40_000  # one byte each as typed, six each in the seal
SECRET: Final = bytes(range(10))

EMPTY = "The large box is still empty. A few words are enough"
TOO_LONG = "The text is too long for one message. Please send it in two parts"
LONG_LINE = "One answer is too long. Please put the rest into the large box"
NOT_CHOSEN = "One answer was not understood. Please choose again"
STRANGE = "This page was changed on its way. Please press the button again."
OLD = "This page was open for a long time. Please press the button again."
OLD_BOX = "This page was open for a long time. Please enter your code once more. What you wrote is kept."
BUSY_SOURCE = "It could not be stored just now. Please press Send again."
NOT_WHOLE = "This is not a whole code. It has 27 digits or eight words"
SLIP = "There is a slip in this code: a wrong digit, or two words swapped. Please compare it with your note"
ARRIVED = "Thank you. It has arrived."
TOO_LARGE = "What was sent is larger than one page can take. Nothing was saved."
NO_PAGE = "This page does not exist."
NO_RECORD = "This record does not exist."
FORBIDDEN = "Your role does not allow this."
FOREIGN = "This form did not come from this site. Nothing was saved."
NOT_WANTED = "This person did not allow such a message. Nothing was sent."
STALE = "This record changed after your page was made. Nothing of yours was saved over it."
TAKEN = "Only the person who took a report changes it."
OWN_LETTER = "You wrote this yourself. Somebody else releases it."
DAMAGED = "This record does not match its seal or the log. It is not shown. The other records are unharmed."
MALFORMED = "Something in the form is empty or too long."
BUSY = "The store or the log could not be written. Nothing was changed or shown."
LOCKED = "The desk is locked."
CLOSED = "Opening a report is an entry in the log. It stays open for an hour."
NOT_OPEN = "A report is shown only within an hour of its opening."
NO_SIGN_IN = "Name, passphrase and code do not fit together. A code works once; wait for the next one and try again."
FAILED = "It is our fault. Nothing was saved."
NO_MESSAGE = "No message yet"

Rows = dict[str, list[tuple[Any, ...]]]
AnyBrowser = TypeVar("AnyBrowser", bound=Browser)


class Compiled(BytecodeCache):
    """Templates compiled once a run: each test has its own application."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take a template that was compiled before."""
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep one for the next test."""
        self.kept[bucket.key] = bucket.bytecode_to_string()


COMPILED: Final = Compiled()


class World:
    """One instance, the people who act in it, and the rows before the fault."""

    def __init__(self, instance: Instance, language: str) -> None:
        self.instance, self.language = instance, language
        self.app = self.new_app()
        self.database = instance.database()
        self.source = self.marked(Source(self.app))
        self.typed: dict[str, str] = {}
        self.code = ""
        self.before: Rows = {}

    def new_app(self, **changes: Any) -> Flask:
        """Start a process of all faces."""
        made = self.instance.app(**changes)
        made.jinja_env.bytecode_cache = COMPILED
        return made

    def marked(self, browser: AnyBrowser) -> AnyBrowser:
        """Give a browser an address and a name that no log may hold."""
        browser.client.environ_base.update(REMOTE_ADDR=ADDRESS, HTTP_USER_AGENT=AGENT)
        return browser

    def typing(self, **fields: str) -> dict[str, str]:
        """Remember what somebody types, to look for it afterwards."""
        self.typed = fields
        return fields

    def says(self, message: str, **values: str) -> str:
        """Return a text in the language of the page."""
        with self.app.test_request_context(), force_locale(self.language):
            return gettext(message, **values)

    def rows(self) -> Rows:
        """Return every row of every table but the sessions, whose last minute may change."""
        with self.database.engine.connect() as connection:
            return {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in METADATA.sorted_tables
                if table.name != "member_session"
            }

    def freeze(self) -> None:
        """From here on only the fault acts."""
        self.before = self.rows()

    def sql(self, *statements: Any) -> None:
        """Change the file behind the service's back."""
        with self.database.engine.begin() as connection:
            for statement in statements:
                if isinstance(statement, str):
                    connection.exec_driver_sql(statement)
                else:
                    connection.execute(statement)

    def one(self, query: Any) -> Any:
        """Read one value behind the service's back."""
        with self.database.engine.connect() as connection:
            return connection.execute(query).scalars().first()

    # who acts

    def write_page(self) -> Source:
        """A source has the empty form open."""
        self.source.open_form(self.language)
        return self.source

    def box(self) -> Source:
        """A source has sent a report and opened its mailbox."""
        code = self.source.write(STORY, self.language)
        self.source.open_mailbox(code, self.language)
        return self.source

    def at_door(self, name: str) -> Member:
        """A member has the sign-in page open in the language of this test."""
        member = self.marked(Member(self.app, self.instance, name))
        member.get(member.door)
        member.press("/desk/language", ("l", self.language))
        return member

    def member(self, name: str = "Nigora") -> Member:
        """A member has signed in, and so taken in what waited."""
        member = self.at_door(name)
        member.sign_in()
        return member

    def opened(self, name: str = "Nigora", **answers: str) -> Member:
        """A report has come and a member has opened it."""
        self.source.write(STORY, self.language, **answers)
        member = self.member(name)
        member.open_first()
        assert member.page.status_code == 200
        return member

    def owned(self, name: str = "Nigora", **answers: str) -> Member:
        """The member has taken it, too."""
        member = self.opened(name, **answers)
        member.press("/claim")
        assert member.form("/leave").action
        return member

    def handed(self) -> Member:
        """Nigora's letter waits for release."""
        member = self.owned(reply="yes")
        member.press("/messages", message="A question.")
        assert member.page.status_code == 200
        return member

    def two_reports(self) -> tuple[Member, UUID]:
        """Two reports were taken in; returns who did, and one of the two."""
        self.source.write(STORY, self.language)
        self.source.write(f"{STORY} Again.", self.language)
        return self.member(), self.one(select(Report.id).order_by(Report.id))


def act_on(member: Member, step: str, **fields: str) -> TestResponse:
    """Send a member's form from a report's page, whether or not the page showed it."""
    url = member.report_url
    csrf = member.form("/notes").value("csrf")
    return member.post(f"{url}/{step}", {"csrf": csrf, **fields})


def open_report(member: Member, report_id: UUID) -> TestResponse:
    """Press a row of the queue."""
    csrf = next(form.value("csrf") for form in member.forms() if form.action.endswith("/lock"))
    return member.post(f"/desk/reports/{report_id}/open", {"csrf": csrf})


@dataclass(frozen=True)
class Fault:
    """One line of the table.

    `act` brings things about, calls `freeze()`, does what is wrong and returns the answer.
    `adds` counts new rows per table where some are right; all older rows stay as they were. None: `act` checks the rows.
    `then` goes on afterwards, where somebody must get further.
    """

    name: str
    who: str
    act: Callable[[World], TestResponse]
    status: int
    says: str
    values: dict[str, str] = field(default_factory=dict)
    adds: dict[str, int] | None = field(default_factory=dict)
    then: Callable[[World], None] | None = None
    languages: tuple[str, ...] = LANGUAGES
    shown_in: str = ""  # the page's language where the request could not tell it


# ── the source ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def send(**fields: Any) -> Callable[[World], TestResponse]:
    """Send the form with these fields; a nasty text is in the large box unless told otherwise."""

    def act(world: World) -> TestResponse:
        source = world.write_page()
        filled: dict[str, Any] = {"text": NASTY, **fields}
        world.typing(
            **{name: value for name, value in filled.items() if isinstance(value, str) and name in ("text", "who", "where", "year")}
        )
        world.freeze()
        return source.press("/f", ("do", "send"), **filled)

    return act


def send_again(world: World) -> None:
    """Pressing Send on the page that came back stores the text, whole."""
    world.source.press("/f", ("do", "send"))
    assert world.source.page.status_code == 201
    member = world.member()
    member.open_first()
    for part in world.typed["text"].split("\n\n"):
        assert part.strip("\n") in html.unescape(member.page.text)


def send_text_twice(world: World) -> TestResponse:
    source = world.write_page()
    world.typing(text=NASTY)
    world.freeze()
    return source.press("/f", ("do", "send"), text=[NASTY, "another"])


def send_huge(world: World) -> TestResponse:
    source = world.write_page()
    world.freeze()
    return source.press("/f", ("do", "send"), text=NASTY + "x" * 300_000)


def send_many_parts(world: World) -> TestResponse:
    source = world.write_page()
    data = {**source.form("/f").data(("do", "send"), text=NASTY), **{f"p{at}": ["x"] for at in range(70)}}
    world.freeze()
    return source.post("/f", data, content_type="multipart/form-data")


def send_late(world: World) -> TestResponse:
    source = world.write_page()
    world.instance.clock.forward(hours=3)
    world.freeze()
    return source.press("/f", ("do", "send"), **world.typing(text=NASTY, who=LINE))


def token_of(purpose: str) -> Callable[[World], TestResponse]:
    """Send a report with the token of another page."""

    def act(world: World) -> TestResponse:
        source = world.source
        if purpose == "box":
            world.box()
        else:
            source.post("/", {"l": world.language})
            source.press("/f", ("go", "code"))
        token = source.form("/f").value("token")
        world.write_page()
        world.freeze()
        return source.press("/f", ("do", "send"), token=token, **world.typing(text=NASTY))

    return act


def add_with_write_token(world: World) -> TestResponse:
    source = world.write_page()
    token = source.form("/f").value("token")
    world.freeze()
    return source.post("/f", {"token": token, "l": world.language, "do": "add", **world.typing(text=NASTY)})


def send_at(path: str, **headers: str) -> Callable[[World], TestResponse]:
    """Send a report with these headers."""

    def act(world: World) -> TestResponse:
        source = world.write_page()
        data = source.form("/f").data(("do", "send"), text=NASTY)
        world.freeze()
        return source.post(path, data, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return act


def double_click(world: World) -> TestResponse:
    source = world.write_page()
    data = source.form("/f").data(("do", "send"), text=NASTY)
    world.freeze()
    source.post("/f", data)
    first = source.shown_code()
    assert source.page.status_code == 201
    page = source.post("/f", data)
    assert source.shown_code() == first
    return page


def back_and_send_the_same(world: World) -> TestResponse:
    source = world.write_page()
    data = source.form("/f").data(("do", "send"), text=NASTY)
    world.freeze()
    source.post("/f", data)
    first = source.shown_code()
    world.instance.clock.forward(minutes=70)
    page = source.post("/f", data)
    assert source.shown_code() == first
    return page


def back_and_send_another(world: World) -> TestResponse:
    source = world.write_page()
    form = source.form("/f")
    world.freeze()
    codes = []
    for text in (NASTY, NASTY + "more", NASTY + "more"):
        source.post("/f", form.data(("do", "send"), text=text))
        assert source.page.status_code == 201
        codes.append(source.shown_code())
    assert codes[0] != codes[1] == codes[2]
    return source.page


def both_codes_open(world: World) -> None:
    """Both texts are taken in as whole reports."""
    member = world.member()
    assert world.one(select(func.count()).select_from(Report).where(Report.state == "received")) == 2
    assert member.page.status_code == 200


def send_twice_at_once(world: World) -> TestResponse:
    source = world.write_page()
    data = source.form("/f").data(("do", "send"), text=NASTY)
    barrier, browsers = Barrier(2), [world.marked(Source(world.app)) for _ in range(2)]

    def press(browser: Source) -> TestResponse:
        barrier.wait()
        return browser.post("/f", data)

    world.freeze()
    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(press, browsers))
    assert [page.status_code for page in pages] == [201, 201]
    assert browsers[0].shown_code() == browsers[1].shown_code()
    return pages[0]


def send_while_locked(world: World) -> TestResponse:
    source = world.write_page()
    world.freeze()
    with world.database.engine.connect() as other:
        if world.instance.is_sqlite:
            other.exec_driver_sql("ROLLBACK")
        other.exec_driver_sql("BEGIN IMMEDIATE" if world.instance.is_sqlite else "LOCK TABLE report")
        page = source.press("/f", ("do", "send"), **world.typing(text=NASTY))
        other.exec_driver_sql("ROLLBACK")
    return page


def send_while_failing(world: World) -> TestResponse:
    source = world.write_page()
    world.instance.refuse_rows("report")
    world.freeze()
    return source.press("/f", ("do", "send"), **world.typing(text=NASTY))


def add_while_failing(world: World) -> TestResponse:
    source = world.box()
    world.instance.refuse_rows("report")
    world.freeze()
    return source.press("/f", ("do", "add"), **world.typing(text=NASTY))


def repaired(world: World) -> None:
    """When the store works again, pressing Send is enough."""
    world.instance.accept_again()
    source = world.source
    source.press("/f", source.form("/f").buttons[0])
    assert source.page.status_code == 201


def unproven_keyring(world: World) -> TestResponse:
    world.sql(update(ManifestRow).values(signatures=b"[]"))
    world.app = world.new_app(state=None)
    world.source = world.marked(Source(world.app))
    source = world.write_page()
    world.freeze()
    return source.press("/f", ("do", "send"), **world.typing(text=NASTY))


def code_with(code: Callable[[str], str]) -> Callable[[World], TestResponse]:
    """Type a code at the code page."""

    def act(world: World) -> TestResponse:
        world.freeze()
        return world.source.open_mailbox(world.typing(code=code(receipt.to_digits(SECRET)))["code"], world.language)

    return act


def unknown_code(world: World) -> TestResponse:
    source = world.source
    pages = []
    for code in (source.write(STORY, world.language), receipt.to_digits(SECRET)):
        world.freeze()
        page = source.open_mailbox(code, world.language)
        pages.append(page.text.replace(source.form("/f").value("token"), "TOKEN"))
    assert pages[0] == pages[1]
    return source.page


def code_page(world: World) -> Source:
    world.source.post("/", {"l": world.language})
    world.source.press("/f", ("go", "code"))
    return world.source


def code_late(world: World) -> TestResponse:
    source = code_page(world)
    world.instance.clock.forward(hours=3)
    world.freeze()
    return source.press("/f", ("do", "open"), **world.typing(code=NASTY + receipt.to_digits(SECRET)))


def code_again(world: World) -> None:
    """The code that came back opens the mailbox."""
    world.source.press("/f", ("do", "open"), code=receipt.to_digits(SECRET))
    assert world.source.page.status_code == 200


def strange_code(world: World) -> TestResponse:
    source = code_page(world)
    world.freeze()
    return source.press("/f", ("do", "open"), surprise="x", **world.typing(code=NASTY))


def add(**fields: Any) -> Callable[[World], TestResponse]:
    """Add something in the mailbox."""

    def act(world: World) -> TestResponse:
        source = world.box()
        filled: dict[str, Any] = {"text": NASTY, **fields}
        world.typing(text=filled["text"] if isinstance(filled["text"], str) else NASTY)
        world.freeze()
        return source.press("/f", ("do", "add"), **filled)

    return act


def add_late(world: World) -> TestResponse:
    source = world.source
    world.code = source.write(STORY, world.language)
    source.open_mailbox(world.code, world.language)
    world.instance.clock.forward(hours=3)
    Source(world.app).post("/f", {})  # marks whose hour is over may go
    world.freeze()
    return source.press("/f", ("do", "add"), **world.typing(text=NASTY))


def code_then_text(world: World) -> None:
    """Entering the code brings the text back into its box, and Send stores it."""
    source = world.source
    source.press("/f", ("do", "open"), code=world.code)
    assert source.page.status_code == 200
    assert source.form("/f").value("text") == NASTY
    source.press("/f", ("do", "add"))
    assert source.page.status_code == 201


def add_twice(world: World) -> TestResponse:
    source = world.box()
    data = source.form("/f").data(("do", "add"), text=NASTY)
    world.freeze()
    assert source.post("/f", data).status_code == 201
    return source.post("/f", data)


def without_type(world: World) -> TestResponse:
    source = world.write_page()
    world.freeze()
    return source.post("/f", b"do=send&text=word", content_type="")


def broken(app: Flask, path: str) -> None:
    """Give an application a view that fails with a source's words in its error."""

    def fail() -> NoReturn:
        raise RuntimeError(NASTY)

    app.add_url_rule(path, path, allow(Permission.PUBLIC)(fail), methods=["POST"])


def fail_at(path: str) -> Callable[[World], TestResponse]:
    """Meet an error that nobody foresaw."""

    def act(world: World) -> TestResponse:
        app = world.new_app()
        broken(app, path)
        browser = world.marked(Browser(app))
        browser.client.set_cookie("l", world.language)
        world.freeze()
        page = browser.post(path, {"l": world.language, "text": NASTY})
        assert "Traceback" not in page.text
        assert "RuntimeError" not in page.text
        return page

    return act


# ── the door ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def sign_in_with(**changes: str) -> Callable[[World], TestResponse]:
    """Sign in with something wrong."""

    def act(world: World) -> TestResponse:
        member = world.at_door("Nigora")
        world.typing(**{name: value for name, value in changes.items() if name == "name"})
        world.freeze()
        return member.sign_in(**changes)

    return act


def code_twice(world: World) -> TestResponse:
    member = world.at_door("Nigora")
    code = world.instance.code("Nigora")
    member.sign_in(code=code)
    assert member.page.status_code == 200
    other = world.at_door("Nigora")
    world.freeze()
    return other.sign_in(code=code)


def queue_as(name: str) -> Callable[[World], TestResponse]:
    """Go where the role may not."""

    def act(world: World) -> TestResponse:
        member = world.member(name)
        world.freeze()
        return member.get("/desk/queue")

    return act


def unnamed_permission(world: World) -> TestResponse:
    world.app = world.new_app()
    world.app.add_url_rule("/desk/bare", "bare", lambda: "shown")
    member = world.member("Ruth")
    world.freeze()
    page = member.get("/desk/bare")
    assert "shown" not in page.text
    return page


def tampered_session(world: World) -> TestResponse:
    member = world.member()
    sealed = world.one(select(MemberSession.sealed))
    world.sql(update(MemberSession).values(sealed=sealed[:-1] + bytes([sealed[-1] ^ 1])))
    world.freeze()
    return member.get("/desk/queue")


def swapped_session(world: World) -> TestResponse:
    member, other = world.member("Nigora"), world.member("Jonas")
    sealed = world.one(select(MemberSession.sealed).order_by(func.length(MemberSession.sealed).desc()))
    world.sql(update(MemberSession).values(sealed=sealed))
    world.freeze()
    assert member.get("/desk/").status_code == 200
    return other.get("/desk/queue")


def cookie_of_another_host(world: World) -> TestResponse:
    member = world.member()
    cookie = member.client.get_cookie("__Host-s")
    assert cookie is not None
    other = world.marked(Browser(world.new_app()))
    other.client.set_cookie("__Host-s", cookie.value)
    other.client.set_cookie("l", world.language)
    world.freeze()
    return other.get("/desk/queue")


def idle(world: World) -> TestResponse:
    member = world.member()
    world.instance.clock.forward(minutes=16)
    world.freeze()
    return member.get("/desk/queue")


def describe_idle(world: World) -> TestResponse:
    member = world.owned()
    form = member.form("/description")
    world.instance.clock.forward(minutes=16)
    world.freeze()
    return member.post(form.action, form.data(None, **world.typing(gist=LINE, summary=NASTY, translation=NASTY + "t")))


def note_with(csrf: str | None, **headers: str) -> Callable[[World], TestResponse]:
    """Add a note with this csrf field (None: its own) and these headers."""

    def act(world: World) -> TestResponse:
        member = world.opened()
        data = {"csrf": member.form("/notes").value("csrf") if csrf is None else csrf, "note": NASTY}
        world.typing(note=NASTY)
        world.freeze()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return member.post(f"{member.report_url}/notes", data, headers=named)

    return act


def csrf_missing(world: World) -> TestResponse:
    member = world.opened()
    world.freeze()
    return member.post(f"{member.report_url}/notes", world.typing(note=NASTY))


def csrf_of_another(world: World) -> TestResponse:
    other = world.opened("Timur").form("/notes").value("csrf")
    member = world.member()
    member.open_first()
    world.freeze()
    return member.post(f"{member.report_url}/notes", {"csrf": other, **world.typing(note=NASTY)})


def desk_without_type(world: World) -> TestResponse:
    member = world.opened()
    world.freeze()
    return member.post(f"{member.report_url}/notes", b"note=word", content_type="")


def desk_huge(world: World) -> TestResponse:
    member = world.opened()
    world.freeze()
    return act_on(member, "notes", note=NASTY + "x" * 1_000_000)


# ── the desk ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def get_path(path: str) -> Callable[[World], TestResponse]:
    """Ask for an address."""

    def act(world: World) -> TestResponse:
        member = world.member()
        world.freeze()
        return member.get(path)

    return act


def unknown_report(world: World) -> TestResponse:
    member = world.member()
    world.freeze()
    return open_report(member, uuid4())


def without_lease(world: World) -> TestResponse:
    world.source.write(STORY, world.language)
    member = world.member()
    world.freeze()
    page = member.get(f"/desk/reports/{world.one(select(Report.id))}")
    assert "canary word" not in page.text
    return page


def after_an_hour(member: Member, world: World) -> None:
    url = member.report_url
    for _ in range(6):
        world.instance.clock.forward(minutes=10)
        assert member.client.get(url).status_code in (200, 403)
    world.instance.clock.forward(minutes=1)


def lease_ended(world: World) -> TestResponse:
    member = world.opened()
    after_an_hour(member, world)
    world.freeze()
    page = member.get(member.report_url)
    assert "canary word" not in page.text
    return page


def describe_after_lease(world: World) -> TestResponse:
    member = world.owned()
    after_an_hour(member, world)
    world.freeze()
    return member.press("/description", **world.typing(gist=LINE, summary=NASTY, translation=NASTY + "t"))


def describe_stale(world: World) -> TestResponse:
    member = world.owned()
    form = member.form("/description")
    member.press("/description", gist="Faster", summary="S", translation="T")
    assert "Faster" in member.page.text
    world.freeze()
    return member.post(form.action, form.data(None, **world.typing(gist=LINE, summary=NASTY, translation=NASTY + "t")))


def step_stale(step: str) -> Callable[[World], TestResponse]:
    """Press a button of a page that is older than the report."""

    def act(world: World) -> TestResponse:
        member = world.owned()
        form = member.form(step)
        member.press("/description", gist="Faster", summary="", translation="")
        world.freeze()
        return member.post(form.action, form.data())

    return act


def describe_with(**fields: str) -> Callable[[World], TestResponse]:
    """Save a description with something wrong."""

    def act(world: World) -> TestResponse:
        member = world.owned()
        world.freeze()
        return member.press("/description", **world.typing(**{"gist": LINE, "summary": NASTY, "translation": NASTY, **fields}))

    return act


def describe_with_version(version: str) -> Callable[[World], TestResponse]:
    """Save a description with a version that no page of ours has."""

    def act(world: World) -> TestResponse:
        member = world.owned()
        world.freeze()
        return member.press("/description", version=version, **world.typing(gist=LINE, summary=NASTY, translation=NASTY))

    return act


def describe_not_mine(world: World) -> TestResponse:
    world.owned()
    member = world.member("Timur")
    member.open_first()
    version = str(world.one(select(Report.version)))
    world.freeze()
    return act_on(member, "description", version=version, **world.typing(gist=LINE, summary=NASTY, translation=NASTY + "t"))


def claim_second(world: World) -> TestResponse:
    first, second = world.opened(), world.member("Timur")
    second.open_first()
    first.press("/claim")
    assert first.form("/leave").action
    world.freeze()
    return second.press("/claim")


def claim_at_once(world: World) -> TestResponse:
    first, second = world.opened(), world.member("Timur")
    second.open_first()
    barrier = Barrier(2)

    def press(member: Member) -> TestResponse:
        form = member.form("/claim")
        barrier.wait()
        return member.client.post(form.action, data=form.data())

    with ThreadPoolExecutor(2) as pool:
        pages = sorted(pool.map(press, (first, second)), key=lambda page: page.status_code)
    assert [page.status_code for page in pages] == [303, 409]
    assert world.one(select(Report.owner)) is not None
    assert world.one(select(Report.version)) == 2
    return pages[1]


def note(text: str) -> Callable[[World], TestResponse]:
    """Add a note."""

    def act(world: World) -> TestResponse:
        member = world.opened()
        world.freeze()
        return member.press("/notes", **world.typing(note=text))

    return act


def message(text: str = NASTY, **answers: str) -> Callable[[World], TestResponse]:
    """Write to a source who answered so."""

    def act(world: World) -> TestResponse:
        member = world.owned(**answers)
        version = member.form("/leave").value("version")
        world.freeze()
        return act_on(member, "messages", version=version, **world.typing(message=text))

    return act


def message_not_mine(world: World) -> TestResponse:
    world.owned(reply="yes")
    member = world.member("Timur")
    member.open_first()
    world.freeze()
    return act_on(member, "messages", **world.typing(message=NASTY))


def second_message(world: World) -> TestResponse:
    member = world.handed()
    world.freeze()
    return act_on(member, "messages", **world.typing(message=NASTY))


def move(to: str) -> Callable[[World], TestResponse]:
    """Move a report where no step leads."""

    def act(world: World) -> TestResponse:
        member = world.owned()
        form = member.form("/state")
        world.freeze()
        return member.post(form.action, form.data(to=to))

    return act


def release_own(world: World) -> TestResponse:
    member = world.handed()
    message_id = world.one(select(Message.id))
    csrf = member.form("/notes").value("csrf")
    world.freeze()
    return member.post(f"/desk/messages/{message_id}/release", {"csrf": csrf, "version": "1"})


def release_after(first: str) -> Callable[[World], TestResponse]:
    """Release a letter that was released or returned already."""

    def act(world: World) -> TestResponse:
        world.handed()
        ruth = world.member("Ruth")
        ruth.get("/desk/messages")
        form = ruth.form("/release")
        assert ruth.press(first).status_code == 200
        world.freeze()
        return ruth.post(form.action, form.data())

    return act


def damage_letter(world: World) -> TestResponse:
    world.handed()
    ruth = world.member("Ruth")
    ruth.get("/desk/messages")
    letter = world.one(select(Message.letter))
    world.sql(update(Message).values(letter=flipped(letter)))
    world.freeze()
    return ruth.press("/release")


# ── damage in the file ──────────────────────────────────────────────────────────────────────────────────────────────────


def flipped(sealed: bytes) -> bytes:
    """Change one bit in the middle."""
    at = len(sealed) // 2
    return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]


def column(name: str) -> Callable[[World, UUID], None]:
    """Change one bit of a sealed column."""

    def damage(world: World, report_id: UUID) -> None:
        sealed = world.one(select(getattr(Report, name)).where(Report.id == report_id))
        world.sql(update(Report).where(Report.id == report_id).values({name: flipped(sealed)}))

    return damage


def clear(**values: Any) -> Callable[[World, UUID], None]:
    """Change a column that lies in clear."""

    def damage(world: World, report_id: UUID) -> None:
        world.sql(update(Report).where(Report.id == report_id).values(**values))

    return damage


def no_wrap(part: str) -> Callable[[World, UUID], None]:
    """Delete a key."""

    def damage(world: World, report_id: UUID) -> None:
        world.sql(delete(KeyWrap).where(KeyWrap.record == f"report:{report_id}", KeyWrap.part == part))

    return damage


def no_entry(world: World, report_id: UUID) -> None:
    """Take out the entry of the report's version (all entries, to be sure which)."""
    world.instance.sql("DELETE FROM ledger_entry")


def other_entry(world: World, report_id: UUID) -> None:
    """Change one bit in every sealed entry."""
    with world.instance.edit() as sql:
        for index, sealed in sql.rows("SELECT idx, sealed FROM ledger_entry"):
            sql.run("UPDATE ledger_entry SET sealed = ? WHERE idx = ?", flipped(sealed), index)


def body_of_the_other(world: World, report_id: UUID) -> None:
    """Put another report's body in."""
    other = world.one(select(Report.body).where(Report.id != report_id))
    world.sql(update(Report).where(Report.id == report_id).values(body=other))


def old_version(world: World, report_id: UUID) -> None:
    """Note something, then put the row and its keys of before back."""
    with world.database.engine.connect() as connection:
        old_row = connection.execute(select(Report.__table__).where(Report.id == report_id)).mappings().one()
        old_keys = [
            dict(key) for key in connection.execute(select(KeyWrap.__table__).where(KeyWrap.record == f"report:{report_id}")).mappings()
        ]
    member = world.member("Timur")
    open_report(member, report_id)
    member.press("/notes", note="Newer.")
    assert "Newer." in member.page.text
    world.sql(
        delete(Report).where(Report.id == report_id),
        delete(KeyWrap).where(KeyWrap.record == f"report:{report_id}"),
        insert(Report).values(**old_row),
        *(insert(KeyWrap).values(**key) for key in old_keys),
    )


def damaged(damage: Callable[[World, UUID], None], *, others: int = 1) -> Callable[[World], TestResponse]:
    """Damage one of two reports; the queue names it and shows the other; opening it shows nothing."""

    def act(world: World) -> TestResponse:
        member, report_id = world.two_reports()
        damage(world, report_id)
        world.freeze()
        page = member.get("/desk/queue")
        assert page.status_code == 200
        assert html.unescape(page.text).count(world.says("Damaged: does not open")) == 2 - others
        assert html.unescape(page.text).count(world.says("Not yet opened")) == others
        page = open_report(member, report_id)
        assert "canary word" not in page.text
        return page

    return act


def damaged_while_open(world: World) -> TestResponse:
    member = world.opened()
    column("body")(world, world.one(select(Report.id)))
    world.freeze()
    page = member.get(member.report_url)
    assert "canary word" not in page.text
    return page


def damaged_waiting(damage: Callable[[World, UUID], None]) -> Callable[[World], TestResponse]:
    """Damage one of two reports before they are taken in."""

    def act(world: World) -> TestResponse:
        world.source.write(STORY, world.language)
        world.source.write(f"{STORY} Again.", world.language)
        report_id = world.one(select(Report.id).order_by(Report.id))
        damage(world, report_id)
        member = world.member()
        assert html.unescape(member.page.text).count(world.says("Damaged: does not open")) == 1
        assert html.unescape(member.page.text).count(world.says("Not yet opened")) == 1
        states = {
            world.one(select(Report.state).where(Report.id == report_id)),
            world.one(select(Report.state).where(Report.id != report_id)),
        }
        assert states == {"damaged", "received"}
        return member.page

    return act


def bad_wrap(world: World, report_id: UUID) -> None:
    """Cut the sealed bundle."""
    world.sql(update(KeyWrap).where(KeyWrap.record == f"report:{report_id}").values(sealed=b"PVH"))


def replayed(world: World, report_id: UUID) -> None:
    """Put the other report's body and bundle in."""
    body_of_the_other(world, report_id)
    other = world.one(select(KeyWrap.sealed).where(KeyWrap.part == "body", KeyWrap.record != f"report:{report_id}"))
    world.sql(update(KeyWrap).where(KeyWrap.record == f"report:{report_id}").values(sealed=other))


# ── the log ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def head_gone(world: World) -> None:
    """Delete the head."""
    world.sql(delete(LedgerHead))


def head_root(world: World) -> None:
    """Change the root."""
    world.sql(update(LedgerHead).values(root=flipped(world.one(select(LedgerHead.root)))))


def head_larger(world: World) -> None:
    """Change the size to the next one that has as many subtrees."""
    size = world.one(select(LedgerHead.size))
    larger = next(number for number in range(size + 1, 4 * size) if number.bit_count() == size.bit_count())
    world.sql(update(LedgerHead).values(size=larger))


def head_before(world: World) -> None:
    """Put an older head back, as a restored backup of one table would."""
    with world.database.engine.connect() as connection:
        old = dict(connection.execute(select(LedgerHead.__table__)).mappings().one())
    world.member("Ruth")
    world.sql(update(LedgerHead).values(**old))


def no_entries(world: World) -> None:
    """Let every new entry fail."""
    world.instance.refuse_rows("ledger_entry")


def no_log_at(step: str, damage: Callable[[World], None]) -> Callable[[World], TestResponse]:
    """Act while the log cannot be written: no entry, no decision, no lease."""

    def act(world: World) -> TestResponse:
        if step == "take in":
            member = world.member()
            world.source.write(STORY, world.language)
            member.get("/desk/queue")
        elif step == "open":
            world.source.write(STORY, world.language)
            member = world.member()
        else:
            member = world.opened()
        damage(world)
        world.freeze()
        if step == "open":
            page = member.press("/open")
            assert "canary word" not in page.text
            assert world.one(select(func.count()).select_from(Lease).where(Lease.record.startswith("report:"))) == 0
            return page
        if step in ("claim", "take in"):
            return member.press("/claim" if step == "claim" else "/desk/queue")
        return member.press("/notes", **world.typing(note=NASTY))

    return act


STORED: Final = {"report": 1, "key_wrap": 1, "dedupe": 2}
ADDED: Final = {"report": 1, "key_wrap": 1, "dedupe": 1}
BYTES: Final = "я" * 30_001
QUOTES: Final = '"' * 40_000  # short enough to send, too long once it is written as JSON

FAULTS: Final = (
    # what a source types
    Fault("empty text", "source", send(text="", who=LINE), 422, EMPTY),
    Fault("only spaces", "source", send(text=" \n\t \u00a0\n ", who=LINE), 422, EMPTY),
    Fault("oversized text", "source", send(text=NASTY + BYTES), 422, TOO_LONG),
    Fault("text that grows in the seal", "source", send(text=QUOTES), 422, TOO_LONG),
    Fault("body over the limit", "source", send_huge, 413, TOO_LARGE, shown_in="en"),
    Fault("too many parts", "source", send_many_parts, 413, TOO_LARGE, shown_in="en"),
    Fault("unknown field", "source", send(surprise="x"), 422, STRANGE, then=send_again),
    Fault("list for a scalar", "source", send(danger=["now", "no"]), 422, STRANGE),
    Fault("text twice", "source", send_text_twice, 422, STRANGE),
    Fault("invalid choice", "source", send(danger="maybe"), 422, NOT_CHOSEN),
    Fault("invalid choice among many", "source", send(kind=["THR", "XXX"]), 422, NOT_CHOSEN),
    Fault(
        "letter in year", "source", send(year="19x4"), 422, "The year “%(typed)s” has something else than digits in it", {"typed": "19x4"}
    ),
    Fault("letter in day", "source", send(day="½"), 422, "The day “%(typed)s” has something else than digits in it", {"typed": "½"}),
    Fault("long line", "source", send(where="ж" * 501), 422, LONG_LINE),
    # what a source does
    Fault("late", "source", send_late, 422, OLD, then=send_again),
    Fault("made-up token", "source", send(token="A" * 160), 422, OLD, then=send_again),
    Fault("token that is no text of ours", "source", send(token="ÿ \n"), 422, OLD),
    Fault("no token", "source", send(token=""), 422, OLD),
    Fault("token of the code page", "source", token_of("code"), 422, OLD),
    Fault("token of a mailbox", "source", token_of("box"), 422, OLD),
    Fault("double click", "source", double_click, 201, ARRIVED, adds=STORED),
    Fault("back, the same once more", "source", back_and_send_the_same, 201, ARRIVED, adds=STORED),
    Fault(
        "back, another text",
        "source",
        back_and_send_another,
        201,
        ARRIVED,
        adds={"report": 2, "key_wrap": 2, "dedupe": 3},
        then=both_codes_open,
    ),
    Fault("two at once", "source", send_twice_at_once, 201, ARRIVED, adds=STORED),
    Fault("store locked", "source", send_while_locked, 503, BUSY_SOURCE, then=send_again, languages=("ru",)),
    Fault("store fails", "source", send_while_failing, 503, BUSY_SOURCE, then=repaired),
    Fault("keyring unproven", "source", unproven_keyring, 503, BUSY_SOURCE),
    Fault("from another site", "source", send_at("/f", Sec_Fetch_Site="cross-site"), 403, FOREIGN),
    Fault("no content type", "source", without_type, 200, "Tell us what happened", shown_in="en"),
    Fault("page that is not there", "source", send_at("/f/g"), 404, NO_PAGE),
    Fault("unforeseen", "source", fail_at("/broken"), 500, FAILED),
    # codes and mailboxes
    Fault("mistyped code", "source", code_with(lambda code: code[:-1] + str((int(code[-1]) + 1) % 10)), 422, SLIP),
    Fault("half a code", "source", code_with(lambda code: code[:14]), 422, NOT_WHOLE),
    Fault("number too large for a code", "source", code_with(lambda _: "9" * 27), 422, NOT_WHOLE),
    Fault("code of another kind", "source", code_with(lambda _: NASTY), 422, NOT_WHOLE),
    Fault("code too long to be one", "source", code_with(lambda code: code * 40), 422, NOT_WHOLE),
    Fault("no code", "source", code_with(lambda _: ""), 422, "Please enter your code"),
    Fault("unknown code", "source", unknown_code, 200, NO_MESSAGE),
    Fault("code late", "source", code_late, 422, OLD, then=code_again),
    Fault("code with an unknown field", "source", strange_code, 422, STRANGE),
    Fault("nothing to add", "source", add(text=" \n "), 422, EMPTY),
    Fault("too much to add", "source", add(text=NASTY + BYTES), 422, TOO_LONG),
    Fault("addition that grows in the seal", "source", add(text=QUOTES), 422, TOO_LONG),
    Fault("addition with an unknown field", "source", add(surprise="x"), 422, STRANGE),
    Fault("addition late", "source", add_late, 422, OLD_BOX, then=code_then_text),
    Fault("addition with another page's token", "source", add_with_write_token, 422, OLD_BOX),
    Fault("addition twice", "source", add_twice, 201, "It has arrived. Thank you.", adds=ADDED),
    Fault("store fails at an addition", "source", add_while_failing, 503, BUSY_SOURCE, then=repaired),
    # the door
    Fault("wrong name", "desk", sign_in_with(name=LINE), 422, NO_SIGN_IN),
    Fault("wrong passphrase", "desk", sign_in_with(passphrase="wrong"), 422, NO_SIGN_IN),
    Fault("endless passphrase", "desk", sign_in_with(passphrase="x" * 1001), 422, NO_SIGN_IN),
    Fault("wrong code", "desk", sign_in_with(code="x"), 422, NO_SIGN_IN),
    Fault("code used twice", "desk", code_twice, 422, NO_SIGN_IN),
    Fault("admin at the queue", "desk", queue_as("Jonas"), 403, FORBIDDEN),
    Fault("auditor at the queue", "desk", queue_as("Edda"), 403, FORBIDDEN),
    Fault("protection officer at the queue", "desk", queue_as("Salome"), 403, FORBIDDEN),
    Fault("view that names no permission", "desk", unnamed_permission, 403, FORBIDDEN),
    Fault("session row changed", "desk", tampered_session, 401, LOCKED),
    Fault("session rows swapped", "desk", swapped_session, 401, LOCKED),
    Fault("cookie of another host secret", "desk", cookie_of_another_host, 401, LOCKED),
    Fault("idle", "desk", idle, 401, LOCKED),
    Fault("idle while typing", "desk", describe_idle, 401, LOCKED),
    Fault("form secret missing", "desk", csrf_missing, 403, FOREIGN),
    Fault("form secret made up", "desk", note_with("ÿ"), 403, FOREIGN),
    Fault("form secret of another session", "desk", csrf_of_another, 403, FOREIGN),
    Fault("cross-site", "desk", note_with(None, Sec_Fetch_Site="cross-site"), 403, FOREIGN),
    Fault("same-site", "desk", note_with(None, Sec_Fetch_Site="same-site"), 403, FOREIGN),
    Fault("desk form without content type", "desk", desk_without_type, 403, FOREIGN),
    Fault("desk form over the limit", "desk", desk_huge, 413, TOO_LARGE),
    Fault("unforeseen at the desk", "desk", fail_at("/desk/broken"), 500, FAILED),
    Fault("unforeseen at the audit", "desk", fail_at("/audit/broken"), 500, FAILED),
    # the desk
    Fault("unknown page", "desk", get_path("/desk/nowhere"), 404, NO_PAGE),
    Fault("unknown view of the queue", "desk", get_path("/desk/queue/secret"), 404, NO_RECORD),
    Fault("unknown report", "desk", unknown_report, 404, NO_RECORD),
    Fault("not opened", "desk", without_lease, 403, CLOSED),
    Fault("opened an hour ago", "desk", lease_ended, 403, CLOSED),
    Fault("described after the hour", "desk", describe_after_lease, 403, NOT_OPEN),
    Fault("described a stale version", "desk", describe_stale, 409, STALE),
    Fault("gave a stale version back", "desk", step_stale("/leave"), 409, STALE),
    Fault("marked a stale version", "desk", step_stale("/state"), 409, STALE),
    Fault("described with no number", "desk", describe_with_version("ÿ"), 409, STALE),
    Fault("described with an endless number", "desk", describe_with_version("9" * 5000), 409, STALE),
    Fault("gist too long", "desk", describe_with(gist="g" * 161), 422, MALFORMED),
    Fault("gist of two lines", "desk", describe_with(gist="g\ng"), 422, MALFORMED),
    Fault("summary too long", "desk", describe_with(summary=NASTY + "s" * 12_000), 422, MALFORMED),
    Fault("translation too long", "desk", describe_with(translation="я" * 60_001), 422, MALFORMED),
    Fault("described another's", "desk", describe_not_mine, 409, TAKEN),
    Fault("claimed second", "desk", claim_second, 409, TAKEN),
    Fault("claimed at once", "desk", claim_at_once, 409, TAKEN, adds=None),
    Fault("empty note", "desk", note(" \n "), 422, MALFORMED),
    Fault("note too long", "desk", note(NASTY + "n" * 4_000), 422, MALFORMED),
    Fault("description that grows in the seal", "desk", describe_with(summary=BELLS[:12_000], translation=BELLS), 422, MALFORMED),
    Fault("moved nowhere", "desk", move("in_triage"), 409, STALE),
    Fault("moved to no state", "desk", move("ÿ"), 422, MALFORMED),
    Fault("wrote to a no", "desk", message(reply="no"), 403, NOT_WANTED),
    Fault("wrote to a danger", "desk", message(reply="unsafe"), 403, NOT_WANTED),
    Fault("wrote freely to no answer", "desk", message(), 403, NOT_WANTED),
    Fault("wrote another's", "desk", message_not_mine, 409, TAKEN),
    Fault("wrote nothing", "desk", message(" \n", reply="yes"), 422, MALFORMED),
    Fault("wrote too much", "desk", message(NASTY + "m" * 3000, reply="yes"), 422, MALFORMED),
    Fault("wrote while one waits", "desk", second_message, 409, STALE),
    Fault("released their own", "desk", release_own, 403, OWN_LETTER),
    Fault("released twice", "desk", release_after("/release"), 409, STALE),
    Fault("released a returned one", "desk", release_after("/return"), 409, STALE),
    Fault("released a damaged one", "desk", damage_letter, 409, DAMAGED),
    # damage in the file
    Fault("body changed", "desk", damaged(column("body")), 409, DAMAGED),
    Fault("body of another report", "desk", damaged(body_of_the_other), 409, DAMAGED),
    Fault("summary changed", "desk", damaged(column("summary")), 409, DAMAGED),
    Fault("work changed", "desk", damaged(column("work")), 409, DAMAGED),
    Fault("body cut to nothing", "desk", damaged(clear(body=b"")), 409, DAMAGED),
    Fault("state changed", "desk", damaged(clear(state="urgent")), 409, DAMAGED),
    Fault("owner changed", "desk", damaged(clear(owner=str(UUID(int=1)))), 409, DAMAGED),
    Fault("version changed", "desk", damaged(clear(version=7)), 409, DAMAGED),
    Fault("body key deleted", "desk", damaged(no_wrap("body")), 409, DAMAGED),
    Fault("row key deleted", "desk", damaged(no_wrap("row")), 409, DAMAGED),
    Fault("old version put back", "desk", damaged(old_version), 409, DAMAGED),
    Fault("entries deleted", "desk", damaged(no_entry, others=0), 409, DAMAGED),
    Fault("entries changed", "desk", damaged(other_entry, others=0), 409, DAMAGED),
    Fault("body changed while open", "desk", damaged_while_open, 409, DAMAGED),
    Fault("waiting body changed", "desk", damaged_waiting(column("body")), 200, "All open", adds=None),
    Fault("waiting body cut", "desk", damaged_waiting(clear(body=b"PVE")), 200, "All open", adds=None),
    Fault("waiting key deleted", "desk", damaged_waiting(no_wrap("body")), 200, "All open", adds=None),
    Fault("waiting key cut", "desk", damaged_waiting(bad_wrap), 200, "All open", adds=None),
    Fault("waiting report replaced", "desk", damaged_waiting(replayed), 200, "All open", adds=None),
    # the log
    Fault("head gone at opening", "desk", no_log_at("open", head_gone), 503, BUSY),
    Fault("head gone at claim", "desk", no_log_at("claim", head_gone), 503, BUSY),
    Fault("head gone at note", "desk", no_log_at("note", head_gone), 503, BUSY),
    Fault("root changed at opening", "desk", no_log_at("open", head_root), 409, DAMAGED),
    Fault("root changed at note", "desk", no_log_at("note", head_root), 409, DAMAGED),
    Fault("head size changed at opening", "desk", no_log_at("open", head_larger), 409, DAMAGED),
    Fault("older head at opening", "desk", no_log_at("open", head_before), 409, DAMAGED),
    Fault("head gone at taking in", "desk", no_log_at("take in", head_gone), 503, BUSY),
    Fault("root changed at taking in", "desk", no_log_at("take in", head_root), 409, DAMAGED),
    Fault("entry fails at taking in", "desk", no_log_at("take in", no_entries), 503, BUSY),
    Fault("entry fails at opening", "desk", no_log_at("open", no_entries), 503, BUSY),
    Fault("entry fails at claim", "desk", no_log_at("claim", no_entries), 503, BUSY),
    Fault("entry fails at note", "desk", no_log_at("note", no_entries), 503, BUSY),
)


@pytest.mark.parametrize(
    ("fault", "language"),
    [pytest.param(fault, language, id=f"{fault.who}: {fault.name}, {language}") for fault in FAULTS for language in fault.languages],
)
def test_fault_is_answered_and_nothing_is_lost(instance: Instance, fault: Fault, language: str, caplog: pytest.LogCaptureFixture) -> None:
    """A page in the reader's language says what happened; typed words come back byte for byte; rows are whole; logs know nobody."""
    world = World(instance, language)

    page = fault.act(world)

    world.language = fault.shown_in or language
    assert page.status_code == fault.status
    assert f'<html lang="{world.language}"' in page.text
    assert "Traceback" not in page.text
    assert world.says(fault.says, **fault.values) in html.unescape(page.text)
    for name, text in world.typed.items():
        assert came_back(page, name, text), f"{name} is lost"
    if fault.adds is not None:
        assert_whole(world.before, world.rows(), fault.adds)
    assert not any(canary in caplog.text for canary in CANARIES)
    assert fault.status >= 500 or not caplog.records
    if fault.then is not None:
        world.language = language
        fault.then(world)


def came_back(page: TestResponse, name: str, text: str) -> bool:
    """Whether a text stands in its field again, or, where the page has no such field, is shown."""
    fields = [value for form in read_form(page.text) for found, value in form.fields if found == name]
    return text in fields if fields else text in html.unescape(page.text)


def assert_whole(before: Rows, after: Rows, adds: dict[str, int]) -> None:
    """Every older row is as it was; only what is right came."""
    for table, rows in before.items():
        assert [row for row in after[table] if row in rows] == rows, table
        assert len(after[table]) == len(rows) + adds.get(table, 0), table
