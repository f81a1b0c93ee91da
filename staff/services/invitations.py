"""The one-time link with which a person chooses a password, and the message that carries it.

The link is the one of a password reset: it works once, and PASSWORD_RESET_TIMEOUT seconds long. The message is about
work only; it says nothing about treatment or patients.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from staff.models import User

log = logging.getLogger("clearwindow.staff")


def sign_in_link(person: User, base_url: str = "") -> str:
    """A fresh link; an earlier one stays good until one of them is used or its time is over."""
    key = f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
    return base_url.rstrip("/") + path.replace("UID-KEY", key)


def works_for() -> timedelta:
    """How long a link works."""
    return timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


def send_invitation(person: User, base_url: str, *, at: datetime) -> bool:
    """Hand the message to the mail server and note when. False when it could not be handed over: try again later."""
    context = {
        "person": person,
        "link": sign_in_link(person, base_url),
        "days": max(1, round(works_for() / timedelta(days=1))),
    }
    subject = render_to_string("account/email/invitation_subject.txt", context).strip()
    body = render_to_string("account/email/invitation_message.txt", context)
    try:
        EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [person.email]).send()
    except Exception as error:  # whatever the mail server or the network raises, the person stays invited
        log.error("invitation of person %s was not sent: %s", person.pk, type(error).__name__)
        return False
    note_invited(person, at=at)
    return True


def note_invited(person: User, *, at: datetime) -> None:
    """When the last link was handed over, by message or in person."""
    with transaction.atomic():
        User.objects.filter(pk=person.pk).update(invited_at=at)
    person.invited_at = at
