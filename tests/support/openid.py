"""An OpenID provider on loopback, which is honest until it is told to lie; and stand-ins for the ports."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.people.records import AccountRecord
from ca_service.authority.people.single_sign_on import Attempt, ExternalIdentity, external_name_taken
from ca_service.authority.people.store import AccountStore
from ca_service.errors import Conflict

CLIENT_ID: Final = "ca-service"
CLIENT_SECRET: Final = "a secret of the client"
PERSON: Final = {"sub": "248289761001", "preferred_username": "Vera", "groups": ["everybody", "voice"]}
Signer = Callable[[dict[str, Any], dict[str, Any]], str]


@cache
def rsa_key(name: str = "one") -> RSAKey:
    """A key of the provider; making one takes long."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


@cache
def ec_key() -> ECKey:
    """Another one."""
    return ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})


def signed_by(key: RSAKey | ECKey, algorithm: str = "RS256", **header: str) -> Signer:
    """Signs with this key, whatever the keys are that the provider publishes."""

    def sign(_header: dict[str, Any], claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": algorithm, "kid": key.kid} | header, claims, key, algorithms=[algorithm])

    return sign


def unsigned(_header: dict[str, Any], claims: dict[str, Any]) -> str:
    """`alg: none`."""
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def signed_with_hmac(secret: bytes) -> Signer:
    """HS256 with something that is known outside."""

    def sign(header: dict[str, Any], claims: dict[str, Any]) -> str:
        text = f"{_part(header | {'alg': 'HS256'})}.{_part(claims)}"
        mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
        return f"{text}.{_encoded(mac)}"

    return sign


def _part(value: object) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(slots=True)
class Provider:
    """What the provider says. `lies` stand in the ID token above what is true; None leaves a claim out.

    `metadata` and `answers` do the same to its description, and to whole answers by their path:
    (status, headers, body). `asked` are the paths that it was asked for. It says nothing until `awake`.
    """

    issuer: str
    now: Callable[[], Any]
    person: dict[str, Any] = field(default_factory=lambda: dict(PERSON))
    lies: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    sign: Signer = field(default_factory=lambda: signed_by(rsa_key()))
    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [rsa_key().as_dict(private=False), ec_key().as_dict(private=False)]
    )
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    awake: threading.Event = field(default_factory=threading.Event)

    def sign_in(self, url: str) -> str:
        """What the browser of somebody does who signs in there: the address to which it is sent back."""
        answer = requests.get(url, allow_redirects=False, timeout=5)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def description(self) -> dict[str, Any]:
        """Discovery 1.0, 3."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        } | self.metadata

    def authorize(self, query: dict[str, str]) -> str:
        """Everybody signs in at once."""
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT_ID)
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """RFC 6749, 4.1.3 and RFC 7636, 4.6: a code is good once, for its redirect URI and its verifier."""
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = _encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        basic = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        is_client = authorization == basic or form.get("client_secret") == CLIENT_SECRET
        if not asked or not is_client or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        if challenge != asked["code_challenge"]:
            return None
        at = int(self.now().timestamp())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": at, "exp": at + 300, "nonce": asked["nonce"]}
        claims["auth_time"] = at if asked.get("prompt") == "login" else at - 3600
        told = {name: value for name, value in (claims | self.person | self.lies).items() if value is not None}
        id_token = self.sign({"typ": "JWT", "kid": "one"}, told)
        return {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": id_token}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        """Discovery, keys, and the page where people sign in."""
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if parts.path.endswith("/authorize"):
            self._send(302, {"Location": self.provider.authorize(query)}, b"")
        elif parts.path.endswith("/jwks"):
            self._answer({"keys": self.provider.keys})
        else:
            self._answer(self.provider.description())

    def do_POST(self) -> None:
        """The token endpoint."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        found = self.provider.token(form, self.headers.get("Authorization", ""))
        self._answer(found or {"error": "invalid_grant"}, 200 if found else 400)

    def _answer(self, document: Mapping[str, Any], status: int = 200) -> None:
        self._send(status, {"Content-Type": "application/json"}, json.dumps(document).encode())

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        path = urlsplit(self.path).path
        self.provider.asked.append(path)
        self.provider.awake.wait(timeout=10)
        status, headers, body = self.provider.answers.get(path, (status, dict(headers), body))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing."""


@contextmanager
def serving_provider(now: Callable[[], Any], path: str = "") -> Iterator[Provider]:
    """A provider on a free port until the end of the block."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    provider = handler.provider = Provider(f"http://127.0.0.1:{server.server_port}{path}", now)  # type: ignore[attr-defined]
    provider.awake.set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(slots=True)
class FakeProvider:
    """The port: says what it is told to say."""

    claims: dict[str, object] = field(default_factory=lambda: dict(PERSON))
    issuer: str = "https://idp.example.com"

    def begin(self, attempt: Attempt, redirect_uri: str) -> str:
        """See the port."""
        return f"{self.issuer}/authorize?{urlencode({'state': attempt.state, 'redirect_uri': redirect_uri})}"

    def finish(self, attempt: Attempt, redirect_uri: str, code: str) -> Mapping[str, object]:  # noqa: ARG002
        """See the port."""
        return self.claims


@dataclass(slots=True)
class InMemoryIdentityStore:
    """Who signs in elsewhere, in a dictionary above a store of accounts."""

    accounts: AccountStore
    _ids: dict[ExternalIdentity, int] = field(default_factory=dict)

    def find_account(self, identity: ExternalIdentity) -> AccountRecord | None:
        """See the port."""
        return self.accounts.find_account_by_id(self._ids[identity]) if identity in self._ids else None

    def has_identity(self, account_id: int) -> bool:
        """See the port."""
        return account_id in self._ids.values()

    def add_account(self, identity: ExternalIdentity, account: AccountRecord, event: AuditEvent) -> AccountRecord:
        """See the port."""
        found = self.find_account(identity)
        if found is not None:
            return found
        try:
            added = self.accounts.add_account(account, event)
        except Conflict as error:
            raise external_name_taken(account.name) from error
        self._ids[identity] = added.id
        return added
