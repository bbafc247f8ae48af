"""Revocations, published CRLs, and OCSP responders."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "revocation",
        sa.Column("issuer_id", sa.String(length=64), nullable=False),
        sa.Column("serial_number", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("not_after", sa.DateTime(), nullable=False),
        sa.Column("entry_der", sa.LargeBinary(), nullable=False),
        sa.Column("invalid_since", sa.DateTime(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_revocation_issuer_id")),
        sa.PrimaryKeyConstraint("issuer_id", "serial_number", name=op.f("pk_revocation")),
    )
    op.create_index("ix_revocation_version", "revocation", ["issuer_id", "version"], unique=False)
    op.create_index("ix_revocation_serial_number", "revocation", ["serial_number"], unique=False)
    op.create_index(
        "ix_revocation_entry", "revocation", ["issuer_id", "state", "not_after", "version", "entry_der"], unique=False
    )
    op.create_table(
        "revocation_version",
        sa.Column("issuer_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_revocation_version_issuer_id")),
        sa.PrimaryKeyConstraint("issuer_id", name=op.f("pk_revocation_version")),
    )
    op.create_table(
        "crl",
        sa.Column("issuer_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("this_update", sa.DateTime(), nullable=False),
        sa.Column("next_update", sa.DateTime(), nullable=False),
        sa.Column("renew_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=True),
        sa.Column("delta_der", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_crl_issuer_id")),
        sa.PrimaryKeyConstraint("issuer_id", "number", name=op.f("pk_crl")),
    )
    op.create_table(
        "responder",
        sa.Column("issuer_id", sa.String(length=64), nullable=False),
        sa.Column("serial_number", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("not_after", sa.DateTime(), nullable=False),
        sa.Column("certificate_der", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_responder_issuer_id")),
        sa.PrimaryKeyConstraint("issuer_id", "serial_number", name=op.f("pk_responder")),
    )
