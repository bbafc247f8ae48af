"""The names that a token may be limited to: what each way of writing covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.authority.access.allowed_names import (
    fragments,
    have_networks,
    is_in,
    kept_pattern,
    not_covered,
)


@pytest.mark.parametrize(
    ("pattern", "name", "is_covered"),
    [
        ("uccx1.example.com", "DNS:uccx1.example.com", True),
        ("uccx1.example.com", "DNS:UCCX1.Example.COM", True),
        ("uccx1.example.com", "DNS:uccx1.example.com.", True),
        ("uccx1.example.com", "DNS:uccx2.example.com", False),
        ("uccx1.example.com", "DNS:a.uccx1.example.com", False),
        ("uccx1.example.com", "DNS:example.com", False),
        ("uccx1.example.com", "email:uccx1.example.com", False),
        ("uccx1.example.com", "URI:uccx1.example.com", False),
        ("*.uc.example.com", "DNS:uccx1.uc.example.com", True),
        ("*.uc.example.com", "DNS:a.b.uc.example.com", True),
        ("*.uc.example.com", "DNS:*.uc.example.com", True),
        ("*.uc.example.com", "DNS:uc.example.com", False),
        ("*.uc.example.com", "DNS:example.com", False),
        ("*.uc.example.com", "DNS:evil-uc.example.com", False),
        ("*.uc.example.com", "DNS:uc.example.com.evil.net", False),
        ("*.uc.example.com", "DNS:*.example.com", False),
        ("*.xn--bcher-kva.example", "DNS:XN--BCHER-KVA.example", False),
        ("*.xn--bcher-kva.example", "DNS:a.XN--BCHER-KVA.example", True),
        ("10.0.0.5", "IP:10.0.0.5", True),
        ("10.0.0.5", "IP:10.0.0.6", False),
        ("10.0.0.5", "DNS:10.0.0.5", True),  # no DNS name, so it is refused elsewhere
        ("10.0.0.0/24", "IP:10.0.0.77", True),
        ("10.0.0.0/24", "IP:10.0.1.77", False),
        ("10.0.0.0/24", "IP:10.0.0.0/28", False),
        ("2001:db8::/32", "IP:2001:DB8::5", True),
        ("2001:db8::/32", "IP:10.0.0.5", False),
        ("*.uc.example.com", "IP:10.0.0.5", False),
    ],
)
def test_a_pattern_covers_what_it_says(pattern: str, name: str, is_covered: bool) -> None:
    assert not_covered([pattern], [name], beside_hosts=False) == (() if is_covered else (name,))


@pytest.mark.parametrize(
    ("patterns", "named", "left"),
    [
        (("*.example.com",), ("DNS:example.com", "DNS:uccx1.example.com"), ()),
        (("*.example.com",), ("DNS:Example.COM", "DNS:uccx1.uc.example.com"), ()),
        (("*.example.com",), ("DNS:example.com",), ("DNS:example.com",)),
        (("*.example.com", "*.other.net"), ("DNS:other.net", "DNS:a.example.com"), ("DNS:other.net",)),
        (("*.uc.example.com",), ("DNS:example.com", "DNS:a.uc.example.com"), ("DNS:example.com",)),
        (("uccx1.example.com",), ("DNS:example.com", "DNS:uccx1.example.com"), ("DNS:example.com",)),
        (("uccx1.example.com", "example.com"), ("DNS:example.com", "DNS:uccx1.example.com"), ()),
    ],
)
def test_the_parent_domain_is_covered_beside_a_host_below_it(
    patterns: tuple[str, ...], named: tuple[str, ...], left: tuple[str, ...]
) -> None:
    assert not_covered(patterns, named, beside_hosts=True) == left


def test_the_parent_domain_is_not_covered_where_no_node_asks_for_it() -> None:
    named = ("DNS:example.com", "DNS:uccx1.example.com")
    assert not_covered(("*.example.com",), named, beside_hosts=False) == ("DNS:example.com",)


def test_without_a_pattern_nothing_is_covered() -> None:
    assert not_covered((), ("DNS:a.example.com",), beside_hosts=True) == ("DNS:a.example.com",)


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_that_somebody_types_makes_it_fail(typed: str, name: str) -> None:
    pattern = kept_pattern(typed)
    for kind in ("DNS", "IP", "email"):
        assert len(not_covered([pattern or "a"], [f"{kind}:{name}"], beside_hosts=True)) <= 1
    assert is_in(typed, (name,)) in (True, False)


@given(st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z][a-z0-9]{0,10}){0,4}", fullmatch=True))
def test_a_pattern_of_a_name_is_kept_as_it_is_and_covers_the_name(name: str) -> None:
    assert kept_pattern(name.upper() + ".") == name
    assert not not_covered([name], [f"DNS:{name}"], beside_hosts=False)
    assert not_covered([f"*.{name}"], [f"DNS:{name}"], beside_hosts=False)
    assert not not_covered([f"*.{name}"], [f"DNS:x.{name}"], beside_hosts=False)


def test_only_a_network_of_several_addresses_has_no_fragment() -> None:
    patterns = ("*.example.com", "uccx1.example.com", "10.0.0.5", "10.1.0.0/30")
    assert fragments(patterns) == ("example.com", "uccx1.example.com", "10.0.0.5")
    assert [have_networks((each,)) for each in patterns] == [False, False, False, True]
