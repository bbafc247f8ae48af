"""`ca`: the root and the intermediate, made here, imported, or under an external root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import click
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.installation import Installation
from ca_service.cli import root_key
from ca_service.cli.api import API
from ca_service.cli.console import fields
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import STANDARD, find_passphrase, read_file, read_files
from ca_service.cli.outputs import Target, force_option
from ca_service.cli.remote import chain_there
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.authorities import (
    AuthorityCertificateDocument,
    AuthorityDocument,
    ChainFileDocument,
    CSRDocument,
    HierarchyDocument,
    ImportedDocument,
    authority_documents,
)
from ca_service.documents.findings import finding_documents
from ca_service.errors import InvalidInput
from ca_service.pki import encodings, keys
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
    "revoked": "The intermediate is revoked or on hold, and signs nothing. Set up another authority in another folder.",
    "ready": "The authority can sign.",
}
_EXIT_CODES: Final = {"ready": ExitCode.OK, "pending": ExitCode.PENDING}


@declare(
    "import",
    "ca-service ca import --certificate intermediate.pem --certificate root.pem --key intermediate.key",
    "ca-service ca import --pkcs12 ca.p12 --passphrase-file passphrase",
)
@click.option(
    "--certificate",
    "certificates",
    multiple=True,
    metavar="FILE",
    help="File with certificates; repeat the option for each file.",
)
@click.option("--key", metavar="FILE", help="Private key of the intermediate.")
@click.option("--root-key", metavar="FILE", help="Private key of the root, if it should be stored here.")
@click.option("--pkcs12", metavar="FILE", help="Private key of the intermediate, and certificates, in one file.")
@click.option("--passphrase-file", metavar="FILE", help="File with the passphrase of the keys.")
@pass_session
def import_(
    session: Session,
    certificates: tuple[str, ...],
    key: str | None,
    root_key: str | None,
    pkcs12: str | None,
    passphrase_file: str | None,
) -> None:
    """Import an existing EC intermediate, with every certificate up to its root.

    The key comes from --key or from --pkcs12. It is stored encrypted in the instance folder; your file is not
    changed.
    """
    if (key is None) == (pkcs12 is None):
        raise click.UsageError("Give either --key or --pkcs12.", click.get_current_context())
    passphrase = find_passphrase(passphrase_file)
    intermediate_key, contained = _pair(key, pkcs12, passphrase)
    chain = (*contained, *_certificates(certificates))
    kept_root_key = _private_key(root_key, passphrase) if root_key else None
    installation = session.upgraded()
    records = installation.external.import_authority(operator(), chain, intermediate_key, kept_root_key)
    installation.identity.settle()
    _answer(session, records, "Imported")


def _pair(
    key: str | None, pkcs12: str | None, passphrase: bytes | None
) -> tuple[ec.EllipticCurvePrivateKey, tuple[x509.Certificate, ...]]:
    """Return the key of the intermediate, and the certificates that came in one file with it."""
    if pkcs12 is not None:
        return encodings.load_pkcs12(read_file(pkcs12), passphrase)
    return _private_key(str(key), passphrase), ()


@declare("request", "ca-service ca request --name 'Example Lab' --out intermediate.csr")
@click.option("--name", help="Name of the authority.  [default: authority.name of the settings]")
@click.option(
    "--curve",
    type=click.Choice(keys.AUTHORITY_CURVES),
    help="Curve of the intermediate's key.  [default: authority.intermediate_curve of the settings]",
)
@click.option("--out", metavar="FILE", help="File or folder to write to.  [default: standard output]")
@force_option
@pass_session
def request(session: Session, name: str | None, curve: str | None, out: str | None, force: bool) -> None:
    """Write a CSR for an intermediate under an external EC root.

    The private key is created here and stays here. Running the command again returns a CSR for the same key.
    """
    target = Target(out or STANDARD, force)
    if out:
        target.check(session.console)
    installation = session.upgraded()
    plan = installation.plan
    pem = installation.external.request_intermediate(operator(), name or plan.name, curve or plan.intermediate_curve)
    path = target.write("intermediate.csr", pem) if out or not session.console.as_json else None
    if path or session.console.as_json:
        document = CSRDocument(pem=pem.decode(), file=str(path) if path else None)
        session.console.answer(document, [f"Written: {visible(str(path))}"])
    session.console.remark("Have the external root sign it, then: ca-service ca install FILE...")


@declare("install", "ca-service ca install intermediate.pem root.pem")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@pass_session
def install(session: Session, files: tuple[str, ...]) -> None:
    """Install the certificate of the requested intermediate, with all certificates above it.

    Every certificate up to the root must be EC: nodes do not present an EC certificate under an RSA issuer.
    """
    chain = _certificates(files)
    installation = session.ready()
    records = installation.external.install_intermediate(operator(), chain)
    installation.identity.settle()
    _answer(session, records, "Installed")


def _certificates(files: Sequence[str]) -> tuple[x509.Certificate, ...]:
    return tuple(found for data in read_files(files) for found in encodings.load_certificates(data))


def _private_key(file: str, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    """Return the key; of two keys under one passphrase file, one may be without encryption."""
    data = read_file(file)
    if passphrase is None:
        return encodings.load_private_key(data, None)
    try:
        return encodings.load_private_key(data, passphrase)
    except InvalidInput:
        return encodings.load_private_key(data, None)


def _answer(session: Session, records: Sequence[IssuerRecord], done: str) -> None:
    warnings = session.ready().hierarchy.active().warnings
    document = ImportedDocument(authorities=authority_documents(records), findings=finding_documents(warnings))
    session.console.answer(document, [f"{done} {record.role}: {visible(record.name)}" for record in records])
    session.console.remark(*session.console.finding_lines(warnings))


@declare("show", "ca-service ca show")
@pass_session
def show(session: Session) -> ExitCode:
    """Show the root and the intermediate, and their state.

    Exit code 3: an intermediate waits for its certificate. Exit code 1: no authority can sign for another reason.
    """
    found = session.ask(
        lambda here: HierarchyDocument.of(here.hierarchy.list_issuers(), is_revoked=here.trusted.is_issuing_revoked()),
        lambda api: api.get(HierarchyDocument, "authorities"),
    )
    session.console.answer(
        found, (_STATES[found.state], *(line for each in found.authorities for line in authority_lines(each)))
    )
    return _EXIT_CODES.get(found.state, ExitCode.ERROR)


def authority_lines(found: AuthorityDocument) -> Iterator[str]:
    """Yield an authority for a person: what it is, how far it is, and what one compares."""
    yield f"{visible(found.id)}: {visible(found.name)}{' (issues)' if found.is_issuing else ''}"
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
        import_,
        request,
        install,
        root_key.command,
    ],
    help="Manage the root and the intermediate.",
)
