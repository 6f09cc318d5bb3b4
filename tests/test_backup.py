"""Backup and restore: the drill from shares to a signed-in member, every way a file can be wrong, and what its keeper learns."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, text

from app import backup
from app.cases.importing import import_published, published
from app.check import check_as_auditor, check_as_team
from app.errors import BackupError, BusyError, ManifestError, RollbackError
from app.factory import create_app
from app.ledger.append import Actor
from app.ledger.read import Head, read_head
from app.ledger.verify import write_head
from app.members import sessions
from app.members.chain import ChainKeeper
from app.store import migrate, roles
from app.store.database import METADATA, Database
from app.store.keys import MemberSession
from app.store.reports import Report
from app.vault import backup as vault
from app.vault.backup import Contents, Header
from app.vault.encoding import from_jcs, to_b64, to_jcs
from app.vault.envelope import new_key
from app.vault.hpke import KemKeys
from app.vault.recovery import keys_from
from config import FACES
from tests.conftest import SERVER_SECRET, Instance, Member, Source, Template
from tests.findings.world import World
from tests.stores import SqliteStore, Store
from tests.test_commands import ROOT
from tests.vault.world import STRANGER, flipped, refused, signed

TEXT: Final = "Two men came to the house at night, and asked for my brother."
LETTER: Final = "Thank you. When was it?"
ALL_TABLES: Final = sorted(METADATA.tables)
HELD: Final = sorted(set(ALL_TABLES) - backup.LEFT_OUT)


# --- helpers


def run(*words: str, typed: Sequence[str] = (), **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator does; without a terminal, so that prompts read what is typed here."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PAIVAND_")}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "app", *words],
        env={**environment, **variables},
        cwd=ROOT,
        input="".join(f"{line}\n" for line in typed),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        start_new_session=True,
    )


def variables(instance: Instance, url: str | None = None) -> dict[str, str]:
    return {"PAIVAND_DATABASE": url or instance.url, "PAIVAND_ROOT": instance.root.hex()}


def key_of(instance: Instance, file: Path) -> bytes:
    """Open a backup's key as three people do."""
    recovery, _ = keys_from(instance.template.shares[1:4])
    with file.open("rb") as stream:
        return vault.open_key(Header.read(stream), recovery, root=instance.root)


def take(instance: Instance, name: str = "one.backup", *, secret: bytes | None = SERVER_SECRET) -> Path:
    """Back an instance up."""
    file = instance.folder / name
    backup.back_up(instance.database(), instance.root, file, server_secret=secret, now=instance.clock.now)
    return file


def put_back(instance: Instance, file: Path, url: str, **options: Any) -> backup.Restored:
    """Restore a backup."""
    with closing_database(url) as database:
        return backup.restore(database, instance.root, file, key_of(instance, file), **options)


class closing_database:  # noqa: N801 - reads as a verb
    """A database that is closed at the end of the block."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def __enter__(self) -> Database:
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def records_of(instance: Instance, file: Path) -> tuple[Contents, list[bytes]]:
    """Open a backup: its first record and its rows."""
    with file.open("rb") as stream:
        header = Header.read(stream)
        first, *rows = vault.read_records(stream, key_of(instance, file), header.id, root=instance.root)
    return Contents.decode(first), rows


def forge(instance: Instance, file: Path, first: bytes, rows: Sequence[bytes]) -> bytes:
    """Write a backup with a key of one's own, whatever is in it; return the key."""
    key, backup_id = new_key(), uuid4()
    newest = ChainKeeper(instance.database(), instance.root).current().newest
    with file.open("wb") as stream:
        stream.write(vault.seal_key(key, backup_id, root=instance.root, recovery=newest.recovery_kem, epoch=newest.epoch).encode())
        writer = vault.Writer(stream, key, backup_id, root=instance.root)
        for record in (first, *rows):
            writer.add(record)
        writer.finish()
    return key


def counts(url: str) -> dict[str, int]:
    """Return how many rows each table has; nothing where there is no table yet."""
    with closing_database(url) as database:
        if migrate.current(database) is None:
            return {}
        with database.read() as session:
            found = backup._tables(session, left_out=frozenset())
            return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in found}


def is_empty(url: str) -> bool:
    return not any(counts(url).values())


def head_of(instance: Instance, url: str | None = None) -> Head:
    with closing_database(url or instance.url) as database, database.read() as session:
        return read_head(session, ChainKeeper(database, instance.root).current().newest.origin)


def sign_in(instance: Instance, url: str, name: str) -> tuple[Database, Actor]:
    """Sign a member in on a restored database, with passphrase and second device."""
    database = Database(url)
    instance.databases.append(database)
    _, held = sessions.sign_in(
        database,
        name=name,
        passphrase=instance.members[name].passphrase,
        code=instance.code(name),
        chain=ChainKeeper(database, instance.root).current(),
        server_secret=instance.server_secret,
        host_secret=bytes(32),
        now=instance.clock.now,
    )
    return database, held.actor


def serve(instance: Instance, url: str) -> Flask:
    """Serve a restored database; its processes have no state file yet."""
    app = create_app(instance.config(database=url, state=None), faces=FACES, clock=instance.clock)
    instance.databases.append(app.extensions["paivand"].database)
    return app


@pytest.fixture(scope="session")
def lived_in(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with a text that waits and one that was admitted; never changed."""
    folder = tmp_path_factory.mktemp("lived")
    made = Instance(folder, template, template.store.copy(template.url, folder))
    app = made.app(state=None)
    Source(app).write(TEXT, reply="yes")
    Member(app, made, "Nigora").sign_in()
    Source(app).write("Another one, not taken in yet.")
    for database in made.databases:
        database.close()
    yield made.url
    template.store.drop(made.url)


@pytest.fixture
def lived(lived_in: str, template: Template, tmp_path: Path) -> Iterator[Instance]:
    """One test's own copy."""
    made = Instance(tmp_path, template, template.store.copy(lived_in, tmp_path))
    made.clock.forward(minutes=5)  # every code that was used is older
    yield made
    for database in made.databases:
        database.close()
    template.store.drop(made.url)


@pytest.fixture
def empty(store: Store, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Return the addresses of new databases, of the same kind."""
    made: list[str] = []

    def make() -> str:
        folder = tmp_path / uuid4().hex
        folder.mkdir()
        made.append(store.create(folder))
        return made[-1]

    yield make
    for url in made:
        store.drop(url)


# --- the drill


def story(instance: Instance) -> tuple[str, int]:
    """Let a source write, a case and a signed finding come about, and a letter wait in the mailbox; return code and rows of `check`."""
    ruth, _ = instance.actor("Ruth")
    with instance.database().write() as session:
        import_published(session, ruth, published(), now=instance.clock.now)
    instance.clock.forward(minutes=1)
    world = World(instance, instance.database())
    world.confirm()
    world.report(accepted_by="Nigora", written_by="Timur")
    app = instance.app(state=None)
    source, nigora, timur = Source(app), Member(app, instance, "Nigora"), Member(app, instance, "Timur")
    instance.clock.forward(minutes=1)
    code = source.write(TEXT, reply="yes")
    nigora.sign_in()
    nigora.get("/desk/queue/new")
    nigora.open_first()
    assert TEXT in nigora.page.text
    nigora.press("/claim")
    nigora.press("/messages", message=LETTER)
    timur.sign_in()
    timur.get("/desk/messages")
    timur.press("/release")
    assert LETTER in source.open_mailbox(code).text
    with instance.database().read() as session:
        done = check_as_team(session, world.actor("Ruth"))
    assert done.faults == ()
    return code, done.rows


def test_the_restore_drill(instance: Instance, empty: Callable[[], str]) -> None:
    """As docs/operate.md §13 says it: backup, three shares elsewhere, 24 words, restore, check, sign in, and a source's code."""
    code, rows = story(instance)
    file, secret, url = instance.folder / "2026-W48.backup", instance.folder / "server.secret", empty()
    secret.write_text(SERVER_SECRET.hex())
    secret.chmod(0o400)

    made = run("backup", str(file), **variables(instance), PAIVAND_SERVER_SECRET_FILE=str(secret))
    assert made.returncode == 0, made.stderr
    said, *head = made.stdout.splitlines(keepends=True)
    found = re.match(r"backup ([0-9a-f-]{36}): ([0-9]+) bytes, with the server secret", said)
    assert found is not None
    assert int(found[2]) == file.stat().st_size
    assert "".join(head) == write_head(head_of(instance))

    opened = run("backup-key", str(file), typed=instance.template.shares[2:], PAIVAND_ROOT=instance.root.hex())
    assert opened.returncode == 0, opened.stderr
    assert "must NOT be the server" in opened.stderr
    assert found[1] in opened.stderr
    words = opened.stdout.split()
    assert len(words) == 24

    head_file, copy = instance.folder / "head.txt", instance.folder / "new" / "server.secret"
    head_file.write_text("".join(head))
    copy.parent.mkdir()
    settings = {**variables(instance, url), "PAIVAND_SERVER_SECRET_FILE": str(copy)}
    restored = run("restore", str(file), "--head", str(head_file), typed=[" ".join(words)], **settings)
    assert restored.returncode == 0, restored.stderr
    assert restored.stdout.splitlines()[-1].startswith(f"ACCEPT: {head_of(instance).size} entries")
    assert f"restored backup {found[1]} of " in restored.stdout
    assert "ROLLBACK" not in restored.stdout
    assert (copy.read_text(), copy.stat().st_mode & 0o777) == (SERVER_SECRET.hex() + "\n", 0o400)
    for output in (made, opened, restored):
        assert SERVER_SECRET.hex() not in output.stdout + output.stderr
        assert TEXT not in output.stdout + output.stderr

    database, ruth = sign_in(instance, url, "Ruth")
    with database.read() as session:
        done = check_as_team(session, ruth)
    assert (done.faults, done.rows) == ((), rows)
    assert done.findings == 1
    database, edda = sign_in(instance, url, "Edda")
    with database.read() as session:
        audited = check_as_auditor(session, edda)
    assert audited.faults == ()
    assert audited.entries > head_of(instance).size

    app = serve(instance, url)
    source, nigora = Source(app), Member(app, instance, "Nigora")
    assert LETTER in source.open_mailbox(code).text
    source.press("/f", ("do", "add"), text="On Sunday.")
    nigora.sign_in()
    nigora.get("/desk/queue")
    assert "Damaged" not in nigora.page.text
    nigora.open_first()
    assert TEXT in nigora.page.text
    assert "On Sunday." in nigora.page.text


def test_every_row_comes_back(lived: Instance, empty: Callable[[], str]) -> None:
    """Table by table the same bytes; only what lives for minutes and hours stays behind."""
    before, url = counts(lived.url), empty()
    assert {name for name in backup.LEFT_OUT if before[name]} == set(backup.LEFT_OUT)

    done = put_back(lived, take(lived), url)

    after = counts(url)
    assert after == {name: 0 if name in backup.LEFT_OUT else before[name] for name in before}
    assert done.rows == sum(after.values())
    again = lived.folder / "again.backup"
    with closing_database(url) as database:
        backup.back_up(database, lived.root, again, server_secret=SERVER_SECRET, now=lived.clock.now)
    assert records_of(lived, again) == records_of(lived, lived.folder / "one.backup")


def test_nobody_is_signed_in_after_a_restore(lived: Instance, empty: Callable[[], str]) -> None:
    """A cookie from before opens nothing: its session is not in the backup."""
    url, held = empty(), lived.actor("Ruth")
    put_back(lived, take(lived), url)

    with closing_database(url) as database, database.read() as session:
        assert session.get(MemberSession, held[1]) is None


def test_rows_are_in_one_order(lived: Instance) -> None:
    """By primary key: which one was stored first does not show."""
    contents, rows = records_of(lived, take(lived))
    names = list(contents.tables)
    found = [vault.decode_row(row) for row in rows]

    places = [place for place, _ in found]
    assert places == sorted(places)
    for name in names:
        table, columns = METADATA.tables[name], contents.tables[name].columns
        keys = [
            tuple(values[columns.index(column.name)] for column in table.primary_key) for place, values in found if names[place] == name
        ]
        ordered = sorted(keys, key=lambda key: [value.encode() if isinstance(value, str) else value for value in key])
        assert keys == ordered, name
    assert names == HELD


def test_every_column_has_a_type_of_the_page(instance: Instance) -> None:
    """As the database itself has it; another type would need a new line in docs/formats.md §12."""
    with instance.database().read() as session:
        tables = backup._tables(session, left_out=frozenset())

    assert [table.name for table in tables] == ALL_TABLES
    assert {column.type.python_type for table in tables for column in table.columns} == {int, str, bytes, UUID}
    for table in tables:
        known = {column.name: column.type.python_type for column in METADATA.tables[table.name].columns}
        assert {name: kind for name, kind in known.items() if name != "state"} == {
            column.name: column.type.python_type for column in table.columns if column.name != "state"
        }


def test_a_backup_is_one_moment(lived: Instance, empty: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written while it runs is not in it, also where rows are stored anew meanwhile; and nobody waits for it."""
    true, begun = vault.encode_row, list[threading.Thread]()

    def write_meanwhile(place: int, values: Any) -> bytes:
        if not begun:
            begun.append(threading.Thread(target=meanwhile))
            begun[0].start()
            wrote.wait(60)
        return true(place, values)

    wrote = threading.Event()

    def meanwhile() -> None:
        with closing_database(lived.url) as database:
            with database.insert() as session:
                session.add(Report(id=uuid4(), week="2026-W48", body=b"meanwhile"))
            wrote.set()
            with suppress(BusyError):  # on PostgreSQL it waits for the backup
                database.shuffle()

    before, url = counts(lived.url), empty()
    monkeypatch.setattr(vault, "encode_row", write_meanwhile)
    file = take(lived)
    begun[0].join(60)

    put_back(lived, file, url)

    assert counts(lived.url)["report"] == before["report"] + 1
    assert counts(url)["report"] == before["report"]
    assert counts(url)["key_wrap"] == before["key_wrap"]


# --- the file


def test_the_file_is_there_whole_or_not_at_all(lived: Instance) -> None:
    """For its owner only; never in the place of another file; nothing is left of an attempt that failed."""
    file = take(lived)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in lived.folder.glob("*.backup*")] == ["one.backup"]

    with pytest.raises(BackupError, match="exists already"):
        take(lived)
    answer = run("backup", str(file), **variables(lived))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == f"paivand: {file} exists already; a backup never replaces another\n"
    with pytest.raises(BackupError, match="No such file"):
        take(lived, "nowhere/one.backup")


def test_what_could_not_be_restored_is_not_backed_up(lived: Instance) -> None:
    """A ledger that does not come out, and a keyring that somebody has gone on with: it would be sealed to their own recovery key."""
    chain = ChainKeeper(lived.database(), lived.root).current()
    theirs = from_jcs(chain.signed[0].body)
    theirs |= {"epoch": 2, "previous": chain.newest.digest.hex()}
    theirs["recovery"] = {**theirs["recovery"], "kem": to_b64(STRANGER.kem.public)}
    planted = signed(to_jcs(theirs), STRANGER)
    lived.sql("INSERT INTO manifest (epoch, body, signatures) VALUES (2, ?, ?)", planted.body, planted.signatures)
    with pytest.raises(ManifestError):
        take(lived)
    lived.sql("DELETE FROM manifest WHERE epoch = 2")
    lived.sql("UPDATE ledger_head SET root = ?", bytes(32))
    with pytest.raises(BackupError, match="does not verify, so a backup of it could not be restored: the stored head says"):
        take(lived)

    assert not list(lived.folder.glob("*.backup*"))


KILLED: Final = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from sqlalchemy import event
from app import backup
from app.store import migrate
from app.store.database import Database
from app.vault import backup as vault

what, at, url, root, file, key = sys.argv[1:]
module, _, name = what.rpartition(".")
holder = {"backup": backup, "migrate": migrate, "vault": vault, "os": os}[module]
true, calls = getattr(holder, name), []

def deadly(*arguments, **options):
    calls.append(name)
    if len(calls) == int(at):
        os.kill(os.getpid(), signal.SIGKILL)
    return true(*arguments, **options)

setattr(holder, name, deadly)
backup._BATCH_ROWS = 4
if key:
    backup.restore(Database(url), bytes.fromhex(root), Path(file), bytes.fromhex(key), keep_secret=lambda secret: None)
else:
    backup.back_up(Database(url), bytes.fromhex(root), Path(file), server_secret=None, now=datetime(2026, 11, 24, tzinfo=UTC))
"""


def killed_at(what: str, at: int, url: str, instance: Instance, file: Path, key: str = "") -> None:
    """Begin a backup or a restore in a process that is killed when it comes to a step for the n-th time."""
    command = [sys.executable, "-c", KILLED, what, str(at), url, instance.root.hex(), str(file), key]
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=120).returncode == -signal.SIGKILL


def test_a_killed_backup_leaves_no_file(lived: Instance) -> None:
    """What is left of it has another name, and the next backup says what to do with that."""
    file = lived.folder / "one.backup"
    for what, at in (("backup._write", 1), ("vault.encode_row", 1), ("vault.encode_row", 30), ("os.fsync", 1)):
        killed_at(what, at, lived.url, lived, file)

        assert not file.exists(), what
        with pytest.raises(BackupError, match="then delete it"):
            take(lived)
        file.with_name("one.backup.part").unlink()
    take(lived)


KILLS: Final = [
    ("migrate.upgrade", 1),
    ("backup._fill", 1),
    ("backup._insert", 1),
    ("backup._insert", 2),
    ("backup._insert", 9),
    ("backup._check_rows", 1),
    ("backup.verify", 1),
    ("backup._is_theirs", 1),
]


def test_a_killed_restore_leaves_the_database_empty(lived: Instance, empty: Callable[[], str]) -> None:
    """At any step; and then it is run again."""
    file, url = take(lived), empty()
    key = key_of(lived, file)
    for what, at in KILLS:
        killed_at(what, at, url, lived, file, key.hex())

        assert is_empty(url), what
    put_back(lived, file, url)
    assert counts(url)["report"] == 2


def test_a_restore_that_was_killed_at_any_moment_is_nothing_or_whole(lived: Instance, empty: Callable[[], str]) -> None:
    """By a kill from outside, at eight moments that nobody chose."""
    file, seconds = take(lived), 0.0
    key, whole = key_of(lived, file), sum(table.rows for table in records_of(lived, file)[0].tables.values())
    for step in range(9):
        url, begun = empty(), time.monotonic()
        command = [sys.executable, "-c", KILLED, "backup.restore", "99", url, lived.root.hex(), str(file), key.hex()]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds * step / 9 if step else 60)
        process.kill()
        process.wait(60)
        seconds = seconds or time.monotonic() - begun
        found = sum(counts(url).values())
        assert found in ({0, whole} if step else {whole})
        if not found:
            put_back(lived, file, url)


# --- what is refused


def refused_and_empty(instance: Instance, file: Path, key: bytes, url: str, says: str = "not whole", about: str = "") -> None:
    """A backup is refused in one way, and no row of it stays."""
    caught: BackupError | None = None
    with closing_database(url) as database:
        try:
            backup.restore(database, instance.root, file, key)
        except BackupError as error:
            caught = error
    assert says in str(caught), about
    assert caught is not None
    assert caught.__cause__ is None
    assert is_empty(url), about


def test_wrong_words_restore_nothing(lived: Instance, empty: Callable[[], str]) -> None:
    """Those of another backup of the same instance; in one line, and nothing of what was typed comes back."""
    file, other, url = take(lived), take(lived, "two.backup"), empty()
    refused_and_empty(lived, file, key_of(lived, other), url)

    words = " ".join(vault.to_words(key_of(lived, other)))
    answer = run("restore", str(file), typed=[words], **variables(lived, url))

    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.splitlines()[-1] == "paivand: the words do not open this file, or the file is not whole; nothing was restored"
    assert "Traceback" not in answer.stderr
    assert words.split()[0] not in answer.stderr


def test_slips_in_the_words_are_asked_again(lived: Instance, empty: Callable[[], str]) -> None:
    """Twice; then it ends."""
    file, url = take(lived), empty()
    words = vault.to_words(key_of(lived, file))
    slips = [" ".join(words[:-1]), " ".join([words[1], words[0], *words[2:]])]

    ended = run("restore", str(file), typed=[*slips, "no"], **variables(lived, url))
    assert ended.returncode == 1
    assert ended.stderr.count("A word is missing, too many, or another one.") == 3
    assert is_empty(url)

    done = run("restore", str(file), typed=[*slips, " ".join(words)], **variables(lived, url))
    assert done.returncode == 0, done.stderr


def test_a_changed_bit_restores_nothing(lived: Instance, empty: Callable[[], str]) -> None:
    """Wherever it is in what the words open; tests/vault/test_backup.py tries every region of the key's seal."""
    file, url = take(lived), empty()
    key, good = key_of(lived, file), file.read_bytes()
    for at in (3, 20, 1687, 1687 + 20_000, 1687 + 70_000, len(good) - 200_000, len(good) - 1):
        file.write_bytes(flipped(good, 8 * at))

        refused_and_empty(lived, file, key, url)


def test_a_cut_or_lengthened_file_restores_nothing(lived: Instance, empty: Callable[[], str]) -> None:
    """By a byte, by a chunk, down to nothing; also where all rows are in what is left."""
    file, url = take(lived), empty()
    key, raw = key_of(lived, file), file.read_bytes()
    chunk = vault.CHUNK + 16
    for changed in (raw[:-1], raw[:-chunk], raw[: 1687 + 15 * chunk], raw[:1687], raw[:100], b"", raw + b"\0", raw + raw[-chunk:]):
        file.write_bytes(changed)
        refused_and_empty(lived, file, key, url)


def test_chunks_of_another_backup_restore_nothing(lived: Instance, empty: Callable[[], str]) -> None:
    """Swapped one by one, or all of them under the header of the other."""
    one, two, url = take(lived), take(lived, "two.backup"), empty()
    key, mine, other = key_of(lived, one), one.read_bytes(), two.read_bytes()
    chunk = vault.CHUNK + 16
    for at in (0, 1, 15):
        begin, end = 1687 + at * chunk, 1687 + (at + 1) * chunk
        one.write_bytes(mine[:begin] + other[begin:end] + mine[end:])
        refused_and_empty(lived, one, key, url)
    one.write_bytes(mine[:1687] + other[1687:])
    refused_and_empty(lived, one, key, url)
    refused_and_empty(lived, one, key_of(lived, two), url)


def test_a_backup_of_another_root_is_refused(lived: Instance, empty: Callable[[], str]) -> None:
    """The root is pinned where it is restored, and never read from the file."""
    file, url = take(lived), empty()
    with closing_database(url) as database, pytest.raises(BackupError):
        backup.restore(database, bytes(32), file, key_of(lived, file))
    assert is_empty(url)
    other = {**variables(lived, url), "PAIVAND_ROOT": "0" * 64}
    assert run("restore", str(file), typed=[" ".join(vault.to_words(key_of(lived, file)))], **other).returncode == 2
    with pytest.raises(ManifestError):
        backup.back_up(lived.database(), bytes(32), lived.folder / "two.backup", server_secret=None, now=lived.clock.now)
    assert not list(lived.folder.glob("two.backup*"))


def test_a_database_in_use_is_not_overwritten(lived: Instance) -> None:
    """Before the words are asked for."""
    file = take(lived)
    before = counts(lived.url)

    answer = run("restore", str(file), **variables(lived))

    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "paivand: the database is not empty: a backup is restored into a new one only\n"
    with pytest.raises(BackupError, match="not empty"):
        put_back(lived, file, lived.url)
    assert counts(lived.url) == before


def test_a_database_with_one_row_is_in_use(lived: Instance, empty: Callable[[], str]) -> None:
    """Also where it was never founded: an intake that remembers its keyring can have written."""
    url = empty()
    with closing_database(url) as database:
        migrate.upgrade(database)
        with database.insert() as session:
            session.add(Report(id=uuid4(), week="2026-W48", body=b"x"))

    with pytest.raises(BackupError, match="not empty"):
        put_back(lived, take(lived), url)


def test_a_database_in_use_is_not_taken_back_to_an_older_schema(lived: Instance) -> None:
    """That would empty its tables before anything is restored."""
    migrate.downgrade(lived.database(), "0002")
    file = take(lived)
    migrate.upgrade(lived.database())
    before = counts(lived.url)

    with pytest.raises(BackupError, match="not empty"):
        put_back(lived, file, lived.url)

    assert counts(lived.url) == before


def test_a_row_that_comes_just_before_is_not_mixed_in(lived: Instance, empty: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Emptiness is looked at again inside the transaction."""
    true, file, url = backup._prepare, take(lived), empty()

    def prepare_and_write(database: Database, revision: str) -> None:
        true(database, revision)
        with database.insert() as session:
            session.add(Report(id=uuid4(), week="2026-W48", body=b"just before"))

    monkeypatch.setattr(backup, "_prepare", prepare_and_write)

    with pytest.raises(BackupError, match="not empty"):
        put_back(lived, file, url)
    assert counts(url) == {**dict.fromkeys(ALL_TABLES, 0), "report": 1}


Lie = Callable[[Contents, list[bytes]], tuple[Contents, list[bytes]]]


def _row_of(contents: Contents, rows: list[bytes], table: str) -> int:
    """Return where the first row of a table is."""
    place = list(contents.tables).index(table)
    return next(at for at, row in enumerate(rows) if row[0] == place)


def _changed_row(table: str, column: str, value: Any) -> Lie:
    def lie(contents: Contents, rows: list[bytes]) -> tuple[Contents, list[bytes]]:
        at, number = _row_of(contents, rows, table), contents.tables[table].columns.index(column)
        place, values = vault.decode_row(rows[at])
        values[number] = value
        return contents, [*rows[:at], vault.encode_row(place, values), *rows[at + 1 :]]

    return lie


def _recounted(contents: Contents, table: str, by: int) -> Contents:
    held = contents.tables[table]
    return replace(contents, tables={**contents.tables, table: replace(held, rows=held.rows + by)})


def _without(table: str, *, counted: bool) -> Lie:
    def lie(contents: Contents, rows: list[bytes]) -> tuple[Contents, list[bytes]]:
        at = _row_of(contents, rows, table)
        return _recounted(contents, table, -1 if counted else 0), [*rows[:at], *rows[at + 1 :]]

    return lie


def _twice(contents: Contents, rows: list[bytes]) -> tuple[Contents, list[bytes]]:
    at = _row_of(contents, rows, "key_wrap")
    return _recounted(contents, "key_wrap", 1), [*rows[: at + 1], *rows[at:]]


def _renamed(contents: Contents, rows: list[bytes]) -> tuple[Contents, list[bytes]]:
    tables = {("reporx" if name == "report" else name): table for name, table in contents.tables.items()}
    return replace(contents, tables=tables), rows


def _other_columns(contents: Contents, rows: list[bytes]) -> tuple[Contents, list[bytes]]:
    held = contents.tables["member"]
    return replace(contents, tables={**contents.tables, "member": replace(held, columns=(*held.columns[:-1], "publix"))}), rows


def _short_row(contents: Contents, rows: list[bytes]) -> tuple[Contents, list[bytes]]:
    place, values = vault.decode_row(rows[-1])
    return contents, [*rows[:-1], vault.encode_row(place, values[:-1])]


LIES: Final[dict[str, Lie]] = {
    "another head": lambda contents, rows: (replace(contents, head_root=bytes(32)), rows),
    "another size": lambda contents, rows: (replace(contents, head_size=contents.head_size + 1), rows),
    "another origin": lambda contents, rows: (replace(contents, head_origin="log.example/2"), rows),
    "another manifest": lambda contents, rows: (replace(contents, manifest=2), rows),
    "another root": lambda contents, rows: (replace(contents, root=bytes(32)), rows),
    "a server secret that no account was made with": lambda contents, rows: (replace(contents, server_secret=bytes(32)), rows),
    "an entry left out": _without("ledger_entry", counted=True),
    "the head left out": _without("ledger_head", counted=True),
    "the manifest left out": _without("manifest", counted=True),
    "a row left out and counted": _without("report", counted=False),
    "a row twice": _twice,
    "another leaf": _changed_row("ledger_entry", "leaf", b"x"),
    "another manifest body": _changed_row("manifest", "body", b"{}"),
    "a text in the place of bytes": _changed_row("report", "body", "text"),
    "a number in the place of an id": _changed_row("report", "id", 7),
    "null where there must be something": _changed_row("report", "week", None),
    "a week that the schema refuses": _changed_row("report", "week", "2026"),
    "a state that there is not": _changed_row("report", "state", "x"),
    "a table that there is not": _renamed,
    "a column that there is not": _other_columns,
    "a row that is too short": _short_row,
    "a row of no table": lambda contents, rows: (contents, [*rows, b"\xc8\0"]),
}


def test_what_does_not_fit_together_is_refused(lived: Instance, empty: Callable[[], str]) -> None:
    """Whoever knows the recovery key's public half can seal a file: it counts only where rows, head and manifests fit the pinned root."""
    truth, file, url = records_of(lived, take(lived)), lived.folder / "forged.backup", empty()
    for name, lie in LIES.items():
        contents, rows = lie(*truth)

        key = forge(lived, file, contents.encode(), rows)

        refused_and_empty(lived, file, key, url, about=name)


@pytest.mark.only_on("postgresql")
@pytest.mark.parametrize(("table", "column", "value"), [("key_wrap", "version", 2**53 - 1), ("key_wrap", "record", "a\0b")])
def test_what_only_sqlite_can_hold_is_refused(lived: Instance, empty: Callable[[], str], table: str, column: str, value: int | str) -> None:
    """In the same words: a number beyond PostgreSQL's, a text with a zero."""
    contents, rows = _changed_row(table, column, value)(*records_of(lived, take(lived)))
    file = lived.folder / "forged.backup"

    key = forge(lived, file, contents.encode(), rows)

    refused_and_empty(lived, file, key, empty())


@pytest.mark.only_on("postgresql")
def test_a_backup_moves_between_the_two_databases(lived: Instance, tmp_path: Path, empty: Callable[[], str]) -> None:
    """From PostgreSQL to SQLite and back: the same records, byte for byte, each time; and people work on."""
    file = take(lived)
    before = records_of(lived, file)
    for at, url in enumerate((SqliteStore().create(tmp_path), empty())):
        put_back(lived, file, url)
        file = lived.folder / f"moved-{at}.backup"
        with closing_database(url) as database:
            backup.back_up(database, lived.root, file, server_secret=SERVER_SECRET, now=lived.clock.now)
        assert records_of(lived, file) == before
        lived.clock.forward(minutes=1)
        database, ruth = sign_in(lived, url, "Ruth")
        with database.read() as session:
            assert check_as_team(session, ruth).faults == ()


@pytest.mark.only_on("postgresql")
def test_rows_stored_anew_meanwhile_are_not_missed(lived: Instance, empty: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL shows an emptied table as empty to whoever looked before: `sweep` has to wait for the backup, from its first look on."""
    true, file, url = backup._chain, lived.folder / "one.backup", empty()

    def sweep_first(*arguments: Any) -> Any:
        with closing_database(lived.url) as database, pytest.raises(BusyError):
            database.shuffle()
        return true(*arguments)

    monkeypatch.setattr(backup, "_chain", sweep_first)
    take(lived)
    monkeypatch.undo()

    put_back(lived, file, url)
    assert counts(url)["report"] == 2


@pytest.mark.only_on("postgresql")
def test_a_restore_gives_the_roles_what_they_need(lived: Instance, empty: Callable[[], str]) -> None:
    """The tables are new ones: rights on the old ones do not count for them."""
    with lived.database().engine.begin() as connection:
        roles.grant_all(connection, {})
    file, url = take(lived), empty()

    done = run("restore", str(file), typed=[" ".join(vault.to_words(key_of(lived, file)))], **variables(lived, url))

    assert done.returncode == 0, done.stderr
    with closing_database(url) as database, database.engine.connect() as connection:
        allowed = text("SELECT has_any_column_privilege(:role, 'public.report', :verb)")
        may = {
            (face, verb): connection.scalar(allowed, {"role": roles.role_of(face), "verb": verb})
            for face in FACES
            for verb in ("INSERT", "SELECT")
        }
    assert {right for right, is_given in may.items() if is_given} == {("intake", "INSERT"), ("desk", "SELECT")}


def test_the_truth_in_a_sealed_file_is_taken(lived: Instance, empty: Callable[[], str]) -> None:
    """The forger above spoils nothing else."""
    contents, rows = records_of(lived, take(lived))
    file, url = lived.folder / "forged.backup", empty()

    key = forge(lived, file, contents.encode(), rows)

    with closing_database(url) as database:
        assert backup.restore(database, lived.root, file, key).rows == len(rows)


def test_a_first_record_that_is_none_is_refused(lived: Instance, empty: Callable[[], str]) -> None:
    """Rows without it, or something else in its place."""
    _, rows = records_of(lived, take(lived))
    file, url = lived.folder / "forged.backup", empty()
    for first in (b"{}", rows[0]):
        refused_and_empty(lived, file, forge(lived, file, first, rows), url)


# --- older and unknown schemas


@pytest.mark.parametrize("revision", ["0001", "0002"])
@pytest.mark.parametrize("prepared", [False, True])
def test_a_backup_of_an_older_schema_is_upgraded(lived: Instance, empty: Callable[[], str], revision: str, *, prepared: bool) -> None:
    """Taken by this program before `upgrade`, restored as it was, and then upgraded; also into a database that has today's tables."""
    migrate.downgrade(lived.database(), revision)
    file, url = take(lived), empty()
    if prepared:
        with closing_database(url) as database:
            migrate.upgrade(database)

    done = put_back(lived, file, url)

    assert done.revision == revision
    with closing_database(url) as database:
        assert migrate.is_current(database)
    database, _ = sign_in(lived, url, "Edda")
    assert counts(url)["report"] == 2


def test_a_restore_that_was_cut_before_its_upgrade_is_ended_by_it(lived: Instance, empty: Callable[[], str]) -> None:
    """Everything is there, in the older schema."""
    migrate.downgrade(lived.database(), "0002")
    file, url = take(lived), empty()

    killed_at("migrate.upgrade", 2, url, lived, file, key_of(lived, file).hex())
    upgraded = run("upgrade", **variables(lived, url))

    assert upgraded.stdout == f"schema {migrate.newest()}\n"
    assert counts(url)["report"] == 2


def test_an_unknown_schema_is_refused(lived: Instance, empty: Callable[[], str]) -> None:
    """Of a newer program: neither taken nor restored."""
    contents, rows = records_of(lived, take(lived))
    file = lived.folder / "newer.backup"
    key = forge(lived, file, replace(contents, revision="9999").encode(), rows)
    refused_and_empty(lived, file, key, empty(), says="newer program")

    with lived.database().engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrate.OtherVersionError):
        take(lived, "two.backup")
    with closing_database(empty()) as database, pytest.raises(BackupError, match="no instance"):
        backup.back_up(database, lived.root, file.with_name("x"), server_secret=None, now=lived.clock.now)


# --- an older backup


def test_an_older_backup_says_so(lived: Instance, empty: Callable[[], str]) -> None:
    """Against a head that was written down since; it is restored only where that is accepted, and says it all the same."""
    file, url, head = take(lived), empty(), lived.folder / "head.txt"
    lived.actor("Edda")  # an auditor's sign-in is an entry
    head.write_text(write_head(head_of(lived)))
    size, words = head_of(lived).size, [" ".join(vault.to_words(key_of(lived, file)))]
    says = f"ROLLBACK: the earlier head has {size} entries, the ledger in this backup only {size - 1}"

    answer = run("restore", str(file), "--head", str(head), typed=words, **variables(lived, url))

    assert answer.returncode == 1
    assert answer.stdout.startswith(says)
    assert is_empty(url)
    accepted = run("restore", str(file), "--head", str(head), "--accept-rollback", typed=words, **variables(lived, url))
    assert accepted.returncode == 0, accepted.stderr
    assert says in accepted.stdout.splitlines()
    assert counts(url)["report"] == 2
    with closing_database(empty()) as database, pytest.raises(RollbackError):
        backup.restore(database, lived.root, file, key_of(lived, file), earlier=head_of(lived))


def test_a_head_that_the_backup_contains_is_held(lived: Instance, empty: Callable[[], str]) -> None:
    """An earlier one, and its own."""
    earlier = head_of(lived)
    lived.actor("Edda")
    file = take(lived)

    for head in (earlier, head_of(lived), Head(earlier.origin, 0, bytes.fromhex(EMPTY))):
        assert put_back(lived, file, empty(), earlier=head).head == head_of(lived)


EMPTY: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_forked_or_foreign_ledger_is_never_restored(lived: Instance, empty: Callable[[], str]) -> None:
    """Not even where a rollback is accepted."""
    file, url, head = take(lived), empty(), head_of(lived)
    for earlier, says in ((replace(head, root=bytes(32)), "FORK"), (replace(head, origin="log.example/2"), "another ledger")):
        with pytest.raises(BackupError, match=says):
            put_back(lived, file, url, earlier=earlier, accept_rollback=True)
        assert is_empty(url)


def test_what_is_no_head_is_refused_before_anything_is_asked(lived: Instance, empty: Callable[[], str]) -> None:
    """In one line."""
    head = lived.folder / "head.txt"
    head.write_text("not a head\n")

    answer = run("restore", str(take(lived)), "--head", str(head), **variables(lived, empty()))

    assert answer.returncode == 2
    assert "is not a head" in answer.stderr


# --- the server secret


def test_the_server_secret_comes_back_once(lived: Instance, empty: Callable[[], str]) -> None:
    """The same file stays; another one stops the restore; without a place for it, it is not written."""
    file, there = take(lived), lived.folder / "there.secret"
    there.write_text(SERVER_SECRET.hex())
    there.chmod(0o400)
    words = [" ".join(vault.to_words(key_of(lived, file)))]

    same = run("restore", str(file), typed=words, **variables(lived, empty()), PAIVAND_SERVER_SECRET_FILE=str(there))
    assert same.returncode == 0, same.stderr
    none = run("restore", str(file), typed=words, **variables(lived, empty()))
    assert none.returncode == 0, none.stderr
    there.chmod(0o600)
    there.write_text("ab" * 32)
    url = empty()
    other = run("restore", str(file), typed=words, **variables(lived, url), PAIVAND_SERVER_SECRET_FILE=str(there))
    assert other.returncode == 2
    assert "another secret than the backup" in other.stderr
    assert is_empty(url)
    nowhere = lived.folder / "nowhere" / "server.secret"
    unwritten = run("restore", str(file), typed=words, **variables(lived, url), PAIVAND_SERVER_SECRET_FILE=str(nowhere))
    assert unwritten.returncode == 2
    assert "cannot be written" in unwritten.stderr
    assert is_empty(url)


def test_a_backup_without_the_server_secret(lived: Instance, empty: Callable[[], str]) -> None:
    """The operator may leave it out; nothing is written then, and it says so."""
    made = run("backup", str(lived.folder / "one.backup"), **variables(lived))
    assert "without the server secret" in made.stdout
    kept: list[bytes] = []

    put_back(lived, lived.folder / "one.backup", empty(), keep_secret=kept.append)

    assert kept == []
    assert records_of(lived, lived.folder / "one.backup")[0].server_secret is None


def test_a_foreign_server_secret_is_not_taken_along(lived: Instance) -> None:
    """It would be found out on the day of the restore."""
    with pytest.raises(BackupError, match="not the secret"):
        take(lived, secret=bytes(32))
    assert not list(lived.folder.glob("*.backup*"))


# --- shares


def test_shares_are_typed_where_there_is_no_database(lived: Instance) -> None:
    """`backup-key` needs the root and the file, and prints words that open this one backup."""
    file, other = take(lived), take(lived, "two.backup")
    shares, root = lived.template.shares, lived.root.hex()

    opened = run("backup-key", str(file), typed=[shares[0], f"{shares[1]} x", shares[1].upper(), shares[4]], PAIVAND_ROOT=root)

    assert opened.returncode == 0, opened.stderr
    assert vault.read_words(opened.stdout) == key_of(lived, file) != key_of(lived, other)
    assert opened.stderr.startswith("This machine must NOT be the server")
    assert opened.stderr.count("A word is missing") == 1
    assert shares[0] not in opened.stderr + opened.stdout


def test_two_shares_open_nothing(lived: Instance) -> None:
    """Nor one of them twice, nor three of a stranger, nor three under another root, nor what is no backup."""
    file, shares, root = take(lived), list(lived.template.shares), lived.root.hex()
    twice = run("backup-key", str(file), typed=[shares[0], shares[1], shares[1]], PAIVAND_ROOT=root)
    assert (twice.returncode, twice.stdout) == (1, "")
    assert "given twice" in twice.stderr
    other = run("backup-key", str(file), typed=shares[:3], PAIVAND_ROOT="0" * 64)
    assert (other.returncode, other.stdout) == (1, "")
    no_root = run("backup-key", str(file), typed=shares[:3])
    assert "PAIVAND_ROOT is not set" in no_root.stderr
    file.write_bytes(b"no backup")
    none = run("backup-key", str(file), typed=shares[:3], PAIVAND_ROOT=root)
    assert (none.returncode, none.stdout) == (1, "")
    assert "is not a backup" in none.stderr


def test_words_open_one_backup_only(lived: Instance) -> None:
    """And nothing that is sealed to the recovery key."""
    one, two = take(lived), take(lived, "two.backup")
    with two.open("rb") as stream:
        header = Header.read(stream)
        refused(lambda: list(vault.read_records(stream, key_of(lived, one), header.id, root=lived.root)))
    refused(vault.open_key, header, KemKeys.from_seed(key_of(lived, one)), root=lived.root)


# --- what the keeper of backups learns


def test_a_backup_tells_its_size_class_only(lived: Instance) -> None:
    """Two databases of one class give files of one length, whatever is in them."""
    before = take(lived)
    add_reports(lived, 100)
    after = take(lived, "two.backup")

    assert len(records_of(lived, after)[1]) == len(records_of(lived, before)[1]) + 100
    assert before.stat().st_size == after.stat().st_size == 1687 + 16 * (vault.CHUNK + 16)


def test_nothing_of_the_database_is_readable_in_a_backup(lived: Instance) -> None:
    """No value of any row, no name of a table, no root, no secret; nor in what the command prints, but for the head."""
    contents, rows = records_of(lived, take(lived))
    raw = (lived.folder / "one.backup").read_bytes()
    values = {value for row in rows for value in vault.decode_row(row)[1] if not isinstance(value, int | None)}
    texts = {str(value) for value in values if isinstance(value, str | UUID)} | {TEXT, contents.head_origin, lived.root.hex(), "alembic"}
    sought = {value.bytes if isinstance(value, UUID) else value for value in values if isinstance(value, bytes | UUID)}
    sought |= {text.encode() for text in {*texts, *ALL_TABLES}}
    found = [value for value in sought if len(value) > 3 and value in raw]

    assert len(values) > 90
    assert found == []
    assert lived.root not in raw
    assert SERVER_SECRET not in raw


# --- size


MEASURED: Final = """
import sys
from pathlib import Path
from app.__main__ import main
try:
    main(sys.argv[1:], standalone_mode=False)
except SystemExit as ended:
    assert not ended.code, ended.code
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def peak(*words: str, typed: str = "", **variables: str) -> int:
    """Run a command in a process of its own and return how many KiB of memory it held at most."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PAIVAND_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURED, *words],
        env={**environment, **variables},
        cwd=ROOT,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1])


def add_reports(instance: Instance, count: int, *, body: int = 4178, work: int = 0) -> None:
    """Add rows as long as a report's; nothing in them is one."""
    for at in range(0, count, 500):
        rows = [
            {
                "id": uuid4(),
                "week": "2026-W48",
                "body": os.urandom(body),
                "state": "waiting",
                "version": 0,
                "work": os.urandom(work) or None,
            }
            for _ in range(at, min(at + 500, count))
        ]
        with instance.database().insert() as session:
            session.execute(insert(Report), rows)


@pytest.mark.parametrize(("count", "body", "work", "kib"), [(20_000, 4178, 0, 20_000), (600, 65_618, 262_226, 100_000)])
def test_memory_does_not_grow_with_the_database(
    lived: Instance, empty: Callable[[], str], count: int, body: int, work: int, kib: int
) -> None:
    """Neither rows nor file are ever in memory as a whole: twenty thousand short ones, and some of the largest there can be."""
    small, large, url = lived.folder / "small.backup", lived.folder / "large.backup", empty()
    little = peak("backup", str(small), **variables(lived))
    words = " ".join(vault.to_words(key_of(lived, small)))
    little_back = peak("restore", str(small), typed=f"{words}\n", **variables(lived, empty()))
    add_reports(lived, count, body=body, work=work)

    much = peak("backup", str(large), **variables(lived))
    words = " ".join(vault.to_words(key_of(lived, large)))
    much_back = peak("restore", str(large), typed=f"{words}\n", **variables(lived, url))

    assert large.stat().st_size > count * (body + work)
    assert counts(url)["report"] == count + 2
    assert much - little < kib
    assert much_back - little_back < kib
