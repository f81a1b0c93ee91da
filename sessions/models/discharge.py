"""Discharge criteria as answered, and the signature over them."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from sessions.models.infusion import Infusion
from sessions.models.pump import MeasuredLevel
from sessions.querysets import SupersededQuerySet

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class CriterionResult(models.Model):
    """One discharge criterion as observed. A new observation supersedes the old row.

    `value` is coded where the criterion has codes (see sessions/discharge.py). `before_start`: how it was before the
    infusion, which the later observation is compared with; such a row decides nothing by itself.
    """

    class Outcome(models.TextChoices):
        MET = "met", "Met"
        UNMET = "unmet", "Not met"
        NOT_ASSESSABLE = "not-assessable", "Not assessable"

    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="criteria")
    criterion = models.CharField(max_length=24)
    outcome = models.CharField(max_length=14, choices=Outcome)
    value = models.CharField(max_length=30, blank=True)
    before_start = models.BooleanField(default=False)
    detail = models.CharField(max_length=200, blank=True)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion", "criterion", "before_start"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_result_per_criterion",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["met", "unmet", "not-assessable"]), name="criterion_outcome_known"
            ),
            models.CheckConstraint(
                condition=~Q(outcome="not-assessable") | ~Q(detail=""), name="not_assessable_needs_a_reason"
            ),
        ]


@pghistory.track()
class SignOff(models.Model):
    """The signature on discharge: who, when, what it rests on, and the therapy anchor it fixes.

    `t_sign` is when the last criterion was met, `signed_at` when the signature was given. One current row per
    infusion; an amendment signs a new row that names the old one.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="sign_offs")
    t_sign = models.DateTimeField()
    signed_at = models.DateTimeField()
    signed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    signed_name = models.CharField(max_length=120)
    meaning = models.CharField(max_length=200)
    late_reason = models.CharField(max_length=200, blank=True)
    unmet_reason = models.CharField(max_length=300, blank=True)
    second_person = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    opens_window = models.BooleanField(default=True)
    no_window_reason = models.CharField(max_length=200, blank=True)
    override_to = models.DateTimeField(null=True, blank=True)
    override_code = models.CharField(max_length=30, blank=True)
    override_reason = models.CharField(max_length=200, blank=True)
    override_level = models.ForeignKey(
        MeasuredLevel, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    override_voided_at = models.DateTimeField(null=True, blank=True)
    record = models.JSONField()
    record_sha256 = models.CharField(max_length=64)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["-signed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_sign_off_per_infusion",
            ),
            models.CheckConstraint(condition=Q(signed_at__gte=F("t_sign")), name="signed_after_criteria_met"),
            models.CheckConstraint(
                condition=Q(second_person__isnull=True) | ~Q(second_person=F("signed_by")),
                name="second_person_is_another_person",
            ),
            models.CheckConstraint(
                condition=Q(unmet_reason="") | Q(second_person__isnull=False),
                name="unmet_needs_second_person",
            ),
            models.CheckConstraint(
                condition=Q(override_to__isnull=True)
                | Q(override_to__gte=F("t_sign")) & ~Q(override_code=""),
                name="override_not_before_t_sign",
            ),
            models.CheckConstraint(
                condition=Q(opens_window=True) | ~Q(no_window_reason=""), name="no_window_needs_a_reason"
            ),
        ]
