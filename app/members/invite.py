"""Invite somebody, and let them draw their own keys: whoever invites sees neither passphrase nor keys (docs/adr/0010)."""

import hmac
import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import ConflictError, ForbiddenError, MalformedError, MistypedError, SealError, UnknownError
from app.ledger.append import Actor, append
from app.members.chain import waiting_draft
from app.members.passphrase import matching_step, new_passphrase, to_base32
from app.members.policy import Permission, may
from app.members.sessions import public_of, stretch
from app.store.database import Database
from app.store.keys import Invitation, Member
from app.vault import envelope, padding, receipt
from app.vault.encoding import Context, folded, from_b64, from_jcs, is_one, length_prefixed, to_b64, to_jcs
from app.vault.fingerprint import fingerprint
from app.vault.keyring import MemberBlob, ServerSecret
from app.vault.manifest import ROLES, Chain
from app.vault.signing import SIGNATURE_BYTES, is_signed

VALID_DAYS: Final = 14
MAX_NAME: Final = 40
_FIELDS: Final = frozenset(("v", "name", "role", "inviter", "day", "member", "signature"))
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TEXTS: Final = ("name", "role", "inviter", "day", "member")


class NameTakenError(ConflictError):
    """Somebody has this name already, or is invited under it."""

    code = "name-taken"


class CodeError(MalformedError):
    """No invitation has this code: a word is wrong, or it was withdrawn."""

    code = "invitation-code"


class UsedCodeError(CodeError):
    """Somebody has joined with this code."""

    code = "invitation-used"


class LateCodeError(CodeError):
    """The invitation is too old."""

    code = "invitation-late"


class NotKeptError(MalformedError):
    """The passphrase or the code does not belong to the keys that were shown."""

    code = "not-kept"


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation as its seal holds it; `member_id` is empty until somebody joins with its code."""

    id: UUID
    name: str
    role: str
    inviter: str
    day: str
    member_id: str
    signature: bytes = field(repr=False)

    def is_late(self, now: datetime) -> bool:
        """Whether its code can no longer be used."""
        return (now.date() - date.fromisoformat(self.day)).days > VALID_DAYS

    def is_good(self, chain: Chain) -> bool:
        """Whether somebody who may invite has signed it, and is still here."""
        inviter = chain.active(self.inviter)
        return (
            inviter is not None
            and may(inviter.roles, Permission.INVITE)
            and is_signed(self.message(chain.root), self.signature, inviter.sign)
        )

    def message(self, root: bytes) -> bytes:
        """Return the bytes that whoever invites signs."""
        return length_prefixed("paivand/v1 invitation", root, str(self.id), self.name, self.role, self.inviter, self.day)


@dataclass(frozen=True, slots=True)
class Offer:
    """Keys drawn for a newcomer. Nothing is stored: `blob` holds them, sealed with the passphrase, until `join` brings it back."""

    name: str
    role: str
    member_id: str
    salt: bytes
    blob: bytes
    passphrase: str = field(default="", repr=False)
    totp: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Joined:
    """A newcomer whose keys are stored, and the eight words of these keys."""

    name: str
    role: str
    words: tuple[str, ...]


def invite(session: Session, actor: Actor, server_secret: ServerSecret, *, name: str, role: str, now: datetime) -> str:
    """Invite somebody under a name and for a role; returns the code, which is stored nowhere.

    Args:
        session: an open write transaction.
        actor: an administrator or lead.
        server_secret: the secret beside the database.
        name: how the team will call them.
        role: what a lead is asked to grant.
        now: aware UTC time.

    Raises:
        ForbiddenError: the role may not invite.
        MalformedError: an empty, long or unprintable name, or no such role.
        NameTakenError: somebody has the name.
    """
    if not may(actor.roles, Permission.INVITE):
        raise ForbiddenError
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > MAX_NAME or not name.isprintable() or role not in ROLES:
        raise MalformedError
    waiting = list_invitations(session, actor.root, server_secret)
    for invited in waiting:
        if invited.is_late(now) and not invited.member_id:
            session.delete(session.get_one(Invitation, invited.id))
    is_member = session.scalar(select(Member.id).where(Member.lookup == server_secret.lookup(name))) is not None
    if is_member or any(folded(item.name) == folded(name) and (item.member_id or not item.is_late(now)) for item in waiting):
        raise NameTakenError
    secret = receipt.new_secret()
    unsigned = Invited(uuid4(), name, role, actor.member_id, now.date().isoformat(), "", b"")
    invited = replace(unsigned, signature=actor.keys.signing.sign(unsigned.message(actor.root)))
    body = _seal(invited, 1, actor.root, server_secret)
    session.add(Invitation(id=invited.id, lookup=_lookup(server_secret, secret), body=body))
    session.flush()
    append(session, actor, "member.invited", now=now, about=f"invitation:{invited.id}", details={"role": role})
    return " ".join(receipt.to_words(secret, "en"))


def list_invitations(session: Session, root: bytes, server_secret: ServerSecret) -> list[Invited]:
    """Return the invitations that open, oldest first; one that was changed by hand is none."""
    found = [_read(row, root, server_secret) for row in session.scalars(select(Invitation))]
    return sorted((item for item in found if item), key=lambda item: (item.day, item.id.hex))


def read_invitation(session: Session, root: bytes, server_secret: ServerSecret, invitation_id: UUID) -> Invited:
    """Return one invitation.

    Raises:
        UnknownError: there is none, or it was changed by hand.
    """
    row = session.get(Invitation, invitation_id)
    invited = _read(row, root, server_secret) if row else None
    if invited is None:
        raise UnknownError
    return invited


def withdraw(session: Session, actor: Actor, server_secret: ServerSecret, invitation_id: UUID, *, now: datetime) -> None:
    """Take an invitation back, with the account that somebody made with it; nothing was granted yet.

    Raises:
        ForbiddenError: the role may not invite.
        UnknownError: there is no such invitation.
        ConflictError: a lead has signed the grant; a lead takes that back first.
    """
    if not may(actor.roles, Permission.INVITE):
        raise ForbiddenError
    invited = read_invitation(session, actor.root, server_secret, invitation_id)
    draft = waiting_draft(session, actor.chain)
    if draft and invited.member_id and invited.member_id in draft.manifest.members:
        raise ConflictError
    session.delete(session.get_one(Invitation, invitation_id))
    account = session.get(Member, invited.member_id)
    if account and not any(account.id in item.members for item in actor.chain.manifests):
        session.delete(account)
    session.flush()
    append(session, actor, "member.invitation_withdrawn", now=now, about=f"invitation:{invitation_id}")


def offer(database: Database, code: str, *, chain: Chain, server_secret: ServerSecret, now: datetime) -> Offer:
    """Draw keys, passphrase and second-device secret for whoever holds the code. Stores nothing, so loading the page again loses nothing.

    Raises:
        CodeError, UsedCodeError, LateCodeError: the code cannot be used.
    """
    with database.read() as session:
        invited = _by_code(session, chain.root, server_secret, code)[1]
    if invited.member_id:
        raise UsedCodeError
    if invited.is_late(now):
        raise LateCodeError
    passphrase, salt, member_id = new_passphrase(), envelope.new_key()[:16], str(uuid4())
    fresh = MemberBlob.new(chain.root, chain.newest.epoch)
    sealed = fresh.seal(stretch(server_secret, passphrase, salt), member_id, 1)
    return Offer(invited.name, invited.role, member_id, salt, sealed, passphrase, to_base32(fresh.totp_secret))


def join(
    database: Database, code: str, offered: Offer, *, passphrase: str, second: str, chain: Chain, server_secret: ServerSecret, now: datetime
) -> Joined:
    """Store the account of somebody who has shown that they kept passphrase and second device. It has no role until a lead grants one.

    Sent again, it stores nothing and answers the same. The ledger learns of it when the next member signs (docs/formats.md §9).

    Args:
        database: the store.
        code: of the invitation.
        offered: what the page brought back: member id, salt and blob; nothing else of it is read.
        passphrase: as the newcomer kept it.
        second: the present code of the newcomer's second device.
        chain: the verified manifests.
        server_secret: the secret beside the database.
        now: aware UTC time.

    Raises:
        CodeError, UsedCodeError, LateCodeError: the code cannot be used.
        NotKeptError: passphrase or second code do not fit.
        ConflictError: name or id were taken meanwhile.
    """
    with database.read() as session:
        invited = _by_code(session, chain.root, server_secret, code)[1]
        stored = session.get(Member, offered.member_id) if invited.member_id else None
    if invited.member_id:
        return _joined_before(invited, stored, passphrase, chain, server_secret)
    if invited.is_late(now):
        raise LateCodeError
    if not _UUID.fullmatch(offered.member_id):
        raise NotKeptError
    kek = stretch(server_secret, passphrase, offered.salt)
    try:
        blob = MemberBlob.unseal(offered.blob, kek, chain.root, offered.member_id, 1)
    except SealError:
        raise NotKeptError from None
    step = matching_step(blob.totp_secret, second, now, after=0)
    if step is None:
        raise NotKeptError
    kem, sign = public_of(blob.kem_seed, blob.sign_seed)
    account = Member(
        id=offered.member_id,
        lookup=server_secret.lookup(invited.name),
        name=server_secret.seal_name(chain.root, offered.member_id, invited.name),
        salt=offered.salt,
        server_secret=server_secret.id,
        blob=replace(blob, totp_last=step).seal(kek, offered.member_id, 1),
        public=kem + sign,
    )
    try:
        with database.write() as session:
            row, present = _by_code(session, chain.root, server_secret, code)
            if not present.member_id:
                row.version += 1
                row.body = _seal(replace(invited, member_id=account.id), row.version, chain.root, server_secret)
                session.add(account)
            elif present.member_id != account.id or session.get_one(Member, account.id).public != account.public:
                raise UsedCodeError  # else it is the other of two clicks at the same moment
    except IntegrityError:
        raise ConflictError from None
    return Joined(invited.name, invited.role, fingerprint(chain.root, kem, sign))


def _joined_before(invited: Invited, stored: Member | None, passphrase: str, chain: Chain, server_secret: ServerSecret) -> Joined:
    """Answer a second click like the first. Whoever holds the code only never sees words: they might be read to a lead in good faith."""
    if stored is None or stored.id != invited.member_id:
        raise UsedCodeError
    try:
        blob = MemberBlob.unseal(stored.blob, stretch(server_secret, passphrase, stored.salt), chain.root, stored.id, stored.version)
    except SealError:
        raise NotKeptError from None
    return Joined(invited.name, invited.role, fingerprint(chain.root, *public_of(blob.kem_seed, blob.sign_seed)))


def _by_code(session: Session, root: bytes, server_secret: ServerSecret, code: str) -> tuple[Invitation, Invited]:
    try:
        lookup = _lookup(server_secret, receipt.read_code(code))
    except (MalformedError, MistypedError):
        raise CodeError from None
    row = session.scalars(select(Invitation).where(Invitation.lookup == lookup)).one_or_none()
    invited = _read(row, root, server_secret) if row else None
    if row is None or invited is None:
        raise CodeError
    return row, invited


def _lookup(server_secret: ServerSecret, secret: bytes) -> bytes:
    return hmac.digest(server_secret.key("invitation lookup"), secret, "sha256")


def _seal(invited: Invited, version: int, root: bytes, server_secret: ServerSecret) -> bytes:
    value = {
        "v": 1,
        "name": invited.name,
        "role": invited.role,
        "inviter": invited.inviter,
        "day": invited.day,
        "member": invited.member_id,
        "signature": to_b64(invited.signature),
    }
    context = Context(root, "invitation", str(invited.id), "body", version, 0)
    return envelope.seal(padding.pad(to_jcs(value), padding.SMALL), server_secret.key("invitation"), context)


def _read(row: Invitation, root: bytes, server_secret: ServerSecret) -> Invited | None:
    context = Context(root, "invitation", str(row.id), "body", row.version, 0)
    try:
        value = from_jcs(padding.unpad(envelope.unseal(row.body, server_secret.key("invitation"), context), padding.SMALL))
        if set(value) != _FIELDS or not is_one(value["v"]) or not all(isinstance(value[name], str) for name in _TEXTS):
            return None
        date.fromisoformat(value["day"])
        signature = from_b64(value["signature"], SIGNATURE_BYTES)
    except (SealError, MalformedError, ValueError):
        return None
    return Invited(row.id, value["name"], value["role"], value["inviter"], value["day"], value["member"], signature)
