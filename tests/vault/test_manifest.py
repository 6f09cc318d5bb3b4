"""The manifest: nobody is a member, and no key is ours, unless the chain from the founding root says so (docs/formats.md §5)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ManifestError
from app.vault import manifest
from app.vault.encoding import from_jcs, sha256, to_b64, to_jcs
from app.vault.fingerprint import fingerprint, is_fingerprint
from app.vault.keyring import EpochSecret
from app.vault.manifest import Chain, EpochKeys, SignedManifest, encode_signatures, read_draft, verify_chain
from app.vault.receipt import word_list
from tests import second_reader as second
from tests.vault import world
from tests.vault.world import (
    CHAIN,
    DAVID,
    FOUNDING,
    NIGORA,
    OMID,
    PEOPLE,
    ROOT,
    RUTH,
    SECOND,
    STRANGER,
    Person,
    changed,
    few,
    signature,
    signed,
)


def refused(root: bytes, *chain: SignedManifest) -> None:
    """Both readers refuse the chain, each with its one error."""
    with pytest.raises(ManifestError) as caught:
        verify_chain(root, chain)
    assert (caught.value.args, caught.value.__cause__) == ((), None)
    with pytest.raises(second.ClosedError):
        second.read_chain(root, [(item.body, item.signatures) for item in chain])


def followed_by(raw: bytes, *by: Person) -> list[SignedManifest]:
    """Return the founding manifest and this one after it."""
    return [FOUNDING, signed(raw, *(by or (RUTH, OMID)))]


def member_changed(raw: bytes, at: int, **changes: Any) -> bytes:
    """Return a manifest with one member's row changed."""
    rows = from_jcs(raw)["members"]
    return changed(raw, members=[{**row, **changes} if number == at else row for number, row in enumerate(rows)])


def test_both_readers_follow_the_chain() -> None:
    """A founding manifest signed by one lead, and a second signed by both, say the same to both readers."""
    chain = verify_chain(ROOT, [FOUNDING, SECOND])
    assert second.root_of(FOUNDING.body) == ROOT == chain.root
    for item, other in zip(
        chain.manifests, second.read_chain(ROOT, [(FOUNDING.body, FOUNDING.signatures), (SECOND.body, SECOND.signatures)]), strict=True
    ):
        assert item.epoch == other.epoch
        assert {name: (tuple(sorted(each.roles)), each.kem, each.sign) for name, each in item.members.items()} == {
            name: (each.roles, each.kem, each.sign) for name, each in other.people.items()
        }
        assert (item.team.epoch, item.team.kem, item.team.commit) == other.team
        assert (item.audit.epoch, item.audit.kem, item.audit.commit) == other.audit
        assert item.origin == other.origin == world.ORIGIN


def test_what_was_written_is_read() -> None:
    """Every field comes back, members in order whatever order they were given in."""
    assert world.body(people=PEOPLE[::-1]) == FOUNDING.body
    found = CHAIN.epoch(1)
    assert found.members == {each.id: each.public for each in PEOPLE}
    assert (found.team, found.audit) == (world.TEAM.public, world.AUDIT.public)
    assert (found.recovery_kem, found.recovery_sign) == (world.RECOVERY[0].public, world.RECOVERY[1].public)
    assert (found.epoch, found.digest, found.previous) == (1, sha256(FOUNDING.body), None)
    assert found.leads == {RUTH.id, OMID.id}
    assert CHAIN.newest.previous == found.digest
    assert CHAIN.newest is CHAIN.epoch(2)


@pytest.mark.parametrize("number", [-1, 0, 3])
def test_there_is_no_other_epoch(number: int) -> None:
    """An epoch outside the chain is refused, never counted from the end."""
    with pytest.raises(ManifestError):
        CHAIN.epoch(number)


# the root and the order


@pytest.mark.parametrize("root", [bytes(32), b"", sha256(FOUNDING.body), world.flipped(ROOT, 0)])
def test_another_root_is_another_instance(root: bytes) -> None:
    """The first manifest must hash to the pinned root; its plain digest is not the root."""
    refused(root, FOUNDING)


def test_the_chain_is_whole_and_in_order() -> None:
    """Nothing, a hole, the wrong order and a repetition are refused."""
    for chain in ([], [SECOND], [SECOND, FOUNDING], [FOUNDING, FOUNDING], [FOUNDING, SECOND, SECOND]):
        refused(ROOT, *chain)


@pytest.mark.parametrize(
    "change", [{"epoch": 3}, {"epoch": 1}, {"epoch": 0}, {"previous": None}, {"previous": "00" * 32}, {"previous": "00" * 31}]
)
def test_it_follows_its_predecessor(change: dict[str, Any]) -> None:
    """Number and digest of the predecessor must be those, however well it is signed."""
    refused(ROOT, *followed_by(changed(SECOND.body, **change)))


def test_a_founding_manifest_has_no_predecessor() -> None:
    """The first has `previous` null and epoch 1."""
    for change in ({"previous": "00" * 32}, {"epoch": 2}):
        raw = changed(FOUNDING.body, **change)
        refused(manifest.root_of(raw), signed(raw, RUTH, OMID))


def test_another_history_does_not_fit() -> None:
    """A second manifest of another founding is refused after ours."""
    other = signed(world.body(people=[RUTH, OMID]), RUTH)
    refused(ROOT, FOUNDING, signed(world.body(2, other.body), RUTH, OMID))


# signatures


@pytest.mark.parametrize(
    "by", [(), (RUTH,), (OMID,), (NIGORA,), (RUTH, NIGORA), (RUTH, OMID, NIGORA), (RUTH, OMID, STRANGER), (RUTH, STRANGER)]
)
def test_two_leads_sign_once_there_are_two(by: Sequence[Person]) -> None:
    """One lead is not enough at epoch 2, and a signature of anybody else spoils the list."""
    refused(ROOT, FOUNDING, signed(SECOND.body, *by))


@pytest.mark.parametrize("by", [(), (NIGORA,), (STRANGER,), (RUTH, NIGORA)])
def test_a_lead_founds(by: Sequence[Person]) -> None:
    """The founding needs a lead it names, and nobody else's name beside it."""
    refused(ROOT, signed(FOUNDING.body, *by))


def test_one_lead_is_enough_where_there_is_one() -> None:
    """With a single lead the next manifest needs that one; the one it adds does not count yet."""
    alone = signed(world.body(people=[RUTH, NIGORA]), RUTH)
    root = manifest.root_of(alone.body)
    raw = world.body(2, alone.body, people=[RUTH, OMID])
    assert verify_chain(root, [alone, signed(raw, RUTH)]).newest.leads == {RUTH.id, OMID.id}
    refused(root, alone, signed(raw, OMID))
    refused(root, alone, signed(raw, RUTH, OMID))
    third = world.body(3, raw, people=[RUTH, OMID, DAVID])
    assert verify_chain(root, [alone, signed(raw, RUTH), signed(third, RUTH, OMID)]).newest.epoch == 3
    refused(root, alone, signed(raw, RUTH), signed(third, RUTH))


def test_who_was_lead_before_decides() -> None:
    """A manifest cannot appoint its own signers, and a lead it dismisses still has to sign."""
    raw = world.body(
        2, FOUNDING.body, people=[RUTH, replace(OMID, roles=frozenset({"caseworker"})), replace(NIGORA, roles=frozenset({"lead"}))]
    )
    refused(ROOT, *followed_by(raw, RUTH, NIGORA))
    assert verify_chain(ROOT, followed_by(raw, RUTH, OMID)).newest.leads == {RUTH.id, NIGORA.id}


def test_swapped_signatures() -> None:
    """Each signature is under its own signer's name."""
    swapped = encode_signatures({RUTH.id: signature(SECOND.body, OMID), OMID.id: signature(SECOND.body, RUTH)})
    refused(ROOT, FOUNDING, SignedManifest(SECOND.body, swapped))
    twice = encode_signatures({RUTH.id: signature(SECOND.body, RUTH), OMID.id: signature(SECOND.body, RUTH)})
    refused(ROOT, FOUNDING, SignedManifest(SECOND.body, twice))


def test_a_bad_signature_beside_good_ones() -> None:
    """A founding that one lead signed well and the other badly is refused: no signature is passed over."""
    for bad in (bytes(64), signature(SECOND.body, OMID)):
        names = encode_signatures({RUTH.id: signature(FOUNDING.body, RUTH), OMID.id: bad})
        refused(ROOT, SignedManifest(FOUNDING.body, names))


def test_signatures_of_another_manifest() -> None:
    """Signatures do not move from one manifest to the next."""
    refused(ROOT, FOUNDING, SignedManifest(SECOND.body, signed(FOUNDING.body, RUTH, OMID).signatures))


@given(st.integers(0, 8 * len(SECOND.body) - 1))
@few
def test_no_flipped_bit_verifies(bit: int) -> None:
    """One bit of the manifest, and the chain ends."""
    refused(ROOT, FOUNDING, SignedManifest(world.flipped(SECOND.body, bit), SECOND.signatures))


def test_no_flipped_bit_of_a_signature_list_verifies() -> None:
    """One bit of a signature list, and the chain ends."""
    for byte in range(len(SECOND.signatures)):
        refused(ROOT, FOUNDING, SignedManifest(SECOND.body, world.flipped(SECOND.signatures, 8 * byte)))


def rows(raw: bytes) -> list[dict[str, Any]]:
    """Return the rows of a signature list."""
    found: list[dict[str, Any]] = from_jcs(raw)["signatures"]
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found[::-1],
        lambda found: [*found, found[-1]],
        lambda found: [found[0], {**found[1], "member": found[0]["member"]}],
        lambda found: [found[0], {**found[1], "ed25519": found[1]["ed25519"][:-4]}],
        lambda found: [found[0], {**found[1], "ed25519": None}],
        lambda found: [found[0], {"member": found[1]["member"]}],
        lambda found: [found[0], {**found[1], "member": ""}],
        lambda found: {"a": found},
        lambda _: None,
        lambda _: [[]],
        lambda _: ["member"],
    ],
)
def test_signature_lists_have_one_form(change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Sorted, each name once, each signature 64 bytes; anything else is the same refusal."""
    refused(ROOT, FOUNDING, SignedManifest(SECOND.body, to_jcs({"signatures": change(rows(SECOND.signatures))})))


# taking away: one lead and any further hand

TEAM_2 = EpochSecret("team", 2, world.seed("team 2")).public
AUDIT_2 = EpochSecret("audit", 2, world.seed("audit 2")).public
SALOME = world.person(5, "protection")
TIMUR = world.person(6, "caseworker")
CREW = (RUTH, OMID, NIGORA, DAVID, SALOME, TIMUR)
CREW_FOUNDING = signed(world.body(people=CREW), RUTH)
CREW_CHAIN = verify_chain(manifest.root_of(CREW_FOUNDING.body), [CREW_FOUNDING])


def next_body(*people: Person, team: EpochKeys = TEAM_2, audit: EpochKeys = AUDIT_2, **changes: Any) -> bytes:
    """Write a second manifest of these people."""
    raw = manifest.encode_next(CREW_CHAIN.newest, members=[each.public for each in people], team=team, audit=audit)
    return changed(raw, **changes) if changes else raw


def accepted(item: SignedManifest) -> bool:
    """Both readers say the same of a second manifest; return what."""
    try:
        second.read_chain(CREW_CHAIN.root, [(each.body, each.signatures) for each in (CREW_FOUNDING, item)])
    except second.ClosedError:
        refused(CREW_CHAIN.root, CREW_FOUNDING, item)
        return False
    return verify_chain(CREW_CHAIN.root, [CREW_FOUNDING, item]).newest.epoch == 2


def without(*gone: Person) -> list[Person]:
    """Return the crew but for these."""
    return [each for each in CREW if each not in gone]


@pytest.mark.parametrize(
    ("by", "is_good"),
    [
        ((RUTH, NIGORA), True),
        ((RUTH, SALOME), True),
        ((RUTH, TIMUR), True),
        ((RUTH, OMID), True),  # two leads may do anything, their own removal among it
        ((RUTH,), False),  # begun, but nobody else has agreed
        ((RUTH, DAVID), False),  # an auditor has no page to sign on
        ((OMID, NIGORA), False),  # the lead who goes is no hand of this kind
        ((NIGORA, TIMUR), False),
        ((NIGORA,), False),
        ((RUTH, NIGORA, TIMUR), False),  # one further hand, not a crowd
        ((RUTH, STRANGER), False),
        ((), False),
    ],
    ids=range(12),
)
def test_a_lead_is_removed_by_another_and_one_who_stays(by: Sequence[Person], *, is_good: bool) -> None:
    """Nobody has a veto over their own removal, and no lead does it alone once there are two."""
    assert accepted(signed(next_body(*without(OMID)), *by)) is is_good


def test_who_is_removed_does_not_count_as_one_who_stays() -> None:
    """The further hand has to remain."""
    assert not accepted(signed(next_body(*without(NIGORA)), RUTH, NIGORA))
    assert accepted(signed(next_body(*without(NIGORA)), RUTH, TIMUR))


def test_one_lead_alone_removes() -> None:
    """Where the manifest names one lead, that one is enough; and may still ask for a further hand."""
    alone = signed(world.body(people=[RUTH, NIGORA, TIMUR]), RUTH)
    chain = verify_chain(manifest.root_of(alone.body), [alone])
    raw = manifest.encode_next(chain.newest, members=[RUTH.public, TIMUR.public], team=TEAM_2, audit=AUDIT_2)
    for by in ([RUTH], [RUTH, TIMUR]):
        assert set(verify_chain(chain.root, [alone, signed(raw, *by)]).newest.members) == {RUTH.id, TIMUR.id}
        assert second.read_chain(chain.root, [(each.body, each.signatures) for each in (alone, signed(raw, *by))])
    refused(chain.root, alone, signed(raw, TIMUR))
    nobody = manifest.encode_next(chain.newest, members=[NIGORA.public], team=TEAM_2, audit=AUDIT_2)
    refused(chain.root, alone, signed(nobody, RUTH))


def test_a_role_is_taken_away_like_a_person() -> None:
    """Fewer roles are less power; the further hand needs a role that is left."""
    less = replace(RUTH, roles=frozenset({"lead"}))
    assert accepted(signed(next_body(less, *without(RUTH)), RUTH, NIGORA))
    assert not accepted(signed(next_body(*without(NIGORA), replace(NIGORA, roles=frozenset())), RUTH, NIGORA))


FULL = [each for each in CREW if each is not TIMUR]
_KEY = world.person(8, "caseworker")
NOT_ONLY_TAKING: dict[str, bytes] = {
    "nothing taken": next_body(*CREW),
    "somebody new": next_body(*FULL, world.person(7, "caseworker")),
    "a role more": next_body(*(replace(each, roles=each.roles | {"lead"}) if each is NIGORA else each for each in FULL)),
    "another sealing key": next_body(*(replace(each, kem=_KEY.kem) if each is NIGORA else each for each in FULL)),
    "another signing key": next_body(*(replace(each, sign=_KEY.sign) if each is NIGORA else each for each in FULL)),
    "team kept": next_body(*FULL, team=world.TEAM.public),
    "audit kept": next_body(*FULL, audit=world.AUDIT.public),
    "another recovery": next_body(
        *FULL, recovery={"kem": to_b64(STRANGER.kem.public), "sign": to_b64(STRANGER.sign.public), "mldsa": None}
    ),
    "another ledger": next_body(*FULL, ledger={"origin": "paivand.example/other", "vkeys": []}),
}


@pytest.mark.parametrize("raw", NOT_ONLY_TAKING.values(), ids=list(NOT_ONLY_TAKING))
def test_whatever_does_more_needs_two_leads(raw: bytes) -> None:
    """A lead and a caseworker may take away, and nothing else; two leads may."""
    assert not accepted(signed(raw, RUTH, NIGORA))
    assert accepted(signed(raw, RUTH, OMID))


@pytest.mark.parametrize(
    "team",
    [
        replace(TEAM_2, epoch=3),
        replace(TEAM_2, epoch=1),
        replace(TEAM_2, epoch=0),
        replace(TEAM_2, kem=world.TEAM.public.kem),
        replace(TEAM_2, commit=world.TEAM.public.commit),
        replace(world.TEAM.public, epoch=2),
    ],
)
def test_secrets_are_the_same_or_fresh(team: EpochKeys) -> None:
    """Whoever signs: a number that jumps, or old keys under a new number, is refused; so is a new key under the old number."""
    assert not accepted(signed(next_body(*FULL, team=team), RUTH, OMID))
    audit = EpochKeys(team.epoch, *((AUDIT_2.kem, AUDIT_2.commit) if team.epoch != 2 else (world.AUDIT.public.kem, AUDIT_2.commit)))
    assert not accepted(signed(next_body(*FULL, audit=audit), RUTH, OMID))


def test_every_manifest_names_a_lead() -> None:
    """Without one nothing could follow it."""
    assert not accepted(signed(next_body(NIGORA, DAVID, SALOME, TIMUR), RUTH, OMID))
    raw = world.body(people=[NIGORA])
    refused(manifest.root_of(raw), signed(raw, NIGORA))


def test_a_draft_says_what_it_lacks() -> None:
    """It follows the newest manifest, carries good signatures only, and knows who may add one."""
    raw, newest = next_body(*without(OMID)), CREW_CHAIN.newest
    begun = read_draft(CREW_CHAIN, signed(raw, RUTH))
    assert (begun.signers, begun.is_reducing, begun.is_complete) == (frozenset({RUTH.id}), True, False)
    assert {each.id for each in CREW if manifest.may_sign(newest, begun, each.id)} == {NIGORA.id, SALOME.id, TIMUR.id}
    more = manifest.add_signature(signed(raw, RUTH), NIGORA.id, signature(raw, NIGORA))
    assert read_draft(CREW_CHAIN, more).is_complete
    assert accepted(more)
    grown = read_draft(CREW_CHAIN, signed(next_body(*CREW, world.person(7, "caseworker"), team=world.TEAM.public), RUTH))
    assert {each.id for each in CREW if manifest.may_sign(newest, grown, each.id)} == {OMID.id}
    for bad in (signed(raw), signed(raw, NIGORA), signed(SECOND.body, RUTH), SignedManifest(raw, signed(SECOND.body, RUTH).signatures)):
        with pytest.raises(ManifestError):
            read_draft(CREW_CHAIN, bad)


# the words of a newcomer's keys


def test_fingerprint_is_eight_words_of_both_keys() -> None:
    """Both readers give the same words; another key, or another instance, gives others."""
    mine = fingerprint(ROOT, NIGORA.kem.public, NIGORA.sign.public)
    assert list(mine) == second.fingerprint(ROOT, NIGORA.kem.public, NIGORA.sign.public, word_list("en"))
    others = [
        fingerprint(ROOT, DAVID.kem.public, NIGORA.sign.public),
        fingerprint(ROOT, NIGORA.kem.public, DAVID.sign.public),
        fingerprint(world.OTHER_ROOT, NIGORA.kem.public, NIGORA.sign.public),
    ]
    assert len({mine, *others}) == 4
    assert all(len(words) == 8 for words in (mine, *others))


def test_fingerprint_is_read_as_people_type() -> None:
    """Capitals, numbers, commas and line ends do not matter; a word more, less, other or elsewhere does."""
    words = fingerprint(ROOT, NIGORA.kem.public, NIGORA.sign.public)
    assert is_fingerprint(" ".join(words), words)
    assert is_fingerprint("\n".join(f"{at}. {word.upper()}," for at, word in enumerate(words, start=1)), words)
    other = next(word for word in word_list("en") if word not in words)
    for typed in (words[:-1], (*words, words[0]), words[::-1], (other, *words[1:]), ()):
        assert not is_fingerprint(" ".join(typed), words)


# the body, however well signed


def test_swapped_roles_and_keys_do_not_keep_the_signature() -> None:
    """Roles or keys exchanged between two members, or one turned into a lead, end the chain."""
    found = from_jcs(SECOND.body)["members"]
    for name in ("roles", "kem", "sign"):
        exchanged = [dict(row) for row in found]
        exchanged[0][name], exchanged[2][name] = found[2][name], found[0][name]
        refused(ROOT, FOUNDING, SignedManifest(changed(SECOND.body, members=exchanged), SECOND.signatures))
    promoted = member_changed(SECOND.body, 2, roles=["caseworker", "lead"])
    refused(ROOT, FOUNDING, SignedManifest(promoted, SECOND.signatures))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": None},
        {"extra": 1},
        {"epoch": "2"},
        {"team": {}},
        {"team": None},
        {"audit": {"epoch": "1", "kem": to_b64(bytes(1216)), "commit": to_b64(bytes(32))}},
        {"audit": {"epoch": 1, "kem": to_b64(bytes(1215)), "commit": to_b64(bytes(32))}},
        {"audit": {"epoch": 1, "kem": to_b64(bytes(1216)), "commit": to_b64(bytes(31))}},
        {"recovery": {"kem": to_b64(bytes(1216)), "sign": to_b64(bytes(31)), "mldsa": None}},
        {"recovery": []},
        {"ledger": {"origin": 1, "vkeys": []}},
        {"ledger": {}},
        {"members": None},
        {"members": 1},
        {"members": ["a"]},
        {"members": [[]]},
        {"previous": 1},
    ],
    ids=str,
)
def test_other_forms_are_refused_even_if_signed(change: dict[str, Any]) -> None:
    """A form that this page does not have is not read, whoever signed it."""
    refused(ROOT, *followed_by(changed(SECOND.body, **change)))


@pytest.mark.parametrize("name", ["v", "epoch", "previous", "members", "team", "audit", "recovery", "ledger"])
def test_missing_fields_are_refused_even_if_signed(name: str) -> None:
    """Every field must be there."""
    value = from_jcs(SECOND.body)
    del value[name]
    refused(ROOT, *followed_by(to_jcs(value)))


@pytest.mark.parametrize(
    "change",
    [
        {"roles": ["caseworker", "admin"]},
        {"roles": ["caseworker", "caseworker"]},
        {"roles": ["caseworker", "owner"]},
        {"roles": "caseworker"},
        {"roles": [["lead"]]},
        {"roles": None},
        {"kem": to_b64(bytes(32))},
        {"sign": to_b64(bytes(33))},
        {"sign": None},
        {"id": RUTH.id},
        {"id": "ffffffff-0000-4000-8000-000000000000"},
        {"id": ""},
        {"id": 3},
        {"extra": 1},
    ],
    ids=lambda change: str(change)[:40],
)
def test_other_members_are_refused_even_if_signed(change: dict[str, Any]) -> None:
    """Unknown roles, wrong sizes, names out of order or twice, and unknown fields are refused."""
    refused(ROOT, *followed_by(member_changed(SECOND.body, 2, **change)))


def test_a_duplicate_member_is_refused() -> None:
    """No name appears twice, even with the same keys."""
    found = from_jcs(SECOND.body)["members"]
    refused(ROOT, *followed_by(changed(SECOND.body, members=[found[0], found[0], *found[1:]])))


@pytest.mark.parametrize("name", ["kem", "sign"])
def test_two_members_never_share_a_key(name: str) -> None:
    """One person under two names would be two leads."""
    found = from_jcs(SECOND.body)["members"]
    with pytest.raises(ManifestError):
        verify_chain(ROOT, followed_by(member_changed(SECOND.body, 2, **{name: found[0][name]})))


def test_bytes_that_are_not_canonical_are_refused_even_if_signed() -> None:
    """One manifest has one spelling."""
    refused(ROOT, *followed_by(SECOND.body + b" "))
    refused(ROOT, *followed_by(b'{"a":1,' + SECOND.body[1:]))
    refused(ROOT, *followed_by(b""))


@pytest.mark.parametrize(
    "raw",
    [
        member_changed(SECOND.body, 2, mldsa=1),
        changed(SECOND.body, ledger={"origin": world.ORIGIN, "vkeys": ["a"]}),
        changed(SECOND.body, ledger={"origin": world.ORIGIN, "vkeys": [], "more": 1}),
        changed(SECOND.body, team={**from_jcs(SECOND.body)["team"], "more": 1}),
        changed(SECOND.body, recovery={**from_jcs(SECOND.body)["recovery"], "more": 1}),
        changed(SECOND.body, recovery={**from_jcs(SECOND.body)["recovery"], "mldsa": 1}),
        changed(SECOND.body, team={**from_jcs(SECOND.body)["team"], "epoch": True}),
        changed(SECOND.body, v=True),
        member_changed(SECOND.body, 3, id="not a uuid"),
    ],
    ids=["member mldsa", "vkeys", "ledger field", "team field", "recovery field", "recovery mldsa", "epoch true", "v true", "id"],
)
def test_reserved_places_are_empty_even_if_signed(raw: bytes) -> None:
    """What this version reserves is null or empty; another value is a form it does not know."""
    refused(ROOT, *followed_by(raw))


@pytest.mark.parametrize("change", [{"mldsa": 1}, {"more": 1}], ids=["mldsa", "field"])
def test_signature_rows_reserve_mldsa(change: dict[str, Any]) -> None:
    """A signature row has three fields, and the third is null."""
    first, last = rows(SECOND.signatures)
    refused(ROOT, FOUNDING, SignedManifest(SECOND.body, to_jcs({"signatures": [first, {**last, **change}]})))


def test_chain_is_what_was_verified() -> None:
    """The chain keeps the very bytes, so that a later state can be compared with them."""
    assert verify_chain(ROOT, (FOUNDING, SECOND)).signed == (FOUNDING, SECOND)
    assert isinstance(CHAIN, Chain)
    assert manifest.signed_bytes(FOUNDING.body) == second.lp("paivand/v1 manifest", second.digest(FOUNDING.body))
