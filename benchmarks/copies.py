"""Upgrade, back up and restore a database with many reports, beside copying the same bytes."""

import hashlib
import os
import shutil
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from alembic.script import ScriptDirectory

from app.backup import back_up, restore
from app.store import migrate
from app.store.database import Database
from app.vault.backup import Header, open_key
from app.vault.recovery import NEEDED, keys_from
from benchmarks.core import PROJECT, Bench, file_bytes, samples, timed
from benchmarks.instance import Instance, now

_TIMES: Final = 3
_PART: Final = 1 << 20


def measure(bench: Bench) -> None:
    """Measure with the most reports of this run."""
    reports = max(bench.size.reports)
    instance = bench.filled(reports)
    copy = bench.folder / "copy.db"
    floors = [timed(lambda: _copy(instance.path, copy)) for _ in range(_TIMES)]
    floor = statistics.median(floors)
    _measure_upgrades(bench, copy, floor, reports)
    copy.unlink()
    _measure_backup(bench, instance, floor, reports)


def _measure_upgrades(bench: Bench, copy: Path, floor: float, reports: int) -> None:
    """Take the copy's schema back to the one before, and to the first, and bring it up again."""
    scripts = ScriptDirectory(str(PROJECT / "migrations"))
    newest = scripts.get_revision(scripts.get_current_head() or "head")
    size = file_bytes(copy)
    for revision in (str(newest.down_revision), scripts.get_base() or "base"):
        common = {"reports": reports, "bytes": size, "newest": newest.revision, "older": revision}
        down, up = [], []
        for _ in range(_TIMES):
            down.append(_timed_on(copy, partial(migrate.downgrade, to=revision)))
            up.append(_timed_on(copy, migrate.upgrade))
        bench.say("downgrade", "ms", statistics.median(down), floor, taken=samples(down), **common)
        bench.say("upgrade", "ms", statistics.median(up), floor, taken=samples(up), **common)


def _measure_backup(bench: Bench, instance: Instance, floor: float, reports: int) -> None:
    """Write a backup and restore it into an empty database; the floor is the copy, written for good and read once."""
    file, database = bench.folder / "backup", instance.database()
    common = {"reports": reports, "bytes": file_bytes(instance.path)}
    with bench.memory("backup.memory", **common):
        taken = timed(lambda: back_up(database, instance.root, file, server_secret=instance.server_secret, now=now()))
    bench.say("backup", "ms", taken, floor, written=file_bytes(file), **common)
    database.close()
    with file.open("rb") as stream:
        header = Header.read(stream)
    recovery, _ = keys_from(list(instance.shares[:NEEDED]))
    key = open_key(header, recovery, root=instance.root)
    target = Database(f"sqlite:///{bench.folder / 'restored.db'}")
    with bench.memory("restore.memory", **common):
        taken = timed(lambda: restore(target, instance.root, file, key, server_secret=instance.server_secret))
    bench.say("restore", "ms", taken, floor, read=file_bytes(file), **common)
    target.close()
    file.unlink()
    (bench.folder / "restored.db").unlink()


def _timed_on(path: Path, act: Callable[[Database], None]) -> float:
    database = Database(f"sqlite:///{path}")
    taken = timed(lambda: act(database))
    database.close()
    return taken


def _copy(source: Path, target: Path) -> None:
    """Copy a file to the disk for good and read it back for its digest, as a careful operator would."""
    shutil.copyfile(source, target)
    digest = hashlib.sha256()
    with target.open("rb+") as file:
        os.fsync(file.fileno())
        while part := file.read(_PART):
            digest.update(part)
