"""Read entries back: by place, by row version, by the team or by an auditor."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DamagedError, SealError
from app.ledger.append import KINDS, Actor, RowVersion
from app.store.keys import KeyWrap
from app.store.ledger import LedgerEntry, LedgerHead
from app.vault import entries, envelope, keyring, manifest
from app.vault.entries import OpenedEntry

_MANY: Final = 400  # values in one query; SQLite takes at least 999


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


def check_row(session: Session, actor: Actor, row: RowVersion) -> int:
    """Prove that a stored row is the newest version the ledger knows, with the digest it recorded.

    Returns:
        The place of its entry in the ledger.

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
    return entry.index


def find_changed(session: Session, actor: Actor, rows: Sequence[RowVersion]) -> set[str]:
    """Return the records whose stored row is not what the ledger says, checked many at once for a list.

    The signature of each entry is left to the opening of the record: whoever can seal an entry holds the team secret.
    """
    tags = {(row.record, version): _tags(actor, row.record, version) for row in rows for version in (row.version, row.version + 1)}
    found = _by_tags(session, [tag for many in tags.values() for tag in many])
    wraps = _team_wraps(session, [entry.index for entry in found.values()])
    changed = set()
    for row in rows:
        entry = next((found[tag] for tag in tags[row.record, row.version] if tag in found), None)
        newer = any(tag in found for tag in tags[row.record, row.version + 1])
        wrap = wraps.get(f"ledger:{entry.index}") if entry else None
        try:
            record = _unseal(actor, entry, wrap, actor.keys.team_epoch(wrap.epoch).wrap_key).record if entry and wrap else {}
        except SealError:
            record = {}
        if newer or (record.get("object"), record.get("version"), record.get("digest")) != (row.record, row.version, row.digest):
            changed.add(row.record)
    return changed


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
    opened = open_many_as_auditor(session, actor, [entry])
    if entry.index not in opened:
        raise SealError
    return opened[entry.index]


def open_many_as_auditor(session: Session, actor: Actor, entries_of_log: Sequence[LedgerEntry]) -> dict[int, OpenedEntry]:
    """Open entries as an auditor with few queries, each batch key once.

    Every entry is checked as if it were opened alone: commitment, kind, role, signature.

    Returns:
        place → opened entry; what does not open is missing.
    """
    wraps = _batch_wraps(session, [entry.index for entry in entries_of_log])
    keys = _batch_keys(session, actor, {wrap.recipient for found in wraps.values() for wrap in found})
    opened: dict[int, OpenedEntry] = {}
    for entry in entries_of_log:
        for wrap in wraps.get(f"ledger:{entry.index}", ()):  # a wrap that somebody planted beside the true one must not hide the entry
            for key in keys.get(wrap.recipient, ()):
                with suppress(SealError):
                    opened[entry.index] = _open(actor, entry, wrap, key)
    return opened


def _batch_wraps(session: Session, indexes: list[int]) -> dict[str, list[KeyWrap]]:
    found: dict[str, list[KeyWrap]] = {}
    for at in range(0, len(indexes), _MANY):
        names = [f"ledger:{index}" for index in indexes[at : at + _MANY]]
        for wrap in session.scalars(select(KeyWrap).where(KeyWrap.record.in_(names), KeyWrap.recipient.startswith("batch:"))):
            found.setdefault(wrap.record, []).append(wrap)
    return found


def _batch_keys(session: Session, actor: Actor, batches: set[str]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    names = sorted(batches)
    for at in range(0, len(names), _MANY):
        query = select(KeyWrap).where(KeyWrap.record.in_(names[at : at + _MANY]), KeyWrap.recipient == manifest.AUDIT)
        for batch in session.scalars(query):
            with suppress(SealError):
                found.setdefault(batch.record, []).append(_batch_key(actor, batch))
    return found


def _batch_key(actor: Actor, batch: KeyWrap) -> bytes:
    for audit in actor.keys.audit:
        if audit.epoch == batch.epoch:
            return keyring.open_batch_key(batch.sealed, audit, root=actor.root, batch_id=batch.record.removeprefix("batch:"))
    raise SealError


def _by_version(session: Session, actor: Actor, record: str, version: int) -> LedgerEntry | None:
    return session.scalars(select(LedgerEntry).where(LedgerEntry.tag.in_(_tags(actor, record, version)))).first()


def _tags(actor: Actor, record: str, version: int) -> list[bytes]:
    return [entries.tag_of(secret.tag_key, record, version) for secret in actor.keys.team]


def _by_tags(session: Session, tags: list[bytes]) -> dict[bytes, LedgerEntry]:
    found: dict[bytes, LedgerEntry] = {}
    for at in range(0, len(tags), _MANY):
        query = select(LedgerEntry).where(LedgerEntry.tag.in_(tags[at : at + _MANY]))
        found.update({entry.tag: entry for entry in session.scalars(query)})
    return found


def _team_wraps(session: Session, indexes: list[int]) -> dict[str, KeyWrap]:
    found: dict[str, KeyWrap] = {}
    for at in range(0, len(indexes), _MANY):
        names = [f"ledger:{index}" for index in indexes[at : at + _MANY]]
        query = select(KeyWrap).where(KeyWrap.record.in_(names), KeyWrap.recipient == manifest.TEAM)
        found.update({wrap.record: wrap for wrap in session.scalars(query)})
    return found


def _open(actor: Actor, entry: LedgerEntry, wrap: KeyWrap, wrapping: bytes) -> OpenedEntry:
    opened, chain = _unseal(actor, entry, wrap, wrapping), actor.chain
    in_force = next((item for item in chain.manifests if item.digest == opened.manifest), None)
    signer = in_force.members.get(opened.record["actor"]) if in_force else None
    record = opened.record
    if signer is None or record["kind"] not in KINDS or record["role"] != ",".join(sorted(signer.roles)):
        raise SealError
    if not opened.is_signed_by(signer.sign, root=chain.root, origin=chain.newest.origin):
        raise SealError
    if actor.keys.team and record["version"] is not None and entry.tag not in _tags(actor, record["object"], record["version"]):
        raise SealError
    return opened


def _unseal(actor: Actor, entry: LedgerEntry, wrap: KeyWrap, wrapping: bytes) -> OpenedEntry:
    key = keyring.unwrap_key(
        wrap.sealed,
        wrapping,
        root=actor.root,
        record=f"{wrap.record}/{wrap.part}",
        recipient=wrap.recipient,
        version=wrap.version,
        epoch=wrap.epoch,
    )
    epoch = envelope.epoch_of(entry.sealed)
    return entries.open_entry(entry.sealed, entry.leaf, key, root=actor.root, index=entry.index, epoch=epoch)
