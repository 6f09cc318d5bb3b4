"""What a request needs, in one place, without globals."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

from flask import Flask, current_app

from app.i18n.languages import Languages
from app.members.chain import ChainKeeper
from app.store.database import Database
from app.vault.formtoken import HourlyKeys
from app.web.memories import Memories
from app.web.offload import Offload
from config import Config

_KEY: Final = "paivand"


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything a view may reach. No private key is among it (nor the server secret): sessions bring those, per request."""

    config: Config
    clock: Callable[[], datetime]
    database: Database
    chain: ChainKeeper
    hourly_keys: HourlyKeys
    languages: Languages
    offload: Offload
    host_secret: bytes = field(repr=False)
    memories: Memories = field(default_factory=Memories, repr=False)
    blank_forms: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def hour(self) -> int:
        """Whole hours since 1970."""
        return int(self.clock().timestamp()) // 3600


def deps() -> Deps:
    """Return the dependencies of the running application."""
    return cast("Deps", current_app.extensions[_KEY])


def attach(app: Flask, made: Deps) -> None:
    """Hang the dependencies on an application."""
    app.extensions[_KEY] = made
