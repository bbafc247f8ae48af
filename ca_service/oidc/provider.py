"""The OpenID provider: authorization code flow with PKCE, and validation of ID tokens.

OpenID Connect Core 1.0, 3.1; Discovery 1.0; RFC 7636. Authlib is imported at the first sign-in: it takes longer than
the rest of a start.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from requests import PreparedRequest, RequestException, Response, Session
from requests.adapters import HTTPAdapter

from ca_service.authority.people.single_sign_on import Attempt, untrusted
from ca_service.authority.ports import Clock
from ca_service.errors import ConfigurationError, NotReady, Rule

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session

OIDC_EXTRA: Final = Rule(
    "oidc.extra",
    "oidc.issuer is set, but the OpenID client is not installed.",
    "Install the extras: .venv/bin/pip install --require-hashes -r config/requirements/extras.txt. In a container: "
    "build the image with --build-arg REQUIREMENTS=extras.",
)
OIDC_UNREACHABLE: Final = Rule(
    "oidc.unreachable",
    "The sign-in service does not answer correctly.",
    "Try again later, or sign in with a local account. The log contains the reason.",
)
OIDC_BUSY: Final = Rule(
    "oidc.busy",
    "Several people are signing in at the moment, or the sign-in service is slow.",
    "Try again in a few seconds.",
)
OIDC_METADATA: Final = Rule(
    "oidc.metadata",
    "The sign-in service {issuer} cannot be used: {reason}.",
    "Ask the operator to set oidc.issuer to the exact issuer identifier of the service.",
)

#: Signatures that only the provider can make: not `none`, and not HMAC, whose key could be a public key.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
AT_ONCE: Final = 2  # sign-ins in one process: a slow provider must not block all threads
_PATIENCE: Final = 0.5  # seconds to wait for a free place
LEEWAY: Final = 60  # seconds by which the provider's clock may differ
TIMEOUT: Final = (3.05, 5.0)  # seconds: to connect, and of silence
MAX_BYTES: Final = 512 * 1024  # of one response
_SCOPE: Final = "openid profile email"
_KEY_TYPES: Final = ("RSA", "EC")
_log = logging.getLogger("ca_service.oidc")
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True, repr=False)
class Client:
    """The registration of this service at the provider. Its repr is hidden: it contains a secret."""

    issuer: str
    client_id: str
    client_secret: str


def require_extra(find: Callable[[str], object] = find_spec) -> None:
    """Raise ConfigurationError, with a remedy, if Authlib is not installed."""
    if find("authlib") is None:
        raise ConfigurationError.because(OIDC_EXTRA)


class OpenIDProvider:
    """The configured provider. Nothing is cached between sign-ins, so new keys are used immediately."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._places = threading.BoundedSemaphore(AT_ONCE)

    @property
    def issuer(self) -> str:
        """Return the issuer identifier, a URL."""
        return self._client.issuer

    def begin(self, attempt: Attempt, redirect_uri: str) -> str:
        """Return the URL for the browser. Raises NotReady if the provider is unreachable or its metadata is wrong."""
        with self._session(redirect_uri) as session:
            endpoint = _discover(session, self.issuer)["authorization_endpoint"]
            again = {"prompt": "login", "max_age": "0"} if attempt.afresh else {}
            url, _ = session.create_authorization_url(
                endpoint, state=attempt.state, nonce=attempt.nonce, code_verifier=attempt.verifier, **again
            )
            return str(url)

    def finish(self, attempt: Attempt, redirect_uri: str, code: str) -> Mapping[str, object]:
        """Exchange the code for an ID token, and return its verified claims."""
        with self._session(redirect_uri) as session:
            metadata = _discover(session, self.issuer)
            token = _fetch_token(session, metadata, code, attempt.verifier)
            keys = _get(session, metadata["jwks_uri"])
            return self._verified(token, keys, attempt.nonce)

    @contextmanager
    def _session(self, redirect_uri: str) -> Iterator[OAuth2Session]:
        """Return a session with the provider. Raises NotReady if all places are taken, or if the session fails."""
        if not self._places.acquire(timeout=_PATIENCE):
            raise NotReady.because(OIDC_BUSY)
        try:
            with self._opened(redirect_uri) as session:
                yield session
        except (RequestException, ValueError) as error:
            _log.warning("%s does not answer as it should: %s: %s", self.issuer, type(error).__name__, error)
            raise NotReady.because(OIDC_UNREACHABLE) from error
        finally:
            self._places.release()

    def _opened(self, redirect_uri: str) -> OAuth2Session:
        from authlib.integrations.requests_client import OAuth2Session

        session = OAuth2Session(
            self._client.client_id,
            self._client.client_secret,
            scope=_SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        _confine(session, self.issuer)
        return session

    def _verified(self, token: Mapping[str, Any], keys: Mapping[str, Any], nonce: str) -> Mapping[str, object]:
        """Return the claims of the ID token after verification of signature, issuer and times (Core, 3.1.3.7)."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jws, jwt
        from joserfc.errors import JoseError

        registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        client_id = self._client.client_id
        must = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": client_id},
            "sub": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        }
        given = {"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")}
        try:
            decoded = jwt.decode(str(token.get("id_token", "")), _key_set(keys), registry=registry)
            claims = CodeIDToken(decoded.claims, decoded.header, must, given)
            claims.validate(now=int(self._clock().timestamp()), leeway=LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise untrusted(_reason(error)) from error
        return dict(claims)


def _discover(session: OAuth2Session, issuer: str) -> dict[str, Any]:
    """Return the metadata of the provider (Discovery, 4). All endpoints must be on its own host."""
    found = _get(session, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise NotReady.because(OIDC_METADATA, issuer=issuer, reason="its issuer identifier is another one")
    for name in _ENDPOINTS:
        if not isinstance(found.get(name), str) or _origin_of(found[name]) != _origin_of(issuer):
            raise NotReady.because(OIDC_METADATA, issuer=issuer, reason=f"its {name} is not on its own host")
    return found


def _fetch_token(session: OAuth2Session, metadata: Mapping[str, Any], code: str, verifier: str) -> Mapping[str, Any]:
    from authlib.integrations.base_client import OAuthError

    methods = metadata.get("token_endpoint_auth_methods_supported")
    if isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods:
        session.token_endpoint_auth_method = "client_secret_post"  # noqa: S105 - the name of a method
    try:
        token: Mapping[str, Any] = session.fetch_token(
            metadata["token_endpoint"],
            grant_type="authorization_code",
            code=code,
            code_verifier=verifier,
            allow_redirects=False,
        )
    except OAuthError as error:
        raise untrusted("it rejects the code") from error
    return token


def _get(session: OAuth2Session, url: str) -> dict[str, Any]:
    """Return the JSON object at this URL. Raises ValueError for any other response."""
    response = session.get(url, withhold_token=True, allow_redirects=False, headers={"Accept": "application/json"})
    if response.status_code != 200:
        raise ValueError(f"it answers with {response.status_code}")
    found = json.loads(response.content)
    if not isinstance(found, dict):
        raise ValueError("it does not answer with a JSON object")
    return found


def _key_set(found: Mapping[str, Any]) -> Any:
    """Return the signing keys, without others such as encryption keys."""
    from joserfc.jwk import KeySet

    listed = found.get("keys")
    wanted = [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig"
    ]
    return KeySet.import_key_set({"keys": wanted})


def _reason(error: Exception) -> str:
    """Return why a token is invalid, in the words of the libraries, without any content of the token."""
    claim = getattr(error, "claim", "") or ""
    kind = str(getattr(error, "error", "") or "it cannot be read").replace("_", " ")
    return f"{kind} ({claim})" if claim else kind


def _origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, for comparison."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _confine(session: Session, issuer: str) -> None:
    """Limit the session to the host of the issuer. Any other URL is an error of requests."""
    session.adapters.clear()
    session.mount(f"{_origin_of(issuer)}/", _Limited(max_retries=0))


class _Limited(HTTPAdapter):
    """An adapter with our limits of time and size."""

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """Send, and read the whole response. Raises ValueError if it is too large."""
        response = super().send(request, *arguments, **(options | {"timeout": TIMEOUT, "stream": True}))
        body = b""
        with closing(response):
            for piece in response.iter_content(64 * 1024):
                body += piece
                if len(body) > MAX_BYTES:
                    raise ValueError("the answer is too large")
        response._content = body  # as requests does without streaming
        return response
