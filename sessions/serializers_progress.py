"""Nights after an infusion, and daily life, as the API takes and gives them."""

from __future__ import annotations

from rest_framework import serializers

from sessions.models import NightReport, ProgressReport
from staff.api import InstantField, StrictDecimalField, StrictIntegerField, StrictSerializer


class NightReportSerializer(serializers.ModelSerializer[NightReport]):
    """How the patient slept in night 1 or 2; `superseded_at` is set once it was corrected."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    infusion = serializers.UUIDField(source="infusion.code", read_only=True)

    class Meta:
        model = NightReport
        fields = (
            "code", "patient", "infusion", "night", "hours_slept", "quality", "entered_at", "superseded_at",
        )  # fmt: skip
        read_only_fields = fields


class NightReportCreateSerializer(StrictSerializer):
    """One night to record."""

    infusion = serializers.UUIDField()
    night = StrictIntegerField(min_value=1, max_value=2)
    hours_slept = StrictDecimalField(min_value=0, max_value=24, max_digits=3, decimal_places=1)
    quality = StrictIntegerField(min_value=1, max_value=5, required=False)


class ProgressReportSerializer(serializers.ModelSerializer[ProgressReport]):
    """Function, practice days and own goal; null = not asked."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)

    class Meta:
        model = ProgressReport
        fields = ("code", "patient", "function", "practice_days", "goal_rating", "taken_at", "entered_at")
        read_only_fields = fields


class ProgressReportCreateSerializer(StrictSerializer):
    """Daily life to record: at least one of the three."""

    patient = serializers.UUIDField()
    function = StrictIntegerField(min_value=0, max_value=10, required=False)
    practice_days = StrictIntegerField(min_value=0, max_value=7, required=False)
    goal_rating = StrictIntegerField(min_value=0, max_value=10, required=False)
    taken_at = InstantField(required=False)
