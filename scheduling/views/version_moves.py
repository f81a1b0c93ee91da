"""Moving a running series to a newer version of its protocol: the diff, and a signed yes or no."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from protocols.models import ProtocolVersion
from protocols.signing import require_means_to_sign
from scheduling.access import get_series_for
from scheduling.booking_pages import patient_banner
from scheduling.models import SeriesVersionMove, TreatmentSeries
from scheduling.services.version_diffs import TaskLine, VersionDiff, VisitLine
from scheduling.services.version_moves import (
    move_series_to_version,
    newer_version,
    preview_version_move,
    refuse_version_move,
)
from scheduling.views.acts import person, posted, show
from staff.clock import app_now
from staff.errors import DomainError, RuleNotMet, StateConflict
from staff.forms import ClinicalForm, ClinicalTextField


class VersionMoveForm(ClinicalForm):
    """The signature: which diff was seen, and why."""

    versioned = True
    seen = forms.CharField(widget=forms.HiddenInput(), max_length=64, required=False)
    reason = ClinicalTextField("Why", rows=3, max_length=300)


@require_http_methods(["GET", "POST"])
@login_required
def series_version(request: HttpRequest, code: str) -> HttpResponse:
    """Role and series are checked before anybody is asked for a password."""
    get_series_for(person(request), code, action="series.move_version")
    return _decide(request, code)


@reauthentication_required(allow_get=True)
def _decide(request: HttpRequest, code: str) -> HttpResponse:
    """The diff; a POST signs. The person must have given their password within the last minutes."""
    user = person(request)
    series = get_series_for(user, code, action="series.move_version")
    target = newer_version(series)
    if target is None:
        raise StateConflict("This series follows the version in force already.", code="same-version")
    if request.method == "POST":
        require_means_to_sign(user)
    diff = preview_version_move(series=series, to_version=target, by=user)
    form = VersionMoveForm(
        posted(request),
        initial={"seen": diff.sha256},
        version=series.version,
        patient_code=series.patient.code,
    )
    if request.method == "POST" and form.is_valid():
        try:
            done = _sign(request, series, target, form.cleaned_data)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, done)
            return redirect("series_detail", code=series.code)
    context = {
        "series": series,
        "banner": patient_banner(series, app_now()),
        "target": target,
        "diff": diff,
        "form": form,
        "visits": [visit_row(line) for line in diff.visits],
        "tasks": [task_row(line) for line in diff.follow_ups],
        "history": decisions(series),
    }
    status = form.error_status if form.is_bound else 200
    return show(request, "scheduling/version_move.html", context, series.site, status=status)


def _sign(
    request: HttpRequest, series: TreatmentSeries, target: ProtocolVersion, data: dict[str, Any]
) -> str:
    act = request.POST.get("act")
    if act == "refuse":
        refuse_version_move(series=series, to_version=target, reason=data["reason"], by=person(request))
        return f"The series stays on version {series.protocol_version.number}."
    if act != "accept":
        raise RuleNotMet("Say whether the series moves or stays.", code="no-decision")
    move_series_to_version(
        series=series,
        to_version=target,
        seen_sha256=data["seen"],
        reason=data["reason"],
        expected_version=data["version"],
        by=person(request),
    )
    stays = f"What was given stays on version {series.protocol_version.number}."
    return f"The series follows version {target.number} now. {stays}"


def decisions(series: TreatmentSeries) -> list[SeriesVersionMove]:
    """What was decided about newer versions, newest first."""
    rows = SeriesVersionMove.objects.filter(series=series)
    return list(rows.select_related("decided_by", "from_version", "to_version"))


def visit_row(line: VisitLine) -> dict[str, Any]:
    """A line of the diff with its instants as moments."""
    shown: dict[str, Any] = asdict(line) | {"changed": line.changed}
    for name in ("start", "leaves", "therapy"):
        for side in ("before", "after"):
            shown[f"{name}_{side}"] = _moment(shown[f"{name}_{side}"])
    return shown


def task_row(line: TaskLine) -> dict[str, Any]:
    """The same for a follow-up."""
    return asdict(line) | {"before": _moment(line.before), "after": _moment(line.after)}


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def series_notice(series: TreatmentSeries, *, may_move: bool) -> dict[str, Any] | None:
    """For the series page: that a newer version is in force, and what was decided about it; None on the newest."""
    target = newer_version(series)
    if target is None:
        return None
    last = next((row for row in decisions(series) if row.to_version_id == target.pk), None)
    url = reverse("series_version", args=[series.code]) if may_move else ""
    return {"target": target, "decision": last, "url": url}


__all__ = ["VersionDiff", "decisions", "series_notice", "series_version"]
