"""Steps up to the uploaded certificate: CSRs, authorities, leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509

from ca_service.pki import encodings
from ca_service.vos.file_names import leaf_file, safe_name, trust_file
from ca_service.vos.phrases import Phrase, phrase, sentences
from ca_service.vos.products import Action
from ca_service.vos.purposes import Purpose
from ca_service.vos.steps import Leaf, Node, Section, Step, upload_key

_COMMAND_LINE: Final = (
    "A line for the command line of a node is typed there by SSH, as an administrator of its operating system, in "
    "place of what is done on the page."
)
MENU: Final = "Cisco Unified OS Administration > Security > Certificate Management"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of the files of the bundle, relative to the runbook: leaves in folders of their nodes or beside it, the
    authorities, root first, beside it or in `trust_folder`, such as "../"."""

    authorities: tuple[x509.Certificate, ...]
    has_folders: bool
    trust_folder: str

    def path(self, leaf: Leaf) -> str:
        """Return the file of a leaf."""
        name = leaf_file(len(self.authorities) + 1, leaf.node.fqdn, leaf.purpose)
        return f"{safe_name(leaf.node.fqdn)}/{name}" if self.has_folders else name


def short(text: str) -> str:
    """Return a text of any length as a part of a key."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def requests(leaves: Sequence[Leaf]) -> Section:
    """Making the requests that are still wanted."""
    return Section(
        "Make the requests",
        "A CSR (certificate signing request) is made on the node. It holds the public key and the names by which "
        "others reach the node, the SAN (subject alternative name). The private key never leaves the node. Purposes "
        "that end in -ECDSA are for certificates with an EC (elliptic curve) key; those beside them, such as tomcat, "
        f"have an RSA key and stay as they are. {_COMMAND_LINE}",
        tuple(_request(leaf) for leaf in leaves if leaf.certificate is None or leaf.is_due),
    )


def _request(leaf: Leaf) -> Step:
    unit, fqdn = leaf.purpose.service, leaf.node.fqdn
    return Step(
        title=phrase("Generate the CSR on {node}", node=fqdn),
        text=sentences(
            phrase(
                "On {menu}, choose Generate CSR. Certificate purpose: {purpose} (not tomcat alone).",
                menu=MENU,
                purpose=unit,
            ),
            _distribution(leaf),
            phrase(
                "Leave common name and Parent Domain as they are filled in. Key length 384 or 256, hash SHA384 or "
                "SHA256: at least as strong as the key. Then choose Download CSR, {purpose}, and bring the file here.",
                purpose=unit,
            ),
            phrase(
                "A new CSR silently replaces the one before and its key: make no other one until the certificate is "
                "uploaded."
            ),
            _at_command_line(leaf),
        ),
        key=f"request/{unit}/{short(fqdn)}/{leaf.serial_number or 'first'}",
        nodes=(fqdn,),
        purpose=unit,
        commands=(*(() if leaf.covers else (f"set csr gen {unit}",)), f"show csr own {unit}/{unit}.csr"),
        sources=("REGEN-CA", "SEC14", "CUC-OS", "CLI-SET", "CLI-SHOW"),
    )


def _distribution(leaf: Leaf) -> Phrase:
    if not leaf.covers:
        return phrase("Distribution: this server.")
    return phrase("Distribution: Multi-server(SAN), to cover {nodes} as well.", nodes=_listed(leaf.covers))


def _at_command_line(leaf: Leaf) -> Phrase:
    if not leaf.covers:
        return phrase("The lines for the command line are not confirmed by Cisco\u2019s documents for this purpose.")
    return phrase(
        "The line for the command line shows the CSR once it is made; that it knows this purpose is not confirmed by "
        "Cisco\u2019s documents."
    )


def trust_uploads(nodes: Sequence[Node], leaves: Sequence[Leaf], layout: Layout) -> Section:
    """Bringing root and intermediates to each node that does not receive them from another one."""
    purposes = list(dict.fromkeys(leaf.purpose for leaf in leaves))
    steps = (
        _trust(node, purpose, certificate, f"{layout.trust_folder}{trust_file(number, purpose)}", is_root=number == 1)
        for purpose in purposes
        for node in _receivers(nodes, {node for leaf in leaves if leaf.purpose == purpose for node in leaf.nodes})
        for number, certificate in enumerate(layout.authorities, 1)
    )
    return Section(
        "Bring the authorities to the nodes",
        "Root and intermediate are the certificates of this authority. A node must have both in its trust store before "
        "it takes a certificate of its own: otherwise it says \u201cCA Certificate is Not Available in the "
        "Trust-Store\u201d. The store for tomcat-ECDSA, the certificate with an EC (elliptic curve) key beside tomcat "
        "with its RSA key, is tomcat-trust. The root goes first. The publisher or primary is the first node of a "
        f"cluster, the others are subscribers or secondaries. {_COMMAND_LINE}",
        tuple(steps),
    )


def _receivers(nodes: Sequence[Node], concerned: Collection[Node]) -> Iterator[Node]:
    """Yield the nodes that distribute certificates to the given ones, and the given ones without such a node."""
    for node in nodes:
        roles, like = node.product.trust_roles, [each for each in nodes if each.product == node.product]
        if node.role in roles:
            is_needed = any(each in concerned for each in like if each == node or each.role not in roles)
        else:
            is_needed = node in concerned and not any(each.role in roles for each in like)
        if is_needed:
            yield node


def _trust(node: Node, purpose: Purpose, certificate: x509.Certificate, file: str, *, is_root: bool) -> Step:
    title = "Upload the root to {store} on {node}" if is_root else "Upload the intermediate to {store} on {node}"
    return Step(
        title=phrase(title, store=purpose.trust, node=node.fqdn),
        text=sentences(
            phrase(
                "On {menu}, choose Upload Certificate/Certificate chain, purpose {store}, this file. Or paste it at "
                "the command line when it says \u201cPaste the Certificate and Hit Enter\u201d. It may be left out "
                "where the same certificate is there already.",
                menu=MENU,
                store=purpose.trust,
            ),
            phrase(node.product.trust.text),
        ),
        key=f"trust/{encodings.fingerprint(certificate)[:24]}/{purpose.trust_unit}/{short(node.fqdn)}",
        nodes=(node.fqdn,),
        file=file,
        purpose=purpose.trust,
        commands=(f"set cert import trust {purpose.trust_unit}",),
        sources=tuple(dict.fromkeys(("REGEN-CA", "ECDSA-EN", "CLI-SET", *node.product.trust.sources))),
        is_confirmed=node.product.trust.is_confirmed,
        is_optional=True,
    )


def leaf_uploads(nodes: Sequence[Node], leaves: Sequence[Leaf], layout: Layout) -> Section:
    """Uploading the certificates, one node after the other."""
    uploads = [_upload(leaf, layout.path(leaf)) for leaf in leaves]
    return Section(
        "Upload the certificates",
        "The certificate of a node is called its leaf. It goes on the node that made the CSR (certificate signing "
        "request): the publisher first, then the others one at a time. Once the node has taken it, the CSR is gone, so "
        "a second certificate needs a new CSR. Do not mix up tomcat and tomcat-ECDSA.",
        (*for_all(nodes, "prepare", leaves), *uploads) if uploads else (),
    )


def key_of(leaves: Sequence[Leaf]) -> str:
    """Return all these certificates as a part of a key."""
    return short("".join(leaf.serial_number for leaf in leaves))


def _upload(leaf: Leaf, path: str) -> Step:
    unit = leaf.purpose.service
    has_command = "CLI" in _doors(leaf)
    return Step(
        title=phrase("Upload the certificate of {node}", node=leaf.node.fqdn),
        text=sentences(*_upload_sentences(leaf, has_command=has_command)),
        key=upload_key(leaf.purpose, leaf.serial_number),
        nodes=tuple(node.fqdn for node in leaf.nodes),
        file=path,
        purpose=unit,
        commands=(f"set cert import own {unit}",) if has_command else (),
        sources=("REGEN-CA", "ECDSA-EN", "CLI-SET", *(("SEC14", "SAN-MS") if leaf.covers else ())),
    )


def _doors(leaf: Leaf) -> tuple[str, ...]:
    """Return the ways to upload; those that all products have, where nothing is known of the version."""
    release = leaf.node.release
    if release is None:
        return ("GUI", "CLI")
    return release.multi_server_interfaces if leaf.covers else release.interfaces


def _upload_sentences(leaf: Leaf, *, has_command: bool) -> Iterator[Phrase]:
    yield phrase(
        "On {menu}, choose Upload Certificate/Certificate chain, purpose {purpose} (not tomcat alone), this file.",
        menu=MENU,
        purpose=leaf.purpose.service,
    )
    if leaf.covers:
        yield phrase(
            "Once is enough: the node passes certificate and private key on to {nodes}.", nodes=_listed(leaf.covers)
        )
    if has_command:
        yield phrase("That the command line knows this purpose is not confirmed by Cisco\u2019s documents.")
    else:
        yield phrase("This version takes multi-server certificates here only, not at the command line.")


def for_all(nodes: Sequence[Node], kind: str, leaves: Sequence[Leaf]) -> Iterator[Step]:
    """Yield a step for each action of this kind that nodes of a cluster share, and that these certificates need."""
    besides = {"", *(node.product.id for node in nodes)}
    purposes = {"", *(leaf.purpose.service for leaf in leaves)}
    found = dict[Action, list[str]]()
    for node in nodes:
        for action in getattr(node.release, kind) if node.release else ():
            if action.beside in besides and action.purpose in purposes:
                found.setdefault(action, []).append(node.fqdn)
    for action, fqdns in _merged(found).items():
        yield Step(
            action.title,
            action.fact.text,
            key=f"{kind}/{short(f'{action.title} {action.fact}')}/{key_of(leaves)}",
            nodes=tuple(fqdns),
            sources=action.fact.sources,
            is_confirmed=action.fact.is_confirmed,
            is_optional=action.is_optional,
        )


def _merged(found: Mapping[Action, list[str]]) -> dict[Action, list[str]]:
    """Actions that differ only in the product beside are the same step."""
    merged = dict[Action, list[str]]()
    for action, fqdns in found.items():
        merged.setdefault(replace(action, beside=""), []).extend(fqdns)
    return merged


def _listed(nodes: Sequence[Node]) -> str:
    return ", ".join(node.fqdn for node in nodes)
