"""The three roles of PostgreSQL on a real server: a whole story misses no right, no right is idle, and all else is refused.

The database belongs to an owner who is no superuser, and each face comes as its own role, as docs/operate.md §14 says.
"""

import base64
import hashlib
import hmac
import re
import secrets
import stat
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from app.check import check_as_team
from app.factory import create_app
from app.store import migrate, roles
from app.store.database import METADATA, Database
from config import FACES, ConfigError
from tests.conftest import SERVER_SECRET, Browser, Instance, Member, Source, Template, copy_of, found_template
from tests.desk.test_cases import INCIDENT
from tests.desk.test_findings import COMPLETE
from tests.desk.test_findings import Desk as Findings
from tests.desk.test_links import FARRUKH, NEW_CASE, REPORTS, press_link, show
from tests.desk.test_links import Desk as Links
from tests.findings.world import SEXUAL, World, make_published
from tests.stores import PostgresqlStore, Store, running_postgresql
from tests.test_commands import run
from tests.test_members_pages import Newcomer, invite, member

pytestmark = pytest.mark.only_on("postgresql")

PEOPLE: Final = (
    ("admin", "Jonas"),
    ("lead", "Ruth"),
    ("lead", "Omid"),
    ("caseworker", "Nigora"),
    ("caseworker", "Timur"),
    ("protection", "Salome"),
    ("auditor", "Edda"),
)
VERBS: Final = {1: "INSERT", 2: "SELECT", 4: "UPDATE", 8: "DELETE"}  # the server's own numbers, of AclMode
ASKED: Final = re.compile(
    r"RTEPERMISSIONINFO :relid (\d+) :inh \w+ :requiredPerms (\d+) :checkAsUser 0 "
    r":selectedCols \(b([ \d]*)\) :insertedCols \(b([ \d]*)\) :updatedCols \(b([ \d]*)\)"
)
FIRST_COLUMN: Final = 7  # a column's number in a plan, less its number in the catalogue
Right = tuple[str, str, str]  # table, verb, column; no column: the whole table


class OwnedStore(PostgresqlStore):
    """Databases of an owner who may make roles and is no superuser."""

    def __init__(self, server: PostgresqlStore) -> None:
        super().__init__(server.server.render_as_string(hide_password=False))
        self.owner = f"owner_{secrets.token_hex(8)}"
        self.created: list[str] = []

    def _create(self, how: str) -> str:
        self.created.append(as_role(super()._create(f'OWNER "{self.owner}" {how}'), self.owner))
        return self.created[-1]


def as_role(url: str, role: str) -> str:
    """Return the URL under which a role reaches the same database; the server trusts whoever is on this machine."""
    return make_url(url).set(username=role).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def owned(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnedStore]:
    """A server of its own, so that the owner makes the roles there; a named server may have them already."""
    with running_postgresql(tmp_path_factory.mktemp("server")) as server:
        made = OwnedStore(server)
        made.run(f'CREATE ROLE "{made.owner}" LOGIN CREATEROLE')
        for face in FACES:
            made.run(
                f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{roles.role_of(face)}') THEN "
                f'GRANT {roles.role_of(face)} TO "{made.owner}" WITH ADMIN OPTION; END IF; END $$'
            )
        yield made
        for url in made.created:
            made.drop(url)
        made.run(f'DROP ROLE "{made.owner}"')


@pytest.fixture(scope="module")
def founded(owned: OwnedStore, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """An instance with two leads, whose owner gave the rights."""
    return found_template(owned, tmp_path_factory.mktemp("founded"), PEOPLE)


@pytest.fixture
def instance(founded: Template, tmp_path: Path) -> Iterator[Instance]:
    """A copy for one test; the faces' roles may do there what the owner gave them."""
    with copy_of(founded, tmp_path) as made:
        made.url_of("desk")  # a copy has the rights of its tables, but not the right to connect
        yield made


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect past the program; one transaction."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


def start(instance: Instance, face: str, url: str) -> Flask:
    """Build a face for production, as `wsgi.py` does."""
    secret = None if face == "intake" else SERVER_SECRET
    config = instance.config(database=url, production=True, server_secret=secret, state=instance.folder / f"{face}.state")
    return create_app(config, faces=(face,), clock=instance.clock)


# --- a story


@dataclass
class Asked:
    """What the server asked of each role: it prints the plan of each statement, with the rights that it checks."""

    tables: dict[int, tuple[str, dict[int, str]]]
    rights: dict[str, set[Right]] = field(default_factory=lambda: {face: set() for face in FACES})

    def listen(self, face: str, database: Database) -> None:
        """Note what the connections of one face are asked for."""

        @event.listens_for(database.engine, "connect")
        def _connected(connection: Any, _record: object) -> None:
            connection.add_notice_handler(lambda notice: self._note(face, notice.message_detail or ""))

    def _note(self, face: str, plan: str) -> None:
        for table, verbs, *columns in ASKED.findall(" ".join(plan.split())):
            if int(table) not in self.tables:
                continue  # of the server's own catalogue, which everybody reads
            name, numbered = self.tables[int(table)]
            of_verb = dict(zip(("SELECT", "INSERT", "UPDATE"), columns, strict=True))
            for number, verb in VERBS.items():
                if int(verbs) & number:  # to delete is a right of the table; to count or to lock asks for any column
                    asked = [numbered[int(one) - FIRST_COLUMN] for one in of_verb[verb].split()] if verb in of_verb else [""]
                    self.rights[face] |= {(name, verb, column) for column in asked}


@dataclass
class Service:
    """The three faces, each on its own role, and who comes to them."""

    instance: Instance
    asked: Asked

    def __post_init__(self) -> None:
        self.apps = {face: self._start(face) for face in FACES}
        self.source = Source(self.apps["intake"])
        self.world = World(self.instance, self.instance.database())
        self.findings = Findings(self.world, self.apps["desk"])
        self.links = Links(self.apps["desk"], self.instance)

    def _start(self, face: str) -> Flask:
        app = start(self.instance, face, self.instance.url_of(face))
        database = app.extensions["paivand"].database
        self.instance.databases.append(database)
        self.asked.listen(face, database)
        return app

    def write(self, body: str, language: str = "en", **answers: Any) -> tuple[UUID, str]:
        """Let a source send a report; return its id and the code."""
        known = self.links.ids()
        code = self.source.write(body, language, **answers)
        (made,) = self.links.ids() - known
        return made, code

    def desk(self, name: str) -> Member:
        """Return somebody at the desk, signed in."""
        return self.findings.member(name)

    def fresh(self, name: str) -> Member:
        """Sign somebody in once more, without the keys that the test holds beside."""
        return member(self.apps["desk"], self.instance, name)


def done(browser: Browser, action: str, button: tuple[str, str] | None = None, /, **typed: Any) -> str:
    """Press a button, and see that it did what it says; return the page."""
    browser.press(action, button, **typed)
    assert browser.page.status_code in (200, 201), browser.page.text
    return browser.page.text


def write_and_answer(service: Service) -> UUID:
    """A source writes, the desk asks, the source comes back and adds; returns the report."""
    fields = dict(REPORTS[0]["fields"])
    report, code = service.write(fields.pop("text"), "en", **{**fields, "reply": "yes"})
    nigora, ruth = service.desk("Nigora"), service.desk("Ruth")
    show(nigora, report)
    done(nigora, "/claim")
    done(nigora, "/description", gist="Crowd at a house", summary="Many people came.", translation="")
    done(nigora, "/notes", note="A note.")
    for question, answer in (("Who came, please?", "/return"), ("Who came?", "/release")):
        nigora.get(f"/desk/reports/{report}")
        done(nigora, "/messages", message=question)
        ruth.get("/desk/messages")
        done(ruth, answer)
    assert "Who came?" in service.source.open_mailbox(code).text
    done(service.source, "/f", ("do", "add"), text="People of the street.")
    nigora.take_in_again()
    show(nigora, report)
    assert "People of the street." in nigora.page.text
    return report


def link_and_close(service: Service, report: UUID) -> None:
    """Link to a case and take it back, contradict, begin a case, repeat, withdraw, and close with two people."""
    nigora, case = service.desk("Nigora"), service.links.case("C-0002")
    for key, kind in (("I05", "supports"), ("I06", "contradicts")):
        press_link(nigora, report, case, [service.links.incident(key)], type=kind)
        assert nigora.page.status_code == 200
    done(nigora, f"/unlink/{service.links.incident('I05').id}", unlink_reason="It is another week.")
    new, twin, gone, other = (service.write(f"{FARRUKH} {number}")[0] for number in range(4))
    nigora.take_in_again()
    for taken in (new, twin, gone, other):
        show(nigora, taken)
        done(nigora, "/claim")
    show(nigora, new)
    done(nigora, f"/refuse/{service.links.case('C-0010').id}")
    done(nigora, "/newcase", **NEW_CASE)
    show(nigora, twin)
    done(nigora, "/duplicate", duplicate_of=str(new))
    show(nigora, gone)
    done(nigora, "/withdraw", withdraw_reason="They wrote so with their code.")
    ruth = service.desk("Ruth")
    show(nigora, other)
    done(nigora, "/closing", closing_reason="help_only")
    show(ruth, other)
    assert "Out of scope" in done(ruth, "/close")
    done(ruth, "/reopen", reopen_reason="It is about an exile.")


def work_on_a_case(service: Service) -> None:
    """Record an incident at a new place and a person; ask and close a question; set priority and state."""
    nigora = service.desk("Nigora")
    nigora.get("/desk/cases")
    case = service.links.case("C-0004")
    done(nigora, f"/desk/cases/{case.id}/open")
    for action, typed in (
        ("/incidents", {**INCIDENT, "i_new_place": "Vahdat"}),
        ("/people", {"p_names": "Somebody Else"}),
        ("/questions", {"question": "Who saw it?"}),
        ("/questions/close", {}),
        ("/priority", {"priority": "high"}),
        ("/state", {"to": "monitoring"}),
    ):
        done(nigora, action, **typed)


def sign_findings(service: Service) -> None:
    """Propose, return, propose again, confirm, dispute, settle, reopen; a protection officer and a lead sign where it needs them."""
    desk = service.findings
    desk.propose()
    desk.open("Ruth")
    desk.press("Ruth", "/reviewer", reviewer=service.world.id_of("Timur"))
    desk.open("Timur")
    desk.press("Timur", "/return", objection="not_readable", comment="Say how the article knows.")
    desk.review()
    desk.press("Timur", "/confirmation", read="1")
    desk.press("Timur", "/dispute", dispute_reason="facts_wrong", dispute_text="It was another day.")
    desk.open("Ruth")
    desk.member("Ruth").press("/settlement", ("settle_to", "confirmed"), settle_text="The day does not matter.")
    desk.press("Ruth", "/reopening", reopen_text="A witness wrote.")
    desk.review(decision="refuted")
    desk.open("Ruth")
    desk.press("Ruth", "/approval")
    desk.open("Timur")
    desk.press("Timur", "/confirmation", read="1")
    desk.open("Nigora", SEXUAL)
    desk.press("Nigora", "/take")
    desk.press("Nigora", "/proposal", **{name: value for name, value in COMPLETE.items() if not name.startswith("s1-")})
    salome = desk.member("Salome")
    salome.get("/desk/approvals")
    done(salome, "/open")
    done(salome, f"/approvals/{service.world.finding_id(SEXUAL)}", ("decision", "confirm"), comment="Leave out the hospital.")
    desk.open("Ruth", SEXUAL)
    desk.press("Ruth", "/reviewer", reviewer=service.world.id_of("Timur"))
    desk.open("Timur", SEXUAL)
    assert "3 people signed" in desk.press("Timur", "/confirmation", read="1")


def come_back(service: Service) -> None:
    """Stay for more than an hour, and open a case again."""
    nigora, case = service.desk("Nigora"), service.links.case("C-0004")
    for _ in range(7):
        service.instance.clock.forward(minutes=10)
        nigora.get("/desk/members")
    nigora.get("/desk/cases")
    done(nigora, "/cases/look")
    done(nigora, f"/desk/cases/{case.id}/open")


def change_people(service: Service) -> None:
    """Invite and withdraw; invite, join and grant with two leads; remove, take that back with two, remove; end somebody's sessions."""
    app, instance = service.apps["desk"], service.instance
    jonas, ruth, omid = (service.fresh(name) for name in ("Jonas", "Ruth", "Omid"))
    petra = Newcomer(app, instance, invite(jonas, "Petra"))
    petra.draw()
    assert petra.show() == 200
    jonas.get("/desk/members")
    done(jonas, "/withdraw")
    marta = Newcomer(app, instance, invite(jonas))
    marta.draw()
    assert marta.show() == 200
    ruth.get("/desk/members")
    done(ruth, "/grant", words=marta.words)
    omid.get("/desk/members")
    done(omid, "/draft/sign", words=marta.words)
    assert marta.sign_in() == 200
    for answer in ("/draft/withdraw", "/draft/sign"):
        ruth.get("/desk/members")
        done(ruth, "/removals", member=instance.members["Timur"].id, sure="1")
        if answer == "/draft/withdraw":
            done(ruth, answer)
        omid.get("/desk/members")
        done(omid, answer)
    ruth.get("/desk/members")
    done(ruth, "/members/sessions", member=instance.members["Nigora"].id)
    done(ruth, "/lock")


def audit(service: Service, edda: Member) -> None:
    """Read the log, choose, download, read the cases and the standard questions."""
    edda.get("/audit/log")
    done(edda, "/audit/log", what="decisions")
    assert edda.press("/audit/log.csv").headers["Content-Type"].startswith("text/csv")
    for path in ("/audit/questions", "/audit/cases", f"/audit/cases/{service.links.case('C-0002').id}"):
        assert edda.get(path).status_code == 200


@pytest.fixture(scope="module")
def told(owned: OwnedStore, founded: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Instance, Asked]]:
    """A week of everybody's work, each face on its own role, and what the server asked of each."""
    published = make_published(founded, tmp_path_factory.mktemp("published"))
    with copy_of(founded, tmp_path_factory.mktemp("story"), published) as instance:
        instance.clock.forward(hours=1)  # every code that the import used is older
        name = owned.database_of(instance.url)
        for setting in ("debug_print_plan = on", "debug_pretty_print = off", "client_min_messages = log", "log_min_messages = panic"):
            owned.run(f'ALTER DATABASE "{name}" SET {setting}')
        service = Service(instance, Asked(columns_of(instance)))
        report = write_and_answer(service)
        link_and_close(service, report)
        work_on_a_case(service)
        sign_findings(service)
        come_back(service)
        nigora, edda = (Member(service.apps["audit"], instance, name, "/audit/") for name in ("Nigora", "Edda"))
        assert "Your role has no page here." in nigora.sign_in().text
        edda.sign_in()
        audit(service, edda)
        change_people(service)
        audit(service, edda)  # in a session that began under the manifest before
        done(edda, "/lock")
        yield instance, service.asked


def columns_of(instance: Instance) -> dict[int, tuple[str, dict[int, str]]]:
    """Return the server's number of each table → (name, number → name of each column)."""
    with connected(instance.url) as owner:
        rows = owner.execute(
            text(
                "SELECT attrelid::bigint, relname, attnum, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
                "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped"
            )
        ).all()
    return {number: (name, {column: called for of, _, column, called in rows if of == number}) for number, name, _, _ in rows}


def held(instance: Instance, face: str) -> set[Right]:
    """Return each right that the server sees in a face's role, wherever it comes from: column by column, as `Asked` notes them."""
    with connected(instance.url) as owner:
        rows = owner.execute(
            text(
                "WITH tables AS (SELECT oid, relname, relowner FROM pg_class "
                "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r') "
                "SELECT relname, verb, attname FROM tables JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped, "
                "(VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('REFERENCES')) AS verbs (verb) "
                "WHERE has_column_privilege(:role, oid, attnum, verb) "
                "UNION ALL SELECT relname, privilege_type, '' FROM tables, aclexplode(acldefault('r', relowner)) "
                "WHERE privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') "
                "AND has_table_privilege(:role, oid, privilege_type)"
            ),
            {"role": roles.role_of(face)},
        )
        return {(str(table), str(verb), str(column)) for table, verb, column in rows}


@pytest.mark.parametrize("face", FACES)
def test_a_role_may_what_the_story_asks_and_nothing_else(told: tuple[Instance, Asked], face: str) -> None:
    """Nobody missed a right, or the story would not have been told; and each right, to the column, was asked for."""
    instance, asked = told

    assert len(asked.rights[face]) > 20
    assert held(instance, face) == asked.rights[face]


def test_what_the_story_left_is_sound(told: tuple[Instance, Asked]) -> None:
    """Every row against the log and every finding against its signatures."""
    instance, _ = told
    instance.clock.forward(minutes=1)
    ruth, _session = instance.actor("Ruth")
    with instance.database().read() as session:
        checked = check_as_team(session, ruth)

    assert checked.faults == ()
    assert checked.findings == 2


# --- what is refused

TABLES: Final = sorted({*METADATA.tables, "alembic_version"})
COLUMNS: Final = [f"{column.table.name}.{column.name}" for table in METADATA.sorted_tables for column in table.columns]
SEALED: Final = sorted(set(TABLES) - {"alembic_version", "manifest", "manifest_draft", "reply", "dedupe"})
NEVER_CHANGED: Final = ("ledger_entry", "manifest", "reply", "source_request", "key_wrap", "act", "person", "reference", "approval")
CASES: Final = ("case", "incident", "act", "person", "reference", "finding", "approval")
DENIED: Final = "42501"  # insufficient_privilege
FINAL: Final = "P0001"  # raised by the trigger


def every(statement: str, tables: Iterable[str]) -> list[str]:
    return [statement.format(f'"{table}"') for table in tables]


def changing(*columns: str) -> list[str]:
    """Return statements that ask for nothing but to change a column, given as table.column."""
    return [f'UPDATE "{table}" SET {column} = DEFAULT' for table, column in (name.split(".") for name in columns)]  # noqa: S608


ALL: Final = (
    "CREATE TABLE mine (a int)",
    "CREATE TEMPORARY TABLE mine (a int)",
    "CREATE TABLE mine AS SELECT 1 AS a",
    "CREATE VIEW mine AS SELECT 1 AS a",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
    "DROP TRIGGER ledger_entry_no_update ON ledger_entry",
    "DROP TABLE dedupe",
    "SET session_replication_role = replica",
    "COPY alembic_version TO PROGRAM 'true'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT rolpassword FROM pg_authid",
    "DELETE FROM ledger_entry",
    "UPDATE alembic_version SET version_num = '9999'",
    *every("TRUNCATE {}", TABLES),
)
REFUSED: Final = {
    "intake": (
        *every("SELECT FROM {}", SEALED),
        *every("SELECT count(*) FROM {}", ("report", "key_wrap", "ledger_entry")),
        *every("COPY {} TO STDOUT", ("report", "key_wrap")),
        *changing(*COLUMNS),
        *every("DELETE FROM {}", sorted(set(TABLES) - {"dedupe"})),
        *every("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", ("report", "ledger_head", "alembic_version")),
        "SELECT 1 FROM ledger_head FOR UPDATE",
        "SELECT 1 FROM ledger_head FOR KEY SHARE",
        "SELECT lifter FROM manifest_draft",
        "SELECT 1 FROM alembic_version FOR UPDATE",
        "INSERT INTO report (id, owner) VALUES (gen_random_uuid(), 'x')",
        "INSERT INTO report (id, work) VALUES (gen_random_uuid(), '')",
        "INSERT INTO report (id, week, body, state, version) VALUES (gen_random_uuid(), '2026-W48', '', 'waiting', 0) RETURNING id",
        "INSERT INTO key_wrap (record, signature) VALUES ('epoch:team', '')",
        *every("INSERT INTO {} DEFAULT VALUES", sorted(set(TABLES) - {"dedupe", "report", "key_wrap"})),
    ),
    "desk": (
        *every("SELECT FROM {}", ("dedupe", "reply", "source_request")),
        *changing(*(name for name in COLUMNS if name.split(".")[0] in NEVER_CHANGED)),
        *changing("report.id", "report.week", "report.body", "message.author", "message.week", "seen.member_id", "case.owner"),
        *changing("incident.case_id", "finding.act_id", "member.lookup", "member.name", "member.salt", "member.server_secret"),
        *changing("member_session.member_id", "member_session.expires", "invitation.lookup", "ledger_head.id"),
        *every("DELETE FROM {}", ("report", "manifest", "manifest_draft", "message", "reply", "seen", "source_request", "ledger_head")),
        *every("DELETE FROM {}", sorted(set(CASES) - {"approval"})),
        *every("INSERT INTO {} DEFAULT VALUES", ("report", "dedupe", "ledger_head", "alembic_version")),
    ),
    "audit": (
        *every("SELECT FROM {}", ("report", "message", "reply", "dedupe", "seen", "source_request", "invitation", *CASES)),
        *every("INSERT INTO {} DEFAULT VALUES", ("report", "message", "reply", "manifest", "manifest_draft", "member", "lease", *CASES)),
        *changing(*(name for name in COLUMNS if name.split(".")[0] not in ("ledger_head", "member", "member_session"))),
        *changing("member.lookup", "member.name", "member.salt", "member.server_secret", "member.public"),
        *every("DELETE FROM {}", sorted(set(TABLES) - {"member_session", "lease"})),
        "SELECT record FROM lease",
    ),
}


@pytest.mark.parametrize(("face", "statement"), [(face, statement) for face in FACES for statement in (*REFUSED[face], *ALL)])
def test_a_role_is_refused(told: tuple[Instance, Asked], face: str, statement: str) -> None:
    """By the server, before it looks at a row."""
    assert refusal(as_role(told[0].url, roles.role_of(face)), statement) == DENIED


@pytest.mark.parametrize("statement", ["UPDATE ledger_entry SET leaf = leaf", "DELETE FROM ledger_entry", "TRUNCATE ledger_entry"])
def test_the_owner_changes_no_entry(told: tuple[Instance, Asked], statement: str) -> None:
    """A trigger refuses whoever has the right."""
    assert refusal(told[0].url, statement) == FINAL


@pytest.mark.parametrize("face", FACES)
def test_a_role_becomes_nobody_else(told: tuple[Instance, Asked], owned: OwnedStore, face: str) -> None:
    """Neither the owner, nor the superuser, nor another face."""
    others = {owned.owner, str(owned.server.username), *map(roles.role_of, FACES)} - {roles.role_of(face)}

    said = {other: refusal(as_role(told[0].url, roles.role_of(face)), f'SET ROLE "{other}"') for other in others}

    assert said == dict.fromkeys(others, DENIED)


@pytest.mark.parametrize("face", FACES)
def test_another_database_is_closed(owned: OwnedStore, instance: Instance, tmp_path: Path, face: str) -> None:
    """Where somebody else's database lets the role in, as PostgreSQL does unless told otherwise, its tables do not open."""
    other = owned.create(tmp_path)
    with connected(other) as owner:
        owner.exec_driver_sql("CREATE TABLE report (body text)")

    assert refusal(as_role(other, roles.role_of(face)), "SELECT body FROM report") == DENIED


def test_a_stranger_does_not_connect(owned: OwnedStore, instance: Instance) -> None:
    """A role of the same server that is none of ours."""
    owned.run("CREATE ROLE stranger LOGIN")
    try:
        with pytest.raises(OperationalError, match="permission denied for database"):
            refusal(as_role(instance.url, "stranger"), "SELECT 1")
    finally:
        owned.run("DROP ROLE stranger")


def refusal(url: str, statement: str) -> str | None:
    """Return the server's code for why a statement was refused; None: it was not, and is undone."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError as error:
            return str(getattr(error.orig, "sqlstate", None))
    return None


# --- rights too many


@pytest.mark.parametrize("face", FACES)
def test_the_right_role_has_none_too_many(instance: Instance, face: str) -> None:
    assert too_much(instance, roles.role_of(face), face) == []


TOO_MANY: Final = {
    "SELECT ON report TO {}": "it may SELECT on report",
    "SELECT (week) ON report TO {}": "it may SELECT on report (week)",
    "SELECT ON report TO PUBLIC": "it may SELECT on report",
    "INSERT ON report TO {}": "it may INSERT on report",
    "UPDATE (body) ON report TO {}": "it may UPDATE on report (body)",
    "DELETE ON ledger_entry TO {}": "it may DELETE on ledger_entry",
    "TRUNCATE ON dedupe TO {}": "it may TRUNCATE on dedupe",
    "TRIGGER ON report TO {}": "it may TRIGGER on report",
    "REFERENCES ON reply TO {}": "it may REFERENCES on reply",
    "CREATE ON SCHEMA public TO {}": "it may CREATE in schema public",
    "CREATE ON DATABASE {database} TO {}": "it may CREATE",
    "TEMPORARY ON DATABASE {database} TO {}": "it may TEMPORARY",
}


@pytest.mark.parametrize("grant", TOO_MANY)
def test_each_right_too_many_is_named_and_taken_back(owned: OwnedStore, instance: Instance, grant: str) -> None:
    """Production refuses the role, and says which right; `roles` once more takes it away."""
    role = roles.role_of("intake")
    with connected(instance.url) as owner:
        owner.exec_driver_sql("GRANT " + grant.format(role, database=f'"{owned.database_of(instance.url)}"'))

    assert too_much(instance, role, "intake") == [TOO_MANY[grant]]
    with pytest.raises(ConfigError, match=f"may do more than the intake needs: {re.escape(TOO_MANY[grant])}. Run"):
        start(instance, "intake", as_role(instance.url, role))
    instance.url_of("intake")
    assert too_much(instance, role, "intake") == []


ATTRIBUTES: Final = {
    "ALTER ROLE {} CREATEROLE": ("ALTER ROLE {} NOCREATEROLE", "it may create roles"),
    "ALTER ROLE {} CREATEDB": ("ALTER ROLE {} NOCREATEDB", "it may create databases"),
    "ALTER ROLE {} REPLICATION": ("ALTER ROLE {} NOREPLICATION", "it may copy the whole server"),
    "ALTER ROLE {} BYPASSRLS": ("ALTER ROLE {} NOBYPASSRLS", "it passes over the security of rows"),
    "ALTER ROLE {} SUPERUSER": ("ALTER ROLE {} NOSUPERUSER", "it is a superuser"),
    "GRANT pg_read_all_data TO {}": ("REVOKE pg_read_all_data FROM {}", "it may act as pg_read_all_data"),
    "GRANT paivand_desk TO {}": ("REVOKE paivand_desk FROM {}", "it may act as paivand_desk"),
}


@pytest.mark.parametrize("change", ATTRIBUTES)
def test_what_only_a_superuser_gives_is_named(owned: OwnedStore, instance: Instance, change: str) -> None:
    """Rights of the role itself, and roles that it is a member of."""
    role, (back, said) = roles.role_of("audit"), ATTRIBUTES[change]
    owned.run(change.format(role))
    try:
        assert too_much(instance, role, "audit") == [said]
    finally:
        owned.run(back.format(role))


@pytest.mark.parametrize(
    ("face", "other", "says"),
    [
        ("intake", "desk", "it may SELECT on report"),
        ("intake", "audit", "it may SELECT on ledger_entry"),
        ("audit", "desk", "it may SELECT on report"),
        ("audit", "intake", "it may SELECT on reply"),
        ("desk", "intake", "it may INSERT on report (body)"),
    ],
)
def test_another_faces_role_is_named(instance: Instance, face: str, other: str, says: str) -> None:
    """Two passfiles that were swapped; only that of the audit may nothing that the desk may not."""
    assert says in too_much(instance, roles.role_of(other), face)
    with pytest.raises(ConfigError, match=f"may do more than the {face} needs"):
        start(instance, face, as_role(instance.url, roles.role_of(other)))


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("who", "says"), [("owner", "it owns the database"), ("superuser", "it is a superuser")])
def test_production_refuses_who_may_everything(owned: OwnedStore, instance: Instance, who: str, says: str, face: str) -> None:
    """One line for the operator, with what to do."""
    url = as_role(instance.url, owned.owner if who == "owner" else str(owned.server.username))

    with pytest.raises(ConfigError, match=f"may do more than the {face} needs: .*{says}.*Run `python -m app roles`"):
        start(instance, face, url)


def too_much(instance: Instance, role: str, face: str) -> list[str]:
    """Ask as a role what it may beyond a face."""
    with connected(as_role(instance.url, role)) as connection:
        return roles.excess(connection, face)


# --- the command


def test_roles_writes_passwords_once(owned: OwnedStore, instance: Instance, tmp_path: Path) -> None:
    """A file for each face, for its owner only, with the password that the server has; a second run changes nothing."""
    folder = tmp_path / "pg"

    made = command(instance, "roles", "--passwords", str(folder))

    assert (made.returncode, made.stderr) == (0, "")
    files = {face: folder / f"{face}.pgpass" for face in FACES}
    assert sorted(folder.iterdir()) == sorted(files.values())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in files.values()} == {0o400}
    passwords = {face: re.fullmatch(r"\*:\*:\*:\*:([0-9a-f]{64})\n", file.read_text())[1] for face, file in files.items()}  # type: ignore[index]
    assert len(set(passwords.values())) == len(FACES)
    assert not any(password in made.stdout for password in passwords.values())
    verifiers = {face: verifier(owned, face) for face in FACES}
    assert all(is_password(passwords[face], verifiers[face]) for face in FACES)
    assert not is_password(passwords["intake"], verifiers["desk"])

    again = command(instance, "roles", "--passwords", str(folder))

    assert again.returncode == 1
    assert "intake.pgpass exists already; remove the three files" in again.stderr
    assert {face: file.read_text() for face, file in files.items()} == {face: f"*:*:*:*:{passwords[face]}\n" for face in FACES}
    assert {face: verifier(owned, face) for face in FACES} == verifiers
    assert command(instance, "roles").returncode == 0
    assert {face: verifier(owned, face) for face in FACES} == verifiers


def test_an_upgrade_gives_what_new_tables_need(instance: Instance) -> None:
    """Down to the first tables and up again: the roles have on the new ones what they had."""
    before = {face: held(instance, face) for face in FACES}
    migrate.downgrade(instance.database(), "0001")
    assert not held(instance, "desk") & {(table, "SELECT", "body") for table in ("invitation", "case")}

    made = command(instance, "upgrade")

    assert (made.returncode, made.stdout) == (0, "schema 0003\n"), made.stderr
    assert {face: held(instance, face) for face in FACES} == before
    assert [too_much(instance, roles.role_of(face), face) for face in FACES] == [[], [], []]


def test_roles_come_after_the_schema(instance: Instance) -> None:
    """No right is given on tables that are not there yet."""
    migrate.downgrade(instance.database(), "0002")

    made = command(instance, "roles")

    assert made.returncode == 1
    assert "run `python -m app upgrade` first" in made.stderr


def test_only_the_owner_gives_rights(instance: Instance) -> None:
    """Anybody else is told so in one line, and no right has changed."""
    before = {face: held(instance, face) for face in FACES}

    made = run("roles", PAIVAND_DATABASE=as_role(instance.url, roles.role_of("intake")), PAIVAND_ROOT=instance.root.hex())

    assert made.returncode == 1
    assert made.stderr == "Error: only the owner of the database, who may also create roles, can do this\n"
    assert {face: held(instance, face) for face in FACES} == before


def test_sqlite_has_no_roles(instance: Instance, tmp_path: Path) -> None:
    """Said in one line, and no file is made."""
    made = run("roles", "--passwords", str(tmp_path / "pg"), PAIVAND_DATABASE=f"sqlite:///{tmp_path / 'x.db'}", PAIVAND_ROOT="0" * 64)

    assert made.returncode == 1
    assert made.stderr == "Error: SQLite has no roles: there the intake's blindness rests on keys alone\n"
    assert not (tmp_path / "pg").exists()


def command(instance: Instance, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the owner."""
    return run(*words, PAIVAND_DATABASE=instance.url, PAIVAND_ROOT=instance.root.hex())


def verifier(owned: OwnedStore, face: str) -> str:
    """Return what the server keeps of a role's password."""
    with connected(owned.server.render_as_string(hide_password=False)) as superuser:
        return str(superuser.scalar(text("SELECT rolpassword FROM pg_authid WHERE rolname = :role"), {"role": roles.role_of(face)}))


def is_password(password: str, kept: str) -> bool:
    """Whether a password fits SCRAM-SHA-256$iterations:salt$stored:server (RFC 5803)."""
    iterations, salt, stored = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):.+", kept).groups()  # type: ignore[union-attr]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    return hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest() == base64.b64decode(stored)
