"""The prescriber's decision at a review point of a series: continue, taper, or stop, which ends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scheduling.conflicts import booking_act
from scheduling.models import Resource, TreatmentSeries
from scheduling.services.endings import end_series
from scheduling.services.review_items import due_review, sync_review_item
from sessions.models import CourseReview
from sessions.services import record_course_review
from staff.clock import app_now
from staff.errors import StaleVersion, StateConflict
from staff.locks import lock
from staff.models import User

Decision = CourseReview.Decision
NOTE_AT_END = 110


@dataclass(frozen=True)
class Findings:
    """What the prescriber found, with the values of `CourseReview`."""

    response: str
    urinary: str
    interval: str
    dose: str
    decision: str
    note: str = ""


@booking_act
def review_series(
    *,
    series: TreatmentSeries,
    after: int,
    findings: Findings,
    by: User,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> CourseReview:
    """Sign the review after infusion `after`; “stop” ends a series that is not over. One transaction.

    The caller has asked for the password again. Raises StateConflict `review-not-due`, StaleVersion, and what
    `record_course_review` raises.
    """
    now = at or app_now()
    held = Resource.objects.filter(bookings__appointment__series=series).values_list("pk", flat=True)
    lock(patients=[series.patient_id], resources=set(held))
    current = TreatmentSeries.objects.for_page().select_for_update(of=["self"]).get(pk=series.pk)
    if expected_version is not None and current.version != expected_version:
        raise StaleVersion("Somebody else changed this series since you opened it. Look at it again.")
    due = due_review(current)
    if due is None or due.after != after:
        raise StateConflict(
            f"No review is due after infusion {after}: it is signed already, or infusions are still to be given.",
            code="review-not-due",
        )
    row = record_course_review(
        patient=current.patient,
        protocol_version=current.protocol_version,
        course=current.code,
        after=after,
        by=by,
        at=now,
        **vars(findings),
    )
    if row.decision == Decision.STOP and current.status in TreatmentSeries.LIVE:
        note = f"Review after infusion {after}: {row.note}"[:NOTE_AT_END]
        end_series(series=current, reason=_why_ended(row), by=by, note=note, at=now)
    else:
        current.version += 1
        current.save(update_fields=["version"])
    sync_review_item(current, now)
    return row


def _why_ended(row: CourseReview) -> str:
    if row.urinary == CourseReview.Urinary.MARKED:
        return "adverse-effects"
    if row.response == CourseReview.Response.RESPONSE:
        return "responded"
    if row.response in (CourseReview.Response.NONE, CourseReview.Response.WORSE):
        return "no-response"
    return "clinical"
