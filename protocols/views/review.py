"""The acts of review: submit, return, approve, retire. Approving asks for the password again."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from protocols import services
from protocols.access import get_version_for
from protocols.forms import ActForm, ApproveForm, RetireForm, ReturnForm, TermForm
from protocols.presenting import key_facts
from protocols.services.review import changes_of, wrote
from protocols.signing import require_means_to_sign
from protocols.views.acts import act_page, posted
from staff.errors import InvalidInput
from staff.models import User


@require_http_methods(["GET", "POST"])
@login_required
def version_submit(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Hand a draft over for approval."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number, action="protocol.edit")
    page = {
        "heading": f"Submit version {number} for approval",
        "lede": "Its text is fixed from now on, unless it is returned to you.",
        "button": "Submit for approval",
        "done": "Submitted. Another person approves it.",
    }

    def do(data: dict[str, Any]) -> object:
        return services.submit(version=version, expected_version=data["version"], by=user)

    return act_page(request, version, ActForm(posted(request), version=version.version), page, do)


@require_POST
@login_required
def version_term(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One click in the review list: the clinical term in the place of a word that it warns about."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number, action="protocol.edit")
    form = TermForm(request.POST, version=version.version)
    if not form.is_valid():
        raise InvalidInput("Choose a word of the review list.", field="field")
    data = form.cleaned_data
    services.use_term(
        version=version,
        field=data["field"],
        start=data["start"],
        match=data["match"],
        expected_version=data["version"],
        by=user,
    )
    messages.success(request, "The clinical term stands there now.")
    return redirect(f"{reverse('version_detail', args=[slug, number])}#review-title")


@require_http_methods(["GET", "POST"])
@login_required
def version_return(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Give a text back to its author."""
    user = cast("User", request.user)
    action = "protocol.approve" if user.may("protocol.approve") else "protocol.edit"
    version = get_version_for(user, slug, number, action=action)
    page = {
        "heading": f"Return version {number} to its author",
        "lede": f"{version.author.full_name} can then change it and submit it again.",
        "button": "Return to draft",
        "done": "Returned to its author.",
    }

    def do(data: dict[str, Any]) -> object:
        return services.return_to_draft(
            version=version, note=data["note"], expected_version=data["version"], by=user
        )

    return act_page(request, version, ReturnForm(posted(request), version=version.version), page, do)


@require_http_methods(["GET", "POST"])
@login_required
def version_approve(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Role and version are checked before anybody is asked for a password."""
    get_version_for(cast("User", request.user), slug, number, action="protocol.approve")
    return _approve(request, slug, number)


@reauthentication_required(allow_get=True)
def _approve(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Sign the text and make it active. The person must have given their password within the last minutes."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number, action="protocol.approve")
    require_means_to_sign(user)
    marked = {f"{item.kind}_change": item.change for item in version.documents.all()}
    form = ApproveForm(posted(request), initial={"sha256": version.sha256, **marked}, version=version.version)
    page = {
        "heading": f"Approve version {number}",
        "lede": "It becomes the active version at once. Running series stay on the version of their booking.",
        "button": f"Approve and activate version {number}",
        "done": f"Version {number} is active.",
        "own_text": wrote(version, user),
        "facts": key_facts(version),
    }

    def do(data: dict[str, Any]) -> object:
        return services.approve_and_activate(
            version=version,
            seen_sha256=data["sha256"],
            changes=changes_of(data),
            change_reason=data["change_reason"],
            expected_version=data["version"],
            by=user,
        )

    return act_page(request, version, form, page, do)


@require_http_methods(["GET", "POST"])
@login_required
def version_retire(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Take a published version out of use."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number, action="protocol.edit")
    page = {
        "heading": f"Retire version {number}",
        "lede": "Nothing new is planned on it, and the text stays readable. Each series that runs on it goes on its "
        "prescriber's list.",
        "button": f"Retire version {number}",
        "done": f"Version {number} is retired.",
        "danger": True,
    }

    def do(data: dict[str, Any]) -> object:
        return services.retire(
            version=version,
            reason=data["reason"],
            running=data["running"],
            expected_version=data["version"],
            by=user,
        )

    return act_page(request, version, RetireForm(posted(request), version=version.version), page, do)
