"""One throw-away instance: founded as an operator would, with the demonstration's people."""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.cases.importing import import_published, published
from app.demo.commands import PEOPLE
from app.ledger.append import Actor
from app.members import sessions
from app.members.chain import ChainKeeper
from app.members.found import NewMember, found
from app.members.passphrase import code_at
from app.store import migrate
from app.store.database import Database
from app.vault.keyring import ServerSecret
from config import Config

ORIGIN: Final = "bench.example/log"
LEAD: Final = "Ruth"
CASEWORKER: Final = "Nigora"
AUDITOR: Final = "Edda"


def now() -> datetime:
    """Return the time: the measurements' one clock."""
    return datetime.now(UTC)  # noqa: TID251 - the measurements' clock


@dataclass(frozen=True)
class Instance:
    """A founded instance, its secrets at hand."""

    folder: Path
    url: str
    root: bytes
    members: dict[str, NewMember]
    server_secret: bytes = field(repr=False)
    shares: tuple[str, ...] = field(repr=False)

    @classmethod
    def found(cls, folder: Path, url: str | None = None) -> "Instance":
        """Found an instance; on a SQLite file in the folder, if no database is named."""
        url = url or f"sqlite:///{folder / 'paivand.db'}"
        secret = secrets.token_bytes(32)
        database = Database(url)
        migrate.upgrade(database)
        with database.write() as session:
            made = found(session, PEOPLE, origin=ORIGIN, server_secret=ServerSecret(secret), now=now())
        database.close()
        return cls(folder, url, made.root, {member.name: member for member in made.members}, secret, made.shares)

    @property
    def path(self) -> Path:
        """The file, where the database is one."""
        return self.folder / "paivand.db"

    def database(self) -> Database:
        """Open the database anew."""
        return Database(self.url)

    def config(self, **changes: Any) -> Config:
        """Return the settings of a process in production."""
        values: dict[str, Any] = {"database": self.url, "root": self.root, "state": self.folder / "manifests.state"}
        return Config(**{**values, **changes})

    def code(self, name: str) -> str:
        """Return the present code of a member's second device; it works once."""
        return code_at(base64.b32decode(self.members[name].totp), now())

    def actor(self, database: Database, name: str) -> Actor:
        """Sign a member in without HTTP."""
        _, held = sessions.sign_in(
            database,
            name=name,
            passphrase=self.members[name].passphrase,
            code=self.code(name),
            chain=ChainKeeper(database, self.root).current(),
            server_secret=ServerSecret(self.server_secret),
            host_secret=secrets.token_bytes(32),
            now=now(),
        )
        return held.actor

    def import_cases(self, database: Database, actor: Actor) -> None:
        """Bring the published incidents in, so that reports are compared with cases."""
        with database.write() as session:
            import_published(session, actor, published(), now=now())
