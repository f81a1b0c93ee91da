"""Plasticity windows, the obligations that follow an infusion, and items that need a person."""

from __future__ import annotations

import uuid
from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import ExternalTherapist, Patient
from protocols.models import ProtocolVersion
from scheduling.models.booking import Appointment, TreatmentSeries
from scheduling.querysets_follow import FollowUpQuerySet, WindowQuerySet, WorkItemQuerySet
from sessions.models import Infusion, ReportedTherapy, SignOff
from staff.models import Site

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class PlasticityWindow(models.Model):
    """The window of one infusion. Facts that change make a new row; the old one keeps its inputs for audit.

    provisional: no signature yet. pending: signed, T0 ahead. open: the tick after T0 re-checked the facts.
    none: signed that no window opens. stale: planning failed, therapy stays locked until the sweep has succeeded.
    """

    class Status(models.TextChoices):
        PROVISIONAL = "provisional", "Estimate until signed"
        PENDING = "pending", "Signed, opens at the therapy time"
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"
        NONE = "none", "No window opens"
        STALE = "stale", "Being worked out again"

    SIGNED: ClassVar = frozenset({Status.PENDING, Status.OPEN, Status.CLOSED, Status.NONE})

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="windows")
    # That of the infusion, written by a trigger: the queue of one clinic does not go through those of all.
    site = models.ForeignKey(
        Site, on_delete=models.PROTECT, related_name="windows", db_index=False, null=True, editable=False
    )
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="windows")
    series = models.ForeignKey(TreatmentSeries, on_delete=models.PROTECT, related_name="windows")
    generation = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=Status)
    starts_at = models.DateTimeField("start of the no-therapy period")
    t0 = models.DateTimeField("earliest therapy")
    practice_from = models.DateTimeField()
    core_until = models.DateTimeField()
    tail_until = models.DateTimeField()
    sign_off = models.ForeignKey(
        SignOff, on_delete=models.PROTECT, related_name="windows", null=True, blank=True
    )
    inputs = models.JSONField()
    claimed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    pool_at = models.DateTimeField("offered to every therapist", null=True, blank=True)
    lead_at = models.DateTimeField("put to the lead", null=True, blank=True)
    not_fit_until = models.DateTimeField("no therapy before: not fit", null=True, blank=True)
    not_fit_reason = models.CharField(max_length=24, blank=True)
    computed_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = WindowQuerySet.as_manager()

    class Meta:
        ordering = ["t0"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_window_per_infusion",
            ),
            models.UniqueConstraint(F("infusion"), F("generation"), name="window_generation_once"),
            models.CheckConstraint(
                condition=Q(status__in=["provisional", "pending", "open", "closed", "none", "stale"]),
                name="window_status_known",
            ),
            models.CheckConstraint(
                condition=Q(t0__gt=F("starts_at")), name="window_opens_after_infusion_start"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["provisional", "stale"]) | Q(sign_off__isnull=False),
                name="window_opens_only_when_signed",
            ),
            models.CheckConstraint(
                condition=~Q(status="open") | Q(opened_at__gte=F("t0")), name="window_not_open_before_t0"
            ),
            models.CheckConstraint(
                condition=Q(tail_until__gte=F("core_until"), core_until__gte=F("t0")),
                name="window_phases_in_order",
            ),
            models.CheckConstraint(
                condition=Q(not_fit_until__isnull=True, not_fit_reason="")
                | (Q(not_fit_until__gt=F("t0")) & ~Q(not_fit_reason="")),
                name="window_not_fit_says_why",
            ),
            models.CheckConstraint(
                condition=Q(lead_at__isnull=True) | Q(pool_at__isnull=False), name="window_pool_before_lead"
            ),
        ]
        indexes = [
            models.Index(
                fields=["t0"],
                condition=Q(status="pending", superseded_at__isnull=True),
                name="window_due_to_open",
            ),
            models.Index(
                fields=["core_until"],
                condition=Q(status__in=["pending", "open"], superseded_at__isnull=True),
                name="window_in_queue",
            ),
            models.Index(
                fields=["site", "core_until"],
                condition=Q(
                    status__in=["provisional", "pending", "open", "stale"], superseded_at__isnull=True
                ),
                name="window_live_at_site",
            ),
        ]

    @property
    def open_to_all(self) -> bool:
        """Any therapist may take it: it was put to everybody (or to the lead), and nobody has taken it since."""
        if self.pool_at is None:
            return False
        return self.claimed_at is None or self.claimed_at < (self.lead_at or self.pool_at)


@pghistory.track()
class FollowUp(models.Model):
    """One obligation, with when it may, should and must happen, and why now. One row per visit, kind and ordinal."""

    class State(models.TextChoices):
        PROVISIONAL = "provisional", "Planned, waiting for sign-off"
        FIRM = "firm", "Fixed, waiting for the window"
        RELEASED = "released", "To do"
        BOOKED = "booked", "Appointment made"
        DONE = "done", "Done"
        REPORTED = "reported", "Reported by the outside therapist"
        MISSED = "missed", "Missed"
        DECLINED = "declined", "Declined by the patient"
        DROPPED = "dropped", "Not needed"
        WITHDRAWN = "withdrawn", "Withdrawn"

    OPEN: ClassVar = frozenset({State.PROVISIONAL, State.FIRM, State.RELEASED, State.BOOKED})
    ACTIONABLE: ClassVar = frozenset({State.RELEASED, State.BOOKED})
    CLOSED: ClassVar = frozenset(
        {State.DONE, State.REPORTED, State.MISSED, State.DECLINED, State.DROPPED, State.WITHDRAWN}
    )

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="follow_ups")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="follow_ups")
    series = models.ForeignKey(TreatmentSeries, on_delete=models.PROTECT, related_name="follow_ups")
    visit = models.ForeignKey(Appointment, on_delete=models.PROTECT, related_name="follow_ups")
    infusion = models.ForeignKey(
        Infusion, on_delete=models.PROTECT, related_name="follow_ups", null=True, blank=True
    )
    kind = models.CharField(max_length=30)
    ordinal = models.PositiveSmallIntegerField(default=1)
    title = models.CharField(max_length=120)
    audience = models.CharField(max_length=10)
    gate = models.CharField(max_length=8)
    therapy = models.BooleanField(default=False)
    required = models.BooleanField(default=True)
    duration_minutes = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=12, choices=State)
    earliest_at = models.DateTimeField()
    target_at = models.DateTimeField()
    latest_at = models.DateTimeField()
    hard_latest_at = models.DateTimeField()
    generation = models.PositiveIntegerField(default=1)
    message_kind = models.CharField(max_length=24, blank=True)
    why = models.JSONField(default=dict)
    assignee = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="follow_ups", null=True, blank=True
    )
    appointment = models.OneToOneField(
        Appointment, on_delete=models.PROTECT, related_name="follow_up", null=True, blank=True
    )
    # Therapy that the patient's therapist outside the clinic gives: it is not booked here, its times go by link.
    outside = models.ForeignKey(
        ExternalTherapist, on_delete=models.PROTECT, related_name="follow_ups", null=True, blank=True
    )
    report = models.OneToOneField(
        ReportedTherapy, on_delete=models.PROTECT, related_name="follow_up", null=True, blank=True
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    closed_reason = models.CharField(max_length=300, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = FollowUpQuerySet.as_manager()

    class Meta:
        ordering = ["target_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                F("visit"), F("kind"), F("ordinal"), name="one_follow_up_per_visit_and_kind"
            ),
            models.CheckConstraint(
                condition=Q(
                    earliest_at__lte=F("target_at"),
                    target_at__lte=F("latest_at"),
                    latest_at__lte=F("hard_latest_at"),
                ),
                name="follow_up_moments_in_order",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "provisional",
                        "firm",
                        "released",
                        "booked",
                        "done",
                        "reported",
                        "missed",
                        "declined",
                        "dropped",
                        "withdrawn",
                    ]
                ),
                name="follow_up_state_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="booked") | Q(appointment__isnull=False),
                name="booked_follow_up_has_appointment",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["missed", "declined", "withdrawn", "dropped"]) | ~Q(closed_reason=""),
                name="closed_follow_up_says_why",
            ),
            models.CheckConstraint(
                condition=Q(therapy=False) | Q(gate="window"), name="therapy_waits_for_window"
            ),
            models.CheckConstraint(
                condition=Q(state="reported", report__isnull=False, appointment__isnull=True, therapy=True)
                | ~Q(state="reported") & Q(report__isnull=True),
                name="reported_therapy_is_no_session_here",
            ),
            models.CheckConstraint(
                condition=~Q(therapy=True, state="done") | Q(appointment__isnull=False),
                name="done_therapy_was_a_session_here",
            ),
            models.CheckConstraint(
                condition=Q(outside__isnull=True) | Q(therapy=True), name="only_therapy_is_given_outside"
            ),
        ]
        indexes = [
            models.Index(
                fields=["site", "hard_latest_at"],
                condition=Q(state__in=["firm", "released", "booked"]),
                name="follow_up_open_work",
            )
        ]

    @property
    def protocol_version(self) -> ProtocolVersion:
        """The text that asks for it: that of the infusion given, else the series' own."""
        return self.series.protocol_version if self.infusion is None else self.infusion.protocol_version

    @property
    def protocol_version_id(self) -> int:
        """Primary key of the same, without reading its text."""
        return (self.infusion or self.series).protocol_version_id

    def __str__(self) -> str:
        return self.title


@pghistory.track()
class WorkItem(models.Model):
    """Something the software cannot do on its own: it has words, a role or a person, and it stays until resolved."""

    class Kind(models.TextChoices):
        DISPLACED = "displaced", "Booking displaced"
        STALE_WINDOW = "stale-window", "Therapy time not worked out"
        UNSIGNED = "unsigned", "Record not signed"
        MESSAGE_FAILED = "message-failed", "Message not delivered"
        MISSED = "missed", "Follow-up missed"
        CALL_PATIENT = "call-patient", "Call the patient"
        THERAPY_INSIDE = "therapy-inside", "Therapy inside a no-therapy period"
        UNPLACED = "unplaced", "No time found for therapy"
        PRESCRIBER = "prescriber", "A prescriber decides"
        RESTORED = "restored", "Messages waiting for release"
        PATIENT_ANSWER = "patient-answer", "Answered by the patient"
        RISK_REVIEW = "risk-review", "Answer to look at today"
        STAFFING = "staffing", "Somebody else is needed"
        GATE = "gate", "Before the visit"
        PRACTICE_PLAN = "practice-plan", "Practice plan missing"
        OUTSIDE = "outside", "Outside therapist"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    key = models.CharField(max_length=80)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="work_items")
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="work_items", null=True, blank=True
    )
    title = models.CharField(max_length=160)
    detail = models.CharField(max_length=500, blank=True)
    role = models.CharField(max_length=16)
    owner = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="work_items", null=True, blank=True
    )
    url = models.CharField(max_length=200, blank=True)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    resolution = models.CharField(max_length=200, blank=True)

    objects = WorkItemQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(resolved_at__isnull=True), name="one_open_item_per_cause"
            )
        ]
        indexes = [
            models.Index(
                fields=["site", "due_at"], condition=Q(resolved_at__isnull=True), name="work_item_open"
            )
        ]
