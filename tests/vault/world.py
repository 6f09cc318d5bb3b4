"""Fixed people, keys and manifests for the vault's tests; nothing here is random, so a failure comes back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from hypothesis import settings

from app.errors import SealError
from app.vault import envelope, manifest
from app.vault.encoding import Context, from_jcs, sha256, to_jcs
from app.vault.hpke import KemKeys
from app.vault.keyring import EpochSecret, Unlocked
from app.vault.manifest import Chain, ManifestMember, SignedManifest
from app.vault.signing import SigningKeys

some = settings(max_examples=60, deadline=None, database=None)
few = settings(max_examples=20, deadline=None, database=None)

ORIGIN: Final = "paivand.example/ledger"
REPORT: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"
BATCH: Final = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
SECRET: Final = bytes.fromhex("00112233445566778899")
DAY: Final = "2026-11-24"
WEEK: Final = "2026-W48"


def seed(label: str) -> bytes:
    """Return 32 fixed bytes."""
    return sha256(b"paivand tests", label.encode())


@dataclass(frozen=True)
class Person:
    """A member with both halves of the keys."""

    id: str
    roles: frozenset[str]
    kem: KemKeys
    sign: SigningKeys

    @property
    def public(self) -> ManifestMember:
        """What a manifest says of them."""
        return ManifestMember(self.id, self.roles, self.kem.public, self.sign.public)


def person(number: int, *roles: str) -> Person:
    """Make a member from a number."""
    keys = KemKeys.from_seed(seed(f"kem {number}")), SigningKeys.from_seed(seed(f"sign {number}"))
    return Person(f"{number:08d}-0000-4000-8000-000000000000", frozenset(roles), *keys)


RUTH: Final = person(1, "admin", "lead")
OMID: Final = person(2, "lead")
NIGORA: Final = person(3, "caseworker")
DAVID: Final = person(4, "auditor")
STRANGER: Final = person(9, "lead")
PEOPLE: Final = (RUTH, OMID, NIGORA, DAVID)
TEAM: Final = EpochSecret("team", 1, seed("team 1"))
AUDIT: Final = EpochSecret("audit", 1, seed("audit 1"))
RECOVERY: Final = (KemKeys.from_seed(seed("recovery kem")), SigningKeys.from_seed(seed("recovery sign")))


def body(epoch: int = 1, previous: bytes | None = None, people: Sequence[Person] = PEOPLE) -> bytes:
    """Write a manifest; `previous` is the body before it."""
    return manifest.encode(
        epoch=epoch,
        previous=None if previous is None else sha256(previous),
        members=[each.public for each in people],
        team=TEAM.public,
        audit=AUDIT.public,
        recovery_kem=RECOVERY[0].public,
        recovery_sign=RECOVERY[1].public,
        origin=ORIGIN,
    )


def changed(raw: bytes, **changes: Any) -> bytes:
    """Return an encoded object with other members."""
    return to_jcs({**from_jcs(raw), **changes})


def signature(raw: bytes, by: Person) -> bytes:
    """Sign a manifest."""
    return by.sign.sign(manifest.signed_bytes(raw))


def signed(raw: bytes, *by: Person) -> SignedManifest:
    """Sign a manifest by these people and nobody else."""
    return SignedManifest(raw, manifest.encode_signatures({each.id: signature(raw, each) for each in by}))


FOUNDING: Final = signed(body(), RUTH)
ROOT: Final = manifest.root_of(FOUNDING.body)
SECOND: Final = signed(body(2, FOUNDING.body), RUTH, OMID)
CHAIN: Final = manifest.verify_chain(ROOT, [FOUNDING, SECOND])
OTHER_ROOT: Final = bytes(32)


def chain_of(*people: Person) -> Chain:
    """Found another instance with these people."""
    founding = signed(body(people=people), next(each for each in people if "lead" in each.roles))
    return manifest.verify_chain(manifest.root_of(founding.body), [founding])


def context(kind: str = "report.work", **changes: Any) -> Context:
    """Return a context, changed where the test says so."""
    return replace(Context(ROOT, kind, REPORT, "work", 3, 1), **changes)


def elsewhere(of: Context) -> list[Context]:
    """Return every neighbour of a context that differs in one place."""
    other = next(kind for kind in envelope.KINDS if kind != of.kind)
    return [
        replace(of, root=OTHER_ROOT),
        replace(of, kind=other),
        replace(of, id=f"{of.id}0"),
        replace(of, field=f"{of.field}/"),
        replace(of, version=of.version + 1),
        replace(of, epoch=of.epoch + 1),
    ]


def unlocked() -> Unlocked:
    """Return the keys of a signed-in member."""
    return Unlocked(seed("kem 3"), seed("sign 3"), (TEAM,), (AUDIT,), BATCH, seed("batch"))


def flipped(raw: bytes, bit: int) -> bytes:
    """Return the bytes with one bit turned over."""
    out = bytearray(raw)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def refused(read: Callable[..., object], *args: Any, **named: Any) -> None:
    """Whatever the cause, the refusal is the same: one class, no words, nothing chained to it."""
    with pytest.raises(SealError) as caught:
        read(*args, **named)
    assert (type(caught.value), caught.value.args, caught.value.__cause__) == (SealError, (), None)
