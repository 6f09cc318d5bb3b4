"""Whole submissions through HTTP on one worker: connect, open the form, send 2 KB, receive a code. The floor takes turns with it."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.store.database import Database
from app.store.roles import grant_all, role_of
from benchmarks.client import TEXT
from benchmarks.core import PROJECT, Bench, p95, samples
from benchmarks.floor import DEAR_KIB, DEAR_PASSES
from benchmarks.instance import Instance
from benchmarks.serving import PostgreSQL, Server, throw_away_postgresql

_WARM_SECONDS: Final = 1
_LONG: Final = 600
_MANY: Final = 1_000_000
_MARGIN: Final = 120


class WrongAnswerError(Exception):
    """A measurement in which something failed says nothing."""


@dataclass(frozen=True)
class Run:
    """One stretch of load on one server."""

    sent: int
    per_second: float
    median_ms: float
    p95_ms: float
    cpu_ms: float
    server_cpu_ms: float
    ping_p95_ms: float
    pages: dict[str, int]
    held: int


def measure(bench: Bench) -> None:
    """Measure on SQLite, on PostgreSQL, with half-sent bodies held open, and with the dear derivation."""
    folder = bench.folder / "submissions"
    folder.mkdir()
    instance = Instance.found(folder)
    ours = Server("wsgi:intake", folder, variables(instance))
    plain = Server(f"benchmarks.floor:create('sqlite:///{folder}/floor.db')", folder, {})
    with ours, plain:
        _measure_both(bench, "sqlite", ours, plain, lambda: 0.0)
    _measure_costly(bench, folder, instance)
    with throw_away_postgresql() as postgresql:
        _measure_postgresql(bench, folder, postgresql)


def variables(instance: Instance, url: str | None = None) -> dict[str, str]:
    """Return the environment of an intake in production."""
    return {
        "PAIVAND_DATABASE": url or instance.url,
        "PAIVAND_ROOT": instance.root.hex(),
        "PAIVAND_STATE_FILE": str(instance.folder / "manifests.state"),
    }


def _measure_postgresql(bench: Bench, folder: Path, postgresql: PostgreSQL) -> None:
    own = folder / "postgresql"
    own.mkdir()
    instance = Instance.found(own, postgresql.create("paivand"))
    database = Database(instance.url)
    with database.engine.begin() as connection:
        grant_all(connection, {})
    database.close()
    ours = Server("wsgi:intake", own, variables(instance, postgresql.address_of("paivand", role_of("intake"))))
    plain = Server(f"benchmarks.floor:create('{postgresql.create('floor')}')", own, {})
    with ours, plain:
        _measure_both(bench, "postgresql", ours, plain, lambda: postgresql.cpu)


def _measure_both(bench: Bench, store: str, ours: Server, plain: Server, server_cpu: Callable[[], float]) -> None:
    size = bench.size
    for server in (ours, plain):
        _load(server, size.clients, min(_WARM_SECONDS, size.seconds))
    pairs = list(_take_turns(bench, ours, plain, size.rounds, 0, server_cpu))
    mine, floor = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    common = {"store": store, "clients": size.clients, "text_bytes": len(TEXT), "pages": mine[0].pages, "floor_pages": floor[0].pages}
    for name, unit, of in _QUANTITIES:
        _say(bench, name, unit, of, mine, floor, **common)
    if store == "postgresql":
        _say(bench, "submission.server_cpu", "ms", lambda run: run.server_cpu_ms, mine, floor, **common)
    _say(bench, "ping.p95", "ms", lambda run: run.ping_p95_ms, mine, floor, store=store, clients=size.clients, stalled=0)
    pairs = list(_take_turns(bench, ours, plain, size.stalled_rounds, size.stalled, server_cpu))
    mine, floor = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    stalled = {"stalled": size.stalled, "held": min(run.held for run in mine), "floor_held": min(run.held for run in floor)}
    _say(bench, "ping.p95", "ms", lambda run: run.ping_p95_ms, mine, floor, store=store, clients=size.clients, **stalled)


_QUANTITIES: Final[tuple[tuple[str, str, Callable[[Run], float]], ...]] = (
    ("submission.cpu", "ms", lambda run: run.cpu_ms),
    ("submission.rate", "1/s", lambda run: run.per_second),
    ("submission.median", "ms", lambda run: run.median_ms),
    ("submission.p95", "ms", lambda run: run.p95_ms),
)


def _measure_costly(bench: Bench, folder: Path, instance: Instance) -> None:
    """The same program, were its derivation as dear as GlobaLeaks'; that is the whole difference."""
    size = bench.size
    ours = Server("benchmarks.costly:intake", folder, variables(instance))
    plain = Server(f"benchmarks.floor:create('sqlite:///{folder}/costly.db', {DEAR_KIB}, {DEAR_PASSES})", folder, {})
    with ours, plain:
        pair = [_run(server, size.clients, _LONG, size.costly, 0, lambda: 0.0) for server in (ours, plain)]
    derivation = {"kib": DEAR_KIB, "passes": DEAR_PASSES, "sent": size.costly}
    for name, unit, of in _QUANTITIES:
        _say(bench, f"costly.{name}", unit, of, pair[:1], pair[1:], store="sqlite", clients=size.clients, **derivation)


def _say(
    bench: Bench,
    name: str,
    unit: str,
    of: Callable[[Run], float],
    mine: Sequence[Run],
    floor: Sequence[Run],
    **more: Any,
) -> None:
    """Write the median of the rounds, and the rounds."""
    values, floors = [of(run) for run in mine], [of(run) for run in floor]
    rounds = {"rounds": samples(values), "floor_rounds": samples(floors)}
    bench.say(name, unit, statistics.median(values), statistics.median(floors), **more, **rounds)


def _take_turns(
    bench: Bench, ours: Server, plain: Server, rounds: int, stalled: int, server_cpu: Callable[[], float]
) -> Iterator[tuple[Run, Run]]:
    size = bench.size
    for _ in range(rounds):
        first = _run(ours, size.clients, size.seconds, _MANY, stalled, server_cpu)
        yield first, _run(plain, size.clients, size.seconds, _MANY, stalled, server_cpu)


def _run(server: Server, clients: int, seconds: float, most: int, stalled: int, server_cpu: Callable[[], float]) -> Run:
    """Put load on one server, with a ninth client that asks for the first page all the while."""
    with ExitStack() as stack:
        held = stack.enter_context(_stalled(server, stalled)) if stalled else {"held": 0}
        before, beside = server.cpu, server_cpu()
        pinger = _start(server, "ping", "--seconds", str(seconds)) if most == _MANY else None
        found = _load(server, clients, seconds, most)
        pings = _end(pinger, seconds) if pinger else {"taken": [0.0], "wrong": []}
        used, used_beside = server.cpu - before, server_cpu() - beside
    wrong = [*found["wrong"], *pings["wrong"]]
    if wrong or not found["taken"]:
        raise WrongAnswerError(f"{len(wrong)} wrong answers: {', '.join(wrong[:5])}")
    sent = len(found["taken"])
    return Run(
        sent=sent,
        per_second=sent / found["seconds"],
        median_ms=1000 * statistics.median(found["taken"]),
        p95_ms=1000 * p95(found["taken"]),
        cpu_ms=1000 * used / sent,
        server_cpu_ms=1000 * used_beside / sent,
        ping_p95_ms=1000 * p95(pings["taken"]),
        pages=found["bytes"],
        held=held["held"],
    )


def _load(server: Server, clients: int, seconds: float, most: int = _MANY) -> dict[str, Any]:
    words = ("--clients", str(clients), "--seconds", str(seconds), "--most", str(most))
    return _end(_start(server, "load", *words), seconds)


@contextmanager
def _stalled(server: Server, count: int) -> Iterator[dict[str, int]]:
    """Hold half-sent bodies open; how many were still open at the end stands in what is yielded, afterwards."""
    found = {"held": 0}
    client = _start(server, "stall", "--count", str(count))
    try:
        if client.stdout is None or client.stdout.readline() != "ready\n":
            raise WrongAnswerError("the half-sent bodies were not taken")
        yield found
    finally:
        found.update(_end(client, 0))


def _start(server: Server, what: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.client", what, str(server.port), *words]
    return subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own words


def _end(client: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    """Wait for a client and return what it found."""
    try:
        said, _ = client.communicate(timeout=seconds + _MARGIN)
    except subprocess.TimeoutExpired:
        client.kill()
        client.communicate()
        raise
    if client.returncode != 0 or not said:
        raise WrongAnswerError("a client broke off")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found
