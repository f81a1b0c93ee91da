"""The only ways for a view or an endpoint to get hold of a series, a visit or a resource."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from scheduling.models import Appointment, ClinicPlanRun, Resource, TreatmentSeries, WaitlistEntry
from sessions.models import SiteGate
from staff.access import fetch_for
from staff.models import User


def get_series_for(user: User, code: UUID | str, *, action: str = "series.view") -> TreatmentSeries:
    """The series with this code. Raises PermissionDenied (403) or Http404."""
    return cast("TreatmentSeries", fetch_for(TreatmentSeries.objects.for_page(), user, code, action=action))


def get_appointment_for(user: User, code: UUID | str, *, action: str = "appointment.view") -> Appointment:
    """The visit with this code, of any kind. Raises PermissionDenied or Http404."""
    return cast("Appointment", fetch_for(Appointment.objects.for_page(), user, code, action=action))


def get_resource_for(user: User, code: UUID | str, *, action: str = "appointment.view") -> Resource:
    """The chair, room or person with this code, at a site where `user` works. Raises PermissionDenied or Http404."""
    rows = Resource.objects.select_related("site", "user")
    return cast("Resource", fetch_for(rows, user, code, action=action))


def get_clinic_plan_for(user: User, code: UUID | str, *, action: str = "series.book") -> ClinicPlanRun:
    """The run with this code, at a site where `user` works. Raises PermissionDenied or Http404."""
    return cast("ClinicPlanRun", fetch_for(ClinicPlanRun.objects.for_page(), user, code, action=action))


def get_waitlist_entry_for(
    user: User, code: UUID | str, *, action: str = "appointment.view"
) -> WaitlistEntry:
    """The waitlist entry with this code. Raises PermissionDenied or Http404."""
    rows = WaitlistEntry.objects.select_related("patient", "series", "site")
    return cast("WaitlistEntry", fetch_for(rows, user, code, action=action))


def get_site_gate_for(user: User, code: UUID | str, *, action: str = "gate.view") -> SiteGate:
    """A gate of a site where `user` works. Raises PermissionDenied or Http404."""
    rows = SiteGate.objects.select_related("site")
    return cast("SiteGate", fetch_for(rows, user, code, action=action))
