"""Is this your address? A link to whoever has it, so that an external therapist's address is verified without a call.

Nothing of the patient is in it. It is sent at once by a person, not planned: a press sends one message.
It asks for the patient's release first, as everything to an external therapist does.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string

from patients.contact import contains_clinical_words
from patients.models import ContactPoint
from patients.services.contacts import confirm_by_link
from patients.services.external import release_of
from scheduling.channels import OutcomeUnknown, Outgoing, SendFailed, open_channel
from scheduling.models import PatientLink
from scheduling.services.links import hashed, is_over, token_of
from staff.clock import app_now
from staff.errors import RuleNotMet, StateConflict
from staff.history import acting
from staff.locks import lock
from staff.models import User

GOOD_FOR = timedelta(days=7)
NOT_SENT = "The message could not be handed over. Try again, or call and have the address read back."


def send_address_link(*, contact_point: ContactPoint, by: User, at: datetime | None = None) -> PatientLink:
    """Ask whoever has this address, by a link good for seven days. Sent again, it is the same link for longer.

    Raises StateConflict for an address that is verified, opted out or not an external therapist's, RuleNotMet without
    a valid release (`no-release`) or PUBLIC_URL (`no-public-url`), or when it was not handed over (`not-sent`).
    """
    now = at or app_now()
    with acting(by):
        lock(patients=[contact_point.patient_id])
        point = ContactPoint.objects.select_related("patient__site", "external_therapist").get(
            pk=contact_point.pk
        )
        if point.external_therapist is None:
            raise StateConflict("Only an outside therapist is asked by link.", code="not-external")
        if point.usable or point.opted_out_at is not None:
            raise StateConflict("This address needs no confirmation.", code="not-needed")
        if release_of(point.patient_id, point.external_therapist_id, now) is None:
            raise RuleNotMet("Record the patient's release of information first.", code="no-release")
        if not settings.PUBLIC_URL:
            raise RuleNotMet(
                "Links are not set up here. Call, and have the address read back.", code="no-public-url"
            )
        link = _link(point, now)
        words = {"therapist": point.external_therapist.name, "phone": point.patient.site.phone}
    return _hand_over(point, link, words)


def _link(point: ContactPoint, now: datetime) -> PatientLink:
    about = f"address:{point.code}"
    code = uuid.uuid5(uuid.UUID(int=0), about)
    fields = {"token_hash": hashed(token_of(code)), "expires_at": now + GOOD_FOR}
    made, _ = PatientLink.objects.update_or_create(
        about=about,
        defaults=fields,
        create_defaults=fields
        | {
            "code": code, "patient": point.patient, "purpose": PatientLink.Purpose.ADDRESS, "contact_point": point,
            "created_at": now,
        },
    )  # fmt: skip
    return made


def _hand_over(point: ContactPoint, link: PatientLink, words: dict[str, str]) -> PatientLink:
    url = f"{settings.PUBLIC_URL}/p/{token_of(link.code)}/"
    kind = "sms" if point.channel == ContactPoint.Channel.SMS else "text"
    subject = " ".join(render_to_string("emails/outside_address-subject.txt", words).split())
    text = render_to_string(f"emails/outside_address-{kind}.txt", words | {"link": url}).strip() + "\n"
    plain = text.replace(url, "").replace(words["therapist"], "")
    if contains_clinical_words(f"{subject}\n{plain}"):
        raise RuntimeError("the text of the address link is not neutral")
    channel = open_channel(point.channel)
    try:
        channel.send(
            Outgoing(
                key=f"{link.about}/{link.expires_at.isoformat()}", address=point.address, subject=subject, text=text,
                html="", kept=plain, stop_url="",
            )
        )  # fmt: skip
    except (SendFailed, OutcomeUnknown) as error:
        raise RuleNotMet(NOT_SENT, code="not-sent") from error
    finally:
        channel.close()
    return link


@transaction.atomic
def confirm_address(*, link: PatientLink, at: datetime | None = None) -> PatientLink:
    """Whoever opened the link says that the address is theirs and that they may be written to. Twice is harmless."""
    now = at or app_now()
    with acting(None):
        lock(patients=[link.patient_id])
        row: PatientLink = (
            PatientLink.objects.select_for_update(of=["self"]).select_related("contact_point").get(pk=link.pk)
        )
        point = row.contact_point
        if row.purpose != PatientLink.Purpose.ADDRESS or point is None:
            raise StateConflict("This link is for something else.", code="wrong-purpose")
        if row.answered_at is not None:
            return row
        if is_over(row, now) or point.opted_out_at is not None:
            raise StateConflict("This link has ended. Please call us.", code="link-over")
        confirm_by_link(contact_point=point, at=now)
        row.answer, row.answered_at = {"answer": "mine"}, now
        row.save(update_fields=["answer", "answered_at"])
    return row
