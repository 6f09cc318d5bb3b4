"""The protection officer signs first: with their own key, one proposal, and nothing of the case around it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, update

from app.cases.files import open_case
from app.errors import (
    BarredError,
    ConflictError,
    DamagedError,
    MalformedError,
    NoLeaseError,
    NotYetError,
    SamePersonError,
    SealError,
    UnknownError,
)
from app.findings import approvals
from app.findings.approvals import MAX_COMMENT, sign_review
from app.findings.records import FindingItem, save_finding
from app.findings.signatures import CONFIRM, PROTECTION
from app.ledger.append import Actor
from app.ledger.rows import open_with, unwrap
from app.store.cases import Approval, Finding
from app.store.cases import FindingState as S
from app.store.keys import KeyWrap
from app.vault import keyring, manifest
from app.vault.encoding import sha256, to_jcs
from app.vault.hpke import KemKeys
from app.vault.signing import SigningKeys
from app.vault.statement import REVIEW, sign
from tests.findings.world import ACT, MINOR, SEXUAL, World, an_assessment

TOLD: Final = "It can be told apart by the place."


def opened(world: World, ref: str = SEXUAL, name: str = "Salome") -> FindingItem:
    """Open a proposal as its protection officer; return what they read."""
    actor, session_id, finding_id = world.actor(name), world.session_id(name), world.finding_id(ref)
    with world.database.write() as session:
        approvals.open_for_approval(session, actor, session_id, finding_id, now=world.now)
    with world.database.read() as session:
        return approvals.read_for_approval(session, actor, session_id, finding_id, now=world.now)


def waiting(world: World, name: str = "Salome") -> list[UUID]:
    with world.database.read() as session:
        return [item.id for item in approvals.waiting_for(session, world.actor(name))]


@pytest.mark.parametrize("ref", [SEXUAL, MINOR, "I15·1"])
def test_three_people_sign_and_the_officer_before_the_reviewer(world: World, ref: str) -> None:
    """Sexual violence, a minor, and somebody who may be one: without the officer the reviewer cannot confirm."""
    world.review(ref)
    with pytest.raises(NotYetError):
        world.do("Timur", "confirm", ref)
    assert waiting(world) == [world.finding_id(ref)]

    world.approve(ref, comment=TOLD)

    assert waiting(world) == []
    world.do("Timur", "confirm", ref)
    verdict = world.sheet("Nigora", ref).verdict
    assert verdict is not None
    assert (verdict.state, verdict.people) == (S.CONFIRMED, 3)
    assert verdict.signers[PROTECTION] == world.id_of("Salome")
    assert [(item["by"], item["text"]) for item in world.item(ref).body.rounds[0].comments] == [(world.id_of("Salome"), TOLD)]
    assert world.approvals() == []


def test_the_officer_may_sign_before_a_review_is_assigned(world: World) -> None:
    """And the signature outlives the assigning, while the officer's key does not."""
    world.propose(SEXUAL)
    world.approve(SEXUAL)
    world.do("Ruth", "assign", SEXUAL, reviewer=world.id_of("Timur"))

    with pytest.raises(UnknownError):
        opened(world)

    world.do("Timur", "confirm", SEXUAL)
    assert world.state(SEXUAL) is S.CONFIRMED


def test_an_act_that_needs_no_officer_is_not_shown_to_one(world: World) -> None:
    """Nothing is wrapped, nothing waits, nothing opens."""
    world.review(ACT)

    assert waiting(world) == []
    with pytest.raises(UnknownError):
        opened(world, ACT)


def test_the_officer_reads_the_frozen_snapshot(world: World) -> None:
    """With a key of their own and without any team secret."""
    world.review(SEXUAL, reasoning="As it was told.")
    assert world.actor("Salome").keys.team == ()

    item = opened(world)

    assert item.body.rounds[-1].seen == world.item(SEXUAL).body.rounds[-1].seen
    assert item.body.rounds[-1].seen["reasoning"] == "As it was told."
    with world.database.write() as session, pytest.raises(DamagedError):
        open_case(session, world.actor("Salome"), world.session_id("Salome"), world.place(SEXUAL)[0], now=world.now)


@pytest.mark.parametrize("name", ["Jonas", "Edda", "Nigora", "Ruth"])
def test_nobody_else_opens_or_signs_as_an_officer(world: World, name: str) -> None:
    """Whoever is no protection officer has no wrap; to everybody else it is not there."""
    world.review(SEXUAL)

    assert waiting(world, name) == []
    with pytest.raises(UnknownError):
        opened(world, SEXUAL, name)
    with pytest.raises(UnknownError):
        world.approve(SEXUAL, name=name)


def test_opening_is_one_entry_an_hour(world: World) -> None:
    """Without an opening nothing is shown; after the hour it is opened anew."""
    world.review(SEXUAL)
    salome, session_id, finding_id = world.actor("Salome"), world.session_id("Salome"), world.finding_id(SEXUAL)
    with world.database.read() as session, pytest.raises(NoLeaseError):
        approvals.read_for_approval(session, salome, session_id, finding_id, now=world.now)
    size = world.size()

    opened(world)
    opened(world)
    world.instance.clock.forward(minutes=61)
    with world.database.read() as session, pytest.raises(NoLeaseError):
        approvals.read_for_approval(session, salome, session_id, finding_id, now=world.now)
    opened(world)

    own = [entry for entry in world.entries(since=size) if entry["kind"] == "finding.opened"]
    assert [entry["details"] for entry in own] == [{"case": "C-0004", "act": SEXUAL, "type": "SEX_EXAM"}] * 2


def test_the_entry_binds_the_sealed_statement(world: World) -> None:
    """By the digest of what lies in the row; the comment is in no entry."""
    world.review(SEXUAL)
    world.approve(SEXUAL, comment=TOLD)

    ((_, finding_id, sealed),) = world.approvals()
    (entry,) = [entry for entry in world.entries() if entry["kind"] == "finding.approved"]
    assert finding_id == world.finding_id(SEXUAL)
    assert entry["details"] == {
        "case": "C-0004",
        "act": SEXUAL,
        "type": "SEX_EXAM",
        "level": "L1",
        "decision": "confirm",
        "approval": sha256(sealed).hex(),
    }


def test_an_officer_who_gives_it_back_stops_it(world: World) -> None:
    """The reviewer cannot confirm any more; the return takes signature and words with it."""
    world.review(SEXUAL)
    world.approve(SEXUAL, decision="return", comment=TOLD)
    with pytest.raises(NotYetError):
        world.do("Timur", "confirm", SEXUAL)

    world.do("Timur", "give_back", SEXUAL, comment="The officer is right.")

    (one,) = world.item(SEXUAL).body.rounds
    assert [item["text"] for item in one.comments] == [TOLD, "The officer is right."]
    verdict = world.sheet("Nigora", SEXUAL).verdict
    assert verdict is not None
    assert (verdict.returned, verdict.people) == (True, 3)
    assert world.approvals() == []


def test_what_an_officer_may_say(world: World) -> None:
    """Two decisions, and a return with words; twice nothing, and nothing on an old page."""
    world.review(SEXUAL)
    for decision, comment in (("", "x"), ("approve", "x"), ("return", " \n"), ("confirm", "x" * (MAX_COMMENT + 1))):
        with pytest.raises(MalformedError):
            world.approve(SEXUAL, decision=decision, comment=comment)
    salome, session_id = world.actor("Salome"), world.session_id("Salome")
    with world.database.write() as session, pytest.raises(ConflictError):
        approvals.sign_as_protection(
            session,
            salome,
            session_id,
            world.finding_id(SEXUAL),
            decision="confirm",
            comment="",
            version=world.version(SEXUAL) - 1,
            now=world.now,
        )
    assert world.approvals() == []

    world.approve(SEXUAL)

    for decision in ("confirm", "return"):
        with pytest.raises(ConflictError):
            world.approve(SEXUAL, decision=decision, comment="x")
    assert len(world.approvals()) == 1


def test_an_officer_who_is_to_review_does_not_sign_beside(world: World) -> None:
    """One person has one part; the attempt leaves an entry."""
    world.review(SEXUAL)
    with world.forging("Nigora", SEXUAL) as (session, row, item):
        item.body.reviewer = world.id_of("Salome")
        save_finding(session, world.actor("Nigora"), row, item.body, "finding.assigned", now=world.now, details={})
        approvals.offer(session, world.actor("Nigora"), row)

    with pytest.raises(SamePersonError):
        world.approve(SEXUAL)

    size = world.size()
    with world.database.write() as session:
        approvals.record_refusal(
            session, world.actor("Salome"), world.session_id("Salome"), world.finding_id(SEXUAL), why="same-person", now=world.now
        )
    (entry,) = world.entries(since=size)
    assert (entry["kind"], entry["details"]["reasons"]) == ("finding.refused", ["same-person"])


def test_an_officers_signature_bars_from_the_review(world: World) -> None:
    """Whoever signed as one could not sign as the other."""
    world.propose(SEXUAL)
    world.approve(SEXUAL)

    sheet = world.sheet("Ruth", SEXUAL)

    assert sheet.barred == {world.id_of("Nigora"): "proposer", world.id_of("Salome"): "signed"}
    with pytest.raises(BarredError):
        world.do("Ruth", "assign", SEXUAL, reviewer=world.id_of("Salome"))


def test_the_officers_keys_end_with_the_round(world: World) -> None:
    """After the confirmation, and after a return, nothing of it opens to them any more."""
    world.review(SEXUAL)
    world.approve(SEXUAL)
    world.do("Timur", "confirm", SEXUAL)
    world.review(MINOR)
    world.do("Timur", "give_back", MINOR)

    assert waiting(world) == []
    for ref in (SEXUAL, MINOR):
        with pytest.raises(UnknownError):
            opened(world, ref)
    world.do("Nigora", "take", MINOR)
    world.do("Nigora", "propose", MINOR)
    assert waiting(world) == [world.finding_id(MINOR)]


# ── what is not taken


def _put(world: World, finding_id: UUID, sealed: bytes, row_id: UUID | None = None) -> None:
    """Lay a row among the approvals, as somebody who can write rows would."""
    with world.database.write() as session:
        session.execute(delete(Approval))
        session.add(Approval(id=row_id or uuid4(), finding_id=finding_id, sealed=sealed))


def is_taken(world: World, ref: str = SEXUAL) -> bool:
    """Whether the team takes what lies there for an officer's statement; the reviewer finds out the same."""
    sheet = world.sheet("Timur", ref)
    if sheet.approvals:
        return True
    with pytest.raises(NotYetError):
        world.do("Timur", "confirm", ref)
    return False


def test_a_statement_on_an_older_round_is_not_taken(world: World) -> None:
    """Copied before the round ended and put back in the next one: it names another proposal."""
    world.review(SEXUAL)
    world.approve(SEXUAL)
    ((row_id, finding_id, sealed),) = world.approvals()
    assert is_taken(world)
    world.do("Timur", "give_back", SEXUAL)
    world.do("Nigora", "take", SEXUAL)
    world.do("Nigora", "propose", SEXUAL)
    world.do("Ruth", "assign", SEXUAL, reviewer=world.id_of("Timur"))

    _put(world, finding_id, sealed, row_id)

    assert not is_taken(world)


def test_a_statement_on_another_finding_is_not_taken(world: World) -> None:
    """Neither moved with its row, nor copied into one of its own."""
    world.review(SEXUAL)
    world.review(MINOR)
    world.approve(MINOR)
    ((row_id, _, sealed),) = world.approvals()

    for at in (row_id, None):
        _put(world, world.finding_id(SEXUAL), sealed, at)
        assert not is_taken(world)


def test_a_changed_statement_is_not_taken(world: World) -> None:
    """One byte of the seal, anywhere."""
    world.review(SEXUAL)
    world.approve(SEXUAL)
    ((row_id, finding_id, sealed),) = world.approvals()

    for at in (0, 30, len(sealed) // 2, len(sealed) - 1):
        _put(world, finding_id, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], row_id)
        assert not is_taken(world)
    _put(world, finding_id, sealed, row_id)
    assert is_taken(world)


Lie = Callable[[World, FindingItem, dict[str, Any]], dict[str, Any]]


def _signed_by(name: str, **changes: Any) -> Lie:
    def lie(world: World, item: FindingItem, value: dict[str, Any]) -> dict[str, Any]:
        actor = world.actor(name)
        said = sign_review(actor, str(item.id), item.body.rounds[-1], PROTECTION, CONFIRM, "").value
        said = {key: content for key, content in {**said, **changes}.items() if key != "v"}
        return {**value, "statement": sign(REVIEW, said, actor.keys.signing).to_value()}

    return lie


LIES: Final[dict[str, Lie]] = {
    "by a caseworker": _signed_by("Nigora"),
    "by a lead": _signed_by("Ruth"),
    "by an administrator": _signed_by("Jonas"),
    "as a reviewer": _signed_by("Salome", **{"as": "reviewer"}),
    "as a lead": _signed_by("Salome", **{"as": "lead"}),
    "on another level": _signed_by("Salome", level="L4"),
    "on another proposal": _signed_by("Salome", proposal="00" * 32),
    "with another comment": lambda _world, _item, value: {**value, "comment": "Something else."},
    "with another version": lambda _world, _item, value: {**value, "v": True},
    "with a field more": lambda _world, _item, value: {**value, "more": ""},
    "on a finding that is not named": lambda _world, _item, value: {**value, "finding": str(uuid4())},
    "without a statement": lambda _world, _item, value: {**value, "statement": None},
    "with a comment that is no text": lambda _world, _item, value: {**value, "comment": 7},
}


def test_a_lie_is_not_taken(world: World) -> None:
    """Sealed well by somebody who knows the team's public key, and not what an officer signed on this round."""
    world.review(SEXUAL)
    item, chain = world.item(SEXUAL), world.actor("Nigora").chain
    truth = {"v": 1, "finding": str(item.id), "comment": "", "statement": {}}
    truth = _signed_by("Salome")(world, item, truth)
    for name in ("Ruth", "Jonas"):
        world.actor(name)

    def lay(value: dict[str, Any]) -> None:
        row_id = uuid4()
        sealed = keyring.seal_approval(to_jcs(value), chain.newest.team, root=chain.root, approval_id=str(row_id))
        _put(world, item.id, sealed, row_id)

    lay(truth)
    assert is_taken(world)
    for name, lie in LIES.items():
        lay(lie(world, item, truth))
        assert not is_taken(world), name


def test_of_two_statements_a_return_goes_first(world: World) -> None:
    """Whoever lays a second one beside it does not undo what an officer refused."""
    world.review(SEXUAL)
    world.approve(SEXUAL)
    ((first, finding_id, agreed),) = world.approvals()
    with world.database.write() as session:
        session.execute(delete(Approval))
    world.approve(SEXUAL, decision="return", comment=TOLD)
    with world.database.write() as session:
        session.add(Approval(id=first, finding_id=finding_id, sealed=agreed))

    sheet = world.sheet("Timur", SEXUAL)

    assert [one.is_return for one in sheet.approvals] == [True]
    with pytest.raises(NotYetError):
        world.do("Timur", "confirm", SEXUAL)


def test_a_wrap_that_staff_did_not_sign_opens_nothing(world: World) -> None:
    """Whoever can write rows must not choose what an officer reads: the wrap carries the signature of a lead or caseworker."""
    world.review(SEXUAL)
    record = f"finding:{world.finding_id(SEXUAL)}"
    assert opened(world).body.rounds

    for wrapper, signature in (
        (world.id_of("Nigora"), bytes(64)),
        (world.id_of("Timur"), None),
        (world.id_of("Salome"), _signed_anew(world, record, world.actor("Salome").keys.signing)),
        (str(uuid4()), b""),
    ):
        with world.database.write() as session:
            values = {"wrapper": wrapper} | ({} if signature is None else {"signature": signature})
            session.execute(update(KeyWrap).where(KeyWrap.record == record, KeyWrap.recipient != manifest.TEAM).values(**values))
        with pytest.raises(DamagedError):
            opened(world)
        assert waiting(world) == []


def _signed_anew(world: World, record: str, keys: SigningKeys) -> bytes:
    with world.database.read() as session:
        wrap = session.scalars(select(KeyWrap).where(KeyWrap.record == record, KeyWrap.recipient != manifest.TEAM)).one()
    return keys.sign(keyring.wrap_signature_bytes(world.instance.root, wrap.record, wrap.recipient, wrap.epoch, wrap.sealed))


def test_an_officer_refuses_what_was_changed(world: World) -> None:
    """A forged proposal that an insider wraps well is damaged to the officer, too."""
    world.review(SEXUAL)
    with world.forging("Timur", SEXUAL) as (session, row, item):
        item.body.rounds[-1].signatures[0] = {**item.body.rounds[-1].signatures[0], "by": world.id_of("Timur")}
        save_finding(session, world.actor("Timur"), row, item.body, "finding.assigned", now=world.now, details={})
        approvals.offer(session, world.actor("Timur"), row)

    with pytest.raises(DamagedError):
        opened(world)
    assert waiting(world) == []


def test_the_wrap_holds_the_key_of_this_version_alone(world: World) -> None:
    """An officer who keeps a wrap of an older version opens that one's bytes, which are no longer there."""
    world.propose(SEXUAL)
    record, salome = f"finding:{world.finding_id(SEXUAL)}", world.actor("Salome")
    with world.database.read() as session:
        wrap = session.scalars(select(KeyWrap).where(KeyWrap.record == record, KeyWrap.recipient != manifest.TEAM)).one()
        session.expunge(wrap)
    old = _unwrapped(world, salome, wrap)
    world.do("Ruth", "assign", SEXUAL, reviewer=world.id_of("Timur"))

    with world.database.read() as session:
        row = session.scalars(select(Finding)).one()
        with pytest.raises(SealError):
            open_with(world.actor("Nigora"), row, old)
        team = session.scalars(select(KeyWrap).where(KeyWrap.record == record, KeyWrap.recipient == manifest.TEAM)).one()
        assert unwrap(world.actor("Nigora"), team) != old


def _unwrapped(world: World, actor: Actor, wrap: KeyWrap) -> bytes:
    keys = KemKeys.from_seed(actor.keys.kem_seed)
    return keyring.unwrap_record(
        wrap.sealed,
        keys,
        root=world.instance.root,
        record=wrap.record,
        recipient=wrap.recipient,
        version=wrap.version,
        epoch=wrap.epoch,
    )


def test_a_suspended_officer_gets_no_key(world: World) -> None:
    """Whose removal a lead has signed is offered nothing any more."""
    world.do("Nigora", "take", SEXUAL)
    nigora = world.actor("Nigora")
    suspended = replace(nigora, chain=replace(nigora.chain, suspended=frozenset([world.id_of("Salome")])))
    world.actors["Nigora"] = (suspended, world.session_id("Nigora"))

    world.do("Nigora", "propose", SEXUAL, typed=an_assessment())

    with world.database.read() as session:
        recipients = session.scalars(select(KeyWrap.recipient).where(KeyWrap.record.startswith("finding:"))).all()
    assert recipients == ["team"]
