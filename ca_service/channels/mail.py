"""Mail (RFC 5321) to the configured mail server.

Plain text, one recipient for each message. Line breaks cannot enter a header: the library refuses them, encoded ones
are not decoded, and control characters in names are made visible before. The certificate of the server is verified.
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Literal

from ca_service.authority.notices.records import Failure, Message
from ca_service.pki.visible_text import visible

Security = Literal["starttls", "tls", "none"]

_TIMEOUT_SECONDS: Final = 15
_MAX_REPLY: Final = 120


@dataclass(frozen=True, slots=True)
class MailOptions:
    """The mail server, sender and recipients. Without a user name, mail is sent without signing in.

    `ca_file` contains the trusted authorities for the server's certificate; empty for those of the system.
    """

    host: str
    port: int
    security: Security
    sender: str
    recipients: tuple[str, ...]
    username: str = ""
    password: str = ""
    ca_file: str = ""


class Mail:
    """The channel `mail`."""

    name = "mail"

    def __init__(self, options: MailOptions) -> None:
        self._options = options

    @property
    def recipients(self) -> tuple[str, ...]:
        """Return the addresses."""
        return self._options.recipients

    def send(self, message: Message) -> Failure | None:
        """Send one message; return why it failed, or None."""
        try:
            context = None if self._options.security == "none" else self._context()
        except OSError as error:
            return Failure(f"mail.ca_file cannot be read: {error.strerror or 'it contains no certificate'}")
        try:
            self._converse(message, context)
        except smtplib.SMTPRecipientsRefused as error:
            [(code, reply)] = error.recipients.values()
            return _refused("the recipient is refused", code, reply)
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            return _refused("the message is refused", error.smtp_code, error.smtp_error)
        except smtplib.SMTPAuthenticationError as error:
            return Failure(f"the mail server does not accept mail.username and mail.password ({error.smtp_code})")
        except smtplib.SMTPResponseException as error:
            return _refused("the mail server is not ready", error.smtp_code, error.smtp_error, may_change=True)
        except (smtplib.SMTPException, OSError) as error:
            return Failure(_reason(error))
        return None

    def _converse(self, message: Message, context: ssl.SSLContext | None) -> None:
        """Run one SMTP session. Raises the errors of smtplib, except those of QUIT."""
        options, server = self._options, self._connect(context)
        try:
            if options.security == "starttls":
                server.starttls(context=context)
            if options.username:
                server.login(options.username, options.password)
            server.send_message(self._letter(message), options.sender, [message.recipient])
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        finally:
            server.close()

    def _connect(self, context: ssl.SSLContext | None) -> smtplib.SMTP:
        host, port = self._options.host, self._options.port
        if self._options.security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=context)
        return smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._options.ca_file or None)

    def _letter(self, message: Message) -> EmailMessage:
        letter = EmailMessage(SMTP)
        letter["From"] = self._options.sender
        letter["To"] = message.recipient
        letter["Subject"] = message.subject.replace("=?", "= ?")  # decoded as RFC 2047, it could end the header
        letter["Date"] = format_datetime(message.created_at)
        letter["Message-ID"] = f"<{message.message_id}@{self._options.sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: no vacation replies
        letter.set_content(message.text)
        return letter


def _refused(what: str, code: int, reply: bytes | str, *, may_change: bool = False) -> Failure:
    """Return the failure for a reply: 500 and above is permanent, 400 to 499 temporary (RFC 5321, 4.2.1)."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return Failure(f"{what}: {code} {visible(text)[:_MAX_REPLY]}", is_final=code >= 500 and not may_change)


def _reason(error: Exception) -> str:
    """Return why the session failed, without any text that was sent in it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the mail server is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "the TLS handshake with the mail server failed: check mail.security and mail.port"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the mail server does not support what mail.security or mail.username requires"
    if isinstance(error, TimeoutError):
        return "the mail server does not answer in time"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the mail server closed the connection"
    strerror = error.strerror if isinstance(error, OSError) else None
    return f"the mail server cannot be reached: {strerror or type(error).__name__}"
