"""An emulated node: its keys, CSRs, identities and trust stores, and the rules by which it takes certificates.

The rules and the sentences of refusals are those of Cisco's documents. What they do not say is inferred: the answers
for EC purposes, and the JSON of errors.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ca_service.lab import materials
from ca_service.lab.materials import Identity, Pending

STORE: Final = "tomcat"
SERVICES: Final = ("tomcat", "tomcat-ECDSA")
MAX_FAILURES: Final = 3
NOT_TRUSTED: Final = "CA Certificate is Not Available in the Trust-Store"
NO_CSR: Final = "File /usr/local/platform/.security/{unit}/keys/{unit}.csr Does Not Exist"
OTHER_KEY: Final = "CSR Public Key and Certificate Public Key Do Not Match"
OTHER_NAMES: Final = "CSR SAN and Certificate SAN does not match"


class NodeRefusal(Exception):
    """A refusal of the node, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Served:
    """The certificates of a node since its last restart, as chains with the leaf first."""

    rsa: tuple[Identity, tuple[x509.Certificate, ...]]
    ecdsa: tuple[Identity, tuple[x509.Certificate, ...]]
    cert_type: str = ""

    @property
    def presented(self) -> tuple[tuple[Identity, tuple[x509.Certificate, ...]], ...]:
        """The chains that a port presents: both, or the one of the certificate type."""
        by_type = {"rsa": (self.rsa,), "ecdsa": (self.ecdsa,)}
        return by_type.get(self.cert_type, (self.rsa, self.ecdsa))


class LabNode:
    """One node. `calls` counts the calls that changed something; `stopwatch` is for the delay of replication.

    `cert_type` is rsa or ecdsa on a node that has the switch of UCCX 15, else empty: it presents both then.
    """

    def __init__(
        self,
        host: str,
        password: str,
        *,
        now: Callable[[], datetime],
        stopwatch: Callable[[], float],
        user: str = "administrator",
        replication_seconds: float = 3.0,
        cert_type: str = "",
    ) -> None:
        self.host = host
        self.user = user
        self.cert_type = cert_type
        self.calls = Counter[str]()
        self.subscribers = list[LabNode]()
        self._password = password
        self._now = now
        self._stopwatch = stopwatch
        self._delay = replication_seconds
        self._lock = threading.RLock()
        self._failures = 0
        name, dot, domain = host.partition(".")
        self._ec_name = f"{name}-EC{dot}{domain}"
        self._identities = {
            "tomcat": materials.self_signed(host, host, is_ec=False, at=now()),
            "tomcat-ECDSA": materials.self_signed(host, self._ec_name, is_ec=True, at=now()),
        }
        self._pending = dict[str, Pending]()
        self._trust = dict[str, x509.Certificate]()
        self._coming = list[tuple[float, x509.Certificate]]()
        for identity in self._identities.values():
            self._keep(identity.certificate)
        self.served = self._presented()

    @property
    def rsa_identity(self) -> Identity:
        """The RSA certificate of the web server."""
        return self._identities["tomcat"]

    def sign_in(self, user: str, password: str) -> None:
        """Raise NodeRefusal for wrong credentials; after three of them the account is locked."""
        with self._lock:
            if self._failures < MAX_FAILURES and (user, password) == (self.user, self._password):
                self._failures = 0
                return
            self._failures += 1
            raise NodeRefusal(401, "Unauthorized")

    @property
    def is_locked(self) -> bool:
        """Whether the account is locked."""
        return self._failures >= MAX_FAILURES

    def options(self) -> dict[str, list[str]]:
        """Return what a CSR may ask for. Cisco does not publish the words."""
        return {"services": [*SERVICES], "keyTypes": ["rsa", "ec"], "distributions": ["this-server"]}

    def snapshot(self) -> dict[str, Any]:
        """Return what the API calls the snapshot of the server."""
        with self._lock:
            self._receive()
            trusts = [
                {"filename": f"{name}.pem", "certificate": materials.text(each)} for name, each in self._trust.items()
            ]
            return {
                "trackingId": "lab",
                "server": self.host,
                "identities": [self._identity(service) for service in SERVICES],
                "trusts": [{"service": STORE, "certificate_data": trusts}],
                "revokedCertificates": [],
            }

    def _identity(self, service: str) -> dict[str, str]:
        pending = self._pending.get(service)
        return {
            "service": service,
            "certificate": materials.text(self._identities[service].certificate),
            "csr": materials.text(pending.csr) if pending else "",
        }

    def generate_csr(self, service: str, common_name: str, length: int) -> str:
        """Generate a key and a CSR, which silently replace the ones before; return the CSR as PEM."""
        with self._lock:
            if service != "tomcat-ECDSA":
                raise NodeRefusal(400, f"{service} has no CSR in this lab")
            try:
                self._pending[service] = materials.request(self.host, common_name or self._ec_name, length)
            except ValueError as error:
                raise NodeRefusal(400, f"{error} is not valid") from error
            self.calls["csr"] += 1
            return materials.text(self._pending[service].csr)

    def find_csr(self, service: str) -> str:
        """Return the CSR that waits. Raises NodeRefusal if there is none."""
        with self._lock:
            if service not in self._pending:
                raise NodeRefusal(400, NO_CSR.format(unit=service))
            return materials.text(self._pending[service].csr)

    def upload_trust(self, certificates: Iterable[x509.Certificate]) -> None:
        """Add certificates to the trust store, and to those of the subscribers some seconds later."""
        with self._lock:
            for certificate in certificates:
                self._require_valid(certificate)
                self._keep(certificate)
                self.calls["trust"] += 1
                for subscriber in self.subscribers:
                    subscriber.replicate(certificate, self._stopwatch() + self._delay)

    def replicate(self, certificate: x509.Certificate, at: float) -> None:
        """Take over a certificate of the publisher at this moment of the stopwatch."""
        with self._lock:
            self._coming.append((at, certificate))

    def upload_identity(self, service: str, certificates: list[x509.Certificate]) -> None:
        """Give a purpose its certificate, if it answers the CSR and its authorities are trusted."""
        with self._lock:
            self._receive()
            pending = self._pending.get(service)
            if pending is None or not certificates:
                raise NodeRefusal(400, NO_CSR.format(unit=service))
            leaf = certificates[0]
            if materials.public_key(leaf) != materials.public_key(pending.csr):
                raise NodeRefusal(500, OTHER_KEY)  # a stale CSR is a status of its own in the field
            if materials.alternative_names(leaf.extensions) != materials.alternative_names(pending.csr.extensions):
                raise NodeRefusal(400, OTHER_NAMES)
            self._require_valid(leaf)
            if self._path(leaf) is None:
                raise NodeRefusal(400, NOT_TRUSTED)
            self._identities[service] = Identity(pending.key, leaf)
            del self._pending[service]
            self.calls["identity"] += 1

    def restart(self) -> None:
        """Present from now on what was uploaded."""
        with self._lock:
            self.served = self._presented()

    def switch(self, cert_type: str) -> bool:
        """Set the type of the certificates that are presented, and restart; return whether it was another one."""
        with self._lock:
            is_other = cert_type != self.cert_type
            self.cert_type = cert_type
            if is_other:
                self.restart()
            return is_other

    def certificate(self, service: str) -> x509.Certificate:
        """Return the certificate of a purpose, which is presented after the next restart."""
        with self._lock:
            return self._identities[service].certificate

    def trusted(self) -> tuple[str, ...]:
        """Return the names in the trust store."""
        with self._lock:
            self._receive()
            return tuple(self._trust)

    def _receive(self) -> None:
        """Keep what the publisher has sent, once its time has come."""
        due = [each for each in self._coming if each[0] <= self._stopwatch()]
        self._coming = [each for each in self._coming if each not in due]
        for _, certificate in due:
            self._keep(certificate)

    def _keep(self, certificate: x509.Certificate) -> None:
        """Keep one certificate of each name: the one that begins later, silently."""
        name = materials.common_name_of(certificate)
        before = self._trust.get(name)
        if before is None or before.not_valid_before_utc < certificate.not_valid_before_utc:
            self._trust[name] = certificate

    def _require_valid(self, certificate: x509.Certificate) -> None:
        if not certificate.not_valid_before_utc <= self._now() <= certificate.not_valid_after_utc:
            raise NodeRefusal(400, "Certificate is expired or not yet valid")

    def _path(self, leaf: x509.Certificate) -> tuple[x509.Certificate, ...] | None:
        """Return the chain from the trust store, the leaf first, the root left out; None if it is incomplete."""
        chain = [leaf]
        while chain[-1].subject != chain[-1].issuer:
            issuer = next((each for each in self._trust.values() if _has_issued(each, chain[-1])), None)
            if issuer is None or issuer in chain:
                return None
            chain.append(issuer)
        return tuple(chain[:-1]) if len(chain) > 1 else (leaf,)

    def _presented(self) -> Served:
        rsa, ecdsa = (self._identities[service] for service in SERVICES)
        rsa_chain, ecdsa_chain = (self._path(each.certificate) or (each.certificate,) for each in (rsa, ecdsa))
        return Served((rsa, rsa_chain), (ecdsa, ecdsa_chain), self.cert_type)


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
