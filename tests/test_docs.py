"""What the documents say is so: names, numbers, states and addresses are held against the code."""

import re
from pathlib import Path

import click
import pytest

from app.__main__ import main
from app.audit.log import PAGE
from app.cases import changes
from app.cases.importing import published
from app.demo.commands import PEOPLE
from app.findings import review
from app.members import invite
from app.store import migrate
from app.store.cases import CaseState, FindingState
from app.store.database import METADATA
from app.store.reports import ReportState

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
WORKING = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
PACKAGES = sorted(path.parent.name for path in (ROOT / "app").glob("*/__init__.py"))
STATES = sorted({state.value for states in (ReportState, CaseState, FindingState) for state in states} - {FindingState.UNASSESSED.value})
LIMITS = (
    f"{changes.MAX_LINE}, {changes.MAX_TEXT:,} characters",
    f"{changes.MAX_FORMS}, {changes.MAX_OPEN}",
    f"statements, contradictions | {review.MAX_STATEMENTS} each",
    f"{review.MAX_TEXT:,}; 600; 80; {review.MAX_COMMENT:,}; 300 characters",
    f"{invite.VALID_DAYS} days; name of a member: {invite.MAX_NAME} characters",
    f"page of the log | {PAGE} entries",
)
FAULTS = (
    "does not open, or is not signed by the member it names",
    "does not match its seal",
    "differs from what its entry recorded",
    "is stored, the ledger's newest is",
    "is gone",
    "the ledger knows no such record",
    "its signatures do not bear its state",
    "was confirmed by its proposer",
    "the manifest does not name this member",
    "whom the manifest does not name",
    "is in the manifest and has no account",
)
VARIABLES = sorted(set(re.findall(r"PAIVAND_[A-Z_]+[A-Z]", (ROOT / "config.py").read_text("utf-8"))))


def read(name: str) -> str:
    """Return the text of a document."""
    return (ROOT / name).read_text("utf-8")


def name_of(path: Path) -> str:
    """Return a document's path as people write it."""
    return path.relative_to(ROOT).as_posix()


def section(name: str, title: str) -> str:
    """Return one section of a document, from its heading to the next of the same level."""
    _, _, rest = read(name).partition(f"\n## {title}")
    assert rest, f"{name} has no section {title}"
    return rest.partition("\n## ")[0]


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


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    """Pages and pictures that a document points to are there."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"", document.read_text("utf-8"))
    inside = [target for pair in targets for target in pair if target and "://" not in target]

    assert [target for target in inside if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", WORKING, ids=name_of)
def test_named_files_exist(document: Path) -> None:
    """A claim that names its test, or a file of the code, names one that is there; the changelog may speak of what was."""
    named = set(re.findall(r"`((?:tests|app|docs|deploy|migrations|requirements)/[\w./-]+)`", document.read_text("utf-8")))

    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_there_are_links_and_tests_to_look_for() -> None:
    """The two walks above are not empty."""
    assert "docs/threat-model.md" in map(name_of, DOCUMENTS)
    assert "`tests/test_check.py`" in read("docs/threat-model.md")
    assert "(docs/operate.md)" in read("README.md")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_stands_in_the_table_of_folders(package: str) -> None:
    """README.md says of each package what is in it."""
    assert f"`app/{package}/`" in section("README.md", "How it is built")


@pytest.mark.parametrize(("role", "name"), PEOPLE)
def test_everybody_of_the_demonstration_has_something_to_do(role: str, name: str) -> None:
    """The walk of README.md needs each of them, and operate.md says what the role is for."""
    assert f"**{name}**" in section("README.md", "What you see")
    assert f"| `{role}`" in section("docs/operate.md", "4. Found an instance")


@pytest.mark.parametrize("table", sorted(METADATA.tables))
def test_every_table_is_in_the_thiefs_list(table: str) -> None:
    """What somebody learns who steals the database is told of every table there is."""
    assert f"`{table}`" in section("docs/threat-model.md", "3. Thief of the database")


@pytest.mark.parametrize("state", STATES)
def test_every_state_in_clear_is_in_the_thiefs_list(state: str) -> None:
    """A state that the database shows is told by its name."""
    assert re.search(rf"\b{state.replace('_', ' ')}\b", section("docs/threat-model.md", "3. Thief of the database"))


def test_numbers_of_the_data_set_are_true() -> None:
    """What `case import` prints, as operate.md shows it, is what the data set holds."""
    data = published()
    acts = [act for incident in data["incidents"] for act in incident["acts"]]
    exiles = {exile for incident in data["incidents"] for exile in incident["exile"]}
    after = sum(bool(act.get("is_consequence")) for act in acts)
    line = (
        f"{len(exiles)} cases, {len(data['incidents'])} incidents, {len(acts)} acts ({after} of them consequences), "
        f"{len(data['people'])} people, {len(data['sources'])} publications"
    )

    assert line in read("docs/operate.md")


def test_schema_is_the_newest() -> None:
    """operate.md shows what `upgrade` prints."""
    assert f"`schema {migrate.newest()}`" in read("docs/operate.md")


@pytest.mark.parametrize("limit", LIMITS)
def test_limits_are_those_of_the_code(limit: str) -> None:
    """A number in the table of limits is the one that is checked."""
    assert limit in section("docs/operate.md", "9. Limits")


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_check_is_explained(fault: str) -> None:
    """In the words that it prints."""
    assert fault in read("app/check.py")
    assert fault in section("docs/operate.md", "11. When something is wrong")
