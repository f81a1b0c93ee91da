"""Pages of legal representatives: one is recorded, one is ended."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from patients import services
from patients.access import get_patient_for, get_representative_for
from patients.forms import RepresentativeEndForm, RepresentativeForm
from patients.views.acts import Act, act_page, posted
from staff.models import User


@require_http_methods(["GET", "POST"])
@login_required
def representative_new(request: HttpRequest, code: str) -> HttpResponse:
    """Record who may sign for the patient."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    form = RepresentativeForm(posted(request), patient_code=patient.code)
    act = Act(
        "Legal representative",
        "Save the representative",
        "Legal representative saved.",
        lede="For an adult who cannot decide alone. They can sign consent and be written to; "
        "the patient is still asked.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.record_representative(
            patient=patient,
            name=data["name"],
            relationship=data["relationship"],
            authority=data["authority"],
            by=user,
        )

    return act_page(request, patient, act, form, do)


@require_http_methods(["GET", "POST"])
@login_required
def representative_end(request: HttpRequest, code: str) -> HttpResponse:
    """They no longer sign for the patient."""
    user = cast("User", request.user)
    row = get_representative_for(user, code)
    form = RepresentativeEndForm(posted(request), patient_code=row.patient.code)
    act = Act(
        f"End: {row.name}",
        "End the representation",
        "Ended: no consent is signed by them, no message goes to them.",
        lede="What they signed stands until it is withdrawn or runs out.",
        danger=True,
    )

    def do(data: dict[str, Any]) -> object:
        return services.end_representative(representative=row, reason=data["reason"], by=user)

    return act_page(request, row.patient, act, form, do)
