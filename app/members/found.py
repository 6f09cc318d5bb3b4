"""Found an instance: the first manifest, the first epoch secrets, the first members, the recovery shares, entry 0."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import ConflictError, MalformedError
from app.ledger.append import Actor, append, start_batch
from app.ledger.tree import Frontier
from app.members.passphrase import new_passphrase, to_base32
from app.members.policy import secrets_of
from app.store.keys import KeyWrap, ManifestRow, Member
from app.store.ledger import LedgerHead
from app.store.reports import Report
from app.vault import keyring, manifest
from app.vault.envelope import new_key
from app.vault.hpke import KemKeys
from app.vault.keyring import EpochSecret, MemberBlob, ServerSecret, Unlocked
from app.vault.recovery import new_recovery
from app.vault.signing import SigningKeys


@dataclass(frozen=True, slots=True)
class NewMember:
    """What is told once to a new member."""

    id: str
    name: str
    role: str
    passphrase: str = field(repr=False)
    totp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Founding:
    """What `found` returns; only here are passphrases and shares readable."""

    root: bytes
    members: tuple[NewMember, ...]
    shares: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Seeds:
    id: str
    name: str
    role: str
    kem: bytes
    sign: bytes

    @property
    def public(self) -> manifest.ManifestMember:
        keys = KemKeys.from_seed(self.kem).public, SigningKeys.from_seed(self.sign).public
        return manifest.ManifestMember(self.id, frozenset({self.role}), *keys)


def found(session: Session, people: Sequence[tuple[str, str]], *, origin: str, server_secret: ServerSecret, now: datetime) -> Founding:
    """Found an instance in an empty database. Slow on purpose: one Argon2id per member.

    Args:
        session: an open write transaction on an empty, migrated database.
        people: (role, name) pairs; at least one lead.
        origin: the ledger's name, for ever.
        server_secret: the secret kept beside the database.
        now: aware UTC time.

    Raises:
        ConflictError: the database is not empty.
        MalformedError: no lead, a role that does not exist, or a name twice.
    """
    for table in (ManifestRow, Member, Report, LedgerHead):
        if session.scalar(select(func.count()).select_from(table)):
            raise ConflictError
    if "lead" not in {role for role, _ in people} or {role for role, _ in people} - set(manifest.ROLES):
        raise MalformedError
    if len({server_secret.lookup(name) for _, name in people}) != len(people) or not all(name for _, name in people):
        raise MalformedError
    seeds = [_Seeds(str(uuid4()), name, role, new_key(), new_key()) for role, name in people]
    team, audit = EpochSecret.new(manifest.TEAM, 1), EpochSecret.new(manifest.AUDIT, 1)
    recovery_kem, recovery_sign, shares = new_recovery()
    body = manifest.encode(
        epoch=1,
        previous=None,
        members=[item.public for item in seeds],
        team=team.public,
        audit=audit.public,
        recovery_kem=recovery_kem.public,
        recovery_sign=recovery_sign.public,
        origin=origin,
    )
    root, message = manifest.root_of(body), manifest.signed_bytes(body)
    leads = [item for item in seeds if item.role == "lead"]
    signed = {lead.id: SigningKeys.from_seed(lead.sign).sign(message) for lead in leads}
    signatures = manifest.encode_signatures(signed)
    session.add(ManifestRow(epoch=1, body=body, signatures=signatures))
    session.add(LedgerHead(id=1, size=0, root=Frontier().root, frontier=b""))
    chain = manifest.verify_chain(root, [manifest.SignedManifest(body, signatures)])
    founder = Actor(leads[0].id, chain, Unlocked(leads[0].kem, leads[0].sign, (team,), (), str(uuid4()), new_key()))
    members = [_add_member(session, item, root, server_secret) for item in seeds]
    for secret in (team, audit):
        wrap_to_holders(session, founder, secret, chain.newest)
    session.flush()
    start_batch(session, founder)
    append(session, founder, "instance.founded", now=now, details={"manifest": chain.newest.digest.hex()})
    return Founding(root, tuple(members), tuple(shares))


def missing_staff(roles: Sequence[str]) -> list[str]:
    """Say what a team of these roles cannot do yet; codes for the operator's messages."""
    missing = []
    if sum(role in {"lead", "caseworker"} for role in roles) < 2:  # noqa: PLR2004 - four eyes
        missing.append("second-person")
    missing += [role for role in ("admin", "protection", "auditor") if role not in roles]
    return missing


def _add_member(session: Session, seeds: _Seeds, root: bytes, server_secret: ServerSecret) -> NewMember:
    passphrase, fresh = new_passphrase(), MemberBlob.new(root, 1)
    blob = MemberBlob(seeds.kem, seeds.sign, fresh.totp_secret, 0, root, 1)
    salt = new_key()[:16]
    kek = server_secret.passphrase_key(passphrase, salt)
    session.add(
        Member(
            id=seeds.id,
            lookup=server_secret.lookup(seeds.name),
            name=server_secret.seal_name(root, seeds.id, seeds.name),
            salt=salt,
            server_secret=server_secret.id,
            blob=blob.seal(kek, seeds.id, 1),
        )
    )
    return NewMember(seeds.id, seeds.name, seeds.role, passphrase, to_base32(blob.totp_secret))


def wrap_to_holders(session: Session, actor: Actor, secret: EpochSecret, of: manifest.Manifest) -> None:
    """Wrap a fresh epoch secret to everybody whose role holds it in a manifest, and to recovery."""
    for member in of.members.values():
        if secret.name in secrets_of(member.roles):
            wrap_secret(session, actor, secret, f"member:{member.id}", member.kem)
    wrap_secret(session, actor, secret, "recovery", of.recovery_kem)


def wrap_secret(session: Session, actor: Actor, secret: EpochSecret, recipient: str, public: bytes) -> None:
    """Wrap an epoch secret to one public key of a manifest, signed by who does it."""
    record = f"epoch:{secret.name}"
    sealed = keyring.wrap_epoch(secret, public, root=actor.root, recipient=recipient)
    message = keyring.wrap_signature_bytes(actor.root, record, recipient, secret.epoch, sealed)
    session.add(
        KeyWrap(
            record=record,
            part="secret",
            version=1,
            recipient=recipient,
            epoch=secret.epoch,
            sealed=sealed,
            wrapper=actor.member_id,
            signature=actor.keys.signing.sign(message),
        )
    )
