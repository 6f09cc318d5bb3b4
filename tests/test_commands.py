"""Operators' commands, run as an operator runs them."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.members.passphrase import code_at
from tests.conftest import Instance, Source
from tests.stores import Store

ROOT = Path(__file__).parents[1]


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PAIVAND_")}
    command = [sys.executable, "-m", "app", *words]
    return subprocess.run(command, env={**environment, **variables}, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def variables(instance: Instance) -> dict[str, str]:
    return {"PAIVAND_DATABASE": instance.url, "PAIVAND_ROOT": instance.root.hex()}


def test_ledger_verify_accepts_and_holds_an_earlier_head(instance: Instance, tmp_path: Path) -> None:
    """Write the head down, work on, verify against it; then rewrite history and be caught."""
    written = run("ledger", "head", **variables(instance))
    assert written.returncode == 0
    head = tmp_path / "head.txt"
    head.write_text(written.stdout)
    Source(instance.app()).write("words")
    instance.actor("Edda")

    good = run("ledger", "verify", "--head", str(head), **variables(instance))

    assert good.returncode == 0
    assert good.stdout.startswith("ACCEPT demo.example/log: 2 entries")
    assert "the earlier head of 1 entries holds" in good.stdout
    instance.sql("DELETE FROM ledger_entry WHERE idx = 0")
    bad = run("ledger", "verify", "--head", str(head), **variables(instance))
    assert bad.returncode == 1
    assert "fault: entry 0 is missing" in bad.stdout
    assert bad.stdout.splitlines()[-1].startswith("REJECT")


def test_what_is_no_head_is_refused_in_one_line(instance: Instance, tmp_path: Path) -> None:
    """No traceback for an operator."""
    head = tmp_path / "head.txt"
    head.write_text("not a head\n")

    refused = run("ledger", "verify", "--head", str(head), **variables(instance))

    assert refused.returncode == 2
    assert "is not a head" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_another_root_is_refused(instance: Instance) -> None:
    """The root is pinned in the configuration, not read from the database."""
    refused = run("ledger", "verify", **{**variables(instance), "PAIVAND_ROOT": "0" * 64})

    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def test_missing_variable_is_named() -> None:
    """A missing variable is one line."""
    refused = run("upgrade")

    assert refused.returncode == 2
    assert refused.stderr == "paivand: PAIVAND_DATABASE is not set\n" or "PAIVAND_ROOT is not set" in refused.stderr


def test_init_founds_once_and_says_what_is_missing(store: Store, tmp_path: Path) -> None:
    """Keys, members and shares are printed once; a second founding is refused; staffing gaps are named."""
    settings = {
        "PAIVAND_DATABASE": store.create(tmp_path),
        "PAIVAND_SERVER_SECRET_FILE": str(tmp_path / "server.secret"),
    }
    words = ("init", "--origin", "log.example/1", "--member", "lead:Ruth", "--member", "auditor:Edda")

    made = run(*words, **settings)

    assert made.returncode == 0, made.stderr
    root = re.search(r"PAIVAND_ROOT=([0-9a-f]{64})", made.stdout)
    assert root is not None
    assert len(re.findall(r"^  \d\. (\w+ ){19,}", made.stdout, re.MULTILINE)) == 5
    assert "a second caseworker is missing" in made.stdout
    assert "an administrator is missing" in made.stdout
    assert "an auditor is missing" not in made.stdout
    assert (tmp_path / "server.secret").stat().st_mode & 0o777 == 0o400
    again = run(*words, **settings)
    assert again.returncode == 1
    assert "not empty" in again.stderr
    checked = run("ledger", "verify", **settings, PAIVAND_ROOT=root[1])
    assert checked.stdout.startswith("ACCEPT log.example/1: 1 entries")


@pytest.mark.parametrize("member", ["caseworker:Nigora", "lead:", "queen:Ruth", "lead"])
def test_init_refuses_an_impossible_team(store: Store, tmp_path: Path, member: str) -> None:
    """No lead, no name, no such role: nothing is founded, no secret is left behind."""
    settings = {
        "PAIVAND_DATABASE": store.create(tmp_path),
        "PAIVAND_SERVER_SECRET_FILE": str(tmp_path / "server.secret"),
    }

    refused = run("init", "--origin", "log.example/1", "--member", member, **settings)

    assert refused.returncode == 1
    assert not (tmp_path / "server.secret").exists()


def test_sweep_ends_old_sessions(instance: Instance) -> None:
    """Sessions of the past are deleted; the clock of the command is the machine's own."""
    instance.clock.now = datetime(2026, 1, 1, tzinfo=UTC)
    instance.actor("Ruth")

    swept = run("sweep", **variables(instance))

    assert swept.returncode == 0, swept.stderr
    with instance.database().read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM member_session").scalar() == 0


def test_demo_serves_writes_and_goes_on(tmp_path: Path, free_port: int) -> None:
    """The demonstration founds itself, writes four reports through the form, prints who can sign in, and ends its server."""
    command = [sys.executable, "-m", "app", "demo", "serve", "--port", str(free_port), "--folder", str(tmp_path / "demo")]
    started = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    lines = []
    for line in started.stdout:
        lines.append(line)
        if "auditors" in line:
            break
    code = run("demo", "code", "Nigora", "--folder", str(tmp_path / "demo"))
    started.send_signal(signal.SIGTERM)
    assert started.wait(20) == 0
    rest = started.stdout.read()
    started.stdout.close()

    assert sum("report in" in line for line in lines) == 4
    people = [re.fullmatch(r"demo: (\w+) (\w+) (.+) ([A-Z2-7]{32})\n", line) for line in lines]
    assert [found[1] for found in people if found] == ["admin", "lead", "caseworker", "caseworker", "protection", "auditor"]
    assert sum(line.startswith("demo: env PAIVAND_") for line in lines) == 5
    assert "goes on where it was" in rest
    notes = json.loads((tmp_path / "demo" / "ready.json").read_text())
    secret = next(member["totp"] for member in notes["members"] if member["name"] == "Nigora")
    now = time.time()
    near = [code_at(base64.b32decode(secret), datetime.fromtimestamp(now - back, UTC)) for back in (0, 30)]
    assert code.stdout.strip() in near
