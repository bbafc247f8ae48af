"""Lines for the command line of a node: a whole exchange for nodes without the API, restarts for all."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from cryptography import x509

from ca_service.pki import encodings, names
from ca_service.vos.phrases import phrase, sentences
from ca_service.vos.purposes import Purpose
from ca_service.vos.runbook_parts import for_all
from ca_service.vos.runbook_running import make_used
from ca_service.vos.runbook_trust import settled, trust_of_others
from ca_service.vos.runbook_uploads import ou_question
from ca_service.vos.steps import Leaf, Node, Step

_TOMCAT = "utils service restart Cisco Tomcat"


def request_steps(host: str, purpose: Purpose, node: Node | None, options: Sequence[str] = ()) -> tuple[Step, ...]:
    """Return the steps that make a CSR on the node and show it; `options` are added to `ca-service sign`."""
    unit = purpose.service
    return (
        Step(
            phrase("Generate the CSR for {purpose} on {node}", purpose=unit, node=host),
            sentences(
                phrase("A new CSR silently replaces the one before and its key."),
                *ou_question(node.release if node else None),
                phrase("Save what is printed from BEGIN to END as a file, and have it signed."),
            ),
            nodes=(host,),
            commands=("set cli pagination off", f"set csr gen {unit}", f"show csr own {unit}/{unit}.csr"),
            terminal=(shlex.join(("ca-service", "sign", f"{unit}.csr", "--purpose", unit, *options)),),
            sources=("CLI-SET", "CLI-SHOW"),
            is_confirmed=False,
        ),
    )


def upload_steps(
    host: str, purpose: Purpose, leaf: x509.Certificate, authorities: Sequence[x509.Certificate]
) -> tuple[Step, ...]:
    """Return the steps that paste root, intermediates and certificate; `authorities` has the issuing one first."""
    return (
        *(_trust(host, purpose, authority) for authority in reversed(authorities)),
        Step(
            phrase("Paste the certificate into {node}", node=host),
            "On the node that made the CSR. Afterwards the CSR is gone.",
            nodes=(host,),
            purpose=purpose.service,
            commands=(f"set cert import own {purpose.service}", *_lines(leaf)),
            sources=("CLI-SET",),
            is_confirmed=False,
        ),
    )


def _trust(host: str, purpose: Purpose, authority: x509.Certificate) -> Step:
    return Step(
        phrase("Paste \u201c{name}\u201d into {node}", name=names.label(authority.subject), node=host),
        "Skip it if the same certificate is there already: `show cert list trust` lists what is there.",
        nodes=(host,),
        purpose=purpose.trust,
        commands=(f"set cert import trust {purpose.trust_unit}", *_lines(authority)),
        sources=("CLI-SET",),
        is_optional=True,
    )


def _lines(certificate: x509.Certificate) -> Iterator[str]:
    yield from encodings.pem(certificate).decode().splitlines()
    yield ""  # the Enter after the paste


def preparing_steps(node: Node | None, purpose: Purpose) -> tuple[Step, ...]:
    """Return the steps before the upload of the certificate: on peers, on the computers of users, on the node.

    There are none where the product is not known.
    """
    if node is None:
        return ()
    nodes, leaves = [node], [Leaf(node, purpose)]
    return (*trust_of_others(nodes, leaves), *for_all(nodes, "prepare", leaves))


def running_steps(host: str, node: Node | None, purpose: Purpose) -> tuple[Step, ...]:
    """Return the steps after which the node presents the certificate; a guess where its product is not known."""
    leaf = Leaf(node, purpose) if node else None
    known = (*settled([leaf.node], [leaf]), *make_used([leaf.node], [leaf]).steps) if leaf else ()
    if known:
        return known
    return (
        Step(
            phrase("Restart what presents it on {node}", node=host),
            "Which services present the certificate depends on the product: give --product and --version-of.",
            nodes=(host,),
            commands=(_TOMCAT,),
            sources=("REGEN-CA",),
            is_confirmed=False,
        ),
    )
