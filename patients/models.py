"""The person: identity, how to reach them, and what speaks against treatment. No plan and no record of treatment."""

from __future__ import annotations

import uuid
from datetime import date
from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from patients.querysets import OfPatientQuerySet, PatientQuerySet, PriorExposureQuerySet
from staff.fields import RowSealedTextField, Unreadable
from staff.models import Site, validate_time_zone

UNREADABLE_ADDRESS = "Cannot be read: add it again"


@pghistory.track()
class Patient(models.Model):
    """A patient of one site. Name, date of birth and MRN together identify them on every act."""

    class Sex(models.TextChoices):
        FEMALE = "F", "Female"
        MALE = "M", "Male"

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        INACTIVE = "inactive", "Inactive"
        DECEASED = "deceased", "Deceased"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="patients")
    mrn = models.CharField("record number", max_length=32)
    given_name = models.CharField(max_length=80)
    family_name = models.CharField(max_length=80)
    birth_date = models.DateField()
    sex = models.CharField(max_length=1, choices=Sex)
    height_cm = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    time_zone = models.CharField(max_length=64, validators=[validate_time_zone])
    language = models.CharField(max_length=8, default="en")
    interpreter = models.CharField("interpreter needed for", max_length=60, blank=True)
    jurisdiction = models.CharField(max_length=8)
    therapist = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="assigned_patients",
        null=True,
        blank=True,
    )
    prescriber = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="prescribed_patients",
        null=True,
        blank=True,
    )
    # Therapy after infusions is with this person, outside the clinic; None: here.
    external_therapist = models.ForeignKey(
        "patients.ExternalTherapist",
        on_delete=models.PROTECT,
        related_name="patients",
        null=True,
        blank=True,
    )
    status = models.CharField(max_length=8, choices=Status, default=Status.ACTIVE)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    objects = PatientQuerySet.as_manager()

    class Meta:
        ordering = ["family_name", "given_name", "pk"]
        constraints = [
            models.UniqueConstraint(Lower("mrn"), F("site"), name="patient_mrn_unique_at_site"),
            models.CheckConstraint(
                condition=Q(status__in=["active", "inactive", "deceased"]), name="patient_status_known"
            ),
            models.CheckConstraint(condition=Q(sex__in=["F", "M"]), name="patient_sex_known"),
            models.CheckConstraint(
                condition=Q(height_cm__isnull=True) | Q(height_cm__gte=100, height_cm__lte=230),
                name="patient_height_in_range",
            ),
            models.CheckConstraint(
                condition=Q(birth_date__gte="1900-01-01"), name="patient_birth_date_in_range"
            ),
            models.CheckConstraint(
                condition=~Q(given_name="") & ~Q(family_name="") & ~Q(mrn=""), name="patient_is_identified"
            ),
        ]
        indexes = [models.Index(fields=["site", "status"], name="patient_by_site")]

    def __str__(self) -> str:
        return f"{self.family_name}, {self.given_name}"

    @property
    def full_name(self) -> str:
        """Given name first, as a message or a page title would say it."""
        return f"{self.given_name} {self.family_name}"

    def age_on(self, day: date) -> int:
        """Completed years on `day`; a 29 February birthday falls on 1 March in other years."""
        before_birthday = (day.month, day.day) < (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - before_birthday


@pghistory.track()
class ContactPoint(models.Model):
    """One address of a patient, of the adult who takes the patient home, of a legal representative, or of the patient's
    own therapist outside the clinic.

    Encrypted at rest and bound to this row and patient. Used only once verified, consented and not opted out: whoever
    has the address consents and opts out for themselves. An escort is written to only because the patient agreed
    (`patient_agreed_at`); a representative by law, as long as they represent the patient, and may be used first;
    an external therapist on the patient's release (`TherapistRelease`), never first.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        SMS = "sms", "Text message"

    class Whose(models.TextChoices):
        PATIENT = "patient", "The patient's own"
        ESCORT = "escort", "Of the adult who takes the patient home"
        REPRESENTATIVE = "representative", "Of a legal representative"
        EXTERNAL = "external", "Of the patient's therapist outside the clinic"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="contact_points")
    channel = models.CharField(max_length=5, choices=Channel)
    whose = models.CharField(max_length=14, choices=Whose, default=Whose.PATIENT)
    person_name = models.CharField("name of the escort", max_length=80, blank=True)
    patient_agreed_at = models.DateTimeField(
        "the patient agrees that the escort is told", null=True, blank=True
    )
    # Whose it is when `whose` is a representative: one row of those who sign for this patient.
    representative = models.ForeignKey(
        "patients.LegalRepresentative",
        on_delete=models.PROTECT,
        related_name="contact_points",
        null=True,
        blank=True,
    )
    external_therapist = models.ForeignKey(
        "patients.ExternalTherapist",
        on_delete=models.PROTECT,
        related_name="contact_points",
        null=True,
        blank=True,
    )
    address = RowSealedTextField(bound_to=("code", "patient_id"), place="patients_contactpoint.address")
    address_index = models.CharField(max_length=64, editable=False)
    preferred = models.BooleanField(default=False)
    verified_at = models.DateTimeField(null=True, blank=True)
    consented_at = models.DateTimeField(null=True, blank=True)
    opted_out_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    objects = OfPatientQuerySet.as_manager()

    class Meta:
        ordering = ["-preferred", "pk"]
        constraints = [
            models.UniqueConstraint(
                F("patient"), F("channel"), F("address_index"), name="contact_address_once"
            ),
            models.UniqueConstraint(
                fields=["patient"], condition=Q(preferred=True), name="one_preferred_contact_per_patient"
            ),
            models.CheckConstraint(condition=Q(channel__in=["email", "sms"]), name="contact_channel_known"),
            models.CheckConstraint(
                condition=Q(whose__in=["patient", "escort", "representative", "external"]),
                name="contact_whose_known",
            ),
            models.CheckConstraint(
                condition=(Q(whose="escort") | Q(person_name="", patient_agreed_at__isnull=True))
                & (
                    ~Q(whose="escort")
                    | (Q(preferred=False, patient_agreed_at__isnull=False) & ~Q(person_name=""))
                ),
                name="escort_is_named_and_agreed_to",
            ),
            models.CheckConstraint(
                condition=Q(whose="representative", representative__isnull=False)
                | ~Q(whose="representative") & Q(representative__isnull=True),
                name="contact_of_a_representative_names_them",
            ),
            models.CheckConstraint(
                condition=Q(whose="external", external_therapist__isnull=False, preferred=False)
                | ~Q(whose="external") & Q(external_therapist__isnull=True),
                name="contact_of_an_external_names_them",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} of {self.patient_id}"

    @property
    def usable(self) -> bool:
        """Messages may go to it."""
        return bool(self.verified_at and self.consented_at and not self.opted_out_at)

    @property
    def shown_address(self) -> str:
        """The address for a page or an answer; one that does not open says so instead of breaking the page."""
        try:
            return self.address
        except Unreadable:
            return UNREADABLE_ADDRESS


@pghistory.track()
class ContactPreference(models.Model):
    """When and how a patient wants to be reached (quiet hours are local to the patient)."""

    patient = models.OneToOneField(Patient, on_delete=models.CASCADE, related_name="contact_preference")
    quiet_from = models.TimeField(default="21:30")
    quiet_until = models.TimeField(default="08:00")
    all_messages_stopped_at = models.DateTimeField(null=True, blank=True)
    messages_held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )


@pghistory.track()
class Contraindication(models.Model):
    """Something that speaks against treatment, coded (sessions/eligibility.py), recorded by a named person."""

    class Severity(models.TextChoices):
        ABSOLUTE = "absolute", "Rules treatment out"
        CAUTION = "caution", "Needs a prescriber's decision"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="contraindications")
    kind = models.CharField(max_length=40)
    severity = models.CharField(max_length=8, choices=Severity)
    note = models.CharField(max_length=300, blank=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    recorded_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-recorded_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "kind"],
                condition=Q(resolved_at__isnull=True),
                name="contraindication_open_once",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=["absolute", "caution"]), name="contraindication_severity_known"
            ),
        ]


@pghistory.track()
class PriorExposure(models.Model):
    """Ketamine or esketamine given elsewhere before; counts in numbering, gaps and lifetime exposure."""

    ROUTES: ClassVar = ("iv", "im", "sc", "oral", "intranasal")

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="prior_exposures")
    route = models.CharField(max_length=10, choices=[(name, name) for name in ROUTES])
    count = models.PositiveSmallIntegerField()
    first_on = models.DateField(null=True, blank=True)
    last_on = models.DateField(null=True, blank=True)
    total_mg = models.DecimalField(max_digits=8, decimal_places=1, null=True, blank=True)
    source = models.CharField(max_length=200)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    recorded_at = models.DateTimeField()

    objects = PriorExposureQuerySet.as_manager()

    class Meta:
        ordering = ["-recorded_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(count__gte=1, count__lte=2000), name="exposure_count_in_range"
            ),
            models.CheckConstraint(
                condition=Q(first_on__isnull=True) | Q(last_on__isnull=True) | Q(first_on__lte=F("last_on")),
                name="exposure_dates_in_order",
            ),
        ]


from patients.models_cover import PatientCover  # noqa: E402, F401 - it names Patient by its label
from patients.models_external import ExternalTherapist, TherapistRelease  # noqa: E402, F401 - as well
from patients.models_representative import LegalRepresentative  # noqa: E402, F401 - as well
