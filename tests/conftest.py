"""One founded instance per run and store, copied for each test: a real database, real keys, a clock that the test turns."""

import base64
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask, has_request_context, request
from flask.testing import FlaskClient
from hypothesis import settings
from sqlalchemy import Connection, CursorResult, event, make_url
from werkzeug.test import TestResponse

from app.demo.commands import ORIGIN, PEOPLE
from app.factory import create_app
from app.ledger.append import Actor
from app.members import sessions
from app.members.chain import ChainKeeper
from app.members.found import NewMember, found
from app.members.passphrase import code_at
from app.store import migrate, roles
from app.store.database import Database
from app.vault.keyring import ServerSecret
from config import FACES, Config
from tests.forms import Form, read_form
from tests.stores import NAMES, PostgresqlStore, SqliteStore, Store, running_postgresql

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

    store: Store
    url: str
    root: bytes
    members: dict[str, NewMember]
    shares: tuple[str, ...]


@dataclass
class Instance:
    """One test's own instance."""

    folder: Path
    template: Template
    url: str
    clock: Clock = field(default_factory=Clock)
    databases: list[Database] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)

    def let_go(self) -> None:
        """Close every connection, so that the database can be copied; who asks again opens another."""
        for database in self.databases:
            database.close()

    def close(self) -> None:
        """Close every connection; then this instance and its copies can go."""
        self.let_go()
        for url in (self.url, *self.copies):
            self.store.drop(url)

    @property
    def root(self) -> bytes:
        return self.template.root

    @property
    def members(self) -> dict[str, NewMember]:
        return self.template.members

    @property
    def store(self) -> Store:
        return self.template.store

    @property
    def is_sqlite(self) -> bool:
        return isinstance(self.store, SqliteStore)

    @property
    def path(self) -> Path:
        """The database file; only where the test is about SQLite's."""
        assert self.is_sqlite
        return self.folder / "paivand.db"

    @contextmanager
    def edit(self) -> Iterator["Sql"]:
        """Read and write rows past the program, as an administrator with SQL can; one transaction."""
        database = Database(self.url)
        try:
            with database.engine.execution_options(paivand_write=True).begin() as connection:
                if self.is_sqlite:
                    for verb in ("no_update", "no_delete", "no_replace"):
                        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS ledger_entry_{verb}")
                else:
                    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no trigger runs
                yield Sql(connection)
        finally:
            database.close()

    @contextmanager
    def refusing(self, table: str) -> Iterator[None]:
        """Let the database refuse every new row of a table meanwhile."""
        self.refuse_rows(table)
        yield
        self.accept_again()

    def refuse_rows(self, table: str) -> None:
        """Let the database refuse every new row of a table from now on."""
        self.sql(_REFUSAL[self.store.name][0].format(table=table))

    def accept_again(self) -> None:
        """End that."""
        self.sql(_REFUSAL[self.store.name][1])

    def sql(self, statement: str, *values: object) -> None:
        """Run one statement past the program."""
        with self.edit() as sql:
            sql.run(statement, *values)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds; ids as UUID or text in hex, as the database has them."""
        with self.edit() as sql:
            return sql.rows(query, *values)

    @property
    def server_secret(self) -> ServerSecret:
        return ServerSecret(SERVER_SECRET)

    def config(self, **changes: Any) -> Config:
        values: dict[str, Any] = {
            "database": self.url,
            "root": self.root,
            "production": False,
            "hosts": ("localhost", "127.0.0.1"),
            "state": self.folder / "intake.state",
            "server_secret": SERVER_SECRET,
        }
        return Config(**{**values, **changes})

    def database(self) -> Database:
        made = Database(self.url)
        self.databases.append(made)
        return made

    def url_of(self, face: str) -> str:
        """Return the URL under which a face reaches the database: on PostgreSQL as its own role."""
        if self.is_sqlite:
            return self.url
        database = Database(self.url)
        with database.engine.begin() as connection:
            roles.grant_all(connection, {})
        database.close()
        return make_url(self.url).set(username=roles.role_of(face)).render_as_string(hide_password=False)

    def app(self, *faces: str, **changes: Any) -> Flask:
        if changes.get("production") and len(faces) == 1:
            changes.setdefault("database", self.url_of(faces[0]))
        made = create_app(self.config(**changes), faces=faces or FACES, clock=self.clock)
        self.databases.append(made.extensions["paivand"].database)
        if not self.is_sqlite:
            _wear_roles(self.databases[-1], faces)
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


@dataclass(frozen=True)
class Sql:
    """Plain SQL on either database: `?` stands for a value."""

    connection: Connection

    def run(self, statement: str, *values: object) -> int:
        """Run a statement; return how many rows it changed."""
        return self._execute(statement, values).rowcount

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows that a query finds."""
        return [tuple(row) for row in self._execute(query, values)]

    def _execute(self, statement: str, values: Sequence[object]) -> CursorResult[Any]:
        if self.connection.dialect.name == "sqlite":
            own = [value.hex if isinstance(value, UUID) else value for value in values]
            return self.connection.exec_driver_sql(statement, tuple(own))
        for theirs, ours in _THEIRS:
            statement = re.sub(theirs, ours, statement)
        return self.connection.exec_driver_sql(statement.replace("%", "%%").replace("?", "%s"), tuple(values))


_THEIRS: Final = (
    (r"x'([0-9a-f]*)'", r"decode('\1', 'hex')"),
    (r"zeroblob\((\d+|length\(\w+\))\)", r"decode(repeat('00', \1), 'hex')"),
    (
        r"CAST\(replace\(CAST\((\w+) AS TEXT\), ('[^']*'), ('[^']*')\) AS BLOB\)",
        r"convert_to(replace(convert_from(\1, 'UTF8'), \2, \3), 'UTF8')",
    ),
    (r"\b(min|max)\(id\)", r"\1(id::text)::uuid"),
    (r"randomblob\(32\)", "sha256(gen_random_uuid()::text::bytea)"),
)
_REFUSAL: Final = {
    "sqlite": ("CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END", "DROP TRIGGER broken"),
    "postgresql": (
        (
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '23000'; END $$; "
            "CREATE TRIGGER broken BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION broken()"
        ),
        "DROP FUNCTION broken CASCADE",
    ),
}


def _wear_roles(database: Database, faces: Sequence[str]) -> None:
    """Give each request the rights of its face and no more, as in production: so every test tries what `roles.ROLES` says."""

    @event.listens_for(database.engine, "begin")
    def _begin(connection: Connection) -> None:
        if has_request_context():
            face = faces[0] if len(faces) == 1 else request.path.split("/")[1]
            connection.exec_driver_sql(f"SET LOCAL ROLE {roles.role_of(face if face in FACES else 'intake')}")


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


def found_template(store: Store, folder: Path, people: Sequence[tuple[str, str]]) -> Template:
    """Found an instance of these (role, name) pairs."""
    url = store.create(folder)
    database = Database(url)
    migrate.upgrade(database)
    with database.write() as session:
        made = found(session, people, origin=ORIGIN, server_secret=ServerSecret(SERVER_SECRET), now=START)
    if not database.is_sqlite:
        with database.engine.begin() as connection:
            roles.grant_all(connection, {})
    database.close()
    return Template(store, url, made.root, {member.name: member for member in made.members}, made.shares)


@contextmanager
def copy_of(template: Template, folder: Path, url: str | None = None, clock: Clock | None = None) -> Iterator[Instance]:
    """Copy a founded database, or another one that came of it, for one test; nobody may have it open."""
    made = Instance(folder, template, template.store.copy(url or template.url, folder), clock or Clock())
    yield made
    made.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let one database be chosen: `--store sqlite`."""
    parser.addoption("--store", choices=[*NAMES, "all"], default="all", help="the database that tests with one run on")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that touches a database on each of them, or on the one that its module or itself is about."""
    if "store" in metafunc.fixturenames:
        about = {mark.args[0] for mark in metafunc.definition.iter_markers("only_on")}
        names = [name for name in NAMES if not about or name in about]
        metafunc.parametrize("store", names, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the database that was not chosen; it is not skipped, it is another run's."""
    chosen = config.getoption("--store")
    left = {item for item in items if isinstance(item, pytest.Function) and _store_of(item) not in (None, chosen) and chosen != "all"}
    if left:
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]


def _store_of(item: pytest.Function) -> Any:
    return item.callspec.params.get("store") if hasattr(item, "callspec") else None


@pytest.fixture(scope="session", autouse=True)
def _each_passphrase_once() -> Iterator[None]:
    """Derive the key of a passphrase and a salt once per run: 64 MiB and 140 ms, slow on purpose, and the same every time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServerSecret, "passphrase_key", cache(ServerSecret.passphrase_key))
        yield


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresqlStore]:
    """Start the server once, for whoever needs it."""
    with running_postgresql(tmp_path_factory.mktemp("postgresql")) as started:
        yield started


@pytest.fixture(scope="session")
def store(request: pytest.FixtureRequest) -> Store:
    """Where databases are made."""
    if request.param == "sqlite":
        return SqliteStore()
    made: PostgresqlStore = request.getfixturevalue("postgresql")
    return made


@pytest.fixture(scope="session")
def template(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Found once: six Argon2id runs are slow on purpose."""
    return found_template(store, tmp_path_factory.mktemp("template"), PEOPLE)


@pytest.fixture
def instance(template: Template, tmp_path: Path) -> Iterator[Instance]:
    with copy_of(template, tmp_path) as made:
        yield made


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
