"""Append to a ledger and verify it whole, beside bare hashing of the same leaves and bare insertion of rows as long."""

import hashlib
import os
import secrets
import sqlite3
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from app.ledger.append import Actor, append
from app.ledger.verify import verify
from app.store.database import Database
from benchmarks.core import Bench, file_bytes, p95, repeated, samples
from benchmarks.fill import fill_entries
from benchmarks.instance import CASEWORKER, ORIGIN, Instance, now

_SEALED_BYTES: Final = 1024 + 82  # an entry
_WRAP_BYTES: Final = 32 + 82
_VERIFIED: Final = 3  # times; twice more where it is fast
_MOST_SECONDS: Final = 60


def measure(bench: Bench) -> None:
    """Measure a short ledger and a long one."""
    for count in bench.size.entries:
        folder = bench.folder / f"entries-{count}"
        folder.mkdir()
        instance = Instance.found(folder)
        database = instance.database()
        actor = instance.actor(database, CASEWORKER)
        begun = time.perf_counter()
        fill_entries(database, actor, count, now())
        bench.say("fill", "s", time.perf_counter() - begun, None, entries=count, bytes=file_bytes(instance.path))
        os.sync()  # what was filled must not be written while others are timed
        _measure_append(bench, database, actor, folder, count)
        _measure_verify(bench, database, instance.path, count)
        database.close()
        instance.path.unlink()


def _measure_append(bench: Bench, database: Database, actor: Actor, folder: Path, count: int) -> None:
    def append_one() -> None:
        with database.write() as session:
            append(session, actor, "queue.viewed", now=now())

    taken = repeated(append_one, bench.size.appended)
    with closing(_plain(folder / "plain.db")) as connection:
        leaves = [secrets.token_bytes(163) for _ in range(len(taken))]
        todo = iter(enumerate(leaves))
        floors = repeated(lambda: _insert(connection, *next(todo)), len(taken))
    found = {"entries": count, "appended": len(taken), "taken": samples(taken)}
    bench.say("ledger.append.p50", "ms", statistics.median(taken), statistics.median(floors), **found)
    bench.say("ledger.append.p95", "ms", p95(taken), p95(floors), **found)


def _measure_verify(bench: Bench, database: Database, path: Path, count: int) -> None:
    def verify_all() -> None:
        with database.read() as session:
            verdict = verify(session, ORIGIN)
        if not verdict.is_good or verdict.size < count:
            raise RuntimeError(f"the ledger does not verify: {verdict.faults}")

    with closing(sqlite3.connect(path)) as connection:
        leaves = [leaf for (leaf,) in connection.execute("SELECT leaf FROM ledger_entry ORDER BY idx")]
    roots: list[bytes] = []
    taken = repeated(verify_all, _VERIFIED, _MOST_SECONDS)
    floors = repeated(lambda: roots.append(_root(leaves)), _VERIFIED, _MOST_SECONDS)
    with database.read() as session:
        if verify(session, ORIGIN).root != roots[0]:
            raise RuntimeError("the floor hashes another tree")
    bench.say("ledger.verify", "ms", statistics.median(taken), statistics.median(floors), entries=len(leaves), taken=samples(taken))


def _root(leaves: Sequence[bytes]) -> bytes:
    """Hash a tree as RFC 6962 says, with nothing around it."""
    stack: list[bytes] = []
    for number, leaf in enumerate(leaves):
        stack.append(hashlib.sha256(b"\x00" + leaf).digest())
        while number & 1:
            right, left = stack.pop(), stack.pop()
            stack.append(hashlib.sha256(b"\x01" + left + right).digest())
            number >>= 1  # noqa: PLW2901 - the number of subtrees that are full
    root = stack.pop()
    while stack:
        root = hashlib.sha256(b"\x01" + stack.pop() + root).digest()
    return root


def _plain(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE entry (idx INTEGER PRIMARY KEY, leaf BLOB, sealed BLOB, one BLOB, other BLOB)")
    return connection


def _insert(connection: sqlite3.Connection, index: int, leaf: bytes) -> None:
    """Hash a leaf and store one row as long as an entry and its two wraps, for good."""
    hashlib.sha256(b"\x00" + leaf).digest()
    row = (index, leaf, os.urandom(_SEALED_BYTES), os.urandom(_WRAP_BYTES), os.urandom(_WRAP_BYTES))
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", row)
    connection.execute("COMMIT")
