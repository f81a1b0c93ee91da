"""Which signed reviews an infusion waits for. Reads only.

The text of the version says where the points are (protocols/review_points.py). The record carries the code of its
course, copied at check-in; an infusion opened without one waits for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from protocols.review_points import is_review_point, last_point_before
from sessions.models import CourseReview, Infusion


@dataclass(frozen=True)
class ReviewPoint:
    """After infusion `after` of `course`; `review` is the latest signed one, None while there is none."""

    course: UUID
    after: int
    review: CourseReview | None

    @property
    def open(self) -> bool:
        """Nobody has signed that it goes on."""
        return self.review is None or self.review.decision == CourseReview.Decision.STOP


def points_before(infusion: Infusion) -> list[ReviewPoint]:
    """The points that this infusion waits for: the latest of its own course, and the end of the course before."""
    if infusion.course is None:
        return []
    found: list[tuple[UUID, int]] = []
    own = last_point_before(infusion.protocol_version.read(), infusion.ordinal)
    if own is not None:
        found.append((infusion.course, own))
    earlier = (
        Infusion.objects.started()
        .filter(patient_id=infusion.patient_id, course__isnull=False)
        .exclude(course=infusion.course)
        .select_related("protocol_version")
        .order_by("-started_at")
        .first()
    )
    if earlier is not None and is_review_point(earlier.protocol_version.read(), earlier.ordinal):
        found.append((earlier.course, earlier.ordinal))
    if not found:
        return []
    reviews = latest_reviews(found)
    return [ReviewPoint(course, after, reviews.get((course, after))) for course, after in found]


def latest_reviews(points: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], CourseReview]:
    """The review that counts for each of these points, in one query. Not every point has one."""
    asked = Q()
    for course, after in points:
        asked |= Q(course=course, after_ordinal=after)
    rows = CourseReview.objects.filter(asked).select_related("signed_by").order_by("pk")
    return {(row.course, row.after_ordinal): row for row in rows}


def latest_review(course: UUID, after: int) -> CourseReview | None:
    """The review that counts for this point."""
    return latest_reviews([(course, after)]).get((course, after))
