"""Which facts a person may see, and the filters that several places need. Only filters; no writes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q

from staff import roles

if TYPE_CHECKING:
    from staff.models import User


def patient_scope(user: User, path: str = "patient") -> Q:
    """Rows whose patient (at `path`, "" for the patient itself) this person may see.

    The care team sees its sites. Somebody who is only a therapist sees assigned patients and, at their sites,
    patients without a therapist.
    """
    lead = f"{path}__" if path else ""
    at_sites = Q(**{f"{lead}site_id__in": user.site_ids()})
    if user.role_names & roles.CARE_TEAM:
        return at_sites
    if roles.THERAPIST in user.role_names:
        mine, unassigned = Q(**{f"{lead}therapist": user}), Q(**{f"{lead}therapist__isnull": True})
        return mine | (at_sites & unassigned)
    return Q(pk__in=[])


class PatientFacts(models.QuerySet[Any]):
    """Facts that name their patient directly."""

    def visible_to(self, user: User) -> PatientFacts:
        """Facts of the patients this person may see."""
        return self.filter(patient_scope(user))


class InfusionFacts(models.QuerySet[Any]):
    """Facts that belong to an infusion."""

    def visible_to(self, user: User) -> InfusionFacts:
        """Facts of the infusions this person may see."""
        return self.filter(patient_scope(user, "infusion__patient"))


class InfusionQuerySet(PatientFacts):
    """Infusion records."""

    def started(self) -> InfusionQuerySet:
        """The pump has run."""
        return self.filter(started_at__isnull=False)

    def for_record(self) -> InfusionQuerySet:
        """With what the record page and the services read anyway."""
        return self.select_related(
            "patient", "site", "protocol_version__template", "ordered_by", "weighed_by", "order_cosigned_by"
        )


class PumpEventQuerySet(InfusionFacts):
    """Lines of the pump log."""

    def live(self) -> PumpEventQuerySet:
        """Neither struck nor superseded: the log itself."""
        return self.filter(withdrawn_at__isnull=True)


class VitalSignsQuerySet(InfusionFacts):
    """Rows of the vitals grid."""

    def live(self) -> VitalSignsQuerySet:
        """Not withdrawn."""
        return self.filter(withdrawn_at__isnull=True)


class SupersededQuerySet(InfusionFacts):
    """Rows of which one is current and the older ones stay readable."""

    def current(self) -> SupersededQuerySet:
        """Not superseded."""
        return self.filter(superseded_at__isnull=True)


class ConsentQuerySet(PatientFacts):
    """Consents to a protocol's text."""

    def in_force(self, at: datetime) -> ConsentQuerySet:
        """Given, not expired (end exclusive) and not withdrawn at `at`."""
        return self.filter(given_at__lte=at, valid_until__gt=at).filter(
            Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gt=at)
        )


class SessionFacts(models.QuerySet[Any]):
    """Notes, which belong to a therapy session."""

    def visible_to(self, user: User) -> SessionFacts:
        """Notes on the patients this person may see."""
        return self.filter(patient_scope(user, "session__patient"))
