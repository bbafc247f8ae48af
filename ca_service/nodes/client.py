"""The client of the certificate management API: it pins the peer before it sends anything, and follows nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Final

from cryptography import x509

from ca_service.authority.fleet.node_contact import NODE_SIGN_IN, Credentials, Place, Unanswered, Unprivileged
from ca_service.errors import (
    InvalidInput,
    NotAllowed,
    Refused,
    Rule,
    Severity,
    Unreachable,
)
from ca_service.nodes.wire import Limits, Stopwatch, connected, unreachable
from ca_service.pki import encodings, names
from ca_service.pki.visible_text import visible
from ca_service.vos import certificate_api as api
from ca_service.vos.certificate_api import Snapshot
from ca_service.vos.messages import explain
from ca_service.vos.purposes import Purpose

NODE_PEER: Final = Rule(
    "node.peer",
    "{host} presented another certificate in the middle of the run: {found}.",
    "The run ended, and nothing was sent to that peer. If the node was restarted, begin again.",
)
NODE_PRIVILEGE: Final = Rule(
    "node.privilege",
    "{host} does not let this user do that (403).",
    "The user needs privilege 1: `set account name` on the node.",
)
NODE_ANSWER: Final = Rule(
    "node.answer",
    "{host} answered with status {status} and {what} instead of JSON.",
    "Check that the port is that of the API, and that no sign-in page or proxy is in between. Redirects are not "
    "followed.",
)
NODE_REFUSED: Final = Rule(
    "node.refused",
    "{host} refused {what} (status {status}): {said}",
    "Look at the node: Certificate Management. The next run reads the node first, and repeats nothing.",
)
NODE_EXPLAINED: Final = Rule("node.explained", "{title}: {cause}", "{remedy}", Severity.NOTE)
NODE_USER: Final = Rule(
    "node.user", "The user name cannot be sent.", "Use the name of an administrator of the operating system."
)
NODE_PASSWORD_TEXT: Final = Rule(
    "node.password-text",
    "The password has half of a surrogate pair, which is no character, and cannot be sent.",
    "Type it again, or give it as UTF-8.",
)

SECONDS: Final = 120.0  # for a call, the connection included: nodes take their time over an upload
HANDSHAKE_SECONDS: Final = 20.0  # for the first contact
MAX_BYTES: Final = 16 * 1024 * 1024
_MAX_SAID: Final = 500
_DESCRIPTION: Final = "Trust certificate uploaded by ca-service"


class CertificateAPIClient:
    """Connects to nodes: without credentials for their certificate, with them for sessions."""

    def __init__(self, stopwatch: Stopwatch, seconds: float = SECONDS, max_bytes: int = MAX_BYTES) -> None:
        self._stopwatch = stopwatch
        self._seconds = seconds
        self._max_bytes = max_bytes

    def present(self, place: Place) -> x509.Certificate:
        """See the port."""
        limits = Limits(self._stopwatch, min(self._seconds, HANDSHAKE_SECONDS), self._max_bytes)
        with connected(place, limits) as wire:
            try:
                return x509.load_der_x509_certificate(wire.peer)
            except ValueError as error:
                raise unreachable(place, "its certificate cannot be read") from error

    def open(self, place: Place, fingerprint: str, credentials: Credentials) -> PinnedSession:
        """See the port. Raises InvalidInput for a user name or a password that HTTP cannot carry."""
        if ":" in credentials.user or not credentials.user.isprintable() or not credentials.user:
            raise InvalidInput(NODE_USER.at("/user"))
        if any("\ud800" <= character <= "\udfff" for character in credentials.password):
            raise InvalidInput(NODE_PASSWORD_TEXT.at("/password"))
        return PinnedSession(place, fingerprint, credentials, self._limits)

    def _limits(self) -> Limits:
        return Limits(self._stopwatch, self._seconds, self._max_bytes)


class PinnedSession:
    """The API of one node. Each call has a connection of its own, and compares the certificate before it sends."""

    def __init__(self, place: Place, fingerprint: str, credentials: Credentials, limits: Callable[[], Limits]) -> None:
        self._place = place
        self._fingerprint = fingerprint
        text = f"{credentials.user}:{credentials.password}"
        self._authorization = b64encode(text.encode()).decode()
        self._limits = limits

    def read(self) -> Snapshot:
        """See the port."""
        return api.read_snapshot(self._place.host, self._call("GET", api.SNAPSHOT, "the snapshot"))

    def read_options(self) -> str:
        """See the port."""
        said = json.dumps(self._call("GET", api.OPTIONS, "its options"), ensure_ascii=False)
        shown = visible(said[: _MAX_SAID + 1])
        return shown if len(shown) <= _MAX_SAID else f"{shown[: _MAX_SAID - 1]}\u2026"

    def generate_csr(self, purpose: Purpose, common_name: str, curve: str) -> None:
        """See the port."""
        self._call("POST", api.CSR, "a new CSR", api.csr_body(purpose, common_name, curve))

    def upload_trust(self, purpose: Purpose, authority: x509.Certificate) -> None:
        """See the port."""
        what = f"\u201c{names.label(authority.subject)}\u201d in {purpose.trust}"
        self._call("POST", api.TRUST, what, api.trust_body(purpose, _pem(authority), _DESCRIPTION))

    def upload_identity(self, purpose: Purpose, leaf: x509.Certificate) -> None:
        """See the port."""
        self._call("POST", api.IDENTITY, "the certificate", api.identity_body(purpose, _pem(leaf)))

    def _call(self, method: str, path: str, what: str, body: bytes = b"") -> object:
        """Make one call; return its JSON, None for an empty answer to a POST."""
        place, is_sent = self._place, False
        try:
            with connected(place, self._limits()) as wire:
                found = hashlib.sha256(wire.peer).hexdigest()
                if not hmac.compare_digest(found, self._fingerprint):  # before a single byte of the request
                    raise Unreachable.because(NODE_PEER, host=place.host, found=found)
                is_sent = True
                wire.send(self._request(method, path, body))
                status, kind, answer = wire.receive(method)
        except Unreachable as error:
            if is_sent:
                raise Unanswered(*error.findings) from error
            raise
        return _judged(place.host, what, status, kind, answer, may_be_empty=method == "POST")

    def _request(self, method: str, path: str, body: bytes) -> bytes:
        host = names.bracketed(self._place.host)
        lines = (
            f"{method} {path} HTTP/1.1",
            f"Host: {host}:{self._place.port}",
            f"Authorization: Basic {self._authorization}",
            "Accept: application/json",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        return "\r\n".join((*lines, "", "")).encode() + body


def _judged(host: str, what: str, status: int, kind: str, answer: bytes, *, may_be_empty: bool) -> object:
    if status == 401:
        raise NotAllowed.because(NODE_SIGN_IN, host=host)
    if status == 403:
        raise Unprivileged.because(NODE_PRIVILEGE, host=host)
    text = answer.decode(errors="replace")
    if status >= 400:
        raise _refused(host, what, status, text)
    if status in (200, 201) and may_be_empty and not answer.strip():
        return None
    try:
        if status in (200, 201) and (kind == "application/json" or kind.endswith("+json")):
            document = json.loads(text)
            json.dumps(document, ensure_ascii=False).encode()  # raises for half of a surrogate pair
            return document
    except (ValueError, RecursionError):
        kind = "broken text"
    raise Unanswered.because(NODE_ANSWER, host=host, status=status, what=visible(kind)[:_MAX_SAID])


def _refused(host: str, what: str, status: int, text: str) -> Refused:
    """Return the refusal in the words of the node, with what is known of them."""
    said = visible(api.said_in(text))[:_MAX_SAID]
    notes = [
        NODE_EXPLAINED.at(
            title=each.message.title,
            cause=each.message.cause.text,
            remedy=" ".join(step.text for step in each.message.next),
        )
        for each in explain(said or text[:_MAX_SAID])[:1]
    ]
    return Refused(NODE_REFUSED.at(host=host, what=what, status=status, said=said or "no message as JSON"), *notes)


def _pem(certificate: x509.Certificate) -> str:
    return encodings.pem(certificate).decode()
