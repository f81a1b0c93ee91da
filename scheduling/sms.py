"""Text messages over HTTP: a gateway of one's own (webhook) and Twilio. Named in SMS_BACKEND by dotted path.

What an answer means is decided in one place (`judge`): refused for good, refused for now, or not known. A
request that was sent and got no answer is never taken for "not delivered".
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from scheduling.channels import OutcomeUnknown, SendFailed

NOT_NOW = frozenset(
    {401, 402, 403, 408, 425, 429, 503}
)  # refused before anything was done, or our own account
UNREACHABLE = 21610  # Twilio: the recipient has replied STOP
TWILIO_FOR_GOOD = frozenset({21211, 21214, 21217, 21606, 21608, UNREACHABLE, 21612, 21614})


def post(url: str, *, session: requests.Session | None = None, **request: Any) -> requests.Response:
    """One POST, never redirected, answered within half of LEASE_SECONDS. Raises SendFailed when no connection
    could be had, OutcomeUnknown when the line went dead afterwards.

    session: keeps its connection between posts. Only for a gateway that knows our key: a kept connection may turn
    out to be dead in the middle of a send, which leaves the outcome open.
    """
    patience = min(10.0, settings.LEASE_SECONDS / 2)
    try:
        return (session or requests).post(
            url, timeout=(min(3.05, patience / 2), patience / 2), allow_redirects=False, **request
        )
    except requests.exceptions.ConnectTimeout as error:
        raise SendFailed("connect:timeout", permanent=False) from error
    except requests.exceptions.ConnectionError as error:
        if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
            raise SendFailed("connect:refused", permanent=False) from error
        raise OutcomeUnknown("lost:connection") from error
    except requests.exceptions.Timeout as error:
        raise OutcomeUnknown("lost:timeout") from error
    except requests.exceptions.RequestException as error:
        raise OutcomeUnknown(f"lost:{type(error).__name__}"[:60]) from error


def judge(status: int) -> None:
    """Return for 2xx. Raises SendFailed or OutcomeUnknown for everything else."""
    if 200 <= status < 300:
        return
    if status in NOT_NOW:
        raise SendFailed(f"http:{status}", permanent=False)
    if 400 <= status < 500:
        raise SendFailed(f"http:{status}", permanent=True)
    raise OutcomeUnknown(f"http:{status}")


def body_of(answer: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty when it is something else."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def signature(secret: str, body: bytes, stamp: str) -> str:
    """HMAC-SHA256 over `stamp.body` as hexadecimal: how our gateway and we know each other."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class WebhookSMSBackend:
    """POSTs `{"to", "text", "key"}` to SMS_WEBHOOK_URL, signed with SMS_WEBHOOK_SECRET.

    The gateway must remember each Idempotency-Key for SMS_KEY_HOURS and answer a repeat without sending it
    again; SMS_KEY_HOURS=0 says that it does not.
    """

    def __init__(self) -> None:
        if not settings.SMS_WEBHOOK_URL:
            raise ImproperlyConfigured("SMS_WEBHOOK_URL is needed by WebhookSMSBackend")
        self.key_window = timedelta(hours=settings.SMS_KEY_HOURS)
        self.keyed = self.key_window > timedelta(0)
        self._session = requests.Session() if self.keyed else None

    def send(self, *, number: str, text: str, key: str) -> str:
        """One text; the gateway's id, else our key. Raises SendFailed or OutcomeUnknown."""
        body = json.dumps({"to": number, "text": text, "key": key}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if settings.SMS_WEBHOOK_SECRET:
            headers["X-Signature"] = signature(settings.SMS_WEBHOOK_SECRET, body, key)
        answer = post(settings.SMS_WEBHOOK_URL, session=self._session, data=body, headers=headers)
        judge(answer.status_code)
        return str(body_of(answer).get("id") or key)[:120]

    def close(self) -> None:
        """End the kept connection."""
        if self._session is not None:
            self._session.close()


class TwilioSMSBackend:
    """Twilio's Messages resource over HTTP. It knows no key: an unanswered request is shown, never repeated."""

    keyed = False
    key_window = timedelta(0)

    def __init__(self) -> None:
        if not (settings.TWILIO_ACCOUNT_SID and settings.TWILIO_AUTH_TOKEN and settings.TWILIO_FROM):
            raise ImproperlyConfigured("TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM are needed")

    def send(self, *, number: str, text: str, key: str) -> str:
        """One text; Twilio's message sid. Raises SendFailed or OutcomeUnknown."""
        account = settings.TWILIO_ACCOUNT_SID
        sender = "MessagingServiceSid" if settings.TWILIO_FROM.startswith("MG") else "From"
        fields = {"To": number, "Body": text, sender: settings.TWILIO_FROM}
        if settings.PUBLIC_URL:
            fields["StatusCallback"] = f"{settings.PUBLIC_URL}/webhooks/twilio/status/"
        answer = post(
            f"{settings.TWILIO_API_URL}/2010-04-01/Accounts/{account}/Messages.json",
            data=fields,
            auth=(account, settings.TWILIO_AUTH_TOKEN),
        )
        found = body_of(answer)
        if answer.status_code == 400:
            code = found.get("code")
            raise SendFailed(f"twilio:{code}"[:60], permanent=code in TWILIO_FOR_GOOD, alone=True)
        judge(answer.status_code)
        return str(found.get("sid") or key)[:120]

    def close(self) -> None:
        """Nothing is kept."""
