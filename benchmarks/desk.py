"""The pages of a caseworker and an auditor over many reports, beside reading and opening the bytes that they show."""

import re
import sqlite3
import statistics
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import cache
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask.testing import FlaskClient

from app.factory import create_app
from benchmarks.core import Bench, p95, repeated, samples, timed
from benchmarks.fill import OPEN
from benchmarks.instance import AUDITOR, LEAD, Instance

_ORIGIN: Final = "https://localhost"
_SHOWN: Final = re.compile(r'action="/desk/reports/([0-9a-f-]{36})/open"')
_CSRF: Final = re.compile(r'name="csrf" value="([^"]+)"')
_TAG: Final = 16
_NONCE: Final = bytes(12)
_KEY: Final = bytes(range(32))
_MANY: Final = 500  # names in one SELECT
_LISTED: Final = 50  # entries on a page of the log


def measure(bench: Bench) -> None:
    """Measure with few and with many reports."""
    for reports in bench.size.reports:
        instance = bench.filled(reports)
        with closing(sqlite3.connect(instance.path)) as connection:
            with bench.memory("desk.memory", reports=reports):
                _measure_desk(bench, instance, connection, reports)
            with bench.memory("audit.memory", reports=reports):
                _measure_audit(bench, instance, connection, reports)


def _measure_desk(bench: Bench, instance: Instance, connection: sqlite3.Connection, reports: int) -> None:
    client = _client(instance, "desk")
    first = timed(lambda: _sign_in(client, instance, "desk", LEAD)) + timed(lambda: _get(client, "/desk/queue"))
    everything = [UUID(hex=row[0]) for row in connection.execute("SELECT id FROM report WHERE version > 0")]
    floor = timed(lambda: _read_reports(connection, everything))
    bench.say("desk.first", "ms", first, floor, reports=reports)
    page = _get(client, "/desk/queue")
    shown, csrf = [UUID(found) for found in dict.fromkeys(_SHOWN.findall(page))], _CSRF.findall(page)[0]
    if len(shown) != OPEN:
        raise RuntimeError(f"the queue shows {len(shown)} conversations, not {OPEN}")
    taken = repeated(lambda: _get(client, "/desk/queue"), bench.size.requests)
    floors = repeated(lambda: _read_reports(connection, shown), bench.size.requests)
    _say(bench, "desk.queue", taken, floors, reports=reports, rows=len(shown))
    todo = iter(shown)
    taken = repeated(lambda: _open(client, next(todo), csrf), bench.size.requests)
    todo = iter(shown)
    floors = repeated(lambda: _read_reports(connection, [next(todo)], with_body=True), bench.size.requests)
    _say(bench, "desk.report", taken, floors, reports=reports)


def _measure_audit(bench: Bench, instance: Instance, connection: sqlite3.Connection, reports: int) -> None:
    client = _client(instance, "audit")
    first = timed(lambda: _sign_in(client, instance, "audit", AUDITOR)) + timed(lambda: _get(client, "/audit/log"))
    size = connection.execute("SELECT size FROM ledger_head").fetchone()[0]
    floor = timed(lambda: _read_entries(connection, size))
    bench.say("audit.first", "ms", first, floor, reports=reports, entries=size)
    taken = repeated(lambda: _get(client, "/audit/log"), bench.size.requests)
    floors = repeated(lambda: _read_entries(connection, _LISTED), bench.size.requests)
    _say(bench, "audit.log", taken, floors, reports=reports, entries=size, rows=_LISTED)


def _say(bench: Bench, name: str, taken: Sequence[float], floors: Sequence[float], **more: Any) -> None:
    found = {"requests": len(taken), "taken": samples(taken)}
    bench.say(f"{name}.p50", "ms", statistics.median(taken), statistics.median(floors), **more, **found)
    bench.say(f"{name}.p95", "ms", p95(taken), p95(floors), **more, **found)


# --- the program


def _client(instance: Instance, face: str) -> FlaskClient:
    config = instance.config(state=instance.folder / f"{face}.state", server_secret=instance.server_secret)
    return create_app(config, faces=(face,)).test_client()


def _sign_in(client: FlaskClient, instance: Instance, face: str, name: str) -> None:
    fields = {"name": name, "passphrase": instance.members[name].passphrase, "code": instance.code(name)}
    _expect(client.post(f"/{face}/", data=fields, base_url=_ORIGIN), 303)


def _get(client: FlaskClient, path: str) -> str:
    return _expect(client.get(path, base_url=_ORIGIN), 200)


def _open(client: FlaskClient, report_id: UUID, csrf: str) -> None:
    """Press the button and follow to the page, as a browser does."""
    _expect(client.post(f"/desk/reports/{report_id}/open", data={"csrf": csrf}, base_url=_ORIGIN), 303)
    _get(client, f"/desk/reports/{report_id}")


def _expect(answer: Any, status: int) -> str:
    if answer.status_code != status:
        raise RuntimeError(f"{answer.request.path}: {answer.status_code}")
    return str(answer.text)


# --- the floor: the same bytes, and as many bare openings


def _read_reports(connection: sqlite3.Connection, ids: Sequence[UUID], *, with_body: bool = False) -> None:
    """Read summary, work, keys and entry of reports, and open what is as long as they are."""
    columns = "summary, work, body" if with_body else "summary, work"
    for part in _parts(ids):
        _open_bare(connection.execute(f"SELECT {columns} FROM report WHERE id IN ({_marks(part)})", [item.hex for item in part]))  # noqa: S608 - our own words
        _open_wraps(connection, [f"report:{item}" for item in part], "team")
    _read_entries(connection, len(ids), "team")


def _read_entries(connection: sqlite3.Connection, count: int, recipient: str = "batch:") -> None:
    """Read the newest entries with their keys, and open what is as long as they are."""
    rows = connection.execute("SELECT idx, sealed FROM ledger_entry ORDER BY idx DESC LIMIT ?", (count,)).fetchall()
    _open_bare((sealed,) for _, sealed in rows)
    for part in _parts([index for index, _ in rows]):
        _open_wraps(connection, [f"ledger:{index}" for index in part], recipient)


def _open_wraps(connection: sqlite3.Connection, records: Sequence[str], recipient: str) -> None:
    query = f"SELECT sealed FROM key_wrap WHERE record IN ({_marks(records)}) AND recipient >= ? AND recipient < ?"  # noqa: S608 - our own words
    _open_bare(connection.execute(query, [*records, recipient, f"{recipient}~"]))


def _open_bare(rows: Iterable[Sequence[bytes | None]]) -> None:
    for row in rows:
        for sealed in row:
            if sealed is not None:
                AESGCM(_KEY).decrypt(_NONCE, _sealed(len(sealed)), None)


@cache
def _sealed(length: int) -> bytes:
    """Return something sealed of this length: what is read has keys of its own, which are the program's business."""
    return AESGCM(_KEY).encrypt(_NONCE, bytes(length - _TAG), None)


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for at in range(0, len(items), _MANY):
        yield items[at : at + _MANY]


def _marks(items: Sequence[object]) -> str:
    return ", ".join("?" for _ in items)
