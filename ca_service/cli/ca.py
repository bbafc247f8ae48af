"""`ca`: the root and the intermediate, their state and their public certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal

import click
from cryptography import x509

from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.cli import ca_external, root_key
from ca_service.cli.console import fields
from ca_service.cli.exits import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import STANDARD
from ca_service.cli.outputs import Target
from ca_service.cli.packaging import force_option
from ca_service.cli.session import Session, pass_session
from ca_service.documents.authorities import (
    AuthorityCertificateDocument,
    AuthorityDocument,
    ChainFileDocument,
    HierarchyDocument,
    authority_documents,
)
from ca_service.errors import InvalidInput
from ca_service.pki import encodings
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible
from ca_service.vos import formats
from ca_service.vos.file_names import safe_name

_ENCODERS: Final[dict[str, Callable[[Sequence[x509.Certificate]], bytes]]] = {
    **formats.CHAIN_ENCODINGS,
    "der": lambda chain: encodings.der(chain[0]),
    "p12": encodings.trust_store,
}
_STATES: Final = {
    "none": "There is no authority yet: run `ca-service init`.",
    "incomplete": "The authority is not finished: run `ca-service init` again.",
    "pending": "The intermediate waits for its certificate from an external root: `ca-service ca install`.",
    "ready": "The authority can sign.",
}
State = Literal["none", "incomplete", "pending", "ready"]
_EXIT_CODES: Final = {"ready": ExitCode.OK, "pending": ExitCode.PENDING}


@declare("show", "ca-service ca show")
@pass_session
def show(session: Session) -> ExitCode:
    """Show the root and the intermediate, and their state.

    Exit code 3: an intermediate waits for its certificate. Exit code 1: no authority can sign for another reason.
    """
    records = session.ready().hierarchy.list_issuers()
    state = _state(records)
    document = HierarchyDocument(state=state, authorities=authority_documents(records))
    session.console.answer(
        document, (_STATES[state], *(line for record in records for line in authority_lines(record)))
    )
    return _EXIT_CODES.get(state, ExitCode.ERROR)


def _state(records: Sequence[IssuerRecord]) -> State:
    if not records:
        return "none"
    if any(record.certificate_der is None for record in records):
        return "pending"
    return "ready" if any(record.is_issuing for record in records) else "incomplete"


def authority_lines(record: IssuerRecord) -> Iterator[str]:
    """Yield an authority for a person: what it is, how far it is, and what one compares."""
    certificate = AuthorityDocument.of(record).certificate
    yield f"{record.id}: {visible(record.name)}{' (issues)' if record.is_issuing else ''}"
    pairs = _decoded(certificate) if certificate else ()
    yield from fields([*pairs, ("key file", "kept here" if record.key_id else "not here")])


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
    """Write the public certificates, intermediate first, root last.

    p12 is a trust store for Java with the password changeit: its content is public.
    """
    if out is None and format_ in formats.CHAIN_ENCODINGS and not session.console.as_json:
        out = STANDARD
    target = Target(out, force)
    target.check(session.console)
    authority = session.ready().hierarchy.active()
    chain = {"root": authority.chain[-1:], "intermediate": authority.chain[:1]}.get(only or "", authority.chain)
    _require_single(format_, len(chain))
    name = f"{safe_name(authority.record.name)}-{only or 'ca-chain'}.{format_}"
    path = target.write(name, _ENCODERS[format_](chain))
    if path is not None:
        certificates = [encodings.pem(certificate).decode() for certificate in chain]
        session.console.answer(
            ChainFileDocument(file=str(path), certificates=certificates), [f"Written: {visible(str(path))}"]
        )


def _require_single(format_: str, count: int) -> None:
    if format_ == "der" and count != 1:
        raise InvalidInput(formats.FORMAT_SINGLE.at("/format", count=count))


command = click.Group(
    "ca",
    commands=[
        show,
        export,
        ca_external.import_,
        ca_external.request,
        ca_external.install,
        root_key.command,
    ],
    help="Manage the root and the intermediate.",
)
