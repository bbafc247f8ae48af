"""Mail, as a real mail server on this machine receives it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message as Letter
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca_service.authority.notices.records import Failure
from ca_service.channels.mail import Mail, MailOptions
from tests.support.notices import RECIPIENT, message
from tests.support.ports import free_port

SENDER = "ca@example.com"


class Post:
    """A mail server's mind: keeps what it takes, and answers as the test says."""

    def __init__(self) -> None:
        self.envelopes = list[Envelope]()
        self.replies = dict[str, str]()

    async def handle_MAIL(self, _: Any, __: Any, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        """Accept the sender."""
        envelope.mail_from, envelope.mail_options = address, options
        return self.replies.get("MAIL", "250 OK")

    async def handle_RCPT(self, _: Any, __: Any, envelope: Envelope, address: str, ___: list[str]) -> str:  # noqa: N802
        """Accept a recipient."""
        envelope.rcpt_tos.append(address)
        return self.replies.get("RCPT", "250 OK")

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802
        """Accept the content."""
        reply = self.replies.get("DATA", "250 OK")
        if reply.startswith("250"):
            self.envelopes.append(envelope)
        return reply

    def letter(self) -> Letter[Any, Any]:
        """The only one that came."""
        [envelope] = self.envelopes
        assert isinstance(envelope.content, bytes)
        return message_from_bytes(envelope.content, policy=default)


Start = Callable[..., MailOptions]


@pytest.fixture
def post() -> Post:
    """A mailbox without messages."""
    return Post()


@pytest.fixture
def start(post: Post) -> Iterator[Start]:
    """Starts a mail server; how to reach it."""
    with ExitStack() as stack:

        def run(security: str = "none", **options: Any) -> MailOptions:
            port = free_port()
            controller = Controller(post, hostname="127.0.0.1", port=port, **options)
            controller.start()
            stack.callback(controller.stop)
            return MailOptions("127.0.0.1", port, security, SENDER, (RECIPIENT,))  # type: ignore[arg-type]

        yield run


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """The TLS context of a mail server, and the file that verifies it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=127.0.0.1")
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, key_path = tmp_path / "mail.pem", tmp_path / "mail.key"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return context, str(path)


def send(options: MailOptions, **changes: Any) -> Failure | None:
    """Send one message."""
    return Mail(options).send(message(**changes))


def test_the_server_gets_the_message_with_an_id_of_its_own(start: Start, post: Post) -> None:
    assert send(start(), message_id="notice-1", subject="Grüße", text="Ende naht.\nÄußerst.") is None

    letter = post.letter()
    assert (letter["From"], letter["To"], letter["Subject"]) == (SENDER, RECIPIENT, "Grüße")
    assert letter["Message-ID"] == "<notice-1@example.com>"
    assert letter["Date"] == "Mon, 23 Nov 2026 12:00:00 +0000"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content_type() == "text/plain"
    assert "Äußerst." in letter.get_content()  # type: ignore[attr-defined]
    assert (post.envelopes[0].mail_from, post.envelopes[0].rcpt_tos) == (SENDER, [RECIPIENT])


@pytest.mark.parametrize("subject", ["x\r\nBcc: all@example.com", "x\nBcc: all@example.com", "x\rBcc: all@example.com"])
def test_a_subject_cannot_put_in_a_header(start: Start, post: Post, subject: str) -> None:
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        send(start(), subject=subject)
    assert post.envelopes == []


@pytest.mark.parametrize(
    "word", ["=?utf-8?q?x=0d=0aBcc:_all=40example.com?=", "=?utf-8?b?eA0KQmNjOiBhQGINCg0KYm9keQ==?="]
)
def test_nor_can_an_encoded_word_as_in_the_name_of_a_cluster(start: Start, post: Post, word: str) -> None:
    assert send(start(), subject=f"{word} {'long ' * 20}: issued 3 days ago") is None
    letter = post.letter()
    assert (letter["Bcc"], letter["To"]) == (None, RECIPIENT)
    assert str(letter["Subject"]).startswith(word.replace("=?", "= ?"))


@pytest.mark.parametrize(
    ("step", "reply", "is_final"),
    [
        ("RCPT", "450 mailbox busy", False),
        ("RCPT", "550 no such user", True),
        ("MAIL", "451 later", False),
        ("MAIL", "553 not you", True),
        ("DATA", "452 disk full", False),
        ("DATA", "554 spam", True),
    ],
)
def test_a_refusal_for_now_is_tried_again_and_one_for_good_is_not(
    start: Start, post: Post, step: str, reply: str, is_final: bool
) -> None:
    post.replies[step] = reply

    failure = send(start())

    assert failure
    assert failure.is_final is is_final
    assert reply in failure.reason


@pytest.mark.fault("other services", "No mail server answers", "tries again later")
def test_a_server_that_is_not_there_is_tried_again(start: Start) -> None:
    failure = send(replace(start(), port=1))

    assert failure == Failure("the mail server cannot be reached: Connection refused")


class Doorman:
    """Lets in who knows the password."""

    def __call__(self, _: Any, __: Any, ___: Any, ____: str, data: Any) -> AuthResult:
        """Whether this is the one."""
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"ca", b"opensesame")
        return AuthResult(success=is_right, handled=is_right)


@pytest.fixture
def guarded(start: Start, tls: tuple[ssl.SSLContext, str]) -> MailOptions:
    """A server that asks for STARTTLS and a password."""
    context, ca_file = tls
    options = start("starttls", tls_context=context, require_starttls=True, authenticator=Doorman(), auth_required=True)
    return replace(options, ca_file=ca_file, username="ca", password="opensesame")


def test_starttls_and_a_password_get_the_message_through(guarded: MailOptions, post: Post) -> None:
    assert send(guarded) is None
    assert post.letter()["Subject"] == "It ends"


def test_a_wrong_password_is_told_without_it_and_tried_again(guarded: MailOptions) -> None:
    failure = send(replace(guarded, password="guessed"))

    assert failure == Failure("the mail server does not accept mail.username and mail.password (535)")


@pytest.mark.fault("other services", "A mail server has an unknown certificate", "sends no password")
def test_a_certificate_that_nobody_knows_gets_no_password(guarded: MailOptions, post: Post) -> None:
    failure = send(replace(guarded, ca_file=""))

    assert failure
    assert "certificate of the mail server is not trusted" in failure.reason
    assert not failure.is_final
    assert post.envelopes == []


def test_a_server_without_starttls_gets_nothing(start: Start, post: Post) -> None:
    failure = send(replace(start(), security="starttls"))

    assert failure
    assert "does not support what mail.security" in failure.reason
    assert post.envelopes == []


def test_tls_from_the_beginning_gets_the_message_through(
    start: Start, post: Post, tls: tuple[ssl.SSLContext, str]
) -> None:
    context, ca_file = tls

    assert send(replace(start("tls", ssl_context=context), ca_file=ca_file)) is None
    assert post.letter()["Subject"] == "It ends"


def test_tls_with_a_server_that_speaks_none_is_told(start: Start) -> None:
    failure = send(start("tls"))

    assert failure
    assert "mail.security and mail.port" in failure.reason


def test_a_file_of_authorities_that_is_missing_is_told(start: Start, tmp_path: Path) -> None:
    failure = send(replace(start("tls"), ca_file=str(tmp_path / "none.pem")))

    assert failure == Failure("mail.ca_file cannot be read: No such file or directory")
