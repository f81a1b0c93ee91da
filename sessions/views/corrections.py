"""Corrections of the pump log, each on its own page: amend an entry, strike it, move the whole log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from sessions import services
from sessions.access import get_adverse_event_for, get_infusion_for, get_level_for, get_pump_event_for
from sessions.forms.record import (
    AmendForm,
    CorrectWeightForm,
    MoveLogForm,
    RecordForm,
    StrikeForm,
    StrikeReasonForm,
)
from sessions.models import Infusion
from sessions.pages.words import pump_words, zone_of
from sessions.views.acting import reread, show, take_new_version
from sessions.views.record import the_user
from staff.errors import DomainError, StaleVersion


@login_required
@require_http_methods(["GET", "POST"])
def pump_event_amend(request: HttpRequest, code: str) -> HttpResponse:
    """New time, rate or amount of one entry; the old one stays readable."""
    event = get_pump_event_for(the_user(request), code)
    infusion = get_infusion_for(the_user(request), event.infusion.code, action="infusion.amend")
    initial = {name: getattr(event, name) for name in ("observed_at", "rate_mg_per_min", "bolus_mg")}
    form = AmendForm(
        request.POST or None, infusion=infusion, zone=zone_of(infusion), event=event, initial=initial
    )

    def do(data: dict[str, Any]) -> object:
        return services.amend_pump_event(
            event=event,
            observed_at=data["observed_at"],
            rate_mg_per_min=data.get("rate_mg_per_min"),
            bolus_mg=data.get("bolus_mg"),
            reason=data["reason"],
            by=the_user(request),
            expected_version=data["version"],
        )

    words = {
        "title": "Correct an entry of the pump log",
        "subject": pump_words(infusion, event),
        "button": "Save the correction",
        "lede": "The entry as first recorded stays readable. The clearance estimate is worked out again.",
    }
    strike = (
        ""
        if infusion.status == Infusion.Status.SIGNED_OFF
        else reverse("pump_event_strike", args=[event.code])
    )
    return correction(
        request, infusion, form, do, words=words, done="Entry corrected.", event=event, strike_url=strike
    )


@login_required
@require_http_methods(["GET", "POST"])
def pump_event_strike(request: HttpRequest, code: str) -> HttpResponse:
    """Take an entry out of the log."""
    event = get_pump_event_for(the_user(request), code)
    infusion = get_infusion_for(the_user(request), event.infusion.code, action="infusion.amend")
    form = StrikeForm(request.POST or None, infusion=infusion, zone=zone_of(infusion))

    def do(data: dict[str, Any]) -> object:
        return services.strike_pump_event(
            event=event, reason=data["reason"], by=the_user(request), expected_version=data["version"]
        )

    words = {
        "title": "Strike out an entry of the pump log",
        "subject": pump_words(infusion, event),
        "button": "Strike this entry out",
        "lede": "For something that did not happen. Within 2 minutes your own mis-tap needs no reason.",
    }
    return correction(request, infusion, form, do, words=words, done="Entry struck out.", event=event)


@login_required
@require_http_methods(["GET", "POST"])
def weight_correct(request: HttpRequest, code: str) -> HttpResponse:
    """The right weight of a record whose pump has run, by another person than who weighed."""
    infusion = get_infusion_for(the_user(request), code, action="infusion.amend")
    form = CorrectWeightForm(request.POST or None, infusion=infusion, zone=zone_of(infusion))

    def do(data: dict[str, Any]) -> object:
        return services.correct_weight(
            infusion=infusion,
            weight_kg=data["weight_kg"],
            reason=data["reason"],
            by=the_user(request),
            expected_version=data["version"],
        )

    words = {
        "title": "Correct the weight",
        "subject": f"Recorded and ordered for: {infusion.weight_kg} kg",
        "button": "Save the right weight",
        "lede": "Done by somebody else than who weighed. The order and what was given stay as they are; the "
        "clearance estimate is worked out again.",
    }
    return correction(request, infusion, form, do, words=words, done="Weight corrected.")


@login_required
@require_http_methods(["GET", "POST"])
def measured_level_strike(request: HttpRequest, code: str) -> HttpResponse:
    """Take a mistyped level out, also after signing."""
    level = get_level_for(the_user(request), code)
    infusion = get_infusion_for(the_user(request), level.infusion.code, action="infusion.amend")
    form = StrikeReasonForm(request.POST or None, infusion=infusion, zone=zone_of(infusion))

    def do(data: dict[str, Any]) -> object:
        return services.strike_measured_level(
            level=level, reason=data["reason"], by=the_user(request), expected_version=data["version"]
        )

    words = {
        "title": "Strike out a measured level",
        "subject": f"{level.ketamine_ng_ml} ng/mL",
        "button": "Strike this level out",
        "lede": "It stays readable. A therapy time that rested on it holds no longer.",
    }
    return correction(request, infusion, form, do, words=words, done="Level struck out.", event=level)


@login_required
@require_http_methods(["GET", "POST"])
def adverse_event_strike(request: HttpRequest, code: str) -> HttpResponse:
    """Take an adverse event out that was entered by mistake."""
    found = get_adverse_event_for(the_user(request), code)
    infusion = get_infusion_for(the_user(request), found.infusion.code, action="infusion.amend")
    form = StrikeReasonForm(request.POST or None, infusion=infusion, zone=zone_of(infusion))

    def do(data: dict[str, Any]) -> object:
        return services.strike_adverse_event(
            event=found, reason=data["reason"], by=the_user(request), expected_version=data["version"]
        )

    words = {
        "title": "Strike out an adverse event",
        "subject": services.ADVERSE_EVENTS.get(found.kind, found.kind),
        "button": "Strike this entry out",
        "lede": "For something that did not happen. What is over is marked as over on the record.",
    }
    return correction(request, infusion, form, do, words=words, done="Entry struck out.", event=found)


@login_required
@require_http_methods(["GET", "POST"])
def pump_log_move(request: HttpRequest, code: str) -> HttpResponse:
    """Move the whole log: the clock it was read from was wrong."""
    infusion = get_infusion_for(the_user(request), code, action="infusion.amend")
    form = MoveLogForm(request.POST or None, infusion=infusion, zone=zone_of(infusion))

    def do(data: dict[str, Any]) -> object:
        return services.move_pump_log(
            infusion=infusion,
            minutes=data["minutes"],
            reason=data["reason"],
            by=the_user(request),
            expected_version=data["version"],
        )

    words = {
        "title": "Move the whole pump log",
        "subject": "Every entry moves by the same number of minutes",
        "button": "Move the log",
        "lede": "For a clock that was wrong. Therapy time and follow-ups move with it.",
    }
    return correction(request, infusion, form, do, words=words, done="Pump log moved.")


def correction(
    request: HttpRequest,
    infusion: Infusion,
    form: RecordForm,
    do: Callable[[dict[str, Any]], object],
    *,
    words: dict[str, str],
    done: str,
    **extra: Any,
) -> HttpResponse:
    """GET shows the page; a valid POST does the act and goes back to the record."""
    if request.method == "POST" and form.is_valid():
        try:
            do(form.cleaned_data)
        except StaleVersion as refusal:
            extra["changes"] = take_new_version(form, infusion)
            form.add_refusal(refusal)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, done)
            return redirect("infusion_detail", code=infusion.code)
    status = form.error_status if form.is_bound else 200
    bound = {form.key: form} if form.is_bound else {}
    return show(
        request, reread(infusion), template="sessions/correction.html", status=status, bound=bound, form=form,
        words=words, **extra,
    )  # fmt: skip
