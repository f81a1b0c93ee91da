"""What the API takes and gives about protocols."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from protocols.lexicon import LONGEST_TEXT
from protocols.models import OutsideReview, ProtocolDocument, ProtocolTemplate, ProtocolVersion
from protocols.services.outside import USUAL_DAYS, WORKS_FOR_DAYS
from staff.api import StrictBooleanField, StrictCharField, StrictSerializer


class TemplateSerializer(serializers.Serializer[ProtocolTemplate]):
    """A named protocol and its active version, if it has one."""

    code = serializers.UUIDField(read_only=True)
    slug = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    summary = serializers.CharField(read_only=True)
    active_version = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(read_only=True)

    def get_active_version(self, template: ProtocolTemplate) -> str | None:
        """Code of the active version; read from the prefetched ladder."""
        ladder: list[ProtocolVersion] = template.ladder  # type: ignore[attr-defined]  # with_ladder()
        active = next((item for item in ladder if item.status == ProtocolVersion.Status.ACTIVE), None)
        return str(active.code) if active else None


class DocumentSerializer(serializers.Serializer[ProtocolDocument]):
    """A consent or education text."""

    code = serializers.UUIDField(read_only=True)
    kind = serializers.ChoiceField(choices=ProtocolDocument.Kind.choices, read_only=True)
    title = serializers.CharField(read_only=True)
    body = serializers.CharField(read_only=True)
    change = serializers.ChoiceField(choices=ProtocolDocument.Change.choices, read_only=True)


class VersionSerializer(serializers.Serializer[ProtocolVersion]):
    """One text of a template, without the text itself."""

    code = serializers.UUIDField(read_only=True)
    template = serializers.UUIDField(source="template.code", read_only=True)
    number = serializers.IntegerField(read_only=True)
    status = serializers.ChoiceField(choices=ProtocolVersion.Status.choices, read_only=True)
    sha256 = serializers.CharField(read_only=True)
    change_note = serializers.CharField(read_only=True)
    author = serializers.UUIDField(source="author.code", read_only=True)
    approved_by = serializers.UUIDField(source="approved_by.code", default=None, read_only=True)
    approval = serializers.CharField(read_only=True)
    outside_reviewer = serializers.CharField(source="outside_signer", default=None, read_only=True)
    submitted_at = serializers.DateTimeField(allow_null=True, read_only=True)
    approved_at = serializers.DateTimeField(allow_null=True, read_only=True)
    activated_at = serializers.DateTimeField(allow_null=True, read_only=True)
    retired_at = serializers.DateTimeField(allow_null=True, read_only=True)
    running_series = serializers.CharField(read_only=True)
    last_reviewed_on = serializers.DateField(allow_null=True, read_only=True)
    next_review_on = serializers.DateField(allow_null=True, read_only=True)
    version = serializers.IntegerField(read_only=True)


class VersionTextSerializer(VersionSerializer):
    """One text of a template, whole."""

    definition = serializers.DictField(read_only=True)
    documents = DocumentSerializer(many=True, read_only=True)


class DraftSerializer(StrictSerializer):
    """The new text of a draft. Its fields are checked by the definition's own rules, each named in the
    answer.
    """

    definition = serializers.DictField()
    change_note = StrictCharField(max_length=500, required=False, allow_blank=True)


class ImportSerializer(StrictSerializer):
    """A protocol file as text, and the name it gets here."""

    name = StrictCharField(max_length=120)
    slug = StrictCharField(max_length=50)
    content = serializers.CharField(max_length=262_144, trim_whitespace=False)  # read strictly as a file


class ReviseSerializer(StrictSerializer):
    """A new draft from a published version."""

    change_note = StrictCharField(max_length=500, required=False, allow_blank=True)


@extend_schema_serializer(component_name="ProtocolReason")
class ReasonSerializer(StrictSerializer):
    """Why."""

    reason = StrictCharField(max_length=500)


@extend_schema_serializer(component_name="ProtocolRetire")
class RetireSerializer(ReasonSerializer):
    """Why, and what happens to series that run on it."""

    running = serializers.ChoiceField(choices=ProtocolVersion.Running.choices)


class ApproveSerializer(StrictSerializer):
    """The fingerprint of the text that was read; what its documents ask of patients, where not as the author marked."""

    sha256 = StrictCharField(min_length=64, max_length=64)
    consent_change = serializers.ChoiceField(choices=ProtocolDocument.Change.choices, required=False)
    education_change = serializers.ChoiceField(choices=ProtocolDocument.Change.choices, required=False)
    change_reason = StrictCharField(max_length=300, required=False, allow_blank=True)


class OutsideReviewSerializer(serializers.ModelSerializer[OutsideReview]):
    """A link to a reviewer outside the clinic, and the answer. The link itself is only in the message."""

    sent_by = serializers.UUIDField(source="sent_by.code", read_only=True)

    class Meta:
        model = OutsideReview
        fields = (
            "code", "name", "email", "sha256", "text_sha256", "sent_by", "sent_at", "expires_at", "handed_over_at",
            "answered_at", "answer", "signed_name", "registration", "remarks", "ended_at",
        )  # fmt: skip
        read_only_fields = fields


class OutsideAskSerializer(StrictSerializer):
    """Who is asked, and for how many days the link works."""

    name = StrictCharField(max_length=120)
    email = StrictCharField(max_length=254)
    days = serializers.ChoiceField(choices=WORKS_FOR_DAYS, default=USUAL_DAYS)


class OutsideCodeSerializer(StrictSerializer):
    """Which link."""

    code = serializers.UUIDField()


class NothingSerializer(StrictSerializer):
    """An act without details: an empty object."""


class ExactTextField(serializers.CharField):
    """Text as it was sent: nothing is trimmed, because places in it are answered."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class LanguageSerializer(StrictSerializer):
    """A text to check. `markdown`: indented blocks are code."""

    text = ExactTextField(max_length=LONGEST_TEXT, trim_whitespace=False)
    markdown = StrictBooleanField(default=False)


class LanguageFindingSerializer(serializers.Serializer[dict[str, Any]]):
    """One place: line and column from 1, in code points."""

    line = serializers.IntegerField(read_only=True)
    column = serializers.IntegerField(read_only=True)
    match = serializers.CharField(read_only=True)
    severity = serializers.ChoiceField(choices=["error", "warning"], read_only=True)
    suggestion = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)


class LanguageFindingsSerializer(serializers.Serializer[dict[str, Any]]):
    """What was found, in document order."""

    errors = serializers.IntegerField(read_only=True)  # type: ignore[assignment]  # a name of the base class too
    warnings = serializers.IntegerField(read_only=True)
    findings = LanguageFindingSerializer(many=True, read_only=True)
