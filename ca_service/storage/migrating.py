"""Versions of the schema: which one a database has, and the upgrade to the version of this program.

Alembic is imported only to migrate or to compare: importing it takes longer than the rest of a start.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, inspect, select, text

from ca_service.errors import Finding, NotReady, Rule, Severity
from ca_service.storage import search_index
from ca_service.storage.database import Database
from ca_service.storage.schema import job_run, metadata

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA_OLD: Final = Rule(
    "schema.old",
    "The database has schema version {found}, but this program needs version {head}.",
    "Make a copy of the instance folder, with PostgreSQL also a `pg_dump`. Then run `ca-service db upgrade`.",
)
SCHEMA_NEW: Final = Rule(
    "schema.new",
    "The database has schema version {found}, which is newer than this program (version {head}).",
    "Run the newer version of ca_service again, or restore database and keys from an older backup.",
)
SEARCH_PLAIN: Final = Rule(
    "search.plain",
    "The search has no index. It becomes slow when there are many certificates.",
    "PostgreSQL: let an administrator of the database run CREATE EXTENSION pg_trgm. SQLite: use version 3.34 or newer. "
    "Then run `ca-service db upgrade`.",
    Severity.NOTE,
)

HEAD: Final = "0018"
_FIRST_WITH_ID: Final = "0013"
_ANALYSED: Final = 1_000  # rows of each index
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def current_version(database: Database) -> str:
    """Return the version of the schema in the database, or an empty text if it has no tables."""
    if not database.exists:
        return ""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def require_current(database: Database) -> None:
    """Raise NotReady, with a remedy, unless the schema has the version of this program."""
    found = current_version(database)
    if found == HEAD:
        return
    database.require_exists()
    if _is_known(found):
        raise NotReady.because(SCHEMA_OLD, found=found or "none", head=HEAD)
    raise NotReady.because(SCHEMA_NEW, found=found, head=HEAD)


def _is_known(version: str) -> bool:
    return version < HEAD


def upgrade(database: Database) -> tuple[str, str]:
    """Upgrade the schema to the version of this program; return (version before, version after).

    The upgrade is one transaction: a crash leaves the database as it was. Then build the search index if it is
    missing. Raises NotReady if the database is newer than this program.
    """
    before = current_version(database)
    if before != HEAD:
        _migrate(database, before)
    search_index.build(database)
    return before, current_version(database)


def _migrate(database: Database, before: str) -> None:
    if not _is_known(before):
        require_current(database)
    from alembic import command

    database.create()
    with database.write() as connection:
        command.upgrade(_config(connection), "head")


def differences(database: Database) -> list[str]:
    """Return the differences between the tables in the database and those that this program expects."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from ca_service.storage.schema import metadata

    indexes = {search_index.index_of(name) for name in search_index.SEARCHED}

    def is_ours(_object: object, name: str | None, kind: str, *_: Any) -> bool:
        return (kind != "table" or name in metadata.tables) and name not in indexes

    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
        return [str(difference) for difference in compare_metadata(context, metadata)]


def _config(connection: object) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


class _RolledBack(Exception):
    """Ends a transaction that only tried whether it could write."""


class SQLSchema:
    """The schema port on a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> str:
        """Return the version of the database, or an empty text."""
        return current_version(self._database)

    def head(self) -> str:
        """Return the version that this program needs."""
        return HEAD

    def installation_id(self) -> str:
        """Return the id of the installation, which a migration wrote; empty before that, or if its row is missing."""
        if current_version(self._database) < _FIRST_WITH_ID:
            return ""
        with self._database.read() as connection:
            return str(connection.execute(text("SELECT id FROM installation")).scalar() or "")

    def require_current(self) -> None:
        """Raise NotReady, with a remedy, unless the two are the same."""
        require_current(self._database)

    def upgrade(self) -> tuple[str, str]:
        """Upgrade the database; return (before, after)."""
        return upgrade(self._database)

    def differences(self) -> list[str]:
        """Return the differences between the tables and those that this program expects."""
        return differences(self._database)

    def remarks(self) -> tuple[Finding, ...]:
        """Return notes about parts that work, but could work better."""
        with self._database.read() as connection:
            if search_index.is_there(connection):
                return ()
        return (SEARCH_PLAIN.at(),)

    def index_new(self) -> int:
        """Add new rows to the search indexes that no transaction keeps; return their number."""
        return search_index.catch_up(self._database)

    def try_write(self) -> None:
        """Read each table, and write a row in a transaction that is rolled back. Raises NotReady if that fails."""
        row = {"name": "write-check", "holder": "", "outcome": "never run", "count": 0, "took": 0, "detail": ""}
        with suppress(_RolledBack), self._database.write() as connection:
            for table in metadata.sorted_tables:
                connection.execute(select(table.c[0]).limit(1))
            connection.execute(insert(job_run), row)
            raise _RolledBack

    def gather_statistics(self) -> int:
        """Let the database count its rows, which is how it chooses between its indexes; return the number of tables.

        SQLite looks at a part of each index, and never by itself; PostgreSQL does it by itself (autovacuum).
        """
        with self._database.write() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(f"PRAGMA analysis_limit = {_ANALYSED}")
            connection.exec_driver_sql("ANALYZE")
            return len(inspect(connection).get_table_names())
