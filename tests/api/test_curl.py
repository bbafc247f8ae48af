"""The lines of the documentation, run for real against a server on this machine."""

from __future__ import annotations

import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from ca_service.authority.access.permissions import Role
from ca_service.web.api.operation import Operation
from ca_service.web.api.operations import OPERATIONS
from tests.support.programs import find
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER, UCCX_SUBSCRIBER
from tests.support.spoiled import intermediate, issued, root

from .conftest import Made, served

BY_ID = {operation.id: operation for operation in OPERATIONS}
AUTHORIZED = '-H "Authorization: Bearer $TOKEN"'


@pytest.fixture
def base_url(app: Flask) -> Iterator[str]:
    """Where the application is served while the test runs."""
    with served(app) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where an administrator keeps the requests of the nodes."""
    folder = tmp_path / "requests"
    folder.mkdir()
    (folder / "tomcat-ECDSA.csr").write_bytes(UCCX_PUBLISHER.data)
    (folder / "uccx1.csr").write_bytes(UCCX_PUBLISHER.data)
    (folder / "uccx2.csr").write_bytes(UCCX_SUBSCRIBER.data)
    with zipfile.ZipFile(folder / "requests.zip", "w") as archive:
        archive.write(folder / "uccx1.csr", "uccx1.csr")
    for name, made in (("signed", issued()), ("intermediate", intermediate()), ("root", root())):
        (folder / f"{name}.pem").write_bytes(made.pem)
    return folder


def run(line: str, folder: Path, token: str) -> subprocess.CompletedProcess[bytes]:
    find("curl")
    environment = {"TOKEN": token, "PATH": "/usr/bin:/bin", "no_proxy": "*"}
    return subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, check=False)  # noqa: S602


def test_curl_saves_the_bundle_under_its_name_and_openssl_accepts_it(base_url: str, folder: Path, token: str) -> None:
    done = run(BY_ID["issueCertificates"].curl.format(base_url=base_url), folder, token)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(folder / "uccx1.example.com-tomcat-ECDSA.zip") as bundle:
        bundle.extractall(folder)
    verify = "openssl verify -CAfile 1-root.*.pem -untrusted 2-intermediate.*.pem 3-*.pem"
    assert run(verify, folder, token).stdout == b"3-uccx1.example.com.tomcat-ECDSA.pem: OK\n"


@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if not {"request_id", "cluster_id", "host"} & set(re.findall("{(.*?)}", each.path))],
    ids=lambda operation: operation.id,
)
def test_every_curl_line_of_the_documentation_works(
    base_url: str, folder: Path, made: Made, operation: Operation
) -> None:
    token = made.tokens[Role.ADMINISTRATOR]
    first = run(
        f"curl -fsS {AUTHORIZED} -D - -o /dev/null --data-binary @uccx2.csr "
        f"'{base_url}/api/v1/certificates?profile=server'",
        folder,
        token,
    )
    location = next(line for line in first.stdout.decode().splitlines() if line.startswith("Location: "))
    serial = location.rpartition("/")[2]
    if operation.id == "releaseCertificates":
        run(BY_ID["revokeCertificates"].curl.format(base_url=base_url).replace("SERIAL_NUMBER", serial), folder, token)
    line = operation.curl.format(base_url=base_url).replace("SERIAL_NUMBER", serial)
    line = line.replace("PRODUCT_ID", "uccx").replace(
        "uccx1.example.com:12015", "127.0.0.1:1"
    )  # a host that needs no name server
    done = run(line, folder, token)
    assert done.returncode == 0, done.stderr


def test_curl_fails_and_shows_the_problem_when_a_request_is_refused(base_url: str, folder: Path, token: str) -> None:
    (folder / "bad.csr").write_bytes(SOCIALMINER.data[:-100])
    line = f"curl -sS --fail-with-body {AUTHORIZED} --data-binary @bad.csr {base_url}/api/v1/certificates"
    done = run(line, folder, token)
    assert done.returncode == 22
    assert b"csr.truncated" in done.stdout
