"""What a prescriber found at a review point of a course, and how it goes on."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from patients.models import Patient
from protocols.models import ProtocolVersion
from sessions.querysets import PatientFacts

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class CourseReview(models.Model):
    """One signed review. `course` names the series, `after_ordinal` its infusion; of several the latest counts.

    The next infusion of this patient starts only when it lets it go on (trigger `next_infusion_is_reviewed`).
    Never changed (trigger `record_is_fixed`): a changed mind is a new review.
    """

    class Response(models.TextChoices):
        RESPONSE = "response", "Response: a fall of half or more"
        PARTIAL = "partial", "Some response"
        NONE = "none", "No response"
        WORSE = "worse", "Worse"

    class Urinary(models.TextChoices):
        NONE = "none", "None"
        MILD = "mild", "Some: to be watched"
        MARKED = "marked", "Marked: to be examined"

    class Interval(models.TextChoices):
        KEEP = "keep", "As planned"
        LONGER = "longer", "Longer"
        SHORTER = "shorter", "Shorter"

    class Dose(models.TextChoices):
        KEEP = "keep", "As planned"
        LOWER = "lower", "Lower"
        HIGHER = "higher", "Higher, within the protocol"

    class Decision(models.TextChoices):
        CONTINUE = "continue", "Continue"
        TAPER = "taper", "Taper: fewer infusions, further apart"
        STOP = "stop", "Stop: no more infusions"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="course_reviews")
    protocol_version = models.ForeignKey(
        ProtocolVersion, on_delete=models.PROTECT, related_name="course_reviews"
    )
    course = models.UUIDField()
    after_ordinal = models.PositiveSmallIntegerField()
    response = models.CharField(max_length=8, choices=Response)
    urinary = models.CharField(max_length=6, choices=Urinary)
    interval = models.CharField(max_length=7, choices=Interval)
    dose = models.CharField(max_length=6, choices=Dose)
    decision = models.CharField(max_length=8, choices=Decision)
    note = models.CharField(max_length=500, blank=True)
    signed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["-signed_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    response__in=["response", "partial", "none", "worse"],
                    urinary__in=["none", "mild", "marked"],
                    interval__in=["keep", "longer", "shorter"],
                    dose__in=["keep", "lower", "higher"],
                    decision__in=["continue", "taper", "stop"],
                ),
                name="course_review_values_known",
            ),
            models.CheckConstraint(
                condition=Q(after_ordinal__gte=1, after_ordinal__lte=60),
                name="course_review_after_an_infusion",
            ),
            models.CheckConstraint(
                condition=~Q(note="")
                | Q(decision="continue", urinary="none", response__in=["response", "partial"]),
                name="course_review_says_why",
            ),
        ]
        indexes = [models.Index(fields=["course", "after_ordinal"], name="course_review_by_point")]

    def __str__(self) -> str:
        return f"Review after infusion {self.after_ordinal}"
