"""Reports of providers. Each is checked for its signature before anything is read from it; a repeat is harmless.

401: not signed by who it should be (or too old). 204: taken, whether or not it was about one of our messages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import time
from typing import Any

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from scheduling.services.deliveries import first_time, report_delivery, stop_by_reply
from scheduling.sms import signature
from staff.errors import InvalidInput
from staff.strict import load_json

log = logging.getLogger("clearwindow.hooks")
FRESH_SECONDS = 300
REPORTED_WITHIN = 24 * 3600  # Mailgun tries for eight hours
TWILIO_BAD_ADDRESS = frozenset({"30003", "30004", "30005", "30006", "21610"})


def _refuse(why: str) -> HttpResponse:
    log.warning("a provider's report was refused: %s", why)
    return HttpResponse(status=401)


class _MailgunReports(MailgunTrackingWebhookView):
    """Mailgun signs a token and a time, not the text: both must be fresh, and the token belong to this text."""

    def validate_request(self, request: HttpRequest) -> None:
        """Raises AnymailWebhookValidationFailure."""
        super().validate_request(request)
        try:
            body: Any = load_json(request.body)
            block = body["signature"]
            age = abs(time.time() - int(str(block["timestamp"])[:12]))
        except (InvalidInput, KeyError, TypeError, ValueError) as error:
            raise AnymailWebhookValidationFailure("unreadable") from error
        if age > REPORTED_WITHIN:
            raise AnymailWebhookValidationFailure("stamp")
        if not first_time(source="mailgun", token=str(block["token"]), body=request.body):
            raise AnymailWebhookValidationFailure("token of another report")


@csrf_exempt
@require_POST
def email_events(request: HttpRequest) -> HttpResponse:
    """Delivery reports of the e-mail provider (EMAIL_PROVIDER=mailgun)."""
    if settings.EMAIL_PROVIDER != "mailgun" or not settings.ANYMAIL.get("MAILGUN_WEBHOOK_SIGNING_KEY"):
        return _refuse("no provider is set")
    try:
        answer: HttpResponse = _MailgunReports.as_view()(request)
    except AnymailWebhookValidationFailure:
        return _refuse("mailgun signature")
    except (KeyError, TypeError, ValueError, AttributeError):
        return HttpResponse(status=400)
    return answer


@csrf_exempt
@require_POST
def sms_events(request: HttpRequest) -> HttpResponse:
    """Our own gateway: `{"id", "event": "delivered"|"failed"|"stopped", "bad_address"?, "from"?}`, with X-Timestamp
    (seconds, at most five minutes old) and X-Signature, an HMAC-SHA256 of `timestamp.body`.
    """
    if not settings.SMS_WEBHOOK_SECRET:
        return _refuse("no secret is set")
    stamp, sent = request.headers.get("X-Timestamp", ""), request.headers.get("X-Signature", "")
    if not stamp.isascii() or not stamp.isdigit() or abs(time.time() - int(stamp[:12])) > FRESH_SECONDS:
        return _refuse("stamp")
    if not hmac.compare_digest(signature(settings.SMS_WEBHOOK_SECRET, request.body, stamp), _ascii(sent)):
        return _refuse("signature")
    try:
        body = load_json(request.body)
    except InvalidInput:
        return HttpResponse(status=400)
    if not isinstance(body, dict) or body.get("event") not in ("delivered", "failed", "stopped"):
        return HttpResponse(status=400)
    if body["event"] == "stopped":
        stop_by_reply(number=str(body.get("from", "")), text="stop")
    else:
        report_delivery(
            provider_id=str(body.get("id", "")),
            delivered=body["event"] == "delivered",
            bad_address=body.get("bad_address") is True,
        )
    return HttpResponse(status=204)


def _ascii(text: str) -> str:
    return text if text.isascii() else ""


def twilio_signature(url: str, fields: dict[str, str]) -> str:
    """Base64 of HMAC-SHA1 over the address and the sorted form fields, keyed with the account's token."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    token = settings.TWILIO_AUTH_TOKEN.encode()
    return base64.b64encode(hmac.new(token, text.encode(), hashlib.sha1).digest()).decode()


def _from_twilio(request: HttpRequest) -> bool:
    if not settings.TWILIO_AUTH_TOKEN or not settings.PUBLIC_URL:
        return False
    expected = twilio_signature(settings.PUBLIC_URL + request.get_full_path(), request.POST.dict())
    return hmac.compare_digest(expected, _ascii(request.headers.get("X-Twilio-Signature", "")))


@csrf_exempt
@require_POST
def twilio_status(request: HttpRequest) -> HttpResponse:
    """Twilio's status callback."""
    if not _from_twilio(request):
        return _refuse("twilio signature")
    status = request.POST.get("MessageStatus", "")
    if status in ("delivered", "undelivered", "failed"):
        report_delivery(
            provider_id=request.POST.get("MessageSid", ""),
            delivered=status == "delivered",
            bad_address=request.POST.get("ErrorCode", "") in TWILIO_BAD_ADDRESS,
        )
    return HttpResponse(status=204)


@csrf_exempt
@require_POST
def twilio_reply(request: HttpRequest) -> HttpResponse:
    """A text message from a patient: STOP is obeyed, everything else is not read (the messages say so)."""
    if not _from_twilio(request):
        return _refuse("twilio signature")
    stop_by_reply(number=request.POST.get("From", ""), text=request.POST.get("Body", ""))
    return HttpResponse("<Response/>", content_type="text/xml")
