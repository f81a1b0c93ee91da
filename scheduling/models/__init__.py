"""Decisions: availability, series, bookings, windows, follow-ups and messages."""

from scheduling.models.availability import Availability, AvailabilityException, Closure, Resource
from scheduling.models.booking import Appointment, PatientSpan, ResourceBooking, TreatmentSeries
from scheduling.models.change import GapException, ScheduleChange, SpacingDecision, VisitChange
from scheduling.models.clinic_plan import ClinicPlanEntry, ClinicPlanRun
from scheduling.models.day import DayClosing, DaySheet
from scheduling.models.delivery import ChannelPause, DatabaseMark, ProviderReport, RestoreHold
from scheduling.models.duty import DutyShift, StaffAlert, StaffNotice
from scheduling.models.followup import FollowUp, PlasticityWindow, WorkItem
from scheduling.models.link import PatientLink
from scheduling.models.message import Heartbeat, Message
from scheduling.models.series_switch import SeriesSwitch
from scheduling.models.version_move import SeriesVersionMove
from scheduling.models.waitlist import FreedSlot, WaitlistEntry, WaitlistOffer

__all__ = [
    "Appointment",
    "Availability",
    "AvailabilityException",
    "ChannelPause",
    "ClinicPlanEntry",
    "ClinicPlanRun",
    "Closure",
    "DatabaseMark",
    "DayClosing",
    "DaySheet",
    "DutyShift",
    "FollowUp",
    "FreedSlot",
    "GapException",
    "Heartbeat",
    "Message",
    "PatientLink",
    "PatientSpan",
    "PlasticityWindow",
    "ProviderReport",
    "Resource",
    "ResourceBooking",
    "RestoreHold",
    "ScheduleChange",
    "SeriesSwitch",
    "SeriesVersionMove",
    "SpacingDecision",
    "StaffAlert",
    "StaffNotice",
    "TreatmentSeries",
    "VisitChange",
    "WaitlistEntry",
    "WaitlistOffer",
    "WorkItem",
]
