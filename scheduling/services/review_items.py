"""Review points of a series: which one is due, and the prescriber's item about it.

The signed review is a fact (`sessions`); it holds the pump of the next infusion back. The item stands as soon as the
infusions before the point are over, days before the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse

from protocols.review_points import is_review_point, last_point_before, review_points
from scheduling.models import Appointment, TreatmentSeries, WorkItem
from scheduling.services.workitems import raise_item, settle
from sessions.models import CourseReview
from sessions.services import latest_review
from staff import roles

Decision = CourseReview.Decision
BEFORE_NEXT = timedelta(hours=48)  # the review is due this long before the next infusion
AT_THE_END = timedelta(days=7)


@dataclass(frozen=True)
class DueReview:
    """Every infusion up to `after` is over. `before`: booked start of the next; `review`: one that says stop."""

    after: int
    before: datetime | None
    review: CourseReview | None


@dataclass(frozen=True)
class PointLine:
    """One point of the series as its page shows it. `state`: signed, due or ahead."""

    after: int
    state: str
    review: CourseReview | None


def due_review(series: TreatmentSeries) -> DueReview | None:
    """The point at which the series waits for a prescriber; None while none is reached or the last is signed."""
    definition = series.protocol_version.read()
    if not review_points(definition):
        return None
    rows = series.appointments.infusions().values_list("ordinal", "status", "during")
    settled = {ordinal for ordinal, status, _ in rows if status in Appointment.SETTLED}
    ahead = [number for number in series.numbers if number not in settled]
    after: int | None
    if series.status in TreatmentSeries.LIVE and ahead:
        after = last_point_before(definition, ahead[0])
    else:
        last = max(settled, default=0)
        after = last if is_review_point(definition, last) else None
    if after is None:
        return None
    review = latest_review(series.code, after)
    if review is not None and review.decision != Decision.STOP:
        return None
    starts = [
        during.lower for ordinal, status, during in rows if ordinal > after and status in Appointment.BLOCKING
    ]
    return DueReview(after, min(starts, default=None), review)


def point_lines(series: TreatmentSeries) -> list[PointLine]:
    """All points of the text, and those of infusions beyond it, with what was signed."""
    definition = series.protocol_version.read()
    first = max(1, series.given_elsewhere)
    points = [after for after in range(first, series.visits + 1) if is_review_point(definition, after)]
    if not points:
        return []
    signed: dict[int, CourseReview] = {}
    for row in CourseReview.objects.filter(course=series.code).select_related("signed_by").order_by("pk"):
        signed[row.after_ordinal] = row
    due = due_review(series)
    lines = []
    for after in points:
        review = signed.get(after)
        is_due = due is not None and due.after == after
        lines.append(PointLine(after, "due" if is_due else "signed" if review else "ahead", review))
    return lines


def sync_review_item(series: TreatmentSeries, at: datetime) -> None:
    """The point that is due is an item of the prescriber, every other one is not. Idempotent."""
    if not review_points(series.protocol_version.read()):
        return
    series = TreatmentSeries.objects.select_related(
        "patient__prescriber", "protocol_version", "site", "prescriber"
    ).get(pk=series.pk)
    due = due_review(series)
    over = series.status == TreatmentSeries.Status.ENDED or (due is not None and due.review is not None)
    wanted = None if due is None or over else f"{_prefix(series)}{due.after}"
    stale = (
        WorkItem.objects.open()
        .filter(kind=WorkItem.Kind.PRESCRIBER, key__startswith=_prefix(series))
        .exclude(key=wanted or "")
    )
    for key in list(stale.values_list("key", flat=True)):
        settle(kind=WorkItem.Kind.PRESCRIBER, key=key, resolution="Signed, or no longer asked for.", at=at)
    if wanted is None or due is None:
        return
    if due.before is not None:
        due_at = max(at, due.before - BEFORE_NEXT)
        detail = "The next infusion waits for it: response, bladder symptoms, interval and dose."
    else:
        due_at = at + AT_THE_END
        detail = "No infusion is booked after it; a new one would wait for it."
    known = WorkItem.objects.open().filter(kind=WorkItem.Kind.PRESCRIBER, key=wanted).first()
    if known is not None and due.before is None:
        due_at = known.due_at
    raise_item(
        kind=WorkItem.Kind.PRESCRIBER,
        key=wanted,
        site=series.site,
        patient=series.patient,
        title=f"Review after infusion {due.after}: continue, taper or stop",
        detail=detail,
        role=roles.CLINICIAN,
        owner=series.patient.prescriber or series.prescriber,
        url=reverse("course_review", args=[series.code]),
        due_at=due_at,
        at=at,
    )


def _prefix(series: TreatmentSeries) -> str:
    return f"review:{series.code}:"
