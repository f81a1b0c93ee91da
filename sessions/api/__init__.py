"""`/api/v1/` of treatment facts: infusions with their log, consents, safety contacts, scores, and predictions."""

from __future__ import annotations

from rest_framework.routers import BaseRouter

from sessions.api.day import TreatmentHoldViewSet
from sessions.api.eligibility import EligibilityViewSet
from sessions.api.infusions import InfusionViewSet
from sessions.api.patient_facts import ConsentViewSet, OutcomeScoreViewSet, SafetyContactViewSet
from sessions.api.prediction import PredictionViewSet
from sessions.api.private_notes import PrivateNoteViewSet
from sessions.api.progress import NightReportViewSet, ProgressReportViewSet
from sessions.api.pump_events import PumpEventViewSet
from sessions.api.struck import AdverseEventViewSet, MeasuredLevelViewSet
from sessions.api.therapy_notes import TherapySessionViewSet

__all__ = ["api_routes"]


def api_routes(router: BaseRouter) -> None:
    """Register this app's endpoints."""
    router.register("infusions", InfusionViewSet, basename="infusion")
    router.register("pump-events", PumpEventViewSet, basename="pump-event")
    router.register("measured-levels", MeasuredLevelViewSet, basename="measured-level")
    router.register("adverse-events", AdverseEventViewSet, basename="adverse-event")
    router.register("treatment-holds", TreatmentHoldViewSet, basename="treatment-hold")
    router.register("consents", ConsentViewSet, basename="consent")
    router.register("eligibility", EligibilityViewSet, basename="eligibility")
    router.register("safety-contacts", SafetyContactViewSet, basename="safety-contact")
    router.register("outcome-scores", OutcomeScoreViewSet, basename="outcome-score")
    router.register("night-reports", NightReportViewSet, basename="night-report")
    router.register("progress-reports", ProgressReportViewSet, basename="progress-report")
    router.register("therapy-sessions", TherapySessionViewSet, basename="therapy-session")
    router.register("private-notes", PrivateNoteViewSet, basename="private-note")
    router.register("predictions", PredictionViewSet, basename="prediction")
