"""Accounts, sessions and API tokens; secrets only in the answer that creates them."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field

from ca_service.authority.people.records import AccountRecord, SessionRecord, TokenRecord
from ca_service.authority.people.token_limits import known_scopes
from ca_service.documents.fields import Document, Moment

RoleName = Literal["requester", "approver", "administrator", "auditor"]


class AccountDocument(Document):
    """An account."""

    name: str
    role: RoleName
    created_at: Moment
    disabled_at: Moment | None
    mail_address: str

    @classmethod
    def of(cls, record: AccountRecord, **more: Any) -> Self:
        """Describe an account, never the hash of its password; `more` are the further members of a subclass."""
        members = {
            "name": record.name,
            "role": record.role.value,
            "created_at": record.created_at,
            "disabled_at": record.disabled_at,
            "mail_address": record.mail_address,
        }
        return cls.model_validate(members | more)


class AccountsDocument(Document):
    """All accounts."""

    accounts: list[AccountDocument]


class ResetAccountDocument(AccountDocument):
    """An account whose access was reset, and the link to choose a new password."""

    url: str


class SessionDocument(Document):
    """A session in which an account is signed in."""

    id: int
    address: str
    user_agent: str
    method: str
    created_at: Moment
    seen_at: Moment

    @classmethod
    def of(cls, record: SessionRecord) -> Self:
        """Describe a session."""
        return cls(
            id=record.id,
            address=record.address,
            user_agent=record.user_agent,
            method=record.method,
            created_at=record.created_at,
            seen_at=record.seen_at,
        )


class SessionsDocument(Document):
    """The sessions of an account, and whether the command ended them."""

    sessions: list[SessionDocument]
    ended: bool


class TokenDocument(Document):
    """An API token and its permissions. An empty list of names, profiles or networks sets no limit."""

    id: int
    account: str = Field(description="the account for which it acts")
    role: RoleName = Field(description="the role of that account, which limits the token")
    label: str
    prefix: str = Field(description="its first characters, as lists show it")
    scopes: list[str] = Field(description="its permissions: check, submit, read ...")
    names: list[str] = Field(description="the names and addresses that a certificate may have, such as *.example.com")
    profiles: list[str]
    networks: list[str] = Field(description="the networks from which it is accepted, such as 10.0.0.0/8")
    created_at: Moment
    expires_at: Moment
    last_used_at: Moment | None
    revoked_at: Moment | None

    @classmethod
    def of(cls, record: TokenRecord, account: str, role: str, **more: Any) -> Self:
        """Describe a token of this account, without its secret; `more` are the further members of a subclass."""
        members = {
            "id": record.id,
            "account": account,
            "role": role,
            "label": record.label,
            "prefix": record.prefix,
            "scopes": list(known_scopes(record)),
            "names": list(record.names),
            "profiles": list(record.profiles),
            "networks": list(record.networks),
            "created_at": record.created_at,
            "expires_at": record.expires_at,
            "last_used_at": record.last_used_at,
            "revoked_at": record.revoked_at,
        }
        return cls.model_validate(members | more)


class TokensDocument(Document):
    """The tokens of an account."""

    tokens: list[TokenDocument]


class CreatedTokenDocument(TokenDocument):
    """A new token with its secret, which is shown once."""

    token: str


class RevokedTokensDocument(Document):
    """The number of revoked tokens of an account."""

    account: str
    revoked: int
