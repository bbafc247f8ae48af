"""Sort the names in lists by code points, on PostgreSQL as on SQLite."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column, kind in (
        ("account", "name", "VARCHAR(64)"),
        ("certificate", "host", "TEXT"),
        ("cluster", "name_key", "TEXT"),
        ("mark", "step", "VARCHAR(200)"),
    ):
        op.execute(f'ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind} COLLATE "C"')
