"""Who else looks after a patient for a while: a colleague who covers."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.querysets import OfPatientQuerySet

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class PatientCover(models.Model):
    """A colleague may see this patient during [from_at, until_at) because they cover for somebody.

    Taken back (`ended_at`), never deleted. What opens it: an accepted absence cover, or taking a window from the pool.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, related_name="covers")
    user = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="covers")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    reason = models.CharField(max_length=120)
    granted_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = OfPatientQuerySet.as_manager()

    class Meta:
        ordering = ["-granted_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(until_at__gt=F("from_at")), name="cover_ends_after_start"),
            models.CheckConstraint(condition=~Q(reason=""), name="cover_says_why"),
        ]
        indexes = [models.Index(fields=["user", "until_at"], name="cover_of_person")]
