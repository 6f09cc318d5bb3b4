"""`python -m app demo …`: found a throw-away instance, serve it on loopback, write the demonstration reports."""

import base64
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from app.cases.importing import import_published, published
from app.demo.writer import demo_reports, write_report
from app.members import sessions
from app.members.chain import ChainKeeper
from app.members.found import Founding, found
from app.members.passphrase import STEP_SECONDS, code_at
from app.store import migrate
from app.store.database import Database
from app.vault.keyring import ServerSecret
from config import write_secret

PEOPLE: Final = (
    ("admin", "Jonas"),
    ("lead", "Ruth"),
    ("caseworker", "Nigora"),
    ("caseworker", "Timur"),
    ("protection", "Salome"),
    ("auditor", "Edda"),
)
ORIGIN: Final = "demo.example/log"
_START_SECONDS: Final = 30
_FILES: Final = ("paivand.db", "paivand.db-wal", "paivand.db-shm", "server.secret", "intake.state", "ready.part")


@click.group()
def demo() -> None:
    """Try everything on this machine, with throw-away keys."""


@demo.command()
@click.option("--port", default=8000, show_default=True)
@click.option("--folder", default=".demo", show_default=True, type=click.Path(path_type=Path))
def serve(port: int, folder: Path) -> None:
    """Serve all faces on 127.0.0.1 and print who can sign in."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the server never outlives us
    folder = folder.resolve()
    _check_port(port)
    if not (folder / "ready.json").exists():
        _found(folder)
    notes = _notes(folder)
    variables = _variables(folder, notes)
    server = _start(port, variables)
    try:
        _wait(server, port)
        if not notes["written"]:
            _write_reports(port)
            _note(folder, {**notes, "written": True})
        _print(port, notes, variables)
        server.wait()
    except KeyboardInterrupt:
        click.echo("demo: stopped; `make demo` goes on where it was, `make clean` forgets it")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)
    if server.returncode not in (0, -signal.SIGTERM, -signal.SIGINT):
        sys.exit(server.returncode)


@demo.command()
@click.argument("name")
@click.option("--folder", default=".demo", show_default=True, type=click.Path(path_type=Path))
def code(name: str, folder: Path) -> None:
    """Print the present second-device code of a demonstration member."""
    for member in _notes(folder.resolve())["members"]:
        if member["name"].casefold() == name.casefold():
            click.echo(code_at(base64.b32decode(member["totp"]), _now()))
            return
    raise click.ClickException(f"nobody is called {name}")


def _found(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _FILES:  # a founding that was cut half-way
        (folder / name).unlink(missing_ok=True)
    secret = secrets.token_bytes(32)
    write_secret(folder / "server.secret", secret)
    database = Database(f"sqlite:///{folder / 'paivand.db'}")
    migrate.upgrade(database)
    with database.write() as session:
        made = found(session, PEOPLE, origin=ORIGIN, server_secret=ServerSecret(secret), now=_now())
    _import_cases(database, made, secret)
    database.close()
    members = [{"role": item.role, "name": item.name, "passphrase": item.passphrase, "totp": item.totp} for item in made.members]
    _note(folder, {"root": made.root.hex(), "members": members, "written": False})


def _import_cases(database: Database, made: Founding, secret: bytes) -> None:
    """Bring the published incidents in, as the lead; with the code of the step before, so that the present one stays unused."""
    lead = next(member for member in made.members if member.role == "lead")
    _, held = sessions.sign_in(
        database,
        name=lead.name,
        passphrase=lead.passphrase,
        code=code_at(base64.b32decode(lead.totp), _now() - timedelta(seconds=STEP_SECONDS)),
        chain=ChainKeeper(database, made.root).current(),
        server_secret=ServerSecret(secret),
        host_secret=secrets.token_bytes(32),
        now=_now(),
    )
    with database.write() as session:
        import_published(session, held.actor, published(), now=_now())
    sessions.lock(database, held)


def _variables(folder: Path, notes: Mapping[str, Any]) -> dict[str, str]:
    return {
        "PAIVAND_MODE": "demo",
        "PAIVAND_DATABASE": f"sqlite:///{folder / 'paivand.db'}",
        "PAIVAND_ROOT": notes["root"],
        "PAIVAND_SERVER_SECRET_FILE": str(folder / "server.secret"),
        "PAIVAND_STATE_FILE": str(folder / "intake.state"),
    }


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise click.ClickException(f"port {port} is in use; try `make demo PORT={port + 1}`") from None


def _start(port: int, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/demo.conf.py", "-b", f"127.0.0.1:{port}", "wsgi:app"]
    environment = {**os.environ, **variables}  # noqa: TID251 - handed on, not read
    return subprocess.Popen(command, env=environment, cwd=Path(__file__).resolve().parents[2])  # noqa: S603 - our own words


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            raise click.ClickException("the server did not start; its own words are above")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/-/ready")
            if connection.getresponse().read() == b"ready\n":
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise click.ClickException("the server did not answer")


def _write_reports(port: int) -> None:
    for report in demo_reports():
        shown = write_report(port, report["language"], report["fields"])
        click.echo(f"demo: report in {report['language']} written; its code is {shown}")


def _print(port: int, notes: Mapping[str, Any], variables: Mapping[str, str]) -> None:
    for member in notes["members"]:
        click.echo(f"demo: {member['role']} {member['name']} {member['passphrase']} {member['totp']}")
    for name, value in variables.items():
        click.echo(f"demo: env {name}={value}")
    click.echo("demo: a second-device code: .venv/bin/python -m app demo code Nigora")
    click.echo(f"demo: write to us   http://127.0.0.1:{port}/")
    click.echo(f"demo: caseworkers   http://127.0.0.1:{port}/desk/")
    click.echo(f"demo: auditors      http://127.0.0.1:{port}/audit/")
    sys.stdout.flush()


def _notes(folder: Path) -> dict[str, Any]:
    try:
        notes: dict[str, Any] = json.loads((folder / "ready.json").read_text("utf-8"))
    except OSError:
        raise click.ClickException("there is no demonstration here yet: run `make demo`") from None
    return notes


def _note(folder: Path, notes: Mapping[str, Any]) -> None:
    part = folder / "ready.part"
    part.touch(mode=0o600)
    part.write_text(json.dumps(notes, indent=1) + "\n", "utf-8")
    part.replace(folder / "ready.json")


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the demonstration's clock
