"""The manifests in the database, verified from the pinned root, and never below what was once seen."""

from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import MalformedError, ManifestError
from app.ledger.state import read_state, update_state
from app.store.database import Database
from app.store.keys import ManifestDraft, ManifestRow
from app.vault.encoding import from_b64, to_b64
from app.vault.manifest import Chain, Draft, SignedManifest, read_draft, verify_chain


def waiting_draft(session: Session, chain: Chain) -> Draft | None:
    """Return the change of people that waits for a second hand, if its signatures are good and it follows the newest manifest."""
    row = session.execute(select(ManifestDraft.body, ManifestDraft.signatures).where(ManifestDraft.id == 1)).one_or_none()
    try:
        return read_draft(chain, SignedManifest(row.body, row.signatures)) if row else None
    except ManifestError:
        return None


class ChainKeeper:
    """Knows the newest verified chain; rows that vanish or do not verify do not take it back."""

    def __init__(self, database: Database, root: bytes, state: Path | None = None) -> None:
        """Prepare; nothing is read yet.

        Args:
            database: where manifests are.
            root: the pinned instance root.
            state: a file that remembers the newest verified chain across restarts.
        """
        self._database, self._root, self._state = database, root, state
        self._chain: Chain | None = None
        self._lock = Lock()

    @property
    def root(self) -> bytes:
        """The pinned root."""
        return self._root

    def current(self) -> Chain:
        """Return the newest verified chain, and who is suspended: a lead has signed their removal, and the second hand is awaited.

        Raises:
            ManifestError: there is no chain from the pinned root.
        """
        with self._lock, self._database.read() as session:
            chain = self._current(session)
            draft = waiting_draft(session, chain)
        if draft is None or not draft.is_reducing:
            return chain
        return replace(chain, suspended=frozenset(chain.newest.members.keys() - draft.manifest.members.keys()))

    def _current(self, session: Session) -> Chain:
        known = self._chain or self._remembered()
        rows = session.execute(select(ManifestRow.body, ManifestRow.signatures).order_by(ManifestRow.epoch))
        signed = [SignedManifest(body, signatures) for body, signatures in rows]
        found = verify_chain(self._root, signed) if known is None else self._longer(known, signed)
        if found is not known:
            self._remember(found)
        self._chain = found
        return found

    def _longer(self, known: Chain, signed: list[SignedManifest]) -> Chain:
        """Go on as far as the rows verify: a forged row stops nobody, and does not hide the true ones before it."""
        for length in range(len(signed), len(known.signed), -1):
            try:
                found = verify_chain(self._root, signed[:length])
            except ManifestError:
                continue
            if found.signed[: len(known.signed)] == known.signed:
                return found
        return known

    def _remembered(self) -> Chain | None:
        try:
            value = read_state(self._state) if self._state else {}
            if not value:
                return None
            pairs = zip(value["manifests"], value["signatures"], strict=True)
            return verify_chain(self._root, [SignedManifest(from_b64(body), from_b64(sigs)) for body, sigs in pairs])
        except (MalformedError, KeyError, TypeError, ValueError):
            raise ManifestError from None

    def _remember(self, chain: Chain) -> None:
        if self._state is None:
            return
        try:
            update_state(self._state, lambda old: _with_chain(old, chain))
        except (MalformedError, OSError) as error:
            raise ManifestError from error


def _with_chain(old: dict[str, Any], chain: Chain) -> dict[str, Any]:
    """Put the chain in the place of a shorter one; another worker of this face may have seen more."""
    if len(old.get("manifests", ())) > len(chain.signed):
        return old
    return {
        **old,
        "manifests": [to_b64(item.body) for item in chain.signed],
        "signatures": [to_b64(item.signatures) for item in chain.signed],
    }
