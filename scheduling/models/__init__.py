"""Decisions: availability, series, bookings, windows, follow-ups and messages."""

from scheduling.models.availability import Availability, AvailabilityException, Closure, Resource
from scheduling.models.booking import Appointment, PatientSpan, ResourceBooking, TreatmentSeries
from scheduling.models.change import GapException, ScheduleChange, VisitChange
from scheduling.models.clinic_plan import ClinicPlanEntry, ClinicPlanRun
from scheduling.models.followup import FollowUp, PlasticityWindow, WorkItem
from scheduling.models.message import Heartbeat, Message
from scheduling.models.version_move import SeriesVersionMove
from scheduling.models.waitlist import FreedSlot, WaitlistEntry, WaitlistOffer

__all__ = [
    "Appointment",
    "Availability",
    "AvailabilityException",
    "ClinicPlanEntry",
    "ClinicPlanRun",
    "Closure",
    "FollowUp",
    "FreedSlot",
    "GapException",
    "Heartbeat",
    "Message",
    "PatientSpan",
    "PlasticityWindow",
    "Resource",
    "ResourceBooking",
    "ScheduleChange",
    "SeriesVersionMove",
    "TreatmentSeries",
    "VisitChange",
    "WaitlistEntry",
    "WaitlistOffer",
    "WorkItem",
]
