"""cases and findings; more states of a report"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BEFORE = ("waiting", "received", "added", "in_triage", "urgent", "needs_information", "damaged")
AFTER = (*BEFORE[:-1], "accepted", "duplicate", "out_of_scope", "spam", "withdrawn", "damaged")
CASES = ("open", "monitoring", "closed", "reopened")
FINDINGS = (
    "unassessed", "in_assessment", "proposed", "in_review", "returned", "confirmed", "disputed", "unverifiable", "refuted", "reopened",
)  # fmt: skip


def choice(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True)


def sealed_row(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        *columns,
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )


def set_report_states(states: tuple[str, ...], former: tuple[str, ...]) -> None:
    with op.batch_alter_table("report", table_kwargs={"sqlite_with_rowid": False}) as batch:
        batch.alter_column("state", type_=choice(states, "report_state"), existing_type=choice(former, "report_state"), nullable=False)


def upgrade() -> None:
    set_report_states(AFTER, BEFORE)
    sealed_row(
        "case",
        sa.Column("state", choice(CASES, "case_state"), nullable=False),
        sa.Column("owner", sa.String(), nullable=True, comment="member id"),
    )
    sealed_row("incident", sa.Column("case_id", sa.Uuid(), nullable=False))
    op.create_index(op.f("ix_incident_case_id"), "incident", ["case_id"], unique=False)
    sealed_row("act", sa.Column("incident_id", sa.Uuid(), nullable=False))
    op.create_index(op.f("ix_act_incident_id"), "act", ["incident_id"], unique=False)
    sealed_row("person", sa.Column("case_id", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_person_case_id"), "person", ["case_id"], unique=False)
    sealed_row("reference")
    op.create_table(
        "finding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("act_id", sa.Uuid(), nullable=False),
        sa.Column("state", choice(FINDINGS, "finding_state"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("act_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_finding_state"), "finding", ["state"], unique=False)
    op.create_table(
        "approval",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_approval_finding_id"), "approval", ["finding_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_approval_finding_id"), table_name="approval")
    op.drop_table("approval")
    op.drop_index(op.f("ix_finding_state"), table_name="finding")
    op.drop_table("finding")
    op.drop_table("reference")
    op.drop_index(op.f("ix_person_case_id"), table_name="person")
    op.drop_table("person")
    op.drop_index(op.f("ix_act_incident_id"), table_name="act")
    op.drop_table("act")
    op.drop_index(op.f("ix_incident_case_id"), table_name="incident")
    op.drop_table("incident")
    op.drop_table("case")
    op.execute("UPDATE report SET state = 'in_triage' WHERE state IN ('accepted', 'duplicate', 'out_of_scope', 'spam', 'withdrawn')")
    set_report_states(BEFORE, AFTER)
