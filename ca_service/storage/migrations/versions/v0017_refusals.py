"""Requests by key: whether a person has refused a CSR with this key is looked up at each issuance."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_WITHOUT_CERTIFICATE = sa.text("serial_number IS NULL")


def upgrade() -> None:
    op.create_index(
        op.f("ix_application_key"),
        "application",
        ["key_fingerprint"],
        sqlite_where=_WITHOUT_CERTIFICATE,
        postgresql_where=_WITHOUT_CERTIFICATE,
    )
