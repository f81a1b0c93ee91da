"""Reading protocols: the list, one protocol with its ladder of versions, one version in clinical words."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from protocols.access import get_template_for, get_version_for
from protocols.differences import differences
from protocols.documents import missing_elements
from protocols.evidence import GRADES
from protocols.models import ProtocolDocument, ProtocolTemplate, ProtocolVersion
from protocols.presenting import approver, finding_lines, key_facts, line, outside_lines
from protocols.reading import follow_ups, sections
from protocols.services.acknowledging import acknowledge_rationale
from protocols.services.review import findings_of, wrote
from staff.access import require
from staff.clock import app_now
from staff.models import User

Status = ProtocolVersion.Status


@require_safe
@login_required
def protocol_list(request: HttpRequest) -> HttpResponse:
    """All protocols with their versions, newest first."""
    user = cast("User", request.user)
    require(user, "protocol.view")
    today = timezone.localdate(app_now())
    versions = ProtocolVersion.objects.visible_to(user)
    templates = ProtocolTemplate.objects.visible_to(user).with_ladder(versions)
    rows = [_protocol(template, today) for template in templates]
    context = {
        "rows": rows,
        "may_edit": user.may("protocol.edit"),
        "may_install": not rows and user.may("protocol.install"),
    }
    return render(request, "protocols/list.html", context)


@require_safe
@login_required
def protocol_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One protocol: the version in use, the ladder of all versions, and what may be done next."""
    user = cast("User", request.user)
    template = get_template_for(user, slug)
    versions = ProtocolVersion.objects.visible_to(user)
    found = ProtocolTemplate.objects.filter(pk=template.pk).with_ladder(versions).get()
    context = _protocol(found, timezone.localdate(app_now()))
    context["may_edit"] = user.may("protocol.edit")
    return render(request, "protocols/detail.html", context)


def _protocol(template: Any, today: Any) -> dict[str, Any]:
    ladder = [line(version, today) for version in template.ladder]
    active = next((rung for rung in ladder if rung["version"].status == Status.ACTIVE), None)
    draft = next(
        (rung for rung in ladder if rung["version"].status in (Status.DRAFT, Status.IN_REVIEW)), None
    )
    newest = next((rung for rung in ladder if rung["version"].status in ProtocolVersion.PUBLISHED), None)
    return {
        "template": template,
        "ladder": ladder,
        "active": active,
        "draft": draft,
        "newest": active or newest,
        "facts": key_facts(active["version"]) if active else [],
    }


@require_safe
@login_required
def version_detail(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One version: the whole text with evidence grade and source per element, and its changes against the
    active.
    """
    user = cast("User", request.user)
    version = get_version_for(user, slug, number)
    now = app_now()
    text = version.read()
    context: dict[str, Any] = {
        "version": version,
        "template": version.template,
        "text": text,
        "rung": line(version, timezone.localdate(now)),
        "facts": key_facts(version),
        "sections": sections(text),
        "follow_ups": follow_ups(text),
        "grades": list(GRADES.items()),
        "documents": version.documents.select_related("change_decided_by"),
    }
    context |= _review(version, user)
    context |= _readers(version, user)
    context["findings"] = finding_lines(findings_of(version), in_draft=context["may_write"])
    context["blocking"] = sum(item["finding"].blocks for item in context["findings"])
    context |= _comparison(version)
    return render(request, "protocols/version.html", context)


def _review(version: ProtocolVersion, user: User) -> dict[str, Any]:
    edit, approve = user.may("protocol.edit"), user.may("protocol.approve")
    draft, waiting = version.status == Status.DRAFT, version.status == Status.IN_REVIEW
    published = version.status in ProtocolVersion.PUBLISHED
    open_draft = version.template.versions.open_drafts().first() if published and edit else None
    return {
        "may_write": edit and draft,
        "may_approve": approve and waiting,
        "may_return": (approve or edit) and waiting,
        "may_ask_outside": edit and waiting,
        "outside": outside_lines(version.outside_reviews.select_related("sent_by"), app_now())
        if approve or edit
        else [],
        "approver": approver(version),
        "may_revise": edit and published and open_draft is None,
        "may_retire": edit and version.status in (Status.ACTIVE, Status.SUPERSEDED),
        "may_copy": edit,
        "open_draft": open_draft,
        "own_text": waiting and wrote(version, user),
    }


def _readers(version: ProtocolVersion, user: User) -> dict[str, Any]:
    """Who has read the rationale of a published version, and whether this person still may say so."""
    if version.status not in ProtocolVersion.PUBLISHED:
        return {"readers": None}
    readers = list(version.acknowledgements.select_related("user"))
    return {"readers": readers, "has_read": any(row.user_id == user.pk for row in readers)}


@require_POST
@login_required
def version_rationale(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """I have read why this version is as it is. Sent twice, nothing changes."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number)
    acknowledge_rationale(version=version, by=user)
    messages.success(request, "Noted: you have read the rationale of this version.")
    return redirect(f"{reverse('version_detail', args=[slug, number])}#rationale")


def _comparison(version: ProtocolVersion) -> dict[str, Any]:
    """Against the active version while it is not published; against the one before afterwards."""
    others = version.template.versions.exclude(pk=version.pk)
    if version.status in (Status.DRAFT, Status.IN_REVIEW):
        base = others.filter(status=Status.ACTIVE).first()
    else:
        base = (
            others.filter(number__lt=version.number, status__in=ProtocolVersion.PUBLISHED)
            .order_by("-number")
            .first()
        )
    if base is None:
        return {"base": None}
    return {"base": base, "differences": differences(base.read(), version.read())}


@require_safe
@login_required
def version_document(request: HttpRequest, slug: str, number: int, kind: str) -> HttpResponse:
    """The consent or education text as a patient reads it."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number)
    document = version.documents.filter(kind=kind).first()
    if document is None:
        raise Http404("Not found.")
    consent = kind == ProtocolDocument.Kind.CONSENT
    context = {
        "version": version,
        "template": version.template,
        "document": document,
        "missing": missing_elements(document.body) if consent else (),
        "may_write": user.may("protocol.edit") and version.status == Status.DRAFT,
    }
    return render(request, "protocols/document.html", context)
