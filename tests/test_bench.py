"""`make bench` at its smallest: every part runs, every number stands beside its floor, and the floor is the one that it says."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import func, select

from app.check import check_as_auditor, check_as_team
from app.factory import create_app
from app.ledger.verify import verify
from app.reports.queue import View, read_queue, select_view
from app.store.keys import KeyWrap
from app.store.reports import Report
from benchmarks import floor
from benchmarks.__main__ import PARTS
from benchmarks.client import TEXT
from benchmarks.fill import OPEN, fill_entries, fill_reports
from benchmarks.instance import AUDITOR, CASEWORKER, LEAD, ORIGIN, Instance, now
from benchmarks.pages import Page

PROJECT: Final = Path(__file__).parents[1]
CIRCUMSTANCES: Final = {"name", "unit", "value", "floor", "ratio", "machine", "fsync_ms", "revision", "when", "load"}
SUBMISSION: Final = ("submission.cpu", "submission.rate", "submission.median", "submission.p95")
NAMES: Final = {
    *SUBMISSION,
    *(f"costly.{name}" for name in SUBMISSION),
    *("submission.server_cpu", "ping.p95", "page", "desk.first", "audit.first", "ledger.verify"),
    *(f"{name}.{quantile}" for name in ("desk.queue", "desk.report", "audit.log", "ledger.append") for quantile in ("p50", "p95")),
    *("upgrade", "downgrade", "backup", "restore"),
}
WITHOUT_FLOOR: Final = {"fill", "desk.memory", "audit.memory", "backup.memory", "restore.memory"}
IN_TICKS: Final = {"submission.server_cpu"}  # of 10 ms: half a second may use less than one


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "benchmarks", "--size", "tiny", *words]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Every part, once."""
    folder = tmp_path_factory.mktemp("bench")
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert not list(folder.iterdir()), "it leaves something behind"
    return [json.loads(line) for line in done.stdout.splitlines()]


def named(lines: list[dict[str, Any]], name: str, **values: Any) -> dict[str, Any]:
    (found,) = (line for line in lines if line["name"] == name and values.items() <= line.items())
    return found


def test_every_number_stands_beside_its_floor(lines: list[dict[str, Any]]) -> None:
    """A number alone says nothing about the program."""
    assert {line["name"] for line in lines} == NAMES | WITHOUT_FLOOR
    for line in lines:
        assert line.keys() >= CIRCUMSTANCES
        assert datetime.fromisoformat(line["when"]).tzinfo is not None
        if line["name"] in WITHOUT_FLOOR:
            assert line["floor"] is None
            assert line["ratio"] is None
        elif line["name"] in IN_TICKS:
            assert line["value"] >= 0
            assert line["floor"] >= 0
        else:
            assert line["value"] > 0
            assert line["floor"] > 0
            assert line["ratio"] == pytest.approx(line["value"] / line["floor"], rel=0.01)


def test_submissions_are_measured_on_both_databases(lines: list[dict[str, Any]]) -> None:
    """Each beside a floor whose pages are as long as ours, with and without half-sent bodies held open."""
    for store in ("sqlite", "postgresql"):
        for name in SUBMISSION:
            line = named(lines, name, store=store)
            assert line["pages"] == line["floor_pages"]
            assert line["text_bytes"] == len(TEXT)
        held = named(lines, "ping.p95", store=store, stalled=20)
        assert held["held"] == held["floor_held"] == 20
        assert named(lines, "ping.p95", store=store, stalled=0)["rounds"]


def test_the_dear_derivation_is_dear(lines: list[dict[str, Any]]) -> None:
    """It replaces ours, and not only its name: some two hundred times as much."""
    ours, dear = named(lines, "submission.cpu", store="sqlite"), named(lines, "costly.submission.cpu")

    assert dear["value"] > 20 * ours["value"]
    assert dear["floor"] > 20 * ours["floor"]


def test_pages_are_padded_and_fetch_one_sheet(lines: list[dict[str, Any]]) -> None:
    """Five pages in each language; both lengths are told."""
    pages = [line for line in lines if line["name"] == "page"]

    assert {line["page"] for line in pages} == {"first", "form", "receipt", "code", "mailbox"}
    assert {line["language"] for line in pages} >= {"en", "ru"}
    for line in pages:
        assert line["floor"] < line["unpadded"] < line["value"]
        assert line["value"] % 1024 == 0
        assert list(line["others"]) == ["/f.css"]


def test_a_bare_page_keeps_text_and_fields_and_nothing_else() -> None:
    """The floor of a page still works: what is sent and read is there, what is for the eye is not."""
    page = Page(
        '<!doctype html><head><link rel="stylesheet" href="/f.css"></head><body><main class="once"><p class="hint">A  &amp;\n b</p>'
        '<form method="post" action="/f" autocomplete="off"><input type="hidden" name="l" value="&quot;"></form></main><!--...-->'
    )

    assert page.fetched == {"/f.css"}
    assert page.bare == (
        "<!doctype html><head></head><body><p>A &amp; b</p>"
        '<form method="post" action="/f"><input type="hidden" name="l" value="&quot;"></form>'
    )


def test_the_floor_stores_a_row_as_long_as_ours(tmp_path: Path) -> None:
    """A shorter one would flatter the floor."""
    instance = Instance.found(tmp_path)
    client = create_app(instance.config(production=False), faces=("intake",)).test_client()
    page = client.post("/f", data={"go": "write"}).text
    token = page.partition('name="token" value="')[2].partition('"')[0]
    assert client.post("/f", data={"do": "send", "token": token, "text": TEXT}).status_code == 201

    database = instance.database()
    with database.read() as session:
        body = session.scalars(select(func.length(Report.body))).one()
        bundle = session.scalars(select(func.length(KeyWrap.sealed)).where(KeyWrap.part == "body")).one()
    database.close()

    assert body + bundle == floor.ROW_BYTES


def test_what_is_filled_is_what_the_program_accepts(tmp_path: Path) -> None:
    """Every row, entry and signature; and the queue shows the conversations that are open."""
    instance = Instance.found(tmp_path)
    database = instance.database()
    writer = instance.actor(database, CASEWORKER)
    opened = fill_reports(database, writer, 300, now())
    lead, auditor = instance.actor(database, LEAD), instance.actor(database, AUDITOR)

    with database.read() as session:
        as_team, as_auditor = check_as_team(session, lead), check_as_auditor(session, auditor)
        rows = select_view(read_queue(session, lead, now=now()), View.OPEN, lead.member_id)
    database.close()

    assert not as_team.faults
    assert not as_auditor.faults
    assert as_auditor.entries >= 300
    assert len(opened) == len(rows) == OPEN
    assert {row.report.id for row in rows} == set(opened)


def test_entries_alone_make_a_ledger_that_verifies(tmp_path: Path) -> None:
    """They go on where the ledger was."""
    instance = Instance.found(tmp_path)
    database = instance.database()
    writer = instance.actor(database, CASEWORKER)

    fill_entries(database, writer, 700, now())

    with database.read() as session:
        assert verify(session, ORIGIN).is_good
    database.close()


def test_every_name_and_part_is_explained() -> None:
    """docs/performance.md says what each line is, and names the parts that can be chosen."""
    page = (PROJECT / "docs" / "performance.md").read_text("utf-8")

    assert [name for name in sorted(NAMES | WITHOUT_FLOOR) if f"`{name}`" not in page and not name.startswith("costly.")] == []
    assert "`costly.submission.cpu`" in page
    assert ", ".join(PARTS) in page


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    """Nothing runs under a mistyped name."""
    refused = run(tmp_path, "--parts", "pages,speed")

    assert refused.returncode == 2
    assert "no such part: speed" in refused.stderr
    assert not refused.stdout
