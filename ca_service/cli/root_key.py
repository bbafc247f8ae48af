"""`ca root-key`: take the key of the root offline."""

from __future__ import annotations

import click

from ca_service.cli.grammar import declare
from ca_service.cli.inputs import get_passphrase, read_file
from ca_service.cli.outputs import Target
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.authorities import AuthorityDocument, RemovedDocument, VerifiedRootKeyDocument
from ca_service.documents.operations import FileDocument
from ca_service.pki.visible_text import visible

_passphrase_option = click.option(
    "--passphrase-file", metavar="FILE", help="File with the passphrase of the copy.  [default: ask for it]"
)


@declare("export", "ca-service ca root-key export --out /media/usb/root.key.pem --passphrase-file passphrase")
@click.option("--out", required=True, metavar="FILE", help="File to write; an existing file is never replaced.")
@_passphrase_option
@pass_session
def export(session: Session, out: str, passphrase_file: str | None) -> None:
    """Write a copy of the root's key, encrypted with its own passphrase (PKCS#8, mode 0600)."""
    target = Target(out, is_secret=True)
    target.check(session.console)
    installation = session.ready()
    passphrase = get_passphrase(passphrase_file, is_new=True)
    path = target.write("root.key.pem", installation.root_key.export(operator(), passphrase))
    if path is not None:
        session.console.answer(FileDocument(file=str(path)), [f"Written: {visible(str(path))}"])
    session.console.remark("Next: ca-service ca root-key verify FILE, then ca-service ca root-key remove FILE")


@declare("verify", "ca-service ca root-key verify /media/usb/root.key.pem --passphrase-file passphrase")
@click.argument("file")
@_passphrase_option
@pass_session
def verify(session: Session, file: str, passphrase_file: str | None) -> None:
    """Check that FILE contains the root's key, opens with the passphrase, and signs."""
    copy = read_file(file)
    custody = session.ready().root_key
    root = custody.verify(copy, get_passphrase(passphrase_file))
    document = VerifiedRootKeyDocument(root=AuthorityDocument.of(root))
    session.console.answer(document, [f"This is the key of {visible(root.name)}; it signs."])


@declare("remove", "ca-service ca root-key remove /media/usb/root.key.pem --passphrase-file passphrase")
@click.argument("file")
@_passphrase_option
@pass_session
def remove(session: Session, file: str, passphrase_file: str | None) -> None:
    """Verify that FILE contains the root's key, then delete the key here.

    The intermediate continues to issue. Keep two copies in two places.
    """
    copy = read_file(file)
    installation = session.ready()
    installation.root_key.remove(operator(), copy, get_passphrase(passphrase_file))
    session.console.answer(
        RemovedDocument(removed=True), ["The key of the root is no longer here. The copy is all there is of it."]
    )
    session.console.remark(*session.console.finding_lines(installation.crl_importer.find_missing()))


command = click.Group("root-key", commands=[export, verify, remove], help="Take the key of the root offline.")
