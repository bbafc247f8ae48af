"""The connection of a command to a server: which addresses it takes, and where its token goes."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service import settings as settings_module
from ca_service.app import create_app
from ca_service.authority.access.permissions import Role
from ca_service.cli.api import API, cursor_of
from ca_service.cli.failures import ExitCode
from ca_service.cli.server import ServerOptions
from ca_service.errors import InvalidInput
from ca_service.web.api.node_examples import PROBE
from tests.cli.command_line import CommandLine, Keyboard, deciding_rule
from tests.cli.desk import served, token_of
from tests.cli.test_probe import START
from tests.support.ports import free_port
from tests.support.tls_servers import certified, files

TOKEN = "ca_secret-0123456789"


@contextmanager
def answering(status: int, body: bytes = b"", **headers: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Answer every request so; gives the address, and the headers of each request."""
    seen = list[dict[str, str]]()

    class Handler(BaseHTTPRequestHandler):
        """Answers as wanted."""

        def do_GET(self) -> None:
            """Answer."""
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append({"path": self.path, **self.headers})
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - as above

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asking(folder: Path, url: str, **variables: str) -> CommandLine:
    """The command at a desk without an instance."""
    return CommandLine(folder / "nowhere", variables={"CA_SERVICE_URL": url, "CA_SERVICE_TOKEN": TOKEN} | variables)


@pytest.mark.parametrize(
    "url",
    [
        "ca.example.com",
        "ftp://ca.example.com",
        "https://",
        "https://ca.example.com:port",
        "https://ca.example.com:0",
        "https://anna:hunter2@ca.example.com",
        "https://ca.example.com/?key=hunter2",
        "https://ca.example.com/#hunter2",
        "http://evil.example\\.localhost",
        "http://localhost\\@evil.example",
        "https://ca.example.com/a\u00a0b",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    desk = asking(tmp_path, url)
    assert desk.rule("list", code=2) == "server.url"
    assert "hunter2" not in desk("list").output


@pytest.mark.parametrize("host", ["ca.example.com", "10.0.0.7", "localhost.example.com", "ca.localhost"])
def test_a_token_does_not_leave_the_machine_unencrypted(tmp_path: Path, host: str) -> None:
    assert asking(tmp_path, f"http://{host}").rule("list", code=2) == "server.plain"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "[::1]"])
def test_plain_http_stays_on_this_machine(host: str) -> None:
    assert ServerOptions(f"http://{host}:8080/").address() == f"http://{host}:8080"


def test_plain_http_goes_elsewhere_only_if_it_is_allowed() -> None:
    assert ServerOptions("http://10.0.0.7/ca/", allow_http=True).address() == "http://10.0.0.7/ca"


@pytest.mark.parametrize(("token", "rule"), [("", "server.token-missing"), ("ca_ secret", "server.token")])
def test_a_token_that_is_none_is_refused(tmp_path: Path, token: str, rule: str) -> None:
    assert asking(tmp_path, "http://127.0.0.1:1", CA_SERVICE_TOKEN=token).rule("list", code=2) == rule


@pytest.mark.parametrize("variable", ["CA_SERVICE_TOKEN", "CA_SERVICE_TOKEN_FILE"])
def test_a_token_without_a_server_is_refused_and_not_ignored(ca: CommandLine, variable: str) -> None:
    forgetful = CommandLine(ca.folder, variables={variable: TOKEN})
    assert forgetful.rule("list", code=2) == "server.missing"
    said = forgetful("list").stderr
    assert "--server URL or CA_SERVICE_URL" in said
    assert TOKEN not in said
    assert forgetful("--token", TOKEN, "list").exit_code == ExitCode.USAGE
    assert forgetful("db", "current").exit_code == ExitCode.OK  # it never asks a server
    assert forgetful("matrix").exit_code == ExitCode.OK


@pytest.mark.parametrize("token", ["ca_unknown", "x" * 500, "hunter2"])
def test_a_token_that_the_server_does_not_know_is_called_so(ca: CommandLine, token: str) -> None:
    with ca.opened() as installation:
        app = create_app(settings_module.load({}, ca.folder).settings, installation)
        with served(app) as port:
            desk = asking(ca.folder, f"http://127.0.0.1:{port}", CA_SERVICE_TOKEN=token)
            assert desk.rule("list", code=ExitCode.NOT_ALLOWED) == "token.invalid"
            lines = desk("list").stderr.splitlines()
    assert lines[:2] == [
        "ca-service: This token is not valid here",
        "error: The token is unknown, revoked or expired.",
    ]
    assert "Account > API tokens" in lines[2]


def test_a_token_file_counts_before_the_variable(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\nmore\n")
    with answering(200, b'{"certificates": [], "next": null}', Date="Sat, 28 Nov 2026 18:00:00 GMT") as (url, seen):
        asking(tmp_path, url).answer("list")
        asking(tmp_path, url, CA_SERVICE_TOKEN_FILE=str(tmp_path / "token")).answer("list")
        result = CommandLine(tmp_path / "nowhere")("--server", url, "--token", "from-option", "list")
    assert result.stdout == "No certificates yet.\n"
    found = [each["Authorization"] for each in seen]
    assert found == [f"Bearer {TOKEN}", "Bearer from-file", "Bearer from-option"]


def test_a_netrc_file_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login anna password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with answering(200, b'{"certificates": [], "next": null}', Date="Sat, 28 Nov 2026 18:00:00 GMT") as (url, seen):
        asking(tmp_path, url).answer("list")
    assert seen[0]["Authorization"] == f"Bearer {TOKEN}"


def test_a_redirect_is_refused_and_the_token_stays(tmp_path: Path) -> None:
    with (
        answering(200, b"{}") as (other, elsewhere),
        answering(307, Location=f"{other}/api/v1/certificates") as (url, _),
    ):
        assert asking(tmp_path, url).rule("list", code=6) == "server.redirect"
    assert elsewhere == []


def test_a_server_that_does_not_answer_is_unreachable(tmp_path: Path) -> None:
    assert asking(tmp_path, f"http://127.0.0.1:{free_port()}").rule("list", code=6) == "server.unreachable"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<html>Bad gateway</html>", "text/html"),
        (200, b"<html>Welcome</html>", "text/html"),
        (200, b'{"certificates": []}', "application/json"),
        (400, b"{}", "application/problem+json"),
    ],
)
def test_an_answer_of_another_service_is_no_answer(tmp_path: Path, status: int, body: bytes, kind: str) -> None:
    with answering(status, body, Content_Type=kind) as (url, _):
        assert asking(tmp_path, url).rule("list", code=6) == "server.answer"


def test_a_batch_whose_answer_is_cut_off_is_no_refusal(tmp_path: Path, csr: Path) -> None:
    verdict = b'{"number": 0, "name": "", "outcome": "refused", "certificate": null, "request": null, "findings": []}\n'
    with answering(200, verdict, Content_Type="application/x-ndjson") as (url, _):
        assert asking(tmp_path, url).rule("sign", csr, "--partial", code=6) == "server.answer"


def test_a_problem_that_ends_a_batch_is_its_error(tmp_path: Path, csr: Path) -> None:
    finding = {"pointer": "", "rule": "database.busy", "severity": "error", "detail": "Busy.", "remedy": ""}
    problem = {"type": "x", "title": "x", "detail": "x", "code": "busy", "status": 503, "errors": [finding]}
    with answering(200, json.dumps(problem).encode() + b"\n", Content_Type="application/x-ndjson") as (url, _):
        assert asking(tmp_path, url).rule("sign", csr, "--partial", code=6) == "database.busy"


def test_a_probe_shows_each_line_and_its_last_one_is_the_result(tmp_path: Path) -> None:
    port, whole = (f"{json.dumps(each)}\n".encode() for each in (PROBE["ports"][0], PROBE))
    for lines, code in ((port, 6), (port + whole, 0)):
        with answering(202, lines, Content_Type="application/x-ndjson") as (url, seen):
            result = asking(tmp_path, url)("probe", "sm1.example.com:7443", "--json")
        assert result.exit_code == code
        assert seen[0]["path"] == "/api/v1/probes?format=ndjson"
    assert json.loads(result.stdout) == PROBE


def test_a_list_needs_the_time_of_the_server(tmp_path: Path) -> None:
    with answering(200, b'{"certificates": [], "next": null}', Date="yesterday") as (url, _):
        assert asking(tmp_path, url).rule("list", code=6) == "server.answer"


def test_a_fault_of_the_server_is_an_error_with_its_number(tmp_path: Path) -> None:
    finding = {"pointer": "", "rule": "internal", "severity": "error", "detail": "Wrong {x}.", "remedy": "Give 4711."}
    body = {"type": "/rules/internal", "title": "x", "detail": "x", "code": "internal", "status": 500}
    with answering(500, json.dumps(body | {"errors": [finding]}).encode(), Content_Type="application/problem+json") as (
        url,
        _,
    ):
        result = asking(tmp_path, url)("list")
    assert (result.exit_code, "Wrong {x}." in result.stderr, "Give 4711." in result.stderr) == (1, True, True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://ca.example.com", "https://anna:x@ca.example.com"])
def test_the_token_is_in_no_message_and_no_traceback(tmp_path: Path, url: str) -> None:
    result = asking(tmp_path, url)("--traceback", "list")
    assert "Traceback" in result.stderr
    assert TOKEN not in result.output
    assert TOKEN not in repr(ServerOptions(url, TOKEN))


def test_https_is_verified_and_our_own_root_can_be_given(ca: CommandLine, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    chain, private = files(tmp_path, "server", key, [certified(key, "localhost", start=START, days=3650)])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    with ca.opened() as installation:
        token = token_of(installation, Role.AUDITOR)
        app = create_app(settings_module.load({}, ca.folder).settings, installation)
        with served(app, context) as port:
            url = f"https://localhost:{port}"
            desk = asking(tmp_path, url, CA_SERVICE_TOKEN=token)
            assert desk.rule("list", code=6) == "server.certificate"
            trusting = asking(tmp_path, url, CA_SERVICE_TOKEN=token, CA_SERVICE_CA_FILE=str(chain))
            assert trusting.answer("list") == {"certificates": [], "next": None}
            assert asking(tmp_path, f"https://127.0.0.1:{port}", CA_SERVICE_CA_FILE=str(chain)).rule(
                "list", code=6
            ) == ("server.certificate")


def test_a_root_file_that_is_missing_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "root.pem")
    desk = asking(tmp_path, "https://127.0.0.1:1", CA_SERVICE_CA_FILE=missing)
    assert desk.rule("list", code=2) == "file.missing"


def test_the_variables_of_the_command_are_no_settings(ca: CommandLine) -> None:
    names = ("CA_SERVICE_URL", "CA_SERVICE_TOKEN", "CA_SERVICE_TOKEN_FILE", "CA_SERVICE_CA_FILE")
    assert settings_module.load(dict.fromkeys(names, "x"), ca.folder).settings


def test_a_wrong_address_hurts_no_command_that_asks_nothing(tmp_path: Path) -> None:
    assert asking(tmp_path, "nonsense")("matrix").exit_code == 0
    assert asking(tmp_path, "nonsense")("--help").exit_code == 0


@pytest.mark.parametrize(
    ("following", "cursor"), [("https://ca/api?q=&cursor=a%2Bb", "a+b"), (None, None), ("https://ca/api?q=x", None)]
)
def test_the_cursor_of_the_next_page_is_in_its_address(following: str | None, cursor: str | None) -> None:
    assert cursor_of(following) == cursor


def test_an_answer_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ca_service.cli.api._MAX_BYTES", 10)
    with answering(200, b"{}" * 10) as (url, _):
        api = API(ServerOptions(url, TOKEN))
        with pytest.raises(Exception, match="too long"):
            api.send("GET", "certificates")
        api.close()


def test_a_line_without_an_end_and_a_list_without_an_end_are_not_read_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ca_service.cli.api._MAX_LINE", 10)
    with answering(200, b"x" * 100) as (url, _):
        api = API(ServerOptions(url, TOKEN))
        with pytest.raises(Exception, match="a line is too long"):
            list(api.lines("GET", "certificates"))
        api.close()
    body = b'{"certificates": [], "next": "http://x/api/v1/certificates?cursor=a"}'
    with answering(200, body, Date="Sat, 28 Nov 2026 18:00:00 GMT") as (url, _):
        assert asking(tmp_path, url).rule("list", code=6) == "server.answer"


def test_a_date_without_a_zone_is_one_of_utc() -> None:
    with answering(200, b'{"certificates": [], "next": null}', Date="Sat, 28 Nov 2026 18:00:00 -0000") as (url, _):
        api = API(ServerOptions(url, TOKEN))
        api.send("GET", "certificates")
        assert api.now() == datetime(2026, 11, 28, 18, tzinfo=UTC)
        api.close()


def test_a_preview_of_a_revocation_is_harmless_to_a_terminal(tmp_path: Path) -> None:
    serial = "4f1c" * 10
    row = {"serial_number": serial, "host": "a\x1b[2J", "effect": "revoke", "state": "revoked", "reason": "superseded"}
    finding = {"pointer": "", "rule": "x", "severity": "note", "detail": "b\x1b[2J", "remedy": ""}
    body = {"done": False, "changed": 1, "certificates": [{**row, "revoked_at": None}], "findings": [finding]}
    with answering(200, json.dumps(body).encode(), Content_Type="application/json") as (url, _):
        result = asking(tmp_path, url)("revoke", serial, "--reason", "superseded", data=Keyboard(b"x\n"))
    assert "b\\u001b[2J" in result.output
    assert "\x1b[2J" not in result.output


@pytest.mark.parametrize("name", ["../../etc/passwd", ".bashrc", "a\\b.zip", ""])
def test_a_server_names_no_file_elsewhere(name: str) -> None:
    with answering(200, b"x", Content_Disposition=f'attachment; filename="{name}"') as (url, _):
        api = API(ServerOptions(url, TOKEN))
        assert api.send("GET", "clusters", 1, "bundle").file_name == ""
        api.close()


def test_parts_of_a_path_are_quoted() -> None:
    with answering(200, b"x") as (url, seen):
        api = API(ServerOptions(url, TOKEN))
        api.send("GET", "certificates", "../token?x=1")
        api.close()
    assert seen[0]["path"] == "/api/v1/certificates/..%2Ftoken%3Fx%3D1"


def test_what_a_server_says_is_harmless_to_a_terminal(tmp_path: Path) -> None:
    port = {"host": "a\x1b[2J", "port": 1, "service": "b\x1b[2J", "verdict": "refused", "remarks": [], "works": False}
    port |= {"sentences": ["c\x1b[2J"], "serial_number": "", "fingerprint": None, "not_after": None, "handshakes": []}
    said = {"works": False, "experience": "d\x1b[2J", "not_restarted": ["e\x1b[2J"], "ports": [port]}
    body = json.dumps(said).encode()
    with answering(200, body, Content_Type="application/json") as (url, _):
        assert "\x1b" not in asking(tmp_path, url)("probe", "a").output


def test_no_token_is_no_connection() -> None:
    with pytest.raises(InvalidInput, match="no token"):
        API(ServerOptions("https://ca.example.com"))


def test_a_usage_error_does_not_repeat_the_token(tmp_path: Path) -> None:
    result = CommandLine(tmp_path / "x")("--server", "https://ca.example.com", "--token", TOKEN, "lits", "--json")
    assert deciding_rule(result) == "usage"
    assert TOKEN not in result.output
