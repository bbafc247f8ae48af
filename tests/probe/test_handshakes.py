"""Handshakes with real servers: both kinds of certificate, both versions of TLS, and servers that mean harm."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pytest_socket import socket_allow_hosts

from ca_service import clock
from ca_service.probe import handshakes
from ca_service.probe.handshakes import TLSProber
from ca_service.vos.served import Ending, Handshake, Offer, Target, Verdict, judge
from tests.support import tls_servers
from tests.support.fakes import NOON
from tests.support.open_files import more_than_select_takes
from tests.support.tls_servers import Answer, certified, files, listening

SECONDS: Final = 1.0
LONG: Final = 1.5  # the patience of a probe in which nothing should end by it
RECORD: Final = b"\x16\x03\x03"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Certificates with their keys, in files."""

    ec: tuple[Path, Path]
    rsa: tuple[Path, Path]
    chain: tuple[x509.Certificate, ...]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    """An EC certificate with its issuer, and a self-signed RSA certificate."""
    folder = tmp_path_factory.mktemp("pairs")
    above, key, old = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1()), _rsa()
    issuer = certified(above, "issuer.example.com", start=NOON)
    chain = (certified(key, "localhost", by=(issuer, above), start=NOON), issuer)
    return Pairs(
        files(folder, "ec", key, chain),
        files(folder, "rsa", old, [certified(old, "localhost", start=NOON)]),
        chain,
    )


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def shaken(answer: Answer, *offers: Offer, seconds: float = LONG * 4) -> Iterator[Handshake]:
    """Make these handshakes with a server that answers so."""
    with listening(answer) as port:
        for offer in offers:
            yield TLSProber(clock.stopwatch, seconds).handshake("127.0.0.1", port, "localhost", offer)


def endings(answer: Answer) -> dict[Offer, Ending]:
    return {each.offer: each.ending for each in shaken(answer, *Offer)}


def test_each_offer_gets_its_certificate_with_its_chain(pairs: Pairs) -> None:
    found = list(shaken(tls_servers.tls(pairs.rsa, pairs.ec), *Offer))
    assert [each.ending for each in found] == [Ending.SERVED] * 4
    assert [each.chain == pairs.chain for each in found] == [each.offer.is_ecdsa for each in found]
    assert not any(each.asks_client_certificate for each in found)


def test_a_server_with_rsa_alone_declines_ecdsa(pairs: Pairs) -> None:
    assert endings(tls_servers.tls(pairs.rsa)) == {
        Offer.ECDSA_12: Ending.DECLINED,
        Offer.ECDSA_13: Ending.DECLINED,
        Offer.RSA_12: Ending.SERVED,
        Offer.RSA_13: Ending.SERVED,
    }


def test_a_server_with_tls_1_3_alone_declines_tls_1_2(pairs: Pairs) -> None:
    found = endings(tls_servers.tls(pairs.ec, oldest=ssl.TLSVersion.TLSv1_3))
    assert (found[Offer.ECDSA_12], found[Offer.ECDSA_13]) == (Ending.DECLINED, Ending.SERVED)


def test_a_server_that_asks_for_a_certificate_of_the_client_is_noticed(pairs: Pairs) -> None:
    for found in shaken(tls_servers.tls(pairs.ec, ca=pairs.ec[0]), Offer.ECDSA_12, Offer.ECDSA_13):
        assert (found.ending, found.asks_client_certificate, found.chain[0]) == (Ending.SERVED, True, pairs.chain[0])


def test_an_xmpp_server_is_asked_for_tls_first(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(tls_servers.after_starttls(tls_servers.tls(pairs.ec))) as port:
        monkeypatch.setattr(handshakes, "_STARTTLS", {port: "jabber:client"})
        found = TLSProber(clock.stopwatch).handshake("127.0.0.1", port, "localhost", Offer.ECDSA_12)
    assert (found.ending, found.chain) == (Ending.SERVED, pairs.chain)


@pytest.mark.parametrize(
    "text",
    [b"<stream:features></stream:features>", b"HTTP/1.1 400 Bad Request\r\n\r\n</stream:features>", b">" * 40_000],
)
def test_an_xmpp_server_without_tls_is_none(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(tls_servers.saying(text)) as port:
        monkeypatch.setattr(handshakes, "_STARTTLS", {port: "jabber:client"})
        found = TLSProber(clock.stopwatch).handshake("127.0.0.1", port, "localhost", Offer.ECDSA_12)
    assert (found.ending, found.detail) == (Ending.NOT_TLS, "no STARTTLS")


def test_a_port_on_which_nothing_listens_refuses() -> None:
    with listening(tls_servers.silent) as port:
        pass
    found = TLSProber(clock.stopwatch).handshake("127.0.0.1", port, "localhost", Offer.ECDSA_12)
    assert found.ending is Ending.REFUSED


@pytest.mark.parametrize("answer", [tls_servers.silent, tls_servers.dripping], ids=["nothing", "a byte now and then"])
def test_a_server_that_takes_its_time_is_left(answer: Answer) -> None:
    (found,) = shaken(answer, Offer.ECDSA_12, seconds=SECONDS)
    assert found.ending is Ending.SILENT


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"220 mail.example.com ESMTP\r\n",
        bytes(range(256)) * 40,
        RECORD + b"\x40\x00" + b"\x02\x00\x00\x46" + bytes(0x3FFC),
        RECORD + b"\x00\x04\x0b\xff\xff\xff" + RECORD + b"\x40\x00" + bytes(0x4000),
    ],
    ids=["HTTP", "SMTP", "anything", "a greeting of zeros", "16 MB of certificates"],
)
def test_what_is_not_tls_does_no_harm(text: bytes) -> None:
    for found in shaken(tls_servers.saying(text), *Offer):
        assert found.ending in (Ending.NOT_TLS, Ending.DECLINED)
        assert found.chain == ()
        assert len(found.detail) <= 200


def test_a_server_that_hangs_up_declines() -> None:
    (found,) = shaken(tls_servers.closing, Offer.RSA_12)
    assert found.ending is Ending.DECLINED


def test_of_a_hundred_certificates_only_the_first_are_kept(tmp_path: Path, pairs: Pairs) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    own = certified(key, "localhost", start=NOON)
    many = files(tmp_path, "many", key, [own, *(pairs.chain * 50)[:99]])
    for found in shaken(tls_servers.tls(many), Offer.ECDSA_12, Offer.ECDSA_13):
        assert (found.ending, found.chain[0]) == (Ending.SERVED, own)
        assert len(found.chain) == handshakes.MAX_CERTIFICATES


def test_ten_megabytes_of_certificate_are_refused_at_their_length(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    large = files(tmp_path, "large", key, [certified(key, "localhost", start=NOON, filling=10_000_000)])
    for found in shaken(tls_servers.tls(large), Offer.ECDSA_12, Offer.ECDSA_13):
        assert (found.ending, found.detail, found.chain) == (Ending.NOT_TLS, "excessive message size", ())


def test_of_no_ports_nothing_is_said() -> None:
    assert list(TLSProber(clock.stopwatch).probe([])) == []


def test_all_ports_are_looked_at_and_a_dead_one_only_once(pairs: Pairs) -> None:
    prober = TLSProber(clock.stopwatch)
    with listening(tls_servers.tls(pairs.rsa, pairs.ec)) as port, listening(tls_servers.silent) as dead:
        pass
    with listening(tls_servers.tls(pairs.rsa, pairs.ec)) as port:
        targets = [(Target("localhost", port), "127.0.0.1"), (Target("localhost", dead), "127.0.0.1")]
        found = dict(prober.probe([*targets, (Target("nowhere.invalid", 8443), "")]))
    assert [len(each) for each in found.values()].count(1) == 2
    assert [each.ending for each in found[Target("localhost", port)]] == [Ending.SERVED] * 4
    assert found[Target("nowhere.invalid", 8443)][0].ending is Ending.UNKNOWN_HOST


def test_a_name_that_dns_does_not_know_and_an_address_without_a_route_are_told_apart() -> None:
    """RFC 6761, 6.4: no name server knows a name in .invalid."""
    prober = TLSProber(clock.stopwatch)
    socket_allow_hosts(["255.255.255.255"])  # no packet leaves: a connection to all is refused by the kernel
    nowhere, no_route = Target("nowhere.invalid", 8443), Target("255.255.255.255", 8443)
    assert prober.resolve(nowhere.host) == ()
    found = dict(prober.probe([(nowhere, ""), (no_route, no_route.host)]))
    assert [judge(each, found[each], lambda _: None, NOON).verdict for each in (nowhere, no_route)] == [
        Verdict.UNKNOWN_HOST,
        Verdict.UNREACHABLE,
    ]


def test_fifty_ports_of_which_ten_are_silent_take_less_than_fifteen_seconds(pairs: Pairs) -> None:
    prober, started = TLSProber(clock.stopwatch), clock.stopwatch()
    with listening(tls_servers.tls(pairs.rsa, pairs.ec)) as port, listening(tls_servers.silent) as dead:
        targets = [Target(f"node{number}.localhost", dead if number < 10 else port) for number in range(50)]
        found = dict(prober.probe([(target, "127.0.0.1") for target in targets]))
    assert clock.stopwatch() - started < 15
    assert [[each.ending for each in found[target]] for target in targets] == [[Ending.SILENT]] * 10 + [
        [Ending.SERVED] * 4
    ] * 40


def test_a_host_has_addresses_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    prober = TLSProber(clock.stopwatch)
    assert prober.resolve("127.0.0.1") == ("127.0.0.1",)
    assert prober.resolve(f"{'a' * 64}.example.com") == ()

    def unknown(*_: object, **_named: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert prober.resolve("nowhere.example.com") == ()


@pytest.mark.parametrize(
    ("address", "is_own"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),  # packets to it come from 127.0.0.1, as with a second address of an interface
        ("::1", True),
        ("203.0.113.9", False),
        ("2001:db8:1::9", False),
        ("255.255.255.255", False),
    ],
)
def test_the_kernel_says_which_addresses_are_its_own(address: str, is_own: bool) -> None:
    socket_allow_hosts(["127.0.0.1", "::1", address])  # a datagram socket that is connected sends nothing
    assert TLSProber(clock.stopwatch).is_own(address) is is_own


@pytest.mark.parametrize(
    ("find", "put"), [(b"\x0c\x05xyzzy", b"\x13\x05xy\xffzz"), (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09")]
)
def test_a_certificate_that_cannot_be_read_is_no_error_of_the_probe(tmp_path: Path, find: bytes, put: bytes) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    good = certified(key, "xyzzy", start=NOON)
    certificate, private = files(tmp_path, "damaged", key, [good])
    damaged = good.public_bytes(Encoding.DER).replace(find, put)
    certificate.write_text(ssl.DER_cert_to_PEM_cert(damaged))
    (found,) = shaken(tls_servers.tls((certificate, private)), Offer.ECDSA_12)
    assert (found.ending, found.chain) == (Ending.NOT_TLS, ())
    assert found.detail.startswith("a certificate that cannot be read")


def test_a_certificate_is_not_served_by_who_has_not_proven_its_key(pairs: Pairs) -> None:
    (found,) = shaken(tls_servers.without_proof(pairs.ec), Offer.ECDSA_13)
    assert (found.ending, found.chain) == (Ending.DECLINED, ())


def test_more_connections_than_select_can_take_do_not_stop_a_probe(pairs: Pairs) -> None:
    with more_than_select_takes():
        (found,) = shaken(tls_servers.tls(pairs.ec), Offer.ECDSA_12)
    assert found.ending is Ending.SERVED
