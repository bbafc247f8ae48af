"""Private files: whole or not at all, and never replaced."""

from __future__ import annotations

import multiprocessing
import resource
import threading
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from ca_service.errors import Conflict, KeystoreError
from ca_service.keystore import files


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    files.write_private(tmp_path / "x", b"data")
    assert files.read_private(tmp_path / "x") == b"data"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_file_that_exists_is_not_replaced(tmp_path: Path) -> None:
    files.write_private(tmp_path / "x", b"first")
    with pytest.raises(Conflict) as caught:
        files.write_private(tmp_path / "x", b"second")
    assert caught.value.rule == "keystore.exists"
    assert files.read_private(tmp_path / "x") == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Conflict):
        files.write_private(tmp_path / "x", b"data")
    assert not (tmp_path / "elsewhere").exists()


def _write_on_a_full_disk(path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        files.write_private(path, b"x" * 100)
    except KeystoreError as error:
        assert error.rule == "keystore.unwritable"  # noqa: PT017 - in a process of its own
        raise SystemExit(7) from error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def _write_for_ever(path: Path, is_running: Event) -> None:
    while True:
        files.write_private(path, b"x" * 100_000)
        path.unlink()
        is_running.set()


@pytest.mark.fault("disk", "The disk is full while a key is written", "writes the whole file or none")
def test_a_full_disk_leaves_no_half_a_file(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_write_on_a_full_disk, args=(tmp_path / "x",))
    process.start()
    process.join(30)
    assert process.exitcode == 7
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("processes", "`kill -9` while a key is written", "leaves the whole file or none")
def test_a_process_that_is_killed_leaves_no_half_a_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    is_running = context.Event()
    process = context.Process(target=_write_for_ever, args=(tmp_path / "x", is_running))
    process.start()
    assert is_running.wait(30)
    process.kill()
    process.join(30)
    assert not (tmp_path / "x").exists() or (tmp_path / "x").stat().st_size == 100_000


def test_of_several_who_write_one_file_one_does_and_it_is_whole(tmp_path: Path) -> None:
    start, results = threading.Barrier(8), []

    def write(number: int) -> None:
        start.wait(5)
        try:
            files.write_private(tmp_path / "x", b"%d" % number * 10_000)
            results.append(b"%d" % number * 10_000)
        except Conflict:
            results.append(b"")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(results)[:7] == [b""] * 7
    assert files.read_private(tmp_path / "x") == max(results)


def test_what_cannot_be_read_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match=f"{tmp_path}/missing cannot be read: No such file") as caught:
        files.read_private(tmp_path / "missing")
    assert caught.value.rule == "keystore.unreadable"
    (tmp_path / "folder").mkdir(0o700)
    with pytest.raises(KeystoreError, match="Is a directory"):
        files.read_private(tmp_path / "folder")


def test_what_cannot_be_written_is_told_with_its_path(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "x"
    with pytest.raises(KeystoreError, match="cannot be written: No such file") as caught:
        files.write_private(missing, b"")
    assert caught.value.rule == "keystore.unwritable"
    with pytest.raises(KeystoreError, match="cannot be written: No such file"):
        files.remove_private(missing)


def test_a_folder_is_made_closed_with_those_above_it(tmp_path: Path) -> None:
    files.make_private_folder(tmp_path / "a" / "b")
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert folder.stat().st_mode & 0o777 == 0o700
    files.make_private_folder(tmp_path / "a" / "b")


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").touch(0o600)
    with pytest.raises(KeystoreError) as caught:
        files.make_private_folder(tmp_path / "x")
    assert caught.value.rule == "keystore.unwritable"


def test_an_open_folder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x").chmod(0o755)
    with pytest.raises(KeystoreError) as caught:
        files.make_private_folder(tmp_path / "x")
    assert caught.value.rule == "keystore.mode"
