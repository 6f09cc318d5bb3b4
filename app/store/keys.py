"""Wrapped keys, members, invitations, sessions and the manifests."""

from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import NO_ROW_ORDER, Base


class KeyWrap(Base):
    """One key, sealed to one recipient (docs/formats.md §4). Wraps live apart, so a re-wrap is no tampering."""

    __tablename__ = "key_wrap"
    __table_args__ = (NO_ROW_ORDER,)

    record: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    recipient: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]
    wrapper: Mapped[str | None] = mapped_column(default=None, comment="member id")
    signature: Mapped[bytes | None] = mapped_column(default=None)


class Member(Base):
    """One account. Roles and public keys are in the manifest, never here."""

    __tablename__ = "member"
    __table_args__ = (CheckConstraint("length(salt) = 16", name="member_salt"), NO_ROW_ORDER)

    id: Mapped[str] = mapped_column(primary_key=True)
    lookup: Mapped[bytes] = mapped_column(unique=True, comment="HMAC of the folded name")
    name: Mapped[bytes] = mapped_column(comment="kind 11")
    salt: Mapped[bytes] = mapped_column(comment="Argon2id")
    server_secret: Mapped[bytes] = mapped_column(comment="id of the server secret in use")
    blob: Mapped[bytes] = mapped_column(comment="kind 10")
    version: Mapped[int] = mapped_column(default=1)
    public: Mapped[bytes | None] = mapped_column(default=None, comment="KEM ‖ Ed25519 of a newcomer, until a manifest names them")

    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


class Invitation(Base):
    """Somebody who was asked to join; all that it says is sealed."""

    __tablename__ = "invitation"
    __table_args__ = (CheckConstraint("length(lookup) = 32", name="invitation_lookup"), NO_ROW_ORDER)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    lookup: Mapped[bytes] = mapped_column(unique=True, comment="HMAC of the code")
    body: Mapped[bytes] = mapped_column(comment="kind 40")
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


class MemberSession(Base):
    """A signed-in member's unlocked keys, sealed under what only the cookie holds. Deleted on lock and expiry."""

    __tablename__ = "member_session"
    __table_args__ = (CheckConstraint("length(id) = 16", name="member_session_id"), NO_ROW_ORDER)

    id: Mapped[bytes] = mapped_column(primary_key=True)
    member_id: Mapped[str] = mapped_column(index=True)
    manifest_epoch: Mapped[int]
    expires: Mapped[int] = mapped_column(comment="minutes since 1970, absolute end")
    seen: Mapped[int] = mapped_column(comment="minutes since 1970, last request")
    sealed: Mapped[bytes] = mapped_column(comment="kind 12")


class Lease(Base):
    """A live opening: this session may show this record (or the queue) until it ends."""

    __tablename__ = "lease"
    __table_args__ = (NO_ROW_ORDER,)

    session_id: Mapped[bytes] = mapped_column(primary_key=True)
    record: Mapped[str] = mapped_column(primary_key=True)
    expires: Mapped[int] = mapped_column(comment="minutes since 1970")


class ManifestRow(Base):
    """The exact bytes of a manifest and its signature list."""

    __tablename__ = "manifest"

    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[bytes]
    signatures: Mapped[bytes]


class ManifestDraft(Base):
    """The one manifest that may wait for a second hand; empty when none does. The version goes on, so an old draft put back is noticed."""

    __tablename__ = "manifest_draft"
    __table_args__ = (CheckConstraint("id = 1", name="manifest_draft_one"), NO_ROW_ORDER)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[bytes] = mapped_column(default=b"")
    signatures: Mapped[bytes] = mapped_column(default=b"")
    lifter: Mapped[str | None] = mapped_column(default=None, comment="member id of the lead who asks to take a removal back")
    version: Mapped[int] = mapped_column(default=0)

    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}
