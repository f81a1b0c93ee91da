"""Writing protocols: a new one, a revision, the draft's documents. Its numbers are edited in `editing`."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from protocols import services
from protocols.access import get_version_for
from protocols.forms import DocumentForm, NewTemplateForm, ReviseForm
from protocols.library import SHIPPED
from protocols.models import ProtocolVersion
from protocols.services.writing import standard_document
from protocols.views.acts import answer_status, posted
from staff.access import require
from staff.errors import DomainError, StateConflict
from staff.history import acting
from staff.models import User


@require_http_methods(["GET", "POST"])
@login_required
def protocol_new(request: HttpRequest) -> HttpResponse:
    """A new protocol whose first draft starts empty or from a shipped text."""
    user = cast("User", request.user)
    require(user, "protocol.edit")
    starts = [("empty", "An empty protocol"), *((slug, text.title) for slug, text in SHIPPED.items())]
    form = NewTemplateForm(posted(request), starts=starts)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            with acting(user):
                template = services.create_template(
                    slug=data["slug"], name=data["name"], summary=data["summary"], by=user
                )
                if data["start"] == "empty":
                    draft = services.start_empty(template=template, by=user)
                else:
                    draft = services.create_draft(
                        template=template, definition=SHIPPED[data["start"]], by=user
                    )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Draft made. Nothing is planned on it until it is approved.")
            return redirect("version_edit", slug=template.slug, number=draft.number)
    context = {"form": form}
    return render(request, "protocols/new.html", context, status=answer_status(form))


@require_http_methods(["GET", "POST"])
@login_required
def version_revise(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Copy a published version into the next draft."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number, action="protocol.edit")
    form = ReviseForm(posted(request), version=version.version)
    if request.method == "POST" and form.is_valid():
        try:
            draft = services.revise_version(
                version=version, change_note=form.cleaned_data["change_note"], by=user
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, f"Draft {draft.number} made. Series that run stay on their version.")
            return redirect("version_edit", slug=slug, number=draft.number)
    page = {
        "heading": f"Revise version {version.number}",
        "lede": "The text is copied into a new draft. Nothing about the published one changes.",
        "button": "Make a draft",
    }
    context = {"form": form, "version": version, "template": version.template, "page": page}
    return render(request, "protocols/act.html", context, status=answer_status(form))


@require_http_methods(["GET", "POST"])
@login_required
def document_edit(request: HttpRequest, slug: str, number: int, kind: str) -> HttpResponse:
    """The consent or education text of a draft; starts from our standard text where there is none."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number, action="protocol.edit")
    _require_draft(version)
    found = version.documents.filter(kind=kind).first()
    title, body = (found.title, found.body) if found else standard_document(version.read(), kind)
    starts = {"title": title, "body": body, "change": found.change if found else "material"}
    form = DocumentForm(posted(request), initial=starts, version=version.version)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.update_document(
                version=version,
                kind=kind,
                title=data["title"],
                body=data["body"],
                change=data["change"],
                expected_version=data["version"],
                by=user,
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Text saved.")
            return redirect("version_document", slug=slug, number=number, kind=kind)
    context = {"form": form, "version": version, "template": version.template, "kind": kind}
    return render(request, "protocols/document_form.html", context, status=answer_status(form))


def _require_draft(version: ProtocolVersion) -> None:
    if version.status not in ProtocolVersion.EDITABLE:
        raise StateConflict(
            f"Version {version.number} is {version.get_status_display().lower()}: its text is fixed.",
            code="not-a-draft",
        )
