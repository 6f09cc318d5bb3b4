"""Sealed rows: a fresh key per version, its digest bound by the entry that makes it, older keys destroyed (docs/formats.md §4, §10)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.errors import DamagedError, MalformedError, SealError, UnknownError
from app.ledger.append import Actor, RowVersion
from app.ledger.read import check_row
from app.store.cases import SealedRow
from app.store.keys import KeyWrap
from app.vault import entries, envelope, keyring, manifest, padding
from app.vault.encoding import Context, from_jcs, is_one, to_jcs

ROW: Final = "row"
_MANY: Final = 400
Row = TypeVar("Row", bound=SealedRow)


@dataclass(frozen=True, slots=True)
class OpenedRow:
    """A row and what its seal held."""

    row: SealedRow
    value: dict[str, Any]
    version: RowVersion
    key: bytes = field(repr=False)


def save_row(session: Session, actor: Actor, row: SealedRow, value: dict[str, Any]) -> RowVersion:
    """Seal a value under a fresh key as the row's next version; the caller appends the entry.

    Args:
        session: an open write transaction.
        actor: a member who holds the team secret.
        row: new or loaded.
        value: what `to_jcs` takes; the format version is added here.

    Raises:
        MalformedError: it does not fit.
    """
    row.version = (row.version or 0) + 1
    key, epoch = envelope.new_key(), actor.team.epoch
    row.body = envelope.seal(padding.pad(to_jcs({**value, "v": 1}), padding.WORK), key, _context(actor, row, epoch))
    replace_row_key(session, actor, row.record, row.version, key)
    session.add(row)
    session.flush()
    return version_of(row, key)


def open_rows(session: Session, actor: Actor, rows: Sequence[SealedRow]) -> dict[UUID, OpenedRow | None]:
    """Open many rows with one query for their keys; None where one does not match its seal. Not yet held against the ledger."""
    wraps: dict[str, KeyWrap] = {}
    names = [row.record for row in rows]
    for at in range(0, len(names), _MANY):
        query = select(KeyWrap).where(KeyWrap.record.in_(names[at : at + _MANY]), KeyWrap.part == ROW, KeyWrap.recipient == manifest.TEAM)
        wraps.update({wrap.record: wrap for wrap in session.scalars(query)})
    opened: dict[UUID, OpenedRow | None] = {}
    for row in rows:
        try:
            opened[row.id] = open_with(actor, row, unwrap(actor, wraps[row.record]))
        except (SealError, KeyError):
            opened[row.id] = None
    return opened


def open_row(session: Session, actor: Actor, table: type[Row], row_id: UUID) -> tuple[Row, dict[str, Any]]:
    """Open one row and prove that it is the newest version the ledger knows.

    Raises:
        UnknownError: there is none.
        DamagedError: it does not match its seal or its entry.
    """
    row = session.get(table, row_id)
    if row is None:
        raise UnknownError
    opened = open_rows(session, actor, [row])[row_id]
    if opened is None:
        raise DamagedError
    check_row(session, actor, opened.version)
    return row, opened.value


def open_with(actor: Actor, row: SealedRow, key: bytes) -> OpenedRow:
    """Open a row whose key is known.

    Raises:
        SealError: it was changed.
    """
    raw = envelope.unseal(row.body, key, _context(actor, row, envelope.epoch_of(row.body)))
    try:
        value = from_jcs(padding.unpad(raw, padding.WORK))
        if not is_one(value.pop("v")):
            raise SealError
    except (MalformedError, KeyError):
        raise SealError from None
    return OpenedRow(row, value, version_of(row, key), key)


def version_of(row: SealedRow, key: bytes) -> RowVersion:
    """Return what the ledger binds of a row's present version."""
    digest = entries.row_digest(
        table=row.kind,
        record_id=str(row.id),
        version=row.version,
        clear=row.clear,
        sealed={"body": row.body},
        keys={ROW: envelope.key_commitment(key).hex()},
    )
    return RowVersion(row.record, row.version, digest)


def team_wrap(actor: Actor, record: str, part: str, version: int, payload: bytes) -> KeyWrap:
    """Wrap a key (or a report's bundle) under the team's present wrap key."""
    team = actor.team
    sealed = keyring.wrap_key(
        payload,
        team.wrap_key,
        root=actor.root,
        record=f"{record}/{part}",
        recipient=manifest.TEAM,
        version=version,
        epoch=team.epoch,
    )
    return KeyWrap(record=record, part=part, version=version, recipient=manifest.TEAM, epoch=team.epoch, sealed=sealed)


def replace_row_key(session: Session, actor: Actor, record: str, version: int, key: bytes) -> None:
    """Destroy the keys of older versions and wrap this one's."""
    session.execute(delete(KeyWrap).where(KeyWrap.record == record, KeyWrap.part == ROW))
    session.add(team_wrap(actor, record, ROW, version, key))


def unwrap(actor: Actor, wrap: KeyWrap) -> bytes:
    """Open a wrap for the team.

    Raises:
        SealError: this member does not hold its epoch, or it is another record's.
    """
    return keyring.unwrap_key(
        wrap.sealed,
        actor.keys.team_epoch(wrap.epoch).wrap_key,
        root=actor.root,
        record=f"{wrap.record}/{wrap.part}",
        recipient=wrap.recipient,
        version=wrap.version,
        epoch=wrap.epoch,
    )


def values_of(opened: Iterable[OpenedRow | None]) -> list[OpenedRow]:
    """Leave out what is damaged."""
    return [item for item in opened if item is not None]


def _context(actor: Actor, row: SealedRow, epoch: int) -> Context:
    return Context(actor.root, row.kind, str(row.id), "body", row.version, epoch)
