"""A real XMPP server, which is asked for TLS before the handshake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ca_service.probe import handshakes
from ca_service.vos.served import Remark, Verdict
from tests.probe.conftest import Probe
from tests.support import prosody
from tests.support.identities import Identities

HOST: Final = "chat.localhost"


@pytest.fixture(scope="module")
def ports(identities: Identities, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports of an XMPP server with a certificate from here: for clients, and for servers."""
    with prosody.serving(tmp_path_factory.mktemp("prosody"), HOST, identities.issued(HOST)) as found:
        yield found


@pytest.mark.parametrize(
    ("number", "namespace", "remarks"),
    [(0, "jabber:client", ()), (1, "jabber:server", (Remark.ASKS_CLIENT_CERTIFICATE,))],
    ids=["clients", "servers"],
)
def test_the_certificate_of_an_xmpp_server_is_seen_after_starttls(
    ports: tuple[int, int],
    probe: Probe,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    namespace: str,
    remarks: tuple[Remark, ...],
) -> None:
    monkeypatch.setattr(handshakes, "_STARTTLS", {ports[number]: namespace})
    [found] = probe(f"{HOST}:{ports[number]}")
    assert (found.verdict, found.remarks) == (Verdict.ISSUED, remarks)


def test_an_xmpp_server_without_tls_does_not_speak_it(
    identities: Identities, probe: Probe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unused = identities.issued("plain.localhost")
    with prosody.serving(tmp_path / "prosody", "plain.localhost", unused, has_tls=False) as (client, server):
        monkeypatch.setattr(handshakes, "_STARTTLS", {client: "jabber:client", server: "jabber:server"})
        found = probe(f"plain.localhost:{client}", f"plain.localhost:{server}")
    assert [each.verdict for each in found] == [Verdict.NOT_TLS] * 2
    assert [each.handshakes[0].detail for each in found] == ["no STARTTLS"] * 2
