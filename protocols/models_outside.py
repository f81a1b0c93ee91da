"""Review of a protocol text by somebody outside the clinic, through a signed link (decisions 2.10)."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

USER = settings.AUTH_USER_MODEL


@pghistory.track(exclude=["token_hash"])
class OutsideReview(models.Model):
    """One link for one named reviewer, one text, one answer. Only the SHA-256 of its token is stored.

    `sha256` is the fingerprint of the definition, `text_sha256` that of the definition with both documents: what the
    reviewer read and signed. Answered or ended, a row never changes again (trigger `outside_review_is_fixed`).
    """

    class Answer(models.TextChoices):
        APPROVED = "approved", "Approved"
        RETURNED = "returned", "Returned with remarks"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    version = models.ForeignKey(
        "protocols.ProtocolVersion", on_delete=models.PROTECT, related_name="outside_reviews"
    )
    name = models.CharField("name of the reviewer", max_length=120)
    email = models.EmailField(max_length=254)
    sha256 = models.CharField(max_length=64)
    text_sha256 = models.CharField(max_length=64)
    token_hash = models.CharField(max_length=64, unique=True)
    sent_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # When the mail server last took the message; empty while it could not be handed over.
    handed_over_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=8, choices=Answer, blank=True)
    signed_name = models.CharField(max_length=120, blank=True)
    registration = models.CharField(max_length=80, blank=True)
    remarks = models.CharField(max_length=500, blank=True)
    # Taken back by a person, or ended because the text left the review.
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    class Meta:
        ordering = ["-sent_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                F("version"),
                Lower("email"),
                condition=Q(answered_at__isnull=True, ended_at__isnull=True),
                name="one_open_link_per_reviewer",
            ),
            models.CheckConstraint(
                condition=Q(token_hash__regex=r"^[0-9a-f]{64}$"),  # noqa: S106 - a pattern
                name="outside_token_is_hashed",
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("sent_at")), name="outside_link_expires"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, answer="")
                | Q(answered_at__isnull=False, answer__in=["approved", "returned"]),
                name="outside_answer_known",
            ),
            models.CheckConstraint(
                condition=Q(answer="") | ~Q(signed_name="") & ~Q(registration=""),
                name="outside_reviewer_says_who",
            ),
            models.CheckConstraint(
                condition=~Q(answer="returned") | ~Q(remarks=""), name="outside_return_says_why"
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(answered_at__lt=F("expires_at")),
                name="outside_answer_in_time",
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(ended_at__isnull=True),
                name="outside_answered_or_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.version}"

    @property
    def waits(self) -> bool:
        """Neither answered nor ended; it may have run out."""
        return self.answered_at is None and self.ended_at is None
