"""The patient's own therapist outside this clinic, and what the patient allows them to be told (clinic-day 28)."""

from __future__ import annotations

import uuid
from datetime import datetime

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from patients.querysets import OfPatientQuerySet
from staff.models import Site

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class ExternalTherapist(models.Model):
    """A therapist without login, hours or resource here. One row per person and site; may treat several patients.

    Licence and practice as far as they are known. Addresses are contact points of each patient, sealed as all are.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="external_therapists")
    name = models.CharField(max_length=120)
    practice = models.CharField(max_length=120, blank=True)
    jurisdiction = models.CharField("licensed in", max_length=8, blank=True)
    licence_number = models.CharField(max_length=40, blank=True)
    recorded_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="external_therapist_is_named"),
            models.CheckConstraint(
                condition=Q(licence_number="") | ~Q(jurisdiction=""), name="external_licence_says_where"
            ),
            models.UniqueConstraint(
                F("site"),
                Lower("jurisdiction"),
                Lower("licence_number"),
                condition=~Q(licence_number=""),
                name="external_licence_once_per_site",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def licence(self) -> str:
        """`US-OR C1234`, or that it is not known."""
        return f"{self.jurisdiction} {self.licence_number}".strip() or "licence not known"


@pghistory.track()
class TherapistRelease(models.Model):
    """The patient's signed release of information to one external therapist: times, and nothing else.

    Valid in [recorded_at, valid_until) and until it is revoked; revoking is never refused. Kept as it was signed.
    """

    class Shown(models.TextChoices):
        INITIALS = "initials", "By initials"
        GIVEN = "given", "By first name"

    class Scope(models.TextChoices):
        TIMES = "times", "Times only"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, related_name="releases")
    therapist = models.ForeignKey(ExternalTherapist, on_delete=models.PROTECT, related_name="releases")
    signed_on = models.DateField()
    scope = models.CharField(max_length=8, choices=Scope, default=Scope.TIMES)
    shown_as = models.CharField("how the patient is named", max_length=8, choices=Shown)
    valid_until = models.DateTimeField("not valid from then on")
    recorded_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    revoked_reason = models.CharField(max_length=200, blank=True)

    objects = OfPatientQuerySet.as_manager()

    class Meta:
        ordering = ["-recorded_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                F("patient"),
                F("therapist"),
                condition=Q(revoked_at__isnull=True),
                name="one_release_per_patient_and_therapist",
            ),
            models.CheckConstraint(condition=Q(scope="times"), name="release_is_of_times_only"),
            models.CheckConstraint(
                condition=Q(shown_as__in=["initials", "given"]), name="release_names_the_patient_somehow"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("recorded_at")), name="release_ends_after_it_was_recorded"
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True)
                | Q(revoked_at__gte=F("recorded_at"), revoked_by__isnull=False) & ~Q(revoked_reason=""),
                name="revoked_release_says_why",
            ),
        ]

    def valid_at(self, at: datetime) -> bool:
        """Whether anything may be sent or shown on it at `at`."""
        return self.revoked_at is None and self.recorded_at <= at < self.valid_until
