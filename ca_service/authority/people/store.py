"""Knows what signing in needs from the edges: Protocols that storage and keystore fulfil."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from ca_service.authority.audit import AuditEvent
from ca_service.authority.people.records import (
    ChallengeRecord,
    Counter,
    OpenSession,
    PasskeyRecord,
    SessionRecord,
    TotpRecord,
)


class Sealer(Protocol):
    """Keeps small secrets unreadable in the database."""

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """The secret, encrypted and bound to its purpose."""

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """The secret again; raises NotReady where its key is missing or another one."""


class AttemptStore(Protocol):
    """Who has tried to sign in how often; counted before anything is verified."""

    def count(self, counters: Sequence[Counter], at: datetime, delayed: AuditEvent) -> datetime | None:
        """Count an attempt under all of these as if it failed, or none where one of them has to wait.

        Returns until when, in the latter case. Records `delayed` where a wait begins with this
        attempt. What was last counted a day ago or longer is forgotten.
        """

    def take_back(self, counters: Sequence[Counter]) -> None:
        """The attempt was good: it counts no more, and the wait that it began ends."""

    def clear(self, counters: Sequence[Counter]) -> None:
        """Forget all failures under these."""

    def unlock(self, subject: str, event: AuditEvent) -> None:
        """Forget all failures of an account, wherever they came from."""

    def waits_until(self, subject: str, at: datetime) -> datetime | None:
        """Until when somebody has to wait for this account, if anybody has."""


class SessionStore(Protocol):
    """Sessions and the browsers that are known to an account. Every change takes its event along."""

    def add_session(
        self, session: SessionRecord, browser_hash: str, event: AuditEvent | None, replaces: str = ""
    ) -> None:
        """Add one, remember its browser, and forget the session whose hash is `replaces`.

        Where a session is incomplete, its browser is not remembered. Sessions of the account that
        no longer count are forgotten.
        """

    def find_session(self, session_hash: str) -> OpenSession | None:
        """The session of this hash, if it is of the account's epoch, and the account is not disabled."""

    def note_seen(self, session_hash: str, at: datetime) -> None:
        """Keep when a session was last used."""

    def note_confirmed(self, session_hash: str, at: datetime, event: AuditEvent) -> None:
        """Keep when its person has last shown who they are."""

    def list_sessions(self, account_id: int, epoch: int) -> tuple[SessionRecord, ...]:
        """The complete sessions of an account, the last used first."""

    def end_sessions(
        self, account_id: int, event: AuditEvent, *, only: int | None = None, but: str | None = None
    ) -> int:
        """End all of an account, `only` the one of this number, or all `but` the one of this hash; how many.

        Ending the session of another account, or one that is gone, ends none and records nothing.
        """

    def knows_browser(self, account_id: int, browser_hash: str) -> bool:
        """Whether somebody has signed in to this account from that browser."""

    def forget_browsers(self, account_id: int) -> None:
        """Know no browser of the account any more."""


class FactorStore(Protocol):
    """Second factors, recovery codes and challenges. Every change takes its event along.

    Recovery codes go with the last second factor.
    """

    def find_totp(self, account_id: int) -> TotpRecord | None:
        """The authenticator app of an account, offered or confirmed."""

    def offer_totp(self, record: TotpRecord) -> bool:
        """Keep an offer in place of the one before; False, and nothing changes, where one is confirmed."""

    def confirm_totp(self, record: TotpRecord, codes: Collection[str], event: AuditEvent) -> bool:
        """Confirm the offer with this very secret, with hashes of recovery codes; False if it is gone."""

    def use_step(self, account_id: int, step: int) -> bool:
        """Use up a time step; False unless it is later than the last that was used."""

    def remove_totp(self, account_id: int, event: AuditEvent) -> bool:
        """Forget the app; False if there is none."""

    def list_passkeys(self, account_id: int) -> tuple[PasskeyRecord, ...]:
        """The passkeys of an account, oldest first."""

    def find_passkey(self, credential_id: str) -> PasskeyRecord | None:
        """The passkey of this name."""

    def add_passkey(self, record: PasskeyRecord, codes: Collection[str], event: AuditEvent) -> None:
        """Add one, with hashes of recovery codes; raises Conflict if it is known."""

    def use_passkey(self, record: PasskeyRecord, sign_count: int, at: datetime) -> bool:
        """Keep count and time of a use; False if it was used meanwhile, or is gone."""

    def remove_passkey(self, account_id: int, passkey_id: int, event: AuditEvent) -> bool:
        """Forget one; False if the account has none of that number."""

    def count_codes(self, account_id: int) -> int:
        """How many recovery codes are left."""

    def replace_codes(self, account_id: int, codes: Collection[str], event: AuditEvent) -> None:
        """Put these in place of all that were there."""

    def use_code(self, account_id: int, code: str, event: AuditEvent) -> bool:
        """Use up a recovery code by its hash; False if there is none."""

    def remove_all(self, account_id: int, event: AuditEvent) -> bool:
        """Forget all factors and codes of an account; False if there were none."""

    def with_factor(self, account_ids: Collection[int]) -> frozenset[int]:
        """Those of the accounts that have a second factor."""

    def add_challenge(self, record: ChallengeRecord, at: datetime) -> None:
        """Keep a challenge, and forget those that have expired at `at`."""

    def take_challenge(self, challenge_hash: str, at: datetime) -> ChallengeRecord | None:
        """Use up a challenge that has not expired at `at`."""
