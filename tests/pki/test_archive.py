"""ZIP files of requests: what is taken out, and what is refused."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.errors import CAServiceError, InvalidInput
from ca_service.pki import archive
from ca_service.pki.archive import Entry
from ca_service.pki.armour import MAX_REQUEST_BYTES


def zipped(*files: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, data in files:
            made.writestr(name, data)
    return buffer.getvalue()


def refusal(data: bytes, limit: int = 50) -> str:
    """The rule by which this ZIP is refused."""
    with pytest.raises(InvalidInput) as caught:
        archive.read(data, limit)
    return caught.value.rule


def test_the_files_come_out_in_their_order_and_without_their_folders() -> None:
    found = archive.read(zipped(("b/uccx2.csr", b"two"), ("uccx1.csr", b"one")), 50)
    assert [(entry.name, entry.data) for entry in found] == [("uccx2.csr", b"two"), ("uccx1.csr", b"one")]


def test_what_file_managers_leave_behind_does_not_count() -> None:
    made = zipped(("__MACOSX/._a.csr", b"x"), ("requests/", b""), ("requests/.DS_Store", b"x"), ("a.csr", b"one"))
    assert [entry.name for entry in archive.read(made, 1)] == ["a.csr"]


def test_as_many_files_as_are_allowed_are_taken_and_no_more() -> None:
    files = [(f"{number}.csr", b"x") for number in range(3)]
    assert len(archive.read(zipped(*files), 3)) == 3
    assert refusal(zipped(*files), 2) == "archive.count"


def test_an_empty_zip_is_refused() -> None:
    assert refusal(zipped()) == "archive.count"


def test_a_zip_of_thousands_of_folders_is_refused() -> None:
    assert refusal(zipped(("a.csr", b"x"), *((f"{number}/", b"") for number in range(2500)))) == "archive.count"


def test_a_file_that_grows_beyond_any_request_is_refused() -> None:
    assert refusal(zipped(("bomb.csr", b"\0" * 50_000_000))) == "archive.file-too-large"


def test_a_file_of_just_the_largest_size_is_taken() -> None:
    [entry] = archive.read(zipped(("a.csr", b"x" * MAX_REQUEST_BYTES)), 1)
    assert len(entry.data) == MAX_REQUEST_BYTES


def test_an_encrypted_zip_is_refused() -> None:
    made = bytearray(zipped(("a.csr", b"x"), compression=zipfile.ZIP_STORED))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag, in both headers
        made[made.index(signature) + offset] |= 1
    assert refusal(bytes(made)) == "archive.damaged"


@given(st.binary(max_size=200), st.integers(0, 150))
def test_a_damaged_zip_is_refused_and_never_a_crash(noise: bytes, place: int) -> None:
    made = bytearray(zipped(("a.csr", b"request " * 20), ("b.csr", b"x")))
    made[place : place + len(noise)] = noise
    with suppress(CAServiceError):
        archive.read(bytes(made), 50)


@pytest.mark.parametrize(
    ("member", "kind"),
    [("[Content_Types].xml", ".docx"), ("mimetype", ".odt"), ("META-INF/MANIFEST.MF", ".jar")],
)
def test_a_document_in_a_zip_container_is_named(member: str, kind: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        archive.read(zipped(("word/document.xml", b"text"), (member, b"")), 50)
    assert caught.value.rule == "csr.format"
    assert kind in caught.value.findings[0].detail


@pytest.mark.parametrize("name", ["", "/", "\\", ".", "\0", "a\0b"])
def test_a_file_without_a_usable_name_is_no_crash(name: str) -> None:
    buffer, member = io.BytesIO(), zipfile.ZipInfo("x")
    member.filename = name  # the constructor would change it
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr(member, b"request")
    with suppress(CAServiceError):
        assert [entry.data for entry in archive.read(buffer.getvalue(), 50)] == [b"request"]


PEM = b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
KEY = b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (PEM, [("f.csr", PEM)]),
        (b"from a mail\n" + PEM, [("f.csr", b"from a mail\n" + PEM)]),
        (PEM + b"and\n" + PEM, [("f.csr (1)", PEM + b"and\n"), ("f.csr (2)", PEM)]),
        (b"\xef\xbb\xbf" + PEM + PEM, [("f.csr (1)", PEM), ("f.csr (2)", PEM)]),
        (PEM + KEY, [("f.csr", PEM + KEY)]),  # to be refused as a whole: a private key was sent
        (b"", [("f.csr", b"")]),
        (zipped(("a/b.csr", PEM), ("c.csr", PEM + PEM)), [("b.csr", PEM), ("c.csr (1)", PEM), ("c.csr (2)", PEM)]),
    ],
    ids=["one", "with a text", "two", "byte order mark", "with a key", "empty", "ZIP"],
)
def test_a_file_is_split_into_its_requests(data: bytes, found: list[tuple[str, bytes]]) -> None:
    assert [(each.name, each.data) for each in archive.split_all([Entry("f.csr", data)], 50)] == found


def test_a_zip_with_too_many_files_is_refused_when_it_is_split() -> None:
    with pytest.raises(InvalidInput):
        archive.split_all([Entry("f.zip", zipped(("a.csr", PEM), ("b.csr", PEM)))], 1)


def test_no_more_than_one_request_beyond_the_limit_is_made_of_any_files() -> None:
    many = zipped(*((f"{number}.csr", PEM * 3) for number in range(20)))
    assert len(archive.split_all([Entry("f.zip", many)] * 50, 20)) == 21
    assert len(archive.split_all([Entry("f.pem", PEM * 20)] * 50, 20)) == 21
    assert len(archive.split_all([Entry("f.pem", PEM * 21)], 20)) == 1  # to be refused as several in one


def test_files_that_are_too_large_together_are_refused() -> None:
    many = zipped(*((f"{number}.csr", bytes(MAX_REQUEST_BYTES)) for number in range(129)))
    assert refusal(many, 500) == "archive.too-large"
    assert len(archive.read(zipped(*((f"{n}.csr", bytes(MAX_REQUEST_BYTES)) for n in range(128))), 500)) == 128
