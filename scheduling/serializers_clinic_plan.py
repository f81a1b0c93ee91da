"""What the API of the clinic optimiser takes and gives. Explicit fields only; unknown keys are refused."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from scheduling.models import ClinicPlanEntry, ClinicPlanRun
from scheduling.services.clinic_plans import MOST_PATIENTS, MOST_SECONDS
from staff.api import (
    StrictBooleanField,
    StrictDateField,
    StrictDecimalField,
    StrictIntegerField,
    StrictSerializer,
)


class ClinicPlanEntrySerializer(serializers.ModelSerializer[ClinicPlanEntry]):
    """One patient of a run. Predicted moments are estimates; nothing is booked before `state` says so."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    series = serializers.UUIDField(source="series.code", default=None, read_only=True)

    class Meta:
        model = ClinicPlanEntry
        fields = (
            "code",
            "patient",
            "weight_kg",
            "priority",
            "state",
            "visits",
            "therapy",
            "reasons",
            "series",
        )


class ClinicPlanSerializer(serializers.ModelSerializer[ClinicPlanRun]):
    """A run: its state, progress and result. cost is at most `percent_above_best` per cent above the best possible."""

    site = serializers.UUIDField(source="site.code", read_only=True)
    protocol_version = serializers.UUIDField(source="protocol_version.code", read_only=True)
    requested_by = serializers.UUIDField(source="requested_by.code", read_only=True)
    stop_asked = serializers.SerializerMethodField()
    percent_above_best = serializers.SerializerMethodField()

    class Meta:
        model = ClinicPlanRun
        fields = (
            "code", "site", "protocol_version", "first_day", "seconds", "state", "requested_by", "requested_at",
            "started_at", "finished_at", "stop_asked", "percent", "placed", "cost", "bound", "percent_above_best",
            "report", "failure",
        )  # fmt: skip

    def get_stop_asked(self, run: ClinicPlanRun) -> bool:
        """Somebody asked it to stop."""
        return run.stop_asked_by_id is not None

    def get_percent_above_best(self, run: ClinicPlanRun) -> float | None:
        """At most so far above the best possible plan."""
        above = run.percent_above_best
        return None if above is None else round(above, 2)


class ClinicPlanDetailSerializer(ClinicPlanSerializer):
    """A run with every patient's proposal."""

    entries = serializers.SerializerMethodField()

    class Meta(ClinicPlanSerializer.Meta):
        fields = (*ClinicPlanSerializer.Meta.fields, "entries")  # type: ignore[assignment]  # one field more

    def get_entries(self, run: ClinicPlanRun) -> list[dict[str, Any]]:
        """The patients of the run, in the order they were given."""
        rows = run.entries.select_related("patient", "series")
        return list(ClinicPlanEntrySerializer(rows, many=True).data)


class WishSerializer(StrictSerializer):
    """One waiting patient."""

    patient = serializers.UUIDField()
    weight_kg = StrictDecimalField(max_digits=5, decimal_places=1, min_value=20, max_value=350)
    priority = StrictIntegerField(min_value=1, max_value=3, default=2)


class StartClinicPlanSerializer(StrictSerializer):
    """Waiting patients of one site, to be planned together."""

    site = serializers.UUIDField()
    protocol_version = serializers.UUIDField()
    first_day = StrictDateField()
    seconds = StrictIntegerField(min_value=1, max_value=MOST_SECONDS, default=30)
    patients = serializers.ListField(child=WishSerializer(), allow_empty=False, max_length=MOST_PATIENTS)


class AcceptClinicPlanSerializer(StrictSerializer):
    """Codes of the entries to book, all or none."""

    entries = serializers.ListField(
        child=serializers.UUIDField(), allow_empty=False, max_length=MOST_PATIENTS
    )
    reserve_therapy = StrictBooleanField(default=True)
