"""Infusions of a running series that have no date, and one more after the last: their pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from patients.access import get_patient_for
from scheduling.access import get_series_for
from scheduling.exposure import exposure_at
from scheduling.forms_booking import ExtraForm, NewTimeForm, SkipForm
from scheduling.models import TreatmentSeries
from scheduling.services import visits as visit_service
from scheduling.services.more_visits import book_extra_infusion, rebook_visit
from scheduling.services.seating import VisitChoice
from scheduling.services.visit_options import VisitOptions, visit_options
from scheduling.views.acts import Act, act_page, person, posted, zone
from scheduling.views.visits import offer_choices, reasons
from staff.clock import app_now


@require_http_methods(["GET", "POST"])
@login_required
def infusion_rebook(request: HttpRequest, code: str, ordinal: int) -> HttpResponse:
    """A date for an infusion that has none."""
    user = person(request)
    series = get_series_for(user, code, action="series.book")
    check_ordinal(series, ordinal)
    offers = visit_options(series=series, ordinal=ordinal)
    form = NewTimeForm(
        posted(request), offers=offer_choices(offers), zone=zone(series), patient_code=series.patient.code
    )
    act = Act(
        title=f"Date for infusion {ordinal} of {series.visits}",
        button="Book this time",
        done=f"Infusion {ordinal} has a date again.",
        lede="The other visits of the series stay where they are.",
        back="Series",
    )
    return act_page(
        request,
        series,
        act,
        form,
        lambda data: rebook_visit(
            series=series, choice=chosen(form, offers, ordinal), close_reason=data["close_reason"], by=user
        ),
        back_url=reverse("series_detail", args=[series.code]),
        template="scheduling/time.html",
        offers=offers,
    )


def chosen(form: NewTimeForm | ExtraForm, offers: VisitOptions, ordinal: int) -> VisitChoice:
    """The visit that a valid form asks for, with the offered people if it was offered."""
    start = form.wanted
    offer = next((item for item in offers.choices if item.start == start), None)
    if offer is None:
        return VisitChoice(ordinal, start, "", "", "")
    return VisitChoice(ordinal, start, offer.chair, offer.nurse, offer.prescriber)


def check_ordinal(series: TreatmentSeries, ordinal: int) -> None:
    """Raise Http404 for a number that is not given here."""
    if ordinal not in series.numbers:
        raise Http404("No such infusion.")


@require_http_methods(["GET", "POST"])
@login_required
def infusion_skip(request: HttpRequest, code: str, ordinal: int) -> HttpResponse:
    """Skip an infusion that has no date."""
    user = person(request)
    series = get_series_for(user, code, action="series.book")
    check_ordinal(series, ordinal)
    form = SkipForm(posted(request), patient_code=series.patient.code)
    act = Act(
        title=f"Skip infusion {ordinal} of {series.visits}",
        button="Skip this infusion",
        done=f"Infusion {ordinal} is skipped.",
        lede="It will not be given. The other visits stay where they are.",
        back="Series",
    )
    return act_page(
        request,
        series,
        act,
        form,
        lambda data: visit_service.skip_infusion(series=series, ordinal=ordinal, by=user, **reasons(data)),
        back_url=reverse("series_detail", args=[series.code]),
    )


@require_http_methods(["GET", "POST"])
@login_required
def infusion_extra(request: HttpRequest, code: str) -> HttpResponse:
    """One more infusion after the last of a running series; without one the plan page books a single
    infusion.
    """
    user = person(request)
    patient = get_patient_for(user, code, action="series.book")
    series = TreatmentSeries.objects.live().for_page().filter(patient=patient).first()
    if series is None:
        return redirect("series_plan", code=patient.code)
    number = series.visits + 1
    offers = visit_options(series=series, ordinal=number)
    form = ExtraForm(
        posted(request), offers=offer_choices(offers), zone=zone(series), patient_code=patient.code
    )
    act = Act(
        title="Extra infusion",
        button="Book the extra infusion",
        done="The extra infusion is booked.",
        lede=f"It becomes infusion {number} of this series.",
        back="Series",
    )

    def do(data: dict[str, Any]) -> object:
        return book_extra_infusion(
            patient=patient,
            protocol_version=series.protocol_version,
            weight_kg=series.weight_kg,
            choice=chosen(form, offers, number),
            reason=data["reason"],
            initiator=data["initiator"],
            note=data["note"],
            close_reason=data["close_reason"],
            by=user,
        )

    return act_page(
        request,
        series,
        act,
        form,
        do,
        back_url=reverse("series_detail", args=[series.code]),
        template="scheduling/time.html",
        offers=offers,
        exposure=exposure_at(patient, app_now()),
    )
