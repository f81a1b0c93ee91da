"""What can be booked, and when. Weekly hours are wall-clock times of the resource's site."""

from __future__ import annotations

import uuid
from typing import Any

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import DateRangeField, DateTimeRangeField
from django.db import models
from django.db.models import F, Q

from scheduling.querysets import ResourceQuerySet
from staff.models import Site


@pghistory.track()
class Resource(models.Model):
    """A chair, a room, or a practitioner in one role at one site. `capacity` is how many patients at once."""

    class Kind(models.TextChoices):
        CHAIR = "chair", "Chair"
        NURSE = "nurse", "Nurse"
        CLINICIAN = "clinician", "Prescribing clinician"
        THERAPIST = "therapist", "Therapist"
        ROOM = "room", "Room"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="resources")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=80)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="resources", null=True, blank=True
    )
    capacity = models.PositiveSmallIntegerField(default=1)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    objects = ResourceQuerySet.as_manager()

    class Meta:
        ordering = ["site", "kind", "name"]
        constraints = [
            models.UniqueConstraint(F("site"), F("kind"), F("name"), name="resource_name_once_per_site"),
            models.UniqueConstraint(
                F("site"), F("kind"), F("user"), name="resource_once_per_person_and_role"
            ),
            models.CheckConstraint(
                condition=Q(capacity__gte=1, capacity__lte=12), name="resource_capacity_in_range"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["chair", "room"], user__isnull=True)
                | Q(kind__in=["nurse", "clinician", "therapist"], user__isnull=False),
                name="resource_people_have_a_person",
            ),
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Availability(models.Model):
    """Weekly hours: weekday 0 is Monday, [start_time, end_time) in the site's wall clock, on days in `valid_during`."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="availabilities")
    weekday = models.PositiveSmallIntegerField()
    start_time = models.TimeField()
    end_time = models.TimeField()
    valid_during: Any = DateRangeField(null=True, blank=True)  # type: ignore[misc]  # ends may be open

    class Meta:
        ordering = ["resource", "weekday", "start_time"]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lte=6), name="availability_weekday_in_range"),
            models.CheckConstraint(
                condition=Q(end_time__gt=F("start_time")), name="availability_ends_after_start"
            ),
        ]


@pghistory.track()
class AvailabilityException(models.Model):
    """One stretch of time in which a resource is away (or, when `available`, exceptionally there)."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="exceptions")
    during: Any = DateTimeRangeField()  # both ends are always set, which the type stubs cannot express
    available = models.BooleanField(default=False)
    reason = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(during__isempty=False, during__lower_inf=False, during__upper_inf=False),
                name="availability_exception_is_bounded",
            )
        ]


@pghistory.track()
class Closure(models.Model):
    """Days on which a site is closed, end exclusive."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="closures")
    days: Any = DateRangeField()  # both ends are always set, which the type stubs cannot express
    reason = models.CharField(max_length=120)

    class Meta:
        ordering = ["days"]
        constraints = [
            models.CheckConstraint(
                condition=Q(days__isempty=False, days__lower_inf=False, days__upper_inf=False),
                name="closure_is_bounded",
            )
        ]
