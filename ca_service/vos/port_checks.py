"""Lines that print the serial number which each port presents: for a shell with openssl, and for PowerShell."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Final

from ca_service.pki.names import bracketed
from ca_service.vos.products import Port

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
