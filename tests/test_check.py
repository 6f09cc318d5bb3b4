"""`check`: every kind of edited row is named, and nothing that was written is printed."""

import pytest

from app.cases.importing import import_published, published
from app.check import check_as_auditor, check_as_team, check_public
from app.ledger.append import Actor, append
from app.members import change
from app.reports import queue
from tests.conftest import Instance, Member, Source

PLANTED = """
UPDATE key_wrap SET recipient = 'member:11111111-1111-4111-8111-111111111111' WHERE record = 'epoch:team'
AND recipient = (SELECT max(recipient) FROM key_wrap WHERE record = 'epoch:team' AND recipient LIKE 'member:%')
"""


@pytest.fixture
def team(instance: Instance) -> Actor:
    """A caseworker, after the published cases came in and a report travelled."""
    actor, _ = instance.actor("Ruth")
    with instance.database().write() as session:
        import_published(session, actor, published(), now=instance.clock.now)
    app = instance.app()
    source, nigora = Source(app), Member(app, instance, "Nigora")
    source.write("Two people came to the house.", reply="yes")
    nigora.sign_in()
    nigora.open_first()
    nigora.press("/claim")
    nigora.press("/messages", message="A question?")
    return actor


def faults_of(instance: Instance, actor: Actor) -> tuple[str, ...]:
    with instance.database().read() as session:
        return check_as_team(session, actor).faults


def edit(instance: Instance, statement: str) -> None:
    with instance.edit() as sql:
        assert sql.run(statement) > 0


def test_a_whole_database_has_no_faults(instance: Instance, team: Actor) -> None:
    """All rows, entries and findings are looked at, with each kind of key."""
    auditor, _ = instance.actor("Edda")
    with instance.database().read() as session:
        done = check_as_team(session, team)
        assert done.faults == ()
        assert done.rows > 190
        assert check_as_auditor(session, auditor).faults == ()
        assert check_public(session, team.chain).faults == ()


@pytest.mark.parametrize(
    ("statement", "names", "says"),
    [
        ('UPDATE "case" SET state = \'closed\' WHERE id = (SELECT min(id) FROM "case")', "case:", "differs from what its entry recorded"),
        ('UPDATE incident SET case_id = (SELECT max(id) FROM "case") WHERE id = (SELECT min(id) FROM incident)', "incident:", "differs"),
        ("UPDATE act SET body = zeroblob(length(body)) WHERE id = (SELECT min(id) FROM act)", "act:", "does not match its seal"),
        ("UPDATE person SET version = version + 1 WHERE id = (SELECT min(id) FROM person)", "person:", "does not match its seal"),
        ("DELETE FROM person WHERE id = (SELECT min(id) FROM person)", "person:", "is gone"),
        ("DELETE FROM reference WHERE id = (SELECT min(id) FROM reference)", "reference:", "is gone"),
        ("UPDATE report SET state = 'spam'", "report:", "differs"),
        ("UPDATE report SET state = 'damaged'", "report:", "differs"),
        ("UPDATE report SET owner = NULL", "report:", "differs"),
        ("UPDATE message SET state = 'released'", "message:", "differs"),
        ("DELETE FROM message", "message:", "is gone"),
        ("UPDATE key_wrap SET sealed = zeroblob(length(sealed)) WHERE record LIKE 'case:%'", "case:", "does not match its seal"),
        ("UPDATE ledger_head SET root = zeroblob(32)", "ledger:", "the stored head says"),
        (PLANTED, "epoch:team", "whom the manifest does not name"),
    ],
)  # fmt: skip
def test_each_kind_of_edited_row_is_named(instance: Instance, team: Actor, statement: str, names: str, says: str) -> None:
    """By record and by what is wrong with it."""
    edit(instance, statement)

    faults = faults_of(instance, team)

    assert any(fault.startswith(names) and says in fault for fault in faults), faults


def test_an_old_row_put_back_is_named(instance: Instance, team: Actor) -> None:
    """Also with its old key."""
    row = instance.rows("SELECT * FROM report WHERE version > 1")[0]
    wraps = instance.rows("SELECT * FROM key_wrap WHERE record LIKE 'report:%' AND part = 'row'")
    app = instance.app()
    nigora = Member(app, instance, "Nigora")
    nigora.sign_in()
    nigora.open_first()
    nigora.press("/notes", note="A note.")
    with instance.edit() as sql:
        sql.run("DELETE FROM report")
        sql.run(f"INSERT INTO report VALUES ({','.join('?' * len(row))})", *row)  # noqa: S608 - marks only
        sql.run("DELETE FROM key_wrap WHERE record LIKE 'report:%' AND part = 'row'")
        for wrap in wraps:
            sql.run(f"INSERT INTO key_wrap VALUES ({','.join('?' * len(wrap))})", *wrap)  # noqa: S608 - marks only

    faults = faults_of(instance, team)

    assert [fault for fault in faults if "is stored, the ledger's newest is" in fault], faults


def test_an_entry_under_a_keyring_that_is_over_is_named(instance: Instance, team: Actor) -> None:
    """A removed member who kept keys, and somebody with SQL, write under the keyring that still named them."""
    timur, _ = instance.actor("Timur")
    database = instance.database()
    with database.write() as session:
        change.remove(session, team, timur.member_id, epoch=1, now=instance.clock.now)
    instance.clock.forward(minutes=1)
    ruth, _ = instance.actor("Ruth")
    queue.look(database, ruth, bytes(16), now=instance.clock.now)
    with database.write() as session:
        append(session, timur, "queue.viewed", now=instance.clock.now)

    for actor, check in ((ruth, check_as_team), (instance.actor("Edda")[0], check_as_auditor)):
        with database.read() as session:
            faults = check(session, actor).faults
        assert any("signed under keyring 1, after keyring 2 was in force" in fault for fault in faults), faults
