"""Steps for a node of an unknown product, and for a plain server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from shlex import quote
from typing import Final

from ca_service.vos.knowledge import Fact
from ca_service.vos.phrases import Phrase, phrase, sentences
from ca_service.vos.products import EVERY_NODE, Action, Product, Release, Use, products
from ca_service.vos.purposes import Purpose
from ca_service.vos.runbook_running import s_client
from ca_service.vos.runbook_uploads import MENU
from ca_service.vos.steps import Runbook, Section, Step

_USES: Final = {
    Use.DEFAULT: "By itself",
    Use.SWITCH: "Once it is switched on",
    Use.NEVER: "Not at all: Cisco has removed ECDSA there",
    Use.UNKNOWN: "Not known from Cisco\u2019s documents",
}
_CHECK_SERVER: Final = "openssl s_client -connect {at}:443 -servername {name} -CAfile {root} </dev/null"
Cases = tuple[tuple[str, str], ...]


def vos_steps(
    purpose: Purpose, host: str, serial_number: str, trust_files: Sequence[str], leaf_file: str
) -> tuple[Step, ...]:
    """Return the steps for one VOS node of any product; the trust files in the order of upload, root first."""
    return (
        Step(
            "Before you begin: does your version use it?",
            "Whether a node presents an ECDSA certificate (one with an EC key, beside the RSA one) depends on product "
            "and version. What has a star is inferred: not confirmed by Cisco\u2019s documents.",
            cases=_uses(purpose),
            is_preface=True,
        ),
        *(_trust(file, purpose, is_first=number == 0) for number, file in enumerate(trust_files)),
        Step("Before the upload", "Where your product needs it.", cases=_cases("prepare", purpose)),
        _upload(leaf_file, purpose),
        Step(
            "Activate the certificate",
            "Where your product needs it.",
            cases=_cases("switches", purpose, only_used=True),
        ),
        Step(
            "Restart what presents it",
            "Publisher first, then the other nodes one at a time.",
            cases=_cases("restarts", purpose),
        ),
        Step("After the restart", "Where it was switched off before.", cases=_cases("restore", purpose)),
        _look(host, serial_number, _ports(purpose)),
        *_others(_cases("peers", purpose)),
    )


def _known(purpose: Purpose, *, only_used: bool = False) -> Iterator[tuple[Product, Release]]:
    """Yield the releases that know this purpose, or only those that present its certificate."""
    for product in products().values():
        for release in product.releases:
            if purpose in release.purposes and (not only_used or release.use in (Use.DEFAULT, Use.SWITCH)):
                yield product, release


def _trust(file: str, purpose: Purpose, *, is_first: bool) -> Step:
    text = phrase(
        "The node has to know the authority, root first, before it takes a certificate of its own. On {menu}, choose "
        "Upload Certificate/Certificate chain, the purpose below, this file. A publisher (the first node of a cluster) "
        "passes it on to its subscribers; SocialMiner/CCP is a server of its own. Skip it where the same certificate "
        "is there already.",
        menu=MENU,
    )
    again = "In the same way, to the same places."
    return Step(phrase("Upload {file}", file=file), text if is_first else again, file=file, purpose=purpose.trust)


def _upload(file: str, purpose: Purpose) -> Step:
    text = phrase(
        "On the node that made the request, on the same page: purpose {purpose} (not tomcat), this file. A good upload "
        "uses up the request: a second certificate then needs a new request.",
        purpose=purpose.service,
    )
    return Step(phrase("Upload {file}", file=file), text, file=file, purpose=purpose.service)


def _look(host: str, serial_number: str, ports: tuple[tuple[str, str], ...]) -> Step:
    text = phrase(
        "Ask from another machine, with the port of the service in place of 8443. The serial number must be {serial}.",
        serial=serial_number.upper(),  # as openssl prints it
    )
    return Step("See that it is served", text, terminal=(s_client(host, [8443]),), cases=ports)


def _others(peers: tuple[tuple[str, str], ...]) -> tuple[Step, Step]:
    return (
        Step(
            "Let others trust it",
            "Servers that talk to one another check each other\u2019s certificates, so each needs root and "
            "intermediate of the other in its trust store.",
            cases=peers,
        ),
        Step(
            "Take a backup",
            "Take a backup with DRS (disaster recovery system), so that the newest one holds the new certificate.",
        ),
    )


@cache  # like all that follows from the data alone
def _uses(purpose: Purpose) -> Cases:
    found = {
        title: [f"{_name(*each)}{_star(each[1].uses)}" for each in _known(purpose) if each[1].use is use]
        for use, title in _USES.items()
    }
    return tuple((title, phrase("{products}.", products="; ".join(names))) for title, names in found.items() if names)


def _star(fact: Fact) -> str:
    return "" if fact.is_confirmed else "*"


def _name(product: Product, release: Release) -> str:
    return f"{product.name} {release.label}"


@cache
def _cases(field: str, purpose: Purpose, *, only_used: bool = False) -> Cases:
    """Return what to do, once for all products and versions that do the same."""
    found = dict[str, list[str]]()
    for product, release in _known(purpose, only_used=only_used):
        actions = [each for each in getattr(release, field) if each.purpose in ("", purpose.service)]
        if actions:
            found.setdefault(sentences(*map(_said, actions)), []).append(_name(product, release))
    return tuple(("; ".join(names), said) for said, names in found.items())


def _said(action: Action) -> Phrase:
    commands = "; ".join(action.commands)
    title = phrase("{title}.", title=action.title)
    where = phrase("On the {role}:", role=action.on)
    parts = (
        *((title,) if action.title else ()),
        *(() if action.on == EVERY_NODE else (where,)),
        phrase(action.fact.text),
    )
    if commands:
        parts = (*parts, phrase("{commands}.", commands=commands))
    return sentences(*parts) if action.fact.is_confirmed else sentences(*parts, phrase("(*)"))


@cache
def _ports(purpose: Purpose) -> Cases:
    found = list[tuple[str, str]]()
    for product, release in _known(purpose, only_used=True):
        ports = [each for each in release.ports if each.presents != "RSA" and each.purpose in ("", purpose.service)]
        said = ", ".join(f"{each.number} ({each.service}){_star(each.fact)}" for each in ports)
        found.append((_name(product, release), said))
    return tuple(found)


def server_steps(host: str, trust_files: Sequence[str], leaf_file: str, full_chain_file: str) -> tuple[Step, ...]:
    """Return the steps for a plain TLS server and for those who connect to it."""
    return (
        Step(
            phrase("Install {file} on the server", file=full_chain_file),
            "Give the server this file (leaf, then intermediate) and the private key that made the request. "
            "nginx: ssl_certificate and ssl_certificate_key; Apache: SSLCertificateFile and SSLCertificateKeyFile.",
            file=full_chain_file,
        ),
        Step(
            phrase("Or install {file}", file=leaf_file),
            "That is the leaf alone, for a server that wants it so.",
            file=leaf_file,
        ),
        Step(
            phrase("Let clients trust {file}", file=trust_files[0]),
            "Install it in the trust store of each client.",
            file=trust_files[0],
        ),
        Step(
            "See that it is served",
            "Ask from another machine. The answer must hold: Verify return code: 0 (ok).",
            terminal=(_CHECK_SERVER.format(at=_address(host), name=quote(host), root=trust_files[0]),),
        ),
    )


def client_steps(leaf_file: str, full_chain_file: str) -> tuple[Step, ...]:
    """Return the steps for a TLS client and for the servers that it signs in to."""
    return (
        Step(
            phrase("Install {file} on the client", file=full_chain_file),
            "Give the client this file (leaf, then intermediate) and the private key that made the request. "
            "curl: --cert and --key.",
            file=full_chain_file,
        ),
        Step(
            phrase("Or install {file}", file=leaf_file),
            "That is the leaf alone, for a client that wants it so.",
            file=leaf_file,
        ),
        Step(
            "Let the servers trust the root",
            "Name the root certificate of this bundle as the authority of clients. nginx: ssl_client_certificate, with "
            "ssl_verify_client and ssl_verify_depth 2; Apache: SSLCACertificateFile, with SSLVerifyClient and "
            "SSLVerifyDepth 2. Then check the name of the client, too: each certificate of the authority is accepted.",
        ),
    )


def request_step(host: str) -> Step:
    """Return the step that makes a new request on a VOS node of any product."""
    return Step(
        phrase("Generate the CSR on {node}", node=host),
        phrase(
            "On {menu}, choose Generate CSR, with the purpose of the certificate (tomcat-ECDSA, not tomcat alone). "
            "Leave the names as they are filled in. Then choose Download CSR. A new CSR silently replaces the one "
            "before and its key: make no other one until the new certificate is uploaded.",
            menu=MENU,
        ),
        nodes=(host,),
    )


def general_runbook(title: str, steps: Sequence[Step]) -> Runbook:
    """Steps without sections as a runbook."""
    prefaces = tuple(step for step in steps if step.is_preface)
    return Runbook(title, prefaces, (Section("", "", tuple(step for step in steps if not step.is_preface)),))


def _address(host: str) -> str:
    """Return the host as it is written before a port in a shell."""
    return f"[{host}]" if ":" in host else quote(host)
