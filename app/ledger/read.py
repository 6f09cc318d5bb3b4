"""Read entries back: by place, by row version, by the team or by an auditor."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DamagedError, SealError
from app.ledger.append import Actor, RowVersion
from app.store.keys import KeyWrap
from app.store.ledger import LedgerEntry, LedgerHead
from app.vault import entries, envelope, keyring, manifest
from app.vault.entries import OpenedEntry


@dataclass(frozen=True, slots=True)
class Head:
    """Size and root of the ledger, and whose it is."""

    origin: str
    size: int
    root: bytes


def read_head(session: Session, origin: str) -> Head:
    """Read the stored head.

    Raises:
        DamagedError: there is none.
    """
    head = session.get(LedgerHead, 1)
    if head is None:
        raise DamagedError
    return Head(origin, head.size, head.root)


def check_row(session: Session, actor: Actor, row: RowVersion) -> None:
    """Prove that a stored row is the newest version the ledger knows, with the digest it recorded.

    Raises:
        DamagedError: the row was changed, an old one was put back, or its entry is gone.
    """
    entry = _by_version(session, actor, row.record, row.version)
    if entry is None or _by_version(session, actor, row.record, row.version + 1) is not None:
        raise DamagedError
    try:
        opened = open_as_team(session, actor, entry)
    except SealError:
        raise DamagedError from None
    record = opened.record
    if (record["object"], record["version"], record["digest"]) != (row.record, row.version, row.digest):
        raise DamagedError


def open_as_team(session: Session, actor: Actor, entry: LedgerEntry) -> OpenedEntry:
    """Open an entry with the team's secret.

    Raises:
        SealError: it does not open, is not what its leaf commits to, or is not signed by the member it names.
    """
    wrap = session.scalars(select(KeyWrap).where(KeyWrap.record == f"ledger:{entry.index}", KeyWrap.recipient == manifest.TEAM)).first()
    if wrap is None:
        raise SealError
    return _open(actor, entry, wrap, actor.keys.team_epoch(wrap.epoch).wrap_key)


def open_as_auditor(session: Session, actor: Actor, entry: LedgerEntry) -> OpenedEntry:
    """Open an entry with the audit secret, through the batch key of the session that wrote it.

    Raises:
        SealError: as for the team.
    """
    wrap = session.scalars(select(KeyWrap).where(KeyWrap.record == f"ledger:{entry.index}", KeyWrap.recipient.startswith("batch:"))).first()
    batch = wrap and session.scalars(select(KeyWrap).where(KeyWrap.record == wrap.recipient, KeyWrap.recipient == "audit")).first()
    if wrap is None or batch is None:
        raise SealError
    batch_id = wrap.recipient.removeprefix("batch:")
    for audit in actor.keys.audit:
        if audit.epoch == batch.epoch:
            key = keyring.open_batch_key(batch.sealed, audit, root=actor.root, batch_id=batch_id)
            return _open(actor, entry, wrap, key)
    raise SealError


def _by_version(session: Session, actor: Actor, record: str, version: int) -> LedgerEntry | None:
    tags = [entries.tag_of(secret.tag_key, record, version) for secret in actor.keys.team]
    return session.scalars(select(LedgerEntry).where(LedgerEntry.tag.in_(tags))).first()


def _open(actor: Actor, entry: LedgerEntry, wrap: KeyWrap, wrapping: bytes) -> OpenedEntry:
    key = keyring.unwrap_key(
        wrap.sealed,
        wrapping,
        root=actor.root,
        record=f"{wrap.record}/{wrap.part}",
        recipient=wrap.recipient,
        version=wrap.version,
        epoch=wrap.epoch,
    )
    opened = entries.open_entry(entry.sealed, entry.leaf, key, root=actor.root, index=entry.index, epoch=envelope.epoch_of(entry.sealed))
    chain = actor.chain
    in_force = next((item for item in chain.manifests if item.digest == opened.manifest), None)
    signer = in_force.members.get(opened.record["actor"]) if in_force else None
    if signer is None or not opened.is_signed_by(signer.sign, root=chain.root, origin=chain.newest.origin):
        raise SealError
    return opened
