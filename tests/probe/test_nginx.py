"""A real nginx, whose TLS is OpenSSL: both certificates on a port, one version of TLS, and ports without TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ca_service.vos.served import Ending, Remark, Verdict
from tests.probe.conftest import Probe
from tests.support.identities import Files, Identities, rsa_key
from tests.support.ports import free_ports
from tests.support.programs import find
from tests.support.servers import answers, running

HOST: Final = "proxy.localhost"
_SETTINGS: Final = """
daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;
events {{ worker_connections 100; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  ssl_protocols TLSv1.2 TLSv1.3;
  {servers}
}}
"""


#: What each port answers to ECDSA in TLS 1.2 and 1.3 and to RSA in TLS 1.2 and 1.3, the verdict, and the remarks.
EXPECTED: Final = {
    "both": ("served served served served", Verdict.ISSUED, ()),
    "only-tls-1.2": ("served declined served declined", Verdict.ISSUED, ()),
    "only-tls-1.3": ("declined served declined served", Verdict.ISSUED, (Remark.ONLY_TLS_13,)),
    "clients": ("served served declined declined", Verdict.ISSUED, (Remark.ASKS_CLIENT_CERTIFICATE,)),
    "declines": ("declined declined declined declined", Verdict.NO_ECDSA, ()),
    "plain": ("not-TLS", Verdict.NOT_TLS, ()),
}


def servers(both: str, ec: str) -> dict[str, str]:
    """The settings of each port, after the word listen and the address."""
    return {
        "both": f"ssl; {both}",
        "only-tls-1.2": f"ssl; {both} ssl_protocols TLSv1.2;",
        "only-tls-1.3": f"ssl; {both} ssl_protocols TLSv1.3;",
        "clients": f"ssl; {ec} ssl_verify_client optional_no_ca;",
        "declines": f"ssl; {ec} ssl_reject_handshake on;",
        "plain": ";",
    }


def pair(files: Files) -> str:
    return f"ssl_certificate {files[0]}; ssl_certificate_key {files[1]};"


@pytest.fixture(scope="module")
def ports(identities: Identities, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The ports of an nginx, by what is special about them."""
    folder = tmp_path_factory.mktemp("nginx")
    ec = pair(identities.issued(HOST))
    settings = servers(ec + pair(identities.self_signed(HOST, rsa_key("nginx"))), ec)
    found = dict(zip(settings, free_ports(len(settings)), strict=True))
    text = "\n".join(f"server {{ listen 127.0.0.1:{found[name]} {each} }}" for name, each in settings.items())
    (folder / "nginx.conf").write_text(_SETTINGS.format(folder=folder, servers=text))
    command: list[str | Path] = [find("nginx"), "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]
    with running(command, folder, lambda: answers(*found.values())):
        yield found


@pytest.mark.parametrize("name", EXPECTED)
def test_a_port_of_nginx_has_its_verdict(ports: dict[str, int], probe: Probe, name: str) -> None:
    endings, verdict, remarks = EXPECTED[name]
    [found] = probe(f"{HOST}:{ports[name]}")
    assert [each.ending for each in found.handshakes] == [Ending(each.replace("-", " ")) for each in endings.split()]
    assert (found.verdict, found.remarks) == (verdict, remarks)
