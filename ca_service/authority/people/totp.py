"""Knows authenticator apps (TOTP, RFC 6238): six digits, steps of thirty seconds, each of them used once."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

import pyotp

_SECONDS: Final = 30
_WINDOW: Final = 1  # steps before and after, for clocks that differ
_ISSUER: Final = "ca_service"


def new_secret() -> str:
    """A secret of 160 bits in base32 (RFC 4226, section 4, R6)."""
    return pyotp.random_base32()


def app_uri(secret: str, account_name: str) -> str:
    """What the picture for the app says."""
    return pyotp.TOTP(secret, name=account_name, issuer=_ISSUER).provisioning_uri()


def matching_step(secret: str, code: str, at: datetime) -> int | None:
    """The time step to which the code belongs, if it is one of those around `at`."""
    totp, now = pyotp.TOTP(secret), int(at.timestamp()) // _SECONDS
    steps = range(now - _WINDOW, now + _WINDOW + 1)
    return next(
        (step for step in steps if secrets.compare_digest(totp.generate_otp(step).encode(), code.encode())), None
    )
