"""Who signed what: read back with a few lines of our own, then forged in every way that rows and insiders allow. No forgery is shown.

An outsider edits rows. An insider holds the team's secret as well, writes rows with good seals and entries, and lacks the keys of others.
"""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session

from app.errors import DamagedError, ManifestError, SealError
from app.findings import approvals
from app.findings.approvals import sign_review, with_signature
from app.findings.records import FindingItem, Round, all_findings, save_finding
from app.findings.signatures import CONFIRM, LEAD, PROTECTION, RETURN, REVIEWER, is_borne, judge_round
from app.members.chain import ChainKeeper
from app.store.cases import Finding
from app.store.cases import FindingState as S
from app.store.keys import KeyWrap, ManifestRow
from app.vault.encoding import to_b64, to_jcs
from app.vault.statement import PROPOSAL, REVIEW, Signed, sign
from tests.findings.world import ACT, MINOR, OTHER, SEXUAL, World, a_statement

PROPOSAL_LINE: Final = b"paivand/v1 finding proposal\n"
REVIEW_LINE: Final = b"paivand/v1 finding review\n"


# ── an independent reader


def read_by_hand(world: World, stored: dict[str, str], line: bytes) -> dict[str, Any]:
    """Verify one stored statement with the keys of the manifest it names; share no line with the program."""
    raw, signature = b64decode(stored["bytes"], validate=True), b64decode(stored["signature"], validate=True)
    assert raw.startswith(line)
    said: dict[str, Any] = json.loads(raw.removeprefix(line))
    assert json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == raw.removeprefix(line)
    with world.database.read() as session:
        bodies = list(session.scalars(select(ManifestRow.body)))
    manifest = json.loads(next(body for body in bodies if sha256(body).hexdigest() == said["manifest"]))
    member = next(row for row in manifest["members"] if row["id"] == said["member"])
    assert ",".join(member["roles"]) == said["role"]
    Ed25519PublicKey.from_public_bytes(b64decode(member["sign"])).verify(signature, raw)
    return said


def test_stored_bytes_verify_without_the_program(world: World) -> None:
    """Proposal and review name each other, the snapshot and the comment by digests that anybody with the salt recomputes."""
    world.review()
    world.do("Timur", "confirm", comment="Read both texts.")
    item = world.item()
    (one,) = item.body.rounds
    salt, snapshot = b64decode(one.salt), b64decode(one.snapshot)
    digest = hmac.digest(salt, b"paivand/v1 snapshot\n" + snapshot, "sha256").hex()

    proposal = read_by_hand(world, one.signatures[0], PROPOSAL_LINE)
    review = read_by_hand(world, one.signatures[1], REVIEW_LINE)

    assert (proposal["member"], review["member"]) == (world.id_of("Nigora"), world.id_of("Timur"))
    assert {proposal["root"], review["root"]} == {world.instance.root.hex()}
    assert {proposal["finding"], review["finding"]} == {str(item.id)}
    assert {proposal["snapshot"], review["snapshot"]} == {digest}
    assert (proposal["act"], proposal["round"], proposal["act_version"]) == (str(world.place(ACT)[1]), 1, 1)
    assert (proposal["decision"], proposal["level"], proposal["rule"]) == ("level", "L1", "one-origin")
    assert proposal["statements"] == [{"origin": "exile", "grade": "C3"}]
    assert review["proposal"] == sha256(b64decode(one.signatures[0]["signature"])).hexdigest()
    assert (review["as"], review["decision"], review["level"]) == ("reviewer", "confirm", "L1")
    assert review["comment"] == hmac.digest(salt, b"Read both texts.", "sha256").hex()


def test_reader_refuses_another_byte(world: World) -> None:
    """The independent reader can fail."""
    world.propose()
    stored = dict(world.item().body.rounds[0].signatures[0])
    raw = b64decode(stored["bytes"]).replace(b'"level":"L1"', b'"level":"L2"')

    with pytest.raises(InvalidSignature):
        read_by_hand(world, {**stored, "bytes": b64encode(raw).decode()}, PROPOSAL_LINE)


def test_snapshot_is_what_was_typed_and_recorded(world: World) -> None:
    """Facts, statements, answers and reasoning are all in it, with the level that follows."""
    world.propose()
    seen = world.item().body.rounds[0].seen

    assert (seen["case"], seen["act"]["ref"], seen["act"]["type"]) == ("C-0002", ACT, "LIB_DETENTION")
    assert [person["relation"] for person in seen["act"]["victims"]] == ["sibling", "parent_in_law"]
    assert seen["statements"] == [{**a_statement(), "cites": None}]
    assert (seen["level"], seen["rule"], seen["standard"], seen["protection"]) == ("L1", "one-origin", "reasonable_suspicion", False)
    assert (seen["confirm"], seen["refute"]) == ("A witness.", "A paper of the same day.")


# ── an outsider edits rows


def is_shown(world: World, ref: str = ACT) -> bool:
    """Whether the page, the list and the check take a finding for what it says."""
    with world.database.read() as session:
        found, damaged = all_findings(session, world.actor("Nigora"))
    act_id = world.place(ref)[1]
    listed = act_id in found and is_borne(world.actor("Nigora").chain, found[act_id])
    assert listed or act_id in damaged or act_id in found
    try:
        world.sheet("Nigora", ref)
    except DamagedError:
        assert not listed
        return False
    assert listed
    return True


def edit(world: World, sql: str, **values: Any) -> None:
    """Write past the program."""
    with world.database.engine.begin() as connection:
        assert connection.execute(text(sql), values).rowcount > 0


@pytest.mark.parametrize("state", ["confirmed", "unverifiable", "refuted", "disputed", "reopened", "in_assessment"])
def test_a_state_set_by_hand_is_noticed(world: World, state: str) -> None:
    """The column says confirmed; the entry and the signatures do not."""
    world.review()
    assert is_shown(world)

    edit(world, "UPDATE finding SET state = :state", state=state)

    assert not is_shown(world)


def test_a_changed_byte_is_noticed(world: World) -> None:
    """The sealed body, flipped anywhere."""
    world.confirm()
    with world.database.read() as session:
        body = session.scalars(select(Finding.body)).one()

    for at in (0, 40, len(body) // 2, len(body) - 1):
        edit(world, "UPDATE finding SET body = :body", body=body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])
        assert not is_shown(world)
    edit(world, "UPDATE finding SET body = :body", body=body)
    assert is_shown(world)


def test_an_old_version_put_back_is_noticed(world: World) -> None:
    """Row and key of the confirmed version, restored after the dispute: the log knows a newer one."""
    world.confirm()
    with world.database.read() as session:
        row = session.scalars(select(Finding)).one()
        wrap = session.scalars(select(KeyWrap).where(KeyWrap.record == row.record)).one()
        old = {"body": row.body, "state": row.state.value, "version": row.version}
        key = {"sealed": wrap.sealed, "version": wrap.version, "record": row.record}
    world.do("Nigora", "dispute", reason="other", text="Why.")
    assert world.state() is S.DISPUTED

    edit(world, "UPDATE finding SET body = :body, state = :state, version = :version", **old)
    edit(world, "UPDATE key_wrap SET sealed = :sealed, version = :version WHERE record = :record", **key)

    assert not is_shown(world)


def test_a_finding_moved_to_another_act_is_noticed(world: World) -> None:
    """A confirmed finding says nothing of an act that nobody looked at."""
    world.confirm()
    other = world.place(OTHER)[1]

    edit(world, "UPDATE finding SET act_id = :act", act=other.hex)

    assert not is_shown(world, OTHER)


def test_roles_are_read_from_the_manifest_alone(world: World) -> None:
    """Whoever edits the manifest, to take a signer's role or to give one, breaks the chain: nothing opens at all."""
    world.confirm()
    with world.database.read() as session:
        body = session.scalars(select(ManifestRow.body)).one()

    for old, new in ((b'"roles":["caseworker"]', b'"roles":["auditor"]'), (b'"roles":["admin"]', b'"roles":["lead"]')):
        assert old in body
        edit(world, "UPDATE manifest SET body = :body", body=body.replace(old, new))
        with pytest.raises(ManifestError):
            ChainKeeper(world.database, world.instance.root).current()
    columns = [column["name"] for column in inspect(world.database.engine).get_columns("member")]
    assert not [name for name in columns if "role" in name or "sign" in name]


# ── an insider forges what the seals cannot refuse

Forge = Callable[[World, FindingItem, FindingItem], None]


def _flip(stored: dict[str, str]) -> dict[str, str]:
    raw = bytearray(b64decode(stored["signature"]))
    raw[5] ^= 1
    return {**stored, "signature": b64encode(bytes(raw)).decode()}


def _last(item: FindingItem) -> Round:
    return item.body.rounds[-1]


def _put(item: FindingItem, one: Round) -> None:
    item.body.rounds[-1] = one


def _with_review(world: World, item: FindingItem, name: str, **changes: Any) -> None:
    """Add a review by somebody, signed with their own key over whatever is given."""
    actor = world.actor(name)
    signed = sign_review(actor, str(item.id), _last(item), changes.pop("part", REVIEWER), CONFIRM, "")
    said = {key: value for key, value in {**signed.value, **changes}.items() if key != "v"}
    _put(item, with_signature(_last(item), sign(REVIEW, said, actor.keys.signing), "", day="2026-11-24"))


def _with_proposal(world: World, item: FindingItem, seen: dict[str, Any], **changes: Any) -> None:
    """Replace the round by a proposal of Nigora's over another snapshot."""
    actor = world.actor("Nigora")
    one = Round(to_b64(to_jcs(seen)), _last(item).salt)
    old = Signed.read(_last(item).signatures[0]).value
    said = {**old, "snapshot": one.digest, **{name: seen[name] for name in ("decision", "level", "rule", "standard")}, **changes}
    one.signatures.append(sign(PROPOSAL, {key: value for key, value in said.items() if key != "v"}, actor.keys.signing).to_value())
    _put(item, one)


def _no_review(_world: World, item: FindingItem, _other: FindingItem) -> None:
    item.row.state = S.CONFIRMED


def _by_oneself(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Nigora")


def _in_anothers_name(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Nigora", member=world.id_of("Timur"))


def _by_the_administrator(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Jonas")


def _by_the_auditor(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Edda")


def _by_the_protection_officer(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Salome")


def _with_a_role_that_is_not_theirs(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Salome", role="caseworker")


def _in_a_part_that_is_not_there(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Ruth", part=LEAD)
    item.row.state = S.CONFIRMED


def _of_another_level(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur", level="L2")


def _of_another_proposal(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur", proposal="00" * 32)


def _of_another_snapshot(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur", snapshot="00" * 32)


def _of_another_instance(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur", root="00" * 32)


def _of_an_unknown_manifest(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur", manifest="00" * 32)


def _of_another_finding(world: World, item: FindingItem, other: FindingItem) -> None:
    _with_review(world, item, "Timur", finding=str(other.id))


def _rounds_of_another_finding(_world: World, item: FindingItem, other: FindingItem) -> None:
    item.body.rounds[:] = deepcopy(other.body.rounds)


def _review_of_another_finding(_world: World, item: FindingItem, other: FindingItem) -> None:
    _put(item, replace(_last(item), signatures=[_last(item).signatures[0], other.body.rounds[0].signatures[1]]))


def _twice_by_one(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur", part=REVIEWER)
    _with_review(world, item, "Timur", part=LEAD)


def _part_taken_twice(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur")
    _with_review(world, item, "Ruth")


def _two_proposals(_world: World, item: FindingItem, _other: FindingItem) -> None:
    _put(item, replace(_last(item), signatures=_last(item).signatures * 2))


def _review_before_proposal(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur")
    _put(item, replace(_last(item), signatures=_last(item).signatures[::-1]))


def _no_signature_at_all(_world: World, item: FindingItem, _other: FindingItem) -> None:
    _put(item, replace(_last(item), signatures=[]))


def _signature_flipped(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur")
    first, second = _last(item).signatures
    _put(item, replace(_last(item), signatures=[first, _flip(second)]))


def _proposal_flipped(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur")
    first, second = _last(item).signatures
    _put(item, replace(_last(item), signatures=[_flip(first), second]))


def _comment_put_in(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur")
    words = {"by": world.id_of("Timur"), "day": "2026-11-24", "text": "What Timur never wrote.", "reason": ""}
    _put(item, replace(_last(item), comments=[words]))


def _snapshot_changed(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur")
    seen = {**_last(item).seen, "reasoning": "Something else."}
    _put(item, replace(_last(item), snapshot=to_b64(to_jcs(seen))))


def _salt_changed(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur")
    _put(item, replace(_last(item), salt=to_b64(bytes(32))))


def _level_that_does_not_follow(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_proposal(world, item, {**_last(item).seen, "level": "L4", "rule": "three-origins-agency"})
    _with_review(world, item, "Timur")


def _proposal_in_anothers_name(world: World, item: FindingItem, _other: FindingItem) -> None:
    """One person alone: a proposal that says it is Timur's, and a review of their own."""
    _with_proposal(world, item, _last(item).seen, member=world.id_of("Timur"))
    _with_review(world, item, "Nigora")


def _snapshot_of_another_act(world: World, item: FindingItem, other: FindingItem) -> None:
    _with_proposal(world, item, other.body.rounds[0].seen)
    _with_review(world, item, "Timur")


def _other_round_number(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_proposal(world, item, _last(item).seen, round=2)
    _with_review(world, item, "Timur")


def _other_standard_than_seen(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_proposal(world, item, _last(item).seen, standard="clear_and_convincing")
    _with_review(world, item, "Timur")


def _refuted_without_a_lead(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_proposal(world, item, {**_last(item).seen, "decision": "refuted", "level": "LR", "rule": None})
    _with_review(world, item, "Timur")
    item.row.state = S.REFUTED


def _minor_hidden_in_the_snapshot(world: World, item: FindingItem, _other: FindingItem) -> None:
    """The proposer's snapshot says that no protection officer is needed; its own facts say that one is."""
    seen = _last(item).seen
    victim = {**seen["act"]["victims"][0], "minor": "yes"}
    _with_proposal(world, item, {**seen, "act": {**seen["act"], "victims": [victim]}, "protection": False})
    _with_review(world, item, "Timur")


def _returned_and_confirmed(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur", decision=RETURN)


def _opened_again_from_nothing(_world: World, item: FindingItem, _other: FindingItem) -> None:
    item.row.state = S.REOPENED


def _disputed_from_nothing(_world: World, item: FindingItem, _other: FindingItem) -> None:
    item.row.state = S.DISPUTED


def _returned_by_nobody(_world: World, item: FindingItem, _other: FindingItem) -> None:
    item.row.state = S.RETURNED


def _assessed_again_from_nothing(_world: World, item: FindingItem, _other: FindingItem) -> None:
    item.row.state = S.IN_ASSESSMENT


def _under_review_once_more(world: World, item: FindingItem, _other: FindingItem) -> None:
    _with_review(world, item, "Timur")
    item.row.state = S.IN_REVIEW


FORGERIES: Final[tuple[Forge, ...]] = (
    *(_no_review, _by_oneself, _in_anothers_name, _by_the_administrator, _by_the_auditor, _by_the_protection_officer),
    *(_with_a_role_that_is_not_theirs, _in_a_part_that_is_not_there, _of_another_level, _of_another_proposal, _of_another_snapshot),
    *(_of_another_instance, _of_an_unknown_manifest, _of_another_finding, _rounds_of_another_finding, _review_of_another_finding),
    *(_twice_by_one, _part_taken_twice, _two_proposals, _review_before_proposal, _no_signature_at_all, _signature_flipped),
    *(
        _proposal_flipped,
        _proposal_in_anothers_name,
        _comment_put_in,
        _snapshot_changed,
        _salt_changed,
        _level_that_does_not_follow,
        _snapshot_of_another_act,
    ),
    *(_other_round_number, _other_standard_than_seen, _refuted_without_a_lead, _minor_hidden_in_the_snapshot, _returned_and_confirmed),
    *(_opened_again_from_nothing, _disputed_from_nothing, _returned_by_nobody, _assessed_again_from_nothing, _under_review_once_more),
)


def forge(world: World, change: Forge, other: FindingItem) -> None:
    """Write a finding with a good seal and a good entry, but for what the change did."""
    nigora = world.actor("Nigora")
    with world.forging("Nigora") as (session, row, item):
        row.state = S.CONFIRMED
        change(world, item, other)
        save_finding(session, nigora, row, item.body, "finding.confirmed", now=world.now, details={})


def test_the_forger_can_write_what_is_true(world: World) -> None:
    """With Timur's own key over the true bytes this way leads to a confirmed finding, so what is refused below has a fault of its own."""
    world.review()
    world.confirm(OTHER)
    other = world.item(OTHER)

    forge(world, lambda world, item, _other: _with_review(world, item, "Timur"), other)

    assert is_shown(world)
    assert world.state() is S.CONFIRMED


def test_no_forgery_is_shown(world: World, tmp_path: Path) -> None:
    """Whoever holds the team's secret and their own key alone confirms nothing, in none of these ways."""
    world.review()
    world.confirm(OTHER)
    other = world.item(OTHER)
    for name in ("Nigora", "Timur", "Ruth", "Jonas", "Salome", "Edda"):
        world.actor(name)
    for number, change in enumerate(FORGERIES):
        tried = world.fork(tmp_path / str(number))
        assert is_shown(tried)
        forge(tried, change, other)
        assert not is_shown(tried), change.__name__


def test_lead_and_protection_sign_only_where_their_role_is(world: World) -> None:
    """A caseworker is no lead, a lead no protection officer."""
    world.review(SEXUAL, decision="refuted")
    item = world.item(SEXUAL)

    for name, part, holds in (
        ("Ruth", LEAD, True),
        ("Timur", LEAD, False),
        ("Salome", PROTECTION, True),
        ("Ruth", PROTECTION, False),
        ("Timur", PROTECTION, False),
        ("Salome", REVIEWER, False),
        ("Jonas", REVIEWER, False),
    ):
        kept = deepcopy(item.body.rounds[-1])
        _with_review(world, item, name, part=part)
        if holds:
            assert judge_round(world.actor("Nigora").chain, item, _last(item)).signers[part] == world.id_of(name)
        else:
            with pytest.raises(SealError):
                judge_round(world.actor("Nigora").chain, item, _last(item))
        _put(item, kept)


@pytest.mark.parametrize(
    ("ref", "decision", "missing"),
    [
        (ACT, "level", ("reviewer",)),
        (ACT, "unverifiable", ("reviewer",)),
        (ACT, "refuted", ("lead", "reviewer")),
        (SEXUAL, "level", ("protection", "reviewer")),
        (MINOR, "level", ("protection", "reviewer")),
        (SEXUAL, "refuted", ("protection", "lead", "reviewer")),
    ],
)
def test_who_is_missing_follows_from_act_and_decision(world: World, ref: str, decision: str, missing: tuple[str, ...]) -> None:
    """Two people for a level, a third for sexual violence, a minor or a refutation, four for both."""
    world.propose(ref, decision=decision)

    verdict = world.sheet("Nigora", ref).verdict

    assert verdict is not None
    assert (verdict.missing, verdict.state, verdict.people) == (missing, None, 1)


def test_a_round_of_another_finding_is_not_judged(world: World) -> None:
    """What is no round of this finding has no place in it."""
    world.propose()
    world.propose(OTHER)

    with pytest.raises(SealError):
        judge_round(world.actor("Nigora").chain, world.item(), world.item(OTHER).body.rounds[0])


def test_approvals_lie_with_the_team_only(world: World) -> None:
    """The database alone does not tell what a protection officer said."""
    world.review(SEXUAL)
    world.approve(SEXUAL, decision="return", comment="It can be told apart by the place.")

    ((_, _, sealed),) = world.approvals()
    assert b"place" not in sealed
    with world.database.read() as session:
        (approved,) = approvals.arrived(session, world.actor("Timur"), world.item(SEXUAL))
        assert approvals.arrived(session, world.actor("Salome"), world.item(SEXUAL)) == ()
    assert (approved.is_return, approved.comment) == (True, "It can be told apart by the place.")


def _names(session: Session) -> list[str]:
    return list(session.scalars(select(KeyWrap.recipient).where(KeyWrap.record.startswith("finding:"))))


def test_row_keys_of_a_finding_go_to_team_and_protection_only(world: World) -> None:
    """Protection officers get it while the round waits for one of them, and for no other act."""
    world.propose()
    with world.database.read() as session:
        assert _names(session) == ["team"]
    world.review(SEXUAL)
    with world.database.read() as session:
        assert sorted(_names(session)) == sorted(["team", "team", f"member:{world.id_of('Salome')}"])
    world.approve(SEXUAL)
    world.do("Timur", "confirm", SEXUAL)
    with world.database.read() as session:
        assert _names(session) == ["team", "team"]
