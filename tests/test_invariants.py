"""What must never happen (docs/threat-model.md): each test fails when the claim breaks."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from shamir_mnemonic import MnemonicError, combine_mnemonics
from sqlalchemy import select

from app.demo.writer import write_report
from app.errors import ManifestError, SealError, SignInError
from app.members import sessions
from app.members.chain import ChainKeeper
from app.members.passphrase import code_at
from app.store.cases import CaseState, FindingState
from app.store.database import METADATA
from app.store.keys import KeyWrap, ManifestRow, Member
from app.store.ledger import LedgerHead
from app.store.reports import Report, ReportState
from app.vault import envelope, hpke, keyring, manifest
from app.vault.encoding import Context, from_b64, from_jcs
from app.vault.hpke import KemKeys
from app.vault.mailbox import body_context, read_body
from app.vault.recovery import keys_of
from tests.conftest import SERVER_SECRET, Instance, Source
from tests.conftest import Member as Browser

CANARY = "kanarek-Саодат-قناری"
ANSWERS: dict[str, Any] = {"danger": "soon", "reply": "yes", "who": f"{CANARY} who", "where": f"{CANARY} where", "kind": ["SEX"]}


def files_of(instance: Instance) -> dict[str, bytes]:
    """Return the bytes of every file beside an instance, and of PostgreSQL's own files of its database and write-ahead log."""
    found = {path.name: path.read_bytes() for path in instance.folder.rglob("*") if path.is_file()}
    if not instance.is_sqlite:
        with instance.edit() as sql:
            sql.run("CHECKPOINT")
            ((oid,),) = sql.rows("SELECT oid FROM pg_database WHERE datname = current_database()")
            for folder in (f"base/{oid}", "pg_wal"):
                for (name,) in sql.rows("SELECT pg_ls_dir(?)", folder):
                    ((is_folder,),) = sql.rows("SELECT (pg_stat_file(?)).isdir", f"{folder}/{name}")
                    if not is_folder:
                        ((found[f"{folder}/{name}"],),) = sql.rows("SELECT pg_read_binary_file(?)", f"{folder}/{name}")
        assert len(found) > 100
    return found


def variants(text: str) -> list[bytes]:
    """Return the ways a text could lie about; four bytes alone stand in any random file, so short names are looked for quoted."""
    if len(text) < 6:
        text = f'"{text}"'
    return [text.encode(), text.encode("utf-16-le"), urllib.parse.quote(text).encode(), text.casefold().encode()]


@pytest.fixture
def walked(instance: Instance, app: Flask) -> tuple[Instance, str]:
    """An instance in which a report went all the way, with a canary in every field a person can fill."""
    source, nigora, ruth = Source(app), Browser(app, instance, "Nigora"), Browser(app, instance, "Ruth")
    code = source.write(f"{CANARY} text", **ANSWERS)
    nigora.sign_in()
    nigora.open_first()
    nigora.press("/claim")
    nigora.press("/description", gist=f"{CANARY} gist", summary=f"{CANARY} summary", translation=f"{CANARY} translation")
    nigora.press("/notes", note=f"{CANARY} note")
    nigora.press("/messages", message=f"{CANARY} letter")
    ruth.sign_in()
    ruth.get("/desk/messages")
    ruth.press("/release")
    source.open_mailbox(code)
    source.press("/f", ("do", "add"), text=f"{CANARY} addition")
    assert source.page.status_code == 201
    nigora.get("/desk/queue")
    nigora.take_in()
    assert f"{CANARY} gist" in nigora.page.text
    return instance, code


def test_no_plaintext_at_rest(walked: tuple[Instance, str]) -> None:
    """No word, name, label, code or passphrase lies in database, WAL or state file."""
    instance, code = walked
    secrets = [CANARY, code, " ".join(code[at : at + 3] for at in range(0, 27, 3)), *instance.members]
    secrets += [member.passphrase for member in instance.members.values()]
    secrets += [member.totp for member in instance.members.values()] + list(instance.template.shares)

    for name, raw in files_of(instance).items():
        for secret in secrets:
            for needle in variants(secret):
                assert needle not in raw, f"{secret!r} in {name}"


def test_what_a_thief_learns_is_only_what_is_written_down(walked: tuple[Instance, str]) -> None:
    """Every readable value in every column is an id, a number, a week, a state or a record name."""
    instance, _ = walked
    uuid = "[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
    enums = (ReportState, CaseState, FindingState)
    states = "|".join(state.value for enum in enums for state in enum)
    letters = "handed|returned|released"
    names = "team|audit|recovery|body|row|key|secret|queue|000[0-9]"
    known = re.compile(
        rf"({uuid}|2026-W\d\d|{states}|{letters}|{names}|(report|message|batch|member|case|incident|act|person|reference|finding):{uuid}|ledger:\d+|epoch:(team|audit))"
    )
    sealed = (b"PVE\x01\x01", b"PVH\x01\x01")
    short = {"salt", "lookup", "server_secret", "id", "session_id", "tag", "address", "root", "frontier", "signature"}
    for table in METADATA.sorted_tables:
        for row in instance.rows(f'SELECT * FROM "{table.name}"'):  # noqa: S608 - our own table names
            for column, value in zip(table.columns, row, strict=True):
                match value:
                    case None | int() | UUID():
                        continue
                    case str():
                        assert known.fullmatch(value), f"{table.name}.{column.name}: {value!r}"
                    case bytes() if column.name in short or value.startswith(sealed):
                        continue
                    case bytes():
                        assert (table.name, column.name) in {
                            ("manifest", "body"),
                            ("manifest", "signatures"),
                            ("ledger_entry", "leaf"),
                        }


def test_no_column_holds_a_time_finer_than_a_week() -> None:
    """But for rows that are deleted within hours, and the ledger's month."""
    fine = {("member_session", "expires"), ("member_session", "seen"), ("lease", "expires"), ("dedupe", "hour")}
    for table in METADATA.sorted_tables:
        for column in table.columns:
            word = f"{column.type!r} {column.name}".lower()
            is_time = any(part in word for part in ("date", "time", "_at", "day", "hour", "seen", "expires"))
            assert not is_time or (table.name, column.name) in fine or table.name == "seen", f"{table.name}.{column.name}"


@pytest.mark.only_on("sqlite")
def test_no_table_of_reports_has_a_row_order(instance: Instance) -> None:
    """SQLite's rowid would tell in which order reports came."""
    tables = dict(instance.rows("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    ordered = {"ledger_entry", "ledger_head", "manifest", "alembic_version"}
    for name, sql in tables.items():
        assert ("WITHOUT ROWID" in sql) == (name not in ordered), name


def test_links_between_reports_are_not_in_clear(walked: tuple[Instance, str]) -> None:
    """Nothing readable in the row of an addition, or in its wraps, is shared with the report it belongs to."""
    instance, _ = walked
    with instance.database().read() as session:
        rows = session.scalars(select(Report)).all()
        wraps = {row.id: session.scalars(select(KeyWrap).where(KeyWrap.record == f"report:{row.id}")).all() for row in rows}
    assert len(rows) == 2
    first, second = (
        {str(value) for wrap in wraps[row.id] for value in (wrap.record, wrap.wrapper, wrap.signature) if value}
        | {str(value) for value in (row.body, row.summary, row.work, row.id)}
        for row in rows
    )
    assert not first & second


def windows(raw: bytes) -> set[bytes]:
    return {raw[at : at + 32] for at in range(max(0, len(raw) - 31))}


def held_by_intake(app: Flask, instance: Instance) -> set[bytes]:
    """Every 32-byte string in what the intake process is given, keeps or can read."""
    made = app.extensions["paivand"]
    raws = [made.config.root, made.host_secret, bytes(made.hourly_keys._memory)]
    chain = made.chain.current().newest
    raws += [chain.digest, chain.team.commit, chain.team.kem, chain.audit.commit, chain.audit.kem, chain.recovery_kem]
    raws += [key for member in chain.members.values() for key in (member.kem, member.sign)]
    state = from_jcs((instance.folder / "intake.state").read_bytes())
    raws += [from_b64(item) for item in state["manifests"] + state["signatures"]]
    return {window for raw in raws for window in windows(raw)}


def test_intake_can_open_no_report(instance: Instance) -> None:
    """A process with only the intake's environment tries every byte string it holds as a key on what it has sealed."""
    app = instance.app("intake", server_secret=None)
    Source(app).write(CANARY)
    with instance.database().read() as session:
        report = session.scalars(select(Report)).one()
        wrap = session.scalars(select(KeyWrap).where(KeyWrap.record == f"report:{report.id}")).one()
    assert report.state is ReportState.WAITING
    body = body_context(instance.root, str(report.id), 1)
    bundle = Context(instance.root, "report.bundle", str(report.id), "bundle", 1, 1)
    held = held_by_intake(app, instance)

    assert len(held) > 1000
    for key in held:
        with pytest.raises(SealError):
            envelope.unseal(report.body, key, body)
    for key in held:
        with pytest.raises(SealError):
            hpke.open_with(wrap.sealed, KemKeys.from_seed(key), bundle)

    # the right key does open it: the test could have failed
    actor, _ = instance.actor("Nigora")
    padded = keyring.open_bundle(wrap.sealed, actor.team, root=instance.root, report_id=str(report.id))
    key, _ = keyring.read_bundle(padded)
    assert read_body(instance.root, envelope.unseal(report.body, key, body)).answers["text"] == CANARY


def test_three_recovery_shares_open_everything_and_two_nothing(instance: Instance, app: Flask) -> None:
    """All passphrases may be lost."""
    Source(app).write(CANARY)
    with instance.database().read() as session:
        report = session.scalars(select(Report)).one()
        wrap = session.get_one(KeyWrap, (f"report:{report.id}", "body", 1, "team", 1))
        epoch = session.get_one(KeyWrap, ("epoch:team", "secret", 1, "recovery", 1))
    newest = ChainKeeper(instance.database(), instance.root).current().newest
    shares = list(instance.template.shares)

    with pytest.raises(MnemonicError):
        combine_mnemonics(shares[:2])
    kem, _ = keys_of(combine_mnemonics([shares[4], shares[0], shares[2]]))
    team = keyring.unwrap_epoch(epoch.sealed, kem, root=instance.root, name="team", recipient="recovery", expected=newest.team)
    padded = keyring.open_bundle(wrap.sealed, team, root=instance.root, report_id=str(report.id))
    key, _ = keyring.read_bundle(padded)
    opened = envelope.unseal(report.body, key, body_context(instance.root, str(report.id), 1))
    assert read_body(instance.root, opened).answers["text"] == CANARY


def test_a_member_that_sql_made_cannot_sign_in(instance: Instance) -> None:
    """An administrator with the database and the server secret adds an account: the manifest does not name it."""
    secret, blob = instance.server_secret, keyring.MemberBlob.new(instance.root, 1)
    kek = secret.passphrase_key("let me in", bytes(16))
    member_id = "00000000-0000-4000-8000-000000000000"
    with instance.database().write() as session:
        session.add(
            Member(
                id=member_id,
                lookup=secret.lookup("Mallory"),
                name=secret.seal_name(instance.root, member_id, "Mallory"),
                salt=bytes(16),
                server_secret=secret.id,
                blob=blob.seal(kek, member_id, 1),
            )
        )
    database = instance.database()
    with pytest.raises(SignInError):
        sessions.sign_in(
            database,
            name="Mallory",
            passphrase="let me in",
            code=instance_code(blob.totp_secret, instance),
            chain=ChainKeeper(database, instance.root).current(),
            server_secret=secret,
            host_secret=bytes(32),
            now=instance.clock.now,
        )


def instance_code(secret: bytes, instance: Instance) -> str:
    return code_at(secret, instance.clock.now)


def test_an_edited_manifest_gains_nothing(instance: Instance) -> None:
    """Roles come from the signed manifest: a changed byte stops a new process and does not move a running one."""
    database = instance.database()
    running = ChainKeeper(database, instance.root)
    assert running.current().newest.epoch == 1
    with database.write() as session:
        row = session.get_one(ManifestRow, 1)
        row.body = row.body.replace(b'"caseworker"', b'"admin"')

    with pytest.raises(ManifestError):
        ChainKeeper(instance.database(), instance.root).current()
    assert running.current().newest.epoch == 1


def test_the_intake_remembers_the_manifest_when_rows_vanish(instance: Instance) -> None:
    """It keeps sealing to the newest manifest it ever verified, across restarts."""
    state = instance.folder / "remembered.state"
    ChainKeeper(instance.database(), instance.root, state).current()
    with instance.database().write() as session:
        session.delete(session.get_one(ManifestRow, 1))

    assert ChainKeeper(instance.database(), instance.root, state).current().newest.epoch == 1
    with pytest.raises(ManifestError):
        ChainKeeper(instance.database(), bytes(32), state).current()


def test_a_second_manifest_for_an_epoch_is_no_way_in(instance: Instance) -> None:
    """A forged founding under the true root does not hash to it."""
    chain = ChainKeeper(instance.database(), instance.root).current()
    forged = manifest.SignedManifest(chain.signed[0].body + b" ", chain.signed[0].signatures)
    with pytest.raises(ManifestError):
        manifest.verify_chain(instance.root, [forged])


def test_stolen_database_has_no_cookie_and_stolen_cookie_no_row(instance: Instance, app: Flask, nigora: Browser) -> None:
    """Locking deletes the row; a restarted host forgets its half."""
    nigora.sign_in()
    cookie = nigora.client.get_cookie("__Host-s")
    assert cookie is not None
    made = app.extensions["paivand"]
    chain = made.chain.current()

    def resume(host: bytes) -> object:
        return sessions.resume(made.database, cookie.value, chain=chain, host_secret=host, now=instance.clock.now)

    assert resume(made.host_secret) is not None
    assert resume(bytes(32)) is None
    nigora.press("/desk/lock")
    assert resume(made.host_secret) is None
    assert instance.rows("SELECT count(*) FROM member_session") == [(0,)]
    assert instance.rows("SELECT count(*) FROM lease") == [(0,)]


def serve(instance: Instance, port: int) -> subprocess.Popen[bytes]:
    """Start the shipped server with its shipped settings on this instance."""
    secret = instance.folder / "server.secret"
    if not secret.exists():
        secret.write_text(SERVER_SECRET.hex())
        secret.chmod(0o400)
    environment = {
        **os.environ,
        "PAIVAND_MODE": "demo",
        "PAIVAND_DATABASE": instance.url,
        "PAIVAND_ROOT": instance.root.hex(),
        "PAIVAND_SERVER_SECRET_FILE": str(secret),
        "PAIVAND_STATE_FILE": str(instance.folder / "intake.state"),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/demo.conf.py", "-b", f"127.0.0.1:{port}", "wsgi:app"]
    server = subprocess.Popen(
        command,
        env=environment,
        cwd=Path(__file__).parents[1],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
        except OSError:
            time.sleep(0.05)
        else:
            return server
    raise AssertionError("the server did not start")


def kill(server: subprocess.Popen[bytes]) -> bytes:
    os.killpg(server.pid, signal.SIGKILL)
    output, _ = server.communicate()
    return output


def test_acknowledged_is_durable(instance: Instance, free_port: int) -> None:
    """Power is cut in the very moment the code is shown: the report is whole, and nothing else is there."""
    for count in (1, 2, 3):
        server = serve(instance, free_port)
        write_report(free_port, "en", {"text": f"{CANARY} {count}"})
        kill(server)

        with instance.database().read() as session:
            reports = session.scalars(select(Report)).all()
            wraps = session.scalars(select(KeyWrap.record).where(KeyWrap.part == "body")).all()
        assert len(reports) == count
        assert sorted(wraps) == sorted(f"report:{report.id}" for report in reports)


def test_nothing_of_a_source_is_logged_or_left_open(instance: Instance, free_port: int) -> None:
    """No word, address, agent or path in the server's output, in its open files, or in its environment."""
    server = serve(instance, free_port)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "agent-canary/7",
        "Referer": "http://referer-canary.example/",
        "X-Forwarded-For": "203.0.113.77",
        "Accept-Language": "tg-canary",
    }
    write_report(free_port, "en", {"text": CANARY, **ANSWERS})
    connection = http.client.HTTPConnection("127.0.0.1", free_port, timeout=10)
    for method, path, body in (
        ("POST", "/f", urllib.parse.urlencode({"do": "send", "text": CANARY, "canary-field": "x"})),
        ("POST", "/f", "a=" + "x" * 400_000),
        ("GET", "/path-canary?query-canary=1", ""),
        ("POST", "/desk/", urllib.parse.urlencode({"name": CANARY, "passphrase": CANARY})),
    ):
        connection.request(method, path, body, headers)
        connection.getresponse().read()
        connection.close()
    opened = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) == server.pid:
                opened |= {str(item.readlink()) for item in (process / "fd").iterdir()}
                for item in (process / "fd").iterdir():
                    target = str(item.readlink())
                    if target.startswith("/") and "/dev/" not in target and Path(target).is_file():
                        assert CANARY.encode() not in item.read_bytes()
        except OSError:
            continue
    output = kill(server).decode()

    assert not any(
        "(deleted)" in name and "/tmp" in name and "gunicorn" not in name.lower() and "wgunicorn" not in name for name in opened
    ), opened
    for canary in (CANARY, "canary", "203.0.113.77", "127.0.0.1 -", "agent"):
        assert canary not in output
    assert "Server" not in dict(connection_headers(instance, free_port))


def connection_headers(instance: Instance, port: int) -> list[tuple[str, str]]:
    server = serve(instance, port)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    headers = connection.getresponse().getheaders()
    connection.close()
    kill(server)
    return headers


def test_state_file_holds_public_things_only(instance: Instance) -> None:
    """The intake's state file is the signed manifests and nothing else."""
    state = instance.folder / "intake.state"
    ChainKeeper(instance.database(), instance.root, state).current()

    assert set(json.loads(state.read_bytes())) == {"manifests", "signatures"}
    assert state.stat().st_mode & 0o077 == 0


def test_a_report_cannot_be_hidden_by_sql(instance: Instance, app: Flask, nigora: Browser) -> None:
    """A state, an owner or a version set by hand is noticed in the queue itself."""
    Source(app).write("words")
    nigora.sign_in()
    for change in ("state = 'added'", "state = 'waiting'", "owner = 'somebody'", "version = 7"):
        (before,) = instance.rows("SELECT state, owner, version FROM report")
        instance.sql(f"UPDATE report SET {change}")  # noqa: S608 - our own words

        assert "Damaged: does not open" in nigora.get("/desk/queue").text

        instance.sql("UPDATE report SET state = ?, owner = ?, version = ?", *before)
    assert "Damaged" not in nigora.get("/desk/queue").text


def test_two_replies_to_one_mailbox_have_nothing_in_common(instance: Instance, app: Flask) -> None:
    """No row says that two replies belong to one conversation."""
    source, nigora, ruth = Source(app), Browser(app, instance, "Nigora"), Browser(app, instance, "Ruth")
    source.write("words", reply="yes")
    nigora.sign_in()
    ruth.sign_in()
    nigora.open_first()
    nigora.press("/claim")
    for text in ("first", "second"):
        nigora.press("/messages", message=text)
        ruth.get("/desk/messages")
        ruth.press("/release")
        nigora.get(nigora.report_url)

    rows = instance.rows("SELECT address, sealed FROM reply")
    assert len(rows) == 2
    (one, first), (two, second) = rows
    assert not set(windows(one)) & set(windows(two))
    assert first[:18] == second[:18]
    assert first[6:14] == bytes(8)
    assert not {first[at : at + 8] for at in range(18, len(first) - 8)} & {second[at : at + 8] for at in range(18, len(second) - 8)}


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nCANARYHDR canaryvalue\r\n\r\n",
        b"GET /canary\r\n\r\n",
        b"BREW /canary HTTP/1.1\r\nHost: canary\r\n\r\n",
        b"POST /f HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: canary\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Canary: canary\r\n" * 60 + b"\r\n",
        b"POST /f HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\ncanary",
    ],
    ids=range(6),
)
def test_a_broken_request_leaves_no_word_in_the_log(instance: Instance, free_port: int, raw: bytes) -> None:
    """The server does not say who sent what it could not read (T5)."""
    server = serve(instance, free_port)
    with socket.create_connection(("127.0.0.1", free_port), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    output = kill(server).decode().casefold()

    assert "canary" not in output
    assert "127.0.0.1" not in output.replace(f"http://127.0.0.1:{free_port}", "")


@pytest.mark.only_on("sqlite")
def test_the_write_ahead_log_tells_no_history(walked: tuple[Instance, str]) -> None:
    """After a write nothing is left in SQLite's log that would tell which rows came together."""
    instance, _ = walked
    wal = instance.path.with_name("paivand.db-wal")

    assert not wal.exists() or wal.stat().st_size == 0


@pytest.mark.only_on("sqlite")
def test_sweep_takes_the_order_out_of_the_file(instance: Instance, app: Flask) -> None:
    """Where a page lies in the file no longer follows the order of arrival."""
    source = Source(app)
    order: list[str] = []
    for number in range(12):
        source.write(f"report {number}")
        rows = {row for (row,) in instance.rows("SELECT id FROM report")}
        order += list(rows - set(order))

    def places() -> list[int]:
        raw = instance.path.read_bytes()
        bodies = dict(instance.rows("SELECT id, body FROM report"))
        return [raw.index(bodies[row][600:640]) for row in order]

    arrived = places()
    instance.database().shuffle()
    shuffled = places()

    assert arrived == sorted(arrived)
    assert shuffled != sorted(shuffled)


@pytest.mark.only_on("postgresql")
def test_sweep_takes_the_order_out_of_the_tables(instance: Instance, app: Flask) -> None:
    """After it, all rows of a table have one transaction number, lie in the order of their random ids, and so do their long values."""
    source = Source(app)
    for number in range(12):
        source.write(f"report {number}")
    assert len(instance.rows("SELECT DISTINCT xmin::text FROM report")) == 12

    instance.database().shuffle()

    for table in ("report", "key_wrap", "dedupe", "member"):
        assert len(instance.rows(f"SELECT DISTINCT xmin::text FROM {table}")) == 1, table  # noqa: S608 - our own table names
    assert instance.rows("SELECT id FROM report ORDER BY ctid") == instance.rows("SELECT id FROM report ORDER BY id")
    places = instance.rows("SELECT pg_column_toast_chunk_id(body) FROM report ORDER BY id")
    assert None not in {place for (place,) in places}
    assert places == sorted(places)
    assert source.open_mailbox(source.write("one more")).status_code == 200


@pytest.mark.only_on("postgresql")
def test_sweep_takes_no_row_from_who_is_reading(instance: Instance, app: Flask) -> None:
    """A reader whose moment is before the sweep goes on seeing all rows of that moment."""
    Source(app).write("a report")
    database = instance.database()
    with database.read() as session:
        assert session.get(LedgerHead, 1) is not None  # its moment begins here

        instance.database().shuffle()

        assert len(session.scalars(select(Report)).all()) == 1
