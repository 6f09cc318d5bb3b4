"""Grant and remove: the next manifest, who signs it, and which secrets change hands with it (docs/adr/0010).

Where the manifest in force names one lead, that lead's signature is enough. Where it names two, the first signature makes a draft, and
a second person makes it the manifest in force. A draft that removes somebody suspends them at once (`app.members.chain`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.errors import ConflictError, DamagedError, ForbiddenError, MalformedError, SamePersonError, UnknownError
from app.ledger.append import Actor, RowVersion, append
from app.ledger.read import check_row
from app.members.chain import waiting_draft
from app.members.found import wrap_secret, wrap_to_holders
from app.members.invite import Invited, list_invitations, read_invitation
from app.members.policy import Permission, may, secrets_of
from app.members.sessions import end_sessions, link_epochs
from app.store.keys import Invitation, KeyWrap, ManifestDraft, ManifestRow, Member
from app.store.ledger import LedgerEntry
from app.vault import entries, manifest
from app.vault.fingerprint import fingerprint, is_fingerprint
from app.vault.hpke import PUBLIC_BYTES as KEM_BYTES
from app.vault.keyring import EpochSecret, ServerSecret
from app.vault.manifest import AUDIT, TEAM, Draft, Manifest, ManifestMember, SignedManifest
from app.vault.signing import PUBLIC_BYTES as SIGN_BYTES

DRAFT: Final = "manifest:draft"
_EPOCHS: Final = tuple(f"epoch:{name}" for name in (TEAM, AUDIT))


class FingerprintError(MalformedError):
    """The eight words are not those of the newcomer's keys; nothing was changed."""

    code = "fingerprint"


class VoidInvitationError(ForbiddenError):
    """Whoever invited the newcomer may not invite any more, or is no member."""

    code = "void-invitation"


class NobodyInvitedError(ForbiddenError):
    """The account was made by hand: no invitation belongs to it."""

    code = "nobody-invited"


@dataclass(frozen=True, slots=True)
class Change:
    """What a waiting draft would do, and to whom. Read from the very bytes that are signed, never from a column."""

    draft: Draft
    member: ManifestMember
    is_removal: bool
    lifter: str | None

    @property
    def digest(self) -> str:
        """Name the draft, so that nobody signs another one than their page showed."""
        return self.draft.manifest.digest.hex()


def read_waiting(session: Session, actor: Actor) -> Change | None:
    """Return the change that waits for a second hand, None where there is none.

    Raises:
        DamagedError: there is a draft with good signatures that does more than grant or remove one person.
    """
    row, draft = session.get(ManifestDraft, 1), waiting_draft(session, actor.chain)
    return _change(actor.chain.newest, draft, row.lifter if row else None) if draft else None


def grant(
    session: Session, actor: Actor, server_secret: ServerSecret, invitation_id: UUID, *, typed: str, epoch: int, now: datetime
) -> bool:
    """Give a newcomer the role they were invited for; returns whether it is in force, or waits for a second lead.

    Args:
        session: an open write transaction.
        actor: a lead who did not invite the newcomer.
        server_secret: the secret beside the database.
        invitation_id: whose code the newcomer used.
        typed: the eight words of the newcomer's keys, as the lead heard them.
        epoch: of the manifest that the lead's page showed.
        now: aware UTC time.

    Raises:
        ForbiddenError: not a lead.
        SamePersonError: the lead has invited them.
        VoidInvitationError: whoever invited them may not any more.
        FingerprintError: the words do not fit.
        ConflictError: the members changed meanwhile, nobody has joined yet, or another change waits.
        UnknownError: there is no such invitation.
    """
    draft = _begin(session, actor, epoch)
    if not may(actor.roles, Permission.GRANT):
        raise ForbiddenError
    if draft is not None:
        raise ConflictError
    invited = read_invitation(session, actor.root, server_secret, invitation_id)
    account = session.get(Member, invited.member_id) if invited.member_id else None
    if account is None or account.public is None or len(account.public) != KEM_BYTES + SIGN_BYTES:
        raise ConflictError
    newcomer = ManifestMember(account.id, frozenset({invited.role}), account.public[:KEM_BYTES], account.public[KEM_BYTES:])
    _check_newcomer(actor, invited, newcomer, typed)
    newest = actor.chain.newest
    fresh = [EpochSecret.new(AUDIT, newest.audit.epoch + 1)] if AUDIT in secrets_of(newcomer.roles) else []
    body = manifest.encode_next(
        newest,
        members=[*newest.members.values(), newcomer],
        team=newest.team,
        audit=fresh[0].public if fresh else newest.audit,
    )
    append(session, actor, "member.joined", now=now, about=f"member:{newcomer.id}", details={"invitation": str(invited.id)})
    return _sign_first(session, actor, body, fresh, now, invited)


def remove(session: Session, actor: Actor, member_id: str, *, epoch: int, now: datetime) -> bool:
    """Remove a member; returns whether it is in force, or waits for a second hand. In both cases their sessions end here and now.

    Args:
        session: an open write transaction.
        actor: a lead.
        member_id: who is removed.
        epoch: of the manifest that the lead's page showed.
        now: aware UTC time.

    Raises:
        ForbiddenError: not a lead.
        SamePersonError: nobody removes themself; so a lead, who can read, always remains.
        ConflictError: the members changed meanwhile, or another removal waits.
    """
    draft = _begin(session, actor, epoch)
    if not may(actor.roles, Permission.REMOVE):
        raise ForbiddenError
    if member_id == actor.member_id:
        raise SamePersonError
    newest = actor.chain.newest
    if member_id not in newest.members or (draft is not None and draft.is_reducing):
        raise ConflictError
    _drop_fresh(session, newest)  # a removal does not wait for a grant: it takes the place of one that waits
    team, audit = EpochSecret.new(TEAM, newest.team.epoch + 1), EpochSecret.new(AUDIT, newest.audit.epoch + 1)
    rest = [member for member in newest.members.values() if member.id != member_id]
    body = manifest.encode_next(newest, members=rest, team=team.public, audit=audit.public)
    link_epochs(session, actor.root, (actor.team, team))
    end_sessions(session, member_id)
    return _sign_first(session, actor, body, [team, audit], now)


def sign(session: Session, actor: Actor, server_secret: ServerSecret, *, digest: str, typed: str, now: datetime) -> None:
    """Be the second hand of the change that waits: it comes into force.

    Args:
        session: an open write transaction.
        actor: a further lead for a grant; for a removal anybody who remains and can sign in at the desk.
        server_secret: the secret beside the database.
        digest: of the draft that the page showed.
        typed: for a grant, the eight words of the newcomer's keys as this lead heard them.
        now: aware UTC time.

    Raises:
        ForbiddenError: the role may not.
        SamePersonError: this member has signed already, or has invited the newcomer.
        VoidInvitationError, NobodyInvitedError, FingerprintError: as `grant`.
        ConflictError: another draft waits now, or none.
        DamagedError: the draft was changed by hand, or an old one was put back.
    """
    draft = _begin(session, actor, actor.chain.newest.epoch)
    row = session.get(ManifestDraft, 1)
    if row is None or draft is None or draft.manifest.digest.hex() != digest:
        raise ConflictError
    change = _change(actor.chain.newest, draft, row.lifter)
    if actor.member_id in draft.signers:
        raise SamePersonError
    if not manifest.may_sign(actor.chain.newest, draft, actor.member_id):
        raise ForbiddenError
    invited = None if change.is_removal else _invitation_of(session, actor, server_secret, change.member)
    if invited is not None:
        _check_newcomer(actor, invited, change.member, typed)
    if actor.keys.team:
        check_row(session, actor, _version_of(row))
    _check_wraps(session, actor.chain.newest, draft)
    append(session, actor, "manifest.signed", now=now, about=DRAFT, details={"manifest": digest})
    _put_in_force(session, actor, _signed(actor, SignedManifest(row.body, row.signatures)), now, invited)


def withdraw(session: Session, actor: Actor, *, digest: str, now: datetime) -> bool:
    """Take the waiting change back; returns whether it is gone.

    A grant is taken back by any lead. A removal has already taken power away, so giving it back takes two leads, where it leaves two.

    Raises:
        ForbiddenError: not a lead.
        ConflictError: another draft waits now, or none.
    """
    draft = _begin(session, actor, actor.chain.newest.epoch)
    if not may(actor.roles, Permission.GRANT):
        raise ForbiddenError
    row = session.get(ManifestDraft, 1)
    if row is None or draft is None or draft.manifest.digest.hex() != digest:
        raise ConflictError
    details = {"withdrawn": digest}
    if draft.is_reducing and len(draft.manifest.leads) > 1 and row.lifter in (None, actor.member_id):
        row.lifter, details = actor.member_id, {"to_withdraw": digest}
    else:
        row.body, row.signatures, row.lifter = b"", b"", None
        _drop_fresh(session, actor.chain.newest)
    _save(session, actor, row, now, details)
    return not row.body


def end_all_sessions(session: Session, actor: Actor, member_id: str, *, now: datetime) -> None:
    """End a member's sessions at once; they may sign in again.

    Raises:
        ForbiddenError: not a lead.
        UnknownError: no such member.
    """
    if not may(actor.roles, Permission.REMOVE):
        raise ForbiddenError
    if member_id not in actor.chain.newest.members:
        raise UnknownError
    end_sessions(session, member_id)
    append(session, actor, "session.ended", now=now, about=f"member:{member_id}")


def draft_version(session: Session) -> RowVersion | None:
    """Return what the ledger binds of the draft's row, which stays after it came into force; None where there was never one."""
    row = session.get(ManifestDraft, 1)
    return _version_of(row) if row else None


def _begin(session: Session, actor: Actor, epoch: int) -> Draft | None:
    """Return the draft, if the keyring is still the one that the actor's page showed and nobody has suspended the actor."""
    if not session.scalar(select(func.max(ManifestRow.epoch))) == actor.chain.newest.epoch == epoch:
        raise ConflictError
    draft = waiting_draft(session, actor.chain)
    if draft is not None and draft.is_reducing and actor.member_id not in draft.manifest.members:
        raise ForbiddenError
    return draft


def _check_newcomer(actor: Actor, invited: Invited, newcomer: ManifestMember, typed: str) -> None:
    if invited.inviter == actor.member_id:
        raise SamePersonError
    if not invited.is_good(actor.chain) or newcomer.roles != {invited.role}:
        raise VoidInvitationError
    for item in actor.chain.manifests:  # nobody comes back under an old id or with old keys
        taken = {value for member in item.members.values() for value in (member.id, member.kem, member.sign)}
        if taken & {newcomer.id, newcomer.kem, newcomer.sign}:
            raise ConflictError
    if not is_fingerprint(typed, fingerprint(actor.root, newcomer.kem, newcomer.sign)):
        raise FingerprintError


def _invitation_of(session: Session, actor: Actor, server_secret: ServerSecret, newcomer: ManifestMember) -> Invited:
    found = [item for item in list_invitations(session, actor.root, server_secret) if item.member_id == newcomer.id]
    if len(found) != 1:
        raise NobodyInvitedError
    return found[0]


def _change(newest: Manifest, draft: Draft, lifter: str | None) -> Change:
    """Say what a draft does. A second signer sees one sentence, so a draft that does more than that sentence is refused."""
    before, after = newest.members, draft.manifest.members
    new, gone = after.keys() - before.keys(), before.keys() - after.keys()
    is_same = all(before[name] == after[name] for name in before.keys() & after.keys())
    if is_same and draft.is_reducing and (len(new), len(gone)) == (0, 1):
        return Change(draft, before[gone.pop()], is_removal=True, lifter=lifter)
    if is_same and (len(new), len(gone)) == (1, 0):
        member, then = after[new.pop()], draft.manifest
        is_kept = (newest.team, newest.recovery_kem, newest.recovery_sign, newest.origin) == (
            then.team,
            then.recovery_kem,
            then.recovery_sign,
            then.origin,
        )
        if is_kept and len(member.roles) == 1 and (newest.audit != then.audit) == (AUDIT in secrets_of(member.roles)):
            return Change(draft, member, is_removal=False, lifter=lifter)
    raise DamagedError


def _signed(actor: Actor, signed: SignedManifest) -> SignedManifest:
    return manifest.add_signature(signed, actor.member_id, actor.keys.signing.sign(manifest.signed_bytes(signed.body)))


def _sign_first(
    session: Session, actor: Actor, body: bytes, fresh: Sequence[EpochSecret], now: datetime, invited: Invited | None = None
) -> bool:
    signed = _signed(actor, SignedManifest(body, manifest.encode_signatures({})))
    draft = manifest.read_draft(actor.chain, signed)
    for secret in fresh:  # now, while they are known: who signs second may be nobody who could hold them
        wrap_to_holders(session, actor, secret, draft.manifest)
    if draft.is_complete:
        _put_in_force(session, actor, signed, now, invited)
        return True
    change = _change(actor.chain.newest, draft, None)
    row = session.get(ManifestDraft, 1) or ManifestDraft(id=1)
    row.body, row.signatures, row.lifter = signed.body, signed.signatures, None
    details = {"manifest": change.digest, "member": change.member.id, "what": "remove" if change.is_removal else "grant"}
    _save(session, actor, row, now, details)
    return False


def _put_in_force(session: Session, actor: Actor, signed: SignedManifest, now: datetime, invited: Invited | None) -> None:
    chain = manifest.verify_chain(actor.root, [*actor.chain.signed, signed])  # by the very rule that every reader keeps
    newest, before = chain.newest, actor.chain.newest
    session.add(ManifestRow(epoch=newest.epoch, body=signed.body, signatures=signed.signatures))
    details: dict[str, str | int] = {"manifest": newest.digest.hex(), "epoch": newest.epoch}
    for member_id in before.members.keys() - newest.members.keys():
        session.execute(delete(KeyWrap).where(KeyWrap.recipient == f"member:{member_id}"))
        end_sessions(session, member_id)
        append(session, actor, "member.removed", now=now, about=f"member:{member_id}", details=details)
    if invited is None:
        return
    member = newest.members[invited.member_id]
    if TEAM in secrets_of(member.roles):
        for secret in actor.keys.team:
            wrap_secret(session, actor, secret, f"member:{member.id}", member.kem)
    session.get_one(Member, member.id).public = None
    session.delete(session.get_one(Invitation, invited.id))
    append(session, actor, "member.granted", now=now, about=f"member:{member.id}", details={**details, "role": invited.role})


def _check_wraps(session: Session, newest: Manifest, draft: Draft) -> None:
    """Refuse a draft whose fresh secrets do not reach everybody who must hold them: it was taken back, or its wraps were deleted.

    Raises:
        DamagedError: a holder, or recovery, would be left without the key of the new epoch.
    """
    after = draft.manifest
    for record, name, was, now in ((_EPOCHS[0], TEAM, newest.team, after.team), (_EPOCHS[1], AUDIT, newest.audit, after.audit)):
        if was.epoch == now.epoch:
            continue
        holders = {f"member:{member.id}" for member in after.members.values() if name in secrets_of(member.roles)} | {"recovery"}
        found = set(session.scalars(select(KeyWrap.recipient).where(KeyWrap.record == record, KeyWrap.epoch == now.epoch)))
        if holders - found:
            raise DamagedError


def _drop_fresh(session: Session, newest: Manifest) -> None:
    """Delete the wraps of secrets that no manifest in force names: those of a draft that is given up."""
    for record, epoch in zip(_EPOCHS, (newest.team.epoch, newest.audit.epoch), strict=True):
        session.execute(delete(KeyWrap).where(KeyWrap.record == record, KeyWrap.epoch > epoch))


def _save(session: Session, actor: Actor, row: ManifestDraft, now: datetime, details: dict[str, str]) -> None:
    """Store the draft as the next version with its entry: an old draft that somebody puts back does not count."""
    row.version = (row.version or 0) + 1
    while _is_used(session, actor, row.version):  # the row was put back: that must not stand in the way of a removal
        row.version += 1
    session.add(row)
    session.flush()
    append(session, actor, "manifest.proposed", now=now, row=_version_of(row), details=details)


def _is_used(session: Session, actor: Actor, version: int) -> bool:
    tags = [entries.tag_of(secret.tag_key, DRAFT, version) for secret in actor.keys.team]
    return session.scalar(select(LedgerEntry.index).where(LedgerEntry.tag.in_(tags))) is not None


def _version_of(row: ManifestDraft) -> RowVersion:
    digest = entries.row_digest(
        table="manifest_draft",
        record_id=str(row.id),
        version=row.version,
        clear={"lifter": row.lifter},
        sealed={"body": row.body, "signatures": row.signatures},
        keys={},
    )
    return RowVersion(DRAFT, row.version, digest)
