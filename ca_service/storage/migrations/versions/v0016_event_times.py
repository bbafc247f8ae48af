"""Events by time: whether one is later than the clock is looked up before each certificate is issued."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_EVERY = sa.text("id > 0")


def upgrade() -> None:
    op.create_index(op.f("ix_audit_event_at"), "audit_event", ["at"], sqlite_where=_EVERY, postgresql_where=_EVERY)
