"""The certificate management API of an emulated node, over HTTPS, with the faults that nodes have shown."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections.abc import Callable, Collection
from enum import StrEnum
from http.server import BaseHTTPRequestHandler
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509

from ca_service.lab.node import SERVICES, STORE, LabNode, NodeRefusal
from ca_service.vos import certificate_api

_MAX_BODY: Final = 4 * 1024 * 1024
_SLOW_SECONDS: Final = 10.0


class Fault(StrEnum):
    """A fault of the API."""

    HTML = "html"  # a sign-in page with status 200 in place of JSON
    REDIRECT = "redirect"  # to the sign-in page of single sign-on
    SLOW = "slow"  # ten seconds for each call
    OBJECTS = "objects"  # trust lists are objects, and not arrays
    TEXT_ERRORS = "text-errors"  # errors are no JSON
    TLS_13_ONLY = "tls-1.3-only"  # no handshake with less


class APIHandler(BaseHTTPRequestHandler):
    """Answers the calls to one node. `node`, `faults` and `seconds` are set by the server."""

    node: LabNode
    faults: Collection[Fault] = ()
    slow_seconds: float = _SLOW_SECONDS
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:  # the name is the library's
        """Answer a call that reads."""
        self._answer()

    def do_POST(self) -> None:  # the name is the library's
        """Answer a call that changes something."""
        self._answer()

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def _answer(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MAX_BODY))
        if Fault.SLOW in self.faults:
            time.sleep(self.slow_seconds)
        if Fault.REDIRECT in self.faults:
            self._send(302, b"", location="/ssosp/saml/login")
        elif Fault.HTML in self.faults:
            self._send(200, b"<html><title>Sign in</title></html>", kind="text/html;charset=UTF-8")
        else:
            self._judge(body)

    def _judge(self, body: bytes) -> None:
        try:
            self.node.sign_in(*self._credentials())
            status, answer = self._call(body)
        except NodeRefusal as refusal:
            self._refuse(refusal)
        else:
            self._send(status, json.dumps(answer).encode())

    def _refuse(self, refusal: NodeRefusal) -> None:
        if Fault.TEXT_ERRORS in self.faults:
            self._send(refusal.status, refusal.message.encode(), kind="text/plain")
        else:
            self._send(refusal.status, json.dumps({"message": refusal.message}).encode())

    def _credentials(self) -> tuple[str, str]:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = b64decode(value).decode().partition(":") if scheme == "Basic" else ("", "", "")
        except ValueError:
            return "", ""
        return user, password

    def _call(self, body: bytes) -> tuple[int, Any]:
        url = urlsplit(self.path)
        service = next(iter(parse_qs(url.query).get("service", ())), "tomcat")
        path = url.path.removeprefix(certificate_api.BASE)
        if self.command == "POST":
            return self._change(path, _document(body))
        reads: dict[str, Callable[[], object]] = {
            "/snapshot/server": self.node.snapshot,
            "/options": self.node.options,
            "/csr": lambda: {"csr": self.node.find_csr(service)},
            "/trust/certificate": self._trust_list,
            "/identity/certificate": lambda: self._identity(service),
        }
        if path not in reads:
            raise NodeRefusal(404, "Not found")
        return 200, reads[path]()

    def _trust_list(self) -> object:
        rows = [{"certificate": each["certificate"]} for each in self.node.snapshot()["trusts"][0]["certificate_data"]]
        return {"certificates": rows} if Fault.OBJECTS in self.faults else rows

    def _identity(self, service: str) -> object:
        rows = self.node.snapshot()["identities"]
        return next(({"certificate": each["certificate"]} for each in rows if each["service"] == service), {})

    def _change(self, path: str, document: dict[str, Any]) -> tuple[int, Any]:
        service = document.get("service")
        if path == "/csr":
            name, length = str(document.get("commonName", "")), document.get("keyLength")
            return 200, {"csr": self.node.generate_csr(str(service), name, length if isinstance(length, int) else 0)}
        certificates = _certificates(document)
        if path == "/trust/certificates" and service == [STORE]:
            self.node.upload_trust(certificates)
        elif path == "/identity/certificates" and service in SERVICES:
            self.node.upload_identity(str(service), certificates)
        else:
            raise NodeRefusal(400, f"{service} is not a service of {path}")
        return 201, {"message": "Success: Certificate Uploaded."}

    def _send(self, status: int, body: bytes, *, kind: str = "application/json", location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="CMPlatform Realm"')
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise NodeRefusal(400, "The body is not JSON") from error
    if not isinstance(found, dict):
        raise NodeRefusal(400, "The body is not an object")
    return found


def _certificates(document: dict[str, Any]) -> list[x509.Certificate]:
    try:
        return [x509.load_pem_x509_certificate(str(each).encode()) for each in document.get("certificates", ())]
    except ValueError as error:
        raise NodeRefusal(400, "Error while reading the certificate") from error
