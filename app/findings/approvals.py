"""The protection officer's part: read one proposal with one's own key, sign it, leave it to the team (docs/adr/0011)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import ConflictError, DamagedError, MalformedError, NoLeaseError, SamePersonError, SealError, UnknownError
from app.findings.records import FindingItem, Round, item_of
from app.findings.signatures import CONFIRM, PROTECTION, RETURN, comment_digest, judge, judge_round
from app.findings.states import WAITING
from app.ledger.append import Actor, append
from app.ledger.rows import ROW, open_with, unwrap
from app.reports.queue import grant_lease, has_lease
from app.store.cases import Approval, Finding
from app.store.keys import KeyWrap
from app.vault import hpke, keyring, manifest
from app.vault.encoding import from_jcs, is_one, sha256, to_jcs
from app.vault.hpke import KemKeys
from app.vault.statement import REVIEW, Signed, digest_of, sign

MAX_COMMENT: Final = 3_000
_STAFF: Final = frozenset({"lead", "caseworker"})


@dataclass(frozen=True, slots=True)
class Approved:
    """A protection officer's statement that arrived at the team."""

    signed: Signed
    comment: str

    @property
    def is_return(self) -> bool:
        """Whether it gives the proposal back."""
        return bool(self.signed.value["decision"] == RETURN)


def offer(session: Session, actor: Actor, row: Finding) -> None:
    """Wrap a finding's present row key to every protection officer, as long as none has signed."""
    if has_signed(session, row.id):
        return
    wrap = session.scalars(select(KeyWrap).where(KeyWrap.record == row.record, KeyWrap.recipient == manifest.TEAM)).one()
    key, newest = unwrap(actor, wrap), actor.chain.newest
    for member in newest.members.values():
        if "protection" not in member.roles or actor.chain.active(member.id) is None:
            continue
        recipient = f"member:{member.id}"
        sealed = keyring.wrap_record(
            key, member.kem, root=actor.root, record=row.record, recipient=recipient, version=row.version, epoch=newest.epoch
        )
        message = keyring.wrap_signature_bytes(actor.root, row.record, recipient, newest.epoch, sealed)
        session.add(
            KeyWrap(
                record=row.record,
                part=ROW,
                version=row.version,
                recipient=recipient,
                epoch=newest.epoch,
                sealed=sealed,
                wrapper=actor.member_id,
                signature=actor.keys.signing.sign(message),
            )
        )


def has_signed(session: Session, finding_id: UUID) -> bool:
    """Whether a protection officer's statement lies with the team; what it says they alone can read."""
    return session.scalars(select(Approval).where(Approval.finding_id == finding_id)).first() is not None


def waiting_for(session: Session, actor: Actor) -> list[FindingItem]:
    """Return the proposals that wait for this protection officer, the ones that are damaged left out."""
    query = select(KeyWrap).where(KeyWrap.recipient == f"member:{actor.member_id}", KeyWrap.record.startswith("finding:"))
    found = []
    for wrap in session.scalars(query):
        try:
            item = _open(session, actor, UUID(wrap.record.removeprefix("finding:")))
        except (UnknownError, DamagedError):
            continue
        if not has_signed(session, item.id):
            found.append(item)
    return sorted(found, key=lambda item: item.id.hex)


def open_for_approval(session: Session, actor: Actor, session_id: bytes, finding_id: UUID, *, now: datetime) -> None:
    """Open a proposal for an hour; the opening is an entry.

    Raises:
        UnknownError: it does not wait for this member.
        DamagedError: it does not match its seal, or its signatures do not check out.
    """
    item = _open(session, actor, finding_id)
    if not has_lease(session, session_id, item.row.record, now):
        grant_lease(session, session_id, item.row.record, now)
        append(session, actor, "finding.opened", now=now, about=item.row.record, details=_details(item))


def read_for_approval(session: Session, actor: Actor, session_id: bytes, finding_id: UUID, *, now: datetime) -> FindingItem:
    """Return a proposal that this session has opened within the hour.

    Raises:
        UnknownError, NoLeaseError, DamagedError: as `open_for_approval`.
    """
    item = _open(session, actor, finding_id)
    if not has_lease(session, session_id, item.row.record, now):
        raise NoLeaseError
    return item


def sign_as_protection(
    session: Session, actor: Actor, session_id: bytes, finding_id: UUID, *, decision: str, comment: str, version: int, now: datetime
) -> None:
    """Sign a proposal as a protection officer; it stays with the team until the reviewer confirms.

    Raises:
        MalformedError: no such decision, a return without a comment, or too long.
        SamePersonError: somebody who signed it in another part, or is asked to review it.
        ConflictError: it changed meanwhile, or a protection officer signed already.
        UnknownError, NoLeaseError, DamagedError: as `open_for_approval`.
    """
    comment = comment.strip()
    if decision not in (CONFIRM, RETURN) or len(comment) > MAX_COMMENT or (decision == RETURN and not comment):
        raise MalformedError
    item = read_for_approval(session, actor, session_id, finding_id, now=now)
    one = item.body.rounds[-1]
    if actor.member_id in (*judge_round(actor.chain, item, one).signers.values(), item.body.reviewer):
        raise SamePersonError
    if item.row.version != version or has_signed(session, finding_id):
        raise ConflictError
    signed = sign_review(actor, str(item.id), one, PROTECTION, decision, comment)
    approval = Approval(id=uuid4(), finding_id=finding_id, sealed=b"")
    payload = to_jcs({"v": 1, "finding": str(finding_id), "statement": signed.to_value(), "comment": comment})
    approval.sealed = keyring.seal_approval(payload, actor.chain.newest.team, root=actor.root, approval_id=str(approval.id))
    session.add(approval)
    details = _details(item) | {"level": one.seen["level"], "decision": decision, "approval": sha256(approval.sealed).hex()}
    append(session, actor, "finding.approved", now=now, about=item.row.record, details=details)


def record_refusal(session: Session, actor: Actor, session_id: bytes, finding_id: UUID, *, why: str, now: datetime) -> None:
    """Leave an entry of a signature that the rules refused.

    Raises:
        UnknownError, NoLeaseError, DamagedError: as `open_for_approval`.
    """
    item = read_for_approval(session, actor, session_id, finding_id, now=now)
    append(session, actor, "finding.refused", now=now, about=item.row.record, details=_details(item) | {"reasons": [why]})


def arrived(session: Session, actor: Actor, item: FindingItem) -> tuple[Approved, ...]:
    """Return the protection officer's statement on the newest round, where one came that the team can open and that checks out.

    Whatever else lies there, such as the statement on an older round, is not taken. Of two a return goes first.
    """
    if item.round is None:
        return ()
    found = []
    for row in session.scalars(select(Approval).where(Approval.finding_id == item.id)):
        try:
            found.append(_read_approval(actor, item, item.round, row))
        except (SealError, MalformedError, KeyError, TypeError):
            continue
    return tuple(sorted(found, key=lambda one: (not one.is_return, one.signed.signature))[:1])


def sign_review(actor: Actor, finding: str, one: Round, part: str, decision: str, comment: str) -> Signed:
    """Sign what one says to a proposal; only a digest of the comment goes into the signed bytes."""
    proposal = proposal_of(one)
    value = {
        "root": actor.root.hex(),
        "finding": finding,
        "proposal": digest_of(proposal),
        "snapshot": one.digest,
        "as": part,
        "decision": decision,
        "level": proposal.value["level"],
        "comment": comment_digest(one, comment),
        "manifest": actor.chain.newest.digest.hex(),
        "member": actor.member_id,
        "role": ",".join(sorted(actor.roles)),
    }
    return sign(REVIEW, value, actor.keys.signing)


def proposal_of(one: Round) -> Signed:
    """Return the proposal of a round.

    Raises:
        DamagedError: it holds none.
    """
    try:
        return Signed.read(one.signatures[0])
    except (SealError, IndexError):
        raise DamagedError from None


def with_signature(one: Round, signed: Signed, comment: str, *, day: str, reason: str = "") -> Round:
    """Return a round with one more signature and its comment."""
    said = [{"by": signed.member, "day": day, "text": comment, "reason": reason}] if comment else []
    return Round(one.snapshot, one.salt, [*one.signatures, signed.to_value()], [*one.comments, *said])


def _read_approval(actor: Actor, item: FindingItem, one: Round, row: Approval) -> Approved:
    """Open an approval and hold it against the round.

    Raises:
        SealError, MalformedError, KeyError, TypeError: it is not a protection officer's statement on this very round.
    """
    team = actor.keys.team_epoch(hpke.epoch_of(row.sealed))
    value = from_jcs(keyring.open_approval(row.sealed, team, root=actor.root, approval_id=str(row.id)))
    if set(value) != {"v", "finding", "statement", "comment"} or not is_one(value["v"]) or value["finding"] != str(item.id):
        raise SealError
    approved = Approved(Signed.read(value["statement"]), value["comment"])
    verdict = judge(actor.chain, item, with_signature(one, approved.signed, approved.comment, day=""), len(item.body.rounds))
    if verdict.signers.get(PROTECTION) != approved.signed.member:
        raise SealError
    return approved


def _open(session: Session, actor: Actor, finding_id: UUID) -> FindingItem:
    row, recipient = session.get(Finding, finding_id), f"member:{actor.member_id}"
    if row is None or row.state not in WAITING:
        raise UnknownError
    wrap = session.scalars(
        select(KeyWrap).where(KeyWrap.record == row.record, KeyWrap.recipient == recipient, KeyWrap.version == row.version)
    ).first()
    if wrap is None:
        raise UnknownError
    try:
        key = keyring.unwrap_record(
            wrap.sealed,
            KemKeys.from_seed(actor.keys.kem_seed),
            root=actor.root,
            record=row.record,
            recipient=recipient,
            version=row.version,
            epoch=wrap.epoch,
        )
        item = item_of(open_with(actor, row, key), row)
        if item.round is None or not _is_wrapped_by_staff(actor, wrap):
            raise DamagedError
        judge_round(actor.chain, item, item.round)
    except SealError:
        raise DamagedError from None
    return item


def _is_wrapped_by_staff(actor: Actor, wrap: KeyWrap) -> bool:
    """Whether somebody who holds the team's secret wrapped this: whoever can write rows must not choose what an officer reads."""
    members = [item.members[wrap.wrapper] for item in actor.chain.manifests if wrap.wrapper in item.members]
    keys = {member.sign for member in members if member.roles & _STAFF}
    signature = wrap.signature or b""
    return any(keyring.is_wrap_signed(actor.root, wrap.record, wrap.recipient, wrap.epoch, wrap.sealed, by, signature) for by in keys)


def _details(item: FindingItem) -> dict[str, Any]:
    seen = item.body.rounds[-1].seen
    return {"case": seen["case"], "act": seen["act"]["ref"], "type": seen["act"]["type"]}
