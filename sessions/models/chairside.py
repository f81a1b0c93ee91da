"""What is done at the chair beside the pump: other drugs, the bag, notes, and an order renewed after a long pause."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

from sessions.models.infusion import Infusion
from sessions.querysets import InfusionFacts, StruckQuerySet, SupersededQuerySet

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class GivenDrug(models.Model):
    """A drug given beside the infusion: mg, when, ordered by whom. A mistaken row is struck, once.

    `sedating`: the observation lasts longer, and no estimate of clearance knows of this drug.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="given_drugs")
    drug = models.CharField(max_length=30)
    drug_name = models.CharField(max_length=60)
    sedating = models.BooleanField(default=False)
    dose_mg = models.DecimalField(max_digits=7, decimal_places=2)
    ordered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=200, blank=True)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=200, blank=True)

    objects = StruckQuerySet.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(dose_mg__gt=0, dose_mg__lte=5000), name="given_drug_dose_in_range"
            ),
            models.CheckConstraint(condition=~Q(drug_name=""), name="given_drug_is_named"),
        ]


@pghistory.track()
class BagUse(models.Model):
    """Which bag was used, and what of it was thrown away before a witness. A new row supersedes the old one."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="bags")
    lot = models.CharField(max_length=40)
    expires_on = models.DateField()
    waste_mg = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    witness = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["-entered_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_bag_per_infusion",
            ),
            models.CheckConstraint(
                condition=Q(waste_mg__isnull=True) | Q(waste_mg__gte=0, waste_mg__lte=1000),
                name="bag_waste_in_range",
            ),
            models.CheckConstraint(
                condition=Q(waste_mg__isnull=True) | Q(waste_mg=0) | Q(witness__isnull=False),
                name="bag_waste_needs_a_witness",
            ),
            models.CheckConstraint(
                condition=Q(witness__isnull=True) | ~Q(witness=F("entered_by")),
                name="bag_witness_is_another_person",
            ),
            models.CheckConstraint(condition=~Q(lot=""), name="bag_has_a_lot"),
        ]


@pghistory.track()
class ChairNote(models.Model):
    """A note at the chair, or the patient's own words as a quotation. Saved while it is typed; fixed once finished.

    Words of the patient are never interpreted, scored or checked for language.
    """

    class Kind(models.TextChoices):
        NOTE = "note", "Note"
        QUOTE = "quote", "The patient's own words"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="chair_notes")
    kind = models.CharField(max_length=5, choices=Kind, default=Kind.NOTE)
    text = models.TextField(blank=True)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = InfusionFacts.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion", "entered_by"],
                condition=Q(finished_at__isnull=True),
                name="one_unfinished_note_per_person",
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | ~Q(text=""), name="finished_note_has_words"
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("text"), 4000), name="chair_note_is_short"
            ),
        ]


@pghistory.track()
class OrderRenewal(models.Model):
    """A prescriber's new order for the rest of the bag, after a pause longer than the version allows."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="order_renewals")
    remaining_mg = models.DecimalField(max_digits=6, decimal_places=2)
    reason = models.CharField(max_length=200)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")

    objects = InfusionFacts.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(remaining_mg__gt=0, remaining_mg__lte=200), name="renewal_in_range"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="renewal_has_a_reason"),
        ]
