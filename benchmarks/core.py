"""What every measurement shares: how much to do, where, and how a line is written."""

import ctypes
import gc
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from benchmarks.fill import fill_reports
from benchmarks.instance import CASEWORKER, Instance, now

PROJECT: Final = Path(__file__).resolve().parents[1]
_MOST: Final = 64  # samples written out in a line


@dataclass(frozen=True)
class Size:
    """How much is done."""

    rounds: int  # product, floor, product, floor …
    seconds: float  # of load in each
    clients: int
    stalled: int  # half-sent bodies that are held open
    stalled_rounds: int
    costly: int  # submissions at the dear derivation
    reports: tuple[int, ...]
    requests: int  # of each page of the desk
    entries: tuple[int, ...]
    appended: int


SIZES: Final = {
    "full": Size(5, 10, 8, 5000, 3, 16, (1_000, 100_000), 20, (1_000, 1_000_000), 200),
    "small": Size(2, 4, 8, 1000, 1, 8, (1_000, 5_000), 20, (1_000, 20_000), 50),
    "tiny": Size(1, 0.5, 2, 20, 1, 1, (300,), 3, (400,), 5),
}


@dataclass
class Bench:
    """One run: its size, its folder, and what was filled in it."""

    size: Size
    folder: Path
    _filled: dict[int, Instance] = field(default_factory=dict)

    def say(self, name: str, unit: str, value: float, floor: float | None, **more: Any) -> None:
        """Write one line; `ratio` is value ÷ floor, and a floor of None says that there is nothing to compare with."""
        line = {
            "name": name,
            "unit": unit,
            "value": rounded(value),
            "floor": None if floor is None else rounded(floor),
            "ratio": rounded(value / floor) if floor else None,
            **more,
            **self._circumstances,
            "when": now().isoformat(timespec="seconds"),
            "load": rounded(os.getloadavg()[0]),
        }
        print(json.dumps(line, ensure_ascii=False), flush=True)

    def filled(self, reports: int) -> Instance:
        """Return an instance with this many reports; it is made once and kept for the parts of one run."""
        if reports not in self._filled:
            folder = self.folder / f"reports-{reports}"
            folder.mkdir()
            instance = Instance.found(folder)
            database = instance.database()
            actor = instance.actor(database, CASEWORKER)
            instance.import_cases(database, actor)
            begun = time.perf_counter()
            fill_reports(database, actor, reports, now())
            self.say("fill", "s", time.perf_counter() - begun, None, reports=reports, bytes=file_bytes(instance.path))
            database.close()
            os.sync()  # what was filled must not be written while others are timed
            self._filled[reports] = instance
        return self._filled[reports]

    @contextmanager
    def memory(self, name: str, **more: Any) -> Iterator[None]:
        """Say by how much this process grew, at the most, while something was done in it."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what was freed before must not be used again unseen
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # the highest mark begins anew
        before = _resident("VmRSS")
        yield
        self.say(name, "MiB", _resident("VmHWM") - before, None, **more)

    @cached_property
    def _circumstances(self) -> dict[str, Any]:
        return {"machine": _machine(), "fsync_ms": rounded(_fsync_ms(self.folder)), "revision": _revision()}


def rounded(value: float) -> float:
    """Keep four digits that mean something; a count stays as it is."""
    return value if isinstance(value, int) else float(f"{value:.4g}")


def samples(values: Sequence[float]) -> list[float]:
    """Return measured values as a line shows them."""
    return [rounded(value) for value in values[:_MOST]]


def p95(values: Sequence[float]) -> float:
    """Return the value that 95 % do not exceed."""
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)]


def timed(act: Callable[[], object]) -> float:
    """Return how many milliseconds something takes."""
    begun = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - begun)


def repeated(act: Callable[[], object], times: int, most_seconds: float = 120) -> list[float]:
    """Return how many milliseconds something takes, several times; fewer than asked if it is very slow, but once at least."""
    until, taken = time.monotonic() + most_seconds, [timed(act)]
    while len(taken) < times and time.monotonic() < until:
        taken.append(timed(act))
    return taken


def file_bytes(path: Path) -> int:
    """Return the length of a file."""
    return path.stat().st_size


def _resident(name: str) -> float:
    """Read one of the process's marks, in MiB."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    return (
        f"{model}, {os.cpu_count()} cores; Linux {platform.release()}; Python {platform.python_version()}; SQLite {sqlite3.sqlite_version}"
    )


def _fsync_ms(folder: Path) -> float:
    """Return the median time of writing a page of 4 KiB to this disk for good."""
    path = folder / "fsync"
    with path.open("wb") as file:

        def write() -> None:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())

        taken = repeated(write, 50)
    path.unlink()
    return statistics.median(taken)


def _revision() -> str:
    """Return the commit, with a plus where files differ from it."""
    git = shutil.which("git")
    if git is None or not (PROJECT / ".git").exists():
        return "unknown"

    def ask(*words: str) -> str:
        return subprocess.run([git, *words], cwd=PROJECT, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - our own words

    return ask("rev-parse", "--short", "HEAD") + ("+" if ask("status", "--porcelain", "--untracked-files=no") else "")
