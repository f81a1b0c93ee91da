"""Which facts a person may see, and the filters that several places need. Only filters; no writes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q

from patients.querysets import scope

if TYPE_CHECKING:
    from staff.models import User


class PatientFacts(models.QuerySet[Any]):
    """Facts that name their patient directly."""

    def visible_to(self, user: User) -> Self:
        """Facts of the patients this person may see."""
        return self.filter(scope(user, "patient__"))


class SupersededPatientFacts(PatientFacts):
    """Facts of a patient of which one is current and the older ones stay readable."""

    def current(self) -> Self:
        """Not superseded."""
        return self.filter(superseded_at__isnull=True)


class InfusionFacts(models.QuerySet[Any]):
    """Facts that belong to an infusion."""

    def visible_to(self, user: User) -> Self:
        """Facts of the infusions this person may see."""
        return self.filter(scope(user, "infusion__patient__"))


class InfusionQuerySet(PatientFacts):
    """Infusion records."""

    def started(self) -> Self:
        """The pump has run."""
        return self.filter(started_at__isnull=False)

    def for_record(self) -> Self:
        """With what the record page and the services read anyway."""
        return self.select_related(
            "patient__site", "site", "protocol_version__template", "opened_by", "ordered_by", "weighed_by",
            "order_cosigned_by",
        )  # fmt: skip


class StruckQuerySet(InfusionFacts):
    """Rows that may be struck: they stay readable and count no more."""

    def live(self) -> Self:
        """Not struck (nor, for a pump log, superseded)."""
        return self.filter(withdrawn_at__isnull=True)


class PumpEventQuerySet(StruckQuerySet):
    """Lines of the pump log."""


class VitalSignsQuerySet(StruckQuerySet):
    """Rows of the vitals grid."""


class SupersededQuerySet(InfusionFacts):
    """Rows of which one is current and the older ones stay readable."""

    def current(self) -> Self:
        """Not superseded."""
        return self.filter(superseded_at__isnull=True)


class ConsentQuerySet(PatientFacts):
    """Consents to a protocol's text."""

    def in_force(self, at: datetime) -> Self:
        """Given, not expired (end exclusive) and not withdrawn at `at`."""
        return self.filter(given_at__lte=at, valid_until__gt=at).filter(
            Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gt=at)
        )


class SessionFacts(models.QuerySet[Any]):
    """Notes, which belong to a therapy session."""

    def visible_to(self, user: User) -> Self:
        """Notes on the patients this person may see."""
        return self.filter(scope(user, "session__patient__"))


class SiteGateQuerySet(models.QuerySet[Any]):
    """A site's own gates."""

    def visible_to(self, user: User) -> Self:
        """Those of the sites where this person works."""
        return self.filter(site__in=user.site_ids())

    def in_use(self, at: datetime) -> Self:
        """Added by `at` and not retired by then."""
        return self.filter(created_at__lte=at).filter(Q(retired_at__isnull=True) | Q(retired_at__gt=at))


class GateAnswerQuerySet(PatientFacts):
    """Answers to gates."""

    def current(self) -> Self:
        """Not superseded."""
        return self.filter(superseded_at__isnull=True)


class EligibilityQuerySet(PatientFacts):
    """Signed eligibility lists."""

    def standing(self) -> Self:
        """Neither withdrawn nor replaced by a later signature."""
        return self.filter(withdrawn_at__isnull=True, superseded_at__isnull=True)
