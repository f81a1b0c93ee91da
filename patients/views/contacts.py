"""How the patient may be written to."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from patients import services
from patients.access import get_contact_point_for, get_patient_for
from patients.contact import QUIET_FROM, QUIET_UNTIL
from patients.forms import ContactPointForm, QuietHoursForm, VerifyForm, VersionForm
from patients.models import ContactPoint
from patients.views.acts import Act, act_page, posted
from staff.errors import InvalidInput
from staff.models import User


@require_http_methods(["GET", "POST"])
@login_required
def contact_new(request: HttpRequest, code: str) -> HttpResponse:
    """Add an address."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    form = ContactPointForm(
        posted(request),
        patient_code=patient.code,
        representatives=patient.representatives.filter(ended_at__isnull=True),
        external=patient.external_therapist,
    )
    act = Act(
        "Add contact details",
        "Add these contact details",
        "Added. Verify the address before it can be used.",
        lede="An address is used only when it is verified and whoever has it has agreed to messages.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.add_contact_point(
            patient=patient,
            channel=data["channel"],
            address=data["address"],
            preferred=data["preferred"],
            whose=data["whose"],
            person_name=data["person_name"],
            patient_agrees=data["patient_agrees"],
            representative=form.chosen_representative,
            external=form.external if data["whose"] == ContactPoint.Whose.EXTERNAL else None,
            by=user,
        )

    return act_page(request, patient, act, form, do)


@require_http_methods(["GET", "POST"])
@login_required
def contact_verify(request: HttpRequest, code: str) -> HttpResponse:
    """Type the address again as the patient reads it back."""
    user = cast("User", request.user)
    point = get_contact_point_for(user, code)
    form = VerifyForm(posted(request), version=point.version, patient_code=point.patient.code)
    act = Act(
        "Verify contact details",
        "Verify this address",
        "Verified.",
        lede=f"{point.get_channel_display()}: ask {_whose(point)} to read it to you. It is not shown here.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.verify_contact_point(
            contact_point=point,
            address_again=data["address_again"],
            expected_version=data["version"],
            by=user,
        )

    return act_page(request, point.patient, act, form, do)


@require_POST
@login_required
def contact_consent(request: HttpRequest, code: str) -> HttpResponse:
    """The patient agrees to messages to this address."""
    user = cast("User", request.user)
    point = get_contact_point_for(user, code)
    services.consent_contact_point(contact_point=point, expected_version=_version(request), by=user)
    messages.success(request, "Consent to messages recorded.")
    return redirect("patient_detail", code=point.patient.code)


@require_POST
@login_required
def contact_prefer(request: HttpRequest, code: str) -> HttpResponse:
    """Use this address first."""
    user = cast("User", request.user)
    point = get_contact_point_for(user, code)
    services.set_preferred(contact_point=point, expected_version=_version(request), by=user)
    messages.success(request, "This address is used first from now on.")
    return redirect("patient_detail", code=point.patient.code)


@require_POST
@login_required
def contact_opt_out(request: HttpRequest, code: str) -> HttpResponse:
    """No more messages to this address: accepted at every moment, whatever the page's version."""
    user = cast("User", request.user)
    point = get_contact_point_for(user, code)
    services.opt_out(contact_point=point, by=user)
    messages.success(request, "Opted out. No more messages go to this address.")
    return redirect("patient_detail", code=point.patient.code)


@require_http_methods(["GET", "POST"])
@login_required
def quiet_hours_edit(request: HttpRequest, code: str) -> HttpResponse:
    """Hours without messages."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    known = getattr(patient, "contact_preference", None)
    starts = {
        "quiet_from": known.quiet_from if known else QUIET_FROM,
        "quiet_until": known.quiet_until if known else QUIET_UNTIL,
    }
    form = QuietHoursForm(posted(request), initial=starts, patient_code=patient.code)
    act = Act(
        "Quiet hours",
        "Save the quiet hours",
        "Quiet hours saved.",
        lede=f"In the patient's time zone, {patient.time_zone}. Longer than the clinic's, never shorter.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.set_quiet_hours(
            patient=patient, quiet_from=data["quiet_from"], quiet_until=data["quiet_until"], by=user
        )

    return act_page(request, patient, act, form, do)


@require_POST
@login_required
def messages_hold(request: HttpRequest, code: str) -> HttpResponse:
    """Stop all automatic messages of this patient."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    services.hold_messages(patient=patient, by=user)
    messages.success(request, "Automatic messages are stopped for this patient.")
    return redirect("patient_detail", code=patient.code)


@require_POST
@login_required
def messages_release(request: HttpRequest, code: str) -> HttpResponse:
    """Let automatic messages go out again."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    services.release_messages(patient=patient, by=user)
    messages.success(request, "Automatic messages go out again.")
    return redirect("patient_detail", code=patient.code)


def _whose(point: ContactPoint) -> str:
    """Who has to read it back."""
    if point.external_therapist is not None:
        return f"{point.external_therapist.name} (call them back)"
    return point.person_name or "the patient"


def _version(request: HttpRequest) -> int:
    """The version that the page showed. Raises InvalidInput when it is missing or cut short."""
    form = VersionForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("The page was incomplete. Open it again and repeat the step.", field="version")
    return int(form.cleaned_data["version"])
