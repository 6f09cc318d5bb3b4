"""Append one entry, in the transaction of the decision it records: no entry, no decision."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import BusyError, DamagedError, SealError
from app.ledger.tree import Frontier
from app.store.keys import KeyWrap
from app.store.ledger import LedgerEntry, LedgerHead
from app.vault import entries, envelope, keyring, manifest
from app.vault.keyring import EpochSecret, Unlocked
from app.vault.manifest import Chain

NO_TEAM_EPOCH: Final = 0
KINDS: Final = frozenset(
    {
        "instance.founded",
        "member.signed_in",
        "queue.viewed",
        "report.admitted",
        "report.damaged",
        "report.opened",
        "report.claimed",
        "report.left",
        "report.moved",
        "report.described",
        "report.noted",
        "report.updated",
        "message.handed",
        "message.returned",
        "message.released",
        "dataset.imported",
        "case.opened",
        "case.created",
        "case.changed",
        "case.moved",
        "incident.created",
        "incident.changed",
        "act.created",
        "act.changed",
        "person.created",
        "person.changed",
        "reference.created",
        "report.linked",
        "report.unlinked",
        "report.accepted",
        "report.duplicate",
        "report.repeated",
        "report.closing",
        "report.kept",
        "report.closed",
        "report.withdrawn",
        "report.reopened",
        "suggestion.refused",
        "finding.taken",
        "finding.assessed",
        "finding.proposed",
        "finding.assigned",
        "finding.opened",
        "finding.approved",
        "finding.returned",
        "finding.confirmed",
        "finding.disputed",
        "finding.settled",
        "finding.reopened",
        "finding.refused",
        "member.invited",
        "member.joined",
        "member.invitation_withdrawn",
        "member.granted",
        "member.removed",
        "manifest.proposed",
        "manifest.signed",
        "session.ended",
        "log.exported",
    }
)


@dataclass(frozen=True, slots=True)
class Actor:
    """A member who acts, with the keys of their session and the chain that says who they are.

    `memory` is what this session has opened and found in order, so that a list does not open everything again: codes, never
    a word that somebody wrote. Whoever acts outside a session of a face has an empty one.
    """

    member_id: str
    chain: Chain = field(repr=False)
    keys: Unlocked = field(repr=False)
    memory: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def roles(self) -> frozenset[str]:
        """What the manifest in force says this member is; empty when it does not name them, or they are suspended."""
        member = self.chain.active(self.member_id)
        return member.roles if member else frozenset()

    @property
    def root(self) -> bytes:
        """The instance root."""
        return self.chain.root

    @property
    def team(self) -> EpochSecret:
        """The team secret in force.

        Raises:
            SealError: this member does not hold it.
        """
        return self.keys.team_epoch(self.chain.newest.team.epoch)


@dataclass(frozen=True, slots=True)
class RowVersion:
    """One version of a stored row, as its entry binds it."""

    record: str
    version: int
    digest: str


def append(
    session: Session,
    actor: Actor,
    kind: str,
    *,
    now: datetime,
    row: RowVersion | None = None,
    about: str | None = None,
    details: dict[str, Any] | None = None,
) -> int:
    """Append one entry and return its index.

    Call it last in the transaction: it locks the head.

    Args:
        session: an open write transaction.
        actor: who signs.
        kind: one of the kinds of docs/formats.md §9.
        now: aware UTC time; only its day is recorded, sealed.
        row: the row version that this entry makes, if any.
        about: the record it is about, where no version is made.
        details: codes and record names; never free text, never a name.

    Raises:
        BusyError: the head is missing, or the store refused the entry; nothing is written.
        DamagedError: the head does not fit its own subtrees or the newest entry.
    """
    head = session.scalars(select(LedgerHead).with_for_update()).one_or_none()
    if head is None:
        raise BusyError
    try:
        frontier = Frontier.decode(head.size, head.frontier)
    except ValueError:
        raise DamagedError from None
    newest_index = session.scalar(select(func.max(LedgerEntry.index)))
    if frontier.root != head.root or head.size != (0 if newest_index is None else newest_index + 1):
        raise DamagedError
    index, newest = head.size, actor.chain.newest
    record = {
        "v": 1,
        "index": index,
        "day": now.date().isoformat(),
        "kind": kind,
        "actor": actor.member_id,
        "role": ",".join(sorted(actor.roles)),
        "object": row.record if row else about,
        "version": row.version if row else None,
        "digest": row.digest if row else None,
        "details": details or {},
    }
    key, team = envelope.new_key(), _team_or_none(actor)
    entry = entries.seal_entry(
        record,
        key,
        root=actor.root,
        origin=newest.origin,
        manifest=newest.digest,
        epoch=newest.team.epoch,
        tag=entries.tag_of(team.tag_key, row.record, row.version) if row and team else None,
        signer=actor.keys.signing,
    )
    session.add(LedgerEntry(index=index, tag=entry.tag, leaf=entry.leaf, sealed=entry.sealed))
    _wrap(session, actor, team, key, index)
    frontier = frontier.append(entry.leaf)
    head.size, head.root, head.frontier = frontier.size, frontier.root, frontier.encode()
    try:
        session.flush()
    except IntegrityError:  # the store refused the entry: no entry, no decision
        raise BusyError from None
    return index


def start_batch(session: Session, actor: Actor) -> None:
    """Store the session's batch key for the auditors: one HPKE seal per session instead of one per entry."""
    audit, keys = actor.chain.newest.audit, actor.keys
    sealed = keyring.seal_batch_key(keys.batch_key, audit, root=actor.root, batch_id=keys.batch_id)
    session.add(
        KeyWrap(
            record=f"batch:{keys.batch_id}",
            part="key",
            version=1,
            recipient="audit",
            epoch=audit.epoch,
            sealed=sealed,
            wrapper=actor.member_id,
        )
    )


def _team_or_none(actor: Actor) -> EpochSecret | None:
    try:
        return actor.team
    except SealError:
        return None


def _wrap(session: Session, actor: Actor, team: EpochSecret | None, key: bytes, index: int) -> None:
    record = f"ledger:{index}"
    batch = f"batch:{actor.keys.batch_id}"
    recipients = [(batch, actor.keys.batch_key, NO_TEAM_EPOCH)]
    if team is not None:
        recipients.append((manifest.TEAM, team.wrap_key, team.epoch))
    for recipient, wrapping, epoch in recipients:
        sealed = keyring.wrap_key(key, wrapping, root=actor.root, record=f"{record}/key", recipient=recipient, version=1, epoch=epoch)
        session.add(KeyWrap(record=record, part="key", version=1, recipient=recipient, epoch=epoch, sealed=sealed))
