"""Where slow work runs, so that nobody waits for a stranger's key derivation or for the one lock of a file.

In a worker of threads every request has a thread, and work runs where it is asked for. In the intake's gevent worker all
requests share one: Argon2id (5 ms, outside the interpreter's lock) goes to two threads beside it, and SQLite, which
blocks while another process writes, to one more; PostgreSQL's driver waits without blocking (docs/performance.md).
"""

import sys
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeVar

_Result = TypeVar("_Result")
_DERIVING: Final = 2


class Offload:
    """Runs a function in the place for its kind of work, and returns what it returns or raises what it raises."""

    def __init__(self, *, is_sqlite: bool) -> None:
        """Prepare; threads are made at the first use, by the worker that needs them."""
        monkey = sys.modules.get("gevent.monkey")
        self._shares_a_thread = monkey is not None and monkey.is_module_patched("threading")
        self._blocks = is_sqlite

    def derive(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Run a key derivation."""
        return _run(self._derivers, function, arguments) if self._shares_a_thread else function(*arguments)

    def store(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Run what reads or writes the database."""
        return _run(self._storer, function, arguments) if self._shares_a_thread and self._blocks else function(*arguments)

    @cached_property
    def _derivers(self) -> Any:
        return _pool(_DERIVING)

    @cached_property
    def _storer(self) -> Any:
        return _pool(1)


def _run(pool: Any, function: Callable[..., _Result], arguments: tuple[object, ...]) -> _Result:
    result: _Result = pool.apply(function, arguments)
    return result


def _pool(size: int) -> Any:
    from gevent.threadpool import ThreadPool  # noqa: PLC0415 - only where the worker is gevent's

    return ThreadPool(size)
