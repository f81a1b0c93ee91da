"""Technical look at patients: read only, without contact addresses. Every change goes through the services."""

from __future__ import annotations

from django.contrib import admin

from patients.models import ContactPoint, Contraindication, Patient, PriorExposure
from staff.admin_base import ReadOnlyAdmin


@admin.register(Patient)
class PatientAdmin(ReadOnlyAdmin):
    """Patients by code and site; search by code only, because the search text is part of the address."""

    list_display = ("code", "site", "status", "created_at", "version")
    list_filter = ("site", "status")
    search_fields = ("=code",)


@admin.register(ContactPoint)
class ContactPointAdmin(ReadOnlyAdmin):
    """State of contact points, never the address itself."""

    list_display = (
        "code",
        "patient_code",
        "channel",
        "preferred",
        "verified_at",
        "consented_at",
        "opted_out_at",
    )
    list_select_related = ("patient",)
    exclude = ("address", "address_index")

    @admin.display(description="Patient")
    def patient_code(self, point: ContactPoint) -> str:
        """The patient's code instead of the name."""
        return str(point.patient.code)


@admin.register(Contraindication)
class ContraindicationAdmin(ReadOnlyAdmin):
    """What was recorded against treatment."""

    list_display = ("kind", "severity", "recorded_by", "recorded_at", "resolved_at")
    list_filter = ("kind", "severity")


@admin.register(PriorExposure)
class PriorExposureAdmin(ReadOnlyAdmin):
    """Treatment elsewhere."""

    list_display = ("route", "count", "recorded_by", "recorded_at")
