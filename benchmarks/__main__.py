"""`make bench`: measure beside floors, one line of JSON for each number (docs/performance.md)."""

import argparse
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import copies, desk, ledger, pages, submissions
from benchmarks.core import SIZES, Bench

PARTS: Final[dict[str, Callable[[Bench], None]]] = {
    "submissions": submissions.measure,
    "pages": pages.measure,
    "desk": desk.measure,
    "ledger": ledger.measure,
    "copies": copies.measure,
}


def main() -> None:
    """Run the chosen parts in a folder of their own, and remove it."""
    words = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    words.add_argument("--parts", default="", help=f"comma-separated, all if empty: {', '.join(PARTS)}")
    words.add_argument("--size", choices=SIZES, default="full")
    given = words.parse_args()
    chosen = given.parts.split(",") if given.parts else list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        words.error(f"no such part: {', '.join(unknown)}")
    os.umask(0o077)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no server outlives us
    with tempfile.TemporaryDirectory(prefix="paivand-bench-") as folder:
        bench = Bench(SIZES[given.size], Path(folder))
        for name in chosen:
            PARTS[name](bench)


if __name__ == "__main__":
    main()
