"""Passkeys (WebAuthn, level 2), in place of a password or as the second step, and their challenges.

The private key stays on the person's device; user verification (PIN, finger, face) is required, so
a passkey alone is two factors. A challenge counts in the browser that has asked for it, for five minutes, once.

Challenges (section 13.4.3) are signed by the service, not stored by it. A client without an account can ask for any
number of them, so a challenge costs no row. It carries its expiry, its account and a signature, which also covers a
secret in the cookie of the browser that has asked. After an answer whose signature was verified, its hash is stored
until it expires, and no second answer with it counts.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ca_service.authority.access.credentials import checked_label, hash_secret
from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.factors import SecondFactors, hash_code, no_such_passkey
from ca_service.authority.people.records import ChallengeRecord, PasskeyRecord
from ca_service.authority.people.store import FactorStore
from ca_service.authority.ports import Clock
from ca_service.errors import InvalidInput, NotAuthenticated, Rule

if TYPE_CHECKING:
    from webauthn.helpers.structs import AuthenticatorSelectionCriteria

PASSKEY_WRONG: Final = Rule(
    "passkey.wrong",
    "This passkey was not accepted.",
    "Try again, choose another passkey, or sign in with name and password.",
)
PASSKEY_ANSWER: Final = Rule(
    "passkey.answer",
    "The response of the device could not be used.",
    "Try again on this page. If the error persists, use another device or another browser.",
)

_NAME: Final = re.compile(r"\A[A-Za-z0-9_-]{1,1400}\Z")  # of a credential, in base64url
_MAX_CREDENTIAL: Final = 16 * 1024
_MAX_PASSKEYS: Final = 20

LIFETIME: Final = timedelta(minutes=5)  # of a challenge
_FIELDS: Final = struct.Struct(">16sqq")  # random, expiry in seconds, account (0: any)
_PURPOSE: Final = b"ca_service passkey challenge"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """This service as a browser sees it: the host name without port, and the origin of its pages.

    `browser` is a secret in the cookie of that browser, to which challenges are bound.
    """

    id: str
    origin: str
    browser: str = ""


class Passkeys:
    """The passkeys of all accounts. Imports webauthn at first use, because importing it is slow."""

    def __init__(
        self, store: FactorStore, accounts: Accounts, factors: SecondFactors, challenges: Challenges, clock: Clock
    ) -> None:
        self._store = store
        self._challenges = challenges
        self._accounts = accounts
        self._factors = factors
        self._clock = clock

    def options_to_enrol(self, actor: Actor, party: RelyingParty) -> str:
        """Return the options for creating a passkey for the actor, as JSON."""
        import webauthn

        require(actor, Action.OWN_ACCOUNT)
        account = self._accounts.get(actor.name)
        options = webauthn.generate_registration_options(
            rp_id=party.id,
            rp_name="ca_service",
            user_name=account.name,
            user_id=f"ca_service account {account.id}".encode(),
            challenge=self._challenges.new(party.browser, account.id),
            authenticator_selection=_discoverable_and_verified(),
            exclude_credentials=[_descriptor(each) for each in self._store.list_passkeys(account.id)],
        )
        return webauthn.options_to_json(options)

    def enrol(self, actor: Actor, party: RelyingParty, label: str, credential: str) -> tuple[str, ...]:
        """Store the passkey that the browser created; return the recovery codes if this is the first factor.

        Raises InvalidInput for an answer that does not belong to the challenge.
        """
        require(actor, Action.OWN_ACCOUNT)
        account, now = self._accounts.get(actor.name), self._clock()
        label = checked_label(label)
        answer = _parsed_answer(credential)
        is_ours = self._challenges.is_valid(answer.challenge, party.browser, account.id)
        if not is_ours or self._has_too_many(account.id):
            raise _unusable()
        made = _verified_enrolment(answer, party)
        if not self._challenges.use(answer.challenge):
            raise _unusable()
        record = PasskeyRecord(0, account.id, made.name, made.public_key, made.sign_count, label, now)
        codes = self._factors.first_codes(account)
        event = AuditEvent.by(actor, now, Event.FACTOR_ADDED, account.name, kind="passkey", label=label)
        self._store.add_passkey(record, list(map(hash_code, codes)), event)
        return codes

    def options_to_sign_in(self, party: RelyingParty) -> str:
        """Return the options for choosing a passkey to sign in, as JSON."""
        import webauthn
        from webauthn.helpers.structs import UserVerificationRequirement

        options = webauthn.generate_authentication_options(
            rp_id=party.id,
            challenge=self._challenges.new(party.browser),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return webauthn.options_to_json(options)

    def verify(self, party: RelyingParty, credential: str) -> int:
        """Return the id of the account whose passkey has answered. Raises NotAuthenticated.

        A counter that did not grow, if there is one, means a copied key (section 7.2, step 21).
        """
        try:
            answer = _parsed_answer(credential)
        except InvalidInput as error:
            raise _not_accepted() from error
        record = self._store.find_passkey(answer.name)
        if record is None or not self._challenges.is_valid(answer.challenge, party.browser):
            raise _not_accepted()
        sign_count = _verified_use(answer, party, record)
        is_first = self._challenges.use(answer.challenge)
        if not is_first or not self._store.use_passkey(record, sign_count, self._clock()):
            raise _not_accepted()
        return record.account_id

    def remove(self, actor: Actor, passkey_id: int) -> None:
        """Remove one of the actor's passkeys. Raises NotFound for an unknown id."""
        require(actor, Action.OWN_ACCOUNT)
        account = self._accounts.get(actor.name)
        event = AuditEvent.by(actor, self._clock(), Event.FACTOR_REMOVED, account.name, kind="passkey")
        if not self._store.remove_passkey(account.id, passkey_id, event):
            raise no_such_passkey(passkey_id)

    def _has_too_many(self, account_id: int) -> bool:
        return len(self._store.list_passkeys(account_id)) >= _MAX_PASSKEYS


class Challenges:
    """The challenges of this installation. `key` returns the secret that signs cookies."""

    def __init__(self, store: FactorStore, key: Callable[[], bytes], clock: Clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock

    def new(self, browser: str, account_id: int = 0) -> bytes:
        """Return a challenge for this browser, and for this account if there is one."""
        expires_at = int((self._clock() + LIFETIME).timestamp())
        fields = _FIELDS.pack(secrets.token_bytes(16), expires_at, account_id)
        return fields + self._signature(fields, browser)

    def is_valid(self, challenge: bytes, browser: str, account_id: int = 0) -> bool:
        """Return whether we have given this challenge to this browser for this account, and it has not expired."""
        fields, signature = challenge[: _FIELDS.size], challenge[_FIELDS.size :]
        if len(fields) < _FIELDS.size or not hmac.compare_digest(signature, self._signature(fields, browser)):
            return False
        _, expires_at, wanted = _FIELDS.unpack(fields)
        return bool(wanted == account_id and self._clock().timestamp() < expires_at)

    def use(self, challenge: bytes) -> bool:
        """Use up a valid challenge, after its answer was verified; return False if another answer came first."""
        _, expires_at, account_id = _FIELDS.unpack(challenge[: _FIELDS.size])
        until = datetime.fromtimestamp(expires_at, UTC)
        return self._store.use_challenge(
            ChallengeRecord(hash_secret(challenge.hex()), account_id or None, until), self._clock()
        )

    def _signature(self, fields: bytes, browser: str) -> bytes:
        return hmac.digest(self._key(), b"\0".join((_PURPOSE, fields, browser.encode())), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer of a browser; `name` is that of the credential, in base64url."""

    name: str
    challenge: bytes
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Made:
    name: str
    public_key: bytes
    sign_count: int


def _parsed_answer(credential: str) -> _Answer:
    """Return the parts that are needed before verification. Raises InvalidInput for anything else."""

    from webauthn.helpers import base64url_to_bytes, parse_client_data_json

    try:
        document = json.loads(credential[:_MAX_CREDENTIAL])
        client = parse_client_data_json(base64url_to_bytes(document["response"]["clientDataJSON"]))
        [name] = _NAME.findall(document["id"])
        return _Answer(name, client.challenge, document)
    except Exception as error:  # untrusted bytes; the parsers have no common error
        raise _unusable() from error


def _verified_enrolment(answer: _Answer, party: RelyingParty) -> _Made:
    import webauthn
    from webauthn.helpers import bytes_to_base64url

    try:
        made = webauthn.verify_registration_response(
            credential=answer.document,
            expected_challenge=answer.challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception as error:  # as above
        raise _unusable() from error
    return _Made(bytes_to_base64url(made.credential_id), made.credential_public_key, made.sign_count)


def _verified_use(answer: _Answer, party: RelyingParty, record: PasskeyRecord) -> int:
    """Return the counter of the device, after everything else was verified."""
    import webauthn

    try:
        used = webauthn.verify_authentication_response(
            credential=answer.document,
            expected_challenge=answer.challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=record.public_key,
            credential_current_sign_count=record.sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # as above
        raise _not_accepted() from error
    return used.new_sign_count


def _discoverable_and_verified() -> AuthenticatorSelectionCriteria:
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    return AuthenticatorSelectionCriteria(
        resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
    )


def _descriptor(record: PasskeyRecord) -> Any:
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    return PublicKeyCredentialDescriptor(id=base64url_to_bytes(record.credential_id))


def _unusable() -> InvalidInput:
    return InvalidInput(PASSKEY_ANSWER.at("/credential"))


def _not_accepted() -> NotAuthenticated:
    return NotAuthenticated.because(PASSKEY_WRONG)
