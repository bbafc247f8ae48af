"""The command line of an emulated node: the lines of a runbook can be pasted into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from ca_service.lab import materials
from ca_service.lab.node import SERVICES, STORE, LabNode, NodeRefusal

PROMPT: Final = "admin:"
_END: Final = "-----END CERTIFICATE-----"
_MAX_LINES: Final = 200
_UNKNOWN: Final = "Executed command unsuccessfully\nNo valid command entered\n"
_SWITCHING: Final = (
    "All nodes of the cluster must have the same certificate type. The system reboots in 1 minute (in this lab: "
    "immediately). Do you want to continue (y/n)? "
)
_SWITCHED: Final = (
    "After the system reboots, the self-signed and CA certificates of the servers, whose certificate type has changed, "
    "must be regenerated and re-uploaded into the client servers.\n"
)


class Console:
    """One sign-in at the command line. `read` returns a line, or nothing at the end of the input."""

    def __init__(self, node: LabNode, read: Callable[[], str]) -> None:
        self._node = node
        self._read = read

    def run(self) -> Iterator[str]:
        """Yield what the node prints, until the person leaves."""
        yield f"Command Line Interface of {self._node.host} (emulated)\n\n{PROMPT}"
        while line := self._read():
            if line.strip() in ("exit", "quit"):
                return
            try:
                yield from self._answer(line.split())
            except NodeRefusal as refusal:
                yield f"{refusal.message}\n"
            yield PROMPT

    def _answer(self, words: list[str]) -> Iterator[str]:
        match words:
            case [] | ["set", "cli", "pagination", "off"]:
                return
            case ["show", *what]:
                yield from self._shown(what)
            case ["set", "csr", "gen", unit]:
                self._node.generate_csr(unit, "", 384)
                yield f"Successfully Generated CSR for {unit}.\n"
            case ["set", "cert", "import", "trust", unit] if unit == STORE:
                yield "Paste the Certificate and Hit Enter\n"
                self._node.upload_trust([self._pasted()])
                yield f"Successfully imported certificate for {unit}.\n"
            case ["set", "cert", "import", "own", unit] if unit in SERVICES:
                yield "Paste the Certificate and Hit Enter\n"
                self._node.upload_identity(unit, [self._pasted()])
                yield f"Successfully imported certificate for {unit}. Please restart services related to {unit} for "
                yield "the new certificate to become active.\n"
            case ["set", "tls", "server", "cert_type", ("rsa" | "ecdsa") as kind] if self._node.cert_type:
                yield from self._switched(kind)
            case ["utils", "service", "restart", *name] if name:
                self._node.restart()
                service = " ".join(name)
                yield f"{service}[STOPPING]\n{service}[STARTING]\n{service}[STARTED]\n"
            case ["utils", "service", "list"]:
                yield "Cisco Tomcat[STARTED]\n"
            case ["utils", "system", "restart"]:
                self._node.restart()
                yield "Operation succeeded\n"
            case _:
                yield _UNKNOWN

    def _shown(self, words: list[str]) -> Iterator[str]:
        unit = words[-1].partition("/")[0] if words else ""
        match words:
            case ["csr", "own", _]:
                yield self._node.find_csr(unit)
            case ["cert", "list", "trust"]:
                yield from (f"{STORE}-trust/{name}.pem: {name}\n" for name in self._node.trusted())
            case ["cert", "own", _] if unit in SERVICES:
                certificate = self._node.certificate(unit)
                yield f"Subject: {certificate.subject.rfc4514_string()}\n"
                yield f"SHA-256: {certificate.fingerprint(SHA256()).hex()}\n{materials.text(certificate)}"
            case ["tls", "server", "cert_type"] if self._node.cert_type:
                yield f"{self._node.cert_type}\n"
            case _:
                yield _UNKNOWN

    def _switched(self, kind: str) -> Iterator[str]:
        yield _SWITCHING
        if self._read().strip() != "y":
            yield "Nothing was changed.\n"
        elif self._node.switch(kind):
            yield _SWITCHED
        else:
            yield f"The certificate type is {kind} already: the system does not reboot.\n"

    def _pasted(self) -> x509.Certificate:
        lines = list[str]()
        while (line := self._read()) and len(lines) < _MAX_LINES:
            lines.append(line.strip())
            if lines[-1] == _END:
                break
        try:
            return x509.load_pem_x509_certificate("\n".join(lines).encode())
        except ValueError as error:
            raise NodeRefusal(400, "Error while reading the certificate") from error
