"""The address that arrives: what doctor says about it, and that the service tells it to doctor only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import pytest
from flask import Flask

from ca_service import web
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.checks import CheckResult
from ca_service.authority.health.arrival import FORGED, Arrival
from ca_service.errors import KeystoreError, NotAllowed, Unreachable
from ca_service.keystore.files import KEYSTORE_UNREADABLE
from ca_service.probe.fetching import PROBE_UNREACHABLE
from tests.support.factories import OPERATOR, Lab

URL: Final = "https://ca.example.com"
DOCTOR: Final = "198.51.100.7"
Proxy = Callable[[str], str]
IN_VAIN: Final = "A forged X-Forwarded-For had no effect: doctor arrived as"
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ThroughProxy:
    """A fetcher whose requests go through a proxy on loopback, which makes a header from that of its client."""

    app: Flask
    forwarded: Proxy

    def get(self, url: str, headers: Mapping[str, str] = _NONE) -> bytes:
        """See the port."""
        sent = {"X-Forwarded-For": self.forwarded(headers.get("X-Forwarded-For", ""))}
        answer = self.app.test_client().get(urlsplit(url).path, headers=sent)
        if answer.status_code != 200:
            raise Unreachable.because(PROBE_UNREACHABLE, url=url, reason=f"the status is {answer.status_code}")
        found: bytes = answer.data
        return found

    def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """See the port."""
        raise NotImplementedError


def examined(lab: Lab, forwarded: Proxy, *, trusted: int = 1, key: bytes = b"k" * 32) -> CheckResult:
    """Return the check of doctor through a proxy; the service has the key of the lab."""
    app = web.create(lab, web.WebOptions(secret_key="x" * 32, trusted_proxies=trusted, base_url="http://localhost"))
    fetcher = ThroughProxy(app, forwarded)
    [check] = Arrival(key=lambda: key, fetcher=fetcher, clock=lab.clock, url=URL).examine(OPERATOR)
    return check


def passes_on(told: str) -> str:
    return told


def sets(_told: str) -> str:
    return DOCTOR


def appends(told: str) -> str:
    return f"{told}, {DOCTOR}"


def test_a_proxy_that_passes_the_header_on_is_an_error(lab: Lab) -> None:
    check = examined(lab, passes_on)
    assert [finding.rule for finding in check.findings] == ["doctor.forged-address"]
    assert not check.is_well
    assert "proxy_set_header X-Forwarded-For $remote_addr" in check.findings[0].remedy


@pytest.mark.parametrize("forwarded", [sets, appends])
def test_a_proxy_that_writes_the_address_of_its_client_is_well_and_doctor_names_the_address(
    lab: Lab, forwarded: Proxy
) -> None:
    (finding,) = examined(lab, forwarded).findings
    assert (finding.rule, finding.detail) == ("doctor.arrived", f"{IN_VAIN} {DOCTOR}.")


def test_without_trusted_proxies_the_address_of_the_proxy_arrives(lab: Lab) -> None:
    assert [found.detail for found in examined(lab, passes_on, trusted=0).findings] == [f"{IN_VAIN} 127.0.0.1."]


def test_doctor_with_another_key_gets_no_answer_which_is_a_warning(lab: Lab) -> None:
    check = examined(lab, passes_on, key=b"another key")
    assert [finding.rule for finding in check.findings] == ["doctor.not-arrived"]
    assert "the status is 404" in check.findings[0].detail
    assert check.is_well


def test_doctor_without_a_key_warns(lab: Lab) -> None:
    def no_key() -> bytes:
        raise KeystoreError.because(KEYSTORE_UNREADABLE, path="session.key", reason="No such file")

    [check] = Arrival(key=no_key, fetcher=lab.fetcher, clock=lab.clock, url=URL).examine(OPERATOR)
    assert [finding.rule for finding in check.findings] == ["doctor.not-arrived"]


def test_an_answer_that_is_no_address_is_not_printed(lab: Lab) -> None:
    class Page:
        """A proxy that answers by itself."""

        def get(self, _url: str, _headers: Mapping[str, str] = _NONE) -> bytes:
            """See the port."""
            return b"<html>\x1b[2J"

        def post(self, _url: str, _body: bytes, _content_type: str) -> bytes:
            """See the port."""
            raise NotImplementedError

    [check] = Arrival(key=lambda: b"k", fetcher=Page(), clock=lab.clock, url=URL).examine(OPERATOR)
    assert [found.detail for found in check.findings] == [f"{IN_VAIN} (no address)."]


def test_without_a_public_address_there_is_no_check(lab: Lab) -> None:
    assert Arrival(key=lambda: b"k", fetcher=lab.fetcher, clock=lab.clock, url="").examine(OPERATOR) == ()


def test_only_an_administrator_examines(lab: Lab) -> None:
    with pytest.raises(NotAllowed):
        lab.arrival.examine(Actor(1, "vera", Role.REQUESTER))


def test_clients_that_are_not_doctor_are_told_nothing(lab: Lab) -> None:
    client = web.create(lab, web.WebOptions(secret_key="x" * 32)).test_client()
    question = lab.arrival.question()
    assert client.get(f"/arrival/{question}").data == b"127.0.0.1\n"
    told, _, signature = question.rpartition("-")
    forged = (f"{told}0-{signature}", f"{told}-", f"{told}-{signature[:-1]}", "x", "-", "%80", f"{told}-\u00e4")
    for wrong in forged:
        answer = client.get(f"/arrival/{wrong}")
        assert (answer.status_code, b"arrival.unknown" in answer.data) == (404, True), wrong


@pytest.mark.parametrize("seconds", [-61, 61])
def test_a_question_holds_for_a_minute(lab: Lab, seconds: int) -> None:
    client = web.create(lab, web.WebOptions(secret_key="x" * 32)).test_client()
    question = lab.arrival.question()
    lab.clock.advance(seconds=seconds)
    assert client.get(f"/arrival/{question}").status_code == 404


def test_the_forged_address_is_one_that_no_client_has() -> None:
    assert FORGED.startswith("192.0.2.")
