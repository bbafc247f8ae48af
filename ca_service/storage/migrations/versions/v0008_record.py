"""Seals of the audit log. Earlier events are sealed like all others, only later."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("audit_event", sa.Column("seal", sa.Integer(), nullable=True))
    op.add_column("audit_event", sa.Column("position", sa.Integer(), nullable=True))
    sealed, unsealed = sa.text("seal IS NOT NULL"), sa.text("seal IS NULL")
    op.create_index(
        "uq_audit_event_place",
        "audit_event",
        ["seal", "position"],
        unique=True,
        sqlite_where=sealed,
        postgresql_where=sealed,
    )
    op.create_index("ix_audit_event_unsealed", "audit_event", ["id"], sqlite_where=unsealed, postgresql_where=unsealed)
    op.create_index("ix_audit_event_subject", "audit_event", ["subject", "id"], unique=False)
    op.create_table(
        "seal",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("leaves", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seal")),
    )
