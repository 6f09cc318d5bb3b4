"""The intake as it is, but with the derivation of a receipt as dear as another system has chosen: `benchmarks.costly:intake`.

Memory and passes are those of GlobaLeaks. The program's code is not changed; its name for the derivation is, before it starts.
"""

from typing import Any

from app.vault import receipt
from benchmarks.floor import DEAR_KIB, DEAR_PASSES
from wsgi import intake

__all__ = ["intake"]
_derivation = vars(receipt)["Argon2id"]


def _costly(**settings: Any) -> Any:
    return _derivation(**{**settings, "iterations": DEAR_PASSES, "memory_cost": DEAR_KIB})


vars(receipt)["Argon2id"] = _costly
