"""The eligibility checklist: a prescriber goes through it and signs, or takes the signature back."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from patients.access import get_patient_for
from patients.views.acts import Act, act_page
from protocols.models import ProtocolVersion
from protocols.signing import require_means_to_sign
from sessions import services
from sessions.access import get_eligibility_for
from sessions.forms.eligibility import EligibilityForm, EligibilityWithdrawForm
from sessions.services.eligibility import MEANING
from sessions.views.people import confirm_again, recently_confirmed
from sessions.views.record import the_user
from staff.access import require


@login_required
@reauthentication_required(enabled=lambda request: request.method == "GET")
@require_http_methods(["GET", "POST"])
def eligibility_sign(request: HttpRequest, code: str, version: str) -> HttpResponse:
    """Sign the checklist of this version for this patient."""
    user = the_user(request)
    require(user, "infusion.order")
    patient = get_patient_for(user, code, action="infusion.order")
    require_means_to_sign(user)
    text = (
        ProtocolVersion.objects.filter(code=version, status__in=ProtocolVersion.PUBLISHED)
        .select_related("template")
        .first()
    )
    if text is None:
        raise Http404("Not found.")
    lines = services.eligibility_lines(patient, text)
    zone = ZoneInfo(patient.site.time_zone)
    form = EligibilityForm(request.POST or None, lines=lines, zone=zone, patient_code=patient.code)
    if request.method == "POST" and form.is_valid() and not recently_confirmed(request):
        form.error_status = 403
        form.add_error(None, confirm_again(request))

    def do(data: dict[str, Any]) -> object:
        return services.sign_eligibility(
            patient=patient, version=text, answers=form.answers(), reason=data["reason"], by=user
        )

    act = Act(
        "Eligibility checklist",
        "Sign the checklist",
        "Eligibility signed: a series can be booked.",
        lede=f"{text}. A series starts only with it. {MEANING}",
    )
    signed = services.eligibility_in_force(patient, text)
    with timezone.override(zone):
        return act_page(
            request,
            patient,
            act,
            form,
            do,
            template="sessions/eligibility.html",
            signed=signed,
            version=text,
            absolute=[form[line.code] for line in lines if line.absolute],
            cautions=[form[line.code] for line in lines if not line.absolute],
            blocked=[line.known.label for line in lines if line.absolute and line.recorded],
        )


@login_required
@require_http_methods(["GET", "POST"])
def eligibility_withdraw(request: HttpRequest, code: str) -> HttpResponse:
    """A prescriber no longer stands by it."""
    user = the_user(request)
    signed = get_eligibility_for(user, code, action="infusion.order")
    patient = signed.patient
    form = EligibilityWithdrawForm(
        request.POST or None, zone=ZoneInfo(patient.site.time_zone), patient_code=patient.code
    )
    act = Act(
        "Withdraw the eligibility signature",
        "Withdraw the signature",
        "Withdrawn: nobody is checked in on it.",
        lede="No series is booked and nobody is checked in until a prescriber signs again. Therapy goes on.",
        danger=True,
    )

    def do(data: dict[str, Any]) -> object:
        return services.withdraw_eligibility(sign_off=signed, reason=data["reason"], by=user)

    return act_page(request, patient, act, form, do)
