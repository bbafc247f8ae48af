"""Knows the steps that follow a signing: on a VOS node, and on a plain server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from textwrap import wrap
from typing import Final

from ca_service.vos.purposes import Purpose

_MENU: Final = "Cisco Unified OS Administration > Security > Certificate Management"
_TRUST: Final = (
    "On {menu}, choose Upload Certificate/Certificate chain, the purpose below, this file. "
    "A publisher passes it on to its subscribers; SocialMiner/CCP is a server of its own. "
    "Skip it where the same certificate is there already."
)
_TRUST_TOO: Final = "In the same way, to the same places."
_LEAF: Final = (
    "On the node that made the request, on the same page: purpose {purpose} (not tomcat), this file. "
    "A good upload uses up the request: a second certificate then needs a new request."
)
_USED: Final = "Whether a node presents an ECDSA certificate depends on product and version."
_USES: Final = (
    ("UCCX and SocialMiner 11.5", "yes, at once: UCCX on port 12015 (Socket.IO), SocialMiner on port 7443."),
    (
        "UCCX, SocialMiner/CCP, Finesse, CUIC from 11.6",
        "no: Cisco removed ECDSA from the UCCX solution. That this ends only with the switch of the next row, "
        "and in which 12.5 release that came, is not confirmed by Cisco's documents.",
    ),
    ("UCCX 15.0; Finesse, CUIC and VVB 12.6 and later", "yes, once it is switched on: see below."),
    ("CUCM, IM&P, CUC", "yes, once EC ciphers are switched on: see below."),
)
_SWITCH: Final = "Where your product needs it. UCCX and SocialMiner 11.5 need nothing."
_SWITCHES: Final = (
    (
        "UCCX 15.0; Finesse, CUIC and VVB 12.6 and later",
        "run set tls server cert_type ecdsa on every node of the cluster; each reboots a minute later, "
        "which is all the restart that it needs.",
    ),
    ("CUCM, IM&P", "let the Enterprise Parameter HTTPS Ciphers allow EC and RSA ciphers; the default is RSA alone."),
    ("CUC", "set HTTPS Ciphers to All Supported EC and RSA Ciphers."),
)
_RESTART: Final = "Publisher first, then the other nodes one at a time."
_RESTARTS: Final = (
    ("UCCX and SocialMiner 11.5", "restart the SocialMiner server and the UCCX nodes."),
    (
        "SocialMiner/CCP, later",
        "utils service restart CCP XMPP Server, then utils service restart Cisco Tomcat.",
    ),
    (
        "Finesse",
        "utils service restart Cisco Finesse Notification Service, then utils service restart Cisco Finesse Tomcat.",
    ),
    ("CUCM 12.5 and older", "utils service restart Cisco Tomcat on every node, and Cisco Tftp where it runs."),
    (
        "CUCM 14 and later",
        "Cisco Tomcat on every node, Cisco UDS Tomcat and Cisco AXL Tomcat on the CUCM nodes, "
        "Cisco DRF Local on every node and Cisco DRF Master on the publisher.",
    ),
    ("IM&P", "utils service restart Cisco Tomcat on every node."),
    ("CUC", "Cisco Tomcat, Connection Conversation Manager, IMAP Server, DirSync, Jetty and SMTP."),
)
_CHECK: Final = (
    "Ask from another machine, with the port of the service in place of PORT. The serial number must be {serial}."
)
_PORTS: Final = (
    ("UCCX 11.5", "12015"),
    ("SocialMiner 11.5", "7443"),
    ("UCCX 15.0 and later", "8443, 8445 (Finesse), 8444 (CUIC)"),
    ("CUCM, IM&P, CUC", "8443"),
)
_CHECK_COMMAND: Final = (
    "openssl s_client -connect {at}:PORT -servername {name} -tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384 </dev/null "
    "| openssl x509 -noout -serial"
)
_CHECK_SERVER: Final = "openssl s_client -connect {at}:443 -servername {name} -CAfile {root} </dev/null"
_BACKUP: Final = "Take a DRS backup, so that the newest backup holds the new certificate."
_INDENT: Final = "   "
_COLUMN: Final = 15
WIDTH: Final = 100
SOURCES: Final = (
    "Cisco documents 210528, 118855, 217138; CUCM Security Guide 12.5 and 14; CUCM Administration Guide; CCE Security "
    "Guide 12.6; Finesse Administration Guide; Unity Connection OS Administration; UCCX Operations Guide 15.0"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, in words.

    `file` is the file of the bundle that it is done with, `command` the line for a shell that does it; empty
    if there is none. `cases` are (product and version, what to do there), where that differs. A preface is
    read before the numbered steps.
    """

    title: str
    text: str
    file: str = ""
    purpose: str = ""
    command: str = ""
    cases: tuple[tuple[str, str], ...] = ()
    is_preface: bool = False


def vos_steps(
    purpose: Purpose, host: str, serial_number: str, trust_files: Sequence[str], leaf_file: str
) -> tuple[Step, ...]:
    """The steps for one VOS node; the trust files in the order of upload, root first."""
    uploads = [
        Step(f"Upload {file}", (_TRUST if number == 0 else _TRUST_TOO).format(menu=_MENU), file, purpose.trust)
        for number, file in enumerate(trust_files)
    ]
    return (
        Step("Before you begin: does your version use it?", _USED, cases=_USES, is_preface=True),
        *uploads,
        Step(f"Upload {leaf_file}", _LEAF.format(purpose=purpose.service), leaf_file, purpose.service),
        Step("Switch it on", _SWITCH, cases=_SWITCHES),
        Step("Restart what presents it", _RESTART, cases=_RESTARTS),
        Step(
            "See that it is served",
            _CHECK.format(serial=serial_number.upper()),  # as openssl prints it
            command=_CHECK_COMMAND.format(at=_address(host), name=quote(host)),
            cases=_PORTS,
        ),
        Step("Take a backup", _BACKUP),
    )


def server_steps(host: str, trust_files: Sequence[str], leaf_file: str, full_chain_file: str) -> tuple[Step, ...]:
    """The steps for a plain TLS server and for those who connect to it."""
    return (
        Step(
            f"Install {full_chain_file} on the server",
            "Give the server this file (leaf, then intermediate) and the private key that made the request. "
            "nginx: ssl_certificate and ssl_certificate_key; Apache: SSLCertificateFile and SSLCertificateKeyFile.",
            full_chain_file,
        ),
        Step(f"Or install {leaf_file}", "That is the leaf alone, for a server that wants it so.", leaf_file),
        Step(f"Let clients trust {trust_files[0]}", "Install it in the trust store of each client.", trust_files[0]),
        Step(
            "See that it is served",
            "Ask from another machine. The answer must hold: Verify return code: 0 (ok).",
            command=_CHECK_SERVER.format(at=_address(host), name=quote(host), root=trust_files[0]),
        ),
    )


def _address(host: str) -> str:
    """The host as it stands before a port in a shell."""
    return f"[{host}]" if ":" in host else quote(host)


def as_text(title: str, steps: Sequence[Step], facts: Sequence[tuple[str, str]]) -> str:
    """The steps as a text file: numbered, LF, 100 characters wide as far as words can be parted."""
    lines = [title, "=" * min(len(title), WIDTH), ""]
    for name, value in facts:
        lines += _wrapped(value, f"{name + ':':<{_COLUMN}}", " " * _COLUMN)
    number = 0
    for step in steps:
        number += not step.is_preface
        title = step.title if step.is_preface else f"{number}. {step.title}"
        lines += ["", title, *_wrapped(step.text, _INDENT, _INDENT)]
        for product, what in step.cases:
            lines += _wrapped(f"{product}: {what}", f"{_INDENT}- ", f"{_INDENT}  ")
        lines += [f"{_INDENT}Purpose: {step.purpose}"] if step.purpose else []
        lines += ["", *_shell_lines(step.command)] if step.command else []
    return "\n".join([*lines, ""])


def _wrapped(text: str, first: str, others: str) -> list[str]:
    """Lines that part between words only: a name or a serial number stays whole, so that it can be copied."""
    return wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )


def _shell_lines(command: str) -> list[str]:
    """A command in lines that a shell joins again."""
    lines = wrap(
        command,
        WIDTH - 2,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT * 2,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]
