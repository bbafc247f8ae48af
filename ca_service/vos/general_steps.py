"""Knows the steps where nobody has said which product a node is, and those for a plain server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
Known = Sequence[tuple[Product, Release]]


def vos_steps(
    purpose: Purpose, host: str, serial_number: str, trust_files: Sequence[str], leaf_file: str
) -> tuple[Step, ...]:
    """The steps for one VOS node of any product; the trust files in the order of upload, root first."""
    known = [each for each in _releases() if purpose in each[1].purposes]
    used = [each for each in known if each[1].use in (Use.DEFAULT, Use.SWITCH)]
    return (
        Step(
            "Before you begin: does your version use it?",
            "Whether a node presents an ECDSA certificate (one with an EC key, beside the RSA one) depends on product "
            "and version. What has a star is inferred: not confirmed by Cisco\u2019s documents.",
            cases=tuple(_uses(known)),
            is_preface=True,
        ),
        *(_trust(file, purpose, is_first=number == 0) for number, file in enumerate(trust_files)),
        Step("Before the upload", "Where your product needs it.", cases=tuple(_cases(known, "prepare", purpose))),
        _upload(leaf_file, purpose),
        Step("Switch it on", "Where your product needs it.", cases=tuple(_cases(used, "switches", purpose))),
        Step(
            "Restart what presents it",
            "Publisher first, then the other nodes one at a time.",
            cases=tuple(_cases(known, "restarts", purpose)),
        ),
        Step("After the restart", "Where it was switched off before.", cases=tuple(_cases(known, "restore", purpose))),
        _look(host, serial_number, tuple(_ports(used, purpose))),
        *_others(tuple(_cases(known, "peers", purpose))),
    )


def _releases() -> Iterator[tuple[Product, Release]]:
    for product in products().values():
        for release in product.releases:
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


def _uses(known: Known) -> Iterator[tuple[str, str]]:
    for use, title in _USES.items():
        found = [f"{_name(*each)}{_star(each[1].uses)}" for each in known if each[1].use is use]
        if found:
            yield title, phrase("{products}.", products="; ".join(found))


def _star(fact: Fact) -> str:
    return "" if fact.is_confirmed else "*"


def _name(product: Product, release: Release) -> str:
    return f"{product.name} {release.label}"


def _cases(known: Known, field: str, purpose: Purpose) -> Iterator[tuple[str, str]]:
    """What is done, once for all products and versions that do the same."""
    found = dict[str, list[str]]()
    for product, release in known:
        actions = [each for each in getattr(release, field) if each.purpose in ("", purpose.service)]
        if actions:
            found.setdefault(sentences(*map(_said, actions)), []).append(_name(product, release))
    for said, names in found.items():
        yield "; ".join(names), said


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


def _ports(known: Known, purpose: Purpose) -> Iterator[tuple[str, str]]:
    for product, release in known:
        ports = [each for each in release.ports if each.presents != "RSA" and each.purpose in ("", purpose.service)]
        yield (
            _name(product, release),
            ", ".join(f"{each.number} ({each.service}){_star(each.fact)}" for each in ports),
        )


def server_steps(host: str, trust_files: Sequence[str], leaf_file: str, full_chain_file: str) -> tuple[Step, ...]:
    """The steps for a plain TLS server and for those who connect to it."""
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


def request_step(host: str) -> Step:
    """The step that makes a new request on a VOS node of any product."""
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
    """The host as it stands before a port in a shell."""
    return f"[{host}]" if ":" in host else quote(host)
