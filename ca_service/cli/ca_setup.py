"""`ca import`, `ca request`, `ca install`, `ca rollover`: the authority comes from elsewhere, or gets a successor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.hierarchy.store import IssuerRecord, find_waiting
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import STANDARD, find_passphrase, read_file, read_files, require_typed
from ca_service.cli.outputs import Target, force_option
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.authorities import (
    AuthorityDocument,
    CSRDocument,
    ImportedDocument,
    RolloverDocument,
    authority_documents,
)
from ca_service.documents.findings import finding_documents
from ca_service.errors import InvalidInput
from ca_service.pki import encodings, keys
from ca_service.pki.visible_text import visible

_NEXT: Final = "Next: sign new CSRs as each node needs one; its bundle has the new intermediate."
_curve_option = click.option(
    "--curve",
    type=click.Choice(keys.AUTHORITY_CURVES),
    help="Curve of the intermediate's key.  [default: authority.intermediate_curve of the settings]",
)


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


@declare(
    "request",
    "ca-service ca request --name 'Example Lab' --out intermediate.csr",
    "ca-service ca request --next --out next.csr",
)
@click.option("--name", help="Name of the authority.  [default: authority.name of the settings]")
@_curve_option
@click.option("--next", "is_next", is_flag=True, help="Request the intermediate that follows the one that issues now.")
@click.option("--out", metavar="FILE", help="File or folder to write to.  [default: standard output]")
@force_option
@pass_session
def request(session: Session, name: str | None, curve: str | None, is_next: bool, out: str | None, force: bool) -> None:
    """Write a CSR for an intermediate under an external EC root.

    The private key is created here and stays here. Running the command again returns a CSR for the same key. With
    --next, the intermediate that issues now goes on until the certificate of the next one is installed.
    """
    target = Target(out or STANDARD, force)
    if out:
        target.check(session.console)
    installation = session.upgraded()
    plan = installation.plan
    if find_waiting(installation.hierarchy.list_issuers()) is None:
        name = name or ("" if is_next else plan.name)
        curve = curve or plan.intermediate_curve
    pem = installation.external.request_intermediate(operator(), name or "", curve or "", is_next=is_next)
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

    Every certificate up to the root must be EC: nodes do not present an EC certificate under an RSA issuer. After
    `ca request --next`, the intermediate signs from then on, and the one before no more.
    """
    chain = _certificates(files)
    installation = session.ready()
    before = installation.hierarchy.find_active()
    records = installation.external.install_intermediate(operator(), chain)
    installation.identity.settle()
    _answer(session, records, "Installed")
    if before is not None:
        session.console.remark(_takes_over(records[-1].id, before.record.id), _NEXT)


def _takes_over(after: str, before: str) -> str:
    return f"{after} signs from now on, and {before} no more."


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


@declare(
    "rollover",
    "ca-service ca rollover",
    "ca-service ca rollover --key /media/usb/root.key.pem --passphrase-file passphrase --confirm intermediate-g2",
)
@click.option("--name", help="Name of the authority.  [default: the name of the intermediate that issues now]")
@_curve_option
@click.option("--days", type=int, help="Lifetime in days.  [default: authority.intermediate_days of the settings]")
@click.option(
    "--key",
    metavar="FILE",
    help="Private key of the authority above, usually the root; it is used, not stored.  [default: the key kept here]",
)
@click.option("--passphrase-file", metavar="FILE", help="File with the passphrase of the key, if it has one.")
@click.option(
    "--confirm", metavar="ISSUER", help="The next intermediate, such as intermediate-g2.  [default: ask for it]"
)
@pass_session
def rollover(
    session: Session,
    name: str | None,
    curve: str | None,
    days: int | None,
    key: str | None,
    passphrase_file: str | None,
    confirm: str | None,
) -> None:
    """Create the next intermediate below the same root; from then on it signs, and the one before no more.

    Use it in time before the intermediate expires, or once it is revoked. Clients trust the root already; each node
    gets the new intermediate with its next certificate. Certificates of the one before stay valid.
    """
    installation = session.ready()
    settings = installation.plan
    plan = HierarchyPlan(
        name=name or "",
        intermediate_curve=curve or settings.intermediate_curve,
        intermediate_days=settings.intermediate_days if days is None else days,
    )
    above = _private_key(key, find_passphrase(passphrase_file)) if key else None
    planned = installation.rollover.preview(operator(), plan, above)
    require_typed(session.console, planned.after.id, confirm, session.console.finding_lines(planned.warnings))
    done = installation.rollover.perform(operator(), plan, above, confirmed=planned.after.id)
    session.console.answer(
        RolloverDocument(
            before=done.before.id,
            authority=AuthorityDocument.of(done.after),
            findings=finding_documents(done.limits),
        ),
        [f"Created: {done.after.id}. {_takes_over('It', done.before.id)}"],
    )
    session.console.remark(
        _NEXT,
        *session.console.finding_lines((*done.limits, *installation.crl_importer.find_missing())),
    )
