"""Limits of tokens (existing tokens keep their permissions), and identities at OpenID providers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ALL_SCOPES = '["audit", "check", "decide", "fleet", "metrics", "read", "revoke", "submit"]'
_LIMITS = {"scopes": _ALL_SCOPES, "names": "[]", "profiles": "[]", "networks": "[]"}


def upgrade() -> None:
    with op.batch_alter_table("token") as table:
        for name, value in _LIMITS.items():
            table.add_column(sa.Column(name, sa.JSON(), nullable=False, server_default=value))
    with op.batch_alter_table("token") as table:
        for name in _LIMITS:
            table.alter_column(name, server_default=None)
    op.create_table(
        "external_identity",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_external_identity_account_id")),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_external_identity")),
        sa.UniqueConstraint("account_id", name=op.f("uq_external_identity_account_id")),
    )
