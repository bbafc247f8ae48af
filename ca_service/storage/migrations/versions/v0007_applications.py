"""Submitted requests and their decisions, and the requests that answered an Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "application",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("csr_der", sa.LargeBinary(), nullable=False),
        sa.Column("request_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("key_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("profile", sa.String(length=32), nullable=False),
        sa.Column("validity_days", sa.Integer(), nullable=True),
        sa.Column("make_new", sa.Boolean(), nullable=False),
        sa.Column("add_host_name", sa.Boolean(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(), nullable=False),
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.Column("submitted_by_id", sa.Integer(), nullable=True),
        sa.Column("submitted_from", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_from", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(), nullable=True),
        sa.Column("failure", sa.JSON(), nullable=False),
        sa.Column("serial_number", sa.String(length=40), nullable=True),
        sa.Column("open_key", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
    )
    op.create_index("ix_application_submitter", "application", ["submitted_by_id", "id"])
    _create_index("uq_application_open_key", ["open_key"], "open_key IS NOT NULL", unique=True)
    _create_index("ix_application_state", ["state", "id"], "serial_number IS NULL")
    _create_index("ix_application_request", ["request_fingerprint"], "serial_number IS NULL")
    with op.batch_alter_table("replay") as table:
        table.add_column(sa.Column("application_ids", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("replay") as table:
        table.alter_column("application_ids", server_default=None)


def _create_index(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    """Create a partial index."""
    condition = sa.text(where)
    op.create_index(name, "application", columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
