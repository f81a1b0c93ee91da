"""What the API takes and gives about patients. Explicit fields only; unknown keys are refused."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from patients.models import ContactPoint, ExternalTherapist, LegalRepresentative, Patient, TherapistRelease
from patients.services.addresses import LONGEST
from patients.services.identity import MAX_HEIGHT_CM, MIN_HEIGHT_CM
from staff.api import (
    StrictBooleanField,
    StrictCharField,
    StrictDateField,
    StrictDecimalField,
    StrictSerializer,
)


class PatientSerializer(serializers.Serializer[Patient]):
    """A patient as stored. `version` is also in the ETag."""

    code = serializers.UUIDField(read_only=True)
    site = serializers.UUIDField(source="site.code", read_only=True)
    mrn = serializers.CharField(read_only=True)
    given_name = serializers.CharField(read_only=True)
    family_name = serializers.CharField(read_only=True)
    birth_date = serializers.DateField(read_only=True)
    sex = serializers.ChoiceField(choices=Patient.Sex.choices, read_only=True)
    height_cm = serializers.DecimalField(max_digits=4, decimal_places=1, allow_null=True, read_only=True)
    time_zone = serializers.CharField(read_only=True)
    language = serializers.CharField(read_only=True)
    interpreter = serializers.CharField(read_only=True)
    jurisdiction = serializers.CharField(read_only=True)
    therapist = serializers.UUIDField(source="therapist.code", default=None, read_only=True)
    prescriber = serializers.UUIDField(source="prescriber.code", default=None, read_only=True)
    external_therapist = serializers.UUIDField(source="external_therapist.code", default=None, read_only=True)
    status = serializers.ChoiceField(choices=Patient.Status.choices, read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    version = serializers.IntegerField(read_only=True)


class IdentityFields(StrictSerializer):
    """The fields that identify a patient, as they are sent."""

    mrn = StrictCharField(max_length=32)
    given_name = StrictCharField(max_length=80)
    family_name = StrictCharField(max_length=80)
    birth_date = StrictDateField()
    sex = serializers.ChoiceField(choices=Patient.Sex.choices)
    height_cm = StrictDecimalField(
        max_digits=4,
        decimal_places=1,
        min_value=MIN_HEIGHT_CM,
        max_value=MAX_HEIGHT_CM,
        allow_null=True,
        required=False,
    )
    time_zone = StrictCharField(max_length=64, required=False)
    language = StrictCharField(max_length=8, required=False)
    interpreter = StrictCharField(max_length=60, required=False, allow_blank=True)
    jurisdiction = StrictCharField(max_length=8, required=False)
    confirm_different = StrictBooleanField(required=False)


class PatientCreateSerializer(IdentityFields):
    """A new patient. Zone and jurisdiction default to the site's."""

    site = serializers.UUIDField()
    therapist = serializers.UUIDField(required=False, allow_null=True)
    prescriber = serializers.UUIDField(required=False, allow_null=True)


class PatientChangeSerializer(IdentityFields):
    """Any of the identity fields; what is not sent stays. To be used with `partial=True`."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Nothing to change is a mistake of the caller."""
        if not set(attrs) - {"confirm_different"}:
            raise serializers.ValidationError("Send at least one field to change.", code="nothing-to-change")
        return attrs


class TeamSerializer(StrictSerializer):
    """Therapist and prescriber, by code; null takes somebody off."""

    therapist = serializers.UUIDField(allow_null=True)
    prescriber = serializers.UUIDField(allow_null=True)


class StatusSerializer(StrictSerializer):
    """Active, inactive or deceased."""

    status = serializers.ChoiceField(choices=Patient.Status.choices)
    correction = StrictBooleanField(required=False)


class SearchSerializer(StrictSerializer):
    """What to look for. In the body, because addresses end up in logs."""

    q = StrictCharField(max_length=100)


class ContactPointSerializer(serializers.Serializer[ContactPoint]):
    """One address of a patient. `usable`: verified, consented, not opted out."""

    code = serializers.UUIDField(read_only=True)
    patient = serializers.UUIDField(source="patient.code", read_only=True)
    channel = serializers.ChoiceField(choices=ContactPoint.Channel.choices, read_only=True)
    whose = serializers.ChoiceField(choices=ContactPoint.Whose.choices, read_only=True)
    person_name = serializers.CharField(read_only=True)
    address = serializers.CharField(source="shown_address", read_only=True)
    representative = serializers.UUIDField(source="representative.code", default=None, read_only=True)
    external_therapist = serializers.UUIDField(source="external_therapist.code", default=None, read_only=True)
    preferred = serializers.BooleanField(read_only=True)
    usable = serializers.BooleanField(read_only=True)
    verified_at = serializers.DateTimeField(allow_null=True, read_only=True)
    consented_at = serializers.DateTimeField(allow_null=True, read_only=True)
    opted_out_at = serializers.DateTimeField(allow_null=True, read_only=True)
    version = serializers.IntegerField(read_only=True)


class ContactPointCreateSerializer(StrictSerializer):
    """A new address of a patient, or (`whose` escort, by name, with the patient's agreement) of who takes them home, or
    (`whose` representative, with the code of one) of a legal representative, or (`whose` external) of the patient's
    therapist outside the clinic.
    """

    patient = serializers.UUIDField()
    channel = serializers.ChoiceField(choices=ContactPoint.Channel.choices)
    address = StrictCharField(max_length=LONGEST)
    preferred = StrictBooleanField(required=False)
    whose = serializers.ChoiceField(choices=ContactPoint.Whose.choices, required=False)
    person_name = StrictCharField(max_length=80, required=False, allow_blank=True)
    patient_agrees = StrictBooleanField(required=False)
    representative = serializers.UUIDField(required=False)


class RepresentativeSerializer(serializers.ModelSerializer[LegalRepresentative]):
    """Who may sign for a patient."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)

    class Meta:
        model = LegalRepresentative
        fields = (
            "code",
            "patient",
            "name",
            "relationship",
            "authority",
            "recorded_at",
            "ended_at",
            "ended_reason",
        )
        read_only_fields = fields


class RepresentativeCreateSerializer(StrictSerializer):
    """A legal representative of a patient."""

    patient = serializers.UUIDField()
    name = StrictCharField(max_length=120)
    relationship = serializers.ChoiceField(choices=LegalRepresentative.Relationship.choices)
    authority = StrictCharField(max_length=200)


class RepresentativeEndSerializer(StrictSerializer):
    """Why it ended."""

    reason = StrictCharField(max_length=200)


class VerifySerializer(StrictSerializer):
    """The address as the patient read it back."""

    address_again = StrictCharField(max_length=LONGEST)


class NothingSerializer(StrictSerializer):
    """An act without details: an empty object."""


class ExternalTherapistSerializer(serializers.ModelSerializer[ExternalTherapist]):
    """A therapist outside the clinic, who has no sign-in here."""

    site = serializers.UUIDField(source="site.code", read_only=True)

    class Meta:
        model = ExternalTherapist
        fields = ("code", "site", "name", "practice", "jurisdiction", "licence_number", "recorded_at")
        read_only_fields = fields


class ExternalTherapistCreateSerializer(StrictSerializer):
    """The patient's therapist outside: by the code of somebody known at the site, or by name."""

    patient = serializers.UUIDField()
    known = serializers.UUIDField(required=False)
    name = StrictCharField(max_length=120, required=False, allow_blank=True, default="")
    practice = StrictCharField(max_length=120, required=False, allow_blank=True, default="")
    jurisdiction = StrictCharField(max_length=8, required=False, allow_blank=True, default="")
    licence_number = StrictCharField(max_length=40, required=False, allow_blank=True, default="")
    treats = StrictBooleanField(required=False, default=True)


class ExternalTherapyEndSerializer(StrictSerializer):
    """Whose therapy is at the clinic again."""

    patient = serializers.UUIDField()


class TherapistReleaseSerializer(serializers.ModelSerializer[TherapistRelease]):
    """A release of information: times, and nothing else."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    therapist = serializers.UUIDField(source="therapist.code", read_only=True)
    scope = serializers.CharField(read_only=True)

    class Meta:
        model = TherapistRelease
        fields = (
            "code", "patient", "therapist", "signed_on", "scope", "shown_as", "valid_until", "recorded_at",
            "revoked_at", "revoked_reason",
        )  # fmt: skip
        read_only_fields = fields


class TherapistReleaseCreateSerializer(StrictSerializer):
    """The patient has signed a release; `valid_until` is its last day, 180 days from today unless given."""

    patient = serializers.UUIDField()
    therapist = serializers.UUIDField()
    signed_on = StrictDateField()
    shown_as = serializers.ChoiceField(choices=TherapistRelease.Shown.choices)
    valid_until = StrictDateField(required=False)


class TherapistReleaseRevokeSerializer(StrictSerializer):
    """What the patient says, if anything."""

    reason = StrictCharField(max_length=200, required=False, allow_blank=True, default="")
