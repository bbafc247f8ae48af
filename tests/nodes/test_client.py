"""The client against the emulated node over TLS, and against peers that are no node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.fleet.node_contact import Credentials, NodeSession, Place, Unanswered
from ca_service.errors import CAServiceError, InvalidInput, NotAllowed, Refused
from ca_service.lab.api import Fault
from ca_service.lab.node import LabNode
from ca_service.lab.serving import serving
from ca_service.nodes.client import CertificateAPIClient
from ca_service.pki import encodings
from ca_service.vos.purposes import TOMCAT_ECDSA
from tests.support import tls_servers
from tests.support.open_files import more_than_select_takes
from tests.support.tls_servers import certified, files, listening

HOST: Final = "cucm1.example.com"
GOOD: Final = Credentials("administrator", "lab password")
JSON: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def node() -> LabNode:
    """A node with the real time."""
    return LabNode(HOST, GOOD.password, now=lambda: datetime.now(UTC), stopwatch=time.monotonic)


@contextmanager
def session_with(
    node: LabNode, *faults: Fault, credentials: Credentials = GOOD, seconds: float = 10.0
) -> Iterator[NodeSession]:
    """A session with the node, whose certificate was pinned at first contact."""
    with serving(node, faults=faults, slow_seconds=1.5) as ports:
        place = Place(HOST, "127.0.0.1", ports.api)
        fingerprint = encodings.fingerprint(CertificateAPIClient(time.monotonic).present(place))
        yield CertificateAPIClient(time.monotonic, seconds).open(place, fingerprint, credentials)


def refusal(act: Callable[[], object]) -> CAServiceError:
    """The error of a call."""
    with pytest.raises(CAServiceError) as error:
        act()
    return error.value


def test_a_snapshot_has_identities_and_trust(node: LabNode) -> None:
    with session_with(node) as session:
        found = session.read()
    assert found.identity(TOMCAT_ECDSA).certificate == node.served.ecdsa[0].certificate
    assert len(found.trusted(TOMCAT_ECDSA)) == 2


def test_the_options_are_what_the_node_says_cut_to_a_length(node: LabNode, monkeypatch: pytest.MonkeyPatch) -> None:
    with session_with(node) as session:
        assert '"keyTypes": ["rsa", "ec"]' in session.read_options()
    monkeypatch.setattr(LabNode, "options", lambda _: {"long": "x" * 9000})
    with session_with(node) as session:
        assert len(session.read_options()) == 500
        assert session.read_options().endswith("x\u2026")


def test_a_csr_is_generated_and_is_in_the_next_snapshot(node: LabNode) -> None:
    with session_with(node) as session:
        session.generate_csr(TOMCAT_ECDSA, "cucm1-EC.example.com", "P-384")
        assert encodings.csr_pem(session.read().identity(TOMCAT_ECDSA).csr) == node.find_csr("tomcat-ECDSA")


def test_the_service_of_a_trust_upload_is_a_list_that_names_the_store_without_trust(node: LabNode) -> None:
    authority = certified(ec.generate_private_key(ec.SECP256R1()), "Example Root", start=START, days=3650)
    with session_with(node) as session:
        session.upload_trust(TOMCAT_ECDSA, authority)
        assert authority in [each.certificate for each in session.read().trusted(TOMCAT_ECDSA)]


def test_a_refusal_has_the_words_of_the_node_and_what_they_mean(node: LabNode) -> None:
    leaf = node.served.ecdsa[0].certificate
    with session_with(node) as session:
        session.generate_csr(TOMCAT_ECDSA, "cucm1-EC.example.com", "P-384")
        error = refusal(lambda: session.upload_identity(TOMCAT_ECDSA, leaf))
    assert isinstance(error, Refused)
    assert [each.rule for each in error.findings] == ["node.refused", "node.explained"]
    assert "CSR Public Key and Certificate Public Key Do Not Match" in error.findings[0].detail


def test_a_refusal_that_is_no_json_is_explained_and_not_shown(node: LabNode) -> None:
    leaf = node.served.ecdsa[0].certificate
    with session_with(node, Fault.TEXT_ERRORS) as session:
        error = refusal(lambda: session.upload_identity(TOMCAT_ECDSA, leaf))
    assert "Does Not Exist" not in error.findings[0].detail
    assert [each.rule for each in error.findings] == ["node.refused", "node.explained"]


def test_wrong_credentials_are_sent_once_and_not_told(node: LabNode) -> None:
    wrong = Credentials("administrator", "wrong password")
    with session_with(node, credentials=wrong) as session:
        error = refusal(session.read)
    assert isinstance(error, NotAllowed)
    assert "wrong password" not in str(error)
    assert not node.is_locked


@pytest.mark.parametrize(("fault", "what"), [(Fault.HTML, "text/html"), (Fault.REDIRECT, "302")])
def test_a_sign_in_page_or_a_redirect_is_not_an_answer(node: LabNode, fault: Fault, what: str) -> None:
    with session_with(node, fault) as session:
        error = refusal(session.read)
    assert (type(error), error.rule) == (Unanswered, "node.answer")
    assert what in str(error)


def test_a_slow_node_is_waited_for(node: LabNode) -> None:
    with session_with(node, Fault.SLOW) as session:
        assert session.read().identities


def test_a_node_that_is_slower_than_the_deadline_is_told(node: LabNode) -> None:
    with session_with(node, Fault.SLOW, seconds=1.0) as session:
        error = refusal(session.read)
    assert (error.rule, "no answer in time" in str(error)) == ("node.unreachable", True)


def test_a_node_with_tls_1_3_alone_is_reached(node: LabNode) -> None:
    with session_with(node, Fault.TLS_13_ONLY) as session:
        assert session.read().identities


def test_nothing_is_sent_to_another_peer_than_the_pinned_one(tmp_path: Path) -> None:
    got, key = SimpleQueue[bytes](), ec.generate_private_key(ec.SECP256R1())
    pair = files(tmp_path, "other", key, [certified(key, HOST, start=START)])

    with listening(tls_servers.hearing(got, pair)) as port:
        place = Place(HOST, "127.0.0.1", port)
        error = refusal(CertificateAPIClient(time.monotonic, 5.0).open(place, "ab" * 32, GOOD).read)
    assert error.rule == "node.peer"
    assert got.get(timeout=10) == b""


def test_the_fingerprint_at_first_contact_is_that_of_the_peer_and_nothing_is_sent(tmp_path: Path) -> None:
    got, key = SimpleQueue[bytes](), ec.generate_private_key(ec.SECP256R1())
    certificate = certified(key, HOST, start=START)
    with listening(tls_servers.hearing(got, files(tmp_path, "own", key, [certificate]))) as port:
        found = CertificateAPIClient(time.monotonic, 5.0).present(Place(HOST, "127.0.0.1", port))
    assert found.public_bytes(Encoding.DER) == certificate.public_bytes(Encoding.DER)
    assert got.get(timeout=10) == b""


def test_the_first_contact_has_less_time_than_a_call(tmp_path: Path) -> None:
    key, times = ec.generate_private_key(ec.SECP256R1()), chain([0.0], repeat(21.0))
    peer = tls_servers.hearing(SimpleQueue[bytes](), files(tmp_path, "own", key, [certified(key, HOST, start=START)]))
    with listening(peer) as port:
        client = CertificateAPIClient(lambda: next(times))
        assert refusal(lambda: client.present(Place(HOST, "127.0.0.1", port))).rule == "node.unreachable"


def answering(tmp_path: Path, text: bytes) -> tuple[tls_servers.Answer, str]:
    """A peer that answers every request with these bytes, and its fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = certified(key, HOST, start=START)
    pair = files(tmp_path, "own", key, [certificate])
    return tls_servers.saying_over_tls(text, pair), encodings.fingerprint(certificate)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b"SSH-2.0-OpenSSH_8.0\r\n", "node.unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{broken", "node.answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b"[" * 100_000, "node.answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[]", "node.snapshot"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", "node.answer"),
        (b"HTTP/1.1 403 No\r\nContent-Type: application/json\r\n\r\n{}", "node.privilege"),
        (b"HTTP/1.1 500 No\r\nContent-Type: text/html\r\n\r\n", "node.refused"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}", "node.unreachable"),
        (JSON + b"Content-Length: " + b"9" * 18 + b"\r\n\r\n{}", "node.unreachable"),
        (JSON + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}", "node.unreachable"),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 15 + b"\r\n{}", "node.unreachable"),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\n{}", "node.unreachable"),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", "node.snapshot"),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n[]\r\n0\r\n\r\n", "node.unreachable"),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n[]\r\n0\r\n\r\n", "node.unreachable"),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n" + b"x" * 70_000, "node.unreachable"),
        (JSON + b"Content-Length: -1\r\n\r\n[]", "node.snapshot"),
        (JSON + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n[]", "node.snapshot"),
        (b"HTTP/1.1 -7 OK\r\n\r\n", "node.unreachable"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 9, "node.unreachable"),
        (b"HTTP/1.1 101 Switching\r\n\r\n[]", "node.answer"),
        (JSON.replace(b"application/json", b'\xff/\x00; =;"json') + b"\r\n[]", "node.answer"),
        (JSON + b"X: 1\r\n" * 200 + b"\r\n[]", "node.unreachable"),
        (JSON + b"\r\n" + b"9" * 5000, "node.answer"),
        (JSON + b'\r\n{"identities": {"a": 1}, "trusts": 7}', "node.snapshot"),
        (JSON + b'\r\n{"identities": [{"service": "tomcat-ECDSA"}]}', "node.snapshot"),
        (JSON + b'\r\n{"identities": [{"service": "tomcat-ECDSA"}], "trusts": []}', "node.snapshot"),
        (JSON + b'\r\n{"identities": [{"service": "tomcat-ECDSA", "csr": "\\ud800"}]}', "node.answer"),
        (JSON.replace(b"200", b"500") + b'\r\n{"message": "\\ud800"}', "node.refused"),
    ],
)
def test_what_is_no_answer_of_a_node_is_told(tmp_path: Path, text: bytes, rule: str) -> None:
    answer, fingerprint = answering(tmp_path, text)
    with listening(answer) as port:
        place = Place(HOST, "127.0.0.1", port)
        assert refusal(CertificateAPIClient(time.monotonic, 5.0).open(place, fingerprint, GOOD).read).rule == rule


def test_more_connections_than_select_can_take_do_not_stop_a_call(node: LabNode) -> None:
    with more_than_select_takes(), session_with(node) as session:
        assert session.read().identities


def test_an_answer_without_end_is_cut(tmp_path: Path) -> None:
    text = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 5000
    answer, fingerprint = answering(tmp_path, text)
    with listening(answer) as port:
        place = Place(HOST, "127.0.0.1", port)
        client = CertificateAPIClient(time.monotonic, 5.0, max_bytes=1000)
        error = refusal(client.open(place, fingerprint, GOOD).read)
    assert (type(error), error.rule) == (Unanswered, "node.unreachable")


@pytest.mark.parametrize("answer", [tls_servers.silent, tls_servers.dripping, tls_servers.closing])
def test_a_peer_that_does_not_finish_is_given_up(answer: tls_servers.Answer) -> None:
    with listening(answer) as port:
        error = refusal(lambda: CertificateAPIClient(time.monotonic, 0.5).present(Place(HOST, "127.0.0.1", port)))
    assert error.rule == "node.unreachable"


def test_a_closed_port_is_unreachable() -> None:
    with listening(tls_servers.closing) as port:
        pass
    error = refusal(lambda: CertificateAPIClient(time.monotonic, 1.0).present(Place(HOST, "127.0.0.1", port)))
    assert "refused" in str(error)


@pytest.mark.parametrize("user", ["", "a:b", "a\r\nX: y"])
def test_a_user_name_that_http_cannot_carry_is_refused(user: str) -> None:
    client = CertificateAPIClient(time.monotonic)
    error = refusal(lambda: client.open(Place(HOST, "127.0.0.1", 1), "ab" * 32, Credentials(user, "x")))
    assert (type(error), error.rule) == (InvalidInput, "node.user")


@pytest.mark.parametrize("half", [0xD800, 0xDCFF, 0xDFFF])
def test_a_password_that_is_no_text_is_refused(half: int) -> None:
    client = CertificateAPIClient(time.monotonic)
    error = refusal(lambda: client.open(Place(HOST, "127.0.0.1", 1), "ab" * 32, Credentials("a", f"x{chr(half)}")))
    assert (type(error), error.rule) == (InvalidInput, "node.password-text")


def test_of_a_foreign_answer_only_the_message_is_shown(tmp_path: Path) -> None:
    for body, shown in ((b'{"secret": "hidden"}', False), (b"hidden", False), (b'{"message": "hidden"}', True)):
        answer, fingerprint = answering(tmp_path, JSON.replace(b"200", b"500") + b"\r\n" + body)
        with listening(answer) as port:
            place = Place(HOST, "127.0.0.1", port)
            error = refusal(CertificateAPIClient(time.monotonic, 5.0).open(place, fingerprint, GOOD).read)
        assert ("hidden" in error.findings[0].detail) is shown
