"""What the API takes and gives about people, licences and sites. Explicit fields only; unknown keys are refused."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from staff import presenting, roles
from staff.api import StrictBooleanField, StrictCharField, StrictDateField, StrictSerializer
from staff.models import Licence, Site, User

ROLES = tuple(roles.LABELS.items())
LANGUAGES = tuple(settings.LANGUAGES)


class StaffMemberSerializer(serializers.Serializer[User]):
    """Somebody who works here or did. `state`: invited until a password was chosen, deactivated once access ended."""

    code = serializers.UUIDField(read_only=True)
    full_name = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    email = serializers.CharField(read_only=True)
    languages = serializers.SerializerMethodField()
    roles = serializers.SerializerMethodField()
    sites = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    second_step = serializers.BooleanField(source="mfa", read_only=True)
    invited_at = serializers.DateTimeField(allow_null=True, read_only=True)
    last_login = serializers.DateTimeField(allow_null=True, read_only=True)
    version = serializers.IntegerField(read_only=True)

    def get_languages(self, person: User) -> list[str]:
        """Codes of the languages spoken with patients."""
        return [code for code in person.languages.split(",") if code]

    def get_roles(self, person: User) -> list[str]:
        """Names of the roles held, in the order of the table."""
        held = {group.name for group in person.groups.all()}
        return [name for name in roles.LABELS if name in held]

    def get_sites(self, person: User) -> list[str]:
        """Codes of the sites the person works at."""
        return [str(site.code) for site in person.sites.all()]

    @extend_schema_field(serializers.ChoiceField(choices=presenting.STATE_CHOICES))
    def get_state(self, person: User) -> str:
        """Whether the person can sign in."""
        return presenting.state_of(person).name


class HandedOverSerializer(StaffMemberSerializer):
    """The person after a change of access, and in sentences what now waits on somebody's list."""

    handed_over = serializers.ListField(child=serializers.CharField(), read_only=True)


class StaffFieldsSerializer(StrictSerializer):
    """Who somebody is. To change, any of them (`partial=True`); what is not sent stays."""

    full_name = StrictCharField(max_length=120)
    title = StrictCharField(max_length=60, required=False, allow_blank=True)
    email = StrictCharField(max_length=254)
    languages = serializers.ListField(
        child=serializers.ChoiceField(choices=LANGUAGES),
        min_length=1,
        max_length=len(LANGUAGES),
        required=False,
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Nothing to change is a mistake of the caller."""
        if not attrs:
            raise serializers.ValidationError("Send at least one field to change.", code="nothing-to-change")
        return attrs


class StaffAccessSerializer(StrictSerializer):
    """All roles, and all sites by code: what is left out is taken away."""

    roles = serializers.ListField(child=serializers.ChoiceField(choices=ROLES), max_length=len(ROLES))
    sites = serializers.ListField(child=serializers.UUIDField(), max_length=200)


class StaffInviteSerializer(StaffFieldsSerializer, StaffAccessSerializer):
    """A new colleague: who, what they do here, and where."""


class StaffEndSerializer(StrictSerializer):
    """Why somebody's access ends; kept in the history."""

    reason = StrictCharField(max_length=200)


class StaffNothingSerializer(StrictSerializer):
    """An empty body."""


class LicenceSerializer(serializers.Serializer[Licence]):
    """A licence. `last_day` is included; null: no end is known. `version` is also in the ETag."""

    code = serializers.UUIDField(read_only=True)
    person = serializers.UUIDField(source="user.code", read_only=True)
    profession = serializers.ChoiceField(choices=Licence.Profession.choices, read_only=True)
    jurisdiction = serializers.CharField(read_only=True)
    number = serializers.CharField(read_only=True)
    valid_from = serializers.DateField(source="valid_during.lower", read_only=True)
    last_day = serializers.SerializerMethodField()
    version = serializers.IntegerField(read_only=True)

    def get_last_day(self, licence: Licence) -> date | None:
        """The last day on which it is valid."""
        until = licence.valid_during.upper
        return None if until is None else until - timedelta(days=1)


class LicenceAnswerSerializer(LicenceSerializer):
    """The licence after a change, and in sentences the bookings ahead that no licence covers any more."""

    handed_over = serializers.ListField(child=serializers.CharField(), read_only=True)


class LicenceFieldsSerializer(StrictSerializer):
    """A licence as it stands: from its first to its last day, both included."""

    profession = serializers.ChoiceField(choices=Licence.Profession.choices)
    jurisdiction = StrictCharField(max_length=8)
    number = StrictCharField(max_length=40)
    valid_from = StrictDateField()
    last_day = StrictDateField(required=False, allow_null=True, default=None)


class LicenceCreateSerializer(LicenceFieldsSerializer):
    """A licence of a person, by the person's code."""

    person = serializers.UUIDField()


class LicenceChangeSerializer(LicenceFieldsSerializer):
    """What was typed wrongly; what is not sent stays. To be used with `partial=True`."""

    last_day = StrictDateField(allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Nothing to change is a mistake of the caller."""
        if not attrs:
            raise serializers.ValidationError("Send at least one field to change.", code="nothing-to-change")
        return attrs


class LicenceEndSerializer(StrictSerializer):
    """The last day, included."""

    last_day = StrictDateField()


class SiteSerializer(serializers.Serializer[Site]):
    """A site. `jurisdiction`: as licences name its place."""

    code = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    short_name = serializers.CharField(read_only=True)
    phone = serializers.CharField(read_only=True)
    address = serializers.CharField(read_only=True)
    country = serializers.CharField(read_only=True)
    subdivision = serializers.CharField(read_only=True)
    jurisdiction = serializers.CharField(read_only=True)
    time_zone = serializers.CharField(read_only=True)
    open_on_holidays = serializers.BooleanField(read_only=True)
    version = serializers.IntegerField(read_only=True)


class SiteFieldsSerializer(StrictSerializer):
    """A site. Zone, country and subdivision change only while nothing is booked ahead (409)."""

    name = StrictCharField(max_length=120)
    short_name = StrictCharField(max_length=24, required=False)
    phone = StrictCharField(max_length=32)
    address = StrictCharField(max_length=200, required=False, allow_blank=True)
    country = StrictCharField(max_length=2)
    subdivision = StrictCharField(max_length=3, required=False, allow_blank=True)
    time_zone = StrictCharField(max_length=64)
    open_on_holidays = StrictBooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Nothing to change is a mistake of the caller."""
        if not attrs:
            raise serializers.ValidationError("Send at least one field to change.", code="nothing-to-change")
        return attrs
