"""The sign-off: a full page with two identifiers, what is missing, and what the signature means."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from protocols.signing import require_means_to_sign
from sessions import services
from sessions.access import get_infusion_for
from sessions.forms.sign_off import SignOffForm
from sessions.models import Infusion
from sessions.pages.sign_off import read_sign_off
from sessions.pages.words import zone_of
from sessions.services import SigningTerms
from sessions.services.estimates import current_sign_off
from sessions.services.sign_off import MEANING
from sessions.views.acting import reread, show, take_new_version
from sessions.views.people import confirmed_person, recently_confirmed
from sessions.views.record import the_user
from staff.clock import app_now
from staff.errors import DomainError, StaleVersion, StateConflict

REAUTHENTICATE = "account_reauthenticate"


@login_required
@reauthentication_required(enabled=lambda request: request.method == "GET")
@require_http_methods(["GET", "POST"])
def infusion_sign_off(request: HttpRequest, code: str) -> HttpResponse:
    """Sign the discharge, or sign again after a correction."""
    user = the_user(request)
    infusion = get_infusion_for(user, code, action="infusion.sign_off")
    require_means_to_sign(user)
    if (
        request.method == "POST"
        and infusion.status == Infusion.Status.SIGNED_OFF
        and "reason" not in request.POST
    ):
        return _signed_already(request, infusion)
    page = read_sign_off(infusion, app_now())
    if page.closed:
        raise StateConflict(page.closed, code=f"infusion-{infusion.status}")
    form = SignOffForm(
        request.POST or None, infusion=infusion, zone=zone_of(infusion), asks=page.asks, initial=page.initial
    )
    extra: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        if not recently_confirmed(request):
            form.error_status = 403
            form.add_error(None, _confirm_again(request))
        else:
            signed = _sign(request, infusion, form, extra)
            if signed is not None:
                return signed
    status = form.error_status if form.is_bound else 200
    return show(
        request, reread(infusion), template="sessions/sign_off.html", status=status, form=form, page=page,
        meaning=MEANING, bound={form.key: form} if form.is_bound else {}, **extra,
    )  # fmt: skip


def _signed_already(request: HttpRequest, infusion: Infusion) -> HttpResponse:
    """The form of a first signature for a record that is signed: sent twice, or by two people. Nothing is signed."""
    signature = current_sign_off(infusion)
    if signature is None or signature.signed_by_id != the_user(request).pk:
        name = signature.signed_name if signature else "somebody else"
        raise StateConflict(f"{name} has signed this record already.", code="signed")
    messages.success(request, f"Infusion visit {infusion.ordinal} is signed off.")
    return redirect("infusion_detail", code=infusion.code)


def _confirm_again(request: HttpRequest) -> ValidationError:
    """Signing needs the signer's own password of the last minutes; what was typed stays on this page."""
    link = format_html(
        'More than five minutes have passed: <a href="{}?next={}" target="_blank" rel="opener">confirm your password '
        "in a new tab</a>, then sign here. What you typed is kept, except passwords.",
        reverse(REAUTHENTICATE),
        request.path,
    )
    return ValidationError(link, code="confirm-again")


def _sign(
    request: HttpRequest, infusion: Infusion, form: SignOffForm, extra: dict[str, Any]
) -> HttpResponse | None:
    data = form.cleaned_data
    user = the_user(request)
    try:
        terms = _terms(request, data)
        if infusion.status == Infusion.Status.SIGNED_OFF:
            services.amend_sign_off(
                infusion=infusion,
                by=user,
                reason=data["reason"],
                terms=terms,
                expected_version=data["version"],
            )
        else:
            services.sign_off(infusion=infusion, by=user, terms=terms, expected_version=data["version"])
    except StaleVersion as refusal:
        extra["changes"] = take_new_version(form, infusion)
        form.add_refusal(refusal)
    except DomainError as refusal:
        form.add_refusal(refusal, {"second_person": "second_email"})
    else:
        messages.success(request, f"Infusion visit {infusion.ordinal} is signed off.")
        return redirect("infusion_detail", code=infusion.code)
    return None


def _terms(request: HttpRequest, data: dict[str, Any]) -> SigningTerms:
    opens = {"yes": True, "no": False}.get(data.get("opens_window") or "")
    return SigningTerms(
        unmet_reason=data.get("unmet_reason", ""),
        second_person=confirmed_person(request, data["second_email"], data["second_password"]),
        late_reason=data.get("late_reason", ""),
        opens_window=opens,
        no_window_reason=data.get("no_window_reason", ""),
        override_to=data.get("override_to"),
        override_code=data.get("override_code", ""),
        override_reason=data.get("override_reason", ""),
        stated_delay_hours=data.get("stated_delay_hours"),
        stated_delay_reason=data.get("stated_delay_reason", ""),
    )
