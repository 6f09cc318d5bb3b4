"""Configuration: every `PAIVAND_*` variable, read here and nowhere else; docs/operate.md lists them."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FACES: Final = ("intake", "desk", "audit")
SECRET_BYTES: Final = 32
_ROOT_HEX = 64


class ConfigError(Exception):
    """A variable is missing or unsafe; the text says which and what to do."""


@dataclass(frozen=True, slots=True)
class Config:
    """One process's settings."""

    database: str
    root: bytes
    production: bool = True
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    onion: bool = False
    leave: str = "https://www.wikipedia.org/"
    state: Path | None = None
    server_secret: bytes | None = field(default=None, repr=False)

    @classmethod
    def from_env(cls, variables: Mapping[str, str] = os.environ) -> "Config":
        """Read the variables.

        Raises:
            ConfigError: one is missing or unsafe.
        """
        production = _choice(variables, "PAIVAND_MODE", ("production", "demo"), "production") == "production"
        secret = variables.get("PAIVAND_SERVER_SECRET_FILE")
        state = variables.get("PAIVAND_STATE_FILE")
        return cls(
            database=_need(variables, "PAIVAND_DATABASE"),
            root=read_root(variables),
            production=production,
            hosts=tuple(variables.get("PAIVAND_HOSTS", "127.0.0.1 localhost").split()),
            onion=_choice(variables, "PAIVAND_ONION", ("yes", "no"), "no") == "yes",
            leave=variables.get("PAIVAND_LEAVE", "https://www.wikipedia.org/"),
            state=Path(state) if state else None,
            server_secret=read_secret(Path(secret)) if secret else None,
        )


@dataclass(frozen=True, slots=True)
class FoundingConfig:
    """What `init` needs: an instance that is not founded has no root yet."""

    database: str
    server_secret_file: Path

    @classmethod
    def from_env(cls, variables: Mapping[str, str] = os.environ) -> "FoundingConfig":
        """Read the variables.

        Raises:
            ConfigError: one is missing.
        """
        return cls(_need(variables, "PAIVAND_DATABASE"), Path(_need(variables, "PAIVAND_SERVER_SECRET_FILE")))


@dataclass(frozen=True, slots=True)
class RestoreConfig:
    """What `restore` needs: the file of the server secret may not be there yet."""

    database: str
    root: bytes
    server_secret_file: Path | None

    @classmethod
    def from_env(cls, variables: Mapping[str, str] = os.environ) -> "RestoreConfig":
        """Read the variables.

        Raises:
            ConfigError: one is missing or unsafe.
        """
        secret = variables.get("PAIVAND_SERVER_SECRET_FILE")
        return cls(_need(variables, "PAIVAND_DATABASE"), read_root(variables), Path(secret) if secret else None)


def read_root(variables: Mapping[str, str] = os.environ) -> bytes:
    """Read the instance root, the one thing that every command but `init` needs.

    Raises:
        ConfigError: it is missing, or not a root.
    """
    root = _need(variables, "PAIVAND_ROOT")
    if len(root) != _ROOT_HEX or not all(char in "0123456789abcdef" for char in root):
        raise ConfigError("PAIVAND_ROOT is not the 64 hex digits that `init` printed")
    return bytes.fromhex(root)


def write_secret(path: Path, secret: bytes) -> None:
    """Write a new server secret, readable by its owner only.

    Raises:
        ConfigError: the file exists already.
    """
    try:
        write_private(path, secret.hex() + "\n")
    except FileExistsError:
        raise ConfigError(f"{path} exists already; a new instance needs a new server secret") from None


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read.

    Raises:
        FileExistsError: the file exists already.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def read_secret(path: Path) -> bytes:
    """Read a 32-byte secret written as hex in a file that only its owner can read.

    Raises:
        ConfigError: it is missing, readable by others, or not 32 bytes.
    """
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(f"{path} can be read by others: chmod 0400 it")
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError):
        raise ConfigError(f"{path} is not a readable server secret") from None
    if len(secret) != SECRET_BYTES:
        raise ConfigError(f"{path} does not hold {SECRET_BYTES} bytes")
    return secret


def _need(variables: Mapping[str, str], name: str) -> str:
    value = variables.get(name, "").strip()
    if not value:
        raise ConfigError(f"{name} is not set")
    return value


def _choice(variables: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    value = variables.get(name, default)
    if value not in choices:
        raise ConfigError(f"{name} is one of: {', '.join(choices)}")
    return value
