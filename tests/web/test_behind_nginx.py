"""Slow clients of nginx in front of the server, as docs/operating/deployment.md describes it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.ports import free_port
from tests.support.programs import find
from tests.web.conftest import Made
from tests.web.serving import HEALTH, Server, clients, dripping, running, wait

# Bodies are passed on as they arrive, and connections to the service kept: what a proxy can do worst.
_SETTINGS: Final = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 500; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream service {{ server 127.0.0.1:{service}; keepalive 20; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://service; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host localhost;
      proxy_request_buffering off; proxy_buffering off;
    }}
  }}
}}
"""
_CLOSE: Final = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
_HEAD: Final = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "
_BODY: Final = b"POST /ocsp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\nx"


@contextmanager
def nginx(service: Server, folder: Path) -> Iterator[Server]:
    """Run nginx in front of this server."""
    folder.mkdir()
    port = free_port()
    (folder / "nginx.conf").write_text(_SETTINGS.format(folder=folder, service=service.port, port=port))
    command = [find("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        proxy = Server(process.pid, port)
        try:
            wait(proxy)
            yield proxy
        finally:
            process.terminate()


@pytest.fixture
def proxy(made: Made, tmp_path: Path) -> Iterator[Server]:
    """An nginx in front of a server."""
    folder = shutil.copytree(made.folder, tmp_path / "instance")
    with running(folder) as service, nginx(service, tmp_path / "nginx") as found:
        yield found


@pytest.mark.parametrize(
    ("number", "sent", "drips"),
    [(60, _CLOSE, False), (100, b"", False), (400, b"", False), (8, _HEAD, True), (8, _BODY, True)],
    ids=["polite", "silent", "many", "heads-that-drip", "bodies-that-drip"],
)
def test_slow_clients_of_nginx_hold_nothing(proxy: Server, number: int, sent: bytes, drips: bool) -> None:
    with clients(proxy, number, sent) as slow, dripping(slow if drips else []):
        time.sleep(0.5)
        assert proxy.answered() == 5
