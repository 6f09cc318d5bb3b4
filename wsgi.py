"""Entry points for a WSGI server: `wsgi:intake`, `wsgi:desk`, `wsgi:audit`; `wsgi:app` serves all faces and is for the demo only."""

from collections.abc import Callable
from typing import Any, Final

from app.factory import create_app
from config import FACES, Config

_ENTRIES: Final[dict[str, tuple[str, ...]]] = {**{face: (face,) for face in FACES}, "app": FACES}


def __getattr__(name: str) -> Callable[..., Any]:
    """Build only the application that is asked for, so that a process knows one face and its keys alone."""
    if name not in _ENTRIES:
        raise AttributeError(name)
    return create_app(Config.from_env(), faces=_ENTRIES[name])
