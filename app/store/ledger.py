"""The ledger's rows: one per entry, and one head."""

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base


class LedgerEntry(Base):
    """One entry: the leaf whose bytes are final, and the sealed record behind its commitment."""

    __tablename__ = "ledger_entry"

    index: Mapped[int] = mapped_column("idx", primary_key=True, autoincrement=False)
    tag: Mapped[bytes] = mapped_column(unique=True, comment="t of the leaf, to find the entry of a row version")
    leaf: Mapped[bytes]
    sealed: Mapped[bytes] = mapped_column(comment="kind 14")


class LedgerHead(Base):
    """Size and root of the tree, and the perfect subtrees that make the next append O(log n)."""

    __tablename__ = "ledger_head"
    __table_args__ = (CheckConstraint("id = 1", name="ledger_head_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int]
    root: Mapped[bytes]
    frontier: Mapped[bytes]
