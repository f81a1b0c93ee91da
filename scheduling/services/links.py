"""Links for patients: made with the message that carries them, opened by whoever has them, each for one purpose.

The token is derived from the server's secret and the link's code, so that rendering a message twice gives the
same link; the database knows its SHA-256 only, and texts of sent messages are kept with the token left out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.http import Http404

from protocols.models import ProtocolDocument
from scheduling.models import Message, PatientLink
from scheduling.notifications import Links
from staff.clock import app_now

Purpose = PatientLink.Purpose
TOKEN_BYTES = 24
OPT_OUT_FOR = timedelta(days=365)
EDUCATION_FOR = timedelta(days=3)
ANSWER_FOR = {Purpose.CHECK_IN: timedelta(hours=12), Purpose.QUESTIONNAIRE: timedelta(days=3)}
NAMES_WHO = frozenset(
    {Purpose.OPT_OUT, Purpose.VISIT, Purpose.OUTSIDE}
)  # whose address it went to matters to the answer
TEACHES = frozenset({"visit_reminder"})
OF_KIND = {
    "visit_reminder": Purpose.VISIT,
    "visit_reminder_soon": Purpose.VISIT,
    "escort_reminder": Purpose.VISIT,
    "escort_reminder_soon": Purpose.VISIT,
    "therapy_visit": Purpose.VISIT,
    "check_in": Purpose.CHECK_IN,
    "questionnaire": Purpose.QUESTIONNAIRE,
    "outside_window": Purpose.OUTSIDE,
}
REPORT_FOR = timedelta(days=3)  # a session of the last hour is reported a day later


def token_of(code: uuid.UUID) -> str:
    """The token of a link; only somebody with the server's secret can make it."""
    key = hashlib.sha256(b"clearwindow patient link" + settings.SECRET_KEY.encode()).digest()
    return base64.urlsafe_b64encode(hmac.new(key, code.bytes, hashlib.sha256).digest()[:TOKEN_BYTES]).decode()


def hashed(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def links_of(message: Message, *, at: datetime, education: ProtocolDocument | None = None) -> Links:
    """Make the links of a message that is about to leave. None without PUBLIC_URL."""
    if not settings.PUBLIC_URL:
        return Links()
    wanted = [(f"stop:{message.contact_point.code}", Purpose.OPT_OUT, at + OPT_OUT_FOR)]
    purpose = OF_KIND.get(message.kind)
    if purpose is not None:
        until = message.about_at or _answer_until(message, purpose, at)
        wanted.append((f"message:{message.code}", purpose, until))
    if education is not None:
        until = max(message.about_at or at, at + EDUCATION_FOR)
        wanted.append((f"education:{education.pk}:{message.patient_id}", Purpose.EDUCATION, until))
    there = {row.about: row for row in PatientLink.objects.filter(about__in=[about for about, *_ in wanted])}
    made = {
        purpose: _link(there.get(about), about, purpose, message, until=until, at=at, document=education)
        for about, purpose, until in wanted
    }
    answer = "" if purpose is None else made[purpose]
    return Links(answer, made[Purpose.OPT_OUT], made.get(Purpose.EDUCATION, ""))


def _answer_until(message: Message, purpose: PatientLink.Purpose, at: datetime) -> datetime:
    if purpose == Purpose.OUTSIDE and message.follow_up is not None:
        return message.follow_up.hard_latest_at + REPORT_FOR
    return at + ANSWER_FOR[purpose]


def teaching_text(message: Message) -> ProtocolDocument | None:
    """The preparation that a patient has not been taught yet, for the first reminder of a visit."""
    visit = message.appointment
    if visit is None or visit.series is None:
        return None
    wanted = ProtocolDocument.objects.filter(
        protocol_version=visit.series.protocol_version_id, kind=ProtocolDocument.Kind.EDUCATION
    ).order_by("-pk")
    document = wanted.first()
    if document is None or document.education_records.filter(patient=message.patient_id).exists():
        return None
    return document


def _link(
    row: PatientLink | None,
    about: str,
    purpose: str,
    message: Message,
    *,
    until: datetime,
    at: datetime,
    document: ProtocolDocument | None,
) -> str:
    """The address of the link `about` this; made if it is not there, good for longer if it is."""
    code = uuid.uuid5(uuid.UUID(int=0), about)
    token = token_of(code)
    if row is None:
        PatientLink.objects.create(
            code=code, patient=message.patient, purpose=purpose, about=about,
            contact_point=message.contact_point if purpose in NAMES_WHO else None,
            follow_up=message.follow_up, appointment=message.appointment, about_at=message.about_at,
            document=document if purpose == Purpose.EDUCATION else None, token_hash=hashed(token),
            created_at=at, expires_at=max(until, at + timedelta(minutes=5)),
        )  # fmt: skip
    elif row.expires_at < until or row.token_hash != hashed(token):
        row.expires_at, row.token_hash = max(until, row.expires_at), hashed(token)
        row.save(update_fields=["expires_at", "token_hash"])
    return f"{settings.PUBLIC_URL}/p/{token}/"


def open_link(token: str, *, at: datetime | None = None) -> PatientLink:
    """The link of this token, however it stands. Raises Http404 for one that never was."""
    row = (
        PatientLink.objects.select_related(
            "patient__site",
            "contact_point__external_therapist",
            "follow_up__site",
            "appointment__site",
            "document",
        )
        .filter(token_hash=hashed(token))
        .first()
    )
    if row is None:
        raise Http404("Not found.")
    return row


def is_over(link: PatientLink, at: datetime | None = None) -> bool:
    """Too old to be answered."""
    return link.expires_at <= (at or app_now())
