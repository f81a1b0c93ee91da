"""Pages of the patient's therapist outside the clinic: recorded, ended; the release signed, revoked."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from patients import services
from patients.access import get_patient_for, get_release_for
from patients.forms import ExternalTherapistForm, ReleaseForm, RevokeForm
from patients.models import ExternalTherapist
from patients.views.acts import Act, act_page, posted
from staff.forms import ClinicalForm
from staff.models import User


@require_http_methods(["GET", "POST"])
@login_required
def external_new(request: HttpRequest, code: str) -> HttpResponse:
    """Record who gives therapy outside."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    people = ExternalTherapist.objects.filter(site=patient.site_id).exclude(patients=patient)
    form = ExternalTherapistForm(posted(request), people=people, patient_code=patient.code)
    before = patient.external_therapist
    told = f" {before.name} is told once that times they have no longer stand." if before else ""
    act = Act(
        "Therapist outside the clinic",
        "Save the outside therapist",
        "Saved. Record the release of information and an address next.",
        lede="The patient's own therapist, who has no sign-in here. Therapy after infusions is with them: no time is "
        f"booked here, and they are told times by link once the patient has signed a release.{told}",
    )

    def do(data: dict[str, Any]) -> object:
        return services.record_external(
            patient=patient, known=form.chosen, name=data["name"], practice=data["practice"],
            jurisdiction=data["jurisdiction"], licence_number=data["licence_number"], by=user,
        )  # fmt: skip

    return act_page(request, patient, act, form, do)


@require_http_methods(["GET", "POST"])
@login_required
def external_end(request: HttpRequest, code: str) -> HttpResponse:
    """Therapy is at the clinic again."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    if patient.external_therapist is None and request.method == "GET":
        raise Http404("Not found.")
    name = patient.external_therapist.name if patient.external_therapist else "the outside therapist"
    act = Act(
        "Therapy is at the clinic again",
        "End therapy outside",
        "Ended: therapy is booked here again, and nothing more goes outside.",
        lede=f"The release ends, so {name} is told nothing more, not even that times they have no longer stand: ask "
        "the patient to tell them. What was reported stays.",
        danger=True,
    )
    form = ClinicalForm(posted(request), patient_code=patient.code)
    return act_page(request, patient, act, form, lambda _: services.end_external(patient=patient, by=user))


@require_http_methods(["GET", "POST"])
@login_required
def release_new(request: HttpRequest, code: str) -> HttpResponse:
    """The patient has signed a release of information to the outside therapist."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    therapist = patient.external_therapist
    if therapist is None:
        raise Http404("Not found.")
    form = ReleaseForm(posted(request), patient_code=patient.code)
    act = Act(
        "Release of information",
        "Save the release",
        "Release saved.",
        lede=f"To {therapist.name}: times only, never diagnosis, treatment or record. The patient can take it back at "
        "every moment.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.record_release(
            patient=patient, therapist=therapist, signed_on=data["signed_on"], shown_as=data["shown_as"],
            valid_until=data["valid_until"], by=user,
        )  # fmt: skip

    return act_page(request, patient, act, form, do)


@require_http_methods(["GET", "POST"])
@login_required
def release_revoke(request: HttpRequest, code: str) -> HttpResponse:
    """The patient takes it back: accepted at every moment."""
    user = cast("User", request.user)
    release = get_release_for(user, code)
    form = RevokeForm(posted(request), patient_code=release.patient.code)
    act = Act(
        f"Revoke the release to {release.therapist.name}",
        "Revoke the release",
        "Revoked. Nothing more is sent, and links that were sent show nothing.",
        lede="At once: messages that wait are not sent, and links that were sent show nothing any more. Nobody tells "
        "the therapist so, because that too would say that the patient is treated here.",
        danger=True,
    )
    return act_page(
        request, release.patient, act, form,
        lambda data: services.revoke_release(release=release, reason=data["reason"], by=user),
    )  # fmt: skip
