"""The prescriber's signed decision at a review point of a course."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from patients.models import Patient
from protocols.models import ProtocolVersion
from protocols.review_points import is_review_point
from sessions.models import CourseReview, Infusion
from sessions.services._record import act, moment, need_role
from sessions.services.readiness import refresh_ready
from sessions.services.review_points import latest_review
from staff.errors import InvalidInput, RuleNotMet
from staff.locks import lock
from staff.models import User
from staff.strict import parse_text

Decision = CourseReview.Decision


@act
def record_course_review(
    *,
    patient: Patient,
    protocol_version: ProtocolVersion,
    course: UUID,
    after: int,
    response: str,
    urinary: str,
    interval: str,
    dose: str,
    decision: str,
    by: User,
    note: str = "",
    at: datetime | None = None,
) -> CourseReview:
    """Sign it. The caller has asked for the password again. The same review twice in a row is stored once.

    Raises NotAllowed unless `by` prescribes, InvalidInput for a value that is not of the list, RuleNotMet
    `not-a-review-point`, or `note-needed` for anything but a plain “continue”.
    """
    now = moment(at)
    need_role(by, "infusion.order", "Only a prescriber signs a review.")
    values = {
        "response": _known(response, CourseReview.Response.values, "response"),
        "urinary": _known(urinary, CourseReview.Urinary.values, "urinary"),
        "interval": _known(interval, CourseReview.Interval.values, "interval"),
        "dose": _known(dose, CourseReview.Dose.values, "dose"),
        "decision": _known(decision, Decision.values, "decision"),
        "note": parse_text(note, field="note", max_length=500),
    }
    if not is_review_point(protocol_version.read(), after):
        raise RuleNotMet(f"No review is asked for after infusion {after}.", code="not-a-review-point")
    plain = decision == Decision.CONTINUE and urinary == "none" and response in ("response", "partial")
    if not values["note"] and not plain:
        raise RuleNotMet("Say why, and what is done about it.", code="note-needed", field="note")
    lock(patients=[patient.pk])
    last = latest_review(course, after)
    same = last is not None and all(getattr(last, name) == value for name, value in values.items())
    if last is not None and same and last.signed_by_id == by.pk:
        return last
    row: CourseReview = CourseReview.objects.create(
        patient=patient,
        protocol_version=protocol_version,
        course=course,
        after_ordinal=after,
        signed_by=by,
        signed_at=now,
        **values,
    )
    for infusion in (
        Infusion.objects.for_record()
        .select_for_update(of=("self",), no_key=True)
        .filter(patient=patient, status__in=Infusion.BEFORE_START)
    ):
        refresh_ready(infusion, now)
        infusion.save(update_fields=["status"])
    return row


def _known(value: str, allowed: list[str], field: str) -> str:
    if value not in allowed:
        raise InvalidInput("Choose one of the list.", code="choice", field=field)
    return value
