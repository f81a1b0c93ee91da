"""People who work in the clinic, the sites they work at, and the licences they hold."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, ClassVar

import pghistory
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.contrib.postgres.functions import RandomUUID
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from staff import roles
from staff.zones import known_zones


def validate_time_zone(name: str) -> None:
    """Only IANA names that this system can resolve."""
    if name not in known_zones():
        raise ValidationError("Not an IANA time zone name, such as America/Los_Angeles.", code="time-zone")


@pghistory.track()
class Site(models.Model):
    """A place where infusions are given. All of its opening hours and days are in its own time zone."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=120, unique=True)
    short_name = models.CharField(max_length=24)
    time_zone = models.CharField(max_length=64, validators=[validate_time_zone])
    country = models.CharField(max_length=2, default="US")
    subdivision = models.CharField(max_length=6, blank=True)
    phone = models.CharField(max_length=32)
    address = models.CharField(max_length=200, blank=True)
    open_on_holidays = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(time_zone=""), name="site_has_time_zone"),
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="site_country_is_iso"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def jurisdiction(self) -> str:
        """Country and subdivision, as licences name it: `US-OR`, or `GB` where there is no subdivision."""
        return f"{self.country}-{self.subdivision}" if self.subdivision else self.country


class UserManager(BaseUserManager["User"]):
    """Creates users by e-mail address."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A staff member. `password` None makes the account unusable for password sign-in."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An account that may also use the technical admin pages."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


@pghistory.track(exclude=["last_login", "password"])
class User(AbstractBaseUser, PermissionsMixin):
    """One person, with any number of roles (groups) at one or more sites. Signs in by e-mail address."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=120)
    title = models.CharField(max_length=60, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(auto_now_add=True)
    sites = models.ManyToManyField(Site, related_name="staff", blank=True)
    languages = models.CharField(max_length=60, default="en", help_text="Comma-separated, such as en,es.")
    invited_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]
    objects = UserManager()

    class Meta:
        ordering = ["full_name"]
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_ignoring_case"),
            models.CheckConstraint(condition=~Q(full_name=""), name="user_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        """Initials-free short form for lists."""
        return self.full_name

    def may(self, action: str) -> bool:
        """Whether any of this person's roles allows `action` (staff/roles.py); inactive people may nothing."""
        return self.is_active and self.has_perm(f"staff.{roles.codename(action)}")

    @property
    def role_names(self) -> frozenset[str]:
        """Names of the roles held; cached for the request."""
        if not hasattr(self, "_role_names"):
            self._role_names = frozenset(self.groups.values_list("name", flat=True))
        return self._role_names

    def site_ids(self) -> frozenset[int]:
        """Primary keys of the sites this person works at; cached for the request."""
        if not hasattr(self, "_site_ids"):
            self._site_ids = frozenset(self.sites.values_list("pk", flat=True))
        return self._site_ids


@pghistory.track(pghistory.InsertEvent("role.given"), pghistory.DeleteEvent("role.taken"), obj_field=None)
class HeldRole(User.groups.through):  # type: ignore[name-defined]  # its table
    """A role that a person holds, written through `User.groups`; its history says who gave or took it."""

    class Meta:
        proxy = True


@pghistory.track(pghistory.InsertEvent("site.given"), pghistory.DeleteEvent("site.taken"), obj_field=None)
class Workplace(User.sites.through):  # type: ignore[name-defined]  # its table
    """A site that a person works at. Written through `User.sites`."""

    class Meta:
        proxy = True


@pghistory.track()
class Licence(models.Model):
    """A licence to practise: valid in one jurisdiction, from its first to its last day (end exclusive)."""

    class Profession(models.TextChoices):
        PRESCRIBER = "prescriber", "Prescriber"
        THERAPIST = "therapist", "Therapist"
        NURSE = "nurse", "Nurse"

    code = models.UUIDField(unique=True, editable=False, db_default=RandomUUID())
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="licences")
    profession = models.CharField(max_length=12, choices=Profession)
    jurisdiction = models.CharField(max_length=8)
    number = models.CharField(max_length=40)
    valid_during: Any = DateRangeField()  # the start is always set, which the type stubs cannot express
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["user", "jurisdiction"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_during__isempty=False) & Q(valid_during__lower_inf=False),
                name="licence_has_a_start",
            ),
            models.CheckConstraint(
                condition=Q(jurisdiction__regex=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$"),
                name="licence_jurisdiction_is_iso",
            ),
            ExclusionConstraint(
                name="licence_one_at_a_time",
                expressions=[
                    ("user", RangeOperators.EQUAL),
                    ("profession", RangeOperators.EQUAL),
                    ("jurisdiction", RangeOperators.EQUAL),
                    ("valid_during", RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_profession_display()} {self.jurisdiction} {self.number}"

    def covers(self, jurisdiction: str, day: date) -> bool:
        """Whether it is valid in `jurisdiction` on `day`."""
        valid = self.valid_during
        return (
            self.jurisdiction == jurisdiction
            and valid.lower <= day
            and (valid.upper is None or day < valid.upper)
        )


class ClockOffset(models.Model):
    """The single row that moves `app_now()` in a demo or test database. A trigger guards it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    offset_by = models.DurationField()
    frozen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="clock_offset_is_one_row")]


class DatabaseEnvironment(models.Model):
    """What this database is for. Written by its owner only (`mark_database`); the app role may read it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    kind = models.CharField(max_length=10, default="production")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="environment_is_one_row"),
            models.CheckConstraint(
                condition=Q(kind__in=["production", "demo", "test"]), name="environment_kind_known"
            ),
        ]


class IdempotencyRecord(models.Model):
    """Answer already given to a POST with this key, so that a repeat gets the same one (kept 24 hours)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    key = models.CharField(max_length=80)
    route = models.CharField(max_length=120)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                F("user"), F("key"), F("route"), name="idempotency_key_once_per_user_and_route"
            )
        ]
