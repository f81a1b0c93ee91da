"""A reviewer outside the clinic approves or returns a text through a link that was sent to them (decisions 2.10).

The token is derived from the server's secret and the link's code; the database knows its SHA-256 only. The link is for
one person, one text and one answer. It ends when the text leaves its review, by whichever way; the database ends it
(trigger `version_leaves_review`), so that a text that was returned and changed is never signed by an old link.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import Http404
from django.template.loader import render_to_string
from django.urls import reverse

from protocols.definition_codec import canonical_text, load
from protocols.models import OutsideReview, ProtocolVersion
from protocols.services.outside_identity import check_address, check_name, check_registration
from protocols.services.review import approve_from_outside, return_from_outside
from protocols.services.writing import locked
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.history import acting
from staff.models import User
from staff.strict import parse_text

log = logging.getLogger("clearwindow.protocols")

Answer, Status = OutsideReview.Answer, ProtocolVersion.Status
WORKS_FOR_DAYS = (7, 14, 30)
USUAL_DAYS = 14
TOKEN_BYTES = 24


def text_fingerprint(version: ProtocolVersion) -> str:
    """SHA-256 (hex) of the definition with both documents, titles and marks included: all that a reviewer reads."""
    documents = [
        [item.kind, item.title, item.body, item.change] for item in version.documents.order_by("kind")
    ]
    whole = json.dumps([canonical_text(load(version.definition)), documents], ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()


def token_of(code: uuid.UUID) -> str:
    """The token of a link; only somebody with the server's secret can make it."""
    key = hashlib.sha256(b"clearwindow outside review" + settings.SECRET_KEY.encode()).digest()
    return base64.urlsafe_b64encode(hmac.new(key, code.bytes, hashlib.sha256).digest()[:TOKEN_BYTES]).decode()


def hashed(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def ask_outside(
    *,
    version: ProtocolVersion,
    name: str,
    email: str,
    by: User,
    days: int = USUAL_DAYS,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> OutsideReview:
    """Make the link of one reviewer for a text in review; `hand_over` sends it. Staff sign in instead.

    Raises InvalidInput for a missing name or an address that is none, RuleNotMet for an address of the staff or the
    name of who wrote the text, StateConflict for a text that is not in review or a reviewer who has an open link.
    """
    now = at or app_now()
    called = parse_text(name, field="name", max_length=120, single_line=True)
    if not called:
        raise InvalidInput("Name the reviewer.", code="required", field="name")
    address = _address(email)
    if days not in WORKS_FOR_DAYS:
        raise InvalidInput("Choose 7, 14 or 30 days.", code="choice", field="days")
    with acting(by):
        found = locked(version, expected_version)
        if found.status != Status.IN_REVIEW:
            raise StateConflict("Only a text in review is sent to a reviewer.", code="wrong-state")
        check_address(address)
        check_name(found, called, field="name")
        code = uuid.uuid4()
        try:
            with transaction.atomic():
                review: OutsideReview = OutsideReview.objects.create(
                    code=code, version=found, name=called, email=address, sha256=found.sha256,
                    text_sha256=text_fingerprint(found), token_hash=hashed(token_of(code)), sent_by=by, sent_at=now,
                    expires_at=now + timedelta(days=days),
                )  # fmt: skip
        except IntegrityError as error:
            raise StateConflict(
                "A link to this address is open. Send it again, or take it back first.",
                code="link-open",
                field="email",
            ) from error
    return review


def _address(email: str) -> str:
    text = parse_text(email, field="email", max_length=254, single_line=True)
    try:
        validate_email(text)
    except ValidationError as error:
        raise InvalidInput("Enter an e-mail address.", code="email", field="email") from error
    return text


def hand_over(review: OutsideReview, base_url: str, *, by: User, at: datetime | None = None) -> bool:
    """Hand the message to the mail server and note when. False when it could not be handed over: try again later.

    Raises StateConflict when the link is answered, ended or has run out.
    """
    now = at or app_now()
    if words := why_dead(review, now):
        raise StateConflict(words, code="link-over")
    token = token_of(review.code)
    context = {
        "review": review, "version": review.version, "sender": review.sent_by,
        "link": base_url.rstrip("/") + reverse("outside_review", args=[token]),
    }  # fmt: skip
    subject = render_to_string("protocols/email/outside_review_subject.txt", context).strip()
    body = render_to_string("protocols/email/outside_review_message.txt", context)
    try:
        EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [review.email]).send()
    except (
        Exception
    ) as error:  # whatever the mail server or the network raises, the link stays and can be sent again
        log.error("link of outside review %s was not sent: %s", review.pk, type(error).__name__)
        return False
    with acting(by):
        OutsideReview.objects.filter(pk=review.pk, answered_at__isnull=True, ended_at__isnull=True).update(
            handed_over_at=now, token_hash=hashed(token)
        )
    return True


def take_back(*, review: OutsideReview, by: User, at: datetime | None = None) -> OutsideReview:
    """End a link that was not answered. Twice changes nothing; StateConflict once it was answered."""
    with acting(by):
        found = _locked(review)
        if found.answered_at is not None:
            raise StateConflict("The reviewer has answered already.", code="link-over")
        if found.ended_at is None:
            found.ended_at, found.ended_by = at or app_now(), by
            found.save(update_fields=["ended_at", "ended_by"])
    return found


def open_review(token: str) -> OutsideReview:
    """The link of this token, however it stands. Raises Http404 for one that never was."""
    found = (
        OutsideReview.objects.select_related("version__template", "version__author", "sent_by")
        .filter(token_hash=hashed(token))
        .first()
    )
    if found is None:
        raise Http404("Not found.")
    return found


def why_dead(review: OutsideReview, at: datetime) -> str:
    """Why this link can no longer be answered, in words; "" while it can."""
    if review.answered_at is not None:
        return "This link was used: the text has been answered with it."
    if review.version.status != Status.IN_REVIEW or review.ended_at is not None:
        return "This link has ended: the text is no longer waiting for this review."
    if review.expires_at <= at:
        return "This link has run out. Ask the clinic for a new one if the review is still wanted."
    if review.text_sha256 != text_fingerprint(review.version):
        return "The text was changed after this link was sent. Ask the clinic for a new one."
    return ""


def answer_outside(
    *,
    review: OutsideReview,
    answer: str,
    signed_name: str,
    registration: str,
    seen_sha256: str,
    remarks: str = "",
    at: datetime | None = None,
) -> OutsideReview:
    """The reviewer's one answer: approve (the version becomes active at once) or return with remarks.

    `seen_sha256`: the `text_sha256` of the page that was read. Raises StateConflict `link-over` for a link that is
    dead, RuleNotMet `other-text` when another text was read or something blocks it, `reviewer-is-author` for the name
    or the registration of who wrote the text, InvalidInput for what is missing.
    """
    now = at or app_now()
    name = parse_text(signed_name, field="signed_name", max_length=120, single_line=True)
    number = parse_text(registration, field="registration", max_length=80, single_line=True)
    words = parse_text(remarks, field="remarks", max_length=500)
    _complete(answer, name, number, words)
    with acting(None, outside_review=str(review.code)):
        version = locked(review.version, None)
        found = _locked(review)
        found.version = version
        if dead := why_dead(found, now):
            raise StateConflict(dead, code="link-over")
        check_name(version, name, field="signed_name")
        check_registration(version, number)
        if seen_sha256 != found.text_sha256:
            raise RuleNotMet("The text is not the one you have read. Read it again.", code="other-text")
        found.answer, found.answered_at = answer, now
        found.signed_name, found.registration, found.remarks = name, number, words
        found.save(update_fields=["answer", "answered_at", "signed_name", "registration", "remarks"])
        if answer == Answer.APPROVED:
            approve_from_outside(version, seen_sha256=found.sha256, at=now)
        else:
            return_from_outside(version, note=_note(name, number, words))
    return found


def _complete(answer: str, name: str, number: str, words: str) -> None:
    if answer not in Answer.values:
        raise InvalidInput("Say whether you approve or return the text.", code="choice", field="answer")
    if not name:
        raise InvalidInput("Enter your name.", code="required", field="signed_name")
    if not number:
        raise InvalidInput("Enter your registration.", code="required", field="registration")
    if answer == Answer.RETURNED and not words:
        raise InvalidInput("Say what needs another look.", code="required", field="remarks")


def _note(name: str, number: str, words: str) -> str:
    """What the author reads, within the note's 500 characters."""
    return f"{words} ({name}, {number})"[:500] if len(words) < 400 else words


def _locked(review: OutsideReview) -> OutsideReview:
    found: OutsideReview = (
        OutsideReview.objects.select_for_update(of=("self",)).select_related("version").get(pk=review.pk)
    )
    return found
