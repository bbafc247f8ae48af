"""`trust-kit`: the root in the form that each system reads, and the steps to install it."""

from __future__ import annotations

from pathlib import Path

import click

from ca_service.cli.grammar import declare
from ca_service.cli.outputs import force_option, write_folder
from ca_service.cli.remote import chain_there
from ca_service.cli.session import Session, pass_session
from ca_service.documents.authorities import TrustKitDocument
from ca_service.pki import encodings
from ca_service.pki.visible_text import visible
from ca_service.vos.trust_kit import TrustKit


@declare("trust-kit", "ca-service trust-kit --out trust-kit")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("trust-kit"),
    show_default=True,
    metavar="FOLDER",
    help="Folder to write to; it is created if it is missing.",
)
@force_option
@pass_session
def command(session: Session, out: Path, force: bool) -> None:
    """Write the files and steps with which clients trust the root.

    The same files as in the ZIP of the page /ca/, named after the authority: for Windows, macOS, iPhone, Android,
    Linux, Firefox, Java, NSS and Cisco nodes. A revoked intermediate is left out.
    """
    kit = TrustKit(session.ask(lambda here: here.trusted.chain(), lambda api: chain_there(api)[1]))
    paths = write_folder(out, kit.files, force=force)
    document = TrustKitDocument(fingerprint=encodings.fingerprint(kit.root), files=[str(path) for path in paths])
    shown = f"SHA-256: {encodings.fingerprint_text(kit.root)}"
    session.console.answer(document, [*(f"Written: {visible(str(path))}" for path in paths), shown])
