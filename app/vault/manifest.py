"""The keyring manifest: who is a member, with which keys and roles, signed and chained to a pinned root (docs/formats.md §5).

Roles and keys are read from here and never from a column: an administrator who edits rows gains nothing.
This module holds public keys only, so the intake may use it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.errors import MalformedError, ManifestError
from app.vault.encoding import from_b64, from_hex, from_jcs, length_prefixed, sha256, to_b64, to_jcs
from app.vault.hpke import PUBLIC_BYTES as KEM_BYTES
from app.vault.signing import PUBLIC_BYTES, SIGNATURE_BYTES, is_signed

TEAM: Final = "team"
AUDIT: Final = "audit"
ROLES: Final = ("admin", "lead", "caseworker", "protection", "auditor")
DESK_ROLES: Final = frozenset(ROLES) - {"auditor"}
_SIGNERS_ONCE_TWO_EXIST = 2
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class ManifestMember:
    """One member as the manifest names them: public keys and roles."""

    id: str
    roles: frozenset[str]
    kem: bytes
    sign: bytes


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """The public side of one epoch secret."""

    epoch: int
    kem: bytes
    commit: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """One verified manifest."""

    epoch: int
    digest: bytes
    previous: bytes | None
    members: dict[str, ManifestMember]
    team: EpochKeys
    audit: EpochKeys
    recovery_kem: bytes
    recovery_sign: bytes
    origin: str

    @property
    def leads(self) -> frozenset[str]:
        """The members who may sign the next manifest."""
        return frozenset(member.id for member in self.members.values() if "lead" in member.roles)


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """The stored bytes of one manifest and of its signature list."""

    body: bytes
    signatures: bytes


@dataclass(frozen=True, slots=True)
class Chain:
    """A verified chain from the founding root to the newest manifest.

    `suspended` are the members whose removal a lead has signed and a second hand has not: they may do nothing any more.
    """

    root: bytes
    signed: tuple[SignedManifest, ...]
    manifests: tuple[Manifest, ...]
    suspended: frozenset[str] = frozenset()

    @property
    def newest(self) -> Manifest:
        """The manifest in force."""
        return self.manifests[-1]

    def active(self, member_id: str) -> ManifestMember | None:
        """Return a member who may act now; None where the manifest in force does not name them, or they are suspended."""
        return None if member_id in self.suspended else self.newest.members.get(member_id)

    def epoch(self, number: int) -> Manifest:
        """Return the manifest of one epoch.

        Raises:
            ManifestError: there is none.
        """
        if not 1 <= number <= len(self.manifests):
            raise ManifestError
        return self.manifests[number - 1]


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest held against the one before it, and whose good signatures it carries."""

    manifest: Manifest
    signers: frozenset[str]
    is_reducing: bool
    is_complete: bool


def root_of(founding: bytes) -> bytes:
    """Return the instance root: the digest of the first manifest."""
    return sha256(length_prefixed("paivand/v1 root", founding))


def signed_bytes(body: bytes) -> bytes:
    """Return the bytes a lead signs for a manifest."""
    return length_prefixed("paivand/v1 manifest", sha256(body))


def encode(
    *,
    epoch: int,
    previous: bytes | None,
    members: Sequence[ManifestMember],
    team: EpochKeys,
    audit: EpochKeys,
    recovery_kem: bytes,
    recovery_sign: bytes,
    origin: str,
) -> bytes:
    """Write the canonical bytes of a manifest."""
    return to_jcs(
        {
            "v": 1,
            "epoch": epoch,
            "previous": previous.hex() if previous else None,
            "members": [
                {
                    "id": member.id,
                    "roles": sorted(member.roles),
                    "kem": to_b64(member.kem),
                    "sign": to_b64(member.sign),
                    "mldsa": None,
                }
                for member in sorted(members, key=lambda member: member.id)
            ],
            "team": _encode_epoch(team),
            "audit": _encode_epoch(audit),
            "recovery": {"kem": to_b64(recovery_kem), "sign": to_b64(recovery_sign), "mldsa": None},
            "ledger": {"origin": origin, "vkeys": []},
        }
    )


def encode_next(before: Manifest, *, members: Sequence[ManifestMember], team: EpochKeys, audit: EpochKeys) -> bytes:
    """Write the manifest that follows another one; recovery and ledger stay."""
    return encode(
        epoch=before.epoch + 1,
        previous=before.digest,
        members=members,
        team=team,
        audit=audit,
        recovery_kem=before.recovery_kem,
        recovery_sign=before.recovery_sign,
        origin=before.origin,
    )


def encode_signatures(signatures: dict[str, bytes]) -> bytes:
    """Write the signature list; `signatures` maps member id to Ed25519 signature."""
    rows = [{"member": member, "ed25519": to_b64(signature), "mldsa": None} for member, signature in sorted(signatures.items())]
    return to_jcs({"signatures": rows})


def add_signature(signed: SignedManifest, member_id: str, signature: bytes) -> SignedManifest:
    """Return the same manifest with one more signature.

    Raises:
        MalformedError: what is there is no signature list.
    """
    return SignedManifest(signed.body, encode_signatures({**_decode_signatures(signed.signatures), member_id: signature}))


def verify_chain(root: bytes, signed: Sequence[SignedManifest]) -> Chain:
    """Verify every manifest from the founding root on.

    Raises:
        ManifestError: the first does not hash to the root, one does not follow its predecessor, or signatures are missing.
    """
    if not signed or root_of(signed[0].body) != root:
        raise ManifestError
    manifests: list[Manifest] = []
    for item in signed:
        read = _read(item, manifests[-1] if manifests else None)
        if not read.is_complete:
            raise ManifestError
        manifests.append(read.manifest)
    return Chain(root, tuple(signed), tuple(manifests))


def read_draft(chain: Chain, signed: SignedManifest) -> Draft:
    """Read a manifest that is to follow the newest one and may still lack a signature.

    Raises:
        ManifestError: it does not follow, or a lead's signature is missing, or one is not good.
    """
    draft = _read(signed, chain.newest)
    if not draft.signers:
        raise ManifestError
    return draft


def may_sign(before: Manifest, draft: Draft, member_id: str) -> bool:
    """Whether this member's signature would bring a draft nearer to being complete (docs/formats.md §5)."""
    if member_id in draft.signers:
        return False
    if draft.is_reducing:
        return member_id in _hands(draft.manifest)
    return member_id in before.leads


def _read(signed: SignedManifest, before: Manifest | None) -> Draft:
    try:
        manifest, signatures = _decode(signed.body), _decode_signatures(signed.signatures)
    except (MalformedError, KeyError, TypeError, AttributeError):
        raise ManifestError from None
    if (manifest.epoch, manifest.previous) != ((before.epoch + 1, before.digest) if before else (1, None)) or not manifest.leads:
        raise ManifestError
    if before and not all(old == new or _is_fresh(old, new) for old, new in _epochs(before, manifest)):
        raise ManifestError
    judges, names, is_reducing = before or manifest, frozenset(signatures), before is not None and _is_reducing(before, manifest)
    leads, others = names & judges.leads, names - judges.leads
    if others and not (is_reducing and len(others) == 1 and others <= _hands(manifest) and leads & manifest.members.keys()):
        raise ManifestError
    message = signed_bytes(signed.body)
    if not all(is_signed(message, signature, judges.members[member].sign) for member, signature in signatures.items()):
        raise ManifestError
    needed = min(len(judges.leads), _SIGNERS_ONCE_TWO_EXIST) if before else 1
    return Draft(manifest, names, is_reducing, is_complete=len(names) >= needed)


def _is_reducing(before: Manifest, after: Manifest) -> bool:
    """Whether a manifest takes away and does nothing else: fewer people or roles, the same keys, fresh team and audit secrets."""
    named = before.members
    if not all(
        name in named and (named[name].kem, named[name].sign) == (member.kem, member.sign) and member.roles <= named[name].roles
        for name, member in after.members.items()
    ):
        return False
    rest = [(item.recovery_kem, item.recovery_sign, item.origin) for item in (before, after)]
    return named != after.members and rest[0] == rest[1] and all(_is_fresh(old, new) for old, new in _epochs(before, after))


def _hands(manifest: Manifest) -> frozenset[str]:
    """Return who of those that remain can sign in at the desk, and so be the further hand of a removal."""
    return frozenset(member.id for member in manifest.members.values() if member.roles & DESK_ROLES)


def _epochs(before: Manifest, after: Manifest) -> tuple[tuple[EpochKeys, EpochKeys], ...]:
    return (before.team, after.team), (before.audit, after.audit)


def _is_fresh(old: EpochKeys, new: EpochKeys) -> bool:
    return new.epoch == old.epoch + 1 and new.kem != old.kem and new.commit != old.commit


def _encode_epoch(keys: EpochKeys) -> dict[str, Any]:
    return {"epoch": keys.epoch, "kem": to_b64(keys.kem), "commit": to_b64(keys.commit)}


def _decode(body: bytes) -> Manifest:
    value = from_jcs(body)
    if set(value) != {"v", "epoch", "previous", "members", "team", "audit", "recovery", "ledger"} or _number(value["v"]) != 1:
        raise MalformedError
    rows = value["members"]
    members = [_decode_member(row) for row in rows]
    ids = [member.id for member in members]
    keys = {member.sign for member in members} | {member.kem for member in members}
    if ids != sorted(set(ids)) or len(keys) != 2 * len(members):
        raise MalformedError
    recovery, ledger = value["recovery"], value["ledger"]
    if set(recovery) != {"kem", "sign", "mldsa"} or recovery["mldsa"] is not None:
        raise MalformedError
    if set(ledger) != {"origin", "vkeys"} or ledger["vkeys"] != []:
        raise MalformedError
    return Manifest(
        epoch=_number(value["epoch"]),
        digest=sha256(body),
        previous=None if value["previous"] is None else from_hex(value["previous"], 32),
        members={member.id: member for member in members},
        team=_decode_epoch(value["team"]),
        audit=_decode_epoch(value["audit"]),
        recovery_kem=from_b64(recovery["kem"], KEM_BYTES),
        recovery_sign=from_b64(recovery["sign"], PUBLIC_BYTES),
        origin=_text(ledger["origin"]),
    )


def _decode_member(row: dict[str, Any]) -> ManifestMember:
    roles = row["roles"]
    if set(row) != {"id", "roles", "kem", "sign", "mldsa"} or roles != sorted(set(roles) & set(ROLES)):
        raise MalformedError
    if row["mldsa"] is not None or not _UUID.fullmatch(_text(row["id"])):
        raise MalformedError
    return ManifestMember(_text(row["id"]), frozenset(roles), from_b64(row["kem"], KEM_BYTES), from_b64(row["sign"], PUBLIC_BYTES))


def _decode_epoch(row: dict[str, Any]) -> EpochKeys:
    if set(row) != {"epoch", "kem", "commit"}:
        raise MalformedError
    return EpochKeys(_number(row["epoch"]), from_b64(row["kem"], KEM_BYTES), from_b64(row["commit"], 32))


def _decode_signatures(raw: bytes) -> dict[str, bytes]:
    value = from_jcs(raw)
    rows = value["signatures"]
    if set(value) != {"signatures"} or any(set(row) != {"member", "ed25519", "mldsa"} or row["mldsa"] is not None for row in rows):
        raise MalformedError
    signatures = {_text(row["member"]): from_b64(row["ed25519"], SIGNATURE_BYTES) for row in rows}
    if [row["member"] for row in rows] != sorted(signatures):
        raise MalformedError
    return signatures


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise MalformedError
    return value
