"""Operators' commands: `python -m app …`."""

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import click
from sqlalchemy.exc import ProgrammingError

from app import backup
from app.cases.importing import import_published, published
from app.check import Checked, check_as_auditor, check_as_team, check_public
from app.demo.commands import demo
from app.errors import ConflictError, MalformedError, MistypedError, PaivandError, RollbackError, SealError, SignInError
from app.ledger.append import Actor
from app.ledger.read import Head, read_head
from app.ledger.verify import read_head_file, verify, write_head
from app.members import sessions
from app.members.chain import ChainKeeper
from app.members.found import found, missing_staff
from app.members.policy import secrets_of
from app.reports.receive import sweep_marks
from app.store import migrate, roles
from app.store.database import Database
from app.vault.backup import Header, open_key, read_words, to_words
from app.vault.encoding import to_b64
from app.vault.keyring import ServerSecret
from app.vault.manifest import AUDIT, TEAM
from app.vault.recovery import NEEDED, check_share, keys_from
from config import FACES, Config, ConfigError, FoundingConfig, RestoreConfig, read_root, read_secret, write_private, write_secret

_MISSING = {
    "second-person": "you cannot release messages or confirm findings yet: a second caseworker is missing",
    "admin": "nobody can manage accounts yet: an administrator is missing",
    "protection": "nobody can sign for minors and sexual violence yet: a protection officer is missing",
    "auditor": "nobody can check you yet: an auditor is missing",
}
_TRIES: Final = 3
_WORDS_IN_A_LINE: Final = 6
_Read = TypeVar("_Read")


@click.group()
def main() -> None:
    """Run Paivand: sealed intake and case tracking."""


main.add_command(demo)


@main.command()
@click.option("--member", "members", multiple=True, required=True, metavar="ROLE:NAME", help="one per person; at least one lead")
@click.option("--origin", required=True, help="the ledger's name for ever, such as log.example/1; say nothing with it")
def init(members: tuple[str, ...], origin: str) -> None:
    """Found an instance: keys, first members, recovery shares. Printed once, stored nowhere."""
    config = FoundingConfig.from_env()
    people = [(role, name.strip()) for role, _, name in (item.partition(":") for item in members)]
    database, secret = Database(config.database), secrets.token_bytes(32)
    migrate.upgrade(database)
    try:
        with database.write() as session:
            made = found(session, people, origin=origin, server_secret=ServerSecret(secret), now=_now())
            write_secret(config.server_secret_file, secret)
    except ConflictError:
        raise click.ClickException("the database is not empty: an instance is founded once") from None
    except MalformedError:
        raise click.ClickException("give at least one lead, known roles, and each name once") from None
    click.echo(f"PAIVAND_ROOT={made.root.hex()}")
    for member in made.members:
        click.echo(f"{member.role} {member.name}: passphrase: {member.passphrase} · second device: {member.totp}")
    click.echo("Recovery shares; give each to another person, three of five are needed:")
    for number, share in enumerate(made.shares, start=1):
        click.echo(f"  {number}. {share}")
    click.echo(f"The server secret is in {config.server_secret_file}; its id is {ServerSecret(secret).id.hex()}.")
    click.echo("Keep a copy of it apart from every backup: without it no passphrase works.")
    for code in missing_staff([role for role, _ in people]):
        click.echo(f"Note: {_MISSING[code]}.")


@main.command()
def upgrade() -> None:
    """Bring the database to the schema of this version."""
    database = Database(Config.from_env().database)
    migrate.upgrade(database)
    _grant_again(database)
    click.echo(f"schema {migrate.current(database)}")


def _grant_again(database: Database) -> None:
    """Give the roles of a PostgreSQL instance, where there are some, what new tables need."""
    if not database.is_sqlite:
        with database.engine.begin() as connection:
            if roles.are_there(connection):
                roles.grant_all(connection, {})


@main.command("roles")
@click.option(
    "--passwords", "folder", type=click.Path(file_okay=False, path_type=Path), help="write FACE.pgpass here, one password per face"
)
def make_roles(folder: Path | None) -> None:
    """Create the three database roles of a PostgreSQL instance, or give them again exactly what they may; run by its owner."""
    database = Database(Config.from_env().database)
    if database.is_sqlite:
        raise click.ClickException("SQLite has no roles: there the intake's blindness rests on keys alone")
    if not migrate.is_current(database):
        raise click.ClickException("the database has another schema: run `python -m app upgrade` first")
    files = {face: folder / f"{face}.pgpass" for face in FACES} if folder else {}
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in files.values():
        if file.exists():
            raise click.ClickException(f"{file} exists already; remove the three files to draw new passwords")
    passwords = {face: secrets.token_hex(32) for face in files}
    try:
        with database.engine.begin() as connection:
            roles.grant_all(connection, passwords)
            for face, file in files.items():
                write_private(file, f"*:*:*:*:{passwords[face]}\n")
    except ProgrammingError:
        raise click.ClickException("only the owner of the database, who may also create roles, can do this") from None
    for face in FACES:
        click.echo(f"{face}: role {roles.role_of(face)}" + (f", password in {files[face]}" if files else ""))


@main.command()
def sweep() -> None:
    """Delete sessions, openings and marks whose time is over, and rebuild the file; run by a timer."""
    database = Database(Config.from_env().database)
    with database.write() as session:
        sessions.sweep(session, _now())
        sweep_marks(session, int(_now().timestamp()) // 3600)
    database.shuffle()


@main.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def write_backup(file: Path) -> None:
    """Write everything into one sealed FILE, which opens with the recovery shares only; needs no key."""
    config = Config.from_env()
    done = backup.back_up(Database(config.database), config.root, file, server_secret=config.server_secret, now=_now())
    secret = "with" if config.server_secret else "without"
    click.echo(f"backup {done.id}: {done.size} bytes, {secret} the server secret. Write down its id and this head:")
    click.echo(write_head(done.head), nl=False)


@main.command("backup-key")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def open_backup_key(file: Path) -> None:
    """Turn three recovery shares into the 24 words that open FILE and nothing else; never on the server."""
    root = read_root()
    click.echo("This machine must NOT be the server, nor any other that serves or stores. Three shares open everything for ever.", err=True)
    try:
        with file.open("rb") as stream:
            header = Header.read(stream)
    except SealError:
        raise click.ClickException(f"{file} is not a backup") from None
    click.echo(f"backup {header.id}", err=True)
    shares = [_ask(f"Share {number} of {NEEDED}", _read_share) for number in range(1, NEEDED + 1)]
    try:
        recovery, _ = keys_from(shares)
    except SealError:
        raise click.ClickException("these shares do not belong together, or one was given twice") from None
    try:
        words = to_words(open_key(header, recovery, root=root))
    except SealError:
        raise click.ClickException(
            "these shares do not open this backup: another instance, another root, or the file was changed"
        ) from None
    click.echo("The 24 words of this backup, and of no other:", err=True)
    for at in range(0, len(words), _WORDS_IN_A_LINE):
        click.echo(" ".join(words[at : at + _WORDS_IN_A_LINE]))


@main.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--head", "head_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="a head written down earlier")
@click.option("--accept-rollback", is_flag=True, help="restore FILE although it is older than that head")
def restore_backup(file: Path, head_file: Path | None, *, accept_rollback: bool) -> None:
    """Fill an empty database from FILE, with the 24 words of `backup-key`; in one transaction, and checked."""
    config, earlier = RestoreConfig.from_env(), _read_head(head_file)
    database, secret_file = Database(config.database), config.server_secret_file
    secret = read_secret(secret_file) if secret_file and secret_file.exists() else None
    backup.need_empty(database)
    key = _ask("The 24 words of this backup", read_words)
    try:
        done = backup.restore(
            database,
            config.root,
            file,
            key,
            earlier=earlier,
            accept_rollback=accept_rollback,
            server_secret=secret,
            keep_secret=partial(_keep_secret, secret_file) if secret_file else None,
        )
    except RollbackError as error:
        click.echo(f"{error}. Nothing was restored; --accept-rollback restores it all the same.")
        sys.exit(1)
    _grant_again(database)
    click.echo(f"restored backup {done.id} of {done.day}: {done.rows} rows, schema {done.revision}")
    if earlier is not None and earlier.size > done.head.size:
        click.echo(backup.rollback_text(done.head, earlier))
    with database.read() as session:
        _report(check_public(session, ChainKeeper(database, config.root).current()))


@main.group()
def ledger() -> None:
    """Check the verification log, or write down where it stands."""


@ledger.command()
def head() -> None:
    """Print the head in three lines; keep them somewhere else."""
    config = Config.from_env()
    database = Database(config.database)
    origin = ChainKeeper(database, config.root).current().newest.origin
    with database.read() as session:
        click.echo(write_head(read_head(session, origin)), nl=False)


@ledger.command("verify")
@click.option("--head", "head_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="a head written down earlier")
def verify_ledger(head_file: Path | None) -> None:
    """Recompute the tree from the entries; with --head, prove that an earlier head still holds."""
    config = Config.from_env()
    database = Database(config.database)
    origin, earlier = ChainKeeper(database, config.root).current().newest.origin, _read_head(head_file)
    with database.read() as session:
        verdict = verify(session, origin, earlier)
    for fault in verdict.faults:
        click.echo(f"fault: {fault}")
    kept = f", and the earlier head of {earlier.size} entries holds" if earlier and verdict.is_good else ""
    click.echo(f"{'ACCEPT' if verdict.is_good else 'REJECT'} {origin}: {verdict.size} entries, root {to_b64(verdict.root)}{kept}")
    sys.exit(0 if verdict.is_good else 1)


@main.group()
def case() -> None:
    """Work on cases."""


@case.command("import")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "name", required=True, help="a lead or caseworker; passphrase and code are asked for")
def import_cases(file: Path | None, name: str) -> None:
    """Import published incidents: FILE, or the cited data set that the program carries."""
    try:
        data = json.loads(file.read_text("utf-8")) if file else published()
    except ValueError:
        raise click.ClickException(f"{file} is not JSON") from None
    with _signed_in(name) as (database, actor):
        _need_team(actor)
        try:
            with database.write() as session:
                made = import_published(session, actor, data, now=_now())
        except ConflictError:
            raise click.ClickException("these cases are here already; nothing was changed") from None
        except MalformedError:
            raise click.ClickException("this is no such data set, or it uses a word that the vocabularies do not know") from None
    click.echo(
        f"{made.cases} cases, {made.incidents} incidents, {made.acts} acts ({made.consequences} of them consequences), "
        f"{made.people} people, {made.publications} publications"
    )


@main.command()
@click.option("--as", "name", help="a member who can read; passphrase and code are asked for")
def check(name: str | None) -> None:
    """Check the database: the tree and the keyring; with a member's keys also every row, entry and signature."""
    if name is None:
        config = Config.from_env()
        database = Database(config.database)
        with database.read() as session:
            done = check_public(session, ChainKeeper(database, config.root).current())
        click.echo("Not checked without a member's keys: rows, entries and findings. Add --as NAME.")
    else:
        with _signed_in(name) as (database, actor), database.read() as session:
            secrets_held = secrets_of(actor.roles)
            if TEAM in secrets_held:
                done = check_as_team(session, actor)
            elif AUDIT in secrets_held:
                done = check_as_auditor(session, actor)
            else:
                raise click.ClickException("this member holds no key that opens rows or entries")
    _report(done)


def _report(done: Checked) -> None:
    for fault in done.faults:
        click.echo(f"fault: {fault}")
    looked = f"{done.entries} entries, {done.rows} rows, {done.findings} signed findings"
    click.echo(f"{'REJECT' if done.faults else 'ACCEPT'}: {looked}")
    sys.exit(1 if done.faults else 0)


@contextmanager
def _signed_in(name: str) -> Iterator[tuple[Database, Actor]]:
    """Unlock a member's keys for one command; the session ends with it."""
    config = Config.from_env()
    if config.server_secret is None:
        raise click.ClickException("PAIVAND_SERVER_SECRET_FILE is not set; no passphrase can be tried without it")
    database = Database(config.database)
    passphrase = click.prompt("Passphrase", hide_input=True, err=True)
    code = click.prompt("Code from the second device", err=True)
    try:
        _, held = sessions.sign_in(
            database,
            name=name,
            passphrase=passphrase,
            code=code,
            chain=ChainKeeper(database, config.root).current(),
            server_secret=ServerSecret(config.server_secret),
            host_secret=secrets.token_bytes(32),
            now=_now(),
        )
    except SignInError:
        raise click.ClickException("name, passphrase and code do not fit together; a code works once") from None
    try:
        yield database, held.actor
    finally:
        sessions.lock(database, held)


def _keep_secret(file: Path, secret: bytes) -> None:
    try:
        write_secret(file, secret)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}; nothing was restored") from None


def _read_head(file: Path | None) -> Head | None:
    try:
        return read_head_file(file.read_text("utf-8")) if file else None
    except (MalformedError, UnicodeDecodeError):
        click.echo(f"{file} is not a head: three lines, as `ledger head` prints them", err=True)
        sys.exit(2)


def _ask(what: str, read: Callable[[str], _Read]) -> _Read:
    """Ask for words that nobody shall see on the screen; a slip may be made twice."""
    for _ in range(_TRIES):
        try:
            return read(click.prompt(what, hide_input=True, err=True))
        except (MalformedError, MistypedError):
            click.echo("A word is missing, too many, or another one.", err=True)
    raise click.ClickException("not read; look at the paper again, and start anew")


def _read_share(text: str) -> str:
    check_share(text)
    return text


def _need_team(actor: Actor) -> None:
    if TEAM not in secrets_of(actor.roles):
        raise click.ClickException("only a lead or caseworker can do this")


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the commands' one clock


def run() -> None:
    """Run a command; what goes wrong is one line, never a traceback."""
    os.umask(0o077)
    try:
        main(prog_name="python -m app")
    except (ConfigError, PaivandError) as error:
        click.echo(f"paivand: {str(error) or type(error).__name__}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    run()
