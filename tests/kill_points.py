"""Places in the program at which a worker kills itself when a test has said so: the kernel, an operator or the power, just there.

A test's own gunicorn settings (`settings_of`) arm them in each worker after it was forked. The program knows nothing of them.
"""

import functools
import os
import pkgutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

INTAKE: Final = (
    "app.intake.views._send",
    "app.intake.views._add",
    "app.intake.views._show_receipt",
    "app.intake.views._show_mailbox",
    "app.reports.receive.seal_report",
    "app.store.database.Database.empty_wal",
    "app.web.offload.Offload.derive",
    "gunicorn.http.wsgi.Response.send_headers",
    "gunicorn.http.wsgi.Response.write",
)
DESK: Final = (
    "app.ledger.remember.HeadKeeper.verify",
    "app.ledger.state._replace",
    "app.reports.admit._try_admit",
    "app.reports.admit._try_open",
    "app.reports.admit.append",
    "app.reports.admit.save_report",
    "app.reports.admit.seal_summary",
    "app.reports.queue.look",
    "app.store.database.Database.empty_wal",
    "gunicorn.http.wsgi.Response.send_headers",
    "gunicorn.http.wsgi.Response.write",
)
STATEMENTS: Final = (
    "DELETE FROM key_wrap",
    "INSERT INTO dedupe",
    "INSERT INTO key_wrap",
    "INSERT INTO ledger_entry",
    "INSERT INTO report",
    "INSERT INTO source_request",
    "SELECT version_num",
    "UPDATE ledger_head",
    "UPDATE report",
)
COMMIT: Final = "COMMIT"
KEYS_LOCKED: Final = "hourly keys locked"
_DIALECTS: Final = (
    "sqlalchemy.dialects.sqlite.pysqlite.SQLiteDialect_pysqlite",
    "sqlalchemy.dialects.postgresql.psycopg.PGDialect_psycopg",
)
_SETTINGS: Final = """
import runpy, sys
globals().update(runpy.run_path({shipped!r}))
sys.path.insert(0, {project!r})
_shipped_post_fork = post_fork

def post_fork(server, worker):
    _shipped_post_fork(server, worker)
    from pathlib import Path
    from tests import kill_points
    kill_points.arm(Path({plan!r}), kill_points.{face})
"""


class Plan:
    """A file that says at which place, and at which passing of it, the worker that comes there first is to die."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def write(self, place: str, passing: int = 1) -> None:
        """Say where the next kill is to be."""
        part = self.file.with_suffix(".part")
        part.write_text(f"{place}\n{passing}")
        part.replace(self.file)

    @property
    def is_done(self) -> bool:
        """Whether a worker has come there, and died."""
        return not self.file.exists()

    def cancel(self) -> None:
        """Let nobody die any more."""
        self.file.unlink(missing_ok=True)

    def reach(self, place: str) -> None:
        """Die, if it is to be here."""
        try:
            planned, passing = self.file.read_text().split("\n")
        except FileNotFoundError:
            return
        if planned != place:
            return
        if int(passing) > 1:
            self.write(place, int(passing) - 1)
            return
        self.file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def settings_of(face: str, shipped: Path, plan: Path) -> str:
    """Return gunicorn settings that are the shipped ones, with the places of a face armed."""
    return _SETTINGS.format(shipped=str(shipped), project=str(shipped.parents[1]), plan=str(plan), face=face.upper())


def arm(file: Path, names: tuple[str, ...]) -> None:
    """Mark, in this process, what comes before and after the named functions, each statement, the commit, and inside one lock."""
    plan = Plan(file)
    for name in names:
        _mark(name, functools.partial(_always, [name]), plan)
    for dialect in _DIALECTS:
        _mark(f"{dialect}.do_commit", functools.partial(_always, [COMMIT]), plan)
        for verb in ("do_execute", "do_executemany"):
            _mark(f"{dialect}.{verb}", _begins, plan)
    _mark_lock(plan)


def _always(places: list[str], _arguments: tuple[Any, ...]) -> list[str]:
    return places


def _begins(arguments: tuple[Any, ...]) -> list[str]:
    """Name the statement that a dialect was given: (dialect, cursor, statement, …)."""
    return [begin for begin in STATEMENTS if arguments[2].startswith(f"{begin} ")]


def _mark(name: str, places: Callable[[tuple[Any, ...]], list[str]], plan: Plan) -> None:
    owner_name, _, own = name.rpartition(".")
    owner = pkgutil.resolve_name(owner_name)
    original = getattr(owner, own)

    @functools.wraps(original)
    def marked(*arguments: Any, **options: Any) -> Any:
        found = places(arguments)
        for place in found:
            plan.reach(f"before {place}")
        result = original(*arguments, **options)
        for place in found:
            plan.reach(f"after {place}")
        return result

    setattr(owner, own, marked)


def _mark_lock(plan: Plan) -> None:
    keys = pkgutil.resolve_name("app.vault.formtoken.HourlyKeys")
    original = keys._slots

    @contextmanager
    def locked(self: Any, hour: int) -> Iterator[None]:
        with original(self, hour):
            plan.reach(KEYS_LOCKED)
            yield

    keys._slots = locked
