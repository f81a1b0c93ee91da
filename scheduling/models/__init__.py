"""Decisions: availability, series, bookings, windows, follow-ups and messages."""

from scheduling.models.availability import Availability, AvailabilityException, Closure, Resource
from scheduling.models.booking import Appointment, PatientSpan, ResourceBooking, TreatmentSeries
from scheduling.models.followup import FollowUp, PlasticityWindow, WorkItem
from scheduling.models.message import Heartbeat, Message

__all__ = [
    "Appointment",
    "Availability",
    "AvailabilityException",
    "Closure",
    "FollowUp",
    "Heartbeat",
    "Message",
    "PatientSpan",
    "PlasticityWindow",
    "Resource",
    "ResourceBooking",
    "TreatmentSeries",
    "WorkItem",
]
