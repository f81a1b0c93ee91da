"""Facts of treatment: what was given, measured, observed and signed. Nothing here knows a booking.

What happened is always storable. Rows are never edited after the fact: a mistake is struck or amended by a new row
that names the old one, and a signed record is locked by trigger (`signed_record_is_fixed`).
"""

from sessions.models.care import IntegrationNote, IntegrationSession, OutcomeScore, SafetyContact
from sessions.models.chairside import BagUse, ChairNote, GivenDrug, OrderRenewal
from sessions.models.consent import Consent, EducationRecord
from sessions.models.discharge import CriterionResult, SignOff
from sessions.models.ending import Disposition, EndingAssessment, Handover, TreatmentHold
from sessions.models.gates import EligibilitySignOff, GateAnswer, SiteGate
from sessions.models.infusion import Infusion
from sessions.models.observation import AdverseEvent, PreInfusionCheck, VitalSigns
from sessions.models.preparation import PreparationRecord
from sessions.models.private_note import PrivateNote, PrivateNoteReading
from sessions.models.progress import NightReport, ProgressReport
from sessions.models.pump import ClearanceEstimate, MeasuredLevel, PumpEvent
from sessions.models.reported import ReportedTherapy
from sessions.models.review import CourseReview
from sessions.models.weight import WeightCorrection

__all__ = [
    "AdverseEvent",
    "BagUse",
    "ChairNote",
    "ClearanceEstimate",
    "Consent",
    "CourseReview",
    "CriterionResult",
    "Disposition",
    "EducationRecord",
    "EligibilitySignOff",
    "EndingAssessment",
    "GateAnswer",
    "GivenDrug",
    "Handover",
    "Infusion",
    "IntegrationNote",
    "IntegrationSession",
    "MeasuredLevel",
    "NightReport",
    "OrderRenewal",
    "OutcomeScore",
    "PreInfusionCheck",
    "PreparationRecord",
    "PrivateNote",
    "PrivateNoteReading",
    "ProgressReport",
    "PumpEvent",
    "ReportedTherapy",
    "SafetyContact",
    "SignOff",
    "SiteGate",
    "TreatmentHold",
    "VitalSigns",
    "WeightCorrection",
]
