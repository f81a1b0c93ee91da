"""What is known from before: contraindications and earlier treatment."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from patients import services
from patients.access import get_contraindication_for, get_patient_for
from patients.contraindications import label
from patients.forms import ContraindicationForm, ExposureForm, ResolveForm
from patients.views.acts import Act, act_page, posted
from staff.models import User


@require_http_methods(["GET", "POST"])
@login_required
def contraindication_new(request: HttpRequest, code: str) -> HttpResponse:
    """Record what speaks against treatment."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    form = ContraindicationForm(posted(request), patient_code=patient.code)
    act = Act(
        "Record a contraindication",
        "Record the contraindication",
        "Contraindication recorded.",
        lede="It stays in the record. One that no longer applies is closed with a reason.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.record_contraindication(
            patient=patient, kind=data["kind"], severity=data["severity"], note=data["note"], by=user
        )

    return act_page(request, patient, act, form, do)


@require_http_methods(["GET", "POST"])
@login_required
def contraindication_resolve(request: HttpRequest, code: str, kind: str) -> HttpResponse:
    """Close a contraindication that no longer applies."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    item = get_contraindication_for(user, patient, kind)
    form = ResolveForm(posted(request), patient_code=patient.code)
    act = Act(
        f"Close: {label(item.kind)}",
        "Close this contraindication",
        "Contraindication closed.",
        lede="The entry stays in the record with your name and reason.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.resolve_contraindication(contraindication=item, reason=data["reason"], by=user)

    return act_page(request, patient, act, form, do)


@require_http_methods(["GET", "POST"])
@login_required
def exposure_new(request: HttpRequest, code: str) -> HttpResponse:
    """Record ketamine or esketamine given elsewhere."""
    user = cast("User", request.user)
    patient = get_patient_for(user, code, action="patient.edit")
    form = ExposureForm(posted(request), patient_code=patient.code)
    act = Act(
        "Record earlier treatment",
        "Record the earlier treatment",
        "Earlier treatment recorded.",
        lede="Ketamine or esketamine given elsewhere. It counts in numbering, gaps and lifetime exposure.",
    )

    def do(data: dict[str, Any]) -> object:
        given = {name: data[name] for name in ("route", "count", "first_on", "last_on", "total_mg", "source")}
        return services.record_prior_exposure(patient=patient, by=user, **given)

    return act_page(request, patient, act, form, do)
