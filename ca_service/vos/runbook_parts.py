"""Parts of a runbook beside its phases: files, keys, actions as steps, remarks, and the lines that check ports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from shlex import quote
from typing import Final

from cryptography import x509

from ca_service.pki import encodings
from ca_service.pki.names import bracketed
from ca_service.vos.file_names import leaf_file, safe_name, trust_file
from ca_service.vos.knowledge import Fact
from ca_service.vos.phrases import phrase
from ca_service.vos.products import Action, Port, Use, version
from ca_service.vos.purposes import Purpose
from ca_service.vos.steps import Leaf, Node, Step

MENU: Final = "Cisco Unified OS Administration > Security > Certificate Management"

#: Two handshakes, since a node may have one of the versions only; each offers ECDSA and nothing else.
_HANDSHAKES: Final = (
    "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
    "-tls1_3 -sigalgs ecdsa_secp384r1_sha384:ecdsa_secp256r1_sha256",
)
_S_CLIENT: Final = (
    "openssl s_client -connect {at}:{port} -servername {at}{starttls} {handshake} -curves P-256:P-384 "
    "</dev/null 2>/dev/null | openssl x509 -noout -serial"
)
_EACH_PORT: Final = "for port in {ports}; do echo {at}:$port; {commands}; done"
# Windows chooses the cipher itself, so this shows what a browser there gets. Names of protocols that an older .NET
# lacks end in the catch, as a refused connection does.
_POWERSHELL: Final = (
    "foreach ($port in {ports}) {{ foreach ($tls in 'Tls12','Tls13') {{ try {{ "
    "$tcp = New-Object Net.Sockets.TcpClient({host}, $port); "
    "$ssl = New-Object Net.Security.SslStream($tcp.GetStream(), $false, {{ $true }}); "
    "$ssl.AuthenticateAsClient({host}, $null, $tls, $false); "
    '{host} + ":$port $tls serial=" + $ssl.RemoteCertificate.GetSerialNumberString() }} '
    'catch {{ {host} + ":$port $tls no answer" }} finally {{ if ($tcp) {{ $tcp.Close() }} }} }} }}'
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of the files of the bundle, relative to the runbook: leaves in folders of their nodes or beside it, the
    authorities, root first, beside it or in `trust_folder`, such as "../"."""

    authorities: tuple[x509.Certificate, ...]
    has_folders: bool
    trust_folder: str

    def authority_key(self, number: int) -> str:
        """Return an authority, 0 for the root and -1 for the one that issues, as a part of a key."""
        return encodings.fingerprint(self.authorities[number])[:24]

    def path(self, leaf: Leaf) -> str:
        """Return the file of a leaf."""
        return self.beside(leaf, leaf_file(len(self.authorities) + 1, leaf.node.fqdn, leaf.purpose))

    def trust(self, purpose: Purpose) -> tuple[str, ...]:
        """Return the files of the authorities, root first."""
        numbers = range(1, len(self.authorities) + 1)
        return tuple(f"{self.trust_folder}{trust_file(number, purpose)}" for number in numbers)

    def beside(self, leaf: Leaf, name: str) -> str:
        """Return a file that is beside that of a leaf."""
        return f"{safe_name(leaf.node.fqdn)}/{name}" if self.has_folders else name


def short(text: str) -> str:
    """Return a text of any length as a part of a key."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def key_of(leaves: Sequence[Leaf]) -> str:
    """Return all these certificates as a part of a key."""
    return short("".join(leaf.serial_number for leaf in leaves))


def for_all(nodes: Sequence[Node], kind: str, leaves: Sequence[Leaf], owner: str = "") -> Iterator[Step]:
    """Yield a step for each action of this kind that the nodes of these certificates share.

    A peer that is a node of the cluster has a step of its own instead, and so has its check. The keys of the steps end
    with `owner`, or with the certificates: a step stays done as long as that is the same.
    """
    products = {node.product.id for node in nodes}
    found = dict[tuple[str, str], tuple[Action, list[str]]]()
    for leaf in leaves:
        for node in leaf.nodes:
            for action in actions_on(node, kind, leaf.purpose):
                if action.product not in products:
                    found.setdefault((action.title, action.fact.text), (action, []))[1].append(node.fqdn)
    for action, fqdns in found.values():
        yield replace(
            done(action, "", f"{kind}/{short(f'{action.title} {action.fact}')}/{owner or key_of(leaves)}"),
            nodes=tuple(dict.fromkeys(fqdns)),
        )


def actions_on(node: Node, kind: str, purpose: Purpose) -> list[Action]:
    """Return the actions of this kind that the release of a node has for a purpose."""
    actions: tuple[Action, ...] = getattr(node.release, kind) if node.release else ()
    return [action for action in actions if action.purpose in ("", purpose.service)]


def done(action: Action, node: str, key: str, *, is_node: bool = True) -> Step:
    """Return an action as a step on this node, which is named in words if it is not one of the cluster."""
    effect = action.effect
    return Step(
        phrase(action.title, node=node),
        action.fact.text,
        key=key,
        nodes=(node,) if is_node else (),
        commands=action.commands,
        effect=effect,
        undo=action.undo,
        why=action.why,
        sources=tuple(dict.fromkeys((*action.fact.sources, *(effect.wait.sources if effect else ())))),
        is_confirmed=action.fact.is_confirmed,
        is_optional=action.is_optional,
    )


def warnings(nodes: Sequence[Node], leaves: Sequence[Leaf]) -> Iterator[Step]:
    """Yield the warnings before signing: where the certificate has no effect, or an unknown one, and the cautions."""
    found = dict[tuple[str, Fact], list[str]]()
    for node in nodes:
        name = f"{node.fqdn}: {node.product.name} {node.version}"
        if node.release is None:
            yield Step(name, _unread(node), nodes=(node.fqdn,), is_preface=True)
        elif node.release.use in (Use.NEVER, Use.UNKNOWN):
            yield _told(name, node.release.uses, (node.fqdn,))
    for leaf in leaves:
        for node in leaf.nodes:
            for action in actions_on(node, "cautions", leaf.purpose):
                found.setdefault((action.title, action.fact), []).append(node.fqdn)
    for (title, fact), fqdns in found.items():
        yield _told(title, fact, tuple(dict.fromkeys(fqdns)))


def _unread(node: Node) -> str:
    if node.product.is_newer(version(node.version)):
        return phrase(
            "Newer than what was read: the documents end with {product} {newest}. Try one node first.",
            product=node.product.name,
            newest=node.product.newest,
        )
    return "Cisco\u2019s documents that were read say nothing of this version. Try one node first."


def remarks(nodes: Sequence[Node]) -> Iterator[Step]:
    """Return the notes on products and versions of these nodes, each sentence once."""
    found = dict[tuple[str, Fact], list[str]]()
    for node in nodes:
        for fact in node.release.warnings if node.release else ():
            found.setdefault((f"{node.product.name} {node.version}", fact), []).append(node.fqdn)
    for (name, fact), fqdns in found.items():
        yield _told(name, fact, tuple(fqdns))


def _told(title: str, fact: Fact, fqdns: tuple[str, ...]) -> Step:
    return Step(title, fact.text, nodes=fqdns, sources=fact.sources, is_confirmed=fact.is_confirmed, is_preface=True)


def before_port(host: str) -> str:
    """Return a host as it is written before a port in a shell."""
    return bracketed(host) if ":" in host else quote(host)


def shell_lines(host: str, ports: Sequence[Port]) -> tuple[str, ...]:
    """Return a line for each way in which ports begin TLS; it prints each port and its two serial numbers."""
    ways = dict.fromkeys(port.starttls for port in ports)
    return tuple(s_client(host, [port.number for port in ports if port.starttls == way], way) for way in ways)


def s_client(host: str, ports: Sequence[int], starttls: str = "") -> str:
    """Return one line that prints the serial numbers on each of these ports, with TLS 1.2 and then 1.3."""
    at = before_port(host)
    way = f" -starttls {starttls}" if starttls else ""
    commands = "; ".join(_S_CLIENT.format(at=at, port="$port", starttls=way, handshake=each) for each in _HANDSHAKES)
    return _EACH_PORT.format(ports=" ".join(map(str, ports)), at=at, commands=commands)


def powershell_line(host: str, ports: Sequence[Port]) -> str:
    """Return one line that prints the serial numbers on these ports; empty if none of them begins with TLS."""
    numbers = ",".join(str(port.number) for port in ports if not port.starttls)
    quoted = "'" + host.replace("'", "''") + "'"
    return _POWERSHELL.format(ports=numbers, host=quoted) if numbers else ""
