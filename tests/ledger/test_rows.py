"""Sealed rows: each opens in its one place and version, and its entry knows it (docs/formats.md §4, §10)."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import changes, files, vocabulary
from app.cases.importing import import_published, published
from app.errors import DamagedError, MalformedError, SealError, UnknownError
from app.findings import approvals, review
from app.ledger import rows
from app.ledger.append import Actor, RowVersion, append
from app.ledger.read import open_as_team
from app.store.cases import Act, Approval, Case, CaseState, Finding, FindingState, Incident, Person, Reference, SealedRow
from app.store.keys import KeyWrap
from app.store.ledger import LedgerEntry
from app.vault import envelope, padding
from app.vault.encoding import Context, to_jcs
from tests import second_reader as second
from tests.conftest import START, Instance
from tests.make_vectors import CONTRADICTION, GRADED, case_rows
from tests.vault import world
from tests.vault.world import CHAIN, NIGORA, OTHER_ROOT, ROOT, flipped, seed, some, unlocked

KEY: Final = seed("key")
OTHER: Final = "c0000000-0000-4000-8000-00000000000f"
READER: Final = Actor(NIGORA.id, CHAIN, unlocked())
TABLES: Final[tuple[type[SealedRow], ...]] = (Case, Incident, Act, Person, Reference)
KINDS: Final[tuple[type[SealedRow], ...]] = (*TABLES, Finding)
VALUES: Final[dict[str, list[Any]]] = {
    "state": [*CaseState, *FindingState],
    "owner": [None, "", NIGORA.id],
    **{name: [None, UUID(OTHER), UUID(world.REPORT)] for name in ("case_id", "incident_id", "act_id")},
}


def unsealed(table: type[SealedRow], **columns: Any) -> SealedRow:
    """Return a row of a table, in the place where the tests seal."""
    plain = {name: VALUES[name][0] for name in table.CLEAR}
    return table(**{"id": UUID(world.REPORT), "version": 3, **plain, **columns})


def sealed_row(epoch: int = 1, **columns: Any) -> SealedRow:
    """Return a row of a table, sealed under `KEY` in its place."""
    row = unsealed(Incident, **columns)
    raw = padding.pad(to_jcs({"v": 1, "title": "A visit"}), padding.WORK)
    row.body = envelope.seal(raw, KEY, Context(ROOT, "incident", str(row.id), "body", row.version, epoch))
    return row


def refused(row: SealedRow, key: bytes = KEY, actor: Actor = READER) -> None:
    """The refusal says nothing of its cause."""
    world.refused(rows.open_with, actor, row, key)


# one row, one place


def test_a_row_opens_with_its_key() -> None:
    """What was sealed, without the format version, which is nobody's business above."""
    opened = rows.open_with(READER, sealed_row(), KEY)
    assert opened.value == {"title": "A visit"}
    assert (opened.version.record, opened.version.version) == (f"incident:{world.REPORT}", 3)
    assert KEY.hex() not in repr(opened)
    assert str(KEY) not in repr(opened)


@pytest.mark.parametrize("change", [{"id": UUID(OTHER)}, {"version": 2}, {"version": 4}, {"version": -1}, {"version": 2**64}])
def test_a_row_moved_does_not_open(change: dict[str, Any]) -> None:
    """Its bytes under another id, or as another version, even one that no header can hold."""
    row = sealed_row()
    for name, value in change.items():
        setattr(row, name, value)
    refused(row)


@pytest.mark.parametrize("table", [table for table in KINDS if table is not Incident])
def test_a_row_of_another_table_does_not_open(table: type[SealedRow]) -> None:
    """Its bytes under the same id and version in another table; also with that table's kind written into the header."""
    body = sealed_row().body
    kind = bytes([envelope.KINDS[table.__tablename__]])
    for raw in (body, body[:5] + kind + body[6:]):
        refused(unsealed(table, body=raw))


def test_a_row_of_another_epoch_or_instance_does_not_open() -> None:
    """The epoch is read from the header, and is bound all the same."""
    row = sealed_row(epoch=2)
    assert rows.open_with(READER, row, KEY).value == {"title": "A visit"}
    row.body = row.body[:6] + (1).to_bytes(4, "big") + row.body[10:]
    refused(row)
    refused(sealed_row(), actor=Actor(NIGORA.id, replace(CHAIN, root=OTHER_ROOT), unlocked()))
    refused(sealed_row(), key=seed("older key"))
    refused(sealed_row(), key=KEY[:31])


@given(st.integers(0, 8 * len(sealed_row().body) - 1))
@some
def test_no_flipped_bit_opens(bit: int) -> None:
    """Each bit of the body counts."""
    row = sealed_row()
    row.body = flipped(row.body, bit)
    refused(row)


@pytest.mark.parametrize("length", [0, 5, 9, 81, 82, 1105])
def test_no_part_opens(length: int) -> None:
    """Cut anywhere."""
    row = sealed_row()
    row.body = row.body[:length]
    refused(row)


@pytest.mark.parametrize(
    "plaintext",
    [
        to_jcs({"v": 1, "title": "A visit"}),
        padding.pad(to_jcs({"v": 1, "title": "A visit"}), (4096,)),
        padding.pad(b'{"title":"A visit", "v":1}', padding.WORK),
        padding.pad(b'{"title":"A visit","v":true}', padding.WORK),
        padding.pad(b'{"title":"A visit","v":2}', padding.WORK),
        padding.pad(b'{"title":"A visit","v":"1"}', padding.WORK),
        padding.pad(b'{"title":"A visit"}', padding.WORK),
        padding.pad(b"[]", padding.WORK),
        b"",
    ],
    ids=["not padded", "larger than it needs", "a space", "true", "version 2", "text", "no version", "a list", "empty"],
)
def test_whatever_else_was_sealed_is_refused(plaintext: bytes) -> None:
    """A good seal over what is not a body of this version."""
    row = sealed_row()
    row.body = envelope.seal(plaintext, KEY, Context(ROOT, "incident", str(row.id), "body", row.version, 1))
    refused(row)


# the digest that the entry binds


def test_both_readers_give_one_digest() -> None:
    """Of every table, as the page says."""
    for row, body in case_rows():
        row.body = envelope.seal(to_jcs({**asdict(body), "v": 1}), KEY, Context(ROOT, row.kind, str(row.id), "body", row.version, 1))
        clear = {name: None if getattr(row, name) is None else f"{getattr(row, name)}" for name in second.CLEAR[row.kind]}
        digest = second.record_digest(row.body, KEY, table=row.kind, id_=str(row.id), version=row.version, clear=clear)
        assert rows.version_of(row, KEY) == RowVersion(f"{row.kind}:{row.id}", row.version, digest.hex())


def test_every_clear_column_is_bound() -> None:
    """The digest leaves out no readable column of any table, and follows each."""
    for table in KINDS:
        assert set(table.__table__.columns.keys()) == {"id", "body", "version", *table.CLEAR}
        for name in table.CLEAR:
            made = [unsealed(table, **{name: value}) for value in dict.fromkeys(VALUES[name])]
            assert len({rows.version_of(row, KEY).digest for row in made}) == len(made) > 1


def test_the_digest_follows_everything_else() -> None:
    """Each byte of the body, its length, the key, the id, the version and the table."""
    row = sealed_row()
    base, body = rows.version_of(row, KEY).digest, row.body
    found = {base, rows.version_of(row, seed("older key")).digest}
    for moved in (unsealed(Incident, id=UUID(OTHER)), unsealed(Incident, version=4), unsealed(Person)):
        moved.body = body
        found.add(rows.version_of(moved, KEY).digest)
    bodies = [body[:-1], body + b"\0", *(flipped(body, 8 * at) for at in range(len(body)))]
    for row.body in bodies:
        found.add(rows.version_of(row, KEY).digest)
    assert len(found) == 5 + len(bodies)


# stored


def save(session: Session, actor: Actor, row: SealedRow, title: str) -> None:
    """Save a row as its next version, with its entry."""
    append(session, actor, "incident.changed", now=START, row=rows.save_row(session, actor, row, {"title": title}))


def stored(instance: Instance, actor: Actor, *titles: str) -> list[UUID]:
    """Store one incident for each title."""
    made = [Incident(id=uuid4(), case_id=UUID(world.BATCH)) for _ in titles]
    with instance.database().write() as session:
        for row, title in zip(made, titles, strict=True):
            save(session, actor, row, title)
        return [row.id for row in made]


def titles(instance: Instance, actor: Actor, ids: Sequence[UUID]) -> list[str | None]:
    """Open rows; None for one that does not."""
    with instance.database().read() as session:
        opened = rows.open_rows(session, actor, [session.get_one(Incident, row_id) for row_id in ids])
        assert rows.values_of(opened.values()) == [item for item in opened.values() if item]
        return [item.value["title"] if (item := opened[row_id]) else None for row_id in ids]


def wraps_of(session: Session, row_id: UUID) -> list[KeyWrap]:
    """Return the wraps of a row."""
    return list(session.scalars(select(KeyWrap).where(KeyWrap.record == f"incident:{row_id}")))


def test_a_new_version_destroys_the_older_key(instance: Instance) -> None:
    """One wrap is left, of the newest version, and the older body opens with no key that is stored."""
    actor, _ = instance.actor("Nigora")
    (row_id,) = stored(instance, actor, "first")
    with instance.database().read() as session:
        older = session.get_one(Incident, row_id).body
    with instance.database().write() as session:
        save(session, actor, session.get_one(Incident, row_id), "second")
    with instance.database().read() as session:
        row, (wrap,) = session.get_one(Incident, row_id), wraps_of(session, row_id)
        assert (row.version, wrap.version, wrap.part, wrap.recipient) == (2, 2, "row", "team")
        key = rows.unwrap(actor, wrap)
        assert rows.open_row(session, actor, Incident, row_id)[1] == {"title": "second"}
        row.body = older
        for row.version in (1, 2):
            with pytest.raises(SealError):
                rows.open_with(actor, row, key)


def test_an_older_row_put_back_is_damaged(instance: Instance) -> None:
    """Row and wrap both, as a thief of a backup has them: it opens, and the ledger knows a newer one."""
    actor, _ = instance.actor("Nigora")
    (row_id,) = stored(instance, actor, "first")
    with instance.database().read() as session:
        body, sealed = session.get_one(Incident, row_id).body, wraps_of(session, row_id)[0].sealed
    with instance.database().write() as session:
        save(session, actor, session.get_one(Incident, row_id), "second")
    with instance.database().write() as session:
        row, (wrap,) = session.get_one(Incident, row_id), wraps_of(session, row_id)
        row.body, row.version, wrap.sealed, wrap.version = body, 1, sealed, 1
    assert titles(instance, actor, [row_id]) == ["first"]
    with instance.database().read() as session, pytest.raises(DamagedError):
        rows.open_row(session, actor, Incident, row_id)


def test_swapped_rows_do_not_open(instance: Instance) -> None:
    """Two bodies swapped, then two wraps; a third row beside them still opens."""
    actor, _ = instance.actor("Nigora")
    ids = stored(instance, actor, "one", "two", "three")
    with instance.database().write() as session:
        one, two = (session.get_one(Incident, row_id) for row_id in ids[:2])
        one.body, two.body = two.body, one.body
    assert titles(instance, actor, ids) == [None, None, "three"]
    with instance.database().write() as session:
        wraps = [wraps_of(session, row_id)[0] for row_id in ids[:2]]
        wraps[0].sealed, wraps[1].sealed = wraps[1].sealed, wraps[0].sealed
    assert titles(instance, actor, ids) == [None, None, "three"]


@pytest.mark.parametrize("column", ["version", "epoch"])
def test_a_wrap_with_another_number_does_not_open(instance: Instance, column: str) -> None:
    """The columns beside a wrap are bound into it."""
    actor, _ = instance.actor("Nigora")
    ids = stored(instance, actor, "one")
    with instance.database().write() as session:
        setattr(wraps_of(session, ids[0])[0], column, 2)
    assert titles(instance, actor, ids) == [None]


def test_a_changed_column_or_a_row_without_entry_is_damaged(instance: Instance) -> None:
    """What opens is still held against the ledger."""
    actor, _ = instance.actor("Nigora")
    ids = stored(instance, actor, "one", "two")
    lost = Incident(id=uuid4(), case_id=UUID(world.BATCH))
    with instance.database().write() as session:
        session.get_one(Incident, ids[0]).case_id = UUID(OTHER)
        rows.save_row(session, actor, lost, {"title": "nobody appended an entry"})
    with instance.database().read() as session:
        assert rows.open_row(session, actor, Incident, ids[1])[1] == {"title": "two"}
        for row_id in (ids[0], lost.id):
            with pytest.raises(DamagedError):
                rows.open_row(session, actor, Incident, row_id)
        with pytest.raises(UnknownError):
            rows.open_row(session, actor, Incident, UUID(OTHER))


def test_without_a_key_there_is_nothing_to_read(instance: Instance) -> None:
    """A row whose wrap is gone is damaged; an auditor, who holds no team secret, opens none and writes none."""
    actor, _ = instance.actor("Nigora")
    auditor, _ = instance.actor("Edda")
    ids = stored(instance, actor, "one", "two")
    assert titles(instance, auditor, ids) == [None, None]
    with instance.database().write() as session, pytest.raises(SealError):
        rows.save_row(session, auditor, Incident(id=uuid4(), case_id=UUID(OTHER)), {"title": "an auditor's"})
    with instance.database().write() as session:
        session.delete(wraps_of(session, ids[0])[0])
    assert titles(instance, actor, ids) == [None, "two"]


def test_what_is_too_large_is_refused(instance: Instance) -> None:
    """The largest size is full; one byte more, or what JSON cannot say, and nothing is stored."""
    actor, _ = instance.actor("Nigora")
    overhead = len(to_jcs({"title": "", "v": 1})) + 4
    full = "x" * (padding.WORK[-1] - overhead)
    (row_id,) = stored(instance, actor, full)
    assert titles(instance, actor, [row_id]) == [full]
    for value in ({"title": f"{full}x"}, {"title": 1.5}):
        with pytest.raises(MalformedError), instance.database().write() as session:
            rows.save_row(session, actor, session.get_one(Incident, row_id), value)
    assert titles(instance, actor, [row_id]) == [full]


def test_many_rows_open_at_once(instance: Instance) -> None:
    """More than one query holds, in any order, and none beside them."""
    actor, _ = instance.actor("Nigora")
    made = [Incident(id=uuid4(), case_id=UUID(world.BATCH)) for _ in range(rows._MANY + 1)]
    with instance.database().write() as session:
        for number, row in enumerate(made):
            rows.save_row(session, actor, row, {"title": f"{number}"})
        ids = [row.id for row in made]
    assert titles(instance, actor, ids[::-1]) == [f"{number}" for number in range(len(ids))][::-1]
    with instance.database().read() as session:
        assert rows.open_rows(session, actor, []) == {}


# the page alone


def read_alone(session: Session, actor: Actor, row: SealedRow) -> dict[str, Any]:
    """Open a row's wrap and seal, and hold its digest against its entry, with the page alone; the program reads the same."""
    wrap = session.scalars(select(KeyWrap).where(KeyWrap.record == row.record, KeyWrap.recipient == "team")).one()
    wrapping = second.epoch_key(actor.team.secret, "team", wrap.epoch, "wrap")
    place: dict[str, Any] = {"part": "row", "recipient": "team", "version": wrap.version, "epoch": wrap.epoch}
    key = second.open_wrap(wrap.sealed, wrapping, root=actor.root, record=wrap.record, **place)
    value = second.open_record(row.body, key, root=actor.root, table=row.kind, id_=str(row.id), version=row.version)
    assert {**rows.open_with(actor, row, key).value, "v": 1} == value
    digest = second.record_digest(row.body, key, table=row.kind, id_=str(row.id), version=row.version, clear=row.clear)
    tag = second.tag_of(second.epoch_key(actor.team.secret, "team", actor.team.epoch, "tag"), row.record, row.version)
    entry = session.scalars(select(LedgerEntry).where(LedgerEntry.tag == tag)).one()
    assert open_as_team(session, actor, entry).record["digest"] == digest.hex()
    return value


def test_published_cases_are_read_with_the_page_alone(instance: Instance) -> None:
    """Every record of the import: wrap, seal, every field, and the digest in its entry."""
    actor, _ = instance.actor("Ruth")
    with instance.database().write() as session:
        counted = import_published(session, actor, published(), now=START)
    with instance.database().read() as session:
        found = {table: [read_alone(session, actor, row) for row in session.scalars(select(table))] for table in TABLES}
    assert (len(found[Case]), len(found[Incident]), len(found[Act])) == (counted.cases, counted.incidents, counted.acts)
    assert len(found[Person]) == counted.people
    assert len([value for value in found[Reference] if value["kind"] == "publication"]) == counted.publications


TYPED: Final = review.Assessment(
    confirm="A second voice.",
    refute="",
    statements=[{"who": "A neighbour", "how": "", **dict.fromkeys(("publication", "report", "interest", "access")), "grading": GRADED}],
    answers={"plausible": True, "fits_pattern": True, "agency": False},
    contradictions=[CONTRADICTION],
    speaks_for="",
    speaks_against="One origin.",
    reasoning="She saw it.",
    standard="reasonable_suspicion",
    decision="level",
)
ACTS: Final = second.read_acts(Path(vocabulary.__file__).with_name("vocabularies") / "act.json")


class Walk:
    """An invented act on somebody who is a minor, and the people at the desk; after each step the finding is read with the page alone."""

    def __init__(self, instance: Instance) -> None:
        """Open a case with one act, which nobody has taken."""
        self.database, self.now, self.states = instance.database(), instance.clock.now, list[str]()
        self.people = {name: instance.actor(name) for name in ("Ruth", "Nigora", "Timur", "Salome")}
        (self.lead, lead), self.id = self.people["Ruth"], {name: actor.member_id for name, (actor, _) in self.people.items()}
        chain = self.lead.chain
        bodies = [second.read_manifest(signed.body) for signed in chain.signed]
        self.manifests = {item.digest.hex(): body for item, body in zip(chain.manifests, bodies, strict=True)}
        new = changes.NewIncident("A visit", changes.NewAct("THR_FAMILY", by="unknown"), minor="yes")
        with self.database.write() as session:
            exile = changes.NewPerson(label="Somebody")
            self.case = changes.create_case(session, self.lead, lead, title="A case of this test", exile=exile, now=self.now).id
            changes.add_incident(session, self.lead, lead, self.case, new=new, now=self.now)
            self.act = session.scalars(select(Act.id)).one()
            for name in ("Nigora", "Timur"):
                files.open_case(session, *self.people[name], self.case, now=self.now)

    @property
    def row(self) -> Finding:
        """The stored finding."""
        with self.database.read() as session:
            return session.scalars(select(Finding)).one()

    def step(self, do: Callable[..., None], name: str, **given: Any) -> tuple[dict[str, Any], second.Borne | None]:
        """Do one thing at the desk; return the finding, and what its newest round bears."""
        with self.database.write() as session:
            found = session.scalars(select(Finding.version)).first()
            do(session, *self.people[name], self.case, self.act, version=found or 0, now=self.now, **given)
        row = self.row
        with self.database.read() as session:
            value = read_alone(session, self.lead, row)
        place: dict[str, Any] = {"root": self.lead.root, "finding": str(row.id), "act": str(self.act), "at": len(value["rounds"])}
        borne = second.read_round(value["rounds"][-1], self.manifests, ACTS, **place) if value["rounds"] else None
        assert second.bears(row.state.value, borne)
        self.states.append(row.state.value)
        return value, borne

    def protect(self) -> None:
        """Sign as the protection officer; what they are given and what they leave is read with the page alone."""
        officer, session_id = self.people["Salome"]
        root, row = officer.root, self.row
        with self.database.write() as session:
            wrap = session.scalars(select(KeyWrap).where(KeyWrap.record == row.record, KeyWrap.recipient != "team")).one()
            assert wrap.recipient == f"member:{officer.member_id}"
            named: dict[str, Any] = {"root": root, "record": row.record, "recipient": wrap.recipient, "epoch": wrap.epoch}
            wrapper = self.manifests[officer.chain.newest.digest.hex()].people[str(wrap.wrapper)]
            second.verified(second.wrap_message(**named, sealed=wrap.sealed), wrap.signature or b"", wrapper.sign)
            key = second.open_record_wrap(wrap.sealed, second.kem(officer.keys.kem_seed), **named, version=wrap.version)
            given = second.open_record(row.body, key, root=root, table="finding", id_=str(row.id), version=row.version)
            assert given == read_alone(session, self.lead, row)
            approvals.open_for_approval(session, officer, session_id, row.id, now=self.now)
            said: dict[str, Any] = {"decision": "confirm", "comment": "Прочла.", "version": row.version}
            approvals.sign_as_protection(session, officer, session_id, row.id, now=self.now, **said)
            sent = session.scalars(select(Approval)).one()
        team = second.kem(second.epoch_key(self.lead.team.secret, "team", 1, "kem"))
        signed, comment = second.open_approval(sent.sealed, team, root=root, approval=str(sent.id), finding=str(row.id), epoch=1)
        assert (signed.said["member"], signed.said["as"], comment) == (officer.member_id, "protection", "Прочла.")

    def newest_entry(self) -> dict[str, Any]:
        """Return the record of the newest entry."""
        with self.database.read() as session:
            newest = session.scalars(select(LedgerEntry).order_by(LedgerEntry.index.desc()).limit(1)).one()
            return open_as_team(session, self.lead, newest).record


@pytest.fixture
def walk(instance: Instance) -> Walk:
    """A case at the desk."""
    return Walk(instance)


def test_a_finding_is_read_with_the_page_alone(walk: Walk) -> None:
    """From the first assessment, which lacks nearly everything, to the signatures of three people; and what the auditor has of it."""
    walk.step(review.take, "Nigora")
    walk.step(review.assess, "Nigora", typed=replace(TYPED, standard=None, statements=[], answers={}))
    walk.step(review.propose, "Nigora", typed=TYPED)
    _, borne = walk.step(review.assign, "Ruth", reviewer=walk.id["Timur"])
    assert borne == second.Borne({"proposer": walk.id["Nigora"]}, returned=False, state=None)
    walk.protect()
    value, borne = walk.step(review.confirm, "Timur", comment="I read it.", note="")
    three = {"proposer": walk.id["Nigora"], "protection": walk.id["Salome"], "reviewer": walk.id["Timur"]}
    assert borne == second.Borne(three, returned=False, state="confirmed")
    assert walk.states == ["in_assessment", "in_assessment", "proposed", "in_review", "confirmed"]
    salt, entry = second.b64(value["rounds"][0]["salt"]), walk.newest_entry()
    sealed = second.reasoning_digest(salt, speaks_for="", speaks_against="One origin.", reasoning="She saw it.")
    assert (entry["kind"], entry["details"]["seal"]) == ("finding.confirmed", sealed.hex())


def test_a_finding_stays_readable_whatever_becomes_of_it(walk: Walk) -> None:
    """Refuted with a lead, reopened, proposed anew and given back: older rounds stay, and each state is one that the newest bears."""
    walk.step(review.take, "Nigora")
    walk.step(review.propose, "Nigora", typed=replace(TYPED, decision="refuted", statements=[]))
    walk.step(review.assign, "Ruth", reviewer=walk.id["Timur"])
    walk.protect()
    walk.step(review.approve, "Ruth")
    _, borne = walk.step(review.confirm, "Timur", comment="", note="")
    assert borne is not None
    assert (borne.state, set(borne.signers)) == ("refuted", {"proposer", "protection", "lead", "reviewer"})
    first = walk.step(review.reopen, "Ruth", text="New papers.")[0]["rounds"]
    walk.step(review.take, "Timur")
    walk.step(review.propose, "Timur", typed=TYPED)
    walk.step(review.assign, "Ruth", reviewer=walk.id["Ruth"])
    value, borne = walk.step(review.give_back, "Ruth", reason="facts_wrong", comment="Which day?", note="")
    assert borne == second.Borne({"proposer": walk.id["Timur"], "reviewer": walk.id["Ruth"]}, returned=True, state=None)
    assert value["rounds"][:1] == first
    assert walk.states[-6:] == ["refuted", "reopened", "in_assessment", "proposed", "in_review", "returned"]


def test_a_dispute_is_settled_one_way_or_the_other(walk: Walk) -> None:
    """What was confirmed may be disputed, may stand, and may be assessed again."""
    walk.step(review.take, "Nigora")
    walk.step(review.propose, "Nigora", typed=TYPED)
    walk.step(review.assign, "Ruth", reviewer=walk.id["Timur"])
    walk.protect()
    walk.step(review.confirm, "Timur", comment="", note="")
    for to in (FindingState.CONFIRMED, FindingState.IN_ASSESSMENT):
        walk.step(review.dispute, "Nigora", reason="new_information", text="Another letter came.")
        walk.step(review.settle, "Ruth", to=to, text="Read again.")
    assert walk.states[-5:] == ["confirmed", "disputed", "confirmed", "disputed", "in_assessment"]
