"""What handshakes mean: the verdict on a port, and what is remarkable about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_service.vos.experience import Signing
from ca_service.vos.served import (
    SENTENCES,
    Ending,
    Handshake,
    Offer,
    Ours,
    PortReport,
    Remark,
    Target,
    Verdict,
    judge,
    signings_of,
)
from tests.support.fakes import NOON
from tests.support.tls_servers import certified

HOST: Final = "uccx1.example.com"
TARGET: Final = Target(HOST, 12015)
EC: Final = ec.generate_private_key(ec.SECP256R1())
RSA: Final = rsa.generate_private_key(65537, 2048)
START: Final = NOON - timedelta(days=10)
ISSUER: Final = certified(ec.generate_private_key(ec.SECP256R1()), "issuer", start=START)
EC_ISSUER_KEY: Final = ec.generate_private_key(ec.SECP256R1())
EC_ISSUER: Final = certified(EC_ISSUER_KEY, "ec issuer", start=START)
RSA_ISSUER: Final = certified(RSA, "rsa issuer", start=START)
LEAF: Final = certified(EC, "example.com", HOST, by=(EC_ISSUER, EC_ISSUER_KEY), start=START)
RSA_LEAF: Final = certified(RSA, HOST, by=(RSA_ISSUER, RSA), start=START)


def served(
    *chain: x509.Certificate, rsa_chain: tuple[x509.Certificate, ...] = (), asks: bool = False
) -> list[Handshake]:
    """Handshakes with a port that has these certificates."""
    return [
        Handshake(offer, Ending.SERVED if found else Ending.DECLINED, found, asks)
        for offer in Offer
        for found in [chain if offer.is_ecdsa else rsa_chain]
    ]


def judged(handshakes: list[Handshake], ours: Ours | None = None, target: Target = TARGET) -> PortReport:
    return judge(target, handshakes, lambda _: ours, NOON)


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        (Ours("00ff", is_newest=True, is_good=True), Verdict.ISSUED),
        (Ours("00ff", is_newest=False, is_good=True), Verdict.OLDER),
        (None, Verdict.FOREIGN),
    ],
)
def test_a_certificate_from_an_ec_authority_is_ours_or_not(ours: Ours | None, verdict: Verdict) -> None:
    found = judged(served(LEAF, EC_ISSUER), ours)
    assert (found.verdict, found.remarks, found.leaf) == (verdict, (), LEAF)
    assert found.serial_number == (ours.serial_number if ours else "")
    assert found.works is (verdict is Verdict.ISSUED)


@pytest.mark.parametrize("verdict", [Verdict.OLDER, Verdict.SELF_SIGNED])
def test_an_old_certificate_is_said_to_need_a_restart_where_the_new_one_is_uploaded(verdict: Verdict) -> None:
    """A port looks the same before the upload, and between the upload and the restart."""
    assert "is uploaded, restart the service; otherwise upload it first." in SENTENCES[verdict]


def test_a_node_presents_a_certificate_in_every_sentence() -> None:
    said = [each for verdict in Verdict for each in PortReport(Target(HOST, 443), verdict, tuple(Remark), ()).sentences]
    assert not [each for each in said if "serves" in each]


def test_a_self_signed_certificate_and_one_from_an_rsa_authority_are_told_apart() -> None:
    assert judged(served(certified(EC, HOST, start=START))).verdict is Verdict.SELF_SIGNED
    by_rsa = certified(EC, HOST, by=(RSA_ISSUER, RSA), start=START)
    assert judged(served(by_rsa, RSA_ISSUER)).verdict is Verdict.RSA_SIGNED


def test_a_port_with_rsa_alone_presents_no_ecdsa() -> None:
    found = judged(served(rsa_chain=(RSA_LEAF, RSA_ISSUER)))
    assert (found.verdict, found.leaf, found.rsa_leaf) == (Verdict.NO_ECDSA, None, RSA_LEAF)


@pytest.mark.parametrize(
    ("ending", "verdict"),
    [
        (Ending.UNKNOWN_HOST, Verdict.UNKNOWN_HOST),
        (Ending.REFUSED, Verdict.REFUSED),
        (Ending.UNREACHABLE, Verdict.UNREACHABLE),
        (Ending.SILENT, Verdict.SILENT),
        (Ending.NOT_TLS, Verdict.NOT_TLS),
        (Ending.DECLINED, Verdict.NO_ECDSA),
    ],
)
def test_a_port_without_a_certificate_has_the_verdict_of_its_ending(ending: Ending, verdict: Verdict) -> None:
    found = judged([Handshake(Offer.ECDSA_12, ending)])
    assert (found.verdict, found.works) == (verdict, False)


@pytest.mark.parametrize(
    ("chain", "remark"),
    [
        ((LEAF,), Remark.INCOMPLETE_CHAIN),
        ((LEAF, ISSUER), Remark.WRONG_CHAIN),
        ((certified(EC, "other", by=(EC_ISSUER, EC_ISSUER_KEY), start=START), EC_ISSUER), Remark.NAME_MISMATCH),
        ((certified(EC, HOST, by=(EC_ISSUER, EC_ISSUER_KEY), start=START, days=9), EC_ISSUER), Remark.EXPIRED),
        (
            (certified(EC, HOST, by=(EC_ISSUER, EC_ISSUER_KEY), start=NOON + timedelta(days=1)), EC_ISSUER),
            Remark.EXPIRED,
        ),
        (
            (certified(EC, HOST, by=(EC_ISSUER, EC_ISSUER_KEY), start=NOON - timedelta(days=61), days=90), EC_ISSUER),
            Remark.ENDING,
        ),
        (
            (
                certified(
                    EC,
                    HOST,
                    by=(EC_ISSUER, EC_ISSUER_KEY),
                    start=START,
                    usages=[ExtendedKeyUsageOID.SERVER_AUTH],
                ),
                EC_ISSUER,
            ),
            Remark.NO_CLIENT_AUTH,
        ),
    ],
)
def test_what_is_remarkable_about_a_certificate_is_said(chain: tuple[x509.Certificate, ...], remark: Remark) -> None:
    found = judged(served(*chain), Ours("00ff", is_newest=True, is_good=True))
    assert found.remarks == (remark,)
    assert found.works is (remark in (Remark.ENDING, Remark.NO_CLIENT_AUTH))
    assert len(found.sentences) == 2


@pytest.mark.parametrize(("age", "remarks"), [(9, ()), (11, (Remark.ENDING,))])
def test_a_certificate_with_a_short_lifetime_ends_soon_in_its_second_half(
    age: int, remarks: tuple[Remark, ...]
) -> None:
    leaf = certified(EC, HOST, by=(EC_ISSUER, EC_ISSUER_KEY), start=NOON - timedelta(days=age), days=20)
    assert judged(served(leaf, EC_ISSUER), Ours("00ff", is_newest=True, is_good=True)).remarks == remarks


def test_a_wildcard_covers_one_label() -> None:
    wild = certified(EC, "*.example.com", by=(EC_ISSUER, EC_ISSUER_KEY), start=START)
    assert judged(served(wild, EC_ISSUER)).remarks == ()
    deeper = Target("a.b.example.com", 1)
    assert judged(served(wild, EC_ISSUER), target=deeper).remarks == (Remark.NAME_MISMATCH,)


def test_tls_1_3_alone_and_mutual_tls_are_remarked() -> None:
    only = [each for each in served(LEAF, EC_ISSUER) if each.offer in (Offer.ECDSA_13, Offer.RSA_13)]
    assert judged(only).remarks == (Remark.ONLY_TLS_13,)
    assert judged(served(LEAF, EC_ISSUER, asks=True)).remarks == (Remark.ASKS_CLIENT_CERTIFICATE,)


def test_the_signers_of_both_certificates_are_known_where_both_are_seen() -> None:
    with_agents = Target(HOST, 8443, has_agents=True)
    both = judged(served(LEAF, EC_ISSUER, rsa_chain=(RSA_LEAF, RSA_ISSUER)), target=with_agents)
    assert signings_of([both]) == (Signing.RSA_CA, Signing.EC_CA)
    assert signings_of([judged(served(LEAF, EC_ISSUER), target=with_agents)]) is None


def test_nodes_without_agents_say_nothing_about_what_agents_see() -> None:
    assert signings_of([judged(served(LEAF, EC_ISSUER, rsa_chain=(RSA_LEAF, RSA_ISSUER)))]) is None
