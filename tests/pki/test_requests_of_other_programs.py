"""Requests that OpenSSL, Java and GnuTLS made are read like those of our own fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from ca_service.pki import csr, keys, names
from ca_service.pki.contents import extended_key_usage_names, key_usage_names
from ca_service.pki.csr import CertificationRequest
from tests.support import requests

VECTORS = Path(__file__).parent.parent / "vectors"
EVERY = pytest.mark.parametrize("program", ["openssl", "keytool", "gnutls"])


def read(program: str) -> CertificationRequest:
    return csr.read_request((VECTORS / f"{program}.csr").read_bytes())


@EVERY
def test_nothing_is_found_in_it(program: str) -> None:
    assert read(program).findings == ()


@pytest.mark.parametrize(("program", "curve"), [("openssl", "P-384"), ("keytool", "P-256"), ("gnutls", "P-256")])
def test_its_key_is_read(program: str, curve: str) -> None:
    assert keys.curve_name(read(program).public_key) == curve


@pytest.mark.parametrize(("program", "host"), [("openssl", "uccx1"), ("keytool", "sm1"), ("gnutls", "cucm1")])
def test_its_names_are_read(program: str, host: str) -> None:
    request = read(program)

    assert request.subject_alternative_name is not None
    assert set(names.general_names_text(request.subject_alternative_name)) == {
        "DNS:example.com",
        f"DNS:{host}.example.com",
    }
    assert names.common_name(request.subject) == f"{host}-EC.example.com"


@pytest.mark.parametrize(
    ("program", "bits", "purposes"),
    [
        ("openssl", requests.OLD_USAGE, requests.OLD_PURPOSES),
        ("keytool", requests.USAGE, requests.PURPOSES),
        ("gnutls", ("digitalSignature",), ("clientAuth", "serverAuth")),
    ],
    ids=["openssl", "keytool", "gnutls"],
)
def test_its_usages_are_read(program: str, bits: tuple[str, ...], purposes: tuple[str, ...]) -> None:
    request = read(program)

    assert key_usage_names(request.key_usage) == bits
    assert extended_key_usage_names(request.extended_key_usage) == purposes


def test_what_java_asks_beside_is_named() -> None:
    assert read("keytool").other_extensions == ("2.5.29.14",)


def test_what_gnutls_says_of_authorities_is_read() -> None:
    constraints = read("gnutls").basic_constraints

    assert constraints is not None
    assert not constraints.ca
