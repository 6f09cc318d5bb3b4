"""invitations, a newcomer's public keys, and the manifest that waits for a second hand"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invitation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False, comment="HMAC of the code"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="kind 40"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(lookup) = 32", name="invitation_lookup"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("lookup"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "manifest_draft",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signatures", sa.LargeBinary(), nullable=False),
        sa.Column("lifter", sa.String(), nullable=True, comment="member id of the lead who asks to take a removal back"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name="manifest_draft_one"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.add_column(
        "member", sa.Column("public", sa.LargeBinary(), nullable=True, comment="KEM ‖ Ed25519 of a newcomer, until a manifest names them")
    )


def downgrade() -> None:
    op.drop_column("member", "public")
    op.drop_table("manifest_draft")
    op.drop_table("invitation")
