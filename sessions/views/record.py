"""The record page, and its acts before the start: weight, checks, order, not given."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from sessions import services
from sessions.access import get_infusion_for
from sessions.forms.record import CheckForm, NotGivenForm, OrderForm, SecondWeightForm, WeightForm
from sessions.models import Infusion
from sessions.pages.words import zone_of
from sessions.views.acting import act, show
from sessions.views.people import confirmed_person
from staff.models import User


def the_user(request: HttpRequest) -> User:
    """The person signed in, as our own class."""
    return cast("User", request.user)


def sent(
    request: HttpRequest, code: str, form: type[Any], action: str = "infusion.record"
) -> tuple[Infusion, Any]:
    """The record and the form that was sent for it. Raises PermissionDenied or Http404."""
    infusion = get_infusion_for(the_user(request), code, action=action)
    return infusion, form(request.POST, infusion=infusion, zone=zone_of(infusion))


@login_required
@require_GET
def infusion_detail(request: HttpRequest, code: str) -> HttpResponse:
    """The record of one infusion."""
    return show(request, get_infusion_for(the_user(request), code))


@login_required
@require_GET
def infusion_live(request: HttpRequest, code: str) -> HttpResponse:
    """What moves by itself: times, pump progress, advice, chart. Holds no form, so polling loses nothing
    typed.
    """
    return show(request, get_infusion_for(the_user(request), code), template="sessions/_live.html")


@login_required
@require_POST
def infusion_weight(request: HttpRequest, code: str) -> HttpResponse:
    """Today's weight."""
    infusion, form = sent(request, code, WeightForm)

    def do(data: dict[str, Any]) -> Infusion:
        return services.record_weight(
            infusion=infusion,
            weight_kg=data["weight_kg"],
            height_cm=data.get("height_cm"),
            by=the_user(request),
            expected_version=data["version"],
        )

    def words(fresh: Infusion) -> str:
        return "Saved. Weigh a second time." if services.needs_second_weighing(fresh) else "Weight saved."

    return act(request, infusion, form, do, done=words)


@login_required
@require_POST
def infusion_weight_confirm(request: HttpRequest, code: str) -> HttpResponse:
    """The second weighing, made without seeing the first."""
    infusion, form = sent(request, code, SecondWeightForm)

    def do(data: dict[str, Any]) -> Infusion:
        return services.confirm_weight(
            infusion=infusion,
            weight_kg=data["weight_kg"],
            by=the_user(request),
            expected_version=data["version"],
        )

    def words(fresh: Infusion) -> str:
        return (
            "Weight confirmed." if fresh.weight_kg is not None else "The two weighings differ. Weigh again."
        )

    return act(request, infusion, form, do, done=words, warns=lambda fresh: fresh.weight_kg is None)


@login_required
@require_POST
def infusion_check(request: HttpRequest, code: str) -> HttpResponse:
    """One answer before the start."""
    infusion, form = sent(request, code, CheckForm)

    def do(data: dict[str, Any]) -> object:
        return services.record_check(
            infusion=infusion,
            kind=data["kind"],
            outcome=data["outcome"],
            note=data["note"],
            reason_code=data["reason_code"],
            ate_at=data["ate_at"],
            drank_at=data["drank_at"],
            by=the_user(request),
            expected_version=data["version"],
        )

    return act(request, infusion, form, do, done="Check saved.")


@login_required
@require_POST
def infusion_order(request: HttpRequest, code: str) -> HttpResponse:
    """The prescriber's signed order."""
    infusion, form = sent(request, code, OrderForm, action="infusion.order")

    def do(data: dict[str, Any]) -> Infusion:
        second = confirmed_person(request, data["second_email"], data["second_password"])
        return services.sign_order(
            infusion=infusion,
            ordered_mg=data["ordered_mg"],
            bag_mg_per_ml=data["bag_mg_per_ml"],
            cosigned_by=second,
            shape=form.shape,
            by=the_user(request),
            expected_version=data["version"],
        )

    names = {"co_signed_by": "second_email", "cosigned_by": "second_email", "mg_per_ml": "bag_mg_per_ml"}
    return act(request, infusion, form, do, done="Order signed.", names=names)


@login_required
@require_POST
def infusion_not_given(request: HttpRequest, code: str) -> HttpResponse:
    """Close a record whose pump never ran."""
    infusion, form = sent(request, code, NotGivenForm)

    def do(data: dict[str, Any]) -> Infusion:
        return services.mark_not_given(
            infusion=infusion, reason=form.words, by=the_user(request), expected_version=data["version"]
        )

    return act(request, infusion, form, do, done="Closed as not given.")
