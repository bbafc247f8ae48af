"""Mail addresses of accounts, for messages about requests."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("account", sa.Column("mail_address", sa.String(length=254), nullable=False, server_default=""))
