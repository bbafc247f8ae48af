"""Stands in for the edges: a clock that stands still, stores that forget, and edges that crash when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerStore
from ca_service.authority.issuance.conflicts import Known
from ca_service.authority.issuance.idempotency import KeyInUse, Replay
from ca_service.authority.issuance.records import RequestRecord, State, refused_meanwhile
from ca_service.authority.key_custody import KeyStore
from ca_service.authority.people.records import (
    AccountLink,
    AccountRecord,
    PeoplePage,
    PeopleQuery,
    SetupLink,
    TokenRecord,
)
from ca_service.authority.people.store import (
    account_changed,
    account_exists,
    account_link_invalid,
    require_administrator_left,
    require_room_for_token,
    setup_link_invalid,
)
from ca_service.authority.revocation.authorities import require_good_authorities
from ca_service.authority.revocation.records import RevocationRecord, require_usable_key
from ca_service.errors import Conflict, KeystoreError
from ca_service.keystore.encrypted import KEY_MISSING
from ca_service.keystore.files import KEYSTORE_EXISTS
from ca_service.pki import keys
from tests.support.paging import paged

NOON: Final = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@dataclass(slots=True)
class FixedClock:
    """Tells the same time until it is set forward."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """The time, aware UTC in whole seconds."""
        return self.now

    def advance(self, **parts: float) -> None:
        """Set it forward, by days, hours, minutes or seconds."""
        self.now += timedelta(**parts)


def counting_serial_numbers(first: int = 1 << 150) -> Callable[[], int]:
    """Serial numbers that follow one another."""
    return count(first).__next__


class InMemoryKeyStore:
    """Keys in a dictionary."""

    def __init__(self) -> None:
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.installation = self.begun = ""

    def has(self, key_id: str) -> bool:
        """See the port."""
        return key_id in self._keys

    def generate(self, key_id: str, curve: str) -> ec.EllipticCurvePrivateKey:
        """See the port."""
        self.store(key_id, keys.generate_key(curve))
        return self.signer(key_id)

    def store(self, key_id: str, key: ec.EllipticCurvePrivateKey) -> None:
        """See the port."""
        if key_id in self._keys:
            raise Conflict.because(KEYSTORE_EXISTS, path=key_id)
        self._keys[key_id] = key

    def signer(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        """See the port."""
        if key_id not in self._keys:
            raise KeystoreError.because(KEY_MISSING, key_id=key_id, folder="memory")
        return self._keys[key_id]

    def export(self, key_id: str, passphrase: bytes) -> bytes:
        """See the port."""
        form = BestAvailableEncryption(passphrase)
        return self.signer(key_id).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, form)

    def remove(self, key_id: str) -> None:
        """See the port."""
        self._keys.pop(key_id, None)

    def list_keys(self) -> tuple[str, ...]:
        """See the port."""
        return tuple(sorted(self._keys))

    def installation_id(self) -> str:
        """See the port."""
        return self.installation

    def begun_id(self) -> str:
        """See the port."""
        return self.begun

    def begin(self, installation_id: str) -> None:
        """See the port."""
        self.begun = installation_id

    def keep_installation_id(self, installation_id: str) -> None:
        """See the port."""
        self.installation, self.begun = self.installation or installation_id, ""


class InMemoryIssuerStore:
    """Authorities in a dictionary."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self._records: dict[str, IssuerRecord] = {}
        self._lock = threading.Lock()

    def list_issuers(self) -> tuple[IssuerRecord, ...]:
        """See the port."""
        by_name = sorted(self._records.values(), key=lambda record: record.id, reverse=True)
        return tuple(
            sorted(by_name, key=lambda record: (record.created_at, record.parent_id is not None, record.is_issuing))
        )

    def save_issuers(self, issuers: Sequence[IssuerRecord], event: AuditEvent) -> None:
        """See the port."""
        self._records |= {record.id: record for record in issuers}
        self.events.append(event)

    def exclusively(self) -> AbstractContextManager[None]:
        """See the port."""
        return self._exclusively()

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        with self._lock:
            yield


class InMemoryLedger:
    """Certificates in a list, in the order in which they were recorded."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self._certificates: list[CertificateRecord] = []
        self.revocations: dict[tuple[str, str], RevocationRecord] = {}
        self._replays: dict[tuple[str, str], Replay] = {}
        self._lock = threading.Lock()
        self.requests: list[RequestRecord] = []

    def find_certificate(self, serial_number: str) -> CertificateRecord | None:
        """See the port."""
        return next((found for found in self._certificates if found.serial_number == serial_number), None)

    def look_up(self, key_fingerprints: Collection[str], authorities: Collection[tuple[str, str]]) -> Known:
        """See the port."""
        found = tuple(each for each in reversed(self._certificates) if each.key_fingerprint in key_fingerprints)
        wanted = {*authorities, *((each.issuer_id, each.serial_number) for each in found)}
        revocations = {key: each for key, each in self.revocations.items() if key in wanted}
        refused = [
            each for each in self.requests if each.state is State.REFUSED and each.key_fingerprint in key_fingerprints
        ]
        return Known(found, revocations, tuple(sorted(refused, key=_last_decision, reverse=True)))

    def _winner(self, record: CertificateRecord) -> CertificateRecord | None:
        """The newest good certificate for the same CSR, profile and issuer."""
        found = (each for each in reversed(self._certificates) if _answers(each) == _answers(record))
        return next((each for each in found if each.not_after >= record.issued_at and self.is_good(each)), None)

    def is_good(self, certificate: CertificateRecord) -> bool:
        """Whether it is neither revoked nor on hold."""
        found = self.revocations.get((certificate.issuer_id, certificate.serial_number))
        return found is None or found.is_good

    @property
    def certificates(self) -> tuple[CertificateRecord, ...]:
        """All of them, oldest first."""
        return tuple(self._certificates)

    def list_by_requests(self, fingerprints: Collection[str]) -> tuple[CertificateRecord, ...]:
        """See the port."""
        return tuple(each for each in reversed(self._certificates) if each.request_fingerprint in fingerprints)

    def find_current(self, host: str, at: datetime, purpose: str = "") -> CertificateRecord | None:
        """See the port."""
        found = (each for each in reversed(self._certificates) if each.host == host and each.not_after >= at)
        return next((each for each in found if self.is_good(each) and purpose in ("", each.purpose)), None)

    def list_current(self, hosts: Collection[str], at: datetime) -> tuple[CertificateRecord, ...]:
        """See the port."""
        valid = (each for each in self._certificates if each.host in hosts and each.not_after >= at)
        return tuple({(each.host, each.purpose): each for each in valid if self.is_good(each)}.values())

    def find_replay(self, account: str, key: str) -> Replay | None:
        """See the port."""
        return self._replays.get((account, key))

    def record(
        self,
        certificates: Sequence[CertificateRecord],
        events: Sequence[AuditEvent],
        *,
        always_new: bool,
        replay: Replay | None,
        requests: Sequence[RequestRecord] = (),
        refusals: int = 0,
        authorities: Collection[tuple[str, str]] = (),
    ) -> tuple[CertificateRecord, ...]:
        """See the port."""
        with self._lock:
            if certificates:
                self.require_good(authorities)
            self._require_unused(replay)
            self._require_not_refused(certificates, refusals, always_new)
            stored = tuple(
                self.add(record, event, always_new) for record, event in zip(certificates, events, strict=True)
            )
            ours = {record.serial_number for record in stored}
            for each in requests:
                if each.serial_number in ours:
                    self.requests.append(replace(each, id=len(self.requests) + 1))
            if replay is not None:
                self._replays[replay.account, replay.key] = replay.settled(certificates, stored)
            return stored

    def _require_not_refused(self, records: Sequence[CertificateRecord], refusals: int, always_new: bool) -> None:
        keys = {each.key_fingerprint for each in records}
        is_new = always_new or any(self._winner(each) is None for each in records)
        if is_new and len(self.look_up(keys, []).refusals) > refusals:
            raise refused_meanwhile()

    def require_good(self, authorities: Collection[tuple[str, str]]) -> None:
        """Raise Conflict if one of these authorities is revoked or on hold."""
        require_good_authorities(found for link in authorities if (found := self.revocations.get(link)))

    def _require_unused(self, replay: Replay | None) -> None:
        if replay is not None and (replay.account, replay.key) in self._replays:
            raise KeyInUse

    def remember(self, replay: Replay | None) -> None:
        """Keep what was answered, as the store of requests does."""
        self._require_unused(replay)
        if replay is not None:
            self._replays[replay.account, replay.key] = replay

    def forget(self, replay: Replay) -> None:
        """Forget what was answered."""
        del self._replays[replay.account, replay.key]

    def add(self, record: CertificateRecord, event: AuditEvent, always_new: bool) -> CertificateRecord:
        """Add a certificate; or return the one that was there for the same request."""
        winner = None if always_new else self._winner(record)
        if winner is None:
            self._require_usable_key(record)
            self._certificates.append(record)
            self.events.append(event)
        return winner or record

    def _require_usable_key(self, record: CertificateRecord) -> None:
        same = (each for each in self._certificates if each.key_fingerprint == record.key_fingerprint)
        found = (self.revocations.get((each.issuer_id, each.serial_number)) for each in same)
        require_usable_key(each for each in found if each is not None)

    def prune_replays(self, before: datetime) -> int:
        """See the port."""
        kept = {key: replay for key, replay in self._replays.items() if replay.at >= before}
        self._replays, pruned = kept, len(self._replays) - len(kept)
        return pruned


def _last_decision(refused: RequestRecord) -> tuple[datetime, int]:
    return refused.decided_at or datetime.min.replace(tzinfo=UTC), refused.id


def _answers(record: CertificateRecord) -> tuple[str, ...]:
    return record.request_fingerprint, record.profile, record.issuer_id, record.purpose


class InMemoryAccountStore:
    """Accounts, tokens and the set-up link in dictionaries."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self._accounts: dict[int, AccountRecord] = {}
        self._tokens: dict[int, TokenRecord] = {}
        self._link: SetupLink | None = None
        self._links: dict[int, AccountLink] = {}
        self._lock = threading.Lock()

    def count_accounts(self) -> int:
        """See the port."""
        return len(self._accounts)

    def find_account(self, name: str) -> AccountRecord | None:
        """See the port."""
        return next((found for found in self._accounts.values() if found.name == name), None)

    def find_account_by_id(self, account_id: int) -> AccountRecord | None:
        """See the port."""
        return self._accounts.get(account_id)

    def list_reachable(self) -> tuple[AccountRecord, ...]:
        """See the port."""
        return tuple(each for each in self.list_accounts() if each.mail_address and not each.disabled_at)

    def list_accounts(self) -> tuple[AccountRecord, ...]:
        """See the port."""
        return tuple(sorted(self._accounts.values(), key=lambda record: record.name))

    def list_people(self, query: PeopleQuery) -> PeoplePage:
        """See the port."""
        words = query.text.lower().split()
        found = [each for each in self.list_accounts() if all(word in each.name or word in each.role for word in words)]
        if query.sort == "newest":
            found.sort(key=lambda each: -each.id)
        return PeoplePage(*paged(found, query.sort, query.cursor, query.limit))

    def add_account(
        self, account: AccountRecord, event: AuditEvent, *, setup_hash: str = "", link: AccountLink | None = None
    ) -> AccountRecord:
        """See the port."""
        with self._lock:
            if setup_hash and (self._link is None or self._link.hash != setup_hash or self._accounts):
                raise setup_link_invalid()
            if self.find_account(account.name) is not None:
                raise account_exists(account.name)
            self._link = None if setup_hash else self._link
            added = replace(account, id=len(self._accounts) + 1)
            self._accounts[added.id] = added
            if link is not None:
                self._links[added.id] = replace(link, account_id=added.id)
            self.events.append(event)
            return added

    def update_account(
        self, account: AccountRecord, event: AuditEvent, *, link: AccountLink | None = None, used_link: str = ""
    ) -> None:
        """See the port."""
        with self._lock:
            before, open_link = self._accounts[account.id], self._links.get(account.id)
            if used_link and (open_link is None or open_link.hash != used_link):
                raise account_link_invalid()
            require_administrator_left(account, self._administrators())
            if before.session_epoch != account.session_epoch - 1:
                raise account_changed(account.name)
            if before.password_hash != account.password_hash:
                self._links.pop(account.id, None)
            if link is not None:
                self._links[account.id] = link
            self._accounts[account.id] = replace(account, mail_address=before.mail_address)
            self.events.append(event)

    def set_mail_address(self, account_id: int, address: str, event: AuditEvent) -> None:
        """See the port."""
        with self._lock:
            self._accounts[account_id] = replace(self._accounts[account_id], mail_address=address)
            self.events.append(event)

    def _administrators(self) -> set[int]:
        found = (each for each in self._accounts.values() if each.role is Role.ADMINISTRATOR)
        return {each.id for each in found if not each.disabled_at and each.password_hash}

    def find_link(self, link_hash: str) -> AccountLink | None:
        """See the port."""
        return next((each for each in self._links.values() if each.hash == link_hash), None)

    def add_token(self, token: TokenRecord, event: AuditEvent, *, at_most: int) -> TokenRecord:
        """See the port."""
        others = self.list_tokens(token.account_id)
        require_room_for_token(sum(other.state(token.created_at) == "valid" for other in others), at_most)
        added = replace(token, id=len(self._tokens) + 1)
        self._tokens[added.id] = added
        self.events.append(event)
        return added

    def note_token_use(self, token_id: int, at: datetime) -> None:
        """See the port."""
        self._tokens[token_id] = replace(self._tokens[token_id], last_used_at=at)

    def revoke_tokens(self, revocations: Sequence[tuple[int, AuditEvent]]) -> int:
        """See the port."""
        ours = [(number, event) for number, event in revocations if self._tokens[number].revoked_at is None]
        for number, event in ours:
            self._tokens[number] = replace(self._tokens[number], revoked_at=event.at)
            self.events.append(event)
        return len(ours)

    def find_token(self, token_hash: str) -> tuple[TokenRecord, AccountRecord] | None:
        """See the port."""
        token = next((found for found in self._tokens.values() if found.hash == token_hash), None)
        account = self.find_account_by_id(token.account_id) if token else None
        return (token, account) if token and account else None

    def list_tokens(self, account_id: int) -> tuple[TokenRecord, ...]:
        """See the port."""
        return tuple(found for found in reversed(self._tokens.values()) if found.account_id == account_id)

    def find_setup_link(self) -> SetupLink | None:
        """See the port."""
        return self._link

    def save_setup_link(self, link: SetupLink, event: AuditEvent) -> None:
        """See the port."""
        self._link = link
        self.events.append(event)

    def add_event(self, event: AuditEvent) -> None:
        """See the port."""
        self.events.append(event)


class PowerCut(Exception):
    """The program stops here, between two steps."""


@dataclass(slots=True)
class Fuse:
    """Blows at the n-th of the steps that change something, before or after it is done; 0 never blows."""

    at: int = 0
    steps: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step; the fuse counts its beginning and its end."""
        self._pass(f"before {name}")
        yield
        self._pass(f"after {name}")

    def _pass(self, name: str) -> None:
        self.steps.append(name)
        if len(self.steps) == self.at:
            raise PowerCut(name)


class FusedKeyStore:
    """A key store behind a fuse."""

    def __init__(self, inner: KeyStore, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def has(self, key_id: str) -> bool:
        """See the port."""
        return self._inner.has(key_id)

    def generate(self, key_id: str, curve: str) -> ec.EllipticCurvePrivateKey:
        """See the port."""
        with self._fuse.step(f"generate {key_id}"):
            return self._inner.generate(key_id, curve)

    def store(self, key_id: str, key: ec.EllipticCurvePrivateKey) -> None:
        """See the port."""
        with self._fuse.step(f"store {key_id}"):
            self._inner.store(key_id, key)

    def signer(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        """See the port."""
        return self._inner.signer(key_id)

    def export(self, key_id: str, passphrase: bytes) -> bytes:
        """See the port."""
        return self._inner.export(key_id, passphrase)

    def list_keys(self) -> tuple[str, ...]:
        """See the port."""
        return self._inner.list_keys()

    def installation_id(self) -> str:
        """See the port."""
        return self._inner.installation_id()

    def begun_id(self) -> str:
        """See the port."""
        return self._inner.begun_id()

    def begin(self, installation_id: str) -> None:
        """See the port."""
        with self._fuse.step("begin"):
            self._inner.begin(installation_id)

    def keep_installation_id(self, installation_id: str) -> None:
        """See the port."""
        with self._fuse.step("keep the id of the installation"):
            self._inner.keep_installation_id(installation_id)

    def remove(self, key_id: str) -> None:
        """See the port."""
        with self._fuse.step(f"remove {key_id}"):
            self._inner.remove(key_id)


class FusedIssuerStore:
    """An issuer store behind a fuse."""

    def __init__(self, inner: IssuerStore, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def list_issuers(self) -> tuple[IssuerRecord, ...]:
        """See the port."""
        return self._inner.list_issuers()

    def save_issuers(self, issuers: Sequence[IssuerRecord], event: AuditEvent) -> None:
        """See the port."""
        with self._fuse.step(f"save {', '.join(record.id for record in issuers)}"):
            self._inner.save_issuers(issuers, event)

    def exclusively(self) -> AbstractContextManager[None]:
        """See the port."""
        return self._inner.exclusively()
