"""The names that nodes give themselves."""

from __future__ import annotations

import pytest

from ca_service.errors import InvalidInput
from ca_service.vos.destinations import host_name, is_multi_server
from ca_service.vos.purposes import PURPOSES, get_purpose


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


@pytest.mark.parametrize("service", PURPOSES)
def test_a_purpose_is_found_by_the_name_that_cisco_gives_it(service: str) -> None:
    assert get_purpose(service).service == service


@pytest.mark.parametrize("service", ["", "tomcat-ecdsa", "tomcat-ECDSA ", "x" * 1000])
def test_another_purpose_is_refused_with_those_that_there_are(service: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        get_purpose(service)
    assert caught.value.rule == "purpose.unknown"
    assert all(known in str(caught.value) for known in PURPOSES)


@pytest.mark.parametrize(
    ("common_name", "is_one"),
    [
        ("cucm1-EC-ms.example.com", True),
        ("cucm1-ms.example.com", True),
        ("cucm1-ms", True),
        ("cucm1-EC.example.com", False),
        ("cucm1.site-ms.example.com", False),
        ("", False),
    ],
)
def test_a_common_name_tells_whether_the_request_is_for_all_nodes(common_name: str, is_one: bool) -> None:
    assert is_multi_server(common_name) is is_one
