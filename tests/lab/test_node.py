"""The emulated node: trust store, CSRs, replication, lock counter and command line, as Cisco's documents have them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ca_service.lab.console import Console
from ca_service.lab.node import LabNode, NodeRefusal
from ca_service.pki import encodings
from tests.support.fakes import NOON
from tests.support.tls_servers import certified

SERVICE = "tomcat-ECDSA"
KEY = ec.generate_private_key(ec.SECP256R1())


class Watch:
    """A stopwatch that is set by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        """The seconds."""
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    """A stopwatch at its start."""
    return Watch()


@pytest.fixture
def node(watch: Watch) -> LabNode:
    """A publisher."""
    return LabNode("pub.example.com", "right", now=lambda: NOON, stopwatch=watch)


def root(name: str = "Root", *, start: timedelta = timedelta(days=-1), days: int = 90) -> x509.Certificate:
    """A self-signed authority of the key of these tests."""
    return certified(KEY, name, start=NOON + start, days=days)


def issued(node: LabNode, *names: str, days: int = 30) -> x509.Certificate:
    """The certificate for the CSR of the node, with these names, below that authority."""
    csr = x509.load_pem_x509_csr(node.find_csr(SERVICE).encode())
    return (
        x509.CertificateBuilder()
        .subject_name(csr.subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root")]))
        .public_key(csr.public_key())
        .serial_number(5)
        .not_valid_before(NOON - timedelta(days=1))
        .not_valid_after(NOON + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(KEY, hashes.SHA256())
    )


def refused(node: LabNode, leaf: x509.Certificate) -> str:
    """The words of the node about an upload."""
    with pytest.raises(NodeRefusal) as error:
        node.upload_identity(SERVICE, [leaf])
    return error.value.message


def test_a_store_keeps_of_one_name_the_certificate_that_begins_later_and_says_nothing(node: LabNode) -> None:
    newer, older = root(), root(start=timedelta(days=-2))
    node.upload_trust([newer])
    node.upload_trust([older])
    node.generate_csr(SERVICE, "", 384)
    node.upload_identity(SERVICE, [issued(node, "pub.example.com")])
    texts = [each["certificate"] for each in node.snapshot()["trusts"][0]["certificate_data"]]
    assert [x509.load_pem_x509_certificate(text.encode()) for text in texts].count(newer) == 1


def test_a_leaf_without_its_authority_is_refused(node: LabNode) -> None:
    node.generate_csr(SERVICE, "", 384)
    assert refused(node, issued(node, "pub.example.com")) == "CA Certificate is Not Available in the Trust-Store"


def test_a_leaf_with_other_names_is_refused(node: LabNode) -> None:
    node.upload_trust([root()])
    node.generate_csr(SERVICE, "", 384)
    leaf = issued(node, "pub.example.com", "www.example.com")
    assert refused(node, leaf) == "CSR SAN and Certificate SAN does not match"


def test_a_leaf_for_an_earlier_csr_is_refused(node: LabNode) -> None:
    node.upload_trust([root()])
    node.generate_csr(SERVICE, "", 384)
    leaf = issued(node, "pub.example.com")
    node.generate_csr(SERVICE, "", 384)
    assert refused(node, leaf) == "CSR Public Key and Certificate Public Key Do Not Match"


def test_an_expired_certificate_is_refused(node: LabNode) -> None:
    with pytest.raises(NodeRefusal, match="expired"):
        node.upload_trust([root(start=timedelta(days=-90), days=30)])
    assert node.calls == {}


def test_the_csr_is_used_up_by_the_upload(node: LabNode) -> None:
    node.upload_trust([root()])
    node.generate_csr(SERVICE, "", 384)
    leaf = issued(node, "pub.example.com")
    node.upload_identity(SERVICE, [leaf])
    assert "Does Not Exist" in refused(node, leaf)


def test_what_was_uploaded_is_presented_after_a_restart(node: LabNode) -> None:
    node.upload_trust([root()])
    node.generate_csr(SERVICE, "", 384)
    leaf = issued(node, "pub.example.com")
    node.upload_identity(SERVICE, [leaf])
    assert node.served.ecdsa[1] != (leaf,)
    node.restart()
    assert node.served.ecdsa[1] == (leaf,)


def test_the_trust_store_reaches_the_subscriber_some_seconds_later(node: LabNode, watch: Watch) -> None:
    subscriber = LabNode("sub.example.com", "right", now=lambda: NOON, stopwatch=watch)
    node.subscribers.append(subscriber)
    node.upload_trust([root()])
    assert "Root" not in subscriber.trusted()
    watch.seconds = 3.0
    assert "Root" in subscriber.trusted()


def test_three_wrong_passwords_lock_the_account(node: LabNode) -> None:
    for _ in range(3):
        with pytest.raises(NodeRefusal):
            node.sign_in("administrator", "wrong")
    with pytest.raises(NodeRefusal):
        node.sign_in("administrator", "right")
    assert node.is_locked


def printed(node: LabNode, *lines: str) -> str:
    """What the command line prints for these lines."""
    text = iter([*(f"{line}\n" for line in lines), ""])
    return "".join(Console(node, lambda: next(text)).run())


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("show cert list trust", "tomcat-trust/pub-EC.example.com.pem"),
        ("show csr own tomcat-ECDSA", "Does Not Exist"),
        ("set csr gen tomcat", "has no CSR in this lab"),
        ("utils service restart Cisco Tomcat", "Cisco Tomcat[STARTED]"),
        ("utils service list", "Cisco Tomcat[STARTED]"),
        ("utils system restart", "Operation succeeded"),
        ("show version active", "Executed command unsuccessfully"),
        ("exit", "Command Line Interface"),
    ],
)
def test_the_command_line_answers(node: LabNode, line: str, answer: str) -> None:
    assert answer in printed(node, line)


def test_only_the_switch_of_uccx_15_changes_the_type_after_a_yes_and_it_reboots() -> None:
    node = LabNode("uccx1.example.com", "right", now=lambda: NOON, stopwatch=lambda: 0.0, cert_type="rsa")
    switch, show = "set tls server cert_type ecdsa", "show tls server cert_type"
    assert "Nothing was changed." in printed(node, switch, "n")
    assert node.served.presented == (node.served.rsa,)
    said = printed(node, switch, "y", show)
    assert "must be regenerated and re-uploaded into the client servers." in said
    assert said.endswith("admin:ecdsa\nadmin:")
    assert node.served.presented == (node.served.ecdsa,)
    before = node.served
    assert "does not reboot" in printed(node, switch, "y")
    assert node.served is before


def test_a_node_without_the_switch_presents_both_and_does_not_know_it(node: LabNode) -> None:
    assert "unsuccessfully" in printed(node, "set tls server cert_type ecdsa")
    assert "unsuccessfully" in printed(node, "show tls server cert_type")
    assert node.served.presented == (node.served.rsa, node.served.ecdsa)


def test_the_command_line_shows_the_fingerprint_that_a_first_contact_is_compared_with(node: LabNode) -> None:
    found = encodings.fingerprint(node.served.ecdsa[0].certificate)
    assert f"SHA-256: {found}\n" in printed(node, "show cert own tomcat-ECDSA/tomcat-ECDSA.pem")


def test_what_is_pasted_and_is_no_certificate_is_refused(node: LabNode) -> None:
    lines = ("set cert import trust tomcat", "-----BEGIN CERTIFICATE-----", "x", "-----END CERTIFICATE-----")
    assert "Error while reading the certificate" in printed(node, *lines)
