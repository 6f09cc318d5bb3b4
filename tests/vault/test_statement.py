"""What people sign for a finding: the exact bytes, read by both readers, and nothing else read by either (docs/formats.md §4, §11)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MalformedError
from app.findings.approvals import sign_review
from app.findings.records import FindingBody, FindingItem, Round
from app.findings.signatures import comment_digest, is_borne, judge_round
from app.ledger.append import Actor, RowVersion
from app.store.cases import Finding, FindingState
from app.vault import hpke, keyring, manifest, padding, statement
from app.vault.encoding import Context, to_b64, to_jcs
from app.vault.keyring import EpochSecret, Unlocked
from app.vault.statement import PROPOSAL, REVIEW, Signed
from tests import second_reader as second
from tests.make_vectors import (
    ACT,
    APPROVAL,
    CREW_CHAIN,
    CREW_FOUNDING,
    FINDING,
    LINES,
    SALOME,
    SALT,
    judged,
    proposal,
    proposed,
    review,
    reviewed,
    seen_round,
    signed_by,
    signed_round,
    state_of,
)
from tests.vault import vectors, world
from tests.vault.world import DAVID, NIGORA, OMID, OTHER_ROOT, ROOT, RUTH, TEAM, few, flipped, refused, seed, some

HEX: Final = st.binary(min_size=32, max_size=32).map(bytes.hex)
UUIDS: Final = st.uuids().map(str)
TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
COUNTS: Final = st.integers(1, 2**53 - 1)
DECIDED: Final = st.sampled_from(
    [("level", f"L{at}", "rule") for at in (1, 2, 3, 4)] + [("unverifiable", "LU", None), ("refuted", "LR", None)]
)
GRADES: Final = st.builds("{}{}".format, st.sampled_from("ABCDEF"), st.sampled_from("123456"))
STATEMENTS: Final = st.lists(st.fixed_dictionaries({"origin": TEXTS, "grade": GRADES}), max_size=3)
COMMON: Final = {"root": HEX, "finding": UUIDS, "snapshot": HEX, "manifest": HEX, "member": UUIDS, "role": TEXTS}
PROPOSALS: Final = st.builds(
    lambda said, decided: said | dict(zip(("decision", "level", "rule"), decided, strict=True)),
    st.fixed_dictionaries({**COMMON, "act": UUIDS, "round": COUNTS, "act_version": COUNTS, "standard": TEXTS, "statements": STATEMENTS}),
    DECIDED,
)
REVIEWS: Final = st.fixed_dictionaries(
    {
        **COMMON,
        "proposal": HEX,
        "as": st.sampled_from(["reviewer", "protection", "lead"]),
        "decision": st.sampled_from(["confirm", "return"]),
        "level": st.sampled_from(["L1", "L2", "L3", "L4", "LU", "LR"]),
        "comment": HEX,
    }
)
ANY: Final = st.one_of(st.tuples(st.just(PROPOSAL), PROPOSALS), st.tuples(st.just(REVIEW), REVIEWS))

SAID: Final[dict[str, dict[str, Any]]] = {
    PROPOSAL: {
        "root": ROOT.hex(),
        "finding": str(FINDING),
        "act": world.BATCH,
        "round": 1,
        "act_version": 4,
        "decision": "level",
        "level": "L2",
        "rule": "strong",
        "standard": "reasonable_suspicion",
        "statements": [{"origin": "a neighbour", "grade": "B2"}, {"origin": "ё", "grade": "F6"}],
        "snapshot": seed("snapshot").hex(),
        "manifest": seed("manifest").hex(),
        "member": NIGORA.id,
        "role": "caseworker",
    },
    REVIEW: {
        "root": ROOT.hex(),
        "finding": str(FINDING),
        "proposal": seed("proposal").hex(),
        "snapshot": seed("snapshot").hex(),
        "as": "reviewer",
        "decision": "return",
        "level": "L2",
        "comment": seed("comment").hex(),
        "manifest": seed("manifest").hex(),
        "member": NIGORA.id,
        "role": "caseworker",
    },
}
GOOD: Final = {kind: statement.sign(kind, said, NIGORA.sign) for kind, said in SAID.items()}
KINDS: Final = pytest.mark.parametrize("kind", [PROPOSAL, REVIEW])


def stored(raw: bytes, by: object = NIGORA.id, signer: world.Person = NIGORA) -> dict[str, Any]:
    """Sign any bytes, and put them in the form in which a statement is stored."""
    return {"bytes": to_b64(raw), "signature": to_b64(signer.sign.sign(raw)), "by": by}


def spelt(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Sign whatever it says."""
    return stored(LINES[kind] + to_jcs(said), by=said.get("member", NIGORA.id))


def both_refuse(value: object) -> None:
    """The program and the second reader refuse alike."""
    refused(Signed.read, value)
    with pytest.raises(second.ClosedError):
        second.read_statement(value)


def both_read(value: object) -> bool:
    """Whether it is a statement, on which both readers agree; where it is one, they read the same."""
    try:
        found = second.read_statement(value)
    except second.ClosedError:
        refused(Signed.read, value)
        return False
    read = Signed.read(value)
    assert (read.kind == PROPOSAL, read.raw, read.signature, read.value) == (found.is_proposal, found.raw, found.signature, found.said)
    return True


# what is signed


@given(ANY)
@some
def test_the_bytes_are_those_of_the_page(case: tuple[str, dict[str, Any]]) -> None:
    """Domain line, then the one spelling; both readers read it back, and the signature is over just that."""
    kind, said = case
    signed = statement.sign(kind, said, NIGORA.sign)
    assert signed.raw == LINES[kind] + second.jcs({**said, "v": 1})
    assert (signed.kind, signed.member, signed.value) == (kind, said["member"], {**said, "v": 1})
    assert both_read(signed.to_value())
    assert Signed.read(signed.to_value()) == signed
    second.verified(signed.raw, signed.signature, NIGORA.sign.public)
    assert signed.is_signed_by(NIGORA.sign.public)
    assert statement.digest_of(signed) == second.digest(signed.signature).hex()


@KINDS
def test_signing_says_what_was_asked_and_draws_nothing(kind: str) -> None:
    """The same statement has the same bytes; what was handed in is not changed."""
    said = dict(SAID[kind])
    assert statement.sign(kind, said, NIGORA.sign) == GOOD[kind]
    assert said == SAID[kind]
    assert statement.sign(kind, {**said, "v": 2}, NIGORA.sign) == GOOD[kind]


@KINDS
def test_another_key_did_not_sign_it(kind: str) -> None:
    """Only the one public key; and a signature put beside another statement is none."""
    assert not any(GOOD[kind].is_signed_by(each.sign.public) for each in (RUTH, OMID, DAVID, world.STRANGER))
    forged = Signed.read(stored(GOOD[kind].raw, signer=OMID))
    assert forged.is_signed_by(OMID.sign.public)
    assert not forged.is_signed_by(NIGORA.sign.public)
    other = GOOD[REVIEW if kind == PROPOSAL else PROPOSAL]
    assert not Signed.read(GOOD[kind].to_value() | {"signature": to_b64(other.signature)}).is_signed_by(NIGORA.sign.public)


@KINDS
def test_no_flipped_bit_is_signed(kind: str) -> None:
    """Each bit of the statement and of its signature: refused, or not signed by its member."""
    good = GOOD[kind].to_value()
    for name, raw in (("bytes", GOOD[kind].raw), ("signature", GOOD[kind].signature)):
        for bit in range(8 * len(raw)):
            changed = {**good, name: to_b64(flipped(raw, bit))}
            if both_read(changed):
                assert not Signed.read(changed).is_signed_by(NIGORA.sign.public)


def test_no_other_signature_of_a_member_is_a_statement() -> None:
    """A manifest, a wrap and an entry begin with a length; a statement begins with its line, and none of them with the other's."""
    messages = [manifest.signed_bytes(world.FOUNDING.body), keyring.wrap_signature_bytes(ROOT, "epoch:team", "recovery", 1, b"sealed")]
    for raw in (*messages, second.lp("paivand/v1 finding proposal\n", b"{}"), b"", LINES[PROPOSAL], LINES[REVIEW]):
        both_refuse(stored(raw))


# what is refused, however well signed


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, said in SAID.items() for name in (*said, "v")])
def test_every_field_is_there(kind: str, name: str) -> None:
    """A field less, rightly signed; nobody signs that either."""
    said = {key: value for key, value in {**SAID[kind], "v": 1}.items() if key != name}
    both_refuse(spelt(kind, said))
    if name != "v":
        with pytest.raises(MalformedError):
            statement.sign(kind, said, NIGORA.sign)


ADDED: Final = [(kind, name) for kind in SAID for name in ("x", "V", "", *({*SAID[PROPOSAL], *SAID[REVIEW]} - SAID[kind].keys()))]


@pytest.mark.parametrize(("kind", "name"), sorted(ADDED))
def test_no_field_is_added(kind: str, name: str) -> None:
    """A field more, the other kind's among them."""
    value = (SAID[PROPOSAL] | SAID[REVIEW]).get(name, 1)
    both_refuse(spelt(kind, {**SAID[kind], "v": 1, name: value}))
    with pytest.raises(MalformedError):
        statement.sign(kind, {**SAID[kind], name: value}, NIGORA.sign)


BAD: Final[dict[str, list[Any]]] = {
    "v": [True, 0, 2, "1", None, [1]],
    "level": ["L0", "L5", "", "l2", None, 2, ["L2"], True],
    "role": ["", None, 1, ["caseworker"]],
    **{
        name: ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, None, 0, ["0" * 64]]
        for name in ("root", "snapshot", "manifest", "proposal", "comment")
    },
    **{
        name: ["", NIGORA.id.replace("-", ""), NIGORA.id[:-1], "C" + world.BATCH[1:], f"{world.BATCH}\n", f"{{{world.BATCH}}}", None, 1]
        for name in ("finding", "act", "member")
    },
    **{name: [0, True, "1", None, [1]] for name in ("round", "act_version")},
    "rule": [None, "", 1, ["strong"]],
    "standard": [None, "", 1, ["x"]],
    "as": ["", "proposer", "Reviewer", None, True, ["lead"]],
}
BAD_STATEMENTS: Final[list[Any]] = [
    None,
    {},
    "B2",
    [["a", "B2"]],
    [{"origin": "a"}],
    [{"grade": "B2"}],
    [{"origin": "a", "grade": "B2", "x": 1}],
    *([{"origin": "a", "grade": grade}] for grade in ("", "B", "B0", "B7", "G1", "b2", "B2 ", "2B", "B２", None, 2, ["B2"])),
    *([{"origin": origin, "grade": "B2"}] for origin in ("", None, 1, ["a"])),
    [*SAID[PROPOSAL]["statements"], None],
]
WRONG: Final[list[tuple[str, str, Any]]] = [
    *((kind, name, value) for kind, said in SAID.items() for name in ("v", *said) for value in BAD.get(name, [])),
    *((PROPOSAL, "statements", value) for value in BAD_STATEMENTS),
    *((PROPOSAL, "decision", value) for value in ("", "Level", "confirm", "refuted", "unverifiable", None, True, ["level"])),
    *((REVIEW, "decision", value) for value in ("", "Confirm", "level", None, True, ["confirm"])),
]


@pytest.mark.parametrize(("kind", "name", "value"), WRONG)
def test_every_field_has_its_type(kind: str, name: str, value: Any) -> None:
    """`true` for 1, a number for a text, capitals, a neighbour's word: refused, and signed by nobody."""
    both_refuse(spelt(kind, {**SAID[kind], "v": 1, name: value}))
    if name != "v":
        with pytest.raises(MalformedError):
            statement.sign(kind, {**SAID[kind], name: value}, NIGORA.sign)


@pytest.mark.parametrize(
    ("decision", "level", "rule"),
    [
        ("level", "LU", "strong"),
        ("level", "LR", "strong"),
        ("level", "L2", None),
        ("unverifiable", "L2", None),
        ("unverifiable", "LR", None),
        ("unverifiable", "LU", "strong"),
        ("refuted", "LU", None),
        ("refuted", "L1", "strong"),
        ("refuted", "LR", "strong"),
    ],
)
def test_a_decision_has_its_levels(decision: str, level: str, rule: str | None) -> None:
    """A level is computed by a rule, or it is the decision's own and has none."""
    both_refuse(spelt(PROPOSAL, {**SAID[PROPOSAL], "v": 1, "decision": decision, "level": level, "rule": rule}))


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "L2", "level", "lead", world.BATCH, "0" * 64, "B2"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["origin", "grade", "x"]), inner, max_size=3),
    max_leaves=4,
)


@given(ANY, st.data())
@some
def test_both_readers_agree_whatever_a_field_says(case: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    """One field changed to anything: both take it, or both refuse; and it is signed only if it is taken."""
    kind, said = case
    name = data.draw(st.sampled_from(sorted(said)))
    changed = {**said, name: data.draw(JSON)}
    taken = both_read(spelt(kind, {**changed, "v": 1}))
    try:
        statement.sign(kind, changed, NIGORA.sign)
    except MalformedError:
        assert not taken
    else:
        assert taken


def spellings(kind: str) -> dict[str, bytes]:
    """Return bytes that are nearly the good ones."""
    line, other, body = LINES[kind], LINES[REVIEW if kind == PROPOSAL else PROPOSAL], to_jcs({**SAID[kind], "v": 1})
    return {
        "no line": body,
        "no end of line": line[:-1] + body,
        "two bytes at its end": line[:-1] + b"\r\n" + body,
        "the line twice": line + line + body,
        "an empty line before": b"\n" + line + body,
        "version 2": line.replace(b"v1", b"v2") + body,
        "capitals": line.upper() + body,
        "the other line": other + body,
        "both lines": line + other + body,
        "a line end after": line + body + b"\n",
        "a space before": line + b" " + body,
        "a byte order mark": line + b"\xef\xbb\xbf" + body,
        "a space inside": line + body.replace(b'":', b'": ', 1),
        "a float": line + body.replace(b'"v":1', b'"v":1.0'),
        "a leading zero": line + body.replace(b'"v":1', b'"v":01'),
        "a key twice": line + body.replace(b'"v":1', b'"v":1,"v":1'),
        "another order": line + b'{"v":1,' + body.replace(b',"v":1', b"")[1:],
        "an escape": line + body.replace(b'"v":1', b'"\\u0076":1'),
        "cut": line + body[:-1],
        "utf-16": line + body.decode().encode("utf-16"),
        "a list": line + b"[" + body + b"]",
        "null": line + b"null",
        "deep": line + b"[" * 100_000,
    }


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in LINES for name in spellings(kind)])
def test_a_statement_has_one_spelling(kind: str, name: str) -> None:
    """Another line, or another spelling of the same JSON, rightly signed."""
    raw = spellings(kind)[name]
    assert raw != GOOD[kind].raw
    both_refuse(stored(raw))


@KINDS
def test_neither_kind_is_taken_for_the_other(kind: str) -> None:
    """The line is signed, and the fields belong to the line."""
    other = REVIEW if kind == PROPOSAL else PROPOSAL
    both_refuse(spelt(other, {**SAID[kind], "v": 1}))
    with pytest.raises(MalformedError):
        statement.sign(other, SAID[kind], NIGORA.sign)


# the object it is stored in


STRANGE: Final[list[Any]] = [None, 1, True, "", [], {}]
FORMS: Final[list[dict[str, Any]]] = [
    {"x": ""},
    {"kind": PROPOSAL},
    *({name: value} for name in ("bytes", "signature", "by") for value in STRANGE),
    {"by": RUTH.id},
    {"by": NIGORA.id.replace("-", "")},
    {"by": f"{NIGORA.id} "},
    {"signature": to_b64(bytes(63))},
    {"signature": to_b64(bytes(65))},
    {"signature": to_b64(bytes(64)).rstrip("=")},
    {"signature": to_b64(bytes(64)) + "\n"},
    {"bytes": "\ud800"},
]


@KINDS
@pytest.mark.parametrize("change", FORMS, ids=ascii)
def test_the_stored_object_has_one_form(kind: str, change: dict[str, Any]) -> None:
    """Three members; the bytes and 64 bytes of signature in canonical base64; the name of the member they name."""
    both_refuse({**GOOD[kind].to_value(), **change})


@KINDS
def test_a_stored_object_lacks_nothing(kind: str) -> None:
    """A member less; or something that is no object at all."""
    good = GOOD[kind].to_value()
    for name in good:
        both_refuse({key: value for key, value in good.items() if key != name})
    others: list[object] = [None, "", "bytes", 1, [], [*good], [[]], {}, good["bytes"], list(good.values())]
    for other in others:
        both_refuse(other)


def test_a_name_is_a_text_though_a_number_equals_it() -> None:
    """`by` and `member` may agree and still name nobody."""
    names: list[object] = [1, True, None, ["x"]]
    for name in names:
        both_refuse(stored(LINES[REVIEW] + to_jcs({**SAID[REVIEW], "v": 1, "member": name}), by=name))


# commitments


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), TEXTS, TEXTS, TEXTS)
@some
def test_commitments_are_what_the_page_says(salt: bytes, snapshot: bytes, speaks_for: str, against: str, reasoning: str) -> None:
    """Both readers commit to the same snapshot and reasoning; one bit, another salt or text, and it is another commitment."""
    assert statement.snapshot_digest(salt, snapshot) == second.snapshot_digest(salt, snapshot).hex()
    said = {"for": speaks_for, "against": against, "reasoning": reasoning}
    found = statement.reasoning_digest(salt, said)
    assert found == second.reasoning_digest(salt, speaks_for=speaks_for, speaks_against=against, reasoning=reasoning).hex()
    others = [{**said, name: f"{text}."} for name, text in said.items()]
    assert len({found, *(statement.reasoning_digest(salt, other) for other in others)}) == 4
    assert found != statement.reasoning_digest(flipped(salt, 0), said)
    commitments = {
        statement.snapshot_digest(*pair) for pair in ((salt, snapshot), (salt, snapshot + b"\0"), (flipped(salt, 255), snapshot))
    }
    assert len(commitments) == 3
    assert statement.snapshot_digest(salt, to_jcs(said)) != found


# what a round of statements bears

MANIFESTS: Final = second.named_manifests(CREW_CHAIN.root, state_of(CREW_FOUNDING))
ACTS: Final = second.read_acts(vectors.FOLDER.parent.parent / "app" / "cases" / "vocabularies" / "act.json")
PEOPLE: Final = {"r": RUTH, "o": OMID, "n": NIGORA, "d": DAVID, "s": SALOME, "?": world.STRANGER}
Borne = tuple[dict[str, str], bool, str | None]


def item_of(one: Round, state: FindingState = FindingState.CONFIRMED) -> FindingItem:
    """Return the invented finding with one round."""
    row = Finding(id=FINDING, act_id=ACT, state=state)
    return FindingItem(row, judged(rounds=[one]), RowVersion(row.record, 1, ""))


def both_judge(one: Round) -> Borne | None:
    """Return what a round bears, on which both readers agree, as on every state that it can have in clear; None where it bears nothing."""
    value = {"snapshot": one.snapshot, "salt": one.salt, "signatures": one.signatures, "comments": one.comments}
    try:
        borne = second.read_round(value, MANIFESTS, ACTS, root=CREW_CHAIN.root, finding=str(FINDING), act=str(ACT), at=1)
    except second.ClosedError:
        refused(judge_round, CREW_CHAIN, item_of(one), one)
        assert not any(is_borne(CREW_CHAIN, item_of(one, state)) for state in FindingState)
        return None
    verdict = judge_round(CREW_CHAIN, item_of(one), one)
    assert (verdict.signers, verdict.returned, verdict.state) == (borne.signers, borne.returned, borne.state)
    for state in FindingState:
        assert is_borne(CREW_CHAIN, item_of(one, state)) is second.bears(state.value, borne)
    return borne.signers, borne.returned, borne.state


def test_before_the_first_round_it_is_in_assessment() -> None:
    """And in no other state, for both readers."""
    for state in FindingState:
        item = FindingItem(Finding(id=FINDING, act_id=ACT, state=state), judged(), RowVersion("", 1, ""))
        assert is_borne(CREW_CHAIN, item) is second.bears(state.value, None) is (state is FindingState.IN_ASSESSMENT)


CHANGES: Final[list[dict[str, Any]]] = [
    {},
    {},
    {},
    {"root": OTHER_ROOT.hex()},
    {"finding": str(ACT)},
    {"snapshot": "0" * 64},
    {"manifest": world.CHAIN.newest.digest.hex()},
    {"role": "lead"},
    {"level": "L3"},
    {"proposal": "0" * 64},
    {"comment": "0" * 64},
    {"member": world.STRANGER.id},
]


@given(st.data())
@some
def test_both_readers_judge_a_round_alike(data: st.DataObject) -> None:
    """Anybody in any part, in any order, once or twice, right or wrong: both say the same of it, and of every state."""
    draw = data.draw
    decision, minor = draw(st.sampled_from(["level", "level", "unverifiable", "refuted"])), draw(st.sampled_from([None, "no", "probable"]))
    one = proposed(decision, minor=minor, by=PEOPLE[draw(st.sampled_from("nnnord"))])
    for part in draw(st.lists(st.sampled_from(["reviewer", "reviewer", "protection", "lead"]), max_size=4)):
        by = PEOPLE[draw(st.sampled_from({"reviewer": "oornds?", "protection": "sssr", "lead": "rron"}[part]))]
        said, remark = draw(st.sampled_from(["confirm", "confirm", "confirm", "return"])), draw(st.sampled_from(["", "Прочла."]))
        one = reviewed(one, by, part, said, remark, **draw(st.sampled_from(CHANGES)))
    borne = both_judge(one)
    if borne is not None and borne[2] is not None:
        assert len(set(borne[0].values())) == len(one.signatures) >= 2


def test_a_refutation_or_a_minor_needs_a_third_person() -> None:
    """Two people bear a level; a refutation needs a lead beside them, a minor the protection officer, and both need both."""
    two = {"proposer": NIGORA.id, "reviewer": OMID.id}
    assert both_judge(signed_round()) == (two, False, "confirmed")
    assert both_judge(reviewed(proposed("unverifiable"), OMID)) == (two, False, "unverifiable")
    assert both_judge(proposed()) == ({"proposer": NIGORA.id}, False, None)
    for minor, parts in ((None, {}), ("yes", {"protection": SALOME})):
        for decision, more in (("level", {}), ("refuted", {"lead": RUTH})):
            one = reviewed(proposed(decision, minor=minor), OMID)
            for part, by in {**parts, **more}.items():
                borne = both_judge(one)
                assert borne is not None
                assert borne[2] is None
                one = reviewed(one, by, part)
            borne = both_judge(one)
            assert borne is not None
            assert borne[2] == ("confirmed" if decision == "level" else "refuted")


def a_victim(minor: str | None) -> dict[str, Any]:
    """Return the first victim of the snapshot, with another answer on age."""
    return {**seen_round().seen["act"]["victims"][0], "minor": minor}


@pytest.mark.parametrize(
    ("facts", "is_needed"),
    [
        ({}, False),
        ({"type": "SEX_EXAM"}, True),
        ({"type": "NOT_IN_THE_VOCABULARY"}, True),
        ({"sensitive": "sexual_violence"}, True),
        ({"incident_minor": "yes"}, True),  # of the victim it is not said
        ({"incident_minor": "yes", "victims": [a_victim("no")]}, False),
        ({"incident_minor": "yes", "victims": [a_victim("no"), a_victim(None)]}, True),
        ({"incident_minor": "yes", "victims": []}, True),
        ({"incident_minor": "probable", "victims": []}, True),
        ({"incident_minor": "no", "victims": []}, False),
    ],
    ids=str,
)
def test_facts_ask_for_protection_whatever_the_snapshot_says(facts: dict[str, Any], *, is_needed: bool) -> None:
    """Who proposes cannot leave the protection officer out by writing `false`."""
    seen = seen_round().seen
    changed = {**seen, "act": {**seen["act"], **facts}, "protection": False}
    one = proposed(snapshot=changed)
    assert both_judge(reviewed(one, OMID)) == ({"proposer": NIGORA.id, "reviewer": OMID.id}, False, None if is_needed else "confirmed")
    assert both_judge(proposed(snapshot={**changed, "protection": True})) is not None


@pytest.mark.parametrize("name", sorted(seen_round().seen))
def test_a_snapshot_lacks_nothing(name: str) -> None:
    """A field less, rightly signed: a reader refuses it, and the program, which looks at fewer fields, does not stumble over it."""
    one = seen_round()
    less = replace(one, snapshot=to_b64(to_jcs({key: value for key, value in one.seen.items() if key != name})))
    signed = replace(less, signatures=[signed_by(NIGORA, PROPOSAL, proposal(one), snapshot=less.digest)])
    value = {"snapshot": signed.snapshot, "salt": signed.salt, "signatures": signed.signatures, "comments": []}
    with pytest.raises(second.ClosedError):
        second.read_round(value, MANIFESTS, ACTS, root=CREW_CHAIN.root, finding=str(FINDING), act=str(ACT), at=1)
    if name in ("act", "answers", "contradictions", "decision", "level", "protection", "rule", "standard", "statements"):
        refused(judge_round, CREW_CHAIN, item_of(signed), signed)
    else:
        assert judge_round(CREW_CHAIN, item_of(signed), signed).signers == {"proposer": NIGORA.id}


def test_a_comment_is_the_one_that_was_signed() -> None:
    """Another text, none, or one under another name; its reason and day are not signed."""
    one = signed_round()
    (comment,) = one.comments
    for other in ([], [{**comment, "text": "I read the letter"}], [{**comment, "by": RUTH.id}], [{**comment, "text": ""}, comment]):
        assert both_judge(replace(one, comments=other)) is None
    assert both_judge(replace(one, comments=[comment, {**comment, "text": "later"}])) is not None
    assert comment_digest(one, "Прочла.") == second.comment_digest(SALT, "Прочла.").hex()


def test_a_round_has_one_place_and_one_finding() -> None:
    """Another finding, act or place in the list, another snapshot or salt: the same signatures bear nothing."""
    one = signed_round()
    assert both_judge(one) is not None
    assert both_judge(replace(one, snapshot=seen_round(minor="no").snapshot)) is None
    assert both_judge(replace(one, salt=to_b64(seed("another salt")))) is None
    assert both_judge(replace(one, salt=to_b64(SALT[:31]))) is None
    assert both_judge(replace(one, signatures=one.signatures[::-1])) is None
    assert both_judge(replace(one, signatures=[])) is None
    assert both_judge(replace(one, signatures=[one.signatures[0]] * 2)) is None
    named: dict[str, Any] = {"root": CREW_CHAIN.root, "finding": str(FINDING), "act": str(ACT), "at": 1}
    value = {"snapshot": one.snapshot, "salt": one.salt, "signatures": one.signatures, "comments": one.comments}
    for change in ({"root": ROOT}, {"finding": str(ACT)}, {"act": str(FINDING)}, {"at": 2}):
        with pytest.raises(second.ClosedError):
            second.read_round(value, MANIFESTS, ACTS, **{**named, **change})
    body = FindingBody("", rounds=[replace(one, comments=[]), one])
    for finding, act, which in ((ACT, ACT, [one]), (FINDING, FINDING, [one]), (FINDING, ACT, body.rounds)):
        row = Finding(id=finding, act_id=act, state=FindingState.CONFIRMED)
        refused(judge_round, CREW_CHAIN, FindingItem(row, replace(body, rounds=which), RowVersion("", 1, "")), one)


@pytest.mark.parametrize("part", ["reviewer", "protection", "lead"])
@pytest.mark.parametrize("decision", ["confirm", "return"])
def test_a_review_says_what_the_page_says(part: str, decision: str) -> None:
    """What the desk signs is byte for byte the bytes of the page."""
    for number, by in enumerate((RUTH, OMID, NIGORA), start=1):
        keys = Unlocked(seed(f"kem {number}"), seed(f"sign {number}"), (TEAM,), (), world.BATCH, seed("batch"))
        one = proposed()
        signed = sign_review(Actor(by.id, CREW_CHAIN, keys), str(FINDING), one, part, decision, "Прочла.")
        assert signed.raw == LINES[REVIEW] + second.jcs({**review(one, by, part, decision, "Прочла."), "v": 1})
        assert both_read(signed.to_value())
        assert signed.is_signed_by(by.sign.public)


# a record's key for one member


RECORD: Final = f"finding:{FINDING}"
PLACE: Final[dict[str, Any]] = {"root": ROOT, "record": RECORD, "recipient": f"member:{SALOME.id}", "version": 5, "epoch": 2}
WRAPPED: Final = keyring.wrap_record(seed("row"), SALOME.kem.public, **PLACE)
ELSEWHERE: Final[list[dict[str, Any]]] = [
    {"root": OTHER_ROOT},
    {"record": f"finding:{APPROVAL}"},
    {"record": f"case:{FINDING}"},
    {"record": f"{RECORD}/row"},
    {"recipient": f"member:{DAVID.id}"},
    {"recipient": "team"},
    {"version": 4},
    {"version": 6},
    {"epoch": 1},
    {"epoch": 3},
    {"version": -1},
    {"epoch": 2**32},
]


def test_a_wrapped_row_key_opens_for_its_member() -> None:
    """For both readers, and for nobody else."""
    keys = second.kem(seed("kem 5"))
    assert keyring.unwrap_record(WRAPPED, SALOME.kem, **PLACE) == second.open_record_wrap(WRAPPED, keys, **PLACE) == seed("row")
    refused(keyring.unwrap_record, WRAPPED, DAVID.kem, **PLACE)
    renamed = WRAPPED[:6] + hpke.key_id(DAVID.kem.public) + WRAPPED[14:]
    refused(keyring.unwrap_record, renamed, DAVID.kem, **PLACE)


@pytest.mark.parametrize("change", ELSEWHERE, ids=str)
def test_a_wrapped_row_key_has_one_place(change: dict[str, Any]) -> None:
    """Record, recipient, row version, manifest and instance are all bound; so a wrap of an older version opens no newer one."""
    refused(keyring.unwrap_record, WRAPPED, SALOME.kem, **{**PLACE, **change})
    if all(number in range(2**32) for number in change.values() if isinstance(number, int)):
        with pytest.raises(second.ClosedError):
            second.open_record_wrap(WRAPPED, second.kem(seed("kem 5")), **{**PLACE, **change})


def test_another_seal_to_a_member_is_no_row_key() -> None:
    """An epoch secret in the same place is of another kind."""
    where = Context(ROOT, "epoch.secret", RECORD, PLACE["recipient"], 5, 2)
    sealed = hpke.seal_to(seed("row"), SALOME.kem.public, where)
    for raw in (sealed, sealed[:5] + WRAPPED[5:6] + sealed[6:]):
        refused(keyring.unwrap_record, raw, SALOME.kem, **PLACE)


@given(st.integers(0, 8 * len(WRAPPED) - 1))
@some
def test_no_flipped_bit_of_a_wrap_opens(bit: int) -> None:
    """Each bit counts; and no part of it opens."""
    refused(keyring.unwrap_record, flipped(WRAPPED, bit), SALOME.kem, **PLACE)
    refused(keyring.unwrap_record, WRAPPED[: bit // 8], SALOME.kem, **PLACE)


def test_the_signature_of_a_wrap_is_over_its_record() -> None:
    """Both readers name the same bytes; another wrap, record, member or manifest has others."""
    named: list[Any] = [ROOT, RECORD, PLACE["recipient"], 2, WRAPPED]
    message = keyring.wrap_signature_bytes(*named)
    assert message == second.wrap_message(*named)
    signature = RUTH.sign.sign(message)
    assert keyring.is_wrap_signed(*[*named, RUTH.sign.public, signature])
    others: list[Any] = [OTHER_ROOT, f"finding:{APPROVAL}", f"member:{DAVID.id}", 3, flipped(WRAPPED, 9000)]
    for at, other in enumerate(others):
        assert not keyring.is_wrap_signed(*[*named[:at], other, *named[at + 1 :], RUTH.sign.public, signature])
    assert not keyring.is_wrap_signed(*[*named, OMID.sign.public, signature])


# a protection officer's statement on its way to the team

WAITS: Final = to_jcs({"v": 1, "finding": str(FINDING), "statement": GOOD[REVIEW].to_value(), "comment": "Прочла."})
SENT: Final = keyring.seal_approval(WAITS, TEAM.public, root=ROOT, approval_id=str(APPROVAL))


def second_opens(sealed: bytes, **changes: Any) -> tuple[second.SignedStatement, str]:
    """Open an approval with the page alone."""
    team = second.kem(second.epoch_key(TEAM.secret, "team", 1, "kem"))
    return second.open_approval(sealed, team, **{"root": ROOT, "approval": str(APPROVAL), "finding": str(FINDING), "epoch": 1, **changes})


def test_an_approval_opens_for_the_team() -> None:
    """The very bytes, for both readers."""
    assert keyring.open_approval(SENT, TEAM, root=ROOT, approval_id=str(APPROVAL)) == WAITS
    signed, comment = second_opens(SENT)
    assert (signed.raw, signed.said, comment) == (GOOD[REVIEW].raw, GOOD[REVIEW].value, "Прочла.")
    assert len(SENT) == 1154 + padding.LETTER[0]


@pytest.mark.parametrize(
    "change",
    [
        {"approval_id": str(FINDING)},
        {"root": OTHER_ROOT},
        {"team": EpochSecret("team", 2, TEAM.secret)},
        {"team": EpochSecret("team", 1, seed("planted"))},
        {"team": EpochSecret("audit", 1, TEAM.secret)},
    ],
    ids=lambda change: f"{next(iter(change))}",
)
def test_an_approval_has_one_place(change: dict[str, Any]) -> None:
    """Its id, the epoch of the team and the instance are bound."""
    refused(keyring.open_approval, SENT, **{"team": TEAM, "root": ROOT, "approval_id": str(APPROVAL), **change})


@given(st.integers(0, 8 * len(SENT) - 1))
@few
def test_no_flipped_bit_of_an_approval_opens(bit: int) -> None:
    """Each bit counts."""
    refused(keyring.open_approval, flipped(SENT, bit), TEAM, root=ROOT, approval_id=str(APPROVAL))


@pytest.mark.parametrize(
    "padded", [WAITS, padding.pad(WAITS, (16384,)), padding.pad(WAITS, padding.LETTER)[:-1] + b"\1"], ids=["not", "too much", "not zero"]
)
def test_an_approval_is_padded(padded: bytes) -> None:
    """As a letter is; another size tells how long the comment is."""
    sealed = hpke.seal_to(padded, TEAM.public.kem, Context(ROOT, "approval", str(APPROVAL), "body", 1, 1))
    refused(keyring.open_approval, sealed, TEAM, root=ROOT, approval_id=str(APPROVAL))
    with pytest.raises(second.ClosedError):
        second_opens(sealed)


def test_an_approval_that_is_too_long_is_refused_before_it_is_sent() -> None:
    """The larger size is full, and one byte more is no approval."""
    full = bytes(padding.LETTER[1] - 4)
    assert len(keyring.seal_approval(full, TEAM.public, root=ROOT, approval_id=str(APPROVAL))) == 1154 + padding.LETTER[1]
    with pytest.raises(MalformedError):
        keyring.seal_approval(full + b"x", TEAM.public, root=ROOT, approval_id=str(APPROVAL))
