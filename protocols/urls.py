"""Routes of the protocol pages."""

from __future__ import annotations

from django.urls import path, register_converter

from protocols.models import ProtocolDocument
from protocols.views import comparing, editing, files, installing, language, outside, reading, review, writing


class DocumentKind:
    """`consent` or `education` in an address; anything else is no address of ours."""

    regex = "|".join(ProtocolDocument.Kind.values)

    def to_python(self, value: str) -> str:
        """As it stands."""
        return value

    def to_url(self, value: str) -> str:
        """As it stands."""
        return str(value)


register_converter(DocumentKind, "document")
VERSION = "protocols/<slug:slug>/v/<int:number>"

urlpatterns = [
    path(f"{VERSION}/rationale/", reading.version_rationale, name="version_rationale"),
    path("protocols/", reading.protocol_list, name="protocol_list"),
    path("language/", language.language_check, name="language_check"),
    path("protocols/new/", writing.protocol_new, name="protocol_new"),
    path("protocols/install/", installing.protocol_install, name="protocol_install"),
    path("protocols/import/", files.protocol_import, name="protocol_import"),
    path("protocols/schema.json", files.protocol_schema, name="protocol_schema"),
    path(f"{VERSION}/export/", files.version_export, name="version_export"),
    path("protocols/<slug:slug>/", reading.protocol_detail, name="protocol_detail"),
    path("protocols/<slug:slug>/compare/", comparing.protocol_compare, name="protocol_compare"),
    path(f"{VERSION}/duplicate/", comparing.version_duplicate, name="version_duplicate"),
    path(f"{VERSION}/", reading.version_detail, name="version_detail"),
    path(f"{VERSION}/edit/", editing.version_edit, name="version_edit"),
    path(f"{VERSION}/revise/", writing.version_revise, name="version_revise"),
    path(f"{VERSION}/submit/", review.version_submit, name="version_submit"),
    path(f"{VERSION}/term/", review.version_term, name="version_term"),
    path(f"{VERSION}/return/", review.version_return, name="version_return"),
    path(f"{VERSION}/approve/", review.version_approve, name="version_approve"),
    path(f"{VERSION}/outside/", outside.version_outside, name="version_outside"),
    path(
        f"{VERSION}/outside/<uuid:code>/again/", outside.version_outside_again, name="version_outside_again"
    ),
    path(f"{VERSION}/outside/<uuid:code>/end/", outside.version_outside_end, name="version_outside_end"),
    path("review/<str:token>/", outside.outside_review, name="outside_review"),
    path(f"{VERSION}/retire/", review.version_retire, name="version_retire"),
    path(f"{VERSION}/<document:kind>/", reading.version_document, name="version_document"),
    path(f"{VERSION}/<document:kind>/edit/", writing.document_edit, name="document_edit"),
]
