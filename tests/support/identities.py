"""Chains and keys in files, as nodes have them: issued by an installation, self-signed, from another authority."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca_service import clock
from ca_service import settings as settings_module
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.pki.reasons import Reason
from tests.support import pkcs10, requests, tls_servers
from tests.support.factories import OPERATOR
from tests.support.instances import opened_at, write_ready
from tests.support.request_records import NOBODY_WAITS
from tests.support.tls_servers import Key

Files = tuple[Path, Path]

_AGE: Final = timedelta(days=10)


@cache
def rsa_key(owner: str) -> rsa.RSAPrivateKey:  # noqa: ARG001 - the cache's key
    """The RSA key of this owner, the same within a process."""
    return rsa.generate_private_key(65537, 2048)


def node_key(host: str) -> ec.EllipticCurvePrivateKey:
    """The EC key of this node, the same within a process."""
    return requests.key(_owner(host), ec.SECP384R1)


def _owner(host: str) -> str:
    name, _, domain = host.partition(".")
    return f"{name}-EC.{domain}"


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority other than ours: a root that issues leaves."""

    key: Key
    root: x509.Certificate


def authority(name: str, key: Key) -> Authority:
    """An authority with this name and this key."""
    return Authority(key, tls_servers.certified(key, name, start=_start(), is_authority=True))


@dataclass(frozen=True, slots=True)
class Identities:
    """Makes chains and keys in this folder; those of an installation are signed there."""

    installation: Installation
    folder: Path

    @property
    def instance(self) -> Path:
        """The folder of the installation."""
        return self.folder.with_name("instance")

    def issued(self, host: str, *, days: int | None = None, purposes: tuple[str, ...] = requests.PURPOSES) -> Files:
        """An EC certificate from here, a new one at each call, with the intermediate."""
        csr = pkcs10.pem(requests.node(_owner(host), host, bits=requests.USAGE, purposes=purposes).der())
        [record] = self.installation.issuance.issue(OPERATOR, [csr], Options(new=True, validity_days=days)).certificates
        leaf, above = x509.load_der_x509_certificate(record.der), self.installation.hierarchy.active().chain[0]
        return self.write(node_key(host), leaf, above)

    def revoked(self, host: str) -> Files:
        """An EC certificate from here that was revoked."""
        files = self.issued(host)
        self.installation.revocation.revoke(OPERATOR, Selection(host=host), Reason.SUPERSEDED)
        return files

    def self_signed(self, host: str, key: Key) -> Files:
        """A self-signed certificate with this key; as on nodes, the one with an EC key has a common name of its own."""
        names = (_owner(host), host) if isinstance(key, ec.EllipticCurvePrivateKey) else (host,)
        return self.write(key, tls_servers.certified(key, *names, start=_start()))

    def foreign(self, host: str, key: Key, by: Authority, *, days: int = 90) -> Files:
        """A certificate from another authority, with its root."""
        leaf = tls_servers.certified(key, host, by=(by.root, by.key), start=_start(), days=days)
        return self.write(key, leaf, by.root)

    def write(self, key: Key, *chain: x509.Certificate) -> Files:
        """Write this chain and this key."""
        name = f"chain{len(list(self.folder.iterdir()))}"
        return tls_servers.files(self.folder, name, key, chain)


@contextmanager
def issuing(folder: Path) -> Iterator[Identities]:
    """Open an installation in this folder, with the real clock, and what has certificates from it."""
    write_ready(folder / "instance")
    (folder / "identities").mkdir()
    with opened(folder / "instance") as installation:
        yield Identities(installation, folder / "identities")


@contextmanager
def opened(instance: Path, *, ahead: timedelta = timedelta()) -> Iterator[Installation]:
    """Open the installation in this folder, with a clock that goes and is so far ahead."""
    settings = settings_module.load(NOBODY_WAITS, instance).settings
    installation = opened_at(settings, lambda: clock.utc_now() + ahead)
    yield installation
    installation.close()


def chain_of(files: Files) -> list[x509.Certificate]:
    """Return the certificates in the file of a chain."""
    return x509.load_pem_x509_certificates(files[0].read_bytes())


def _start() -> datetime:
    return clock.utc_now() - _AGE
