"""A list as CSV: whole, and harmless to whatever opens it."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.inventory.inventory import COLUMNS, csv_lines, defused
from ca_service.authority.inventory.store import Listed, Status
from tests.support.factories import certificate_record
from tests.support.fakes import NOON


def read(*records: CertificateRecord) -> list[dict[str, str]]:
    """What a program reads from the CSV of these."""
    written = "".join(csv_lines([Listed(record, Status.ACTIVE) for record in records], NOON))
    return list(csv.DictReader(io.StringIO(written, newline="")))


def test_each_certificate_is_a_line_with_all_columns() -> None:
    record = certificate_record(
        host="uccx1.example.com",
        subject='O=Beispiel, "Söhne", CN=uccx1',
        names=("DNS:uccx1.example.com", "IP:2001:db8::1"),
        not_after=NOON + timedelta(days=9, hours=5),
    )
    (line,) = read(record)
    assert tuple(line) == COLUMNS
    assert line == {
        "host": "uccx1.example.com",
        "status": "active",
        "not_after": "2026-12-02T17:00:00Z",
        "days_left": "9",
        "profile": "vos",
        "subject": 'O=Beispiel, "Söhne", CN=uccx1',
        "subject_alternative_name": "DNS:uccx1.example.com IP:2001:db8::1",
        "serial_number": record.serial_number,
        "not_before": "2026-11-23T12:00:00Z",
        "issued_at": "2026-11-23T12:00:00Z",
        "issued_by": "somebody",
        "issuer": "intermediate-g1",
        "fingerprint": hashlib.sha256(record.der).hexdigest(),
    }


def test_lines_end_as_the_standard_says_and_an_empty_list_has_a_header() -> None:
    assert list(csv_lines([], NOON)) == [",".join(COLUMNS) + "\r\n"]


def test_what_has_ended_has_no_days_left() -> None:
    (line,) = read(certificate_record(not_after=NOON - timedelta(days=2)))
    assert line["days_left"] == "0"


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")'])
def test_no_value_is_a_formula(value: str) -> None:
    (line,) = read(certificate_record(host=value, subject=value, issued_by=value, names=(value,)))
    for column in ("host", "subject", "issued_by", "subject_alternative_name"):
        assert line[column] == f"'{value}"


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_every_text_comes_back_as_one_value(text: str) -> None:
    (line,) = read(certificate_record(subject=text))
    assert line["subject"] == defused(text)
    assert not line["subject"].startswith(("=", "+", "-", "@", "\t", "\r"))
