"""Production as it is started: the shipped gunicorn settings, one process per face, and everything that stops a start."""

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from app.errors import BusyError
from app.factory import create_app
from app.store import migrate
from app.web import production
from config import FACES, ConfigError
from tests.conftest import SERVER_SECRET, Instance, Source
from tests.processes import PROJECT, free_port, starting

TEXT: Final = "They came to my mother's house on Sunday."
STALLED: Final = 60  # seven times what stops eight threads


@pytest.fixture
def start(instance: Instance) -> Iterator[Any]:
    """Start faces, and stop them at the end whatever happens."""
    with starting(instance) as start_face:
        yield start_face


def routes(instance: Instance, face: str) -> set[str]:
    app = instance.app(face, production=True, server_secret=None if face == "intake" else SERVER_SECRET)
    return {rule.rule for rule in app.url_map.iter_rules()}


def test_faces_share_no_route(instance: Instance) -> None:
    """Who reaches one face reaches nothing of another; desk and audit have only their health address in common."""
    intake, desk, audit = (routes(instance, face) for face in FACES)

    assert min(len(intake), len(desk), len(audit)) > 3
    assert not intake & (desk | audit)
    assert desk & audit == {"/-/ready"}
    assert all(rule.startswith("/desk") for rule in desk - {"/-/ready"})
    assert all(rule.startswith("/audit") for rule in audit - {"/-/ready"})


def test_three_processes_serve_a_report(instance: Instance, start: Any) -> None:
    """Each face by its shipped settings in production, on one database: what the intake takes the desk sees waiting."""
    ports = {face: free_port() for face in FACES}
    processes = {face: start(face, port) for face, port in ports.items()}
    for process in processes.values():
        process.wait()

    page = processes["intake"].write(TEXT)

    assert len(re.findall(r"\d{3}", page[page.index('class="code"') :].split("</p>")[0])) == 9
    assert processes["intake"].ask("GET", "/-/ready")[0] == 404
    assert processes["intake"].ask("GET", "/desk/")[0] == 404
    for face in ("desk", "audit"):
        assert processes[face].ask("GET", "/-/ready") == (200, "ready\n")
        assert processes[face].ask("GET", "/")[0] == 404
        assert processes[face].ask("GET", f"/{face}/")[0] == 200
    assert instance.rows("SELECT count(*) FROM report") == [(1,)]
    for process in processes.values():
        for pid in process.members():
            assert re.search(r"Max core file size\s+0\s+0", Path(f"/proc/{pid}/limits").read_text())
        assert TEXT not in process.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to look from")
def test_no_other_process_of_the_user_reads_its_memory(instance: Instance, start: Any) -> None:
    """A worker's memory, environment and open files belong to root alone (M12), though a child of the same user asks."""
    intake = start("intake", free_port())
    intake.wait()

    assert len(intake.members()) >= 2
    for pid in intake.members():
        # the kernel gives the files of a process that is not dumpable to root, whoever runs it
        assert "CapEff" in Path(f"/proc/{pid}/status").read_text()
        looked = subprocess.run(
            [sys.executable, "-c", _LOOK, str(pid)], capture_output=True, text=True, check=False, preexec_fn=_without_ptrace
        )
        assert looked.stdout.split() == ["environ:no", "mem:no"], looked


_LOOK: Final = """
import sys
for name in ("environ", "mem"):
    try:
        open(f"/proc/{sys.argv[1]}/{name}", "rb").read(1)
        print(name + ":yes")
    except OSError as error:
        print(name + (":no" if error.errno in (1, 13) else ":" + str(error)))
"""


def _without_ptrace() -> None:
    """Drop every capability but keep the user: the eyes of another process of the same user."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(41):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())


def test_stalled_connections_keep_nobody_out(instance: Instance, start: Any) -> None:
    """Half-sent headers and half-sent bodies wait beside; the next source is served at once (M6: eight stopped a worker of threads)."""
    intake = start("intake", free_port())
    intake.wait()
    with contextlib.ExitStack() as stack:
        for number in range(STALLED):
            stalled = stack.enter_context(socket.create_connection(("127.0.0.1", intake.port)))
            head = b"POST /f HTTP/1.1\r\nHost: localhost\r\n"
            stalled.sendall(head if number % 2 else head + b"Content-Length: 5000\r\n\r\ntext=half")

        assert len(intake.write(TEXT)) > 1000


def test_silent_connection_is_closed_and_nothing_said(instance: Instance, start: Any, tmp_path: Path) -> None:
    """A connection that says nothing for long ends; the log has no line that would tell when somebody's line broke."""
    settings = tmp_path / "short.conf.py"
    settings.write_text(
        f"import runpy\nglobals().update(runpy.run_path({str(PROJECT / 'deploy' / 'intake.conf.py')!r}))\n"
        "import slow\nslow.SILENCE_SECONDS = 0.5\n"
    )
    intake = start("intake", free_port(), settings=settings)
    intake.wait()
    silent = socket.create_connection(("127.0.0.1", intake.port))
    silent.sendall(b"POST /f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\ntext=half")
    silent.settimeout(20)

    answer = silent.recv(65536)

    silent.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert len(intake.write(TEXT)) > 1000
    assert intake.stop() == ""


def test_half_a_text_is_not_a_report(instance: Instance, start: Any) -> None:
    """A line that breaks after the button was sent: what came is not taken for the whole."""
    intake = start("intake", free_port())
    intake.wait()
    _, page = intake.ask("POST", "/f", {"go": "write"})
    token = re.findall(r'name="token" value="([^"]+)"', page)[0]
    body = urllib.parse.urlencode({"do": "send", "token": token, "text": TEXT}).encode()
    head = f"POST /f HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", intake.port)) as broken:
        broken.sendall(head.encode() + body[:-9])
        broken.shutdown(socket.SHUT_WR)
        answer = broken.recv(65536)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert instance.rows("SELECT count(*) FROM report") == [(0,)]


@pytest.mark.parametrize(
    ("face", "variables", "says"),
    [
        ("intake", {"FLASK_DEBUG": "1"}, "FLASK_DEBUG"),
        ("desk", {"FLASK_DEBUG": "1"}, "FLASK_DEBUG"),
        ("intake", {"PAIVAND_ROOT": ""}, "PAIVAND_ROOT"),
        ("audit", {"PAIVAND_ROOT": ""}, "PAIVAND_ROOT"),
        ("intake", {"PAIVAND_STATE_FILE": ""}, "PAIVAND_STATE_FILE"),
        ("desk", {"PAIVAND_SERVER_SECRET_FILE": ""}, "PAIVAND_SERVER_SECRET_FILE"),
        ("intake", {"PAIVAND_SERVER_SECRET_FILE": "server.secret"}, "must not be given"),
        ("desk", {"PAIVAND_SERVER_SECRET_FILE": "open.secret"}, "chmod 0400"),
        ("desk", {"PAIVAND_DATABASE": "postgresql://paivand_desk:secret@127.0.0.1/x"}, "passfile"),
        ("desk", {"PAIVAND_DATABASE": "postgresql://paivand_desk@db.example/x"}, "sslmode=verify-full"),
        ("desk", {"PAIVAND_DATABASE": "postgresql://paivand_desk@127.0.0.1/x?passfile=open.secret"}, "read by everybody"),
    ],
)
def test_unsafe_start_is_refused(instance: Instance, start: Any, face: str, variables: dict[str, str], says: str) -> None:
    """One line names what is wrong; nothing is served, and no traceback is shown."""
    (instance.folder / "open.secret").write_text(SERVER_SECRET.hex())
    (instance.folder / "open.secret").chmod(0o444)
    placed = {
        name: re.sub(r"(open|server)\.secret$", lambda found: str(instance.folder / found[0]), value) for name, value in variables.items()
    }
    process = start(face, free_port(), **placed)

    process.running.wait(30)

    said = process.stop()
    assert process.running.returncode not in (0, -signal.SIGKILL)
    assert says in said
    assert "Traceback" not in said
    assert SERVER_SECRET.hex() not in said


def test_more_than_one_face_is_refused(instance: Instance) -> None:
    """`wsgi:app` is for the demonstration."""
    with pytest.raises(ConfigError, match="one face per process"):
        create_app(instance.config(production=True), faces=FACES)


def test_swap_is_warned_about(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An operator is told that memory may reach the disk; this machine's own table is replaced, as a test cannot turn swap on."""
    swaps = tmp_path / "swaps"
    monkeypatch.setattr(production, "_SWAPS", swaps)
    monkeypatch.setattr(production, "_SET_DUMPABLE", production._GET_DUMPABLE)  # leave the test's own process as it is
    monkeypatch.setattr(ctypes, "CDLL", lambda *_args, **_options: _Closed)
    swaps.write_text("Filename Type Size Used Priority\n")
    production.harden_process()
    assert not caplog.records
    swaps.write_text("Filename Type Size Used Priority\n/dev/vda2 partition 8 0 -2\n")

    production.harden_process()

    assert ["swap is on" in record.message for record in caplog.records] == [True]


class _Closed:
    @staticmethod
    def prctl(*_arguments: int) -> int:
        return 0


def test_process_that_cannot_be_closed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not close the memory to others, nothing is served."""

    class Open:
        @staticmethod
        def prctl(*_arguments: int) -> int:
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_args, **_options: Open)

    with pytest.raises(ConfigError, match="PR_SET_DUMPABLE"):
        production.harden_process()


def test_old_process_does_not_write_after_an_upgrade(instance: Instance) -> None:
    """A program that was left running meets a newer schema: the text is kept, nothing is stored, and it says to try again."""
    app = instance.app("intake", production=True, server_secret=None)
    source = Source(app)
    source.open_form()
    instance.sql("UPDATE alembic_version SET version_num = '9999'")

    answer = source.send(TEXT)

    assert answer.status_code == 503
    assert TEXT in answer.get_data(as_text=True).replace("&#39;", "'")
    assert instance.rows("SELECT count(*) FROM report") == [(0,)]
    with pytest.raises(BusyError), app.extensions["paivand"].database.write():
        pass


def test_upgrade_refuses_what_a_newer_program_made(instance: Instance) -> None:
    """An older program does not touch a schema that it does not know."""
    instance.sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(migrate.OtherVersionError, match="9999"):
        migrate.upgrade(instance.database())
