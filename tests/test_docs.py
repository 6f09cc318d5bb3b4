"""What an operator can set and run is written down, by its exact name."""

import re
from pathlib import Path

import click
import pytest

from app.__main__ import main

ROOT = Path(__file__).parents[1]
VARIABLES = sorted(set(re.findall(r"PAIVAND_[A-Z_]+[A-Z]", (ROOT / "config.py").read_text("utf-8"))))


def commands_of(group: click.Group, path: tuple[str, ...] = ()) -> list[str]:
    """Return the full names of the commands under a group."""
    found: list[str] = []
    for name, command in group.commands.items():
        full = (*path, name)
        found += commands_of(command, full) if isinstance(command, click.Group) else [" ".join(full)]
    return sorted(found)


def test_there_is_something_to_document() -> None:
    """The lists that the tests below walk are not empty."""
    assert "PAIVAND_DATABASE" in VARIABLES
    assert {"init", "ledger verify", "demo serve"} <= set(commands_of(main))


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_is_documented(variable: str) -> None:
    """docs/operate.md names each variable that config.py reads."""
    assert re.search(rf"\b{variable}\b", (ROOT / "docs/operate.md").read_text("utf-8"))


@pytest.mark.parametrize("command", commands_of(main))
def test_every_command_is_documented(command: str) -> None:
    """docs/operate.md names each command, as it is typed or by its name."""
    assert re.search(rf"(python -m app |`){command}\b", (ROOT / "docs/operate.md").read_text("utf-8"))


@pytest.mark.parametrize("target", ["make demo", "make test"])
def test_readme_says_how_to_begin(target: str) -> None:
    """README.md names the two commands that everything begins with."""
    assert target in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("command", commands_of(main))
def test_every_command_explains_itself(command: str) -> None:
    """`--help` says in a sentence what a command does."""
    found: click.Command = main
    for name in command.split():
        assert isinstance(found, click.Group)
        found = found.commands[name]
    assert (found.help or "").strip().endswith(".")
