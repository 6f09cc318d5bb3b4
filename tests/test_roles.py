"""The three roles of PostgreSQL on a real server: a whole story misses no right, no right is idle, and all else is refused.

The database belongs to an owner who is no superuser, and each face comes as its own role, as docs/operate.md §14 says.
"""

import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.factory import create_app
from app.store import migrate, roles
from app.store.database import Database
from config import FACES, ConfigError
from tests.conftest import SERVER_SECRET, Browser, Instance, Member, Source, Template, copy_of, found_template
from tests.desk.test_cases import INCIDENT
from tests.desk.test_findings import COMPLETE
from tests.desk.test_findings import Desk as Findings
from tests.desk.test_links import FARRUKH, NEW_CASE, REPORTS, show
from tests.desk.test_links import Desk as Links
from tests.desk.test_links import press_link
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
def as_owner(instance: Instance) -> Iterator[Connection]:
    """Connect as the owner; one transaction."""
    with connected(instance.url) as connection:
        yield connection


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect past the program; one transaction."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


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
                if int(verbs) & number:
                    self.rights[face].add((name, verb, ""))
                    self.rights[face] |= {(name, verb, numbered[int(one) - FIRST_COLUMN]) for one in of_verb.get(verb, "").split()}


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
        config = self.instance.config(
            database=self.instance.url_of(face), production=True, server_secret=None if face == "intake" else SERVER_SECRET, state=self.instance.folder / f"{face}.state"
        )
        app = create_app(config, faces=(face,), clock=self.instance.clock)
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
    """Record an incident, an act and a person; ask and close a question; set priority and state; tell two people apart."""
    nigora = service.desk("Nigora")
    nigora.get("/desk/cases")
    case = service.links.case("C-0004")
    done(nigora, f"/desk/cases/{case.id}/open")
    for action, typed in (
        ("/incidents", {**INCIDENT, "i_new_place": "Kulyab"}),
        ("/people", {"p_names": "Somebody Else"}),
        ("/questions", {"question": "Who saw it?"}),
        ("/questions/close", {}),
        ("/priority", {"priority": "high"}),
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


def change_people(service: Service) -> None:
    """Invite and withdraw; invite, join and grant with two leads; remove, take it back, remove; end somebody's sessions."""
    app, instance = service.apps["desk"], service.instance
    jonas, ruth, omid = (service.fresh(name) for name in ("Jonas", "Ruth", "Omid"))
    for name in ("Petra", "Marta"):
        newcomer = Newcomer(app, instance, invite(jonas, name))
        newcomer.draw()
        assert newcomer.show() == 200
        jonas.get("/desk/members")
        if name == "Petra":
            done(jonas, "/withdraw")
    ruth.get("/desk/members")
    done(ruth, "/grant", words=newcomer.words)
    omid.get("/desk/members")
    done(omid, "/draft/sign", words=newcomer.words)
    assert newcomer.sign_in() == 200
    for name in ("Omid", "Timur"):
        ruth.get("/desk/members")
        done(ruth, "/removals", member=instance.members[name].id, sure="1")
        if name == "Omid":
            done(ruth, "/draft/withdraw")
    omid = service.fresh("Omid")
    done(omid, "/draft/sign")
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
def told(founded: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Instance, Asked]]:
    """A week of everybody's work, each face on its own role, and what the server asked of each."""
    published = make_published(founded, tmp_path_factory.mktemp("published"))
    with copy_of(founded, tmp_path_factory.mktemp("story"), published) as instance:
        instance.clock.forward(hours=1)  # every code that the import used is older
        name = founded.store.database_of(instance.url)
        for setting in ("debug_print_plan = on", "debug_pretty_print = off", "client_min_messages = log", "log_min_messages = panic"):
            founded.store.run(f'ALTER DATABASE "{name}" SET {setting}')
        service = Service(instance, Asked(columns_of(instance)))
        report = write_and_answer(service)
        edda = Member(service.apps["audit"], instance, "Edda", "/audit/")
        edda.sign_in()
        link_and_close(service, report)
        work_on_a_case(service)
        sign_findings(service)
        audit(service, edda)
        change_people(service)
        audit(service, edda)  # in a session that began under the manifest before
        done(edda, "/lock")
        yield instance, service.asked


def columns_of(instance: Instance) -> dict[int, tuple[str, dict[int, str]]]:
    """Return the server's number of each table → (name, number → name of each column)."""
    with as_owner(instance) as owner:
        rows = owner.execute(
            text(
                "SELECT attrelid::int, relname, attnum, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
                "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0"
            )
        ).all()
    return {number: (name, {column: called for of, _, column, called in rows if of == number}) for number, name, _, _ in rows}


def granted(instance: Instance, face: str) -> set[Right]:
    """Return each right that the owner gave a face's role."""
    with as_owner(instance) as owner:
        rows = owner.execute(
            text(
                "SELECT relname, privilege_type, '' FROM pg_class, aclexplode(relacl) WHERE grantee = to_regrole(:role)::oid "
                "UNION ALL SELECT relname, privilege_type, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, "
                "aclexplode(attacl) WHERE grantee = to_regrole(:role)::oid"
            ),
            {"role": roles.role_of(face)},
        )
        return {(str(table), str(verb), str(column)) for table, verb, column in rows}


def test_show(told: tuple[Instance, Asked]) -> None:
    instance, asked = told
    for face in FACES:
        held = granted(instance, face)
        tables = sorted({t for t, _, _ in held | asked.rights[face]})
        for table in tables:
            for verb in VERBS.values():
                cols = sorted(c for t, v, c in asked.rights[face] if (t, v) == (table, verb))
                if (table, verb, "") in held or cols:
                    print(face, table, verb, "" if (table, verb, "") in held else "MISSING", cols or "UNUSED")
