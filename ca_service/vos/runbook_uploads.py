"""Making the CSRs, and phase B of a runbook: uploading the certificates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ca_service.vos.phrases import Phrase, phrase, sentences
from ca_service.vos.products import Release, Use
from ca_service.vos.runbook_parts import MENU, Layout, for_all, short
from ca_service.vos.steps import Leaf, Node, Section, Step, upload_key, verify_keys

_COMMAND_LINE: Final = (
    "A line for the command line of a node is typed there by SSH, as an administrator of its operating system, in "
    "place of what is done on the page."
)
DISTRIBUTION: Final = "Distribution"
#: The brief text of the section: what the form asks that is the same for every CSR.
_FORM: Final = (
    f"On {MENU}: Generate CSR, then Download CSR. Leave common name and Parent Domain as they are. Key length 384, "
    "hash SHA384."
)


def requests(leaves: Sequence[Leaf]) -> Section:
    """Return the section that generates the CSRs which are still wanted."""
    return Section(
        "Generate the CSRs",
        "A CSR (certificate signing request) is made on the node. It holds the public key and the names by which "
        "others reach the node, the SAN (subject alternative name). The private key never leaves the node. Purposes "
        "that end in -ECDSA are for certificates with an EC (elliptic curve) key; those beside them, such as tomcat, "
        f"have an RSA key and stay as they are. {_COMMAND_LINE}",
        tuple(_request(leaf) for leaf in leaves if leaf.certificate is None or leaf.is_due),
        brief=_FORM,
    )


def _request(leaf: Leaf) -> Step:
    unit, fqdn = leaf.purpose.service, leaf.node.fqdn
    return Step(
        title=phrase("Generate the CSR for {purpose} on {node}", purpose=unit, node=fqdn),
        text=phrase(
            "On {menu}, choose Generate CSR. After that choose Download CSR, {purpose}, and add the file to the "
            "cluster.",
            menu=MENU,
            purpose=unit,
        ),
        key=f"request/{unit}/{short(fqdn)}/{leaf.serial_number or 'first'}",
        nodes=(fqdn,),
        purpose=unit,
        commands=(*_generate(leaf), f"show csr own {unit}/{unit}.csr"),
        answer="" if leaf.covers else f"\u201cSuccessfully Generated CSR for {unit}\u201d, then the CSR.",
        details=tuple(_form(leaf)),
        why="A new CSR silently replaces the one before and its key: a certificate for the former one is refused.",
        sources=("REGEN-CA", "SEC14", "CUC-OS", "CLI-SET", "CLI-SHOW"),
        is_optional=leaf.node.release is not None and leaf.node.release.use is Use.NEVER,
    )


def _generate(leaf: Leaf) -> tuple[str, ...]:
    """Return the lines that make a CSR; they know no multi-server CSR."""
    return () if leaf.covers else ("set cli pagination off", f"set csr gen {leaf.purpose.service}")


def _form(leaf: Leaf) -> Iterator[tuple[str, Phrase]]:
    """Yield the fields of the form, then what to heed."""
    unit = leaf.purpose.service
    yield "Certificate purpose", phrase("{purpose}, not {other}", purpose=unit, other=unit.removesuffix("-ECDSA"))
    yield DISTRIBUTION, _distribution(leaf)
    yield "Names", phrase("Leave common name and Parent Domain as they are filled in.")
    yield "Key and hash", phrase("384 with SHA384. Or 256 with SHA256: FIPS mode requires SHA256.")
    yield "Until the upload", phrase("Generate no other CSR for this purpose: it replaces this one and its key.")
    yield "Command line", sentences(*_at_command_line(leaf))


def _distribution(leaf: Leaf) -> Phrase:
    if not leaf.covers:
        return phrase("this server")
    return phrase("Multi-server(SAN), which covers {nodes} as well", nodes=_listed(leaf.covers))


def _at_command_line(leaf: Leaf) -> Iterator[Phrase]:
    unit = leaf.purpose.service
    if not leaf.covers:
        yield from ou_question(leaf.node.release)
    yield phrase("If the node does not know the last line: show csr own {unit}.", unit=unit)
    yield phrase("That the command line knows this purpose is not confirmed by Cisco\u2019s documents.")


def ou_question(release: Release | None) -> Iterator[Phrase]:
    """Yield what to answer where the node asks for the OU: documented for CUCM, possible where there is the API."""
    if release is not None and release.asks_ou:
        yield phrase("The node asks whether to include the OU: answer no before you paste the next line.")
    elif release is None or "API" in release.interfaces:
        yield phrase("If the node asks whether to include the OU, as CUCM does from 14SU1 on, answer no.")


def certificate(nodes: Sequence[Node], leaves: Sequence[Leaf], layout: Layout) -> Section:
    """Phase B: uploading the certificates, one node after the other."""
    uploads = [_upload(leaf, layout.path(leaf)) for leaf in leaves]
    return Section(
        "B. Certificate",
        "The certificate of a node is called its leaf. It goes on the node that made the CSR (certificate signing "
        "request). Nodes present it once their services restart, in phase C. Purposes that end in -ECDSA are for "
        "certificates with an EC (elliptic curve) key; tomcat beside tomcat-ECDSA has an RSA key and stays as it is.",
        (*for_all(nodes, "prepare", leaves), *uploads) if uploads else (),
    )


def _upload(leaf: Leaf, path: str) -> Step:
    unit = leaf.purpose.service
    has_command = "CLI" in _interfaces(leaf)
    return Step(
        title=phrase("Upload the certificate to {purpose} on {node}", purpose=unit, node=leaf.node.fqdn),
        text=sentences(*_upload_sentences(leaf, has_command=has_command)),
        key=upload_key(leaf.purpose, leaf.serial_number),
        nodes=tuple(node.fqdn for node in leaf.nodes),
        files=(path,),
        purpose=unit,
        commands=(f"set cert import own {unit}",) if has_command else (),
        answer="\u201cSuccess: Certificate Uploaded\u201d, or at the command line \u201cSuccessfully imported "
        "certificate\u201d."
        if has_command
        else "\u201cSuccess: Certificate Uploaded\u201d.",
        undo=f"`set cert regen {unit}` makes a self-signed one. The certificate before is overwritten and gone.",
        why="Once the node has taken it, the CSR is gone: a second certificate needs a new CSR.",
        sources=("REGEN-CA", "ECDSA-EN", "CLI-SET", "EXPW", *(("SEC14", "SAN-MS") if leaf.covers else ())),
        follows_from=verify_keys([leaf]),
    )


def _interfaces(leaf: Leaf) -> tuple[str, ...]:
    """Return the ways to upload; those that all products have, where nothing is known of the version."""
    release = leaf.node.release
    if release is None:
        return ("GUI", "CLI")
    return release.multi_server_interfaces if leaf.covers else release.interfaces


def _upload_sentences(leaf: Leaf, *, has_command: bool) -> Iterator[Phrase]:
    yield phrase(
        "On {menu}, choose Upload Certificate/Certificate chain, purpose {purpose} (not {other}).",
        menu=MENU,
        purpose=leaf.purpose.service,
        other=leaf.purpose.service.removesuffix("-ECDSA"),
    )
    if leaf.covers:
        yield phrase(
            "Once is enough: the node passes certificate and private key on to {nodes}.", nodes=_listed(leaf.covers)
        )
    if has_command:
        yield phrase("That the command line knows this purpose is not confirmed by Cisco\u2019s documents.")
    else:
        yield phrase("From 14SU2 on, upload multi-server certificates on this page, not at the command line.")


def _listed(nodes: Sequence[Node]) -> str:
    return ", ".join(node.fqdn for node in nodes)
