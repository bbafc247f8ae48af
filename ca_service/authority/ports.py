"""Knows what the use cases need from the edges: Protocols that storage and keystore fulfil."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.applications.records import Application
from ca_service.authority.audit import AuditEvent
from ca_service.authority.people.records import AccountLink, PeoplePage, PeopleQuery
from ca_service.authority.records import (
    AccountRecord,
    CertificateRecord,
    IssuerRecord,
    Replay,
    SetupLink,
    TokenRecord,
)

Clock = Callable[[], datetime]
SerialNumbers = Callable[[], int]


class KeyStore(Protocol):
    """Custody of private keys. What it hands out signs, and cannot be turned into bytes."""

    def has(self, key_id: str) -> bool:
        """Whether a key of this name is kept here."""

    def generate(self, key_id: str, curve: str) -> ec.EllipticCurvePrivateKey:
        """Make a key and keep it before it is used; raises Conflict if there is one of that name."""

    def store(self, key_id: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Keep a key that comes from elsewhere; raises Conflict if there is one of that name."""

    def signer(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        """The key, to sign with; raises KeystoreError if it cannot be had."""

    def export(self, key_id: str, passphrase: bytes) -> bytes:
        """The key as PKCS#8, PEM, encrypted under another passphrase; not every store can."""

    def remove(self, key_id: str) -> None:
        """Forget the key for good."""


class IssuerStore(Protocol):
    """The authorities that there are."""

    def list_issuers(self) -> tuple[IssuerRecord, ...]:
        """All of them, oldest first; of one age, the root first and the issuing one last."""

    def save_issuers(self, issuers: Sequence[IssuerRecord], event: AuditEvent) -> None:
        """Add or replace these, with their event, in one transaction."""

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep every other process out of what changes the authority."""


class Ledger(Protocol):
    """The certificates that were issued."""

    def find_certificate(self, serial_number: str) -> CertificateRecord | None:
        """The certificate of this serial number."""

    def find_reissuable(
        self, request_fingerprint: str, profile: str, issuer_id: str, at: datetime
    ) -> CertificateRecord | None:
        """The newest certificate for this very request that is still valid at `at`, and not revoked."""

    def list_by_key(self, key_fingerprint: str, at: datetime) -> tuple[CertificateRecord, ...]:
        """The certificates with this key that are valid at `at`, and not revoked, newest first."""

    def list_by_requests(self, fingerprints: Collection[str]) -> tuple[CertificateRecord, ...]:
        """The certificates for these requests, revoked or not, newest first."""

    def find_current(self, host: str, at: datetime) -> CertificateRecord | None:
        """The newest certificate for this host that is valid at `at`, and not revoked."""

    def find_replay(self, account: str, key: str) -> Replay | None:
        """What was answered to this Idempotency-Key."""

    def record(
        self,
        certificates: Sequence[CertificateRecord],
        events: Sequence[AuditEvent],
        *,
        always_new: bool,
        replay: Replay | None,
        applications: Sequence[Application] = (),
    ) -> tuple[CertificateRecord, ...]:
        """Write all of it in one transaction, or nothing.

        Unless `always_new`, a certificate for the same request that another process has written
        meanwhile wins: it is returned in place of ours, which is forgotten with its event and its
        application, and `replay` is kept as it came out. `applications` are those that the certificates
        answer, one for each, or none for any. Raises Conflict when the Idempotency-Key was used meanwhile, or
        when the key of a request was reported as lost, or put on hold.
        """

    def prune_replays(self, before: datetime) -> int:
        """Forget the answers to Idempotency-Keys that are older; how many there were."""


class AccountStore(Protocol):
    """People, tokens and the set-up link. Every change takes its event along."""

    def count_accounts(self) -> int:
        """How many accounts there are."""

    def find_account(self, name: str) -> AccountRecord | None:
        """The account of this name."""

    def find_account_by_id(self, account_id: int) -> AccountRecord | None:
        """The account of this number."""

    def list_accounts(self) -> tuple[AccountRecord, ...]:
        """All accounts, by name."""

    def list_people(self, query: PeopleQuery) -> PeoplePage:
        """One page of a list; raises InvalidInput for a cursor that we did not hand out."""

    def add_account(
        self, account: AccountRecord, event: AuditEvent, *, setup_hash: str = "", link: AccountLink | None = None
    ) -> AccountRecord:
        """Add one, whose `id` is given here; with `setup_hash`, use up that set-up link as well.

        `link` is kept for the new account. Raises Conflict if the name is taken, NotFound if the
        set-up link is gone.
        """

    def update_account(
        self, account: AccountRecord, event: AuditEvent, *, link: AccountLink | None = None, used_link: str = ""
    ) -> None:
        """Replace role, password and disabling of an account, whose epoch has grown by one.

        A new password ends the link that is open; `link` takes its place; `used_link` is the hash
        of the one that is used up. Raises Conflict if the epoch has grown meanwhile, so that no two
        changes undo one another, or if no enabled administrator with a password would be left;
        NotFound if the link is gone.
        """

    def find_link(self, link_hash: str) -> AccountLink | None:
        """The link to choose a password that has this hash."""

    def add_token(self, token: TokenRecord, event: AuditEvent, *, at_most: int) -> TokenRecord:
        """Add a token, whose `id` is given here.

        Raises Conflict where its account has `at_most` tokens that are valid when it is made.
        """

    def note_token_use(self, token_id: int, at: datetime) -> None:
        """Keep when a token was used last."""

    def revoke_tokens(self, revocations: Sequence[tuple[int, AuditEvent]]) -> int:
        """End these tokens for good, each at the time of its event, in one transaction; how many it were.

        One that has been revoked meanwhile stays as it is, and has no second event.
        """

    def find_token(self, token_hash: str) -> TokenRecord | None:
        """The token with this hash."""

    def list_tokens(self, account_id: int) -> tuple[TokenRecord, ...]:
        """The tokens of an account, newest first."""

    def find_setup_link(self) -> SetupLink | None:
        """The set-up link that is open."""

    def save_setup_link(self, link: SetupLink, event: AuditEvent) -> None:
        """Replace the set-up link."""

    def add_event(self, event: AuditEvent) -> None:
        """Record something that changed nothing else, such as a failed sign-in."""
