"""The preparation visit of a series: book it, record it as held, give it back."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from scheduling.access import get_series_for
from scheduling.forms_preparation import PreparationBookForm, PreparationHeldForm
from scheduling.models import Resource, TreatmentSeries
from scheduling.services import preparation as service
from scheduling.views.acts import Act, act_page, person, posted
from sessions.services import PreparationText
from staff.errors import DomainError
from staff.models import User


def _series_for(user: User, code: str, action: str) -> TreatmentSeries:
    series = get_series_for(user, code, action=action)
    if series.protocol_version.read().preparation_minutes is None:
        raise Http404("Not found.")
    return series


def _page(series: TreatmentSeries) -> dict[str, Any]:
    return {"back_url": reverse("series_detail", args=[series.code])}


@require_http_methods(["GET", "POST"])
@login_required
def preparation_book(request: HttpRequest, code: str) -> HttpResponse:
    """Book the preparation visit with a therapist."""
    user = person(request)
    series = _series_for(user, code, "therapy.book")
    people = User.objects.filter(
        resources__site=series.site_id, resources__kind=Resource.Kind.THERAPIST, resources__active=True
    ).distinct()
    form = PreparationBookForm(
        posted(request),
        therapists=sorted(people, key=lambda one: (one.pk != series.therapist_id, one.full_name)),
        zone=ZoneInfo(series.site.time_zone),
        patient_code=series.patient.code,
    )
    minutes = series.protocol_version.read().preparation_minutes
    act = Act(
        "Book the preparation visit",
        "Book the visit",
        "The preparation visit is booked.",
        lede=f"{minutes} minutes before infusion {series.first_ordinal}: goals, practice plan, expectations, outside "
        "therapist. It is no therapy, so that no quiet time applies.",
        back="Series",
    )

    def do(data: dict[str, Any]) -> object:
        return service.book_preparation(series=series, start=data["start"], therapist=form.chosen, by=user)

    return act_page(request, series, act, form, do, **_page(series))


@require_http_methods(["GET", "POST"])
@login_required
def preparation_held(request: HttpRequest, code: str) -> HttpResponse:
    """It was held: what was agreed."""
    user = person(request)
    series = _series_for(user, code, "therapy.conduct")
    form = PreparationHeldForm(
        posted(request), zone=ZoneInfo(series.site.time_zone), patient_code=series.patient.code
    )
    act = Act(
        "What the preparation visit agreed",
        "Save what was agreed",
        "Saved. Messages to practise rest on this plan.",
        lede="Messages to practise go out only where a practice plan exists.",
        back="Series",
    )

    def do(data: dict[str, Any]) -> object:
        names = PreparationText.__dataclass_fields__
        text = PreparationText(**{name: data[name] for name in names})
        return service.hold_preparation(series=series, text=text, by=user)

    return act_page(request, series, act, form, do, **_page(series))


@require_POST
@login_required
def preparation_cancel(request: HttpRequest, code: str) -> HttpResponse:
    """Give the booked time back."""
    user = person(request)
    series = _series_for(user, code, "therapy.book")
    try:
        service.cancel_preparation(series=series, by=user)
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The time of the preparation visit is free again.")
    return redirect("series_detail", code=series.code)
