"""One founded instance per run, copied for each test: real SQLite file, real keys, a clock that the test turns."""

import base64
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from werkzeug.test import TestResponse

from app.demo.commands import ORIGIN, PEOPLE
from app.factory import create_app
from app.ledger.append import Actor
from app.members import sessions
from app.members.chain import ChainKeeper
from app.members.found import NewMember, found
from app.members.passphrase import code_at
from app.store import migrate
from app.store.database import Database
from app.vault.keyring import ServerSecret
from config import FACES, Config
from tests.forms import Form, read_form

settings.register_profile("long")  # chosen with --hypothesis-profile=long; tests/test_machine.py says what it changes
START = datetime(2026, 11, 24, 9, 0, 30, tzinfo=UTC)
SERVER_SECRET = bytes(range(32))


@dataclass
class Clock:
    """The time, as the test wants it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@dataclass(frozen=True)
class Template:
    """A founded database, never changed."""

    path: Path
    root: bytes
    members: dict[str, NewMember]
    shares: tuple[str, ...]


@dataclass
class Instance:
    """One test's own instance."""

    folder: Path
    template: Template
    clock: Clock = field(default_factory=Clock)
    databases: list[Database] = field(default_factory=list)

    @property
    def root(self) -> bytes:
        return self.template.root

    @property
    def members(self) -> dict[str, NewMember]:
        return self.template.members

    @property
    def path(self) -> Path:
        return self.folder / "paivand.db"

    @property
    def server_secret(self) -> ServerSecret:
        return ServerSecret(SERVER_SECRET)

    def config(self, **changes: Any) -> Config:
        values: dict[str, Any] = {
            "database": f"sqlite:///{self.path}",
            "root": self.root,
            "production": False,
            "hosts": ("localhost", "127.0.0.1"),
            "state": self.folder / "intake.state",
            "server_secret": SERVER_SECRET,
        }
        return Config(**{**values, **changes})

    def database(self) -> Database:
        made = Database(f"sqlite:///{self.path}")
        self.databases.append(made)
        return made

    def app(self, *faces: str, **changes: Any) -> Flask:
        made = create_app(self.config(**changes), faces=faces or FACES, clock=self.clock)
        self.databases.append(made.extensions["paivand"].database)
        return made

    def code(self, name: str) -> str:
        """Return a second-device code that was not used yet: time goes on by one step."""
        self.clock.forward(seconds=30)
        return code_at(base64.b32decode(self.members[name].totp), self.clock.now)

    def actor(self, name: str) -> tuple[Actor, bytes]:
        """Sign a member in without HTTP; return (actor, session id)."""
        database = self.database()
        _, held = sessions.sign_in(
            database,
            name=name,
            passphrase=self.members[name].passphrase,
            code=self.code(name),
            chain=ChainKeeper(database, self.root).current(),
            server_secret=self.server_secret,
            host_secret=bytes(32),
            now=self.clock.now,
        )
        return held.actor, held.keys.id


class Browser:
    """A browser without script: opens pages, fills the forms it finds, follows redirects."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.page = self.client.get("/nowhere")

    def get(self, url: str, **options: Any) -> TestResponse:
        self.page = self.client.get(url, follow_redirects=True, **options)
        return self.page

    def post(self, url: str, data: Any, **options: Any) -> TestResponse:
        self.page = self.client.post(url.split("#", maxsplit=1)[0], data=data, follow_redirects=True, **options)
        return self.page

    def forms(self) -> list[Form]:
        return read_form(self.page.text)

    def form(self, action: str) -> Form:
        """Return the form whose action ends so."""
        for form in self.forms():
            if (found := form.towards(action)) is not None:
                return found
        raise AssertionError(f"no form {action} among {[form.action for form in self.forms()]}")

    def press(self, action: str, button: tuple[str, str] | None = None, /, **typed: Any) -> TestResponse:
        """Fill a form of the present page and press one of its buttons."""
        form = next((form for form in self.forms() if button in form.buttons), None) or self.form(action)
        return self.post(form.action, form.data(button, **typed))


class Source(Browser):
    """Somebody who writes to us."""

    def write(self, text: str, language: str = "en", **answers: Any) -> str:
        """Send a report; return the code in digits."""
        self.open_form(language)
        self.send(text, **answers)
        assert self.page.status_code == 201, self.page.text
        return self.shown_code()

    def open_form(self, language: str = "en") -> None:
        self.post("/", {"l": language})
        self.press("/f", ("go", "write"))

    def send(self, text: str, **answers: Any) -> TestResponse:
        return self.press("/f", ("do", "send"), text=text, **answers)

    def shown_code(self) -> str:
        digits = read_code_digits(self.page.text)
        assert len(digits) == 27
        return digits

    def open_mailbox(self, code: str, language: str = "en") -> TestResponse:
        self.post("/", {"l": language})
        self.press("/f", ("go", "code"))
        return self.press("/f", ("do", "open"), code=code)


class Member(Browser):
    """A member of the team at the desk."""

    def __init__(self, app: Flask, instance: Instance, name: str, door: str = "/desk/") -> None:
        super().__init__(app)
        self.instance, self.name, self.door = instance, name, door

    def sign_in(self, **changes: str) -> TestResponse:
        self.get(self.door)
        member = self.instance.members[self.name]
        data = {"name": self.name, "passphrase": member.passphrase, "code": self.instance.code(self.name), **changes}
        return self.press(self.door, **data)

    def take_in(self) -> TestResponse:
        return self.press("/desk/queue")

    def take_in_again(self) -> TestResponse:
        """Go to the queue and take waiting reports in."""
        self.get("/desk/queue")
        return self.take_in()

    def open_first(self) -> TestResponse:
        return self.press("/open")

    @property
    def report_url(self) -> str:
        return self.page.request.path


def read_code_digits(page: str) -> str:
    start = page.index('class="code"')
    text = page[start : page.index("</p>", start)]
    return "".join(char for char in text if char.isdecimal())


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Found once: six Argon2id runs are slow on purpose."""
    path = tmp_path_factory.mktemp("template") / "paivand.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    with database.write() as session:
        made = found(session, PEOPLE, origin=ORIGIN, server_secret=ServerSecret(SERVER_SECRET), now=START)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return Template(path, made.root, {member.name: member for member in made.members}, made.shares)


@pytest.fixture
def instance(template: Template, tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path, template)
    shutil.copy(template.path, made.path)
    made.path.chmod(0o600)
    yield made
    for database in made.databases:
        database.close()


@pytest.fixture
def app(instance: Instance) -> Flask:
    return instance.app()


@pytest.fixture
def source(app: Flask) -> Source:
    return Source(app)


@pytest.fixture
def nigora(app: Flask, instance: Instance) -> Member:
    return Member(app, instance, "Nigora")


@pytest.fixture
def timur(app: Flask, instance: Instance) -> Member:
    return Member(app, instance, "Timur")


@pytest.fixture
def ruth(app: Flask, instance: Instance) -> Member:
    return Member(app, instance, "Ruth")


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
