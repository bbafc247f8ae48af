"""`crl`: revocation lists signed here, those of an offline root, and the revocation of an intermediate."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ca_service.authority.status.crl_publisher import CRL_NO_DELTA, PublishedCRL
from ca_service.cli.console import fields
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import find_passphrase, read_file, require_typed
from ca_service.cli.outputs import Target, force_option
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.findings import finding_documents
from ca_service.documents.revocations import (
    AuthorityRevocationDocument,
    CRLDocument,
    CRLFileDocument,
    ImportedCRLDocument,
    NewestCRLDocument,
    NewestCRLsDocument,
    PublishedCRLsDocument,
)
from ca_service.errors import NotFound
from ca_service.pki import encodings
from ca_service.pki.encodings import time_text
from ca_service.pki.reasons import FOR_AUTHORITIES, read_authority_reason
from ca_service.pki.visible_text import visible


@declare("show", "ca-service crl show", "ca-service crl show --json")
@pass_session
def show(session: Session) -> None:
    """Show the newest CRL of each authority. Nothing is published."""
    found = session.ask(
        lambda here: NewestCRLsDocument.of(here.crl_publisher.list_newest(operator()), shows_keys=True),
        lambda api: api.get(NewestCRLsDocument, "crls"),
    )
    session.console.answer(found, [line for each in found.lists for line in _lines(each)])


def _lines(found: NewestCRLDocument) -> Iterator[str]:
    yield visible(f"{found.issuer}: {found.name}")
    if found.this_update is None or found.next_update is None:
        yield from fields([("list", "none yet, and the key is not here" if found.has_key is False else "none yet")])
        return
    made, until = time_text(found.this_update), time_text(found.next_update)
    yield from fields(
        (("number", str(found.number)), ("made", made), ("until", until), ("entries", str(found.entries)))
    )


@declare("publish", "ca-service crl publish", "ca-service crl publish intermediate-g1")
@click.argument("issuer", required=False)
@pass_session
def publish(session: Session, issuer: str | None) -> None:
    """Publish the CRLs that are due, or a new one of ISSUER, due or not.

    The service does this itself: it publishes a due CRL when a client fetches it. Use the command if you copy CRLs to
    another server.
    """
    installation = session.ready()
    if issuer is not None:
        _told(session, installation.crl_publisher.publish(operator(), issuer), "Published")
        return
    count = installation.crl_publisher.publish_due()
    session.console.answer(PublishedCRLsDocument(published=count), [f"Published: {count}."])
    importer = installation.crl_importer
    session.console.remark(*session.console.finding_lines((*importer.find_unlisted(), *importer.find_missing())))


@declare(
    "export",
    "ca-service crl export intermediate-g1 --out /var/www/ca/intermediate-g1.crl --force",
    "ca-service crl export root-g1 --format pem --out - | openssl crl -noout -text",
)
@click.argument("issuer")
@click.option("--format", "format_", type=click.Choice(("der", "pem")), default="der", show_default=True, help="Form.")
@click.option("--delta", is_flag=True, help="Write the delta CRL instead of the full CRL.")
@click.option("--out", metavar="FILE", help="File or folder; `-` is standard output.  [default: a named file here]")
@force_option
@pass_session
def export(session: Session, issuer: str, format_: str, delta: bool, out: str | None, force: bool) -> None:
    """Write the current CRL of ISSUER, as the service would return it."""
    target = Target(out, force)
    target.check(session.console)
    published = session.ready().crl_publisher.current(issuer)
    data = published.data.delta if delta else published.data.full
    if data is None:
        raise NotFound.because(CRL_NO_DELTA)
    name = f"{issuer}{'-delta' if delta else ''}.crl{'.pem' if format_ == 'pem' else ''}"
    path = target.write(name, encodings.crl_pem(data) if format_ == "pem" else data)
    if path is not None:
        document = CRLFileDocument.of(published.record, file=str(path))
        session.console.answer(document, [f"Written: {visible(str(path))}"])


@declare("sign-root", "ca-service crl sign-root --key /media/usb/root.key.pem --passphrase-file passphrase")
@click.option("--key", required=True, metavar="FILE", help="Private key of the root; it is used, not stored.")
@click.option("--passphrase-file", metavar="FILE", help="File with the passphrase of the key, if it has one.")
@pass_session
def sign_root(session: Session, key: str, passphrase_file: str | None) -> None:
    """Sign a new CRL of the root with its key from a file, and publish it.

    It is valid for 180 days, and lists the revoked intermediates.
    """
    loaded = encodings.load_private_key(read_file(key), find_passphrase(passphrase_file))
    _told(session, session.ready().crl_publisher.publish_with(operator(), loaded), "Signed and published")


@declare("import", "ca-service crl import root.crl")
@click.argument("file")
@pass_session
def import_(session: Session, file: str) -> None:
    """Publish a CRL that was signed elsewhere, such as by an offline root; PEM or DER.

    Issuer, signature, number and dates are checked first. An authority of this installation that is listed on it stops
    issuing.
    """
    found = session.ready().crl_importer.import_crl(operator(), read_file(file))
    document = ImportedCRLDocument.of(
        found.record, changed=list(found.revoked), findings=finding_documents(found.findings)
    )
    changed = [f"Revocation status changed: {issuer}" for issuer in found.revoked]
    lines = (f"Published: {found.record.issuer_id}, number {found.record.number:x}.", *changed)
    session.console.answer(document, (*lines, *session.console.finding_lines(found.findings)))


def _told(session: Session, published: PublishedCRL, done: str) -> None:
    record = published.record
    line = f"{done}: {record.issuer_id}, number {record.number:x}, until {time_text(record.next_update)}."
    session.console.answer(CRLDocument.of(record), [line])


@declare(
    "revoke-authority",
    "ca-service crl revoke-authority intermediate-g1 --reason cACompromise",
    "ca-service crl revoke-authority intermediate-g1 --reason superseded --confirm intermediate-g1",
)
@click.argument("issuer")
@click.option("--reason", required=True, metavar="REASON", help=f"One of: {', '.join(FOR_AUTHORITIES)}.")
@click.option("--note", default="", metavar="TEXT", help="Note for the audit log.")
@click.option("--confirm", metavar="ISSUER", help="Name of the authority, to confirm.  [default: ask for it]")
@pass_session
def revoke_authority(session: Session, issuer: str, reason: str, note: str, confirm: str | None) -> None:
    """Revoke the intermediate ISSUER permanently, with the CRL of the root.

    Every certificate that it issued becomes invalid, and it stops issuing. This cannot be undone.
    """
    installation, wanted = session.ready(), read_authority_reason(reason)
    revocation = installation.authority_revocation
    seen = revocation.preview(operator(), issuer, wanted)
    require_typed(session.console, issuer, confirm, session.console.finding_lines(seen.findings))
    done = revocation.revoke(operator(), issuer, wanted, note=note)
    lines = session.console.finding_lines(done.findings[1:])
    session.console.answer(
        AuthorityRevocationDocument.of(done), (f"Revoked: {done.issuer.id}. It no longer issues.", *lines)
    )
    order = "Next:"
    if installation.trusted.is_issuing_revoked():
        session.console.remark("Next: create the next intermediate, which signs instead: ca-service ca rollover")
        order = "Then"
    if below := ",".join(installation.hierarchy.list_below(done.issuer.id)):
        listing = f"ca-service list 'issuer={below} status:active'"
        session.console.remark(f"{order} sign new CSRs of the nodes that have its certificates: {listing}")


command = click.Group(
    "crl",
    commands=[show, publish, export, import_, sign_root, revoke_authority],
    help="Manage certificate revocation lists (CRLs).",
)
