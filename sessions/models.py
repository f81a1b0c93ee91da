"""Facts of treatment: what was given, measured, observed and signed. Nothing here knows a booking.

What happened is always storable. Rows are never edited after the fact: a mistake is struck or amended by a new row
that names the old one, and a signed record is locked by trigger (`signed_record_is_fixed`).
"""

from __future__ import annotations

import uuid
from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import Patient
from protocols.models import ProtocolDocument, ProtocolVersion
from sessions.querysets import (
    ConsentQuerySet,
    InfusionFacts,
    InfusionQuerySet,
    PatientFacts,
    PumpEventQuerySet,
    SessionFacts,
    SupersededQuerySet,
    VitalSignsQuerySet,
)
from staff.models import Site

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class Consent(models.Model):
    """A patient's consent to one version's text. Withdrawal is accepted at any moment."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consents")
    document = models.ForeignKey(ProtocolDocument, on_delete=models.PROTECT, related_name="consents")
    given_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    recorded_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["-given_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("given_at")), name="consent_valid_after_given"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gte=F("given_at")),
                name="consent_withdrawn_after_given",
            ),
        ]


@pghistory.track()
class EducationRecord(models.Model):
    """Education given and taught back: three questions answered in the patient's own words."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="education_records")
    document = models.ForeignKey(ProtocolDocument, on_delete=models.PROTECT, related_name="education_records")
    taught_at = models.DateTimeField()
    experience_not_needed = models.BooleanField()
    work_happens_afterwards = models.BooleanField()
    no_driving_understood = models.BooleanField()
    recorded_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["-taught_at"]

    @property
    def complete(self) -> bool:
        """All three questions were answered rightly."""
        return self.experience_not_needed and self.work_happens_afterwards and self.no_driving_understood


@pghistory.track()
class Infusion(models.Model):
    """One administration and its record, from arrival to signature."""

    class Status(models.TextChoices):
        ARRIVED = "arrived", "Arrived"
        READY = "ready", "Ready to start"
        INFUSING = "infusing", "Infusion running"
        PAUSED = "paused", "Infusion paused"
        RECOVERING = "recovering", "Recovering"
        SIGNED_OFF = "signed-off", "Signed off"
        NOT_GIVEN = "not-given", "Not given"

    STARTED: ClassVar = frozenset({Status.INFUSING, Status.PAUSED, Status.RECOVERING, Status.SIGNED_OFF})
    RUNNING: ClassVar = frozenset({Status.INFUSING, Status.PAUSED})
    BEFORE_START: ClassVar = frozenset({Status.ARRIVED, Status.READY})

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="infusions")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="infusions")
    protocol_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="infusions")
    ordinal = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.ARRIVED)
    chair = models.CharField(max_length=60)
    arrived_at = models.DateTimeField()
    opened_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    planned_start = models.DateTimeField()
    weight_kg = models.DecimalField(max_digits=5, decimal_places=1, null=True, blank=True)
    weighed_at = models.DateTimeField(null=True, blank=True)
    weighed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    weight_confirmed_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    ordered_mg = models.DecimalField(max_digits=5, decimal_places=1, null=True, blank=True)
    bag_mg_per_ml = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    ordered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    ordered_at = models.DateTimeField(null=True, blank=True)
    order_cosigned_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    started_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    delivered_mg = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    stated_delay_hours = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    stated_delay_reason = models.CharField(max_length=200, blank=True)
    not_given_reason = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = InfusionQuerySet.as_manager()

    class Meta:
        ordering = ["-planned_start"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "arrived",
                        "ready",
                        "infusing",
                        "paused",
                        "recovering",
                        "signed-off",
                        "not-given",
                    ]
                ),
                name="infusion_status_known",
            ),
            models.CheckConstraint(
                condition=Q(weight_kg__isnull=True) | Q(weight_kg__gte=20, weight_kg__lte=350),
                name="infusion_weight_in_range",
            ),
            models.CheckConstraint(
                condition=Q(ordered_mg__isnull=True) | Q(ordered_mg__gt=0, ordered_mg__lte=200),
                name="infusion_order_in_range",
            ),
            models.CheckConstraint(
                condition=Q(bag_mg_per_ml__isnull=True) | Q(bag_mg_per_ml__gt=0, bag_mg_per_ml__lte=100),
                name="infusion_bag_in_range",
            ),
            models.CheckConstraint(
                condition=Q(delivered_mg__isnull=True) | Q(delivered_mg__gte=0, delivered_mg__lte=250),
                name="infusion_delivered_in_range",
            ),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True)
                | Q(started_at__isnull=False, stopped_at__gte=F("started_at")),
                name="infusion_stops_after_start",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["arrived", "ready", "not-given"], started_at__isnull=True)
                | Q(status__in=["infusing", "paused"], started_at__isnull=False, stopped_at__isnull=True)
                | Q(
                    status__in=["recovering", "signed-off"],
                    started_at__isnull=False,
                    stopped_at__isnull=False,
                ),
                name="infusion_status_fits_times",
            ),
            models.CheckConstraint(
                condition=Q(started_at__isnull=True)
                | Q(weight_kg__isnull=False, ordered_mg__isnull=False, ordered_by__isnull=False),
                name="infusion_starts_with_weight_and_order",
            ),
            models.CheckConstraint(
                condition=Q(order_cosigned_by__isnull=True) | ~Q(order_cosigned_by=F("ordered_by")),
                name="infusion_cosigner_is_another_person",
            ),
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(status__in=["arrived", "ready", "infusing", "paused"]),
                name="one_infusion_in_progress_per_patient",
            ),
        ]
        indexes = [
            models.Index(fields=["site", "arrived_at"], name="infusion_by_site_day"),
            models.Index(
                fields=["stopped_at"], condition=Q(status="recovering"), name="infusion_waiting_for_sign_off"
            ),
        ]

    def __str__(self) -> str:
        return f"Infusion {self.ordinal}"

    @property
    def started(self) -> bool:
        """The pump has run (signed or not)."""
        return self.started_at is not None


@pghistory.track()
class PumpEvent(models.Model):
    """One line of the pump log, with the time it was observed and the time it was entered.

    A row is never changed, except that it may be struck or superseded once. The log is the rows that are neither.
    """

    class Kind(models.TextChoices):
        START = "start", "Start"
        RATE = "rate", "Rate change"
        PAUSE = "pause", "Pause"
        RESUME = "resume", "Resume"
        BOLUS = "bolus", "Bolus"
        STOP = "stop", "Stop"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="pump_events")
    kind = models.CharField(max_length=6, choices=Kind)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    rate_mg_per_min = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    bolus_mg = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=200, blank=True)

    objects = PumpEventQuerySet.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=["start", "rate", "resume"], rate_mg_per_min__isnull=False, bolus_mg__isnull=True
                )
                | Q(kind="bolus", bolus_mg__isnull=False, rate_mg_per_min__isnull=True)
                | Q(kind__in=["pause", "stop"], rate_mg_per_min__isnull=True, bolus_mg__isnull=True),
                name="pump_event_has_its_value",
            ),
            models.CheckConstraint(
                condition=Q(rate_mg_per_min__isnull=True) | Q(rate_mg_per_min__gt=0, rate_mg_per_min__lte=20),
                name="pump_rate_in_range",
            ),
            models.CheckConstraint(
                condition=Q(bolus_mg__isnull=True) | Q(bolus_mg__gt=0, bolus_mg__lte=100),
                name="pump_bolus_in_range",
            ),
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(kind="start", withdrawn_at__isnull=True),
                name="one_start_per_infusion",
            ),
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(kind="stop", withdrawn_at__isnull=True),
                name="one_stop_per_infusion",
            ),
        ]


@pghistory.track()
class VitalSigns(models.Model):
    """One row of the vitals grid. Dissociation and sedation scores are safety data, never an outcome."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="vital_signs")
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    systolic = models.PositiveSmallIntegerField()
    diastolic = models.PositiveSmallIntegerField()
    heart_rate = models.PositiveSmallIntegerField()
    spo2 = models.PositiveSmallIntegerField()
    moaas = models.PositiveSmallIntegerField(null=True, blank=True)
    cadss6 = models.PositiveSmallIntegerField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    objects = VitalSignsQuerySet.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(systolic__gte=50, systolic__lte=300, diastolic__gte=20, diastolic__lte=200),
                name="vitals_pressure_in_range",
            ),
            models.CheckConstraint(
                condition=Q(diastolic__lt=F("systolic")), name="vitals_diastolic_below_systolic"
            ),
            models.CheckConstraint(
                condition=Q(heart_rate__gte=20, heart_rate__lte=250), name="vitals_heart_rate_in_range"
            ),
            models.CheckConstraint(condition=Q(spo2__gte=40, spo2__lte=100), name="vitals_spo2_in_range"),
            models.CheckConstraint(
                condition=Q(moaas__isnull=True) | Q(moaas__lte=5), name="vitals_moaas_in_range"
            ),
            models.CheckConstraint(
                condition=Q(cadss6__isnull=True) | Q(cadss6__lte=24), name="vitals_cadss6_in_range"
            ),
        ]


@pghistory.track()
class PreInfusionCheck(models.Model):
    """One answered line of the pre-infusion gate: who said what, when."""

    class Outcome(models.TextChoices):
        PASSED = "passed", "Yes"
        FAILED = "failed", "No"
        NOT_APPLICABLE = "not-applicable", "Not applicable"

    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="checks")
    kind = models.CharField(max_length=30)
    outcome = models.CharField(max_length=14, choices=Outcome)
    note = models.CharField(max_length=200, blank=True)
    observed_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion", "kind"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_check_of_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["passed", "failed", "not-applicable"]), name="check_outcome_known"
            ),
        ]


@pghistory.track()
class CriterionResult(models.Model):
    """One discharge criterion as observed. A new observation supersedes the old row."""

    class Outcome(models.TextChoices):
        MET = "met", "Met"
        UNMET = "unmet", "Not met"
        NOT_ASSESSABLE = "not-assessable", "Not assessable"

    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="criteria")
    criterion = models.CharField(max_length=24)
    outcome = models.CharField(max_length=14, choices=Outcome)
    detail = models.CharField(max_length=200, blank=True)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion", "criterion"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_result_per_criterion",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["met", "unmet", "not-assessable"]), name="criterion_outcome_known"
            ),
            models.CheckConstraint(
                condition=~Q(outcome="not-assessable") | ~Q(detail=""), name="not_assessable_needs_a_reason"
            ),
        ]


@pghistory.track()
class MeasuredLevel(models.Model):
    """A plasma ketamine level from a laboratory, ng/mL."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="measured_levels")
    observed_at = models.DateTimeField()
    ketamine_ng_ml = models.DecimalField(max_digits=7, decimal_places=1)
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")

    objects = InfusionFacts.as_manager()

    class Meta:
        ordering = ["observed_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ketamine_ng_ml__gte=0, ketamine_ng_ml__lte=5000), name="measured_level_in_range"
            )
        ]


@pghistory.track()
class ClearanceEstimate(models.Model):
    """What the model said at one moment, with every input. One current row per infusion; older ones stay readable."""

    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="clearance_estimates")
    generation = models.PositiveIntegerField()
    model = models.CharField(max_length=24)
    threshold_ng_ml = models.DecimalField(max_digits=5, decimal_places=1)
    inputs = models.JSONField()
    provisional = models.BooleanField()
    aborted = models.BooleanField(default=False)
    never_above = models.FloatField()
    p5_at = models.DateTimeField(null=True, blank=True)
    p50_at = models.DateTimeField(null=True, blank=True)
    p95_at = models.DateTimeField(null=True, blank=True)
    t_pk = models.DateTimeField()
    cmax_p50_ng_ml = models.FloatField(null=True, blank=True)
    delivered_mg = models.DecimalField(max_digits=6, decimal_places=2)
    warnings = models.JSONField(default=list)
    computed_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["-generation"]
        constraints = [
            models.UniqueConstraint(F("infusion"), F("generation"), name="estimate_generation_once"),
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_estimate_per_infusion",
            ),
            models.CheckConstraint(
                condition=Q(never_above__gte=0, never_above__lte=1), name="estimate_never_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(threshold_ng_ml__in=[10, 20, 50]), name="estimate_threshold_known"
            ),
        ]


@pghistory.track()
class SignOff(models.Model):
    """The signature on discharge: who, when, what it rests on, and the therapy anchor it fixes.

    `t_sign` is when the last criterion was met, `signed_at` when the signature was given. One current row per
    infusion; an amendment signs a new row that names the old one.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="sign_offs")
    t_sign = models.DateTimeField()
    signed_at = models.DateTimeField()
    signed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    signed_name = models.CharField(max_length=120)
    meaning = models.CharField(max_length=200)
    late_reason = models.CharField(max_length=200, blank=True)
    unmet_reason = models.CharField(max_length=300, blank=True)
    second_person = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    opens_window = models.BooleanField(default=True)
    no_window_reason = models.CharField(max_length=200, blank=True)
    override_to = models.DateTimeField(null=True, blank=True)
    override_code = models.CharField(max_length=30, blank=True)
    override_reason = models.CharField(max_length=200, blank=True)
    override_voided_at = models.DateTimeField(null=True, blank=True)
    record = models.JSONField()
    record_sha256 = models.CharField(max_length=64)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["-signed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_sign_off_per_infusion",
            ),
            models.CheckConstraint(condition=Q(signed_at__gte=F("t_sign")), name="signed_after_criteria_met"),
            models.CheckConstraint(
                condition=Q(second_person__isnull=True) | ~Q(second_person=F("signed_by")),
                name="second_person_is_another_person",
            ),
            models.CheckConstraint(
                condition=Q(unmet_reason="") | Q(second_person__isnull=False),
                name="unmet_needs_second_person",
            ),
            models.CheckConstraint(
                condition=Q(override_to__isnull=True)
                | Q(override_to__gte=F("t_sign")) & ~Q(override_code=""),
                name="override_not_before_t_sign",
            ),
            models.CheckConstraint(
                condition=Q(opens_window=True) | ~Q(no_window_reason=""), name="no_window_needs_a_reason"
            ),
        ]


@pghistory.track()
class AdverseEvent(models.Model):
    """Something untoward that happened to the patient, coded by what it asks for."""

    class Severity(models.TextChoices):
        MILD = "mild", "Mild"
        SERIOUS = "serious", "Serious"
        STOP_RULE = "stop-rule", "Stop rule met"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="adverse_events")
    kind = models.CharField(max_length=40)
    severity = models.CharField(max_length=10, choices=Severity)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=500, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = InfusionFacts.as_manager()

    class Meta:
        ordering = ["-observed_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(severity__in=["mild", "serious", "stop-rule"]),
                name="adverse_event_severity_known",
            )
        ]


@pghistory.track()
class SafetyContact(models.Model):
    """A contact about safety, by any clinical role at any moment. Never refused, and not therapy."""

    class Manner(models.TextChoices):
        PHONE = "phone", "By phone"
        IN_PERSON = "in-person", "In person"
        VIDEO = "video", "By video"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="safety_contacts")
    occurred_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    manner = models.CharField(max_length=10, choices=Manner)
    cssrs = models.PositiveSmallIntegerField("suicidality screen (0 to 5)", null=True, blank=True)
    outcome = models.CharField(max_length=500)
    next_owner = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["-occurred_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(cssrs__isnull=True) | Q(cssrs__lte=5), name="safety_contact_cssrs_in_range"
            )
        ]


@pghistory.track()
class IntegrationSession(models.Model):
    """Post-infusion therapy as it happened: started, completed, by whom."""

    class Mode(models.TextChoices):
        IN_PERSON = "in-person", "In person"
        VIDEO = "video", "Video"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="integration_sessions")
    infusion = models.ForeignKey(
        Infusion, on_delete=models.PROTECT, related_name="integration_sessions", null=True, blank=True
    )
    therapist = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="integration_sessions")
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.IN_PERSON)
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    inside_no_therapy_at = models.DateTimeField(null=True, blank=True)

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(completed_at__isnull=True) | Q(completed_at__gte=F("started_at")),
                name="therapy_completed_after_start",
            ),
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(completed_at__isnull=True),
                name="one_running_therapy_per_patient",
            ),
        ]


@pghistory.track()
class IntegrationNote(models.Model):
    """The therapist's note: goals, the practice plan, progress. Signed once complete; later changes are amendments."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    session = models.ForeignKey(IntegrationSession, on_delete=models.PROTECT, related_name="notes")
    goals = models.TextField(blank=True)
    practice_plan = models.TextField(blank=True)
    progress = models.TextField(blank=True)
    author = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True, blank=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )

    objects = SessionFacts.as_manager()

    class Meta:
        ordering = ["-written_at"]


@pghistory.track()
class OutcomeScore(models.Model):
    """A total of one instrument at one moment; items only where the licence allows embedding."""

    INSTRUMENTS: ClassVar = ("phq9", "gad7", "qids_sr16", "madrs")

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="outcome_scores")
    instrument = models.CharField(max_length=10, choices=[(name, name) for name in INSTRUMENTS])
    total = models.PositiveSmallIntegerField()
    items = models.JSONField(null=True, blank=True)
    taken_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["taken_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(instrument="phq9", total__lte=27)
                | Q(instrument="gad7", total__lte=21)
                | Q(instrument="qids_sr16", total__lte=27)
                | Q(instrument="madrs", total__lte=60),
                name="outcome_total_in_range",
            )
        ]
