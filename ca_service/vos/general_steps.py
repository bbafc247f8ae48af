"""Steps for a node of an unknown product, and for a plain server."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Final

from ca_service.vos.phrases import phrase
from ca_service.vos.purposes import Purpose
from ca_service.vos.runbook_parts import MENU, before_port
from ca_service.vos.steps import Runbook, Section, Step

_CHECK_SERVER: Final = "openssl s_client -connect {at}:443 -servername {name} -CAfile {root} </dev/null"


def vos_steps(purpose: Purpose, trust_files: Sequence[str], leaf_file: str) -> tuple[Step, ...]:
    """Return the uploads to a VOS node of an unknown product; the trust files in the order of upload, root first.

    Restart and check depend on the product, so the first step asks for it instead of listing those of every product.
    """
    return (
        Step(
            "Choose the product",
            "Choose it on the page of the certificate, or run ca-service sign again with --product and --version-of "
            "(API: product, version): you get the same certificate, with the steps for settings, restart and check.",
            is_preface=True,
        ),
        *(_trust(file, purpose, is_first=number == 0) for number, file in enumerate(trust_files)),
        _upload(leaf_file, purpose),
    )


def _trust(file: str, purpose: Purpose, *, is_first: bool) -> Step:
    text = phrase(
        "On the publisher, which passes it on to its subscribers, or on the standalone server: on {menu}, choose "
        "Upload Certificate/Certificate chain, the purpose below, this file. Skip it where the same certificate is "
        "there already.",
        menu=MENU,
    )
    again = "In the same way, to the same places."
    return Step(phrase("Upload {file}", file=file), text if is_first else again, files=(file,), purpose=purpose.trust)


def _upload(file: str, purpose: Purpose) -> Step:
    text = phrase(
        "On the node that created the CSR, on the same page: purpose {purpose} (not {other}), this file. The node "
        "deletes the CSR after the upload: another certificate needs a new CSR.",
        purpose=purpose.service,
        other=purpose.service.removesuffix("-ECDSA"),
    )
    return Step(phrase("Upload {file}", file=file), text, files=(file,), purpose=purpose.service)


def server_steps(host: str, trust_files: Sequence[str], leaf_file: str, full_chain_file: str) -> tuple[Step, ...]:
    """Return the steps for a plain TLS server and for those who connect to it."""
    return (
        Step(
            phrase("Install {file} on the server", file=full_chain_file),
            "Give the server this file (leaf, then intermediate) and the private key of the CSR. "
            "nginx: ssl_certificate and ssl_certificate_key; Apache: SSLCertificateFile and SSLCertificateKeyFile.",
            files=(full_chain_file,),
        ),
        Step(
            phrase("Or install {file}", file=leaf_file),
            "The leaf alone, for a server that needs a separate file.",
            files=(leaf_file,),
        ),
        Step(
            phrase("Let clients trust {file}", file=trust_files[0]),
            "Install it in the trust store of each client.",
            files=(trust_files[0],),
        ),
        Step(
            "Check that the server presents it",
            "Run this on another computer. The answer must contain: Verify return code: 0 (ok).",
            terminal=(_CHECK_SERVER.format(at=before_port(host), name=quote(host), root=trust_files[0]),),
        ),
    )


def client_steps(leaf_file: str, full_chain_file: str) -> tuple[Step, ...]:
    """Return the steps for a TLS client and for the servers that it signs in to."""
    return (
        Step(
            phrase("Install {file} on the client", file=full_chain_file),
            "Give the client this file (leaf, then intermediate) and the private key of the CSR. "
            "curl: --cert and --key.",
            files=(full_chain_file,),
        ),
        Step(
            phrase("Or install {file}", file=leaf_file),
            "The leaf alone, for a client that needs a separate file.",
            files=(leaf_file,),
        ),
        Step(
            "Let the servers trust the root",
            "Name the root certificate of this bundle as the authority of clients. nginx: ssl_client_certificate, with "
            "ssl_verify_client and ssl_verify_depth 2; Apache: SSLCACertificateFile, with SSLVerifyClient and "
            "SSLVerifyDepth 2. Then check the name of the client, too: each certificate of the authority is accepted.",
        ),
    )


def request_step(host: str, purpose: str) -> Step:
    """Return the step that generates a new CSR on a VOS node of any product."""
    return Step(
        phrase("Generate the CSR for {purpose} on {node}", purpose=purpose, node=host),
        phrase(
            "On {menu}, choose Generate CSR, purpose {purpose}. Leave common name and Parent Domain as they are filled "
            "in. Then choose Download CSR. Generate no other CSR until the new certificate is uploaded: it silently "
            "replaces this one and its key.",
            menu=MENU,
            purpose=purpose,
        ),
        nodes=(host,),
    )


def general_runbook(title: str, steps: Sequence[Step]) -> Runbook:
    """Steps without sections as a runbook."""
    prefaces = tuple(step for step in steps if step.is_preface)
    return Runbook(title, prefaces, (Section("", "", tuple(step for step in steps if not step.is_preface)),))
