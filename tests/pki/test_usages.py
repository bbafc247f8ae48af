"""Key usages and purposes by their names."""

from __future__ import annotations

from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ca_service.pki.contents import (
    EXTENDED_KEY_USAGES,
    KEY_USAGES,
    extended_key_usage_names,
    key_usage_names,
    to_extended_key_usage,
    to_key_usage,
)

ORDINARY = [name for name in KEY_USAGES if not name.endswith("Only")]


@given(st.sets(st.sampled_from(ORDINARY)))
def test_key_usages_come_back_in_the_order_of_the_standard(names: set[str]) -> None:
    found = key_usage_names(to_key_usage(names))

    assert found == tuple(name for name in ORDINARY if name in names)


def test_the_bits_of_key_agreement_are_named_too() -> None:
    extension = to_key_usage({"keyAgreement", "encipherOnly"})

    assert key_usage_names(extension) == ("keyAgreement", "encipherOnly")


def test_no_extension_names_no_usage() -> None:
    assert key_usage_names(None) == ()
    assert extended_key_usage_names(None) == ()


@given(st.lists(st.sampled_from(sorted(EXTENDED_KEY_USAGES)), unique=True, min_size=1))
def test_purposes_keep_their_order(names: list[str]) -> None:
    assert extended_key_usage_names(to_extended_key_usage(names)) == tuple(names)


def test_an_unknown_purpose_is_named_by_its_number() -> None:
    extension = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.2.3.4")])

    assert extended_key_usage_names(extension) == ("1.2.3.4",)
