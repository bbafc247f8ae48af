"""The names that nodes give themselves."""

from __future__ import annotations

import pytest

from ca_service.vos.purposes import host_name


@pytest.mark.parametrize(
    ("common_name", "host"),
    [
        ("uccx1-EC.example.com", "uccx1.example.com"),
        ("cucm1-EC-ms.example.com", "cucm1.example.com"),
        ("cucm1-ms.example.com", "cucm1.example.com"),
        ("uccx1-EC", "uccx1"),
        ("uccx1.example.com", "uccx1.example.com"),
        ("uccx1-ec.example.com", "uccx1-ec.example.com"),
        ("uccx-EC1.example.com", "uccx-EC1.example.com"),
        ("uccx1.sub-EC.example.com", "uccx1.sub-EC.example.com"),
        ("a-EC-EC.example.com", "a-EC.example.com"),
        ("uccx1-EC\n", "uccx1-EC\n"),
        ("192.0.2.1", "192.0.2.1"),
        ("Our cluster", "Our cluster"),
        ("", ""),
    ],
)
def test_the_host_is_the_common_name_without_what_the_node_puts_behind_it(common_name: str, host: str) -> None:
    assert host_name(common_name) == host
