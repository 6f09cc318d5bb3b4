"""Rules that hold for the whole source: who reads the environment, what is never asked of a visitor, what production refuses."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Enum, insert
from sqlalchemy.exc import IntegrityError

from app.factory import create_app
from app.store import migrate
from app.store.database import METADATA
from config import FACES, Config, ConfigError, FoundingConfig, read_secret, write_secret
from tests.conftest import SERVER_SECRET, Instance

ROOT: Final = Path(__file__).parents[1]
SOURCES: Final = sorted([*(ROOT / "app").rglob("*.py"), ROOT / "config.py", ROOT / "wsgi.py"])
TEMPLATES: Final = sorted((ROOT / "app").rglob("*.html"))
VISITOR: Final = frozenset({"files", "remote_addr", "remote_user", "user_agent", "access_route", "accept_languages", "referrer", "origin"})
UNSAFE: Final = frozenset({"pickle", "marshal", "shelve", "yaml", "random", "tempfile"})
GOOD: Final = {"PAIVAND_DATABASE": "sqlite:///x.db", "PAIVAND_ROOT": "ab" * 32}
ENUM_COLUMNS: Final = [column for table in METADATA.sorted_tables for column in table.columns if isinstance(column.type, Enum)]


def name_of(path: Path) -> str:
    """Return a path as people write it."""
    return path.relative_to(ROOT).as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    """Yield every node of a module."""
    return ast.walk(ast.parse(path.read_text("utf-8")))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_config_reads_the_environment(path: Path) -> None:
    """Settings have one place; the demonstration hands the environment on and reads nothing of it."""
    if name_of(path) in ("config.py", "app/demo/commands.py"):
        return
    found = [node for node in nodes(path) if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")]

    assert [ast.unparse(node) for node in found] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_asks_who_the_visitor_is(path: Path) -> None:
    """No address, browser or wish of a visitor is read, and no upload that a framework would write to a file."""
    found = [
        ast.unparse(node)
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr in VISITOR and ast.unparse(node.value).endswith("request")
    ]

    assert found == []
    assert not re.search(r"REMOTE_ADDR|HTTP_USER_AGENT|X-Forwarded|ProxyFix", path.read_text("utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_prints_or_unpickles(path: Path) -> None:
    """Only commands speak, through click; only JSON is read back; randomness comes from `secrets`."""
    name = name_of(path)
    calls = [node.func.id for node in nodes(path) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    imports = {
        item.split(".")[0]
        for node in nodes(path)
        for item in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert not {"eval", "exec", "compile", "__import__"} & set(calls)
    assert "print" not in calls or name.startswith("app/demo/") or name == "app/__main__.py"
    assert not imports & UNSAFE


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_the_refusals_log(path: Path) -> None:
    """A log line is an error's class and place; whatever else would write one could write a person's words (threat T5)."""
    imported = any(isinstance(node, ast.Import) and any(alias.name == "logging" for alias in node.names) for node in nodes(path))

    assert imported is (name_of(path) == "app/web/refusals.py")


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_no_template_marks_anything_safe(path: Path) -> None:
    """Escaping is never switched off."""
    assert not re.search(r"\|\s*safe\b|autoescape", path.read_text("utf-8"))


def test_sql_is_never_put_together_from_text() -> None:
    """No formatted string in a call that takes SQL, but for a pragma and the rights of `app.store`, made of its own words."""
    takes_sql = {"exec_driver_sql", "execute", "scalars", "scalar", "text"}
    found = [
        f"{name_of(path)}: {ast.unparse(node)}"
        for path in SOURCES
        if name_of(path) != "app/store/roles.py"
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else "")
        in takes_sql
        and any(isinstance(argument, ast.JoinedStr) for argument in node.args)
    ]

    assert sorted(found, reverse=True) == [
        "app/store/database.py: cursor.execute(f'PRAGMA {pragma}')",
        "app/store/database.py: connection.exec_driver_sql(f'VACUUM \"{table.name}\"')",
    ]


def values_of(column: Column[Any]) -> list[Any]:
    """Return the values of an enum column."""
    assert isinstance(column.type, Enum)
    return list(column.type.enum_class or ())


def enum_values() -> list[Any]:
    """Return each value of each enum that a column holds."""
    return [
        pytest.param(column, value, id=f"{column.table.name}.{column.name}={value}")
        for column in ENUM_COLUMNS
        for value in values_of(column)
    ]


def a_row(column: Column[Any], value: Any) -> dict[str, Any]:
    """Return a row with this value and anything valid in the other columns."""
    made: dict[str, Any] = {}
    for other in column.table.columns:
        if other is column:
            made[other.name] = value
        elif other.name == "week":
            made[other.name] = "2026-W48"
        elif other.name == "id":
            made[other.name] = uuid4()
        elif not other.nullable:
            made[other.name] = {int: 1, bytes: b"x", str: "x", UUID: uuid4()}[other.type.python_type]
    return made


def test_there_are_enum_columns() -> None:
    """The walk below is not empty."""
    assert {column.name for column in ENUM_COLUMNS} == {"state"}


@pytest.mark.parametrize(("column", "value"), enum_values())
def test_each_enum_value_can_be_stored(instance: Instance, column: Column[Any], value: StrEnum) -> None:
    """A value that was added to the code is allowed by the migrated database too."""
    with instance.database().engine.begin() as connection:
        connection.execute(insert(column.table).values(**a_row(column, value)))


@pytest.mark.parametrize("column", ENUM_COLUMNS, ids=lambda column: f"{column.table.name}.{column.name}")
def test_no_other_value_can_be_stored(instance: Instance, column: Column[Any]) -> None:
    """The database itself refuses a state that the code does not know."""
    row = a_row(column, values_of(column)[0])
    database = instance.database()
    with database.engine.begin() as connection:
        connection.execute(insert(column.table).values(**row))

    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.exec_driver_sql(
            {
                "report": "UPDATE report SET state = 'x'",
                "message": "UPDATE message SET state = 'x'",
                "case": "UPDATE \"case\" SET state = 'x'",
                "finding": "UPDATE finding SET state = 'x'",
            }[column.table.name]
        )


# ── what production refuses ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("faces", [("intake", "desk"), ("desk", "audit"), FACES])
def test_production_serves_one_face(instance: Instance, faces: tuple[str, ...]) -> None:
    """Sources and team never share a process."""
    with pytest.raises(ConfigError, match="one face"):
        create_app(instance.config(production=True), faces=faces)


@pytest.mark.parametrize("face", ["desk", "audit"])
def test_staff_faces_need_the_server_secret(instance: Instance, face: str) -> None:
    """Without it no passphrase could be checked."""
    for production in (True, False):
        with pytest.raises(ConfigError, match="PAIVAND_SERVER_SECRET_FILE"):
            create_app(instance.config(production=production, server_secret=None), faces=(face,))


def test_production_intake_must_not_have_the_server_secret(instance: Instance) -> None:
    """What the public process does not hold cannot be taken from it."""
    with pytest.raises(ConfigError, match="PAIVAND_SERVER_SECRET_FILE"):
        create_app(instance.config(production=True), faces=("intake",))


@pytest.mark.parametrize("face", FACES)
def test_production_starts_each_face_alone(instance: Instance, face: str) -> None:
    """The refusals above refuse nothing else; a draft language is not offered."""
    secret = None if face == "intake" else SERVER_SECRET

    app = instance.app(face, production=True, server_secret=secret)

    assert app.extensions["paivand"].languages.codes == ("en",)
    assert "Demonstration" not in app.test_client().get("/" if face == "intake" else f"/{face}/").text


def test_unknown_face_is_refused(instance: Instance) -> None:
    """A slip in a face's name does not start a process that serves nothing."""
    with pytest.raises(ConfigError):
        create_app(instance.config(production=True, server_secret=None), faces=("intak",))


def test_other_schema_is_refused(instance: Instance, tmp_path: Path) -> None:
    """Neither an empty database nor one of another version is served."""
    with pytest.raises(ConfigError, match="upgrade"):
        create_app(instance.config(database=f"sqlite:///{tmp_path / 'empty.db'}"), faces=FACES)
    database = instance.database()
    migrate.downgrade(database, "base")
    with pytest.raises(ConfigError, match="upgrade"):
        create_app(instance.config(), faces=FACES)


@pytest.mark.parametrize("face", FACES)
def test_other_root_serves_nothing(instance: Instance, face: str) -> None:
    """A keyring that does not lead back to the pinned root is neither trusted nor ready."""
    client = instance.app(face, root=bytes(32), state=None).test_client()

    assert client.get("/-/ready" if face != "intake" else "/").status_code == (503 if face != "intake" else 200)
    if face == "intake":
        page = client.post("/f", data={"go": "write"}).text
        token = page.split('name="token" value="')[1].split('"')[0]
        answer = client.post("/f", data={"do": "send", "token": token, "text": "Words that stay."})
        assert answer.status_code == 503
        assert "Words that stay." in answer.text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"PAIVAND_DATABASE": ""}, "PAIVAND_DATABASE"),
        ({"PAIVAND_ROOT": ""}, "PAIVAND_ROOT"),
        ({"PAIVAND_ROOT": "ab" * 31}, "PAIVAND_ROOT"),
        ({"PAIVAND_ROOT": "AB" * 32}, "PAIVAND_ROOT"),
        ({"PAIVAND_ROOT": "zz" * 32}, "PAIVAND_ROOT"),
        ({"PAIVAND_MODE": "debug"}, "PAIVAND_MODE"),
        ({"PAIVAND_ONION": "true"}, "PAIVAND_ONION"),
        ({"PAIVAND_SERVER_SECRET_FILE": "/nowhere/secret"}, "/nowhere/secret"),
    ],
)
def test_bad_variable_is_named(changes: dict[str, str], says: str) -> None:
    """The error names the variable, so that an operator knows where to look."""
    with pytest.raises(ConfigError, match=says):
        Config.from_env({**GOOD, **changes})


def test_default_is_production() -> None:
    """Nothing has to be set to be safe; a demonstration is asked for by name."""
    config = Config.from_env(GOOD)

    assert config.production
    assert not config.onion
    assert config.server_secret is None
    assert config.root == bytes.fromhex(GOOD["PAIVAND_ROOT"])
    assert not Config.from_env({**GOOD, "PAIVAND_MODE": "demo"}).production


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o444, 0o640, 0o660, 0o620, 0o411])
def test_secret_that_others_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """Group and world have no right at all to the file."""
    path = tmp_path / "secret"
    path.write_text("ab" * 32)
    path.chmod(mode)

    with pytest.raises(ConfigError, match="0400"):
        read_secret(path)


@pytest.mark.parametrize("text", ["", "ab", "ab" * 31, "ab" * 33, "zz" * 32, "é" * 32])
def test_secret_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    """Exactly 32 bytes in hex, and never an echo of what stands there."""
    path = tmp_path / "secret"
    path.write_text(text, "utf-8")
    path.chmod(0o400)

    with pytest.raises(ConfigError) as caught:
        read_secret(path)

    assert not text or text not in str(caught.value)


def test_secret_is_written_once_for_its_owner(tmp_path: Path) -> None:
    """A new secret is readable by its owner only, reads back, and replaces none."""
    path = tmp_path / "secret"

    write_secret(path, SERVER_SECRET)

    assert path.stat().st_mode & 0o777 == 0o400
    assert read_secret(path) == SERVER_SECRET
    with pytest.raises(ConfigError, match="exists"):
        write_secret(path, bytes(32))
    assert read_secret(path) == SERVER_SECRET


def test_secret_is_not_shown_by_its_config(instance: Instance) -> None:
    """A config in an error message tells no key."""
    assert SERVER_SECRET.hex() not in repr(instance.config())
    assert repr(SERVER_SECRET) not in repr(instance.config())


def test_founding_needs_two_variables() -> None:
    """`init` names what is missing."""
    with pytest.raises(ConfigError, match="PAIVAND_DATABASE"):
        FoundingConfig.from_env({})
    with pytest.raises(ConfigError, match="PAIVAND_SERVER_SECRET_FILE"):
        FoundingConfig.from_env({"PAIVAND_DATABASE": "sqlite:///x.db"})


@pytest.mark.only_on("sqlite")
def test_database_keeps_what_it_acknowledged(instance: Instance) -> None:
    """Every connection waits for the disk, overwrites what it deletes, and spills nothing to temporary files."""
    with instance.database().engine.connect() as connection:
        read = {name: connection.exec_driver_sql(name_pragma).scalar_one() for name, name_pragma in PRAGMAS.items()}
        connection.engine.dispose()

    assert read == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "temp_store": 2, "foreign_keys": 1, "trusted_schema": 0}


PRAGMAS: Final = {
    "journal_mode": "PRAGMA journal_mode",
    "synchronous": "PRAGMA synchronous",
    "secure_delete": "PRAGMA secure_delete",
    "temp_store": "PRAGMA temp_store",
    "foreign_keys": "PRAGMA foreign_keys",
    "trusted_schema": "PRAGMA trusted_schema",
}
