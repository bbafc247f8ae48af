"""Databases and keys that do not belong together: nothing is created, and the answer says what to put back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine, tamper

STARTS = (["serve"], ["init"], ["db", "upgrade"])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below the folder; the locks are no content."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def other(tmp_path: Path) -> CommandLine:
    """Another installation."""
    made = CommandLine(tmp_path / "other")
    made("init")
    return made


@pytest.fixture
def settled(ca: CommandLine) -> CommandLine:
    """An installation with its id on both sides."""
    ca("init")
    assert (ca.folder / "keys" / "installation.id").read_text("ascii").strip()
    return ca


def lose_database(folder: Path) -> None:
    for path in folder.glob("ca.sqlite3*"):
        path.unlink()


@pytest.mark.fault("database", "Keys without their database", "refuses every command; creates nothing")
@pytest.mark.parametrize("start", STARTS, ids=lambda start: start[0])
@pytest.mark.parametrize("is_settled", [True, False])
def test_keys_without_their_database_begin_nothing_anew(
    settled: CommandLine, start: list[str], is_settled: bool
) -> None:
    if not is_settled:
        (settled.folder / "keys" / "installation.id").unlink()
    lose_database(settled.folder)
    before = contents(settled.folder)
    assert settled.rule(*start, code=1) == "installation.database-lost"
    assert contents(settled.folder) == before


@pytest.mark.fault("database", "The row with the id of the installation is missing", "refuses every command")
@pytest.mark.parametrize("start", [["serve"], ["init"], ["list"]], ids=lambda start: start[0])
def test_a_database_without_its_id_is_refused(settled: CommandLine, start: list[str]) -> None:
    tamper(settled, "DELETE FROM installation")
    assert settled.rule(*start, code=1) == "installation.database-foreign"


@pytest.mark.fault("database", "The database of another installation", "refuses every command; changes nothing")
@pytest.mark.parametrize("start", [["serve"], ["init"], ["list"]], ids=lambda start: start[0])
def test_the_database_of_another_installation_is_refused(
    settled: CommandLine, other: CommandLine, start: list[str]
) -> None:
    lose_database(settled.folder)
    for path in other.folder.glob("ca.sqlite3*"):
        shutil.copy(path, settled.folder)
    keys = contents(settled.folder / "keys")
    assert settled.rule(*start, code=1) == "installation.database-foreign"
    assert contents(settled.folder / "keys") == keys


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start[0])
def test_the_database_of_another_installation_is_not_upgraded(
    settled: CommandLine, other: CommandLine, start: list[str]
) -> None:
    lose_database(settled.folder)
    path = settled.folder / "ca.sqlite3"
    shutil.copy(other.folder / "ca.sqlite3", path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0014'")
    assert settled.rule(*start, code=1) == "installation.database-foreign"
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("0014",)]


@pytest.mark.fault("keys and files", "A database without its keys", "refuses to start; creates nothing")
def test_a_database_without_its_keys_is_refused(settled: CommandLine) -> None:
    shutil.rmtree(settled.folder / "keys")
    assert settled.rule("serve", code=1) == "installation.keys-lost"
    assert not (settled.folder / "keys").exists()


def test_an_installation_of_an_earlier_version_is_settled_at_its_next_start(settled: CommandLine) -> None:
    path = settled.folder / "keys" / "installation.id"
    before = path.read_bytes()
    path.unlink()
    settled.answer("list")
    assert not path.exists()
    settled("serve")
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600


def make_older(folder: Path) -> None:
    """Give the database the schema of version 0012, which had no id of the installation."""
    with closing(sqlite3.connect(folder / "ca.sqlite3")) as database, database:
        for table in ("installation", "host_product", "served"):
            database.execute(f"DROP TABLE {table}")
        for index in ("node_fqdn", "audit_event_at", "application_key"):
            database.execute(f"DROP INDEX ix_{index}")
        for table in ("application", "certificate"):
            database.execute(f"ALTER TABLE {table} DROP COLUMN purpose")
        database.execute("ALTER TABLE account DROP COLUMN mail_address")
        database.execute("UPDATE alembic_version SET version_num = '0012'")


@pytest.mark.parametrize("start", [["serve"], ["init"]], ids=lambda start: start[0])
def test_an_emptied_database_of_an_earlier_version_beside_the_keys_of_its_authorities_begins_nothing_anew(
    ca: CommandLine, start: list[str]
) -> None:
    with closing(sqlite3.connect(ca.folder / "ca.sqlite3")) as database, database:
        database.execute("DELETE FROM issuer")
    make_older(ca.folder)
    keys = contents(ca.folder / "keys")
    assert "installation.id" not in keys
    assert {name for name in keys if name.endswith(".key.pem")} == {"root-g1.key.pem", "intermediate-g1.key.pem"}
    assert ca.rule(*start, code=1) == "installation.database-lost"
    assert contents(ca.folder / "keys") == keys


@pytest.mark.parametrize("key", ["root-g1", "intermediate-g1"])
def test_an_init_that_was_interrupted_after_it_made_a_key_is_finished(new_ca: CommandLine, key: str) -> None:
    with new_ca.opened() as installation:
        installation.schema.upgrade()
        installation.identity.settle()
    mark = new_ca.folder / "keys" / "installation.begun"
    assert mark.stat().st_mode & 0o777 == 0o600
    with new_ca.opened() as installation:
        keystore = installation.identity._keystore
        made = keystore.generate(key, "P-384").public_key()
    new_ca("init")
    with new_ca.opened() as installation:
        assert installation.identity._keystore.signer(key).public_key() == made
    assert not mark.exists()


def test_a_database_from_before_the_id_that_is_restored_later_gets_the_same_id(settled: CommandLine) -> None:
    kept = settled.folder / "keys" / "installation.id"
    kept.unlink()
    for _ in range(2):
        make_older(settled.folder)
        assert settled("serve").exit_code == 0
    assert len(kept.read_text("ascii").strip()) == 32


def test_the_schema_is_upgraded_on_a_machine_without_keys(settled: CommandLine) -> None:
    shutil.rmtree(settled.folder / "keys")
    assert settled("db", "upgrade").exit_code == 0


def test_a_root_key_that_was_moved_away_by_hand_keeps_nothing_from_starting(settled: CommandLine) -> None:
    (settled.folder / "keys" / "root-g1.key.pem").unlink()
    (settled.folder / "keys" / "installation.id").unlink()
    assert settled("serve").exit_code == 0
    assert (settled.folder / "keys" / "installation.id").exists()
