"""Any two versions of a protocol beside each other, and a copy of one under a new name."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from protocols import services
from protocols.access import get_template_for, get_version_for
from protocols.forms import DuplicateForm
from protocols.models import ProtocolDocument, ProtocolVersion
from protocols.side_by_side import side_by_side, word_changes
from protocols.views.acts import answer_status, posted
from staff.errors import DomainError
from staff.forms import ClinicalForm
from staff.models import User


class CompareForm(ClinicalForm):
    """Which two."""

    before = forms.TypedChoiceField(label="Version", coerce=int)
    after = forms.TypedChoiceField(label="Against version", coerce=int)

    def __init__(self, *args: Any, versions: list[ProtocolVersion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(item.number, f"{item.number} ({item.get_status_display().lower()})") for item in versions]
        for field in self.fields.values():
            cast("forms.TypedChoiceField", field).choices = choices


@require_safe
@login_required
def protocol_compare(request: HttpRequest, slug: str) -> HttpResponse:
    """Two versions side by side, in words; without a choice the newest against the one before it."""
    user = cast("User", request.user)
    template = get_template_for(user, slug)
    versions = list(template.versions.visible_to(user).order_by("-number"))
    usual = (
        {"after": versions[0].number, "before": versions[min(1, len(versions) - 1)].number}
        if versions
        else {}
    )
    asked = {key: value for key, value in request.GET.items() if key in ("before", "after")}
    form = CompareForm(usual | asked, versions=versions)
    context: dict[str, Any] = {"template": template, "form": form}
    if form.is_valid():
        by_number = {item.number: item for item in versions}
        before, after = by_number[form.cleaned_data["before"]], by_number[form.cleaned_data["after"]]
        pairs = side_by_side(before.read(), after.read())
        context |= {
            "before": before,
            "after": after,
            "sections": pairs,
            "changes": sum(section.changes for section in pairs),
            "documents": _documents(before, after),
        }
    return render(request, "protocols/compare.html", context, status=200 if form.is_valid() else 422)


def _documents(before: ProtocolVersion, after: ProtocolVersion) -> list[dict[str, Any]]:
    old, new = ({item.kind: item for item in version.documents.all()} for version in (before, after))
    found = []
    for kind in ProtocolDocument.Kind:
        texts = [side[kind].body if kind in side else "" for side in (old, new)]
        found.append({"title": kind.label, "same": texts[0] == texts[1], "words": word_changes(*texts)})
    return found


@require_http_methods(["GET", "POST"])
@login_required
def version_duplicate(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """A new protocol whose first draft is a copy of this text, documents included."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number, action="protocol.edit")
    form = DuplicateForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            draft = services.duplicate_version(
                version=version, slug=form.cleaned_data["slug"], name=form.cleaned_data["name"], by=user
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Copied. Nothing is planned on the copy until it is approved.")
            return redirect("version_edit", slug=draft.template.slug, number=draft.number)
    page = {
        "heading": f"Copy version {version.number} to a new protocol",
        "lede": "The text and its documents are copied into a first draft under a name of its own.",
        "button": "Make the copy",
    }
    context = {"form": form, "version": version, "template": version.template, "page": page}
    return render(request, "protocols/act.html", context, status=answer_status(form))
