"""The doctor at the command line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from ca_service.authority.audit.events import Event
from ca_service.storage.events import SQLEventStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.cli.command_line import CommandLine
from tests.support.factories import event


def test_a_fresh_installation_is_well(ca: CommandLine) -> None:
    answer = ca.answer("doctor")
    assert answer["is_well"]
    assert answer["checks"][0] == {
        "id": "database-tables",
        "name": "tables of the database",
        "is_well": True,
        "findings": [],
    }
    rules = {found["rule"] for check in answer["checks"] for found in check["findings"]}
    assert rules == {"doctor.root-key", "doctor.no-address"}


def test_what_has_to_be_mended_is_told_and_ends_with_an_error(ca: CommandLine) -> None:
    (ca.folder / "keys" / "intermediate-g1.key.pem").unlink()
    told = ca("doctor")
    assert told.exit_code == 1
    assert "error    keys of the authorities" in told.stdout


def test_an_address_where_nobody_listens_is_told(ca: CommandLine) -> None:
    elsewhere = CommandLine(ca.folder, {"CA_SERVICE_WEB__BASE_URL": "http://127.0.0.1:1", "no_proxy": "*"})
    told = elsewhere("doctor", "--json")
    assert told.exit_code == 1
    assert "probe.unreachable" in told.stdout


class _AnyPage(BaseHTTPRequestHandler):
    """Answers each question with an address of a client."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(HTTPStatus.OK)
        self.end_headers()
        self.wfile.write(b"192.0.2.7")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_a_note_is_no_warning(ca: CommandLine) -> None:
    with HTTPServer(("127.0.0.1", 0), _AnyPage) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings = {"BASE_URL": f"http://127.0.0.1:{server.server_port}", "SECRET_KEY": "k" * 32}
        environ = {f"CA_SERVICE_WEB__{name}": value for name, value in settings.items()}
        told = CommandLine(ca.folder, environ | {"no_proxy": "*"})("doctor").stdout
        server.shutdown()
    assert "ok       address of clients\n         A forged X-Forwarded-For had no effect" in told


def record_in_a_year(ca: CommandLine) -> None:
    """Record an event while the clock is a year ahead."""
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
    SQLEventStore(SQLiteDatabase(ca.folder / "ca.sqlite3")).add_event(replace(event("anna", Event.SIGNED_IN), at=at))


def test_the_operator_confirms_the_clock_and_signing_goes_on(ca: CommandLine, csr: Path) -> None:
    record_in_a_year(ca)
    assert ca.rule("sign", csr, code=1) == "clock.behind"
    told = ca("doctor")
    assert told.exit_code == 1
    assert "error    clock" in told.stdout
    told = ca("doctor", "--confirm-clock")
    assert told.exit_code == 0
    assert "The clock is confirmed." in told.stderr
    assert ca("sign", csr).exit_code == 0
    newest = ca.answer("audit", "list", "--event", "clock.confirmed")["events"]
    assert [each["actor"].partition(":")[0] for each in newest] == ["cli"]


def test_a_right_clock_needs_no_confirmation(ca: CommandLine) -> None:
    told = ca("doctor", "--confirm-clock")
    assert told.exit_code == 0
    assert "nothing to confirm" in told.stderr
