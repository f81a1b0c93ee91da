"""Protocols as files: JSON and FHIR out, either of them in, and the published schema."""

from __future__ import annotations

from typing import cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from protocols import services
from protocols.access import get_version_for
from protocols.interchange import json_schema
from protocols.services.files import export_file, export_plan_definition
from protocols.views.acts import answer_status, posted
from staff.access import require
from staff.errors import DomainError, InvalidInput
from staff.forms import ClinicalForm, ClinicalTextField
from staff.models import User

LARGEST = 256 * 1024


class ImportForm(ClinicalForm):
    """A file and the name it gets here."""

    name = ClinicalTextField("Name", max_length=120)
    slug = ClinicalTextField("Address", max_length=50, hint="Small letters and hyphens; it never changes.")
    file = forms.FileField(
        label="Protocol file", help_text="JSON as exported here, or a FHIR PlanDefinition."
    )


@require_safe
@login_required
def version_export(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The file of a version; `?as=fhir` gives the PlanDefinition."""
    version = get_version_for(cast("User", request.user), slug, number)
    fhir = request.GET.get("as") == "fhir"
    text = export_plan_definition(version) if fhir else export_file(version)
    kind = "application/fhir+json" if fhir else "application/json"
    suffix = "fhir.json" if fhir else "json"
    name = f"{version.template.slug}-v{version.number}.{suffix}"
    return HttpResponse(
        text,
        content_type=f"{kind}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_safe
@login_required
def protocol_schema(request: HttpRequest) -> HttpResponse:
    """The JSON Schema of protocol files."""
    require(cast("User", request.user), "protocol.view")
    return JsonResponse(
        json_schema(), json_dumps_params={"indent": 2}, content_type="application/schema+json"
    )


@require_http_methods(["GET", "POST"])
@login_required
def protocol_import(request: HttpRequest) -> HttpResponse:
    """A file becomes the first draft of a new protocol."""
    user = cast("User", request.user)
    require(user, "protocol.edit")
    form = ImportForm(posted(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            if data["file"].size > LARGEST:
                raise InvalidInput("The file is larger than 256 KiB.", code="body-too-large", field="file")
            draft = services.import_file(
                raw=data["file"].read(), slug=data["slug"], name=data["name"], by=user
            )
        except DomainError as refusal:
            if not refusal.field:
                refusal.field = "file"
            form.add_refusal(refusal)
        else:
            messages.success(request, "Imported as a draft. Nothing is planned on it until it is approved.")
            return redirect("version_edit", slug=draft.template.slug, number=draft.number)
    return render(request, "protocols/import.html", {"form": form}, status=answer_status(form))
