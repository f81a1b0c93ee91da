"""Protocol templates and their versions. The text of a published version never changes (trigger
`version_text_is_fixed`).

A version's text is one JSON document (`definition`), read and hashed by `definition_codec`. The numbers that
a wrong value could hurt someone with are generated columns over that document, so that PostgreSQL checks them
too.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from protocols.definition import ProtocolDefinition
from protocols.definition_codec import load
from protocols.querysets import ProtocolTemplateQuerySet, ProtocolVersionQuerySet

# Approval by the author alone waits this long after submission and stays marked (decisions 2.10).
SOLE_APPROVAL_WAIT = timedelta(hours=24)


def _number(path: str, section: str = "dose") -> models.Expression:
    return Cast(
        KeyTextTransform(path, KeyTextTransform(section, "definition")),
        models.DecimalField(max_digits=8, decimal_places=3),
    )


# Published text never changes, so a process reads each one once; keyed by the digest that is bound to it.
_PUBLISHED: dict[str, ProtocolDefinition] = {}
MOST_CACHED = 256


@pghistory.track()
class ProtocolTemplate(models.Model):
    """A named protocol; its texts are versions."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    summary = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    objects = ProtocolTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class ProtocolVersion(models.Model):
    """One text of a template: draft, in review, active, superseded or retired. Immutable once it left review."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        IN_REVIEW = "in-review", "In review"
        ACTIVE = "active", "Active"
        SUPERSEDED = "superseded", "Superseded"
        RETIRED = "retired", "Retired"

    EDITABLE: ClassVar = frozenset({Status.DRAFT})
    PUBLISHED: ClassVar = frozenset({Status.ACTIVE, Status.SUPERSEDED, Status.RETIRED})

    class Approval(models.TextChoices):
        SECOND_PERSON = "second-person", "Approved by a second person"
        SOLE = "sole", "Sole approval, no second reviewer"
        OUTSIDE = "outside", "Approved by an outside reviewer"
        SHIPPED = "shipped", "Shipped with the product"

    class Running(models.TextChoices):
        FINISH = "finish", "Series that run finish on it"
        HOLD = "hold", "Hold every next infusion (safety)"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    template = models.ForeignKey(ProtocolTemplate, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    definition = models.JSONField()
    sha256 = models.CharField(max_length=64)
    # The boxes of the editor while not all of them are right; `definition` then is the last text that was.
    working = models.JSONField(null=True, blank=True)
    change_note = models.CharField(max_length=500, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="authored_versions"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="approved_versions",
        null=True,
        blank=True,
    )
    approval = models.CharField(max_length=14, choices=Approval, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    returned_note = models.CharField(max_length=500, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    # What retiring it means for series that run on it; empty until then.
    running_series = models.CharField(max_length=6, choices=Running, blank=True)
    last_reviewed_on = models.DateField(null=True, blank=True)
    next_review_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    objects = ProtocolVersionQuerySet.as_manager()

    dose_mg_per_kg = models.GeneratedField(
        expression=_number("mg_per_kg"),
        output_field=models.DecimalField(max_digits=8, decimal_places=3),
        db_persist=True,
    )
    ceiling_mg = models.GeneratedField(
        expression=_number("ceiling_mg"),
        output_field=models.DecimalField(max_digits=8, decimal_places=3),
        db_persist=True,
    )
    infusion_minutes = models.GeneratedField(
        expression=_number("infusion_minutes"),
        output_field=models.DecimalField(max_digits=8, decimal_places=3),
        db_persist=True,
    )
    observe_from_start_minutes = models.GeneratedField(
        expression=_number("observe_from_start_minutes", "discharge"),
        output_field=models.DecimalField(max_digits=8, decimal_places=3),
        db_persist=True,
    )

    class Meta:
        ordering = ["template", "-number"]
        constraints = [
            models.UniqueConstraint(F("template"), F("number"), name="version_number_once_per_template"),
            models.UniqueConstraint(
                fields=["template"], condition=Q(status="active"), name="one_active_version_per_template"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "in-review", "active", "superseded", "retired"]),
                name="version_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="draft") | Q(working__isnull=True), name="version_unfinished_only_as_draft"
            ),
            models.CheckConstraint(
                condition=Q(dose_mg_per_kg__gte="0.1", dose_mg_per_kg__lte="1.0"),
                name="version_dose_in_range",
            ),
            models.CheckConstraint(
                condition=Q(ceiling_mg__gt=0, ceiling_mg__lte=200), name="version_ceiling_in_range"
            ),
            models.CheckConstraint(
                condition=Q(infusion_minutes__gte=30, infusion_minutes__lte=100),
                name="version_minutes_in_range",
            ),
            models.CheckConstraint(
                condition=Q(observe_from_start_minutes__gte=120), name="version_observation_long_enough"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "in-review"])
                | Q(approved_at__isnull=False, activated_at__isnull=False)
                & (Q(approved_by__isnull=False) | Q(approval="outside")),
                name="version_published_only_when_approved",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "in-review"])
                | Q(approval__in=["second-person", "sole", "outside", "shipped"]),
                name="version_approval_known",
            ),
            models.CheckConstraint(
                condition=Q(status="retired", running_series__in=["finish", "hold"])
                | ~Q(status="retired") & Q(running_series=""),
                name="version_retired_says_what_runs_on",
            ),
            models.CheckConstraint(
                condition=~Q(approval="second-person") | ~Q(approved_by=F("author")),
                name="version_author_is_not_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(approval="sole")
                | Q(submitted_at__isnull=False, approved_at__gte=F("submitted_at") + SOLE_APPROVAL_WAIT),
                name="version_sole_approval_waits_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template.name} v{self.number}"

    @property
    def outside_approval(self) -> OutsideReview | None:
        """The signed answer that published it, when that was an outside reviewer's."""
        if self.approval != self.Approval.OUTSIDE:
            return None
        rows = self.outside_reviews.filter(answer="approved", sha256=self.sha256)
        return rows.order_by("-answered_at").first()

    @property
    def held(self) -> bool:
        """Withdrawn for safety: no infusion starts on it."""
        return self.running_series == self.Running.HOLD

    def read(self) -> ProtocolDefinition:
        """The frozen text."""
        if self.status == self.Status.DRAFT:
            return load(self.definition)
        if self.sha256 not in _PUBLISHED:
            if len(_PUBLISHED) >= MOST_CACHED:
                _PUBLISHED.clear()
            _PUBLISHED[self.sha256] = load(self.definition)
        return _PUBLISHED[self.sha256]


@pghistory.track()
class ProtocolDocument(models.Model):
    """A consent or education text that belongs to one version; `change` says what a new text asks of
    patients.
    """

    class Kind(models.TextChoices):
        CONSENT = "consent", "Consent"
        EDUCATION = "education", "Education"

    class Change(models.TextChoices):
        MATERIAL = "material", "Material: patients consent again"
        NOTICE = "notice", "Notice only"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    protocol_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=10, choices=Kind)
    title = models.CharField(max_length=160)
    body = models.TextField()
    change = models.CharField(max_length=10, choices=Change, default=Change.MATERIAL)
    # What the author had marked when the approver confirmed or changed it; empty until the approval.
    author_change = models.CharField(max_length=10, choices=Change, blank=True)
    change_reason = models.CharField(max_length=300, blank=True)
    change_decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    class Meta:
        ordering = ["kind"]
        constraints = [
            models.UniqueConstraint(
                F("protocol_version"), F("kind"), name="one_document_of_a_kind_per_version"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["consent", "education"]), name="document_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(author_change="")
                | Q(author_change=F("change"), change_decided_by__isnull=False)
                | Q(change_decided_by__isnull=False) & ~Q(change_reason=""),
                name="other_change_than_the_authors_says_why",
            ),
        ]

    def __str__(self) -> str:
        return self.title


@pghistory.track()
class RationaleAcknowledgement(models.Model):
    """A member of staff has read why a version is as it is: its thesis, evidence and limits. Once per version."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="acknowledgements")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="acknowledged_versions"
    )
    sha256 = models.CharField("fingerprint of the text that was read", max_length=64)
    acknowledged_at = models.DateTimeField()

    class Meta:
        ordering = ["acknowledged_at"]
        constraints = [
            models.UniqueConstraint(F("version"), F("user"), name="rationale_acknowledged_once"),
        ]


from protocols.models_outside import OutsideReview  # noqa: E402 - it names ProtocolVersion by its label
