"""How a message leaves: e-mail through Django's mail settings, text messages through a backend named by
dotted path.

A channel says whether the other end knows our key (`keyed`): then a repeat is absorbed there. Without a key a
send whose outcome is not known is never repeated (reliability A3). Nothing here touches the database.
"""

from __future__ import annotations

import hashlib
import smtplib
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from anymail.exceptions import AnymailError
from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.utils.module_loading import import_string

DJANGO_SMTP = "django.core.mail.backends.smtp.EmailBackend"
TRACKED_SMTP = "scheduling.channels.TrackedEmailBackend"
MAX_SMS = 480


@dataclass(frozen=True)
class Outgoing:
    """One rendered message: where to, what, and the key under which it is sent once. `kept` is the text as it may
    be stored (without the tokens of links); `stop_url` ends messages with one press.
    """

    key: str
    address: str
    subject: str
    text: str
    html: str = ""
    kept: str = ""
    stop_url: str = ""

    @property
    def kept_text(self) -> str:
        """What is stored of the text."""
        return self.kept or self.text

    @property
    def public_key(self) -> str:
        """The key as others may see it: it says nothing about patient or kind."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:32]


class SendFailed(Exception):
    """It has certainly not been delivered. `permanent`: trying again would not help. `alone`: it concerns
    this recipient only, others can be sent. `code` carries no address.
    """

    def __init__(self, code: str, *, permanent: bool, alone: bool = False) -> None:
        super().__init__(code)
        self.code, self.permanent, self.alone = code, permanent, alone or permanent


class OutcomeUnknown(Exception):
    """It may or may not have been delivered; it must not be repeated."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Channel(Protocol):
    """One way out. `keyed`: the other end absorbs a repeat with the same key, for as long as `key_window`."""

    keyed: bool
    key_window: timedelta

    def send(self, message: Outgoing) -> str:
        """Send and return the provider's id. Raises SendFailed or OutcomeUnknown."""

    def close(self) -> None:
        """End connections."""


class _TrackingSMTP(smtplib.SMTP):
    """Knows whether the text was on its way when the line went dead: only then is the outcome unknown."""

    in_data = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.in_data = True
        answer = super().data(msg)
        self.in_data = False
        return answer


class _TrackingSMTPOverTLS(smtplib.SMTP_SSL, _TrackingSMTP):
    """The same over TLS from the first byte."""


class TrackedEmailBackend(EmailBackend):
    """Django's SMTP backend with a connection that can be asked how far it got."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _TrackingSMTPOverTLS if self.use_ssl else _TrackingSMTP

    @property
    def was_in_data(self) -> bool:
        """The last attempt ended while the text was being handed over."""
        return bool(getattr(self.connection, "in_data", False))


class EmailChannel:
    """E-mail over whatever EMAIL_URL names (SMTP, or a provider), else the readable outbox folder."""

    keyed = False
    key_window = timedelta(0)

    def __init__(self) -> None:
        path = TRACKED_SMTP if settings.EMAIL_BACKEND == DJANGO_SMTP else settings.EMAIL_BACKEND
        timeout = min(settings.EMAIL_TIMEOUT or 10, settings.LEASE_SECONDS / 2)
        options = {"timeout": timeout} if path == TRACKED_SMTP else {}
        self._backend = get_connection(path, fail_silently=False, **options)

    def send(self, message: Outgoing) -> str:
        """One e-mail with a Message-ID made from its key. See `Channel.send`."""
        from scheduling.mail_providers import id_given, prepare  # it needs the failures of this module

        mail = prepare(build_email(message))
        mail.connection = self._backend
        self._open()
        try:
            mail.send()
        except Exception as error:
            unknown = self._after_text()
            self.close()
            raise classify(error, in_data=unknown) from error
        return id_given(mail) or str(mail.extra_headers["Message-ID"])

    def _open(self) -> None:
        """A connection that cannot be had has delivered nothing."""
        try:
            self._backend.open()
        except Exception as error:
            self.close()
            raise SendFailed(f"connect:{type(error).__name__}"[:60], permanent=False) from error

    def _after_text(self) -> bool:
        return getattr(self._backend, "was_in_data", True)

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        try:
            self._backend.close()
        except (OSError, smtplib.SMTPException):
            self._backend.connection = None  # type: ignore[attr-defined]  # of the SMTP backends, the only ones that raise


def build_email(message: Outgoing) -> EmailMessage:
    """The e-mail, ready to leave. Raises ValueError (BadHeaderError) for text that cannot be a header."""
    stop = (
        {"List-Unsubscribe": f"<{message.stop_url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
        if message.stop_url
        else {}
    )
    domain = settings.DEFAULT_FROM_EMAIL.rsplit("@", 1)[-1].rstrip(">") or "localhost"
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        to=[message.address],
        headers={
            "Message-ID": f"<{message.public_key}@{domain}>",
            "Idempotency-Key": message.public_key,
            "Auto-Submitted": "auto-generated",
            **stop,
        },
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    return mail


def classify(error: Exception, *, in_data: bool) -> Exception:
    """What a failed SMTP conversation means: refused for good, refused for now, or not known."""
    name = type(error).__name__
    if isinstance(error, AnymailError):
        from scheduling.mail_providers import classify_answer

        return classify_answer(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        closing = 421 in codes
        permanent = all(code >= 500 for code in codes)
        return SendFailed(f"recipient:{codes[0]}", permanent=permanent, alone=not closing)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return SendFailed(f"login:{error.smtp_code}", permanent=False)
    if isinstance(error, smtplib.SMTPDataError) and error.smtp_code != 421:
        return SendFailed(f"smtp:{error.smtp_code}", permanent=error.smtp_code >= 500, alone=True)
    if isinstance(error, smtplib.SMTPResponseException):
        return SendFailed(f"smtp:{error.smtp_code}", permanent=error.smtp_code >= 500)
    if isinstance(error, (ValueError, UnicodeError, smtplib.SMTPNotSupportedError)):
        return SendFailed(f"message:{name}"[:60], permanent=True)
    if in_data:
        return OutcomeUnknown(f"lost:{name}"[:60])
    return SendFailed(f"lost:{name}"[:60], permanent=False)


class SMSBackend(Protocol):
    """What SMS_BACKEND names: sends one text to one number."""

    keyed: bool
    key_window: timedelta

    def send(self, *, number: str, text: str, key: str) -> str:
        """Send and return the provider's id. Raises SendFailed or OutcomeUnknown."""

    def close(self) -> None:
        """End what is kept between texts."""


class ConsoleSMSBackend:
    """Writes texts to standard error: for development."""

    keyed = False
    key_window = timedelta(0)

    def send(self, *, number: str, text: str, key: str) -> str:
        """Print the last digits and the text."""
        print(f"SMS to ...{number[-4:]}: {text}", file=sys.stderr)
        return key

    def close(self) -> None:
        """Nothing is kept."""


class FileSMSBackend:
    """One file per text in the outbox folder, named by its key: a repeat writes the same file."""

    keyed = True
    key_window = timedelta(days=3650)

    def send(self, *, number: str, text: str, key: str) -> str:
        """Write the file. Raises SendFailed when the folder cannot be written."""
        folder = Path(settings.OUTBOX_DIR) / "sms"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{key}.txt").write_text(f"To: {number}\n\n{text}\n", encoding="utf-8")
        except OSError as error:
            raise SendFailed("outbox-folder", permanent=False) from error
        return key

    def close(self) -> None:
        """Nothing is kept."""


class SMSChannel:
    """Text messages through the backend that SMS_BACKEND names."""

    def __init__(self) -> None:
        self._backend: SMSBackend = import_string(settings.SMS_BACKEND)()
        self.keyed, self.key_window = self._backend.keyed, self._backend.key_window

    def send(self, message: Outgoing) -> str:
        """One text. See `Channel.send`."""
        return self._backend.send(number=message.address, text=message.text[:MAX_SMS], key=message.public_key)

    def close(self) -> None:
        """End what the backend keeps."""
        self._backend.close()


def open_channel(name: str) -> Channel:
    """The channel of a message row: `email` or `sms`."""
    return EmailChannel() if name == "email" else SMSChannel()
