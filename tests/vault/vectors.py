"""The files of tests/vectors: header lines, an empty line, then the bytes in hex."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

FOLDER: Final = Path(__file__).parent.parent / "vectors"
EXPECTED: Final = ("opened", "malformed", "mistyped", "cannot-open")
_WIDTH = 120


@dataclass(frozen=True)
class Vector:
    """One case."""

    name: str
    headers: dict[str, str]
    raw: bytes

    def text(self, name: str) -> str:
        """Return a parameter."""
        return self.headers[name]

    def hex(self, name: str) -> bytes:
        """Return a parameter that is bytes."""
        return bytes.fromhex(self.headers[name])

    def number(self, name: str) -> int:
        """Return a parameter that is a number."""
        return int(self.headers[name])

    def write(self) -> str:
        """Return the text of the file."""
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        digits = self.raw.hex()
        return "\n".join([*lines, "", *(digits[at : at + _WIDTH] for at in range(0, len(digits), _WIDTH)), ""])


def read(name: str) -> Vector:
    """Read one file."""
    head, _, digits = (FOLDER / f"{name}.txt").read_text("utf-8").partition("\n\n")
    pairs = (line.partition(": ") for line in head.splitlines())
    return Vector(name, {key: value for key, _, value in pairs}, bytes.fromhex(digits))


def names() -> list[str]:
    """Return the names of all cases."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def spell(value: str | bytes | int | UUID | None) -> object:
    """Write a value so that its type shows."""
    match value:
        case str():
            return f"text {value}"
        case bytes():
            return f"bytes {value.hex()}"
        case UUID():
            return f"uuid {value.hex}"
    return value
