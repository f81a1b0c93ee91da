"""Acts at the chair: the pump, vitals, criteria, levels, adverse events."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from sessions import services
from sessions.access import get_adverse_event_for, get_vitals_for
from sessions.forms.record import (
    PUMP_FORMS,
    ActForm,
    AdverseEventForm,
    BaselineForm,
    CriterionForm,
    DelayForm,
    LevelForm,
    PumpForm,
    VitalsForm,
)
from sessions.models import PumpEvent
from sessions.pages.words import pump_words, zone_of
from sessions.views.acting import act
from sessions.views.record import sent, the_user

NEVER_STALE = frozenset({PumpEvent.Kind.STOP, PumpEvent.Kind.PAUSE})


@login_required
@require_POST
def infusion_pump(request: HttpRequest, code: str) -> HttpResponse:
    """One line of the pump log. An empty time is now.

    A stop or a pause is taken from a stale page, too: what a colleague added meanwhile is no reason to refuse it, and
    the log itself refuses what cannot follow on it.
    """
    panel = PUMP_FORMS.get(request.POST.get("panel", ""), PumpForm)
    infusion, form = sent(request, code, panel)

    def do(data: dict[str, Any]) -> PumpEvent:
        return services.record_pump_event(
            infusion=infusion,
            kind=data["kind"],
            observed_at=data["observed_at"],
            rate_mg_per_min=data["rate_mg_per_min"],
            bolus_mg=data["bolus_mg"],
            reason=data["reason"],
            reason_code=data["reason_code"],
            by=the_user(request),
            expected_version=None if data["kind"] in NEVER_STALE else data["version"],
        )

    def words(event: PumpEvent) -> str:
        at = event.observed_at.astimezone(zone_of(infusion))
        return f"{pump_words(infusion, event)} at {at:%H:%M}."

    return act(request, infusion, form, do, done=words, names={"rate_mg_per_min": "rate"})


@login_required
@require_POST
def infusion_vitals(request: HttpRequest, code: str) -> HttpResponse:
    """One reading."""
    infusion, form = sent(request, code, VitalsForm)

    def do(data: dict[str, Any]) -> object:
        numbers = {
            name: data[name] for name in ("systolic", "diastolic", "heart_rate", "spo2", "moaas", "cadss6")
        }
        return services.record_vitals(
            infusion=infusion,
            observed_at=data["observed_at"],
            note=data["note"],
            by=the_user(request),
            expected_version=data["version"],
            **numbers,
        )

    return act(request, infusion, form, do, done="Vitals saved.")


@login_required
@require_POST
def vitals_strike(request: HttpRequest, code: str) -> HttpResponse:
    """Take a mistyped reading out."""
    vitals = get_vitals_for(the_user(request), code)
    infusion, form = sent(request, str(vitals.infusion.code), ActForm)

    def do(data: dict[str, Any]) -> object:
        return services.withdraw_vitals(vitals=vitals, by=the_user(request), expected_version=data["version"])

    return act(request, infusion, form, do, done="Reading struck out.")


@login_required
@require_POST
def infusion_criterion(request: HttpRequest, code: str) -> HttpResponse:
    """One discharge criterion."""
    infusion, form = sent(request, code, CriterionForm)

    def do(data: dict[str, Any]) -> object:
        return services.record_criterion(
            infusion=infusion,
            criterion=data["criterion"],
            outcome="" if data["value"] else data["outcome"],
            value=data["value"],
            detail=data["detail"],
            observed_at=data["observed_at"],
            by=the_user(request),
            expected_version=data["version"],
        )

    return act(request, infusion, form, do, done="Criterion saved.")


@login_required
@require_POST
def infusion_baseline(request: HttpRequest, code: str) -> HttpResponse:
    """How something is before the start."""
    infusion, form = sent(request, code, BaselineForm)

    def do(data: dict[str, Any]) -> object:
        return services.record_baseline(
            infusion=infusion,
            criterion=data["criterion"],
            value=data["value"],
            by=the_user(request),
            expected_version=data["version"],
        )

    return act(request, infusion, form, do, done="Saved.")


@login_required
@require_POST
def infusion_delay(request: HttpRequest, code: str) -> HttpResponse:
    """The delay a prescriber states."""
    infusion, form = sent(request, code, DelayForm, action="infusion.order")

    def do(data: dict[str, Any]) -> object:
        return services.state_delay(
            infusion=infusion,
            hours=data["stated_delay_hours"],
            reason=data["stated_delay_reason"],
            by=the_user(request),
            expected_version=data["version"],
        )

    return act(request, infusion, form, do, done="Delay saved. The estimate includes it.")


@login_required
@require_POST
def infusion_level(request: HttpRequest, code: str) -> HttpResponse:
    """A plasma level from the laboratory."""
    infusion, form = sent(request, code, LevelForm)

    def do(data: dict[str, Any]) -> object:
        return services.record_measured_level(
            infusion=infusion,
            ketamine_ng_ml=data["ketamine_ng_ml"],
            observed_at=data["observed_at"],
            by=the_user(request),
            expected_version=data["version"],
        )

    return act(request, infusion, form, do, done="Level saved.")


@login_required
@require_POST
def infusion_adverse_event(request: HttpRequest, code: str) -> HttpResponse:
    """Something untoward."""
    infusion, form = sent(request, code, AdverseEventForm)

    def do(data: dict[str, Any]) -> object:
        return services.record_adverse_event(
            infusion=infusion,
            kind=data["kind"],
            severity=data["severity"],
            note=data["note"],
            pauses_later=data["pauses_later"],
            observed_at=data["observed_at"],
            by=the_user(request),
            expected_version=data["version"],
        )

    return act(request, infusion, form, do, done="Adverse event saved.")


@login_required
@require_POST
def adverse_event_resolve(request: HttpRequest, code: str) -> HttpResponse:
    """Say that an adverse event is over."""
    event = get_adverse_event_for(the_user(request), code)
    infusion, form = sent(request, str(event.infusion.code), ActForm)

    def do(data: dict[str, Any]) -> object:
        return services.resolve_adverse_event(event=event, by=the_user(request))

    return act(request, infusion, form, do, done="Marked as over.")
