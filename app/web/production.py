"""What production demands of a process before it serves anybody: a mistake in the set-up stops the start (threat model T6, T7)."""

import ctypes
import resource
import stat
import sys
from pathlib import Path
from typing import Final

from flask import Flask
from sqlalchemy import URL, make_url, text

from app.store import roles
from app.store.database import Database
from app.web.refusals import warn_operator
from config import Config, ConfigError

_SET_DUMPABLE: Final = 4  # PR_SET_DUMPABLE of prctl(2)
_GET_DUMPABLE: Final = 3
_VERIFIED: Final = ("verify-full", "verify-ca")
_SWAPS: Final = Path("/proc/swaps")


def check(config: Config, faces: tuple[str, ...], app: Flask) -> None:
    """Refuse what can be seen before the database is asked.

    Raises:
        ConfigError: says which variable or file, and what to do.
    """
    if len(faces) != 1:
        raise ConfigError("production serves one face per process")
    if app.debug or app.testing:
        raise ConfigError("FLASK_DEBUG is set: production never runs in debug mode")
    if "intake" in faces:
        if config.server_secret is not None:
            raise ConfigError("the intake must not be given PAIVAND_SERVER_SECRET_FILE")
        if config.state is None:
            raise ConfigError("PAIVAND_STATE_FILE is not set: the intake remembers the newest keyring there")
    _check_address(make_url(config.database))


def check_database(database: Database, face: str) -> None:
    """Refuse a store that forgets, or an account that may do more than the face needs.

    Raises:
        ConfigError: says what to change.
    """
    if database.path is not None:
        _check_private(database.path)
        return
    with database.engine.connect() as connection:
        if connection.scalar(text("SHOW fsync")) != "on":
            raise ConfigError("the PostgreSQL server has fsync off: what it acknowledges can be lost")
        too_much = roles.excess(connection, face)
    if too_much:
        raise ConfigError(f"the database role may do more than the {face} needs: {'; '.join(too_much)}. Run `python -m app roles`")


def harden_process() -> None:
    """Let no core file and no other process of the same user read this one's memory; warn about swap.

    Raises:
        ConfigError: the system does not allow it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        raise ConfigError("production runs on Linux only: elsewhere a process cannot close its memory to others")
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    if prctl(_GET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise ConfigError("this process cannot be closed to others (PR_SET_DUMPABLE)")
    if len(_SWAPS.read_text("ascii").splitlines()) > 1:
        warn_operator("swap is on: what people write can reach the disk. Turn it off, or encrypt it with a random key")


def _check_address(url: URL) -> None:
    if url.get_backend_name() == "sqlite":
        return
    if url.password:
        raise ConfigError("PAIVAND_DATABASE holds a password: put it into a file and name that with ?passfile=")
    passfile = url.query.get("passfile")
    if isinstance(passfile, str):
        _check_private(Path(passfile))
    host = url.query.get("host") or url.host or ""
    is_local = isinstance(host, str) and (not host or host.startswith("/") or host in ("localhost", "127.0.0.1", "::1"))
    if not is_local and url.query.get("sslmode") not in _VERIFIED:
        raise ConfigError("PAIVAND_DATABASE is on another machine: add ?sslmode=verify-full, or use a socket")


def _check_private(path: Path) -> None:
    """Refuse a file that everybody on the machine can read; its group may."""
    try:
        mode = path.stat().st_mode
    except OSError:
        raise ConfigError(f"{path} is not there, or not for this user") from None
    if mode & stat.S_IRWXO:
        raise ConfigError(f"{path} can be read by everybody on this machine: chmod o= it")
