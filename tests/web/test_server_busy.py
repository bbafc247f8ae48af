"""The server as it really runs, while another process holds the turn to write."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from ca_service import settings as settings_module
from ca_service.app import open_installation
from ca_service.authority.access.permissions import Role
from ca_service.storage.sqlite import SQLiteDatabase
from tests.support.factories import OPERATOR, cheap_hasher
from tests.support.holding import held
from tests.support.ports import free_port
from tests.support.request_records import NOBODY_WAITS
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER
from tests.web.conftest import Made
from tests.web.serving import PROGRAM, Server, wait

_SETTINGS = NOBODY_WAITS | {"CA_SERVICE_SERVER__THREADS": "2"}
_ONE = PROGRAM.replace("workers=2, threads=2", "workers=1, threads=2").replace("load({}", f"load({_SETTINGS!r}")
PATHS = ("/healthz", "/ca/intermediate-g1.crl", "/sign-in", "/static/site.css")


def prepared(folder: Path) -> str:
    """Publish the first CRL, and return a token of a requester."""
    installation = open_installation(settings_module.load({}, folder).settings, cheap_hasher())
    installation.crl_publisher.publish_due()
    secret = installation.tokens.create(OPERATOR, Role.REQUESTER.value, "x", 1).secret
    installation.close()
    return secret


@pytest.mark.timeout(100)
def test_one_of_two_waits_for_its_turn_the_other_is_told_at_once_and_readers_are_served(
    made: Made, tmp_path: Path
) -> None:
    folder, port = shutil.copytree(made.folder, tmp_path / "instance"), free_port()
    token = prepared(folder)

    def issue(data: bytes) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/api/v1/certificates", data, {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    command = [sys.executable, "-c", _ONE, str(folder), str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        server = Server(process.pid, port)
        try:
            wait(server)
            with held(SQLiteDatabase(folder / "ca.sqlite3")) as release, ThreadPoolExecutor(2) as pool:
                answers = [pool.submit(issue, each.data) for each in (SOCIALMINER, UCCX_PUBLISHER)]
                refused = first_of(answers)
                served = [server.ask(path=path)[0] for path in PATHS]
                waiting = [each.done() for each in answers].count(False)
                release()
            assert (refused.status, refused.getheader("Retry-After")) == (503, "5")
            assert (served, waiting) == ([200] * len(PATHS), 1)
            assert sorted(each.result().status for each in answers) == [201, 503]
        finally:
            process.kill()


def first_of(answers: list[Future[HTTPResponse]]) -> HTTPResponse:
    """The first answer."""
    for _ in range(800):
        for each in answers:
            if each.done():
                return each.result()
        time.sleep(0.05)
    raise AssertionError("none is answered")
