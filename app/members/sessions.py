"""Sign in, stay signed in, lock: the unlocked keys lie in a row that only the cookie's holder can open (docs/adr/0007)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import BoundedSemaphore
from typing import Final
from uuid import uuid4

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from app.errors import ConflictError, MalformedError, SealError, SignInError
from app.ledger.append import Actor, append, start_batch
from app.members.passphrase import matching_step
from app.members.policy import secrets_of
from app.store.database import Database
from app.store.keys import KeyWrap, Lease, Member, MemberSession
from app.vault import keyring, manifest
from app.vault.envelope import new_key
from app.vault.hpke import KemKeys
from app.vault.keyring import EpochSecret, MemberBlob, ServerSecret, SessionKeys, Unlocked
from app.vault.manifest import Chain
from app.vault.signing import SigningKeys

IDLE_MINUTES: Final = 15
ABSOLUTE_MINUTES: Final = 12 * 60
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
        SignInError: one of the three does not fit, or the manifest does not name the member; never says which.
    """
    with database.read() as session:
        member = session.scalars(select(Member).where(Member.lookup == server_secret.lookup(name))).one_or_none()
    with _STRETCHING:
        kek = server_secret.passphrase_key(passphrase, member.salt if member else _DUMMY_SALT)
    if member is None or member.server_secret != server_secret.id:
        raise SignInError
    try:
        blob = MemberBlob.unseal(member.blob, kek, chain.root, member.id, member.version)
    except SealError:
        raise SignInError from None
    step = matching_step(blob.totp_secret, code, now, after=blob.totp_last)
    listed = chain.newest.members.get(member.id)
    mine = KemKeys.from_seed(blob.kem_seed).public, SigningKeys.from_seed(blob.sign_seed).public
    if step is None or listed is None or (listed.kem, listed.sign) != mine:
        raise SignInError
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
            unlocked = _unlock(session, used, listed.id, listed.roles, chain)
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
    """Return the live session of a cookie, or None: unknown, changed, idle, expired, or of an older manifest."""
    try:
        keys = SessionKeys.of(cookie, host_secret)
    except MalformedError:
        return None
    present = minutes(now)
    with database.read() as session:
        row = session.get(MemberSession, keys.id)
        if row is None or row.manifest_epoch != chain.newest.epoch:
            return None
        if not row.seen - 1 <= present < min(row.expires, row.seen + IDLE_MINUTES):
            return None
        try:
            unlocked = keys.unseal(
                row.sealed,
                root=chain.root,
                member_id=row.member_id,
                expires=row.expires,
                epoch=row.manifest_epoch,
            )
        except SealError:
            return None
        actor, is_stale = Actor(row.member_id, chain, unlocked), present > row.seen
    if not actor.roles:
        return None
    if is_stale:
        with database.write() as session:
            row = session.get(MemberSession, keys.id)
            if row is None:
                return None
            row.seen = present
    return SignedIn(actor, keys)


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


def _unlock(session: Session, blob: MemberBlob, member_id: str, roles: frozenset[str], chain: Chain) -> Unlocked:
    kem, recipient = KemKeys.from_seed(blob.kem_seed), f"member:{member_id}"
    held: dict[str, list[EpochSecret]] = {manifest.TEAM: [], manifest.AUDIT: []}
    for name in secrets_of(roles):
        for item in chain.manifests:
            expected = item.team if name == manifest.TEAM else item.audit
            if any(secret.epoch == expected.epoch for secret in held[name]):
                continue
            wrap = session.get(KeyWrap, (f"epoch:{name}", "secret", 1, recipient, expected.epoch))
            if wrap is None:
                continue
            _check_wrapper(wrap, chain)
            try:
                secret = keyring.unwrap_epoch(wrap.sealed, kem, root=chain.root, name=name, recipient=recipient, expected=expected)
            except SealError:
                raise SignInError from None
            held[name].append(secret)
    return Unlocked(
        blob.kem_seed,
        blob.sign_seed,
        tuple(held[manifest.TEAM]),
        tuple(held[manifest.AUDIT]),
        str(uuid4()),
        new_key(),
    )


def _check_wrapper(wrap: KeyWrap, chain: Chain) -> None:
    """Only a member of some manifest in the chain can have wrapped a secret."""
    keys = [item.members[wrap.wrapper].sign for item in chain.manifests if wrap.wrapper in item.members]
    signature = wrap.signature or b""
    if not any(keyring.is_wrap_signed(chain.root, wrap.record, wrap.recipient, wrap.epoch, wrap.sealed, by, signature) for by in keys):
        raise SignInError
