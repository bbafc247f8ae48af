"""Sends webhooks (Standard Webhooks 1.0) to the one address of the settings, and to no other.

No redirect is followed, no proxy or password of the environment is used, and of the answer nothing is read but its
status. The address may hold a secret, so that only its host is ever shown.
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

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
_TIMEOUT_SECONDS: Final = (5, 15)  # to connect, and between two parts of the answer
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Where to send, and the secret: `whsec_` and base64. `ca_file` as for mail."""

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
        """Scheme and host of the address: its path may be a secret."""
        parts = urlsplit(self._options.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return (f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else ""),)

    def send(self, message: Message) -> Failure | None:
        """One POST; see the port."""
        body = json.dumps(dict(message.event), separators=(",", ":")).encode()
        try:
            status = self._post(body, self._headers(message.message_id, body))
        except requests.exceptions.SSLError:
            return Failure("the certificate of the webhook's server is not good: see webhook.ca_file")
        except requests.exceptions.Timeout:
            return Failure("the webhook's server does not answer in time")
        except (requests.exceptions.RequestException, OSError) as error:  # its text would show the address
            return Failure(f"the webhook's server cannot be reached ({type(error).__name__})")
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
                stream=True,  # the body of the answer stays unread
                verify=self._options.ca_file or True,
            ) as answer:
                return answer.status_code

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        """The signature covers id, time and body (Standard Webhooks, "Signature scheme")."""
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
        return Failure(f"the webhook's server answers {status}, and redirects are not followed: mend webhook.url", True)
    return Failure(f"the webhook's server answers {status}", is_final=status == _GONE)
