"""The check of the way to the service: which address of the client arrives through its proxies.

Doctor sends a request through `web.base_url` with a forged `X-Forwarded-For` header, and the service answers with the
address that it sees. Only a question that is signed with the key of the session cookies gets an answer: other clients
learn nothing about the proxies. A question holds for a minute, and nothing is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.checks import Check, Occasion, Results, run
from ca_service.authority.health.published import Fetcher
from ca_service.authority.ports import Clock
from ca_service.errors import CAServiceError, Finding, NotFound, Rule, Severity

DOCTOR_FORGED_ADDRESS: Final = Rule(
    "doctor.forged-address",
    "A client chooses its own address: a request through {url} with the header X-Forwarded-For: {address} arrived as "
    "from {address}. Limits of tokens to networks, metrics.networks and the delay of failed sign-ins have no effect.",
    "Let the proxy set the header to the address of its client: in nginx `proxy_set_header X-Forwarded-For "
    "$remote_addr;`. Or correct web.trusted_proxies and web.proxy_networks.",
)
DOCTOR_NOT_ARRIVED: Final = Rule(
    "doctor.not-arrived",
    "The address of clients could not be checked through {url}: {reason}",
    "Run doctor on a machine that reaches this address and trusts its certificate, with the settings of the service.",
    Severity.WARNING,
)
DOCTOR_ARRIVED: Final = Rule(
    "doctor.arrived", "A forged X-Forwarded-For had no effect: doctor arrived as {address}.", "", Severity.NOTE
)
ARRIVAL_UNKNOWN: Final = Rule(
    "arrival.unknown",
    "This address answers only to `ca-service doctor` of this installation.",
    "Run `ca-service doctor` where the service runs.",
)

FORGED: Final = "192.0.2.255"  # of TEST-NET-1 (RFC 5737), where no client is
PATH: Final = "/arrival/"
_LONGEST: Final = 45  # characters of an address
_LIFETIME: Final = timedelta(minutes=1)
_PURPOSE: Final = b"ca_service arrival"


class Arrival:
    """The question of doctor and its answer. `key` returns the secret that signs cookies; `url` is web.base_url."""

    def __init__(self, *, key: Callable[[], bytes], fetcher: Fetcher, clock: Clock, url: str) -> None:
        self._key = key
        self._fetcher = fetcher
        self._clock = clock
        self._url = url

    def examine(self, actor: Actor) -> Results:
        """Run the check; none if web.base_url is not set, because there is no proxy to go through then."""
        require(actor, Action.STATUS)
        return run([Check("client-address", "address of clients", self._faults)], Occasion.DOCTOR) if self._url else ()

    def _faults(self) -> Iterator[Finding]:
        try:
            asked = self._url + PATH + self.question()
            address = self._fetcher.get(asked, {"X-Forwarded-For": FORGED}).decode("ascii", "replace").strip()
        except CAServiceError as error:
            yield DOCTOR_NOT_ARRIVED.at(url=self._url, reason=error.findings[0].detail)
            return
        if address == FORGED:
            yield DOCTOR_FORGED_ADDRESS.at(url=self._url, address=FORGED)
        else:
            shown = address if address.isprintable() and len(address) <= _LONGEST else "(no address)"
            yield DOCTOR_ARRIVED.at(address=shown)

    def question(self) -> str:
        """Return a question that holds for a minute. Raises KeystoreError without a session key."""
        told = f"{self._clock().timestamp():.0f}-{secrets.token_hex(8)}"
        return f"{told}-{self._signature(told)}"

    def require_question(self, question: str) -> None:
        """Raise NotFound unless doctor has made this question in the last minute."""
        told, _, signature = question.rpartition("-")
        if not hmac.compare_digest(signature.encode(), self._signature(told).encode()):
            raise NotFound.because(ARRIVAL_UNKNOWN)
        if abs(self._clock().timestamp() - int(told.partition("-")[0])) > _LIFETIME.total_seconds():
            raise NotFound.because(ARRIVAL_UNKNOWN)

    def _signature(self, told: str) -> str:
        return hmac.digest(self._key(), _PURPOSE + told.encode(), hashlib.sha256).hex()
