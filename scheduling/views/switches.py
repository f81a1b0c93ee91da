"""Switching a patient to another protocol: choose and look, then sign. Looking writes nothing."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from protocols.models import ProtocolVersion
from protocols.signing import require_means_to_sign
from scheduling.access import get_series_for
from scheduling.booking_pages import patient_banner
from scheduling.domain.localtime import local_date
from scheduling.exposure import exposure_at
from scheduling.forms_switch import SignSwitchForm, SwitchForm
from scheduling.loaders import zone_of
from scheduling.models import TreatmentSeries
from scheduling.services.switches import SwitchDiff, Wanted, preview_switch, switch_series
from scheduling.views.acts import person, posted, show
from staff.clock import app_now
from staff.errors import DomainError, StateConflict


@require_http_methods(["GET", "POST"])
@login_required
def series_switch(request: HttpRequest, code: str) -> HttpResponse:
    """Role and series are checked before anybody is asked for a password."""
    series = get_series_for(person(request), code, action="series.move_version")
    if series.status not in TreatmentSeries.LIVE:
        raise StateConflict(f"This series is {series.get_status_display().lower()}.", code="series-over")
    return _sign(request, code) if request.method == "POST" else _look(request, series)


def others(series: TreatmentSeries) -> list[ProtocolVersion]:
    """Active versions of other protocols."""
    rows = ProtocolVersion.objects.filter(status=ProtocolVersion.Status.ACTIVE).select_related("template")
    return list(rows.exclude(template=series.protocol_version.template_id).order_by("template__name"))


def _look(request: HttpRequest, series: TreatmentSeries) -> HttpResponse:
    tomorrow = local_date(app_now(), zone_of(series.site)) + timedelta(days=1)
    given = request.GET if request.GET else None
    form = SwitchForm(
        given, versions=others(series), initial={"first_day": tomorrow, "weight_kg": series.weight_kg}
    )
    diff = None
    if form.is_bound and form.is_valid():
        diff = preview_switch(series=series, wanted=_wanted(form), by=person(request))
    return _page(request, series, form, diff, None)


def _wanted(form: SwitchForm) -> Wanted:
    data = form.cleaned_data
    return Wanted(form.versions[data["protocol"]], data["first_day"], data["weight_kg"])


@reauthentication_required
def _sign(request: HttpRequest, code: str) -> HttpResponse:
    user = person(request)
    series = get_series_for(user, code, action="series.move_version")
    require_means_to_sign(user)
    form = SignSwitchForm(
        posted(request), versions=others(series), version=series.version, patient_code=series.patient.code
    )
    if form.is_valid():
        try:
            row = switch_series(
                series=series,
                wanted=_wanted(form),
                seen_sha256=form.cleaned_data["seen"],
                reason=form.cleaned_data["reason"],
                expected_version=form.cleaned_data["version"],
                by=user,
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            name = row.to_series.protocol_version.template.name
            messages.success(request, f"The patient follows {name} now. What was given stays as it was.")
            return redirect("series_detail", code=row.to_series.code)
    looked = SwitchForm(request.POST, versions=others(series))
    diff = None
    if looked.is_valid():
        diff = preview_switch(series=series, wanted=_wanted(looked), by=user)
    return _page(request, series, looked, diff, form)


def _page(
    request: HttpRequest,
    series: TreatmentSeries,
    form: SwitchForm,
    diff: SwitchDiff | None,
    sign: SignSwitchForm | None,
) -> HttpResponse:
    if diff is not None and diff.refusal is None and sign is None:
        sign = SignSwitchForm(
            None,
            versions=others(series),
            version=series.version,
            patient_code=series.patient.code,
            initial={"seen": diff.sha256, **form.cleaned_data},
        )
    shown: dict[str, Any] = {}
    if diff is not None:
        shown = {
            "closed": [{"ordinal": item.ordinal, "start": _moment(item.start)} for item in diff.closed],
            "opened": [
                asdict(item) | {name: _moment(getattr(item, name)) for name in ("start", "leaves", "therapy")}
                for item in diff.opened
            ],
            "last_at": _moment(diff.exposure.last_at),
            "exposure": exposure_at(series.patient, app_now()),
        }
    context = {
        "series": series,
        "banner": patient_banner(series, app_now()),
        "form": form,
        "diff": diff,
        "sign": sign,
        **shown,
    }
    bad = sign if sign is not None and sign.is_bound else form if form.is_bound and form.errors else None
    return show(
        request, "scheduling/switch.html", context, series.site, status=bad.error_status if bad else 200
    )


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
