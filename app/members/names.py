"""Members' display names: sealed under the server secret, so a stolen database names nobody."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import SealError
from app.store.keys import Member
from app.vault.keyring import ServerSecret


def names_of(session: Session, root: bytes, server_secret: ServerSecret) -> dict[str, str]:
    """Return member id → name; a name that does not open is shown as the first letters of the id."""
    return {row.id: _name(row, root, server_secret) for row in session.scalars(select(Member))}


def _name(row: Member, root: bytes, server_secret: ServerSecret) -> str:
    try:
        return server_secret.open_name(root, row.id, row.name)
    except SealError:
        return row.id[:4]
