"""Rules for account names, passwords, token labels and secrets."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from ca_service.errors import Finding, InvalidInput, Rule

ACCOUNT_NAME: Final = Rule(
    "account.name",
    "\u201c{name}\u201d cannot be an account name.",
    "Use 1 to 64 letters, digits, dots, hyphens, underscores or @, beginning with a letter or digit.",
)
ACCOUNT_RESERVED: Final = Rule(
    "account.reserved",
    "The audit log uses the name {name} for actions without an account.",
    "Choose another name.",
)
PASSWORD_WEAK: Final = Rule(
    "password.weak",
    "This password cannot be used.",
    "Use {least} to {most} characters that do not contain the account name. Four random words work well.",
)
ACCOUNT_MAIL: Final = Rule(
    "account.mail",
    "\u201c{address}\u201d is not a mail address.",
    "Enter one address without a name, such as anna@example.com, or leave the field empty.",
)
TOKEN_LABEL: Final = Rule(
    "token.label",
    "The token needs a label.",
    "Enter 1 to {limit} characters that describe its purpose, such as: renewal script.",
)
TOKEN_DAYS: Final = Rule(
    "token.days",
    "A token cannot be valid for \u201c{days}\u201d days.",
    "Choose 1 to {limit} days.",
)

MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 200
MAX_TOKEN_DAYS: Final = 365
MAX_LABEL: Final = 60
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?")
_DAYS: Final = re.compile(r"[0-9]{1,6}")
_MAX_MAIL: Final = 254  # RFC 5321, 4.5.3.1.3: a path has 256 characters, with its brackets
_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_RESERVED: Final = {"anonymous", "operator"}  # the audit log's names for actors without an account


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a secret with 256 random bits, for which a fast hash is as safe as a slow one."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def password_bytes(password: str) -> bytes:
    """Return the bytes to hash: cut just above the longest valid length, and never an error for any input."""
    return password[: MAX_PASSWORD + 1].encode("utf-8", "surrogatepass")


def kept_name(typed: str) -> str | None:
    """Return the name in stored form, or None if it cannot be an account name."""
    text = typed.strip().lower()
    return text if _NAME.fullmatch(text) else None


def loggable_name(typed: str) -> str:
    """Return a typed name as far as it may be recorded: people type passwords into this field by mistake."""
    name = kept_name(typed)
    return name if name and len(name) < MIN_PASSWORD else "(not recorded)"


def checked_account_name(typed: str) -> str:
    """Return the name of a new account. Raises InvalidInput for a name that cannot be used."""
    name = kept_name(typed)
    if name is None:
        raise InvalidInput(ACCOUNT_NAME.at("/name", name=typed[:64]))
    if name in _RESERVED:
        raise InvalidInput(ACCOUNT_RESERVED.at("/name", name=name))
    return name


def is_mail_address(text: str) -> bool:
    """Return whether this is one plain mail address, which contains nothing that ends a header.

    An encoded word (RFC 2047) could: libraries decode it, also in an address.
    """
    return len(text) <= _MAX_MAIL and "=?" not in text and _MAIL.fullmatch(text) is not None


def checked_mail_address(typed: str) -> str:
    """Return the mail address of an account, or an empty text for none. Raises InvalidInput."""
    text = typed.strip()
    if text and not is_mail_address(text):
        raise InvalidInput(ACCOUNT_MAIL.at("/mail_address", address=text[:64]))
    return text


def new_account_findings(name: str, password: str) -> tuple[Finding, ...]:
    """Return all that is wrong with name and password of a new account."""
    found = tuple[Finding, ...]()
    try:
        checked_account_name(name)
    except InvalidInput as error:
        found += error.findings
    return found + password_findings(kept_name(name) or "", password)


def password_findings(name: str, password: str) -> tuple[Finding, ...]:
    """Return the reasons why an account of this name cannot have this password."""
    try:
        checked_password(name, password)
    except InvalidInput as error:
        return error.findings
    return ()


def checked_password(name: str, password: str) -> str:
    """Return a new password for the account of this name. Raises InvalidInput for a weak one."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD or (len(name) > 3 and name in password.lower()):
        raise InvalidInput(PASSWORD_WEAK.at("/password", least=MIN_PASSWORD, most=MAX_PASSWORD))
    return password


def checked_label(label: str) -> str:
    """Return the label of a token. Raises InvalidInput for an empty or too long one."""
    text = label.strip()
    if not 1 <= len(text) <= MAX_LABEL or not text.isprintable():
        raise InvalidInput(TOKEN_LABEL.at("/label", limit=MAX_LABEL))
    return text


def checked_token_days(days: int | str) -> int:
    """Return the lifetime of a token in days, given as a number or in digits. Raises InvalidInput."""
    found = int(days) if isinstance(days, int) or _DAYS.fullmatch(days.strip()) else 0
    if not 1 <= found <= MAX_TOKEN_DAYS:
        raise InvalidInput(TOKEN_DAYS.at("/days", days=str(days)[:20], limit=MAX_TOKEN_DAYS))
    return found
