"""The check "Will the node accept it?": a certificate of any CA with its CSR, chain and trust store."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flask import render_template, request
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.errors import CAServiceError, Finding, InvalidInput, Refused, Rule
from ca_service.pki import armour, encodings
from ca_service.pki.encodings import csr_pem
from ca_service.vos.fit import Files, Fit, Stage
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

FIT_CERTIFICATE: Final = Rule(
    "fit.certificate",
    "There is no certificate.",
    "Select the file that the CA returned, or paste it.",
)

_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Typed:
    """The contents of the form: files and pasted text as bytes, and as text to fill the form again."""

    csr: bytes = b""
    certificate: bytes = b""
    chain: tuple[bytes, ...] = ()
    trust: str = ""
    shown: dict[str, str] = field(default_factory=dict)


@blueprint.get("/fit")
@needs(Action.CHECK)
def fit() -> ResponseReturnValue:
    """Show the empty form."""
    return _page(Typed())


@blueprint.post("/fit")
@needs(Action.CHECK)
def judge_fit() -> ResponseReturnValue:
    """Show the result and the filled form."""
    typed = _typed()
    try:
        if not typed.certificate.strip():
            raise InvalidInput(_no_certificate())
        files = Files(typed.csr or None, typed.certificate, typed.chain, typed.trust)
        return _page(typed, installation().fit_checks.check(actor(), files))
    except (InvalidInput, Refused) as error:
        return _page(typed, findings=error.findings), status_of(error)


def _typed() -> Typed:
    csr, certificate, trust = (_one(name) for name in ("csr", "certificate", "trust"))
    chain = (*_files("chain"), *_blocks(request.form.get("chain_text", "")))
    return Typed(
        csr,
        certificate,
        chain,
        trust.decode("utf-8", "replace"),
        {
            "csr": _text(csr, lambda data: csr_pem(armour.unwrap(data))),
            "certificate": _text(certificate, _certificates_pem),
            "chain": "\n".join(filter(None, (_text(each, _certificates_pem).strip() for each in chain))),
            "trust": _text(trust, lambda data: data.decode("utf-8", "replace")),
        },
    )


def _one(name: str) -> bytes:
    """Prefer the file to the text field, which may still hold the previous input."""
    return next(iter(_files(name)), request.form.get(f"{name}_text", "").encode())


def _files(name: str) -> tuple[bytes, ...]:
    return tuple(file.read() for file in request.files.getlist(name) if file.filename)


def _blocks(text: str) -> tuple[bytes, ...]:
    """Split pasted CA certificates: each one counts as a separate file, as it would be uploaded."""
    found = tuple(block[0].encode() for block in _PEM.finditer(text))
    return found or ((text.encode(),) if text.strip() else ())


def _text(data: bytes, as_pem: Callable[[bytes], str]) -> str:
    """Return the text to fill the form again: text unchanged, a binary file as PEM, never a private key."""
    if not data or b"PRIVATE KEY" in data:
        return ""
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        pass
    try:
        return as_pem(data)
    except CAServiceError:
        return ""


def _certificates_pem(data: bytes) -> str:
    return encodings.pem_chain(encodings.load_certificates(data)).decode("ascii")


def _no_certificate() -> Finding:
    return FIT_CERTIFICATE.at("/certificate")


def _page(typed: Typed, found: Fit | None = None, findings: tuple[Finding, ...] = ()) -> str:
    return render_template("fit.html", shown=typed.shown, fit=found, findings=findings, stages=tuple(Stage))
