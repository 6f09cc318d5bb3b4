"""Sign in, stay signed in, lock: the unlocked keys lie in a row that only the cookie's holder can open (docs/adr/0007)."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import BoundedSemaphore
from typing import Final
from uuid import uuid4

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from app.errors import BusyError, ConflictError, MalformedError, ManifestError, SealError, SignInError
from app.ledger.append import Actor, append, start_batch
from app.members.passphrase import matching_step
from app.members.policy import secrets_of
from app.store.database import Database
from app.store.keys import KeyWrap, Lease, Member, MemberSession
from app.vault import envelope, keyring, manifest
from app.vault.encoding import Context
from app.vault.envelope import new_key
from app.vault.hpke import KemKeys
from app.vault.keyring import EpochSecret, MemberBlob, ServerSecret, SessionKeys, Unlocked
from app.vault.manifest import Chain, EpochKeys, ManifestMember
from app.vault.signing import SigningKeys

IDLE_MINUTES: Final = 15
ABSOLUTE_MINUTES: Final = 12 * 60
LINK: Final = "prev"
_DUMMY_SALT = bytes(16)
_STRETCHING = BoundedSemaphore(2)  # 64 MiB each: a flood of sign-ins waits instead of filling the memory


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session: who acts, and the keys of the cookie that proved it."""

    actor: Actor
    keys: SessionKeys = field(repr=False)


def minutes(now: datetime) -> int:
    """Return whole minutes since 1970."""
    return int(now.timestamp()) // 60


def stretch(server_secret: ServerSecret, passphrase: str, salt: bytes) -> bytes:
    """Derive the key of a member's blob, two at a time at most; never inside a transaction."""
    with _STRETCHING:
        return server_secret.passphrase_key(passphrase, salt)


def public_of(kem_seed: bytes, sign_seed: bytes) -> tuple[bytes, bytes]:
    """Return the public keys that follow from a member's seeds."""
    return KemKeys.from_seed(kem_seed).public, SigningKeys.from_seed(sign_seed).public


def sign_in(
    database: Database,
    *,
    name: str,
    passphrase: str,
    code: str,
    chain: Chain,
    server_secret: ServerSecret,
    host_secret: bytes,
    now: datetime,
) -> tuple[str, SignedIn]:
    """Check name, passphrase and code; open a session and end the member's other ones.

    The passphrase is stretched before the transaction; an unknown name costs as much as a known one.

    Returns:
        (cookie, session)

    Raises:
        SignInError: one of the three does not fit, the manifest does not name the member, or they are suspended; never says which.
        ManifestError: this member has seen a newer manifest than the one that is here.
    """
    with database.read() as session:
        member = session.scalars(select(Member).where(Member.lookup == server_secret.lookup(name))).one_or_none()
    kek = stretch(server_secret, passphrase, member.salt if member else _DUMMY_SALT)
    if member is None or member.server_secret != server_secret.id:
        raise SignInError
    try:
        blob = MemberBlob.unseal(member.blob, kek, chain.root, member.id, member.version)
    except SealError:
        raise SignInError from None
    step = matching_step(blob.totp_secret, code, now, after=blob.totp_last)
    listed = chain.active(member.id)
    if step is None or listed is None or (listed.kem, listed.sign) != public_of(blob.kem_seed, blob.sign_seed):
        raise SignInError
    if blob.manifest_epoch > chain.newest.epoch:  # rows were taken back: a removed member might be back with them
        raise ManifestError
    used = MemberBlob(blob.kem_seed, blob.sign_seed, blob.totp_secret, step, blob.root, chain.newest.epoch)
    cookie = keyring.new_cookie()
    keys, expires = SessionKeys.of(cookie, host_secret), minutes(now) + ABSOLUTE_MINUTES
    try:
        with database.write() as session:
            row = session.get_one(Member, member.id)
            if row.version != member.version:  # the same code at the same moment: one of the two wins
                raise SignInError
            row.version += 1
            row.blob = used.seal(kek, row.id, row.version)
            unlocked = _unlock(session, blob.kem_seed, blob.sign_seed, listed, chain)
            end_sessions(session, member.id)
            sealed = keys.seal(unlocked, root=chain.root, member_id=member.id, expires=expires, epoch=chain.newest.epoch)
            session.add(
                MemberSession(
                    id=keys.id,
                    member_id=member.id,
                    manifest_epoch=chain.newest.epoch,
                    expires=expires,
                    seen=minutes(now),
                    sealed=sealed,
                )
            )
            actor = Actor(member.id, chain, unlocked)
            start_batch(session, actor)
            if "auditor" in actor.roles:
                append(session, actor, "member.signed_in", now=now)
    except ConflictError:
        raise SignInError from None
    return cookie, SignedIn(actor, keys)


def resume(database: Database, cookie: str, *, chain: Chain, host_secret: bytes, now: datetime) -> SignedIn | None:
    """Return the live session of a cookie, or None: unknown, changed, idle, expired, or its member is suspended or no longer one.

    A session outlives a new manifest that names its member with the same keys: the row is sealed anew, with the secrets of now.
    """
    try:
        keys = SessionKeys.of(cookie, host_secret)
    except MalformedError:
        return None
    present, newest = minutes(now), chain.newest
    with database.read() as session:
        row = session.get(MemberSession, keys.id)
        if row is None or row.manifest_epoch > newest.epoch:
            return None
        if not row.seen - 1 <= present < min(row.expires, row.seen + IDLE_MINUTES):
            return None
        unlocked, member_id = _unseal(row, keys, chain.root), row.member_id
        is_old, is_stale = row.manifest_epoch < newest.epoch, present > row.seen
    if unlocked is None:
        return None
    listed = chain.active(member_id)
    if listed is None or not listed.roles or (is_old and (listed.kem, listed.sign) != public_of(unlocked.kem_seed, unlocked.sign_seed)):
        _end(database, keys.id)
        return None
    if is_old or is_stale:
        try:
            unlocked = _refresh(database, keys, listed, chain, present)
        except SignInError:
            _end(database, keys.id)
            return None
    return SignedIn(Actor(member_id, chain, unlocked), keys) if unlocked else None


def lock(database: Database, signed_in: SignedIn) -> None:
    """End this session: its row and its openings are gone."""
    with database.write() as session:
        _delete(session, [signed_in.keys.id])


def end_sessions(session: Session, member_id: str) -> None:
    """End every session of a member."""
    _delete(session, session.scalars(select(MemberSession.id).where(MemberSession.member_id == member_id)).all())


def sweep(session: Session, now: datetime) -> None:
    """Delete sessions and openings whose time is over."""
    present = minutes(now)
    over = or_(MemberSession.expires <= present, MemberSession.seen + IDLE_MINUTES <= present)
    _delete(session, session.scalars(select(MemberSession.id).where(over)).all())
    session.execute(delete(Lease).where(Lease.expires <= present))


def _delete(session: Session, ids: Sequence[bytes]) -> None:
    session.execute(delete(Lease).where(Lease.session_id.in_(ids)))
    session.execute(delete(MemberSession).where(MemberSession.id.in_(ids)))


def link_epochs(session: Session, root: bytes, held: Sequence[EpochSecret]) -> None:
    """Seal each secret under the next one, where nobody has yet: who is given the newest can read back to the first.

    Who makes a new epoch may not hold the one before it (a lead never holds an audit secret); then the next holder of both links them.
    """
    known = {secret.epoch: secret for secret in held}
    for secret in held:
        before, record = known.get(secret.epoch - 1), f"epoch:{secret.name}"
        if before is not None and session.get(KeyWrap, (record, LINK, 1, secret.name, secret.epoch)) is None:
            sealed = envelope.seal(before.secret, secret.key(LINK), _link_context(root, secret.name, secret.epoch))
            session.add(KeyWrap(record=record, part=LINK, version=1, recipient=secret.name, epoch=secret.epoch, sealed=sealed))


def _end(database: Database, session_id: bytes) -> None:
    with suppress(BusyError), database.write() as session:  # it is refused in any case
        _delete(session, [session_id])


def _refresh(database: Database, keys: SessionKeys, listed: ManifestMember, chain: Chain, present: int) -> Unlocked | None:
    """Note that the session lives; under a new manifest, unlock again and seal the row anew. Its cookie and openings stay."""
    with database.write() as session:
        row = session.get(MemberSession, keys.id)
        unlocked = _unseal(row, keys, chain.root) if row else None
        if row is None or unlocked is None:
            return None
        row.seen = present
        if row.manifest_epoch < chain.newest.epoch:  # else another request of the same browser has done it
            unlocked = _unlock(session, unlocked.kem_seed, unlocked.sign_seed, listed, chain)
            row.manifest_epoch = chain.newest.epoch
            row.sealed = keys.seal(unlocked, root=chain.root, member_id=listed.id, expires=row.expires, epoch=row.manifest_epoch)
            start_batch(session, Actor(listed.id, chain, unlocked))
        return unlocked


def _unseal(row: MemberSession, keys: SessionKeys, root: bytes) -> Unlocked | None:
    try:
        return keys.unseal(row.sealed, root=root, member_id=row.member_id, expires=row.expires, epoch=row.manifest_epoch)
    except SealError:
        return None


def _unlock(session: Session, kem_seed: bytes, sign_seed: bytes, listed: ManifestMember, chain: Chain) -> Unlocked:
    held: dict[str, tuple[EpochSecret, ...]] = {manifest.TEAM: (), manifest.AUDIT: ()}
    for name in secrets_of(listed.roles):
        held[name] = _secrets(session, KemKeys.from_seed(kem_seed), f"member:{listed.id}", name, chain)
        link_epochs(session, chain.root, held[name])
    return Unlocked(kem_seed, sign_seed, held[manifest.TEAM], held[manifest.AUDIT], str(uuid4()), new_key())


def _secrets(session: Session, kem: KemKeys, recipient: str, name: str, chain: Chain) -> tuple[EpochSecret, ...]:
    """Return the epoch secrets that this recipient holds, oldest first: those wrapped to them, and what these lead back to."""
    epochs = {keys.epoch: keys for item in chain.manifests for keys in [item.team if name == manifest.TEAM else item.audit]}
    held: dict[int, EpochSecret] = {}
    for number in sorted(epochs, reverse=True):
        wrap = session.get(KeyWrap, (f"epoch:{name}", "secret", 1, recipient, number))
        if wrap is None:
            before = _follow_link(session, chain.root, held.get(number + 1), epochs[number])
            held |= {number: before} if before else {}
            continue
        _check_wrapper(wrap, chain)
        try:
            held[number] = keyring.unwrap_epoch(wrap.sealed, kem, root=chain.root, name=name, recipient=recipient, expected=epochs[number])
        except SealError:
            raise SignInError from None
    return tuple(held[number] for number in sorted(held))


def _follow_link(session: Session, root: bytes, after: EpochSecret | None, expected: EpochKeys) -> EpochSecret | None:
    """Open the secret that the next epoch seals, and hold it against the manifest; None where there is no such link yet."""
    link = session.get(KeyWrap, (f"epoch:{after.name}", LINK, 1, after.name, after.epoch)) if after else None
    if after is None or link is None:
        return None
    try:
        raw = envelope.unseal(link.sealed, after.key(LINK), _link_context(root, after.name, after.epoch))
    except SealError:
        return None
    found = EpochSecret(after.name, expected.epoch, raw)
    return found if found.public == expected else None


def _link_context(root: bytes, name: str, epoch: int) -> Context:
    return Context(root, "epoch.prev", f"epoch:{name}", LINK, 1, epoch)


def _check_wrapper(wrap: KeyWrap, chain: Chain) -> None:
    """Only a member of some manifest in the chain can have wrapped a secret."""
    keys = [item.members[wrap.wrapper].sign for item in chain.manifests if wrap.wrapper in item.members]
    signature = wrap.signature or b""
    if not any(keyring.is_wrap_signed(chain.root, wrap.record, wrap.recipient, wrap.epoch, wrap.sealed, by, signature) for by in keys):
        raise SignInError
