"""What a new request changes against the one before."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.pki import csr
from ca_service.pki.csr import CertificationRequest
from ca_service.vos.comparison import Difference, compare
from tests.support import pkcs10
from tests.support.requests import key, subject, usages


def request(
    *hosts: str,
    owner: str = "one",
    name: str = "n1-EC.example.com",
    bits: tuple[str, ...] = ("digitalSignature",),
    purposes: tuple[str, ...] = ("serverAuth",),
    curve: type[ec.EllipticCurve] = ec.SECP256R1,
) -> CertificationRequest:
    """A request of a node."""
    extensions = (*usages(bits, purposes), *((pkcs10.hosts(*hosts),) if hosts else ()))
    return csr.read_request(pkcs10.pem(pkcs10.Recipe(key(owner, curve), subject(name), extensions).der()))


def test_the_same_request_changes_nothing() -> None:
    assert compare(request("a.example.com"), request("a.example.com")) == Difference()
    assert compare(request("a.example.com"), request("a.example.com")).is_empty


def test_everything_that_changes_is_named() -> None:
    before = request("a.example.com", "b.example.com")
    after = request(
        "b.example.com",
        "c.example.com",
        owner="two",
        name="n2-EC.example.com",
        bits=("dataEncipherment",),
        purposes=("clientAuth",),
        curve=ec.SECP384R1,
    )

    found = compare(before, after)

    assert (found.names_lost, found.names_gained) == (("DNS:a.example.com",), ("DNS:c.example.com",))
    assert (found.is_key_new, found.key_old, found.key_new) == (True, "EC P-256", "EC P-384")
    assert found.subject_old.endswith("CN=n1-EC.example.com")
    assert found.subject_new.endswith("CN=n2-EC.example.com")
    assert (found.key_usage_lost, found.key_usage_gained) == (("digitalSignature",), ("dataEncipherment",))
    assert (found.extended_key_usage_lost, found.extended_key_usage_gained) == (("serverAuth",), ("clientAuth",))
    assert not found.is_empty


def test_a_request_without_names_has_none_to_lose() -> None:
    assert compare(request(), request("a.example.com")).names_gained == ("DNS:a.example.com",)
