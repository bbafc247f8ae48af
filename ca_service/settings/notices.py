"""The settings of background jobs, notices, mail, webhook, metrics and probes."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator

from ca_service.authority.access.allowed_names import kept_pattern
from ca_service.authority.access.credentials import is_mail_address
from ca_service.authority.fleet.connections import ProbeRules
from ca_service.settings.section import Section, contradiction, joined, split

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_MAX_THRESHOLDS: Final = 20
_MAX_DAYS: Final = 400
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix of every secret
_SECRET_BYTES: Final = (24, 64)  # Standard Webhooks 1.0
_KEY_HELP: Final = "must be whsec_ and 24 to 64 random bytes in base64: echo whsec_$(openssl rand -base64 32)"


def _days(value: str) -> str:
    parts = split(value)
    if not 1 <= len(parts) <= _MAX_THRESHOLDS or not all(_is_days(part) for part in parts):
        raise ValueError(f"must be whole numbers of days from 1 to {_MAX_DAYS}, such as 30, 7, 1")
    return ", ".join(str(days) for days in sorted({int(part) for part in parts}, reverse=True))


def _is_days(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= _MAX_DAYS


def _addresses(value: str) -> str:
    wrong = [part for part in split(value) if not is_mail_address(part)]
    if wrong:
        raise ValueError(f"{wrong[0][:60]!r} is not a mail address")
    return ", ".join(dict.fromkeys(split(value)))


def _networks(value: str) -> str:
    try:
        return ", ".join(str(ip_network(part)) for part in split(value))
    except ValueError as error:
        raise ValueError("must be networks, such as 192.0.2.0/24, 2001:db8::/64") from error


def _patterns(value: str) -> str:
    found = [kept_pattern(part) for part in split(value)]
    if None in found:
        raise ValueError("must be host names, such as uccx1.example.com, *.uc.example.com, 192.0.2.7")
    return ", ".join(part for part in found if part)


def _ports(value: str) -> str:
    found = split(value)
    if not all(part.isascii() and part.isdigit() and len(part) <= 5 and 0 < int(part) < 65536 for part in found):
        raise ValueError("must be ports, such as 443, 8443")
    return ", ".join(found)


Days = Annotated[str, BeforeValidator(joined), AfterValidator(_days)]
Addresses = Annotated[str, BeforeValidator(joined), AfterValidator(_addresses)]
Networks = Annotated[str, BeforeValidator(joined), AfterValidator(_networks)]
Ports = Annotated[str, BeforeValidator(joined), AfterValidator(_ports)]
Patterns = Annotated[str, BeforeValidator(joined), AfterValidator(_patterns)]


class JobsSettings(Section):
    """The process that runs background jobs."""

    in_server: bool = True


class NoticesSettings(Section):
    """The days before expiry on which notices are sent, and which news is sent."""

    days: Days = "90, 60, 30, 14, 7, 1"
    requests: bool = True
    unserved_days: int = Field(default=3, ge=0, le=28)

    @property
    def thresholds(self) -> tuple[int, ...]:
        """Return the days before expiry, largest first."""
        return tuple(map(int, split(self.days)))

    @property
    def unserved_after(self) -> timedelta | None:
        """Return how long after it was issued a certificate should be served; None for no such news."""
        return timedelta(days=self.unserved_days) if self.unserved_days else None


class MailSettings(Section):
    """The mail server. Without a host, no mail is sent."""

    host: str = Field(default="", max_length=253, pattern=r"^[A-Za-z0-9.:-]*$")
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: Addresses = ""
    recipients: Addresses = ""
    ca_file: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return the recipients."""
        return split(self.recipients)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        host = ("mail.host", self.host)
        if self.host and len(split(self.sender)) != 1:
            raise contradiction(host, "needs one address as", ("mail.sender", self.sender), "Set both, or none.")
        if self.host and not self.addresses:
            raise contradiction(host, "needs", ("mail.recipients", ""), "Set both, or none.")
        if self.username and self.security == "none" and self.host not in _LOOPBACK:
            user, security = ("mail.username", self.username), ("mail.security", self.security)
            raise contradiction(user, "needs TLS, which is off in", security, "Use starttls or tls.")
        return self


class WebhookSettings(Section):
    """The URL for webhooks; empty for none."""

    url: str = ""
    secret: SecretStr = SecretStr("")
    ca_file: str = ""

    @field_validator("url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        is_plain = parts.username is None and parts.port != 0 and value.isascii()  # reading the port checks it
        if value and not (is_safe and parts.hostname and is_plain):
            raise ValueError("must be https://HOST/..., without a name and password (http:// only to this machine)")
        return value

    @field_validator("secret")
    @classmethod
    def _is_a_secret(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text and not _is_webhook_secret(text):
            raise ValueError(_KEY_HELP)
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.url and not self.secret.get_secret_value():
            url, secret = ("webhook.url", "set"), ("webhook.secret", "")
            raise contradiction(url, "needs", secret, f"Set it; it {_KEY_HELP}.")
        return self


def _is_webhook_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        return False
    return text.startswith(_SECRET_PREFIX) and _SECRET_BYTES[0] <= len(key) <= _SECRET_BYTES[1]


class MetricsSettings(Section):
    """The networks that may read the metrics without a token."""

    networks: Networks = ""

    @property
    def open_to(self) -> tuple[str, ...]:
        """Return the networks."""
        return split(self.networks)


class ProbeSettings(Section):
    """The hosts, addresses and ports of APIs that may be looked at, and whether that happens every day."""

    names: Patterns = ""
    networks: Networks = ""
    api_ports: Ports = "443, 8443"
    daily: bool = True

    @property
    def rules(self) -> ProbeRules:
        """Return the rules for targets."""
        return ProbeRules(split(self.names), split(self.networks), tuple(map(int, split(self.api_ports))))
