"""Entry points for a WSGI server: `wsgi:intake`, `wsgi:desk`, `wsgi:audit`; `wsgi:app` serves all faces and is for the demo only."""

from collections.abc import Callable
from typing import Any, Final

from app.factory import create_app
from app.web.production import harden_process
from config import FACES, Config, ConfigError

_ENTRIES: Final[dict[str, tuple[str, ...]]] = {**{face: (face,) for face in FACES}, "app": FACES}


def __getattr__(name: str) -> Callable[..., Any]:
    """Build only the application that is asked for, so that a process knows one face and its keys alone."""
    if name not in _ENTRIES:
        raise AttributeError(name)
    try:
        config = Config.from_env()
        if config.production:
            harden_process()
        return create_app(config, faces=_ENTRIES[name])
    except ConfigError as error:
        raise SystemExit(f"paivand: {error}") from None  # one line for the operator, not a traceback
