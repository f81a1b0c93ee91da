"""One way to show a form that does one thing to one patient, and to answer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from patients.models import Patient
from patients.presenting import banner, local_day
from staff.clock import app_now
from staff.errors import DomainError
from staff.forms import ClinicalForm


@dataclass(frozen=True)
class Act:
    """What the page says: `title` heads it, `button` names the act, `done` is the flash line."""

    title: str
    button: str
    done: str
    lede: str = ""
    danger: bool = False


def posted(request: HttpRequest) -> QueryDict | None:
    """What was sent, also when it is empty; None when the form is only being opened."""
    return request.POST if request.method == "POST" else None


def answer_status(form: ClinicalForm) -> int:
    """200 for a form that is only opened; for one that was refused 409 or 412 where that is why, else 422."""
    if not form.is_bound:
        return 200
    return form.error_status if form.error_status in (409, 412) else 422


def act_page(
    request: HttpRequest,
    patient: Patient,
    act: Act,
    form: ClinicalForm,
    do: Callable[[dict[str, Any]], object],
    *,
    template: str = "patients/act.html",
    **extra: Any,
) -> HttpResponse:
    """GET shows the form; a valid POST does the act and goes back to the patient; a refusal shows the form
    again.
    """
    if request.method == "POST" and form.is_valid():
        try:
            do(form.cleaned_data)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, act.done)
            return redirect("patient_detail", code=patient.code)
    context = {
        "patient": patient,
        "banner": banner(patient, today=local_day(patient, app_now())),
        "act": act,
        "form": form,
        "back_url": reverse("patient_detail", args=[patient.code]),
        **extra,
    }
    return render(request, template, context, status=answer_status(form))
