"""E-mail through a provider's HTTP interface (django-anymail, EMAIL_PROVIDER): what an answer means, and reports.

An accepted e-mail is known to us by the id that the provider gave it; its reports about that id feed the same service
as those of text message gateways.
"""

from __future__ import annotations

from anymail.exceptions import (
    AnymailAPIError,
    AnymailError,
    AnymailRecipientsRefused,
    AnymailRequestsAPIError,
)
from anymail.signals import AnymailTrackingEvent, EventType
from django.core.mail import EmailMessage

from scheduling.channels import OutcomeUnknown, SendFailed
from scheduling.services.deliveries import report_delivery, stop_by_report

BUSY = frozenset({401, 402, 403, 408, 425, 429, 503})  # refused before anything was done, or our own account


def prepare(mail: EmailMessage) -> EmailMessage:
    """Nothing is counted and no link rewritten: who opens what is not the provider's business."""
    mail.track_opens = mail.track_clicks = False  # type: ignore[attr-defined]  # anymail reads these
    return mail


def id_given(mail: EmailMessage) -> str:
    """The provider's id of an e-mail that it has accepted; empty when it gave none."""
    status = getattr(mail, "anymail_status", None)
    return str(getattr(status, "message_id", None) or "")


def classify_answer(error: AnymailError) -> Exception:
    """What a failed hand-over means: refused for good, refused for now, or not known."""
    name = type(error).__name__
    if isinstance(error, AnymailRecipientsRefused):
        return SendFailed("recipient:refused", permanent=True)
    status = getattr(error, "status_code", None)
    if isinstance(error, AnymailRequestsAPIError) and status is not None:
        if status in BUSY:
            return SendFailed(f"http:{status}", permanent=False)
        if 400 <= status < 500:
            return SendFailed(f"http:{status}", permanent=True)
        return OutcomeUnknown(f"http:{status}")
    if isinstance(error, AnymailAPIError):
        never = any(
            word in repr(error.__cause__) for word in ("NewConnection", "NameResolution", "ConnectTimeout")
        )
        return SendFailed("connect:refused", permanent=False) if never else OutcomeUnknown("lost:connection")
    return SendFailed(f"message:{name}"[:60], permanent=True)


def take_report(event: AnymailTrackingEvent) -> None:
    """One report about one e-mail. Repeats, late ones and those about nothing of ours change nothing."""
    found = event.message_id or ""
    if event.event_type == EventType.DELIVERED:
        report_delivery(provider_id=found, delivered=True)
    elif event.event_type in (EventType.BOUNCED, EventType.REJECTED, EventType.FAILED):
        bad = event.event_type == EventType.BOUNCED
        report_delivery(provider_id=found, delivered=False, bad_address=bad)
    elif event.event_type in (EventType.COMPLAINED, EventType.UNSUBSCRIBED):
        stop_by_report(provider_id=found)
