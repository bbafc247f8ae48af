"""Webhooks (Standard Webhooks 1.0) to the configured URL, and to no other.

Redirects are not followed, proxies and passwords of the environment are not used, and only the status of the response
is read. The URL may contain a secret, so only its host is shown.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import requests

from ca_service.authority.notices.records import Failure, Message
from ca_service.pki.names import bracketed

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix of every secret
_TIMEOUT_SECONDS: Final = (5, 15)  # to connect, and between two parts of the answer
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """The URL and the secret (`whsec_` and base64). `ca_file` as for mail."""

    url: str
    secret: str
    ca_file: str = ""


class Webhook:
    """The channel `webhook`."""

    name = "webhook"

    def __init__(self, options: WebhookOptions, clock: Callable[[], datetime]) -> None:
        self._options = options
        self._clock = clock
        self._key = base64.b64decode(options.secret.removeprefix(SECRET_PREFIX))

    @property
    def recipients(self) -> tuple[str, ...]:
        """Return scheme and host of the URL: its path may be a secret."""
        parts = urlsplit(self._options.url)
        host = bracketed(parts.hostname or "")
        return (f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else ""),)

    def send(self, message: Message) -> Failure | None:
        """Send one POST; return why it failed, or None."""
        body = json.dumps(dict(message.event), separators=(",", ":")).encode()
        try:
            status = self._post(body, self._headers(message.message_id, body))
        except requests.exceptions.SSLError:
            return Failure("the certificate of the webhook server is not trusted: check webhook.ca_file")
        except requests.exceptions.Timeout:
            return Failure("the webhook server does not answer in time")
        except (requests.exceptions.RequestException, OSError) as error:  # its text would show the URL
            return Failure(f"the webhook server cannot be reached ({type(error).__name__})")
        return _failure(status)

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        with requests.Session() as session:
            session.trust_env = False
            with session.post(
                self._options.url,
                data=body,
                headers=headers,
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,  # do not read the body of the response
                verify=self._options.ca_file or True,
            ) as answer:
                return answer.status_code

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        """Return the headers. The signature covers id, time and body (Standard Webhooks, "Signature scheme")."""
        moment = str(int(self._clock().timestamp()))
        signed = b".".join((message_id.encode(), moment.encode(), body))
        signature = base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()
        return {
            "Content-Type": "application/json",
            "User-Agent": "ca_service",
            "webhook-id": message_id,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{signature}",
        }


def _failure(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Failure(f"the webhook server answers {status}, and redirects are not followed: change webhook.url", True)
    return Failure(f"the webhook server answers {status}", is_final=status == _GONE)
