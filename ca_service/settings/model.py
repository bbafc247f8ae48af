"""Knows which settings there are, and what each may be."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ca_service.authority.naming import checked_name
from ca_service.errors import InvalidInput
from ca_service.pki.names import is_dns_name
from ca_service.pki.profiles import INTERMEDIATE, MAX_LEAF_DAYS, ROOT

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_MIN_SECRET: Final = 32

CONTRADICTION: Final = "contradiction"  # the type of an error that is about two settings

Curve = Literal["P-256", "P-384"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Server(_Section):
    """Where gunicorn listens, and with how many processes and threads."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    workers: int = Field(default=0, ge=0, le=64)
    threads: int = Field(default=4, ge=1, le=64)


class Authority(_Section):
    """What `init` creates."""

    name: str = Field(default="", max_length=40)
    root_curve: Curve = "P-384"
    root_days: int = Field(default=ROOT.default_days, ge=1, le=ROOT.max_days)
    intermediate_curve: Curve = "P-384"
    intermediate_days: int = Field(default=INTERMEDIATE.default_days, ge=1, le=INTERMEDIATE.max_days)

    @field_validator("name")
    @classmethod
    def _can_be_a_name(cls, value: str) -> str:
        try:
            return checked_name(value) if value else value
        except InvalidInput as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _intermediate_ends_first(self) -> Self:
        if self.intermediate_days > self.root_days:
            raise _too_long(
                "authority.intermediate_days", self.intermediate_days, "authority.root_days", self.root_days
            )
        return self


class PolicySettings(_Section):
    """What is granted to requesters."""

    default_days: int = Field(default=397, ge=1, le=MAX_LEAF_DAYS)
    max_days: int = Field(default=MAX_LEAF_DAYS, ge=1, le=MAX_LEAF_DAYS)
    backdate_minutes: int = Field(default=5, ge=0, le=1440)
    allow_p521: bool = False

    @model_validator(mode="after")
    def _default_is_granted(self) -> Self:
        if self.default_days > self.max_days:
            raise _too_long("policy.default_days", self.default_days, "policy.max_days", self.max_days)
        return self


class RevocationSettings(_Section):
    """How long revocation lists are good, in hours; half of it later the next one is made."""

    crl_hours: int = Field(default=72, ge=1, le=24 * 366)
    delta_hours: int = Field(default=12, ge=0, le=24 * 366)

    @model_validator(mode="after")
    def _delta_ends_first(self) -> Self:
        if self.delta_hours > self.crl_hours:
            raise _too_long("revocation.delta_hours", self.delta_hours, "revocation.crl_hours", self.crl_hours)
        return self


class Keystore(_Section):
    """Where the passphrase of the keys comes from."""

    passphrase_file: str = ""


class DatabaseSettings(_Section):
    """Where everything but keys is kept: a file in the instance folder, or a PostgreSQL database."""

    url: SecretStr = SecretStr("")

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith("postgresql://"):
            raise ValueError("must be postgresql://USER:PASSWORD@HOST/DATABASE, or empty for SQLite")
        return value


class Web(_Section):
    """What the pages and the API need to know of the world outside."""

    base_url: str = ""
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    secret_key: SecretStr = SecretStr("")
    session_hours: int = Field(default=8, ge=1, le=168)
    max_upload_kib: int = Field(default=1024, ge=64, le=16384)

    @field_validator("base_url")
    @classmethod
    def _is_a_base(cls, value: str) -> str:
        if value and not _is_base_url(value):
            raise ValueError("must be http://HOST or https://HOST, with a port if need be, and no path")
        return value.rstrip("/")

    @field_validator("secret_key")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < _MIN_SECRET:
            raise ValueError(f"must have at least {_MIN_SECRET} characters")
        return value


class Settings(_Section):
    """All settings of one installation, checked; see config/default.toml for what each means."""

    instance_path: Path
    server: Server = Server()
    authority: Authority = Authority()
    policy: PolicySettings = PolicySettings()
    revocation: RevocationSettings = RevocationSettings()
    keystore: Keystore = Keystore()
    database: DatabaseSettings = DatabaseSettings()
    web: Web = Web()

    @model_validator(mode="after")
    def _cookies_are_safe(self) -> Self:
        if self.server.host not in _LOOPBACK and not self.web.base_url.startswith("https://"):
            raise _contradiction(
                ("server.host", self.server.host),
                "is not loopback, which needs https:// in",
                ("web.base_url", self.web.base_url),
                "Put a reverse proxy with TLS in front, and set web.base_url to its https:// address: "
                "passwords and tokens would travel in the clear.",
            )
        return self


def _contradiction(one: tuple[str, object], relation: str, other: tuple[str, object], mend: str) -> PydanticCustomError:
    """Two settings, each as (key, value), that are good alone but cannot go together: `one relation other`."""
    context = {"key": one[0], "value": one[1], "relation": relation, "other": other[0], "limit": other[1], "mend": mend}
    return PydanticCustomError(CONTRADICTION, "{key} {relation} {other}", context)


def _too_long(key: str, days: int, limit_key: str, limit: int) -> PydanticCustomError:
    mend = f"Lower {key} or raise {limit_key}, where it was set."
    return _contradiction((key, days), "cannot be more than", (limit_key, limit), mend)


def _is_base_url(value: str) -> bool:
    parts = urlsplit(value)
    rest = (parts.path.rstrip("/"), parts.query, parts.fragment, parts.username, parts.password)
    good_host = parts.hostname is not None and (is_dns_name(parts.hostname) or _is_address(parts.hostname))
    return parts.scheme in ("http", "https") and good_host and not any(rest) and parts.port != 0 and value.isascii()


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


_FIELDS: Final = {
    f"{section}.{name}": field
    for section, part in Settings.model_fields.items()
    if isinstance(part.default, _Section)
    for name, field in type(part.default).model_fields.items()
}
KEYS: Final = frozenset(_FIELDS)
SECRETS: Final = frozenset(key for key, field in _FIELDS.items() if field.annotation is SecretStr)
