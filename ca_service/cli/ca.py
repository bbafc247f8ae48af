"""`ca`: the root and the intermediate, made here, imported, or under an external root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import click
from cryptography import x509

from ca_service.authority.installation import Installation
from ca_service.cli import ca_setup, root_key
from ca_service.cli.api import API
from ca_service.cli.console import fields
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import STANDARD
from ca_service.cli.outputs import Target, force_option
from ca_service.cli.remote import chain_there
from ca_service.cli.session import Session, pass_session
from ca_service.documents.authorities import (
    AuthorityCertificateDocument,
    AuthorityDocument,
    ChainFileDocument,
    HierarchyDocument,
)
from ca_service.errors import InvalidInput
from ca_service.pki import encodings
from ca_service.pki.chain import Chain
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible
from ca_service.vos import formats
from ca_service.vos.file_names import safe_name

_ENCODERS: Final[dict[str, Callable[[Sequence[x509.Certificate]], bytes]]] = {
    **formats.CHAIN_ENCODINGS,
    "der": lambda chain: encodings.der(chain[0]),
    "p12": lambda chain: encodings.trust_store(chain[-1]),
}
_STATES: Final = {
    "none": "There is no authority yet: run `ca-service init`.",
    "incomplete": "The authority is not finished: run `ca-service init` again.",
    "pending": "The intermediate waits for its certificate from an external root: `ca-service ca install`.",
    "revoked": "The intermediate is revoked or on hold, and signs nothing. Create the next: `ca-service ca rollover`.",
    "ready": "The authority can sign.",
}
_EXIT_CODES: Final = {"ready": ExitCode.OK, "pending": ExitCode.PENDING}


@declare("show", "ca-service ca show")
@pass_session
def show(session: Session) -> ExitCode:
    """Show the root and the intermediate, and their state.

    Exit code 3: an intermediate waits for its certificate. Exit code 1: no authority can sign for another reason.
    """
    found = session.ask(
        lambda here: HierarchyDocument.of(here.hierarchy.list_issuers(), here.trusted.is_good),
        lambda api: api.get(HierarchyDocument, "authorities"),
    )
    session.console.answer(
        found, (_STATES[found.state], *(line for each in found.authorities for line in authority_lines(each)))
    )
    return _EXIT_CODES.get(found.state, ExitCode.ERROR)


def authority_lines(found: AuthorityDocument) -> Iterator[str]:
    """Yield an authority for a person: what it is, how far it is, and what one compares."""
    states = {
        " (issues)": found.is_issuing,
        " (waits for its certificate)": found.is_pending,
        " (revoked or on hold)": found.is_revoked,
    }
    state = next((text for text, is_so in states.items() if is_so), "")
    yield f"{visible(found.id)}: {visible(found.name)}{state}"
    pairs = _decoded(found.certificate) if found.certificate else ()
    key = () if found.has_key is None else (("key file", "kept here" if found.has_key else "not here"),)
    yield from fields([*pairs, *key])


def _decoded(certificate: AuthorityCertificateDocument) -> Iterable[tuple[str, str]]:
    return (
        ("subject", certificate.subject),
        ("serial", certificate.serial_number),
        ("from", time_text(certificate.not_before)),
        ("until", time_text(certificate.not_after)),
        ("key", certificate.key),
        ("SHA-256", certificate.fingerprint),
    )


@declare(
    "export",
    "ca-service ca export > chain.pem",
    "ca-service ca export --only root --format der --out root.der",
    "ca-service ca export --format p12 --out truststore.p12",
)
@click.option("--only", type=click.Choice(("root", "intermediate")), help="One certificate.  [default: all]")
@click.option(
    "--format", "format_", type=click.Choice(tuple(_ENCODERS)), default="pem", show_default=True, help="Form."
)
@click.option(
    "--out",
    metavar="FILE",
    help="File or folder to write to; `-` is standard output.  "
    "[default: standard output for pem and p7b, a named file here for der and p12]",
)
@force_option
@pass_session
def export(session: Session, only: str | None, format_: str, out: str | None, force: bool) -> None:
    """Write the public certificates, intermediate first, root last. A revoked intermediate is left out.

    p12 is a trust store for Java with the root alone and the password changeit: its content is public.
    """
    if format_ == "p12" and only == "intermediate":
        raise click.UsageError("A trust store contains the root alone.", click.get_current_context())
    if out is None and format_ in formats.CHAIN_ENCODINGS and not session.console.as_json:
        out = STANDARD
    target = Target(out, force)
    target.check(session.console)
    only = "root" if format_ == "p12" else only
    name, whole = session.ask(lambda here: _chain_here(here, only), lambda api: _chain_there(api, only))
    chain = _part(whole, only)
    _require_single(format_, len(chain))
    path = target.write(f"{safe_name(name)}-{only or 'ca-chain'}.{format_}", _ENCODERS[format_](chain))
    if path is not None:
        certificates = [encodings.pem(certificate).decode() for certificate in chain]
        session.console.answer(
            ChainFileDocument(file=str(path), certificates=certificates), [f"Written: {visible(str(path))}"]
        )


def _chain_here(installation: Installation, only: str | None) -> tuple[str, Chain]:
    authority = installation.hierarchy.active()
    if only == "intermediate":
        installation.trusted.require([authority.record.id])
    return authority.record.name, installation.trusted.chain()


def _chain_there(api: API, only: str | None) -> tuple[str, Chain]:
    name, chain = chain_there(api)
    if only == "intermediate" and len(chain) == 1:
        raise api.unexpected("its intermediate is revoked")
    return name, chain


def _part(chain: Chain, only: str | None) -> Chain:
    return {"root": chain[-1:], "intermediate": chain[:1]}.get(only or "", chain)


def _require_single(format_: str, count: int) -> None:
    if format_ == "der" and count != 1:
        raise InvalidInput(formats.FORMAT_SINGLE.at("/format", count=count))


command = click.Group(
    "ca",
    commands=[
        show,
        export,
        ca_setup.import_,
        ca_setup.request,
        ca_setup.install,
        ca_setup.rollover,
        root_key.command,
    ],
    help="Manage the root and the intermediate.",
)
