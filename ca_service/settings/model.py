"""All settings, with their types, limits and defaults."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ca_service.authority.access.permissions import Role
from ca_service.authority.hierarchy.plan import checked_name
from ca_service.errors import InvalidInput
from ca_service.pki.names import is_dns_name
from ca_service.pki.profiles import DEFAULT_LEAF_DAYS, INTERMEDIATE, MAX_LEAF_DAYS, ROOT
from ca_service.pki.visible_text import is_plain
from ca_service.settings.notices import (
    JobsSettings,
    MailSettings,
    MetricsSettings,
    Networks,
    NoticesSettings,
    ProbeSettings,
    WebhookSettings,
)
from ca_service.settings.section import CONTRADICTION, DEFAULT, Rules, Section, contradiction, read_roles, split

__all__ = ["CONTRADICTION", "KEYS", "TABLES", "Settings"]

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_MIN_SECRET: Final = 32

TABLES: Final = ("oidc.roles",)  # settings whose value is a table

Curve = Literal["P-256", "P-384"]
#: The colours of the header, each with white text on it readable; site.css has their values.
Colour = Literal["none", "blue", "green", "purple", "red", "orange", "grey"]


class Server(Section):
    """The address of the server, and its processes and threads."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    workers: int = Field(default=0, ge=0, le=64)
    threads: int = Field(default=4, ge=1, le=64)


class Authority(Section):
    """Name, curves and lifetimes of the authority that `init` creates."""

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


class PolicySettings(Section):
    """Limits for certificates, and the approval rules."""

    default_days: int = Field(default=DEFAULT_LEAF_DAYS, ge=1, le=MAX_LEAF_DAYS)
    max_days: int = Field(default=MAX_LEAF_DAYS, ge=1, le=MAX_LEAF_DAYS)
    backdate_minutes: int = Field(default=5, ge=0, le=1440)
    allow_p521: bool = False
    rules: Rules = DEFAULT

    @model_validator(mode="after")
    def _default_is_granted(self) -> Self:
        if self.default_days > self.max_days:
            raise _too_long("policy.default_days", self.default_days, "policy.max_days", self.max_days)
        return self


class RevocationSettings(Section):
    """Lifetimes of CRLs and delta CRLs in hours. The next one is published after half its lifetime."""

    crl_hours: int = Field(default=72, ge=1, le=24 * 366)
    delta_hours: int = Field(default=12, ge=0, le=24 * 366)

    @model_validator(mode="after")
    def _delta_ends_first(self) -> Self:
        if self.delta_hours > self.crl_hours:
            raise _too_long("revocation.delta_hours", self.delta_hours, "revocation.crl_hours", self.crl_hours)
        return self


class Keystore(Section):
    """The source of the passphrase for the private keys."""

    passphrase_file: str = ""


class DatabaseSettings(Section):
    """The database: a file in the instance folder, or PostgreSQL."""

    url: SecretStr = SecretStr("")

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith("postgresql://"):
            raise ValueError("must be postgresql://USER:PASSWORD@HOST/DATABASE, or empty for SQLite")
        return value


class Web(Section):
    """Public address, proxies, sessions and limits of pages and API."""

    base_url: str = ""
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    proxy_networks: Networks = "127.0.0.0/8, ::1/128"
    secret_key: SecretStr = SecretStr("")
    session_hours: int = Field(default=8, ge=1, le=168)
    idle_minutes: int = Field(default=120, ge=10, le=10080)
    require_second_factor: tuple[Role, ...] = ()
    max_upload_kib: int = Field(default=4096, ge=64, le=16384)
    label: str = Field(default="", max_length=30)
    colour: Colour = "none"

    @field_validator("label")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        if not is_plain(value):
            raise ValueError("must be one line without hidden characters")
        return value.strip()

    @field_validator("base_url")
    @classmethod
    def _is_a_base(cls, value: str) -> str:
        if value and not _is_base_url(value):
            raise ValueError("must be http://HOST or https://HOST, with an optional port and no path")
        return value.rstrip("/")

    @property
    def proxies(self) -> tuple[str, ...]:
        """Return the networks of the reverse proxies."""
        return split(self.proxy_networks)

    @field_validator("proxy_networks")
    @classmethod
    def _are_peers(cls, value: str) -> str:
        if any(ip_network(part).prefixlen == 0 for part in split(value)):
            raise ValueError("must name the proxies: a network of all addresses lets every client choose its address")
        return value

    @model_validator(mode="after")
    def _proxies_are_named(self) -> Self:
        if self.trusted_proxies and not self.proxies:
            raise contradiction(
                ("web.trusted_proxies", self.trusted_proxies),
                "needs their addresses in",
                ("web.proxy_networks", self.proxy_networks),
                "Name the addresses from which your proxies connect, such as 127.0.0.1/32.",
            )
        return self

    @field_validator("require_second_factor", mode="before")
    @classmethod
    def _may_be_one_text(cls, value: object) -> object:
        """Return the roles of a comma-separated text, as in the environment."""
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("secret_key")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < _MIN_SECRET:
            raise ValueError(f"must have at least {_MIN_SECRET} characters")
        return value


class Oidc(Section):
    """The OpenID provider for signing in, and the role of each of its groups."""

    issuer: str = ""
    client_id: str = Field(default="", max_length=255)
    client_secret: SecretStr = SecretStr("")
    name_claim: str = Field(default="preferred_username", min_length=1, max_length=100)
    role_claim: str = Field(default="groups", min_length=1, max_length=100)
    roles: dict[str, Role] = Field(default_factory=dict)

    @field_validator("issuer")
    @classmethod
    def _is_an_issuer(cls, value: str) -> str:
        if value and not _is_issuer(value):
            raise ValueError("must be the issuer identifier of the provider: an https:// URL without a query")
        return value

    @field_validator("roles", mode="before")
    @classmethod
    def _are_roles(cls, value: object) -> dict[str, Role]:
        return read_roles(value)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        given = {"oidc.client_id": self.client_id, "oidc.client_secret": self.client_secret.get_secret_value()}
        for key, value in given.items():
            if self.issuer and not value:
                advice = "Register this service at the provider and set the issued value, or leave oidc.issuer empty."
                raise contradiction(("oidc.issuer", self.issuer), "needs", (key, value), advice)
        return self


class Settings(Section):
    """All settings of one installation, validated. config/default.toml describes each of them."""

    instance_path: Path
    server: Server = Server()
    authority: Authority = Authority()
    policy: PolicySettings = PolicySettings()
    revocation: RevocationSettings = RevocationSettings()
    keystore: Keystore = Keystore()
    database: DatabaseSettings = DatabaseSettings()
    web: Web = Web()
    oidc: Oidc = Oidc()
    jobs: JobsSettings = JobsSettings()
    notices: NoticesSettings = NoticesSettings()
    mail: MailSettings = MailSettings()
    webhook: WebhookSettings = WebhookSettings()
    metrics: MetricsSettings = MetricsSettings()
    probe: ProbeSettings = ProbeSettings()

    @model_validator(mode="after")
    def _cookies_are_safe(self) -> Self:
        if self.server.host not in _LOOPBACK and not self.web.base_url.startswith("https://"):
            raise contradiction(
                ("server.host", self.server.host),
                "is not loopback and requires https:// in",
                ("web.base_url", self.web.base_url),
                "Use a reverse proxy with TLS, and set web.base_url to its https:// address. Without TLS, passwords "
                "and tokens are sent in plain text.",
            )
        return self


def _too_long(key: str, days: int, limit_key: str, limit: int) -> PydanticCustomError:
    advice = f"Lower {key} or raise {limit_key}."
    return contradiction((key, days), "cannot be more than", (limit_key, limit), advice)


def _is_base_url(value: str) -> bool:
    parts = urlsplit(value)
    rest = (parts.path.rstrip("/"), parts.query, parts.fragment, parts.username, parts.password)
    good_host = parts.hostname is not None and (is_dns_name(parts.hostname) or _is_address(parts.hostname))
    return parts.scheme in ("http", "https") and good_host and not any(rest) and parts.port != 0 and value.isascii()


def _is_issuer(value: str) -> bool:
    """Return whether this is an https:// URL (OpenID Connect Core, 2), or an http:// URL of this machine."""
    parts = urlsplit(value)
    is_clean = not (parts.query or parts.fragment or parts.username or parts.password) and value.isascii()
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return is_clean and is_safe and bool(parts.hostname) and parts.port != 0 and value.isprintable()


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


_FIELDS: Final = {
    f"{section}.{name}": field
    for section, part in Settings.model_fields.items()
    if isinstance(part.default, Section)
    for name, field in type(part.default).model_fields.items()
}
KEYS: Final = frozenset(_FIELDS)
SECRETS: Final = frozenset(key for key, field in _FIELDS.items() if field.annotation is SecretStr)
