"""first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dedupe",
        sa.Column("tag", sa.LargeBinary(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False, comment="hours since 1970, of arrival"),
        sa.PrimaryKeyConstraint("tag"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_dedupe_hour"), "dedupe", ["hour"], unique=False)
    op.create_table(
        "key_wrap",
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("wrapper", sa.String(), nullable=True, comment="member id"),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("record", "part", "version", "recipient", "epoch"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lease",
        sa.Column("session_id", sa.LargeBinary(), nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("expires", sa.Integer(), nullable=False, comment="minutes since 1970"),
        sa.PrimaryKeyConstraint("session_id", "record"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_entry",
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tag", sa.LargeBinary(), nullable=False, comment="t of the leaf, to find the entry of a row version"),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="kind 14"),
        sa.PrimaryKeyConstraint("idx"),
        sa.UniqueConstraint("tag"),
    )
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name="ledger_head_one"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "manifest",
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signatures", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
    )
    op.create_table(
        "member",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False, comment="HMAC of the folded name"),
        sa.Column("name", sa.LargeBinary(), nullable=False, comment="kind 11"),
        sa.Column("salt", sa.LargeBinary(), nullable=False, comment="Argon2id"),
        sa.Column("server_secret", sa.LargeBinary(), nullable=False, comment="id of the server secret in use"),
        sa.Column("blob", sa.LargeBinary(), nullable=False, comment="kind 10"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(salt) = 16", name="member_salt"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("lookup"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "member_session",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("manifest_epoch", sa.Integer(), nullable=False),
        sa.Column("expires", sa.Integer(), nullable=False, comment="minutes since 1970, absolute end"),
        sa.Column("seen", sa.Integer(), nullable=False, comment="minutes since 1970, last request"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="kind 12"),
        sa.CheckConstraint("length(id) = 16", name="member_session_id"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_member_session_member_id"), "member_session", ["member_id"], unique=False)
    op.create_table(
        "message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False, comment="member id"),
        sa.Column("letter", sa.LargeBinary(), nullable=False, comment="kind 5; which report it belongs to is inside"),
        sa.Column("releaser", sa.String(), nullable=True, comment="member id"),
        sa.Column(
            "state",
            sa.Enum("handed", "returned", "released", name="message_state", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(week) = 8", name="message_week"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_message_state"), "message", ["state"], unique=False)
    op.create_table(
        "reply",
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="kind 6"),
        sa.CheckConstraint("length(address) = 32", name="reply_address"),
        sa.PrimaryKeyConstraint("address"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("week", sa.String(), nullable=False, comment="ISO week of arrival; never the day"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="kind 1, never re-sealed"),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "received",
                "added",
                "in_triage",
                "urgent",
                "needs_information",
                "damaged",
                name="report_state",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("owner", sa.String(), nullable=True, comment="member id"),
        sa.Column("summary", sa.LargeBinary(), nullable=True, comment="kind 3"),
        sa.Column("work", sa.LargeBinary(), nullable=True, comment="kind 4"),
        sa.Column("version", sa.Integer(), nullable=False, comment="0 until admitted"),
        sa.CheckConstraint("length(week) = 8", name="report_week"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_report_state"), "report", ["state"], unique=False)
    op.create_table(
        "seen",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="kind 16"),
        sa.PrimaryKeyConstraint("report_id", "member_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "source_request",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER ledger_entry_no_replace BEFORE INSERT ON ledger_entry "
            "WHEN EXISTS (SELECT 1 FROM ledger_entry WHERE idx = NEW.idx) "
            "BEGIN SELECT RAISE(ABORT, 'an entry is final'); END"
        )
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER ledger_entry_no_{verb.lower()} BEFORE {verb} ON ledger_entry "
                "BEGIN SELECT RAISE(ABORT, 'an entry is final'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION ledger_entry_is_final() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'an entry is final'; END $$"
        )
        for verb in ("UPDATE", "DELETE", "TRUNCATE"):
            op.execute(
                f"CREATE TRIGGER ledger_entry_no_{verb.lower()} BEFORE {verb} ON ledger_entry "
                "FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_is_final()"
            )


def downgrade() -> None:
    op.drop_table("source_request")
    op.drop_table("seen")
    op.drop_index(op.f("ix_report_state"), table_name="report")
    op.drop_table("report")
    op.drop_table("reply")
    op.drop_index(op.f("ix_message_state"), table_name="message")
    op.drop_table("message")
    op.drop_index(op.f("ix_member_session_member_id"), table_name="member_session")
    op.drop_table("member_session")
    op.drop_table("member")
    op.drop_table("manifest")
    op.drop_table("ledger_head")
    op.drop_table("ledger_entry")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION ledger_entry_is_final()")
    op.drop_table("lease")
    op.drop_table("key_wrap")
    op.drop_index(op.f("ix_dedupe_hour"), table_name="dedupe")
    op.drop_table("dedupe")
