"""Which patients a person may see, and how they are found. Only filters; nothing here writes."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.postgres.search import TrigramSimilarity, TrigramWordSimilarity
from django.db import models
from django.db.models import F, Func, Max, Q, Sum, Value
from django.db.models.functions import Coalesce, Concat

from patients.alike import SIMILAR_NAME, SIMILAR_NAME_SAME_BIRTH_DATE
from staff import roles

if TYPE_CHECKING:
    from patients.models import Patient  # noqa: F401 - names the rows of PatientQuerySet
    from staff.models import User

SOUNDS_LIKE = 0.4
FULL_NAME = Concat(F("family_name"), Value(" "), F("given_name"))
MOST_WORDS = 5
_DAY_MONTH = ("%d %b %Y", "%d %B %Y", "%d.%m.%Y")


def scope(user: User, prefix: str = "") -> Q:
    """The patients `user` may see, as a condition on a patient reached by `prefix` ("" or "patient__").

    Care team: everybody at the person's sites. Therapist: patients assigned to them, unassigned ones at their
    sites, and those they cover at present. Nobody else sees patients at all.
    """
    held, sites = user.role_names, user.site_ids()
    seen = Q(pk__in=[])
    if held & roles.CARE_TEAM:
        seen |= Q(**{f"{prefix}site__in": sites})
    if roles.THERAPIST in held:
        seen |= Q(**{f"{prefix}therapist": user})
        seen |= Q(**{f"{prefix}therapist__isnull": True, f"{prefix}site__in": sites})
        seen |= Q(**{f"{prefix}pk__in": _covered_by(user)})
    return seen


def _covered_by(user: User) -> Any:
    """Primary keys of the patients whom this person covers now, as a subquery; the database reads its own clock."""
    now = Func(function="app_now", output_field=models.DateTimeField())
    covers = apps.get_model("patients", "PatientCover").objects.filter(
        user=user, from_at__lte=now, until_at__gt=now, ended_at__isnull=True
    )
    return covers.values("patient")


def read_birth_date(text: str) -> date | None:
    """A whole birth date as people type it into a search box; None when it is not one.

    "03/04/1984" is not read: it is March in one country and April in another.
    """
    plain = " ".join(text.split())
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", plain, re.ASCII):
        try:
            return date.fromisoformat(plain)
        except ValueError:
            return None
    for pattern in _DAY_MONTH:
        try:
            return datetime.strptime(plain, pattern).date()  # noqa: DTZ007 - a calendar day has no zone
        except ValueError:
            continue
    return None


class PatientQuerySet(models.QuerySet["Patient"]):
    """Patients, limited to a person and found by what is on their paper."""

    def visible_to(self, user: User) -> PatientQuerySet:
        """Only those `user` may see."""
        return self.filter(scope(user))

    def with_people(self) -> PatientQuerySet:
        """Site, therapists and prescriber in the same query."""
        return self.select_related("site", "therapist", "prescriber", "external_therapist")

    def matching(self, text: str) -> PatientQuerySet:
        """Every word is part of the name or begins the record number; or the whole text is the birth date."""
        born = read_birth_date(text)
        if born is not None:
            return self.filter(birth_date=born)
        found = self
        for word in text.replace(",", " ").split()[:MOST_WORDS]:
            found = found.filter(
                Q(given_name__icontains=word) | Q(family_name__icontains=word) | Q(mrn__istartswith=word)
            )
        return found

    def sounding_like(self, text: str) -> PatientQuerySet:
        """Names with a part like `text`, most alike first: for a search that found nothing."""
        likeness = TrigramWordSimilarity(text, FULL_NAME)
        return self.annotate(alike=likeness).filter(alike__gte=SOUNDS_LIKE).order_by("-alike", "pk")

    def similar_to(self, *, given_name: str, family_name: str, birth_date: date) -> PatientQuerySet:
        """Patients who could be confused with this person: alike in name, or less alike with the same birth
        date.
        """
        near: Any = Q(alike__gte=SIMILAR_NAME) | Q(
            alike__gte=SIMILAR_NAME_SAME_BIRTH_DATE, birth_date=birth_date
        )
        rows: Any = self._with_alikeness(f"{family_name} {given_name}")  # annotated, which the stubs lose
        return rows.filter(near).order_by("-alike", "pk")

    def _with_alikeness(self, text: str) -> PatientQuerySet:
        return self.annotate(alike=TrigramSimilarity(FULL_NAME, text))


class OfPatientQuerySet(models.QuerySet[Any]):
    """Rows that belong to a patient are visible with that patient."""

    def visible_to(self, user: User) -> OfPatientQuerySet:
        """Only rows of patients `user` may see."""
        return self.filter(scope(user, "patient__"))


class PriorExposureQuerySet(OfPatientQuerySet):
    """Treatment elsewhere."""

    def last_day(self) -> date | None:
        """The last day on which any of it was given, as far as known; None when no day is."""
        found: date | None = self.aggregate(day=Max(Coalesce("last_on", "first_on")))["day"]
        return found

    def counted(self) -> int:
        """How many treatments that is."""
        return int(self.aggregate(count=Sum("count"))["count"] or 0)
