"""Which protocol texts a person may see. Only filters; nothing here writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import CharField, OuterRef, Prefetch, Subquery, Value
from django.db.models.functions import Concat

if TYPE_CHECKING:
    from protocols.models import ProtocolTemplate, ProtocolVersion  # noqa: F401 - names the rows
    from staff.models import User

UNPUBLISHED = ("draft", "in-review")
PUBLISHED = ("active", "superseded", "retired")


def sees_drafts(user: User) -> bool:
    """Those who write or approve see texts that are not published yet."""
    return user.may("protocol.edit") or user.may("protocol.approve")


class ProtocolVersionQuerySet(models.QuerySet["ProtocolVersion"]):
    """Texts of templates."""

    def visible_to(self, user: User) -> ProtocolVersionQuerySet:
        """Published texts for everyone on the staff; drafts only for those who write or approve."""
        if not user.may("protocol.view"):
            return self.none()
        return self if sees_drafts(user) else self.exclude(status__in=UNPUBLISHED)

    def with_people(self) -> ProtocolVersionQuerySet:
        """Template, author and approver in the same query; `outside_signer` names an outside reviewer who approved."""
        reviews = self.model.outside_reviews.rel.related_model.objects  # type: ignore[attr-defined]  # reverse relation
        signed = reviews.filter(version=OuterRef("pk"), answer="approved").order_by("-answered_at")
        words = Concat("signed_name", Value(", "), "registration", output_field=CharField())
        rows = self.select_related("template", "author", "approved_by")
        return rows.annotate(outside_signer=Subquery(signed.annotate(words=words).values("words")[:1]))

    def open_drafts(self) -> ProtocolVersionQuerySet:
        """Texts that somebody is still writing or reviewing."""
        return self.filter(status__in=UNPUBLISHED)


class ProtocolTemplateQuerySet(models.QuerySet["ProtocolTemplate"]):
    """Named protocols."""

    def visible_to(self, user: User) -> ProtocolTemplateQuerySet:
        """Templates with a text that `user` may see; writers also see empty ones."""
        if not user.may("protocol.view"):
            return self.none()
        if sees_drafts(user):
            return self
        return self.filter(versions__status__in=PUBLISHED).distinct()

    def with_ladder(self, versions: ProtocolVersionQuerySet) -> ProtocolTemplateQuerySet:
        """Each template with `versions`, newest first, as `ladder`: two queries however many there are."""
        ordered = versions.with_people().order_by("-number")
        return self.prefetch_related(Prefetch("versions", queryset=ordered, to_attr="ladder"))
