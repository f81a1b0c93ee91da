"""Technical look at treatment facts: read only. Every change goes through the services."""

from __future__ import annotations

from django.contrib import admin

from sessions import models
from staff.admin_base import ReadOnlyAdmin


@admin.register(models.Infusion)
class InfusionAdmin(ReadOnlyAdmin):
    """Infusion records."""

    list_display = ("code", "site", "ordinal", "status", "arrived_at", "started_at", "stopped_at", "version")
    list_filter = ("site", "status")
    search_fields = ("=code",)


@admin.register(models.PumpEvent)
class PumpEventAdmin(ReadOnlyAdmin):
    """Pump logs, struck lines included."""

    list_display = ("code", "infusion", "kind", "observed_at", "entered_at", "entered_by", "withdrawn_at")
    list_filter = ("kind",)


@admin.register(models.SignOff)
class SignOffAdmin(ReadOnlyAdmin):
    """Signatures."""

    list_display = ("code", "infusion", "t_sign", "signed_at", "signed_by", "opens_window", "superseded_at")


@admin.register(models.ClearanceEstimate)
class ClearanceEstimateAdmin(ReadOnlyAdmin):
    """Estimates with their inputs."""

    list_display = ("infusion", "generation", "model", "t_pk", "provisional", "superseded_at")


@admin.register(models.IntegrationSession)
class IntegrationSessionAdmin(ReadOnlyAdmin):
    """Post-infusion therapy as it happened."""

    list_display = ("code", "therapist", "mode", "started_at", "completed_at", "inside_no_therapy_at")


@admin.register(
    models.Consent,
    models.EducationRecord,
    models.VitalSigns,
    models.PreInfusionCheck,
    models.CriterionResult,
    models.MeasuredLevel,
    models.AdverseEvent,
    models.SafetyContact,
    models.IntegrationNote,
    models.OutcomeScore,
)
class FactAdmin(ReadOnlyAdmin):
    """Other facts."""

    list_display = ("pk", "__str__")
