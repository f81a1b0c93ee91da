"""What the booking API takes and gives. Explicit fields only; unknown keys are refused.

Stored states are ours; `fhir_status` maps them to FHIR R4 (Appointment.status, CarePlan.status).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from scheduling.decisions import decisions_of
from scheduling.domain.followups import PlannedFollowUp
from scheduling.models import Appointment, Resource, TreatmentSeries
from scheduling.reasons import CANCEL, END, EXTRA, INITIATORS, MOVE, NO_SHOW, OMIT, PAUSE
from scheduling.services.proposals import ProposedVisit, SeriesProposal
from staff.api import (
    InstantField,
    StrictBooleanField,
    StrictCharField,
    StrictDateField,
    StrictDecimalField,
    StrictIntegerField,
    StrictSerializer,
)

Status = Appointment.Status
FHIR_APPOINTMENT = {
    Status.RESERVED: "pending",
    Status.PROVISIONAL: "proposed",
    Status.BOOKED: "booked",
    Status.ARRIVED: "arrived",
    Status.INFUSING: "checked-in",
    Status.RECOVERING: "checked-in",
    Status.IN_PROGRESS: "checked-in",
    Status.COMPLETED: "fulfilled",
    Status.CANCELLED: "cancelled",
    Status.OMITTED: "cancelled",
    Status.NO_SHOW: "noshow",
    Status.DISPLACED: "waitlist",
}
FHIR_CARE_PLAN = {"active": "active", "paused": "on-hold", "completed": "completed", "ended": "revoked"}


class AppointmentSerializer(serializers.ModelSerializer[Appointment]):
    """One booked visit of any kind. `therapy_from` of an infusion visit is a prediction until its record is signed."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    site = serializers.UUIDField(source="site.code", read_only=True)
    series = serializers.UUIDField(source="series.code", default=None, read_only=True)
    practitioner = serializers.UUIDField(source="practitioner.code", default=None, read_only=True)
    infusion = serializers.UUIDField(source="infusion.code", default=None, read_only=True)
    start = serializers.DateTimeField(source="during.lower", read_only=True)
    end = serializers.DateTimeField(source="during.upper", read_only=True)
    moved_from = serializers.DateTimeField(source="moved_from.lower", default=None, read_only=True)
    therapy_from = serializers.DateTimeField(source="predicted_t0", read_only=True)
    resources = serializers.SerializerMethodField()
    fhir_status = serializers.SerializerMethodField()

    class Meta:
        model = Appointment
        fields = (
            "code", "kind", "status", "fhir_status", "patient", "site", "series", "ordinal", "start", "end",
            "therapy_from", "held_until", "practitioner", "mode", "infusion", "resources", "reason", "moved_from",
            "booked_at", "version",
        )  # fmt: skip
        read_only_fields = fields

    def get_fhir_status(self, row: Appointment) -> str:
        """FHIR R4 Appointment.status."""
        return FHIR_APPOINTMENT[Status(row.status)]

    def get_resources(self, row: Appointment) -> list[dict[str, str]]:
        """Chair and people that the visit occupies; none once it is released."""
        found = {item.resource.pk: item.resource for item in row.resource_bookings.all()}
        return [{"code": str(item.code), "kind": item.kind, "name": item.name} for item in found.values()]


class SeriesSerializer(serializers.ModelSerializer[TreatmentSeries]):
    """One series of visits."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    site = serializers.UUIDField(source="site.code", read_only=True)
    protocol_version = serializers.UUIDField(source="protocol_version.code", read_only=True)
    prescriber = serializers.UUIDField(source="prescriber.code", read_only=True)
    therapist = serializers.UUIDField(source="therapist.code", default=None, read_only=True)
    fhir_status = serializers.SerializerMethodField()

    class Meta:
        model = TreatmentSeries
        fields = (
            "code", "patient", "site", "protocol_version", "status", "fhir_status", "status_reason", "weight_kg",
            "visits", "first_ordinal", "prescriber", "therapist", "booked_at", "ended_at", "version",
        )  # fmt: skip
        read_only_fields = fields

    def get_fhir_status(self, row: TreatmentSeries) -> str:
        """FHIR R4 CarePlan.status."""
        return FHIR_CARE_PLAN[row.status]


class SeriesDetailSerializer(SeriesSerializer):
    """A series with its infusion visits in order."""

    appointments = serializers.SerializerMethodField()
    decisions = serializers.SerializerMethodField()

    class Meta(SeriesSerializer.Meta):
        fields = (*SeriesSerializer.Meta.fields, "appointments", "decisions")  # type: ignore[assignment]  # one more
        read_only_fields = fields  # type: ignore[assignment]  # one more

    def get_appointments(self, row: TreatmentSeries) -> Any:
        """Its visits and the therapy planned with them."""
        rows = Appointment.objects.filter(series=row).for_page().order_by("during", "pk")
        return AppointmentSerializer(rows, many=True).data

    def get_decisions(self, row: TreatmentSeries) -> list[dict[str, Any]]:
        """What a prescriber decided about its infusions: spacing with the window lost, gap, exposure."""
        return [asdict(item) for item in decisions_of(row)]


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    """A chair, a room or a practitioner in one role."""

    site = serializers.UUIDField(source="site.code", read_only=True)

    class Meta:
        model = Resource
        fields = ("code", "site", "kind", "name", "capacity", "active")
        read_only_fields = fields


# --- In ------------------------------------------------------------------------------------------------------------


class PlanSerializer(StrictSerializer):
    """What a series is planned from. `first_day` is a date at the patient's site."""

    patient = serializers.UUIDField()
    protocol_version = serializers.UUIDField()
    weight_kg = StrictDecimalField(max_digits=5, decimal_places=1, min_value=20, max_value=350)
    first_day = StrictDateField()
    therapist = serializers.UUIDField(required=False, allow_null=True)
    part_of_day = serializers.ChoiceField(choices=["", "morning", "afternoon"], default="")
    given_elsewhere = StrictIntegerField(min_value=0, max_value=59, default=0)


class VisitChoiceSerializer(StrictSerializer):
    """One infusion visit. Chair, nurse and prescriber left out are chosen among those that are free."""

    ordinal = StrictIntegerField(min_value=1, max_value=60)
    start = InstantField()
    chair = serializers.UUIDField(required=False)
    nurse = serializers.UUIDField(required=False)
    prescriber = serializers.UUIDField(required=False)


class TherapyChoiceSerializer(StrictSerializer):
    """One therapy session reserved after infusion `ordinal`."""

    ordinal = StrictIntegerField(min_value=1, max_value=60)
    kind = StrictCharField(max_length=30)
    start = InstantField()
    therapist = serializers.UUIDField()


class LongGapSerializer(StrictSerializer):
    """A longer gap before one infusion, approved by the caller."""

    ordinal = StrictIntegerField(min_value=2, max_value=60)
    max_hours = StrictIntegerField(min_value=24, max_value=672)
    reason = StrictCharField(max_length=200)


class BookSeriesSerializer(StrictSerializer):
    """A series to be booked whole or not at all. After infusions elsewhere that are on record, `visits` begin with the
    next ordinal.
    """

    patient = serializers.UUIDField()
    protocol_version = serializers.UUIDField()
    weight_kg = StrictDecimalField(max_digits=5, decimal_places=1, min_value=20, max_value=350)
    visits = VisitChoiceSerializer(many=True, allow_empty=False, max_length=60)  # type: ignore[call-arg]  # goes to the list
    therapy = TherapyChoiceSerializer(many=True, required=False, max_length=120)  # type: ignore[call-arg]  # goes to the list
    therapist = serializers.UUIDField(required=False, allow_null=True)
    caution_reason = StrictCharField(max_length=120, required=False, allow_blank=True, default="")
    close_reason = StrictCharField(max_length=200, required=False, allow_blank=True, default="")
    long_gaps = LongGapSerializer(many=True, required=False, max_length=10)  # type: ignore[call-arg]  # goes to the list
    hold_minutes = StrictIntegerField(min_value=0, max_value=60, default=0)


class ReasonSerializer(StrictSerializer):
    """A coded reason, who asked, and a note."""

    reason = serializers.ChoiceField(choices=[])
    initiator = serializers.ChoiceField(choices=sorted(INITIATORS), default="clinic")
    note = StrictCharField(max_length=110, required=False, allow_blank=True, default="")


class CancelSerializer(ReasonSerializer):
    """Take a visit off the calendar; the infusion still has to be given."""

    reason = serializers.ChoiceField(choices=sorted(CANCEL))


class OmitSerializer(ReasonSerializer):
    """Skip an infusion."""

    reason = serializers.ChoiceField(choices=sorted(OMIT))


class EndSeriesSerializer(ReasonSerializer):
    """End a series early."""

    reason = serializers.ChoiceField(choices=sorted(END))


class PauseSerializer(ReasonSerializer):
    """Rest for a while."""

    reason = serializers.ChoiceField(choices=sorted(PAUSE))
    review_on = StrictDateField()
    keep_chairs_days = StrictIntegerField(min_value=0, max_value=60, default=0)


class NoShowSerializer(StrictSerializer):
    """The patient did not come."""

    reason = serializers.ChoiceField(choices=sorted(NO_SHOW))
    note = StrictCharField(max_length=110, required=False, allow_blank=True, default="")


class MoveSerializer(ReasonSerializer):
    """A new start for one visit."""

    reason = serializers.ChoiceField(choices=sorted(MOVE))
    start = InstantField()
    chair = serializers.UUIDField(required=False)
    nurse = serializers.UUIDField(required=False)
    prescriber = serializers.UUIDField(required=False)
    displace_therapy = StrictBooleanField(default=False)
    close_reason = StrictCharField(max_length=200, required=False, allow_blank=True, default="")


class RebookSerializer(VisitChoiceSerializer):
    """A date for an infusion that has none."""

    close_reason = StrictCharField(max_length=200, required=False, allow_blank=True, default="")


class ExtraSerializer(ReasonSerializer):
    """One more infusion after the last of the active series."""

    reason = serializers.ChoiceField(choices=sorted(EXTRA))
    start = InstantField()
    chair = serializers.UUIDField(required=False)
    nurse = serializers.UUIDField(required=False)
    prescriber = serializers.UUIDField(required=False)
    close_reason = StrictCharField(max_length=200, required=False, allow_blank=True, default="")


class CheckInSerializer(StrictSerializer):
    """`override_reason`: a prescriber's, against the minimum gap or a limit of exposure."""

    override_reason = StrictCharField(max_length=200, allow_blank=True, default="")


class NothingSerializer(StrictSerializer):
    """An act that needs no words."""


# --- Proposals -----------------------------------------------------------------------------------------------------


def proposal_data(proposal: SeriesProposal) -> dict[str, Any]:
    """A proposal as JSON. Every predicted moment is an estimate; nothing is written."""
    plan = proposal.plan
    return {
        "complete": plan.complete,
        "cost": plan.cost,
        "predicted_minutes_to_therapy": proposal.predicted.minutes,
        "dose_mg": str(proposal.predicted.dose_mg),
        "visits": [_visit_data(item) for item in proposal.visits],
        "refusals": [
            {"code": item.code, "text": item.text, "day": item.day, "ordinal": item.ordinal}
            for item in plan.refusals
        ],
        "warnings": [*proposal.predicted.warnings, *(item.text for item in plan.warnings), *proposal.remarks],
        "findings": [
            {"severity": item.severity, "code": item.code, "text": item.message} for item in proposal.findings
        ],
        "to_do": list(proposal.to_do),
        "close": list(proposal.close),
        "long_gap_offer": plan.long_gap_offer.text if plan.long_gap_offer else None,
    }


def _visit_data(visit: ProposedVisit) -> dict[str, Any]:
    planned = visit.planned
    return {
        "ordinal": planned.ordinal,
        "start": planned.start,
        "end": planned.end,
        "chair": planned.chair,
        "nurse": planned.nurse,
        "prescriber": planned.prescriber,
        "therapy_from": planned.t0_predicted,
        "core_until": visit.window.core_until,
        "therapy": [
            {"kind": item.kind, "start": item.start, "end": item.end, "therapist": item.therapist}
            for item in planned.therapy
        ],
        "missing_therapy": list(planned.missing_therapy),
        "follow_ups": [_follow_up_data(item) for item in visit.kept],
    }


def _follow_up_data(item: PlannedFollowUp) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "ordinal": item.ordinal,
        "title": item.title,
        "audience": item.audience,
        "earliest": item.earliest,
        "target": item.target,
        "latest": item.latest,
        "hard_latest": item.hard_latest,
    }
